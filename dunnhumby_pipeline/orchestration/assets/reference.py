"""The reference study's setting beside ours."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step


@step(settings=("confidence", "segmentation.treatment"))
def describe_reference(
    customer_features: pd.DataFrame,
    household_status: pd.DataFrame,
    segments: pd.DataFrame,
    factor_loadings: pd.DataFrame,
    reference_segments: pd.DataFrame,
    reference_loadings: pd.DataFrame,
    segment_scoreboard: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Who is in the segments of the reference study's setting, and how it does beside ours."""
    from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError
    from dunnhumby_pipeline.segmentation.profiles.profiles import ProfileError
    from dunnhumby_pipeline.segmentation.profiles.reference import Setting, beside_reference

    ours = Setting(segments, factor_loadings, study.settings.segmentation.treatment)
    theirs = Setting(reference_segments, reference_loadings)
    confidence = study.settings.confidence
    with refusing(ProfileError, MatrixError):
        found = beside_reference(customer_features, household_status, ours, theirs, segment_scoreboard, confidence)
    yield from outputs("describe_reference", found)
