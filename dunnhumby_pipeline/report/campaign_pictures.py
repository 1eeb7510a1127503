"""The pictures of what the campaign does and how sure that is, with their alternative texts."""

from __future__ import annotations

from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.design.graph import ASSUMED_ABSENT
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, VISITS
from dunnhumby_pipeline.figures.campaign import bounds, contour, design, effects, overlap, sensitivity
from dunnhumby_pipeline.report.answer import effect_text, main_effects
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

Drawn = dict[str, tuple[Figure, str]]


def draw_campaign(tables: StudyTables, settings: Settings) -> Drawn:
    """Figure and alternative text of every picture whose tables were built, by name."""
    outcome = settings.trial.outcome
    return {
        **_design(tables),
        **_overlap(tables, settings),
        **_effects(tables, outcome),
        **_choices(tables, outcome),
        **_doubts(tables),
        **_strengths(tables, settings),
    }


def _design(tables: StudyTables) -> Drawn:
    drawn: Drawn = {}
    if tables.trial_flow is not None:
        whole = tables.trial_flow[tables.trial_flow["campaign"] == ALL_CAMPAIGNS].sort_values("step")
        steps = "; ".join(f"{row['stage']} {numbers.count(row['n'])}" for _, row in whole.iterrows())
        drawn["flow"] = (design.trial_flow(tables.trial_flow), f"Flow of households into the study: {steps}.")
    if tables.design_comparison is not None:
        found = "; ".join(
            f"{terms.design(row['design'])} AUC {numbers.number(row['auc'], 2)}, "
            f"{numbers.percent(row['share_in_overlap'])} in overlap"
            for _, row in tables.design_comparison.iterrows()
        )
        drawn["comparison"] = (design.design_comparison(tables.design_comparison), f"Three designs: {found}.")
    if tables.causal_graph is not None:
        absent = tables.causal_graph["meaning"].str.startswith(ASSUMED_ABSENT)
        named = tables.causal_graph["cause"] + " to " + tables.causal_graph["effect"]
        alt = f"Causal graph with the arrows {'; '.join(named[~absent])}."
        if absent.any():
            alt += f" Assumed absent: {'; '.join(named[absent])}."
        drawn["graph"] = (design.causal_graph(tables.causal_graph), alt)
    return drawn


def _overlap(tables: StudyTables, settings: Settings) -> Drawn:
    drawn: Drawn = {}
    if tables.propensity is not None:
        region = (settings.overlap.lower, settings.overlap.upper)
        inside = tables.propensity["propensity"].between(*region).mean()
        alt = (
            "Histogram of propensities, treated above and control below; "
            f"{numbers.percent(inside)} of trials lie between {region[0]:g} and {region[1]:g}."
        )
        drawn["overlap"] = (overlap.propensity_overlap(tables.propensity, region), alt)
    if tables.propensity_calibration is not None:
        alt = "Share targeted against the propensity, by bins: " + "; ".join(
            f"{numbers.percent(row['mean_propensity'])} expected, {numbers.percent(row['share_treated'])} targeted"
            for _, row in tables.propensity_calibration.iterrows()
        )
        drawn["propensity_calibration"] = (overlap.propensity_calibration(tables.propensity_calibration), alt)
    if tables.covariate_balance is not None:
        ceiling = settings.checks.max_weighted_smd
        worst = tables.covariate_balance.assign(size=lambda frame: frame["smd"].abs())
        worst_by = worst.groupby("weighting", sort=False)["size"].max()
        alt = "Largest absolute standardised mean difference by weighting: " + "; ".join(
            f"{terms.weighting(str(weighting))} {numbers.bounded(size, numbers.number(size, 2))}"
            for weighting, size in worst_by.items()
        )
        drawn["balance"] = (overlap.love_plot(tables.covariate_balance, ceiling), alt)
    return drawn


def _effects(tables: StudyTables, outcome: str) -> Drawn:
    drawn: Drawn = {}
    found = tables.average_effects
    if found is None:
        return drawn
    name, unit = terms.outcome(outcome)
    alt = f"Effects on {name.lower()} ({unit} per household) with intervals: " + "; ".join(
        f"{estimand} {effect_text(row)}" for estimand, row in main_effects(found).items()
    )
    drawn["effects"] = (effects.effects_forest(found), alt)
    if outcome != VISITS:
        drawn["visits"] = (
            effects.effects_forest(found, VISITS),
            "Effects on visits with intervals, by every estimator.",
        )
    if tables.pooled_effects is not None:
        drawn["campaign_effects"] = (
            effects.campaign_forest(found, tables.pooled_effects),
            "Overlap-weighted effect of each campaign with its interval, and the campaigns pooled.",
        )
    return drawn


def _choices(tables: StudyTables, outcome: str) -> Drawn:
    drawn: Drawn = {}
    if tables.effect_robustness is not None:
        drawn["trimming"] = (
            effects.trimming_sensitivity(tables.effect_robustness, outcome),
            "Effect by how far propensities are trimmed and by the quantile at which spend is capped, with intervals.",
        )
    if tables.campaign_dose is not None:
        drawn["dose"] = (
            effects.dose_forest(tables.campaign_dose, outcome),
            "Effect on the number of other campaigns received, and on spend by the number of those that ran.",
        )
    return drawn


def _doubts(tables: StudyTables) -> Drawn:
    drawn: Drawn = {}
    if tables.negative_controls is not None:
        alt = "Effects where there can be none: " + "; ".join(
            f"{row['control']}, campaign {row['campaign']}: "
            f"{numbers.interval(row['estimate'], row['ci_lower'], row['ci_upper'], '$')}"
            for _, row in tables.negative_controls.iterrows()
        )
        drawn["controls"] = (sensitivity.negative_controls(tables.negative_controls), alt)
    if tables.event_study is not None:
        drawn["event_study"] = (
            sensitivity.event_study(tables.event_study),
            "Effect on weekly spend by week around the index day, with intervals.",
        )
    return drawn


def _strengths(tables: StudyTables, settings: Settings) -> Drawn:
    drawn: Drawn = {}
    outcome = settings.trial.outcome
    if tables.confounding_contour is not None and tables.confounder_benchmarks is not None:
        strongest = tables.confounder_benchmarks.sort_values("bias").iloc[-1]
        (scale, sign), (_, unit) = terms.outcome_scale(outcome), terms.outcome(outcome)
        amount = numbers.number(scale * strongest["bias"], 3, sign) + ("" if sign else f" {unit}")
        moved = numbers.bounded(strongest["bias"], amount)
        alt = (
            "Effect that is left by the strength of a hidden cause. As strong as the strongest group measured, "
            f"{strongest['group']}, it would move the effect by up to {moved}."
        )
        figure = contour.confounding_contour(tables.confounding_contour, tables.confounder_benchmarks, outcome)
        drawn["contour"] = (figure, alt)
    if tables.rosenbaum_bounds is not None:
        drawn["rosenbaum"] = (
            sensitivity.rosenbaum(tables.rosenbaum_bounds, (1 - settings.confidence) / 2, outcome),
            "Bounds of the p-value and of the effect in matched pairs by the strength of hidden bias.",
        )
    if tables.sensitivity is not None:
        drawn["bounds"] = (
            bounds.true_bounds(tables.sensitivity, tables.average_effects, outcome),
            "Ranges of the average effect under growing assumptions, beside the estimates.",
        )
    return drawn
