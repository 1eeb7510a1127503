"""Where each household stands."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step


@step(settings=("status",))
def rate_households(
    customer_features: pd.DataFrame, customer_lifetime_value: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """Value tier, stage and habit with discounts of every household: the one place where they are told."""
    from dunnhumby_pipeline.segmentation.lifetime.status import StatusError, household_status

    with refusing(StatusError):
        found = household_status(customer_features, customer_lifetime_value, study.settings.status)
    yield from outputs("rate_households", {"household_status": found})
