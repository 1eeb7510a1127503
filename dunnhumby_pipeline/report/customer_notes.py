"""What the figures about customers mean, and what they cannot say, in plain sentences."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.frames import comparable
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.words import numbers


def customer_notes(tables: StudyTables, forecast: str) -> dict[str, str]:
    """Sentences that say what the figures mean and do not, by name; `forecast` is the one in use ('stacked' ...)."""
    notes: dict[str, str] = {}
    if tables.pareto_curve is not None:
        notes["pareto"] = _pareto_note(tables.pareto_curve)
    if tables.clv_validation is not None:
        notes["forecast"] = forecast_note(tables.clv_validation, forecast)
    if tables.segment_demographics is not None and tables.segment_profiles is not None:
        notes["demographics"] = _demographics_note(tables.segment_demographics, tables.segment_profiles)
    if tables.migration_summary is not None:
        notes["consistency"] = consistency_note(tables.migration_summary)
    if tables.early_warning is not None:
        notes["warning"] = _warning_note(tables.early_warning, tables.warning_evidence)
    if tables.segment_scoreboard is not None:
        notes["choice"] = _choice_note(tables.segment_scoreboard)
    if tables.factor_selection is not None:
        notes["factors"] = _factors_note(tables.factor_selection)
    return notes


def in_use(validation: pd.DataFrame, forecast: str) -> pd.Series | None:
    """The row of errors of spend of the forecast in use, or None."""
    spend = validation[(validation["target"] == "spend") & (validation["forecast"] == forecast)]
    return spend.iloc[0] if len(spend) else None


def forecast_note(validation: pd.DataFrame, forecast: str) -> str:
    """How the forecast in use did on the half-year held out, against 'same as before', in plain words."""
    found = in_use(validation, forecast)
    if found is None:
        return "The forecast in use was not tested on a half-year held out: take lifetime values as an order, no more."
    gap = numbers.interval(found["mae_against_naive"], found["ci_lower"], found["ci_upper"], "$")
    naive = found["mae"] - found["mae_against_naive"]
    share = numbers.percent(abs(found["mae_against_naive"]) / naive, 1) if naive > 0 else numbers.NOTHING
    meaning = {
        "better than naive": f"better than naive, by {share} of its error",
        "worse than naive": f"worse than naive, by {share} of its error: carrying past spend forward does better",
    }.get(str(found["verdict"]), "not better than naive: carrying past spend forward does as well")
    return (
        f"Tested on a half-year it had not seen, the forecast is {meaning}. It errs by "
        f"{numbers.dollars(found['mae'])} per household where “the same as before” errs by "
        f"{numbers.dollars(naive)}; the difference is {gap}. "
        f"{numbers.count(found['n_new'])} households that came new in that half-year, with "
        f"{numbers.percent(found['new_spend_share'], 1)} of its spend, had no forecast."
    )


def consistency_note(summary: pd.DataFrame) -> str:
    """What share of households stay in their segment, over periods that share no day where there are such."""
    shown = comparable(summary)
    how = "share no day" if (shown["shared_days"] == 0).all() else "overlap, so that few can move"
    return (
        f"Between periods that {how}, {numbers.percent(shown['share_staying'].mean())} of households stay in their "
        f"segment and {numbers.percent(shown['share_staying_tier'].mean())} in their value tier (adjusted Rand index "
        f"{shown['ari'].mean():.2f}, mean of {numbers.count(len(shown))} pairs of periods)."
    )


def _pareto_note(curve: pd.DataFrame) -> str:
    at = curve.iloc[(curve["share_of_households"] - 0.2).abs().argmin()]
    return (
        f"The best {numbers.percent(at['share_of_households'])} of households bring "
        f"{numbers.percent(at['share_of_revenue'])} of revenue (Gini coefficient {at['gini']:.2f}; "
        "0 when all bring the same)."
    )


def _demographics_note(demographics: pd.DataFrame, known: pd.DataFrame) -> str:
    coverage = demographics.drop_duplicates("segment").set_index("segment")["coverage"]
    sizes = known.set_index("segment")["n_households"].reindex(coverage.index)
    overall = float((coverage * sizes).sum() / sizes.sum())
    return (
        f"Demographics are known of {numbers.percent(overall)} of households, from "
        f"{numbers.percent(coverage.min())} to {numbers.percent(coverage.max())} of a segment. "
        "Those who answered are not a fair picture of those who did not: read a row as a hint where few are known."
    )


def _warning_note(early_warning: pd.DataFrame, evidence: pd.DataFrame | None) -> str:
    if early_warning.empty:
        return "No household fell from high value by as much as the list asks for."
    lost = -float(early_warning["change"].sum())
    found = (
        f"{numbers.count(len(early_warning))} households fell from high value; together they spend "
        f"{numbers.dollars(lost)} less in the period than before."
    )
    listed = None if evidence is None or evidence.empty else evidence[evidence["listed"].astype(bool)]
    if listed is None or listed.empty:
        return f"{found} The data are too short to tell how many would have come back by themselves."
    fell = (listed["spend_before"] - listed["spend_at"]) * listed["n_households"]
    back = (listed["spend_after"] - listed["spend_at"]) * listed["n_households"]
    return (
        f"{found} Of what those listed earlier had lost, {numbers.percent(back.sum() / fell.sum())} "
        "came back by itself: count only what a call adds to that."
    )


def _choice_note(scoreboard: pd.DataFrame) -> str:
    by_role = {role: scoreboard[scoreboard["role"] == role] for role in ("chosen", "reference")}
    if by_role["chosen"].empty:
        return "No candidate is marked as the one in use."
    chosen = by_role["chosen"].iloc[0]
    text = (
        f"In use: {numbers.count(chosen['n_segments'])} segments of {numbers.count(chosen['n_factors'])} factors, "
        f"{chosen['reason']}. Refits agree with it by an ARI of {chosen['cold_ari']:.2f} from scratch and "
        f"{chosen['warm_ari']:.2f} started from it."
    )
    if by_role["reference"].empty:
        return text
    other = by_role["reference"].iloc[0]
    return (
        f"{text} The reference study's {numbers.count(other['n_factors'])} factors and "
        f"{numbers.count(other['n_segments'])} segments: {other['cold_ari']:.2f} and {other['warm_ari']:.2f}."
    )


def _factors_note(selection: pd.DataFrame) -> str:
    chosen = selection[selection["chosen"].astype(bool)]
    if chosen.empty:
        return "The number of factors in use lies outside the scan."
    found = chosen.iloc[0]
    return f"In use: {numbers.count(found['n_factors'])} factors. Why: {found['reason']}."
