"""What earlier experiments of a home say of a campaign type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.orchestration.platform.resources import Study

if TYPE_CHECKING:
    from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
    from dunnhumby_pipeline.targeting.lessons import Lesson


def learnt(
    study: Study, campaign_type: str, negative_controls: pd.DataFrame
) -> tuple[BiasAllowance, tuple[Lesson, ...]]:
    """The allowance for systematic error of an effect on spend ($), from placebos and experiments of other types, and
    what experiments of this type found.
    """
    from dunnhumby_pipeline.causal.doubts.bias_allowance import allowance_from
    from dunnhumby_pipeline.experiments.ledger import results
    from dunnhumby_pipeline.targeting.lessons import lessons, of_other_types

    past, scale = results(study.home.ledger), study.settings.sensitivity.bias_scale
    return allowance_from(negative_controls, scale, of_other_types(past, campaign_type)), lessons(past, campaign_type)
