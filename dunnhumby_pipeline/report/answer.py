"""The study's answer in plain words: whom to target, how sure, what it is worth.

An interval that includes zero is called "not proven", whatever its estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dunnhumby_pipeline.causal.cate.validation.proof import heterogeneity_proven
from dunnhumby_pipeline.contracts.names import (
    ALL_CAMPAIGNS,
    ALL_FOLDS,
    CONSTANT,
    E_VALUE,
    E_VALUE_OF_INTERVAL,
    GROSS_PROFIT,
    PLACEBO_OUTCOME,
    PRIMARY_ESTIMATOR,
)
from dunnhumby_pipeline.contracts.outcomes import SALES
from dunnhumby_pipeline.report.cost_answer import NOT_BUILT, at_which_cost, what_would_settle_it
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.taught import taught
from dunnhumby_pipeline.report.unseen import unseen
from dunnhumby_pipeline.settings import TREAT_ALL, CheckSettings, ranks
from dunnhumby_pipeline.words import numbers, placebos, terms

DECISIONS = ("target", "test", "leave")
_MATTERS = CheckSettings().smallest_effect_that_matters

# The tables that the answer is made of.
READS = (
    "policy_value",
    "targeting_list",
    "average_effects",
    "negative_controls",
    "sensitivity",
    "cate_scoreboard",
    "cate_validation",
    "break_even",
    "detectable_spread",
    "experiment_design",
    "experiment_result",
)

State = Literal["pays", "loses", "not proven", "nobody", "no answer"]


@dataclass(frozen=True)
class Answer:
    """One headline with its state, and the points under it as (question, answer)."""

    state: State
    headline: str
    points: tuple[tuple[str, str], ...]


def plain_answer(tables: StudyTables, matters: float = _MATTERS) -> Answer:
    """What a study says to someone who has to decide; questions it cannot answer say "not built".

    `matters`: the smallest effect on spend that does, $ per household and outcome window.
    """
    tables = tables.only(READS)
    values, listed = tables.get("policy_value"), tables.get("targeting_list")
    chosen, ranking = chosen_policy(values), has_ranking(tables.get("cate_scoreboard"))
    state = _state(chosen, ranking)
    points = (
        ("Whom to target?", _whom(chosen, listed)),
        ("How sure are we?", _how_sure(chosen, values, ranking)),
        ("What is it worth?", _worth(chosen, ranking)),
        ("At which cost does that change?", at_which_cost(tables.get("break_even"))),
        ("What would settle it?", what_would_settle_it(tables.get("experiment_design"))),
        ("Does the campaign work?", _campaign_works(tables.get("average_effects"))),
        ("May that be wrong?", _may_be_wrong(tables, matters)),
        ("Do households differ?", _differ(tables)),
    )
    headline = _headline(state, chosen, listed, ranking)
    if values is not None and (state == "nobody" or _is_lottery(chosen, ranking)):
        headline += _everyone_instead(values)
    told = taught(tables.get("break_even"), tables.get("experiment_result"))
    if told is not None:
        # An experiment outweighs what the study's policies are worth, which follows as it was.
        return Answer(told.state, told.headline, (("What did experiments find?", told.found), *points))
    return Answer(state, headline, points)


def chosen_policy(policy_value: pd.DataFrame | None) -> pd.Series | None:
    """The row of the policy in use, or None."""
    if policy_value is None:
        return None
    rows = policy_value.loc[policy_value["chosen"].astype(bool)]
    return rows.iloc[0] if len(rows) else None


def has_ranking(cate_scoreboard: pd.DataFrame | None) -> bool:
    """Whether the model in use tells households apart; one effect for all gives no order to target them by."""
    if cate_scoreboard is None:
        return True
    whole = cate_scoreboard.loc[(cate_scoreboard["fold"] == ALL_FOLDS) & cate_scoreboard["chosen"].astype(bool)]
    return not (whole["model"] == CONSTANT).any()


def lacks_value(row: pd.Series) -> bool:
    """Whether a policy has no value but a reason, as it selects too few households, or none."""
    return isinstance(row["reason"], str) and bool(row["reason"])


def _is_lottery(chosen: pd.Series | None, ranking: bool) -> bool:
    """Whether the policy in use goes by a ranking that there is not."""
    return chosen is not None and not ranking and ranks(str(chosen["policy"]))


def decision_counts(targeting_list: pd.DataFrame) -> dict[str, int]:
    """Households by decision: target, test and leave, then any other."""
    counts = targeting_list["decision"].value_counts()
    names = [*DECISIONS, *sorted(set(counts.index) - set(DECISIONS))]
    return {name: int(counts.get(name, 0)) for name in names}


def main_effects(average_effects: pd.DataFrame) -> dict[str, pd.Series]:
    """The effects on the primary outcome over all campaigns that a reader should know: ATO, the headline, ATE and ATT.

    ATE by AIPW, ATT by its score for the treated, ATO overlap weighted. Of several populations, all trials come first.
    """
    whole = average_effects.loc[
        average_effects["primary"].astype(bool) & (average_effects["campaign"].astype(str) == ALL_CAMPAIGNS)
    ].sort_values("population", key=lambda population: population != "all", kind="stable")
    found = {}
    for estimand, estimator in (("ATO", PRIMARY_ESTIMATOR), ("ATE", "aipw"), ("ATT", "att")):
        rows = whole.loc[(whole["estimator"] == estimator) & (whole["estimand"] == estimand)]
        if len(rows):
            found[estimand] = rows.iloc[0]
    return found


def gross_profit_effect(average_effects: pd.DataFrame) -> pd.Series | None:
    """The overlap-weighted effect on gross profit over all campaigns: the contact cost at which they break even."""
    return _row_of(
        average_effects,
        outcome=GROSS_PROFIT,
        estimator=PRIMARY_ESTIMATOR,
        population="all",
        campaign=ALL_CAMPAIGNS,
    )


def value_text(row: pd.Series) -> str:
    """A policy's honest value with its interval, $ per household."""
    return numbers.interval(row["value"], row["ci_lower"], row["ci_upper"], "$")


def effect_verdict(row: pd.Series) -> str:
    """What an effect's interval says about zero; nothing where its trials lack the support for it."""
    return numbers.verdict(row["ci_lower"], row["ci_upper"]) if row["identified"] else "not identified here"


def effect_text(row: pd.Series) -> str:
    """An effect with its interval, per household, in the unit of its outcome."""
    return terms.outcome_interval(row["outcome"], row["estimate"], row["ci_lower"], row["ci_upper"])


def _state(chosen: pd.Series | None, ranking: bool) -> State:
    if chosen is None or _is_lottery(chosen, ranking):
        return "no answer"
    if chosen["share_targeted"] == 0:
        return "nobody"
    states: dict[numbers.Verdict, State] = {
        "above zero": "pays",
        "below zero": "loses",
        "not proven": "not proven",
        "unknown": "no answer",
    }
    return states[numbers.verdict(chosen["ci_lower"], chosen["ci_upper"])]


def _headline(state: State, chosen: pd.Series | None, targeting_list: pd.DataFrame | None, ranking: bool) -> str:
    if chosen is None:
        return "No answer yet: the value of targeting was not built"
    if state == "nobody":
        return f"Target nobody: “{terms.policy(chosen['policy'])}” selects no household"
    name = terms.policy(chosen["policy"])
    if _is_lottery(chosen, ranking):
        return f"There is no ranking, so “{name}” would be a draw by lot: no model beats one effect for all"
    if lacks_value(chosen):
        return f"No answer: “{name}” has no value, as {chosen['reason']}"
    value = f"{value_text(chosen)} profit per household in overlap"
    if state == "no answer":
        return f"No answer yet: the value of “{name}” has no interval"
    if state == "not proven":
        return f"Not proven: targeting by “{name}” is worth {value}, which may be a gain or a loss"
    if state == "loses":
        return f"Do not target by “{name}”: it loses money, {value}"
    if targeting_list is None:
        return f"Targeting by “{name}” pays: {value}"
    targets = decision_counts(targeting_list)["target"]
    if targets == 0:
        return f"Targeting by “{name}” pays, but no household on the list is proven to: {value}"
    return f"Target {numbers.count(targets)} of {numbers.count(len(targeting_list))} households: {value}"


def _everyone_instead(policy_value: pd.DataFrame) -> str:
    """What the opposite of targeting nobody is worth, as far as it was valued."""
    rows = policy_value.loc[policy_value["policy"] == TREAT_ALL]
    if rows.empty or lacks_value(rows.iloc[0]):
        return ""
    everyone = rows.iloc[0]
    verdict = numbers.verdict(everyone["ci_lower"], everyone["ci_upper"])
    meaning = {"below zero": "would lose money", "above zero": "would pay"}.get(verdict, "is not proven to pay")
    return f"; targeting everybody {meaning}, {value_text(everyone)} profit per household in overlap"


def _whom(chosen: pd.Series | None, targeting_list: pd.DataFrame | None) -> str:
    if chosen is None:
        rule = f"Policy values: {NOT_BUILT}."
    else:
        share = numbers.percent(chosen["share_targeted"])
        rule = f"The policy is “{terms.policy(chosen['policy'])}”, which selects {share} of the trials in overlap."
    if targeting_list is None:
        return f"{rule} Targeting list: {NOT_BUILT}."
    counts = ", ".join(f"{numbers.count(n)} to {name}" for name, n in decision_counts(targeting_list).items())
    return f"{rule} On the list: {counts}."


def _how_sure(chosen: pd.Series | None, policy_value: pd.DataFrame | None, ranking: bool) -> str:
    if chosen is None or policy_value is None:
        return f"Policy values: {NOT_BUILT}."
    if _is_lottery(chosen, ranking):
        return f"There is no ranking to be sure of{_everyone_instead(policy_value)}."
    if chosen["share_targeted"] == 0:
        return f"Targeting nobody is worth zero by definition{_everyone_instead(policy_value)}."
    if lacks_value(chosen):
        return f"It has no value, as {chosen['reason']}."
    state = numbers.verdict(chosen["ci_lower"], chosen["ci_upper"])
    meaning = {
        "above zero": "The whole interval is above zero: targeting is expected to pay.",
        "below zero": "The whole interval is below zero: targeting is expected to lose money.",
        "not proven": "Not proven: the interval includes zero, so these data cannot tell a gain from a loss.",
        "unknown": "No interval could be computed.",
    }[state]
    trials = numbers.count(chosen["n_trials"])
    return f"{meaning} Profit per household: {value_text(chosen)}, from {trials} trials."


def _worth(chosen: pd.Series | None, ranking: bool) -> str:
    if chosen is None:
        return f"Policy values: {NOT_BUILT}."
    if _is_lottery(chosen, ranking):
        return "There is no ranking, and a draw by lot is not valued."
    if lacks_value(chosen):
        return f"No value, as {chosen['reason']}."
    claimed = numbers.beside_interval(chosen["claimed_value"], chosen["ci_lower"], chosen["ci_upper"], "$")
    honest = f"{value_text(chosen)} per household in overlap, where the model itself claimed {claimed}."
    if ranking and numbers.is_number(chosen["roi"]):
        honest += f" Return on contact cost: {numbers.percent(chosen['roi'])}."
    return honest


def _campaign_works(average_effects: pd.DataFrame | None) -> str:
    effects = main_effects(average_effects) if average_effects is not None else {}
    row = effects.get("ATO", effects.get("ATE"))
    if row is None:
        return f"Average effects: {NOT_BUILT}."
    if not row["identified"]:
        return f"Not identified here: {row['reason']}."
    name, unit = terms.outcome(row["outcome"])
    what = name.lower()
    meaning = {
        "above zero": f"It raises {what}",
        "below zero": f"It lowers {what}",
        "not proven": f"Not proven: the interval of its effect on {what} includes zero",
        "unknown": f"Its effect on {what} has no interval",
    }[numbers.verdict(row["ci_lower"], row["ci_upper"])]
    where = "among households that could have been in either arm" if row["estimand"] == "ATO" else "on average"
    counted = "of sales" if unit == "$" else unit
    said = f"{meaning}: {effect_text(row)} {counted} per targeted household, {where}."
    profit = gross_profit_effect(average_effects) if average_effects is not None else None
    if profit is None:
        return said
    return f"{said} Its effect on gross profit is {effect_text(profit)}: what a contact may cost to pay for itself."


def _may_be_wrong(tables: StudyTables, matters: float) -> str:
    """What the strongest test of the design found, and how little would explain the effect away."""
    controls, sensitivity = tables.get("negative_controls"), tables.get("sensitivity")
    if controls is None and sensitivity is None:
        return f"Negative controls and sensitivity: {NOT_BUILT}."
    parts = (
        f"Negative controls: {NOT_BUILT}."
        if controls is None
        else _placebo(controls, tables.get("average_effects"), matters),
        f"Sensitivity: {NOT_BUILT}." if sensitivity is None else _hidden_cause(sensitivity),
    )
    return " ".join(parts)


def _hidden_cause(sensitivity: pd.DataFrame) -> str:
    """How strong a hidden cause would have to be to bring the interval to zero."""
    limit = _row_of(sensitivity, analysis=E_VALUE, quantity=E_VALUE_OF_INTERVAL)
    if limit is None:
        return "How strong a hidden cause would have to be is not known."
    if not numbers.is_number(limit["estimate"]):
        return str(limit["meaning"])
    if limit["estimate"] <= 1:
        return "The interval includes zero, so there is nothing yet for a hidden cause to explain away."
    return (
        f"A hidden cause {numbers.number(limit['estimate'], 2)} times as common among those targeted, that raises the "
        "outcome as much, would bring the interval to zero."
    )


def _placebo(controls: pd.DataFrame, average_effects: pd.DataFrame | None, matters: float) -> str:
    """What the campaign "did" to spend before the look-back, on the scale of what it is said to do."""
    placebo = _row_of(controls, control=PLACEBO_OUTCOME, campaign=ALL_CAMPAIGNS)
    if placebo is None:
        return "Whether the arms were alike before the look-back could not be tested."
    bounds = (placebo["ci_lower"], placebo["ci_upper"])
    found = numbers.interval(placebo["estimate"], *bounds, "$")
    days = numbers.count(placebo["n_days"])
    said = (
        f"In {days} days before the look-back, which it cannot have touched, the campaign “raised” spend by {found} "
        "per outcome window"
    )
    verdict, most = numbers.verdict(*bounds), placebos.at_most(placebo["estimate"], placebo["se"])
    if verdict == "unknown":
        return f"{said}, which has no interval to be judged by."
    smallest = f"the smallest effect that matters, ${matters:,.10g}"
    if placebos.smallness(placebo["estimate"], placebo["se"], matters) == "small enough":
        return f"{said}: surely less than {smallest}."
    if verdict != "not proven":
        return f"{said}: the arms differ in something that is not adjusted for."
    effect = main_effects(average_effects).get("ATO") if average_effects is not None else None
    # Of one sign with the effect, and as far from zero.
    as_large = (
        effect is not None
        and effect["outcome"] in SALES
        and placebo["estimate"] * effect["estimate"] >= effect["estimate"] ** 2 > 0
    )
    beside = "no less than its effect, and " if as_large else ""
    return f"{said}: {beside}it may be as large as {numbers.dollars(most)}, above {smallest}."


def _row_of(frame: pd.DataFrame, **wanted: str) -> pd.Series | None:
    """The first row whose columns have the values wanted, or None."""
    rows = frame.loc[(frame[list(wanted)].astype(str) == pd.Series(wanted)).all(axis=1)]
    return rows.iloc[0] if len(rows) else None


def _differ(tables: StudyTables) -> str:
    """Whether effects differ, and where that is not proven, what could not have been seen."""
    board, validation = tables.get("cate_scoreboard"), tables.get("cate_validation")
    found = _households_differ(board, validation)
    proof = None if board is None else heterogeneity_proven(board, validation)
    unproven = proof is not None and (not proof.gate or proof.blp is False)
    return " ".join(filter(None, [found, unseen(tables.get("detectable_spread")) if unproven else ""]))


def _households_differ(cate_scoreboard: pd.DataFrame | None, validation: pd.DataFrame | None) -> str:
    if cate_scoreboard is None:
        return f"Effect models: {NOT_BUILT}."
    whole = cate_scoreboard.loc[(cate_scoreboard["fold"] == ALL_FOLDS) & cate_scoreboard["chosen"].astype(bool)]
    if whole.empty:
        return "No effect model was chosen."
    best, proof = whole.iloc[0], heterogeneity_proven(cate_scoreboard, validation)
    p = f"p = {numbers.number(proof.p, 2)}"
    if not proof.gate:
        said = "There is no ranking: no model predicts effects better than one effect for all."
        if proof.blp:
            return f"{said} Not proven, though the order of the best candidate held on later households ({p})."
        return said
    gain, se = best["gain_over_constant"], best["gain_se"]
    name = terms.model(best["model"])
    if not numbers.is_number(se):
        return f"{name} is in use; its gain over one effect for all has no standard error."
    said = f"{name} predicts effects better than one effect for all, by {numbers.number(gain / se, 2)} standard errors"
    if proof.blp is None:
        return f"{said}."
    if proof.proven:
        return f"{said}, and its order holds on later households ({p}): proven."
    return f"{said}, but its order did not surely hold on later households ({p}): not proven."
