"""The figures of every table that dagster plots over runs: few, and each one worth a look when it jumps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, ALL_FOLDS, ALL_REPEATS, NO_NEED, PRIMARY_ESTIMATOR, SPEND
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import gini
from dunnhumby_pipeline.settings import EngineSettings

Figures = dict[str, float]

# SQL over each canonical table.
_JOURNEY: Mapping[str, Mapping[str, str]] = {
    "transactions": {
        "n_households": "count(DISTINCT household_key)",
        "n_baskets": "count(DISTINCT basket_id)",
        "sales": "sum(sales_value)",
        "first_day": "min(day)",
        "last_day": "max(day)",
    },
    "products": {"n_departments": "count(DISTINCT department)"},
    "promotions": {"first_week": "min(week_no)", "last_week": "max(week_no)"},
    "campaigns": {"n_campaigns": "count(*)", "last_start_day": "max(start_day)"},
    "campaign_targets": {"n_households": "count(DISTINCT household_key)"},
    "coupons": {"n_coupons": "count(DISTINCT coupon_upc)"},
    "coupon_redemptions": {"n_households": "count(DISTINCT household_key)", "last_day": "max(day)"},
    "demographics": {"n_households": "count(*)"},
    "rejects": {
        "n_rejected": "coalesce(sum(n) FILTER (action = 'rejected'), 0)",
        "n_repaired": "coalesce(sum(n) FILTER (action = 'repaired'), 0)",
    },
    "rejected_rows": {"n_rows": "count(*)"},
}


def journey_figures(paths: Mapping[str, TablePath], engine: EngineSettings) -> dict[str, Figures]:
    """The figures of the canonical tables at `paths`, by table. Days and weeks are those of the study, sales in $."""
    figures = {}
    with connect(engine) as connection:
        for name, path in paths.items():
            wanted = _JOURNEY[name]
            found = connection.execute(f"SELECT {', '.join(wanted.values())} FROM {table_at(connection, path)}")
            figures[name] = _numbers(dict(zip(wanted, found.fetchall()[0], strict=True)))
    return figures


def figures_of(name: str, frame: pd.DataFrame) -> Figures:
    """The figures of a table that a step gives as a frame; none for a table that has no such series."""
    return _numbers(_SERIES[name](frame)) if name in _SERIES and len(frame) else {}


def _numbers(figures: Mapping[str, object]) -> Figures:
    """Builtin numbers, which dagster wants; what is not known is left out, which a plot shows as a gap."""
    known = {name: float(value) for name, value in figures.items() if value is not None}  # type: ignore[arg-type]
    whole = {name: int(value) if value.is_integer() else value for name, value in known.items() if math.isfinite(value)}
    return dict(whole)


def _customers(features: pd.DataFrame) -> Mapping[str, object]:
    return {
        "n_households": len(features),
        "mean_spend": features["monetary_sales"].mean(),
        "median_recency": features["recency"].median(),
        "share_active_last_4w": features["active_last_4w"].mean(),
    }


def _drift(drift: pd.DataFrame) -> Mapping[str, object]:
    return {"max_psi": drift["psi"].max(), "mean_psi": drift["psi"].mean()}


def _segment_drift(drift: pd.DataFrame) -> Mapping[str, object]:
    # What a segment adds is in the index of the mix already.
    return _drift(drift[drift["kind"] != "segment"])


def _segments(segments: pd.DataFrame) -> Mapping[str, object]:
    shares = segments["segment"].value_counts(normalize=True)
    return {
        "largest_share": shares.max(),
        "smallest_share": shares.min(),
        "mean_stability": segments["stability"].mean(),
    }


def _stability(stability: pd.DataFrame) -> Mapping[str, object]:
    means = stability.groupby("start")["ari"].mean()
    return {f"mean_ari_{start}": mean for start, mean in means.items()}


def _selection(selection: pd.DataFrame) -> Mapping[str, object]:
    chosen = selection.loc[selection["chosen"]].iloc[0]
    return {name: chosen[name] for name in ("n_factors", "centred_r2", "stability")}


def _scoreboard(scoreboard: pd.DataFrame) -> Mapping[str, object]:
    rows = scoreboard[scoreboard["role"] != "candidate"].set_index("role")
    return {
        **{name: rows.at["chosen", name] for name in ("n_segments", "silhouette")},
        **{f"{role}_{start}_ari": rows.at[role, f"{start}_ari"] for role in rows.index for start in ("cold", "warm")},
    }


def _jaccard(jaccard: pd.DataFrame) -> Mapping[str, object]:
    return {"lowest_mean_jaccard": jaccard["mean_jaccard"].min(), "max_dissolved": jaccard["dissolved"].max()}


def _identity(identity: pd.DataFrame) -> Mapping[str, object]:
    return {"n_kept": int(identity["kept"].sum()), "least_overlap": identity["jaccard"].min()}


def _profiles(profiles: pd.DataFrame) -> Mapping[str, object]:
    high = profiles["value_tier"] == "high"
    return {"share_high": profiles.loc[high, "share"].sum(), "revenue_high": profiles.loc[high, "revenue_share"].sum()}


def _pareto(curve: pd.DataFrame) -> Mapping[str, object]:
    fifth = curve.iloc[(curve["share_of_households"] - 0.2).abs().argmin()]
    return {"revenue_share_of_best_fifth": fifth["share_of_revenue"], "gini": fifth["gini"]}


def _lifetimes(values: pd.DataFrame) -> Mapping[str, object]:
    return {"mean_clv": values["clv"].mean(), "mean_probability_alive": values["probability_alive"].mean()}


def _validation(validation: pd.DataFrame) -> Mapping[str, object]:
    spend = validation[validation["target"] == "spend"]
    return {f"mae_{row.forecast}": row.mae for row in spend.itertuples()}


def _differences(differences: pd.DataFrame) -> Mapping[str, object]:
    return {f"eta_squared_{row.measure}": row.eta_squared for row in differences.itertuples()}


def _value_need(households: pd.DataFrame) -> Mapping[str, object]:
    return {
        "gini_of_revenue": gini(households["revenue"].to_numpy(dtype=float)),
        "share_without_need": (households["need"] == NO_NEED).mean(),
    }


def _migration(summary: pd.DataFrame) -> Mapping[str, object]:
    last = summary[summary["to_period"] - summary["from_period"] == 1].iloc[-1]
    return {
        "mean_ari": summary.loc[summary["to_period"] - summary["from_period"] == 1, "ari"].mean(),
        "mean_ari_apart": summary.loc[summary["shared_days"] == 0, "ari"].mean(),
        "last_ari": last["ari"],
        "last_share_staying": last["share_staying"],
    }


def _warnings(listed: pd.DataFrame) -> Mapping[str, object]:
    return {"n_households": len(listed), "change": listed["change"].sum()}


def _cohort(trials: pd.DataFrame) -> Mapping[str, object]:
    return {
        "n_treated": int(trials["treated"].sum()),
        "n_households": trials["household_key"].nunique(),
        "mean_spend": trials[SPEND].mean(),
    }


def _propensity(propensity: pd.DataFrame) -> Mapping[str, object]:
    return {"share_in_overlap": propensity["in_overlap"].mean()}


def _overlap(diagnostics: pd.DataFrame) -> Mapping[str, object]:
    whole = diagnostics.loc[diagnostics["campaign"] == ALL_CAMPAIGNS].iloc[0]
    return {name: whole[name] for name in ("auc", "share_in_overlap", "ess_treated", "ess_control")}


def _balance(balance: pd.DataFrame) -> Mapping[str, object]:
    worst = balance["smd"].abs().groupby(balance["weighting"]).max()
    return {f"max_smd_{weighting}": smd for weighting, smd in worst.items()}


def _effects(effects: pd.DataFrame) -> Mapping[str, object]:
    main = effects[effects["primary"] & (effects["campaign"] == ALL_CAMPAIGNS)]
    return {"_".join((row.estimator, row.estimand, row.population)): row.estimate for row in main.itertuples()}


def _flow(flow: pd.DataFrame) -> Mapping[str, object]:
    whole = flow[flow["campaign"] == ALL_CAMPAIGNS]
    return {f"n_{row.stage.replace(' ', '_')}": row.n for row in whole.itertuples() if row.n is not None}


def _campaigns(campaigns: pd.DataFrame) -> Mapping[str, object]:
    return {"n_used": int(campaigns["used"].sum()), "n_left_out": int((~campaigns["used"]).sum())}


def _designs(comparison: pd.DataFrame) -> Mapping[str, object]:
    return {
        f"{figure}_{row['design']}": row[figure]
        for _, row in comparison.iterrows()
        for figure in ("auc", "share_in_overlap", "ato")
    }


def _quality(quality: pd.DataFrame) -> Mapping[str, object]:
    medians = quality[quality["repeat"] == ALL_REPEATS]
    effects = quality[(quality["repeat"] != ALL_REPEATS) & (quality["quantity"] == PRIMARY_ESTIMATOR)]
    spread = effects[effects["outcome"] == SPEND]["value"]
    named = {
        f"{row.quantity}_{row.outcome}" if isinstance(row.outcome, str) else row.quantity: row.value
        for row in medians.itertuples()
    }
    return {**named, "spread_of_effect_over_repeats": spread.max() - spread.min()}


def _calibration(calibration: pd.DataFrame) -> Mapping[str, object]:
    return {"largest_gap": (calibration["share_treated"] - calibration["mean_propensity"]).abs().max()}


def _pooled(pooled: pd.DataFrame) -> Mapping[str, object]:
    on_spend = pooled[(pooled["outcome"] == SPEND) & (pooled["estimator"] == PRIMARY_ESTIMATOR)].set_index("method")
    return {f"{name}_{method}": on_spend.at[method, name] for method in on_spend.index for name in ("estimate", "i2")}


def _sensitivity(sensitivity: pd.DataFrame) -> Mapping[str, object]:
    return {f"{row.analysis}_{row.quantity}".replace(" ", "_"): row.estimate for row in sensitivity.itertuples()}


def _benchmarks(benchmarks: pd.DataFrame) -> Mapping[str, object]:
    return {"largest_bias": benchmarks["bias"].abs().max()}


def _controls(controls: pd.DataFrame) -> Mapping[str, object]:
    whole = controls[controls["campaign"] == ALL_CAMPAIGNS]
    return {row.control.replace(" ", "_"): row.estimate for row in whole.itertuples()}


def _weeks(weeks: pd.DataFrame) -> Mapping[str, object]:
    return {f"mean_{phase}": value for phase, value in weeks.groupby("phase")["estimate"].mean().items()}


def _models(models: pd.DataFrame) -> Mapping[str, object]:
    chosen = models[models["chosen"] & (models["fold"] == ALL_FOLDS)].iloc[0]
    return {"gain_over_constant": chosen["gain_over_constant"]}


def _cate(estimates: pd.DataFrame) -> Mapping[str, object]:
    return {"mean_cate": estimates["cate"].mean(), "sd_cate": estimates["cate"].std()}


def _household_effects(effects: pd.DataFrame) -> Mapping[str, object]:
    return {"n_households": len(effects), "mean_cate": effects["cate"].mean()}


def _economics(economics: pd.DataFrame) -> Mapping[str, object]:
    used = economics.loc[economics["used"]].iloc[0]
    return {"contact_cost": used["contact_cost"], "breakeven": used["breakeven"]}


def _value(values: pd.DataFrame) -> Mapping[str, object]:
    chosen = values.loc[values["chosen"]].iloc[0]
    return {name: chosen[name] for name in ("share_targeted", "value", "ci_lower", "ci_upper", "claimed_value", "roi")}


def _list(targeting_list: pd.DataFrame) -> Mapping[str, object]:
    counts = targeting_list["decision"].value_counts()
    targets = targeting_list[targeting_list["decision"] == "target"]
    return {
        **{f"n_{decision}": n for decision, n in counts.items()},
        "expected_profit_of_targets": targets["expected_profit"].sum(),
    }


_SERIES: Mapping[str, Callable[[pd.DataFrame], Mapping[str, object]]] = {
    "customer_features": _customers,
    "feature_drift": _drift,
    "factor_selection": _selection,
    "segment_scoreboard": _scoreboard,
    "segments": _segments,
    "segment_stability": _stability,
    "segment_jaccard": _jaccard,
    "segment_identity": _identity,
    "segment_profiles": _profiles,
    "pareto_curve": _pareto,
    "customer_lifetime_value": _lifetimes,
    "clv_validation": _validation,
    "lifetime_differences": _differences,
    "household_value_need": _value_need,
    "migration_summary": _migration,
    "segment_drift": _segment_drift,
    "early_warning": _warnings,
    "first_campaign_cohort": _cohort,
    "propensity": _propensity,
    "overlap_diagnostics": _overlap,
    "covariate_balance": _balance,
    "trial_flow": _flow,
    "trial_campaigns": _campaigns,
    "design_comparison": _designs,
    "nuisance_quality": _quality,
    "propensity_calibration": _calibration,
    "average_effects": _effects,
    "pooled_effects": _pooled,
    "sensitivity": _sensitivity,
    "confounder_benchmarks": _benchmarks,
    "negative_controls": _controls,
    "event_study": _weeks,
    "cate_models": _models,
    "cate_estimates": _cate,
    "household_effects": _household_effects,
    "campaign_economics": _economics,
    "policy_value": _value,
    "targeting_list": _list,
}
