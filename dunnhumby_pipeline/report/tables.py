"""What the report reads: the tables of a study, any of which a blocked run may leave out."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pandas as pd

from dunnhumby_pipeline.targeting import economics, recommendations

# The columns that the report reads; a table may have more.
COLUMNS: dict[str, tuple[str, ...]] = {
    "segments": ("household_key", "segment", "segment_name", "stability"),
    "segment_stability": ("start", "replicate", "ari"),
    "factor_loadings": ("factor", "feature", "loading"),
    "factor_selection": ("n_factors", "pooled_r2", "centred_r2", "reconstruction_error"),
    "first_campaign_cohort": ("household_key", "campaign", "treated", "index_day", "outcome_end", "redeemed"),
    "propensity": ("campaign", "treated", "propensity"),
    "overlap_diagnostics": ("wave", "auc", "share_in_overlap", "ess_treated", "ess_control"),
    "covariate_balance": ("covariate", "weighting", "smd"),
    "average_effects": (
        "outcome",
        "estimator",
        "estimand",
        "population",
        "wave",
        "estimate",
        "ci_lower",
        "ci_upper",
        "n_trials",
        "n_households",
    ),
    "cate_models": ("model", "fold", "r_loss", "gain_over_constant", "gain_se", "chosen"),
    "cate_estimates": ("household_key", "campaign", "cate"),
    "campaign_economics": tuple(economics.COLUMNS),
    "policy_value": (
        "policy",
        "share_targeted",
        "value",
        "ci_lower",
        "ci_upper",
        "claimed_value",
        "roi",
        "n_trials",
        "chosen",
    ),
    "roi_curve": ("share_targeted", "value", "ci_lower", "ci_upper"),
    "targeting_list": tuple(recommendations.COLUMNS),
}
CHECK_COLUMNS = ("asset", "check", "status", "blocking", "message")
CHECK_ORDER = ("fail", "warn", "not run", "pass")


@dataclass(frozen=True)
class StudyTables:
    """The tables of one study; None, or a table without rows, is one that was not built.

    ValueError, naming table and column, when a table lacks a column that the report reads.
    """

    segments: pd.DataFrame | None = None
    segment_stability: pd.DataFrame | None = None
    factor_loadings: pd.DataFrame | None = None
    factor_selection: pd.DataFrame | None = None
    first_campaign_cohort: pd.DataFrame | None = None
    propensity: pd.DataFrame | None = None
    overlap_diagnostics: pd.DataFrame | None = None
    covariate_balance: pd.DataFrame | None = None
    average_effects: pd.DataFrame | None = None
    cate_models: pd.DataFrame | None = None
    cate_estimates: pd.DataFrame | None = None
    campaign_economics: pd.DataFrame | None = None
    policy_value: pd.DataFrame | None = None
    roi_curve: pd.DataFrame | None = None
    targeting_list: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            frame = getattr(self, field.name)
            if frame is None:
                continue
            missing = [column for column in COLUMNS[field.name] if column not in frame.columns]
            if missing:
                raise ValueError(f"{field.name} lacks the column(s) {', '.join(missing)}")
            if frame.empty:
                object.__setattr__(self, field.name, None)


def ordered_checks(checks: pd.DataFrame) -> pd.DataFrame:
    """Checks with what needs reading first: fail, warn, not run, pass; within a state as given."""
    missing = [column for column in CHECK_COLUMNS if column not in checks.columns]
    if missing:
        raise ValueError(f"checks lacks the column(s) {', '.join(missing)}")
    unknown = sorted(set(checks["status"]) - set(CHECK_ORDER))
    if unknown:
        raise ValueError(f"checks has the unknown status {', '.join(unknown)}; known are {', '.join(CHECK_ORDER)}")
    rank = checks["status"].map(CHECK_ORDER.index)
    return checks.iloc[rank.argsort(kind="stable")]
