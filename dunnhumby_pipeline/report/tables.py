"""What the report reads: the tables of a study, any of which a blocked run may leave out."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pandas as pd

from dunnhumby_pipeline.targeting import economics, recommendations

# The columns that the report reads; a table may have more.
COLUMNS: dict[str, tuple[str, ...]] = {
    "segments": ("household_key", "segment", "segment_name", "stability"),
    "segment_profiles": (
        "segment",
        "segment_name",
        "n_households",
        "share",
        "revenue",
        "revenue_share",
        "spend_mean",
        "value_tier",
        "recency_median",
        "active_4w",
    ),
    "segment_playbook": ("segment", "segment_name", "priority", "strategy", "action", "avoid"),
    "segment_features": (
        "segment",
        "feature",
        "mean",
        "z_score",
        "overall_mean",
        "eta_squared",
        "role",
    ),
    "segment_departments": ("segment", "department", "lift", "lift_rank"),
    "segment_demographics": ("segment", "attribute", "answer", "n", "share", "coverage", "answered"),
    "value_need": (
        "clv_tier",
        "need",
        "n_households",
        "share",
        "revenue",
        "revenue_share",
        "clv_mean",
        "discount_rate",
        "offer",
    ),
    "pareto_curve": ("share_of_households", "share_of_revenue", "gini"),
    "segment_lifetime_value": (
        "segment",
        "clv_mean",
        "ci_lower",
        "ci_upper",
        "clv_share",
        "share_high",
        "share_mid",
        "share_low",
    ),
    "clv_validation": (
        "target",
        "forecast",
        "n_households",
        "mae",
        "mae_against_naive",
        "ci_lower",
        "ci_upper",
        "verdict",
        "n_new",
        "new_spend_share",
    ),
    "clv_calibration": ("target", "forecast", "mean_forecast", "mean_actual", "ci_lower", "ci_upper"),
    "segment_stability": ("start", "replicate", "ari"),
    "segment_jaccard": ("segment", "mean_jaccard", "lowest_jaccard", "dissolved", "recovered"),
    "segment_migration": ("from_period", "to_period", "from_segment", "to_segment", "n"),
    "migration_summary": (
        "from_period",
        "to_period",
        "from_day",
        "to_day",
        "shared_days",
        "ari",
        "share_staying",
        "share_staying_tier",
    ),
    "segment_drift": ("from_period", "to_period", "kind", "name", "psi"),
    "early_warning": (
        "household_key",
        "from_segment",
        "to_segment",
        "to_tier",
        "spend_before",
        "spend_after",
        "change",
        "change_share",
    ),
    "warning_evidence": ("listed", "n_households", "spend_before", "spend_at", "spend_after"),
    "nmf_factors": ("household_key",),
    "factor_loadings": ("factor", "feature", "loading", "factor_name"),
    "factor_selection": (
        "n_factors",
        "pooled_r2",
        "centred_r2",
        "reconstruction_error",
        "sparsity",
        "stability",
        "cophenetic",
        "chosen",
        "reason",
    ),
    "segment_scoreboard": (
        "role",
        "method",
        "n_features",
        "n_factors",
        "n_segments",
        "silhouette",
        "calinski_harabasz",
        "davies_bouldin",
        "bic",
        "smallest_share",
        "cold_ari",
        "cold_ari_sd",
        "n_cold",
        "warm_ari",
        "eligible",
        "reason",
    ),
    "first_campaign_cohort": ("household_key", "campaign", "treated", "index_day", "outcome_end", "redeemed"),
    "propensity": ("campaign", "treated", "propensity"),
    "trial_protocol": ("component", "specification"),
    "trial_flow": ("campaign", "step", "stage", "n", "n_excluded", "reason"),
    "design_comparison": (
        "design",
        "chosen",
        "n_treated",
        "n_control",
        "auc",
        "share_in_overlap",
        "max_smd",
        "max_smd_weighted",
        "ess_treated",
        "naive",
        "ato",
        "ato_lower",
        "ato_upper",
        "note",
    ),
    "causal_graph": ("cause", "effect", "observed", "meaning"),
    "identification": ("item", "text"),
    "overlap_diagnostics": (
        "campaign",
        "auc",
        "calibration_slope",
        "share_below",
        "share_in_overlap",
        "share_above",
        "ess_treated",
        "ess_control",
        "ess_ipw_treated",
    ),
    "propensity_calibration": ("bin", "n_trials", "mean_propensity", "share_treated", "ci_lower", "ci_upper"),
    "outside_overlap": (
        "rule",
        "verdict",
        "n_trials",
        "share_below",
        "share_inside",
        "share_above",
    ),
    "covariate_balance": ("covariate", "weighting", "smd"),
    "pooled_effects": (
        "outcome",
        "estimator",
        "method",
        "estimate",
        "ci_lower",
        "ci_upper",
        "tau",
        "q",
        "q_df",
        "q_p_value",
        "i2",
        "prediction_lower",
        "prediction_upper",
    ),
    "effect_robustness": (
        "variation",
        "level",
        "estimator",
        "estimand",
        "estimate",
        "ci_lower",
        "ci_upper",
        "n_trials",
    ),
    "campaign_dose": ("quantity", "dose", "estimate", "ci_lower", "ci_upper", "n_trials", "n_treated"),
    "sensitivity": ("analysis", "quantity", "estimate", "ci_lower", "ci_upper", "unit", "meaning"),
    "confounder_benchmarks": (
        "group",
        "n_covariates",
        "gain_outcome",
        "gain_treatment",
        "bias",
        "lower",
        "upper",
        "ci_lower",
        "ci_upper",
    ),
    "confounding_contour": ("gain_outcome", "gain_treatment", "limit"),
    "rosenbaum_bounds": (
        "gamma",
        "p_value_lower",
        "p_value_upper",
        "hodges_lehmann_lower",
        "hodges_lehmann_upper",
        "n_pairs",
    ),
    "negative_controls": (
        "control",
        "campaign",
        "n_trials",
        "n_treated",
        "n_days",
        "estimate",
        "ci_lower",
        "ci_upper",
    ),
    "event_study": ("week", "phase", "estimate", "ci_lower", "ci_upper", "n_trials"),
    "average_effects": (
        "outcome",
        "estimator",
        "estimand",
        "population",
        "campaign",
        "estimate",
        "ci_lower",
        "ci_upper",
        "n_trials",
        "n_households",
        "primary",
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
# Without rows these say something: nobody fell from high value, the data are too short to know what became of them.
MAY_BE_EMPTY = ("early_warning", "warning_evidence")
CHECK_COLUMNS = ("asset", "check", "status", "blocking", "message")
CHECK_ORDER = ("fail", "warn", "not run", "pass")


@dataclass(frozen=True)
class StudyTables:
    """The tables of one study; None, or a table without rows, is one that was not built, but for `MAY_BE_EMPTY`.

    ValueError, naming table and column, when a table lacks a column that the report reads.
    """

    segments: pd.DataFrame | None = None
    segment_profiles: pd.DataFrame | None = None
    segment_playbook: pd.DataFrame | None = None
    segment_features: pd.DataFrame | None = None
    segment_departments: pd.DataFrame | None = None
    segment_demographics: pd.DataFrame | None = None
    value_need: pd.DataFrame | None = None
    pareto_curve: pd.DataFrame | None = None
    segment_lifetime_value: pd.DataFrame | None = None
    clv_validation: pd.DataFrame | None = None
    clv_calibration: pd.DataFrame | None = None
    segment_stability: pd.DataFrame | None = None
    segment_jaccard: pd.DataFrame | None = None
    segment_migration: pd.DataFrame | None = None
    migration_summary: pd.DataFrame | None = None
    segment_drift: pd.DataFrame | None = None
    early_warning: pd.DataFrame | None = None
    warning_evidence: pd.DataFrame | None = None
    nmf_factors: pd.DataFrame | None = None
    factor_loadings: pd.DataFrame | None = None
    factor_selection: pd.DataFrame | None = None
    segment_scoreboard: pd.DataFrame | None = None
    first_campaign_cohort: pd.DataFrame | None = None
    propensity: pd.DataFrame | None = None
    trial_protocol: pd.DataFrame | None = None
    trial_flow: pd.DataFrame | None = None
    design_comparison: pd.DataFrame | None = None
    causal_graph: pd.DataFrame | None = None
    identification: pd.DataFrame | None = None
    overlap_diagnostics: pd.DataFrame | None = None
    propensity_calibration: pd.DataFrame | None = None
    outside_overlap: pd.DataFrame | None = None
    covariate_balance: pd.DataFrame | None = None
    average_effects: pd.DataFrame | None = None
    pooled_effects: pd.DataFrame | None = None
    effect_robustness: pd.DataFrame | None = None
    campaign_dose: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None
    confounder_benchmarks: pd.DataFrame | None = None
    confounding_contour: pd.DataFrame | None = None
    rosenbaum_bounds: pd.DataFrame | None = None
    negative_controls: pd.DataFrame | None = None
    event_study: pd.DataFrame | None = None
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
            if frame.empty and field.name not in MAY_BE_EMPTY:
                object.__setattr__(self, field.name, None)


def report_reads() -> tuple[str, ...]:
    """The tables that the report and the summary read."""
    return tuple(COLUMNS)


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
