"""Whether the list decides alike for households that differ in what is known of them. One partition per type."""

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


@step(settings=("confidence",))
def compare_demographics(
    targeting_list: pd.DataFrame, demographics: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """What the list decides by demographic group, against the other groups."""
    from dunnhumby_pipeline.targeting.demographics import decisions_by_demographics

    return decisions_by_demographics(targeting_list, demographics, study.settings.confidence)
