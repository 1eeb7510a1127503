"""Everything that describes segments, from one fit: profiles, departments, demographics, needs, advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.engine.frames import Relation
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import pareto_curve
from dunnhumby_pipeline.segmentation.needs.needs import segment_needs
from dunnhumby_pipeline.segmentation.profiles.assignment import assignment_by_value
from dunnhumby_pipeline.segmentation.profiles.departments import segment_department_sales, segment_departments
from dunnhumby_pipeline.segmentation.profiles.profiles import (
    SPEND,
    demographic_tests,
    segment_demographics,
    segment_features,
    segment_profiles,
)
from dunnhumby_pipeline.settings import Settings


@dataclass(frozen=True)
class Fitted:
    """What is described: features and status of each household, and the segments, factors and needs of a study."""

    features: pd.DataFrame
    segments: pd.DataFrame
    household_status: pd.DataFrame
    factor_loadings: pd.DataFrame
    household_needs: pd.DataFrame


def describe(
    fitted: Fitted,
    demographics: pd.DataFrame,
    tables: Mapping[str, Relation],
    settings: Settings,
) -> dict[str, pd.DataFrame]:
    """The tables that describe segments, by name; columns as in the functions of the same names.

    `tables`: at least transactions and products. segment_profiles has the leading_need of each segment as well
    (`needs.segment_needs`). Raises ProfileError as those functions do.
    """
    features, segments = fitted.features, fitted.segments
    profiles = segment_profiles(features, segments, fitted.household_status)
    used = list(fitted.factor_loadings["feature"].unique())
    means = segment_features(features, segments, used, settings.confidence)
    leading = segment_needs(fitted.household_needs, segments)
    sales = segment_department_sales(tables["transactions"], tables["products"], segments, settings.engine)
    return {
        "segment_profiles": profiles.assign(leading_need=profiles["segment"].map(leading)),
        "segment_features": means,
        "segment_demographics": segment_demographics(demographics, segments),
        "demographic_tests": demographic_tests(demographics, segments),
        "assignment_by_value": assignment_by_value(features, demographics, fitted.household_status, segments),
        "segment_departments": segment_departments(sales, settings.profile.min_department_share),
        "pareto_curve": pareto_curve(features[SPEND].to_numpy(dtype=float)),
    }
