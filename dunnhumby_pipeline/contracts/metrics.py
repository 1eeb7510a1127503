"""The metrics of tables: few numbers, each worth a look when it jumps from run to run.

Each function takes a table as a frame and gives its metrics by name; what is not known is None or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dunnhumby_pipeline.contracts.names import (
    ALL_CAMPAIGNS,
    ALL_FOLDS,
    ALL_REPEATS,
    GROSS_PROFIT,
    IN_USE,
    NO_NEED,
    PRIMARY_ESTIMATOR,
    SPEND,
)

if TYPE_CHECKING:
    import pandas as pd


def customers(features: pd.DataFrame) -> Mapping[str, object]:
    return {
        "n_households": len(features),
        "mean_spend": features["monetary_sales"].mean(),
        "median_recency": features["recency"].median(),
        "share_active_last_4w": features["active_last_4w"].mean(),
    }


def copies(copies: pd.DataFrame) -> Mapping[str, object]:
    return {"n_households": len(copies), "n_clusters": copies["cluster"].nunique()}


def types(types: pd.DataFrame) -> Mapping[str, object]:
    studied = types.loc[types["verdict"] != "not studied"]
    return {"n_types_studied": studied.loc[studied["campaign_type"] != "all", "campaign_type"].nunique()}


def drift(drift: pd.DataFrame) -> Mapping[str, object]:
    return {"max_psi": drift["psi"].max(), "mean_psi": drift["psi"].mean()}


def segment_drift(moved: pd.DataFrame) -> Mapping[str, object]:
    # What a segment adds is in the index of the mix already.
    return drift(moved[moved["kind"] != "segment"])


def segments(segments: pd.DataFrame) -> Mapping[str, object]:
    shares = segments["segment"].value_counts(normalize=True)
    return {
        "largest_share": shares.max(),
        "smallest_share": shares.min(),
        "mean_stability": segments["stability"].mean(),
    }


def stability(stability: pd.DataFrame) -> Mapping[str, object]:
    means = stability.groupby("start")["ari"].mean()
    return {f"mean_ari_{start}": mean for start, mean in means.items()}


def selection(selection: pd.DataFrame) -> Mapping[str, object]:
    chosen = selection.loc[selection["chosen"]].iloc[0]
    return {name: chosen[name] for name in ("n_factors", "centred_r2", "stability")}


def scoreboard(scoreboard: pd.DataFrame) -> Mapping[str, object]:
    rows = scoreboard[scoreboard["role"] != "candidate"].set_index("role")
    return {
        **{name: rows.at["chosen", name] for name in ("n_segments", "silhouette")},
        **{f"{role}_{start}_ari": rows.at[role, f"{start}_ari"] for role in rows.index for start in ("cold", "warm")},
    }


def jaccard(jaccard: pd.DataFrame) -> Mapping[str, object]:
    return {"lowest_mean_jaccard": jaccard["mean_jaccard"].min(), "max_dissolved": jaccard["dissolved"].max()}


def identity(identity: pd.DataFrame) -> Mapping[str, object]:
    return {"n_kept": int(identity["kept"].sum()), "least_overlap": identity["jaccard"].min()}


def profiles(profiles: pd.DataFrame) -> Mapping[str, object]:
    return {
        "largest_share_high": profiles["share_high"].max(),
        "smallest_share_active": profiles["share_active"].min(),
    }


def status(households: pd.DataFrame) -> Mapping[str, object]:
    stages = households["lifecycle"].value_counts(normalize=True)
    return {f"share_{stage}": float(stages.get(stage, 0.0)) for stage in ("new", "active", "lapsing", "lapsed")}


def pareto(curve: pd.DataFrame) -> Mapping[str, object]:
    fifth = curve.iloc[(curve["share_of_households"] - 0.2).abs().argmin()]
    return {"revenue_share_of_best_fifth": fifth["share_of_revenue"], "gini": fifth["gini"]}


def lifetimes(values: pd.DataFrame) -> Mapping[str, object]:
    return {
        "mean_clv": values["clv"].mean(),
        "mean_clv_gross_profit": values["clv_gross_profit"].mean(),
        "mean_probability_alive": values["probability_alive"].mean(),
    }


def validation(validation: pd.DataFrame) -> Mapping[str, object]:
    spend = validation[validation["target"] == "spend"]
    return {f"mae_{row.forecast}": row.mae for row in spend.itertuples()} | {
        f"coverage_{row.forecast}": row.coverage for row in spend[spend["chosen"]].itertuples()
    }


def differences(differences: pd.DataFrame) -> Mapping[str, object]:
    return {f"eta_squared_{row.measure}": row.eta_squared for row in differences.itertuples()}


def actions(actions: pd.DataFrame) -> Mapping[str, object]:
    return {"share_without_action": actions["suppressed"].mean(), "n_rules_used": actions["rule"].nunique()}


def need_names(needs: pd.DataFrame) -> Mapping[str, object]:
    counts = needs["level"].value_counts()
    return {
        **{f"n_{level}s": int(counts.get(level, 0)) for level in ("label", "tag")},
        "n_kept": int(needs["kept"].sum()),
        "least_similarity": needs["similarity"].min(),
    }


def leading_needs(households: pd.DataFrame) -> Mapping[str, object]:
    shares = households["need"].value_counts(normalize=True)
    return {
        "largest_share": shares.max(),
        "share_without_need": (households["need"] == NO_NEED).mean(),
        "median_margin": households["need_margin"].median(),
    }


def need_stability(stability: pd.DataFrame) -> Mapping[str, object]:
    means = stability.groupby(["level", "start"])["ari"].mean()
    return {f"mean_ari_{level}_{start}": mean for (level, start), mean in means.items()}


def value_need(households: pd.DataFrame) -> Mapping[str, object]:
    return {"share_without_need": (households["need"] == NO_NEED).mean()}


def migration(summary: pd.DataFrame) -> Mapping[str, object]:
    last = summary[summary["to_period"] - summary["from_period"] == 1].iloc[-1]
    return {
        "mean_ari": summary.loc[summary["to_period"] - summary["from_period"] == 1, "ari"].mean(),
        "mean_ari_apart": summary.loc[summary["shared_days"] == 0, "ari"].mean(),
        "last_ari": last["ari"],
        "last_share_staying": last["share_staying"],
    }


def movement_noise(noise: pd.DataFrame) -> Mapping[str, object]:
    segments = noise[(noise["label"] == "segment") & noise["apart"].astype(bool)]
    told = segments.set_index("measure")["estimate"]
    return {name: told.get(name) for name in ("staying", "staying_ceiling", "noise_share", "staying_true")}


def membership(households: pd.DataFrame) -> Mapping[str, object]:
    return {
        "n_moved": int(households["moved"].sum()),
        "share_moved": households["moved"].mean(),
        "mean_confidence": households["confidence"].mean(),
    }


def at_risk(households: pd.DataFrame) -> Mapping[str, object]:
    listed = households[households["at_risk"]]
    return {
        "n_listed": len(listed),
        "mean_probability": households["probability"].mean(),
        "expected_fall": listed["expected_fall"].sum(),
    }


def fallen(listed: pd.DataFrame) -> Mapping[str, object]:
    return {
        "n_households": len(listed),
        "change": listed["change"].sum(),
        "expected_recovery": listed["expected_recovery"].sum(),
    }


def risk_validation(validation: pd.DataFrame) -> Mapping[str, object]:
    used = validation[(validation["fold"] == ALL_FOLDS) & (validation["forecast"] == IN_USE)].iloc[0]
    return {name: used[name] for name in ("auc", "gain", "slope", "gap", "share_fell", "share_listed_fell")}


def recovery_validation(validation: pd.DataFrame) -> Mapping[str, object]:
    used = validation[(validation["fold"] == ALL_FOLDS) & (validation["forecast"] == IN_USE)].iloc[0]
    return {name: used[name] for name in ("expected_recovery", "recovery", "mae")}


def cohort(trials: pd.DataFrame) -> Mapping[str, object]:
    return {
        "n_treated": int(trials["treated"].sum()),
        "n_households": trials["household_key"].nunique(),
        "mean_spend": trials[SPEND].mean(),
    }


def propensity(propensity: pd.DataFrame) -> Mapping[str, object]:
    return {"share_in_overlap": propensity["in_overlap"].mean()}


def overlap(diagnostics: pd.DataFrame) -> Mapping[str, object]:
    whole = diagnostics.loc[diagnostics["campaign"] == ALL_CAMPAIGNS].iloc[0]
    return {name: whole[name] for name in ("auc", "share_in_overlap", "ess_treated", "ess_control")}


def balance(balance: pd.DataFrame) -> Mapping[str, object]:
    worst = balance["smd"].abs().groupby(balance["weighting"]).max()
    return {f"max_smd_{weighting}": smd for weighting, smd in worst.items()}


def campaign_balance(balance: pd.DataFrame) -> Mapping[str, object]:
    return {"max_smd_in_any_campaign": balance["smd"].abs().max()}


def campaign_calibration(calibration: pd.DataFrame) -> Mapping[str, object]:
    return {f"slope_{row.campaign}": row.slope for row in calibration.itertuples()}


def effects(effects: pd.DataFrame) -> Mapping[str, object]:
    main = effects[effects["primary"] & (effects["campaign"] == ALL_CAMPAIGNS)]
    return {"_".join((row.estimator, row.estimand, row.population)): row.estimate for row in main.itertuples()}


def agreement(differences: pd.DataFrame) -> Mapping[str, object]:
    main = differences[differences["primary"]]
    return {"n_pairs": len(main), "n_apart": int(main["apart"].sum())}


def flow(flow: pd.DataFrame) -> Mapping[str, object]:
    whole = flow[flow["campaign"] == ALL_CAMPAIGNS]
    return {f"n_{row.stage.replace(' ', '_')}": row.n for row in whole.itertuples() if row.n is not None}


def campaigns(campaigns: pd.DataFrame) -> Mapping[str, object]:
    return {"n_used": int(campaigns["used"].sum()), "n_left_out": int((~campaigns["used"]).sum())}


def designs(comparison: pd.DataFrame) -> Mapping[str, object]:
    return {
        f"{metric}_{row['design']}": row[metric]
        for _, row in comparison.iterrows()
        for metric in ("auc", "share_in_overlap", "ato")
    }


def quality(quality: pd.DataFrame) -> Mapping[str, object]:
    medians = quality[quality["repeat"] == ALL_REPEATS]
    effects = quality[(quality["repeat"] != ALL_REPEATS) & (quality["quantity"] == PRIMARY_ESTIMATOR)]
    spread = effects[effects["outcome"] == SPEND]["value"]
    named = {
        f"{row.quantity}_{row.outcome}" if isinstance(row.outcome, str) else row.quantity: row.value
        for row in medians.itertuples()
    }
    return {**named, "spread_of_effect_over_repeats": spread.max() - spread.min()}


def calibration(calibration: pd.DataFrame) -> Mapping[str, object]:
    return {"largest_gap": (calibration["share_treated"] - calibration["mean_propensity"]).abs().max()}


def pooled(pooled: pd.DataFrame) -> Mapping[str, object]:
    on_spend = pooled[(pooled["outcome"] == SPEND) & (pooled["estimator"] == PRIMARY_ESTIMATOR)].set_index("method")
    return {f"{name}_{method}": on_spend.at[method, name] for method in on_spend.index for name in ("estimate", "i2")}


def sensitivity(sensitivity: pd.DataFrame) -> Mapping[str, object]:
    return {f"{row.analysis}_{row.quantity}".replace(" ", "_"): row.estimate for row in sensitivity.itertuples()}


def benchmarks(benchmarks: pd.DataFrame) -> Mapping[str, object]:
    largest = benchmarks["bias"].abs().groupby(benchmarks["kind"]).max()
    return {"largest_bias": largest.get("group"), "largest_bias_together": largest.get("block")}


def controls(controls: pd.DataFrame) -> Mapping[str, object]:
    whole = controls[controls["campaign"] == ALL_CAMPAIGNS]
    return {row.control.replace(" ", "_"): row.estimate for row in whole.itertuples()}


def influence(influence: pd.DataFrame) -> Mapping[str, object]:
    by_quantity = influence.assign(change=influence["change_in_se"].abs()).groupby("quantity", sort=False)
    named = {str(quantity).replace(" ", "_"): rows for quantity, rows in by_quantity}
    return {
        **{f"effective_households_{name}": rows["effective_households"].iloc[0] for name, rows in named.items()},
        **{f"max_change_in_se_{name}": rows["change"].max() for name, rows in named.items()},
    }


def weeks(weeks: pd.DataFrame) -> Mapping[str, object]:
    return {f"mean_{phase}": value for phase, value in weeks.groupby("phase")["estimate"].mean().items()}


def models(models: pd.DataFrame) -> Mapping[str, object]:
    chosen = models[models["chosen"] & (models["fold"] == ALL_FOLDS)].iloc[0]
    return {"gain_over_constant": chosen["gain_over_constant"]}


def cate(estimates: pd.DataFrame) -> Mapping[str, object]:
    return {"mean_cate": estimates["cate"].mean(), "sd_cate": estimates["cate"].std()}


def detectable(detectable: pd.DataFrame) -> Mapping[str, object]:
    whole = detectable[(detectable["shape"] == "all") & (detectable["outcome"] == GROSS_PROFIT)]
    return {
        f"{name}_{row.test}_{row.procedure}": getattr(row, name)
        for row in whole.itertuples()
        for name in ("spread", "size")
    }


def refutation(refutation: pd.DataFrame) -> Mapping[str, object]:
    return {"n_refuters": len(refutation), "n_failed": int((~refutation["passed"].astype(bool)).sum())}


def many_splits(splits: pd.DataFrame) -> Mapping[str, object]:
    found = splits.set_index("quantity").loc["slope"]
    return {"n_splits": int(found["n_splits"]), "slope": found["estimate"], "p_slope": found["p"]}


def cate_validation(tests: pd.DataFrame) -> Mapping[str, object]:
    tested = tests.dropna(subset=["p"])
    return {f"p_{row.test}": row.p for row in tested.itertuples()}


def repeats(support: pd.DataFrame) -> Mapping[str, object]:
    whole = support.loc[support["campaign"].astype(str) == ALL_CAMPAIGNS].iloc[0]
    return {name: whole[name] for name in ("n_treated", "n_control", "share_in_overlap", "max_smd_weighted")}


def household_effects(effects: pd.DataFrame) -> Mapping[str, object]:
    return {"n_households": len(effects), "mean_cate": effects["cate"].mean()}


def plausibility(quantities: pd.DataFrame) -> Mapping[str, object]:
    found = quantities.set_index("quantity")["estimate"].dropna()
    return {name: found[name] for name in ("spend_per_redeemer", "coupon_lines_per_redeemer") if name in found}


def economics(economics: pd.DataFrame) -> Mapping[str, object]:
    used = economics.loc[economics["used"]].iloc[0]
    return {"contact_cost": used["contact_cost"], "break_even_effect": used["break_even_effect"]}


def break_even(by_scenario: pd.DataFrame) -> Mapping[str, object]:
    used = by_scenario.loc[by_scenario["used"]].iloc[0]
    names = ("break_even_contact_cost", "break_even_calibrated_lower", "break_even_calibrated_upper")
    return {**{name: used[name] for name in names}, "probability_pays_calibrated": used["probability_pays_calibrated"]}


def experiment_design(design: pd.DataFrame) -> Mapping[str, object]:
    feasible = design.loc[design["feasible"].astype(bool)]
    if feasible.empty:
        return {}
    best = feasible.loc[feasible["net_value"].idxmax()]
    return {
        "best_size": best["n_households"],
        "net_value": best["net_value"],
        "detectable_effect": feasible["detectable_effect"].min(),
    }


def value(values: pd.DataFrame) -> Mapping[str, object]:
    chosen = values.loc[values["chosen"]].iloc[0]
    return {name: chosen[name] for name in ("share_targeted", "value", "ci_lower", "ci_upper", "claimed_value", "roi")}


def decisions(targeting_list: pd.DataFrame) -> Mapping[str, object]:
    counts = targeting_list["decision"].value_counts()
    targets = targeting_list[targeting_list["decision"] == "target"]
    return {
        **{f"n_{decision}": n for decision, n in counts.items()},
        "expected_profit_of_targets": targets["expected_profit"].sum(),
    }
