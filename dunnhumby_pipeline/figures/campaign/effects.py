"""Pictures of average effects: by estimator, by campaign, by what is left out, by the dose of other campaigns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.effects.dose import ANY_DOSE, NO_DIFFERENCE, ON_OUTCOME, RECEIVED
from dunnhumby_pipeline.causal.effects.robustness import CRUMP, TRIMMING, WINSORISING
from dunnhumby_pipeline.contracts.frames import in_campaign_order, require
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, NAIVE, PRIMARY_ESTIMATOR, PRIMARY_OUTCOME
from dunnhumby_pipeline.contracts.outcomes import SALES
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import (
    ForestRow,
    common_limits,
    draw_diamond,
    draw_forest,
    effect_axis,
    effect_row,
    effect_ticks,
)
from dunnhumby_pipeline.words import numbers, terms

ESTIMANDS = ("association", "ATE", "ATT", "ATO")
LABEL_WIDTH = 40
_BOUNDS = ["estimate", "ci_lower", "ci_upper"]
_EFFECTS = ["outcome", "estimator", "estimand", "population", "campaign", *_BOUNDS, "n_trials"]
_TESTED = ["tau", "q", "q_df", "q_p_value", "i2", "prediction_lower", "prediction_upper"]
_POOLED = ["outcome", "estimator", "method", *_BOUNDS, *_TESTED]
_ROBUST = ["variation", "level", "estimator", "estimand", *_BOUNDS, "n_trials"]
_DOSES = ["quantity", "dose", *_BOUNDS, "n_trials"]
_ESTIMAND_LOOKS = {"ATE": (style.ORANGE, "s"), "ATO": (style.BLUE, "o")}


def effects_forest(average_effects: pd.DataFrame, outcome: str | None = None) -> Figure:
    """Effect over all campaigns with intervals by every estimator, one panel per estimand: only there they must agree.

    `outcome`: by default that of the rows marked `primary`. Its unit is that of `terms.outcome`, per household.
    The naive difference is grey, for it is an association, and so is what is not identified; the primary estimator is
    bold. What lies far from the others is cut at the edge, where an arrow head points to it; its number stands beside.
    """
    chosen = _chosen_outcome(average_effects, outcome)
    own = average_effects["outcome"] == chosen
    whole = average_effects.loc[own & (average_effects["campaign"].astype(str) == ALL_CAMPAIGNS)]
    if whole.empty:
        raise ValueError(f"average_effects has no effect on {chosen} over all campaigns")
    found = list(dict.fromkeys(whole["estimand"]))
    estimands = [*(name for name in ESTIMANDS if name in found), *(name for name in found if name not in ESTIMANDS)]
    panels = [
        (terms.estimand(name), [_effect_row(row, chosen) for _, row in whole[whole["estimand"] == name].iterrows()])
        for name in estimands
    ]
    return _forest_panels(panels, *terms.outcome(chosen))


def _chosen_outcome(average_effects: pd.DataFrame, outcome: str | None) -> str:
    """`outcome`, or else the primary one, of a table that has all columns."""
    require(average_effects, "average_effects", [*_EFFECTS, "identified", *(["primary"] if outcome is None else [])])
    if outcome is not None:
        return outcome
    marked = average_effects.loc[average_effects["primary"].astype(bool), "outcome"]
    if marked.empty:
        raise ValueError("average_effects marks no row as primary")
    return str(marked.iloc[0])


def _effect_row(row: pd.Series, outcome: str) -> ForestRow:
    whole, identified = row["population"] == "all", bool(row["identified"])
    label = terms.estimator_in(row["estimator"], row["population"])
    return effect_row(
        label if identified else f"{label}: not identified here",
        row,
        outcome,
        colour=style.BLUE if identified and row["estimator"] != NAIVE else style.MUTED,
        strong=bool(row["estimator"] == PRIMARY_ESTIMATOR and whole and identified),
    )


def _forest_panels(panels: Sequence[tuple[str, list[ForestRow]]], name: str, unit: str) -> Figure:
    every = [row for _, rows in panels for row in rows]
    tall = max(0.32, style.row_height([row.label for row in every], LABEL_WIDTH) - 0.06)
    figure = style.new_figure(0.65 + sum(0.5 + tall * len(rows) for _, rows in panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=[0.3 + tall * len(rows) for _, rows in panels])
    limits = common_limits(every)
    first: Axes | None = None
    for position, (title, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[position], sharex=first)
        first = first or axes
        draw_forest(axes, rows, limits=limits)
        style.label_rows(axes, [row.label for row in rows], [row.strong for row in rows], LABEL_WIDTH)
        last = position == len(panels) - 1
        axes.tick_params(labelbottom=last)
        effect_ticks(axes, unit, "x")
        style.name_axes(axes, effect_axis(name, unit) if last else "", "", title)
    return figure


def campaign_forest(average_effects: pd.DataFrame, pooled_effects: pd.DataFrame, outcome: str | None = None) -> Figure:
    """The primary estimator campaign by campaign, by index day, and what the campaigns say together (diamonds).

    `outcome` as in `effects_forest`. The thin bar below the diamonds is where the effect of one more campaign would
    lie. Q, its p value, I2 and tau stand below. Where `pooled_effects` has nothing on the outcome, as with a single
    campaign, there are no diamonds.
    """
    chosen = _chosen_outcome(average_effects, outcome)
    if len(pooled_effects):
        require(pooled_effects, "pooled_effects", _POOLED)
    each = average_effects.loc[
        (average_effects["outcome"] == chosen)
        & (average_effects["estimator"] == PRIMARY_ESTIMATOR)
        & (average_effects["population"] == "all")
        & (average_effects["campaign"].astype(str) != ALL_CAMPAIGNS)
    ]
    if each.empty:
        raise ValueError(f"average_effects has no {PRIMARY_ESTIMATOR} effect on {chosen} of a single campaign")
    pooled = pooled_effects.reindex(columns=_POOLED)
    pooled = pooled.loc[(pooled["outcome"] == chosen) & (pooled["estimator"] == PRIMARY_ESTIMATOR)]
    rows = [
        effect_row(f"Campaign {row['campaign']} ({numbers.count(row['n_trials'])} trials)", row, chosen)
        for _, row in in_campaign_order(each).iterrows()
    ]
    n_campaigns = len(rows)
    rows += [
        effect_row(f"Together, {row['method']} effects", row, chosen, style.ORANGE, strong=True)
        for _, row in pooled.iterrows()
    ]
    rows += _predicted(pooled, chosen)

    figure = style.new_figure(1.1 + 0.34 * len(rows))
    axes = style.add_axes(figure)
    limits = common_limits(rows)
    draw_forest(axes, rows, limits=limits)
    for position in range(n_campaigns, n_campaigns + len(pooled)):
        draw_diamond(axes, position, rows[position], limits)
    if len(pooled):
        axes.axhline(n_campaigns - 0.5, color=style.RULE, linewidth=0.8)
    name, unit = terms.outcome(chosen)
    effect_ticks(axes, unit, "x")
    notes = dict.fromkeys(_heterogeneity(row, chosen) for _, row in pooled.iterrows())
    style.name_axes(
        axes, "\n".join([f"Overlap-weighted effect on {name[:1].lower()}{name[1:]} ({unit} per household)", *notes])
    )
    return figure


def _predicted(pooled: pd.DataFrame, outcome: str) -> list[ForestRow]:
    scale, sign = terms.outcome_scale(outcome)
    rows = []
    for _, row in pooled.iterrows():
        low, high = (scale * float(row[end]) for end in ("prediction_lower", "prediction_upper"))
        if numbers.is_number(low) and numbers.is_number(high):
            span = f"{numbers.beside_interval(low, low, high, sign)} to {numbers.beside_interval(high, low, high)}"
            middle = scale * float(row["estimate"])
            rows.append(ForestRow("Range of one more campaign", middle, low, high, span, style.MUTED, marker="|"))
    return rows


def _heterogeneity(row: pd.Series, outcome: str) -> str:
    """How much the campaigns differ, in one line."""
    if not numbers.is_number(row["q_p_value"]):
        return "One campaign alone cannot say whether campaigns differ"
    scale, sign = terms.outcome_scale(outcome)
    p_value = numbers.number(row["q_p_value"], 2)
    test = f"Q = {numbers.number(row['q'], 3)} on {numbers.count(row['q_df'])} df, p = {p_value}"
    spread = f"; tau = {numbers.number(scale * float(row['tau']), 2, sign)}" if numbers.is_number(row["tau"]) else ""
    return f"Do the campaigns differ? {test}; I\N{SUPERSCRIPT TWO} = {numbers.percent(row['i2'])}{spread}"


def trimming_sensitivity(effect_robustness: pd.DataFrame, outcome: str = PRIMARY_OUTCOME) -> Figure:
    """The effect on `outcome` by how far propensities are trimmed, and by the quantile at which amounts are capped.

    Trimmed at 10%, trials with a propensity under 10% or over 90% are left out; below each level stands the share of
    trials that is left, and last comes Crump's optimum. ATE changes what it averages over with the trimming, ATO
    hardly does. Beside an amount that is capped stand other amounts. Where too few trials are left there is no point.
    """
    require(effect_robustness, "effect_robustness", _ROBUST)
    trimmed = _variations(effect_robustness, [TRIMMING, CRUMP])
    beside = [WINSORISING, *(name for name in SALES if outcome in SALES and name != outcome)]
    name, unit = terms.outcome(outcome)
    others = ", or another amount" if effect_robustness["variation"].isin(beside[1:]).any() else ""
    panels = [
        (trimmed, 1.0, "Trimmed at a propensity of (share of trials left)"),
        (_variations(effect_robustness, beside), 1.25, f"{name} capped at the quantile{others}"),
    ]
    panels = [panel for panel in panels if panel[0]]
    if not panels:
        raise ValueError(f"effect_robustness has no row of {TRIMMING}, {CRUMP} or {WINSORISING}")
    figure = style.new_figure(4.2)
    grid = figure.add_gridspec(1, len(panels), width_ratios=[wide * len(levels) for levels, wide, _ in panels])
    first: Axes | None = None
    for place, (levels, _, x) in enumerate(panels):
        axes = style.add_axes(figure, grid[place], sharey=first)
        _draw_levels(axes, levels, terms.outcome_scale(outcome)[0])
        effect_ticks(axes, unit, "y")
        axes.tick_params(labelleft=place == 0)
        style.name_axes(axes, x, "" if first else effect_axis(name, unit))
        first = first or axes
    assert first is not None
    style.legend_above(figure, first)
    return figure


def _variations(robust: pd.DataFrame, variations: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """(label, its rows) of each level of `variations`, in their order and by level; capping from the mildest on."""
    whole = float(robust["n_trials"].max())
    found = []
    for variation in variations:
        own = robust.loc[robust["variation"] == variation]
        own = own.sort_values("level", ascending=variation != WINSORISING, kind="stable")
        for level, rows in own.groupby("level", sort=False, dropna=False):
            left = numbers.percent(float(rows["n_trials"].max()) / whole) if whole else numbers.NOTHING
            found.append((_level_label(variation, float(level), left), rows))
    return found


def _level_label(variation: str, level: float, left: str) -> str:
    if variation == TRIMMING:
        return f"{100 * level:g}%\n({left})" if level else f"none\n({left})"
    if variation == CRUMP:
        return f"Crump\n({left})"
    if variation == WINSORISING:
        return f"{100 * level:g}%" if level < 1 else "none"
    return terms.outcome(variation)[0].replace(" ", "\n").replace("-", "-\n")


def _draw_levels(axes: Axes, levels: list[tuple[str, pd.DataFrame]], scale: float) -> None:
    style.zero_line(axes, "y")
    style.grid(axes, "y")
    estimands = list(dict.fromkeys(name for _, rows in levels for name in rows["estimand"]))
    for place, estimand in enumerate(estimands):
        colour, marker = _ESTIMAND_LOOKS.get(estimand, (style.MUTED, "^"))
        shift = 0.16 * (place - (len(estimands) - 1) / 2)
        for position, (_, rows) in enumerate(levels):
            for _, row in rows.loc[rows["estimand"] == estimand].iterrows():
                estimate, lower, upper = (scale * float(row[name]) for name in _BOUNDS)
                if numbers.is_number(lower) and numbers.is_number(upper):
                    axes.plot([position + shift] * 2, [lower, upper], color=colour, linewidth=2.0, label="_interval")
                if numbers.is_number(estimate):
                    axes.plot(position + shift, estimate, marker, color=colour, markersize=6, label=f"_{estimand}")
        axes.plot([], [], marker, color=colour, markersize=6, label=terms.estimand(estimand))
    axes.set_xticks(range(len(levels)), labels=[label for label, _ in levels])
    axes.set_xlim(-0.6, len(levels) - 0.4)


def dose_forest(campaign_dose: pd.DataFrame, outcome: str = PRIMARY_OUTCOME) -> Figure:
    """Whether other campaigns stand between the campaign and its effect on `outcome`.

    Above: the effect by how many campaigns of other types ran on the index day, with the p-value of no difference.
    Below: the effect on how many of them a household was sent in the outcome window; were it zero, none of the
    effect on the outcome could be theirs.
    """
    require(campaign_dose, "campaign_dose", _DOSES)
    name, unit = terms.outcome(outcome)
    by_quantity = {str(quantity): rows for quantity, rows in campaign_dose.groupby("quantity", sort=False)}
    test = by_quantity.pop(NO_DIFFERENCE, None)
    p_value = None if test is None else test["estimate"].iloc[0]
    panels = []
    for quantity in sorted(by_quantity, key=lambda quantity: quantity != ON_OUTCOME):
        on_outcome = quantity == ON_OUTCOME
        rows = [
            effect_row(_dose_label(row, on_outcome), row, outcome if on_outcome else quantity)
            for _, row in by_quantity[quantity].iterrows()
        ]
        panels.append((quantity, rows))
    figure = style.new_figure(0.2 + sum(1.0 + 0.36 * len(rows) for _, rows in panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=[0.7 + 0.36 * len(rows) for _, rows in panels])
    for place, (quantity, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[place])
        draw_forest(axes, rows, limits=common_limits(rows))
        if quantity == ON_OUTCOME:
            alike = f" (no difference: p = {numbers.number(p_value, 2)})" if numbers.is_number(p_value) else ""
            effect_ticks(axes, unit, "x")
            style.name_axes(axes, effect_axis(name, unit), "", f"By other campaigns on the index day{alike}")
        elif quantity == RECEIVED:
            style.number_ticks(axes, "x")
            axes_label = "Effect on other campaigns sent in the outcome window (campaigns per household)"
            style.name_axes(axes, axes_label, "", "Does the campaign bring others?")
        else:
            style.name_axes(axes, terms.spoken(quantity))
    return figure


def _dose_label(row: pd.Series, on_outcome: bool) -> str:
    trials, dose = f"({numbers.count(row['n_trials'])} trials)", str(row["dose"])
    if not on_outcome:
        return f"{'Together' if dose == ANY_DOSE else dose} {trials}"
    return f"{'No other' if dose == '0' else f'{dose} other'} {trials}"
