"""What to do with the next campaign, in words that need no explaining: from the list, not from a model.

What the list decides for its households is the headline; everything else says why, at which cost it changes, what it
is worth in all, what is not known and who does what next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, LEAVE, TARGET, TEST
from dunnhumby_pipeline.report.answer import has_ranking
from dunnhumby_pipeline.report.brief.plain import between, in_all
from dunnhumby_pipeline.report.brief.reasons import reason
from dunnhumby_pipeline.report.cost_answer import in_use, whole_test
from dunnhumby_pipeline.report.tables import StudyTables, blocking_failures
from dunnhumby_pipeline.targeting.decision_summary import ALL as WHOLE
from dunnhumby_pipeline.targeting.dial import stretches
from dunnhumby_pipeline.words import numbers, placebos

# The tables that the decision is told from; without the first it cannot be.
NEEDED = ("decision_summary",)
BESIDE = (
    "break_even",
    "decision_by_cost",
    "experiment_design",
    "experiment_result",
    "cate_scoreboard",
    "detectable_spread",
    "negative_controls",
    "targeting_list",
)
State = Literal["send", "test", "do not send", "no answer"]
_DO = {TARGET: "send", TEST: "test first", LEAVE: "do not send"}


@dataclass(frozen=True)
class Gate:
    """A blocking check that failed or was never reached: what it found, what to do, and what must hold (`asked`)."""

    name: str
    found: str
    advice: str
    asked: str = ""


@dataclass(frozen=True)
class Step:
    """One thing that somebody does next."""

    who: str
    what: str
    when: str


@dataclass(frozen=True)
class Decision:
    """The headline with its state, (question, answer) below it, the next steps in order, and what the analyst looks at:
    the checks that failed, with what they found."""

    state: State
    headline: str
    points: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    failed: tuple[Gate, ...] = ()


def decide(
    tables: StudyTables, campaign_type: str, gates: Sequence[Gate], stale: str | None, matters: float
) -> Decision:
    """The decision for `campaign_type`. With a list that is stale or missing, or a gate that is closed, it says what
    could not be answered, why, and what opens the `gates`. `matters`: the smallest effect on spend that does, $ per
    household and outcome window.
    """
    tables = tables.only((*NEEDED, *BESIDE))
    summary = tables.get("decision_summary")
    if summary is None or stale or gates:
        return _unanswered(campaign_type, gates, stale)
    whole = summary.loc[summary["grouping"] == WHOLE].iloc[0]
    design = whole_test(tables.get("experiment_design"))
    state: State = "send" if whole["n_target"] else "test" if whole["n_test"] else "do not send"
    points = (
        ("Why?", _why(whole, tables.get("break_even"))),
        ("At which cost does that change?", _by_cost(tables.get("decision_by_cost"), tables.get("break_even"))),
        ("What is it worth?", _worth(whole, design)),
        ("What do we not know?", _unknown(tables, matters)),
        ("What would settle it?", _settle(design)),
    )
    kept = tuple((question, text) for question, text in points if text)
    return Decision(state, _headline(state, whole, campaign_type, design), kept, _steps(state, whole, design))


def _headline(state: State, whole: pd.Series, campaign_type: str, design: pd.Series | None) -> str:
    households = numbers.count(whole["n_households"])
    tested = f"{numbers.count(whole['n_test'])} of {households} households"
    if state == "do not send":
        return f"Do not send the next {campaign_type} campaign: no household is expected to repay its cost"
    if state == "test":
        arms = ""
        if design is not None:
            contacted, held = (numbers.count(design[name]) for name in ("n_treated", "n_control"))
            arms = f": send it to {contacted} of them, drawn by lot, and not to the other {held}"
        return f"Test the next {campaign_type} campaign before rolling it out, on {tested}{arms}"
    sent = f"Send the next {campaign_type} campaign to {numbers.count(whole['n_contact'])} of {households} households"
    held = f", and hold {numbers.count(whole['n_held_out'])} back to measure it" if whole["n_held_out"] else ""
    return f"{sent}{held}" + (f"; test it on {numbers.count(whole['n_test'])} more" if whole["n_test"] else "")


def _why(whole: pd.Series, break_even: pd.DataFrame | None) -> str:
    row = in_use(break_even)
    if row is None:
        return ""
    cost, adds = numbers.price(row["contact_cost"]), numbers.price(row["break_even_contact_cost"])
    known = between(row["break_even_calibrated_lower"], row["break_even_calibrated_upper"])
    chance = numbers.percent(row["probability_pays_calibrated"])
    return (
        f"One contact costs {cost} ({row['scenario']}). Our best estimate is that it adds {adds} of gross profit per "
        f"household; what it truly adds lies {known}. The chance that it repays its cost is {chance}."
    )


def _by_cost(dial: pd.DataFrame | None, break_even: pd.DataFrame | None) -> str:
    row = in_use(break_even)
    if dial is None or row is None:
        return ""
    runs = list(stretches(dial))
    if len(runs) == 1:
        return f"At none that was tried, up to {numbers.price(runs[0][2])} a contact: {_DO[runs[0][0]]}."
    said = []
    for place, (decision, start, end) in enumerate(runs):
        where = (
            f"above {numbers.price(start)}"
            if place == len(runs) - 1
            else f"up to {numbers.price(end)}"
            if place == 0
            else f"from {numbers.price(start)} to {numbers.price(end)}"
        )
        said.append(f"{where} a contact: {_DO[decision]}")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}. Today's cost is {numbers.price(row['contact_cost'])}."


def _worth(whole: pd.Series, design: pd.Series | None) -> str:
    said = []
    if whole["n_contact"]:
        ends = in_all(whole["profit_lower"], whole["profit_upper"])
        said.append(
            f"The {numbers.count(whole['n_contact'])} contacts are expected to bring "
            f"{numbers.whole_dollars(whole['profit_of_contacts'])} over their cost, {ends}."
        )
    elif numbers.is_number(whole["expected_profit"]):
        everyone = whole["n_supported"]
        ends = in_all(everyone * whole["ci_lower"], everyone * whole["ci_upper"])
        said.append(
            f"Sent without a test to all {numbers.count(everyone)} households that we can judge, the campaign is "
            f"expected to bring {numbers.whole_dollars(everyone * whole['expected_profit'])} over its cost, but that "
            f"may be anything {ends}."
        )
    if whole["n_test"] and design is not None:
        gain, cost = (numbers.whole_dollars(design[name]) for name in ("value_of_test", "cost_of_test"))
        said.append(
            f"Knowing before deciding is worth {gain} over the campaigns to come; the test costs {cost}, most of it in "
            "profit that the households held back would have brought."
            if design["cost_of_test"] > design["contact_bill"]
            else f"Knowing before deciding is worth {gain} over the campaigns to come; the test costs {cost}."
        )
    if whole["n_suppressed"]:
        said.append(
            f"{numbers.count(whole['n_suppressed'])} households may not be contacted, which gives up "
            f"{numbers.whole_dollars(whole['given_up'])}."
        )
    return " ".join(said)


def _unknown(tables: StudyTables, matters: float) -> str:
    said = [
        "Earlier campaigns were not sent by lot. We compare households that were alike in all we can see; what we "
        "cannot see may still differ."
    ]
    if tables.get("cate_scoreboard") is not None and not has_ranking(tables.get("cate_scoreboard")):
        said.append("Whether some households respond more than others is not proven, so nobody is singled out.")
    if not _surely_small(tables.get("negative_controls"), matters):
        said.append(
            "In a check for effects where there can be none we could not rule out one large enough to matter; the "
            "ranges above allow for that."
        )
    return " ".join(said)


def _surely_small(controls: pd.DataFrame | None, matters: float) -> bool:
    """Whether what the campaign "did" before it came, over all campaigns, is surely too small to matter."""
    if controls is None:
        return False
    whole = controls.loc[controls["campaign"].astype(str) == ALL_CAMPAIGNS]
    return len(whole) > 0 and all(
        placebos.smallness(row["estimate"], row["se"], matters) == "small enough" for _, row in whole.iterrows()
    )


def _settle(design: pd.Series | None) -> str:
    if design is None:
        return ""
    total, days = numbers.count(design["n_households"]), numbers.count(design["duration_days"])
    return (
        f"A test of {total} households over {days} days. Four such tests in five would show a gain of "
        f"{numbers.price(design['detectable_effect'])} or more per household; together with what is known today, the "
        "test tells whether to send."
        if round(float(design["detectable_effect"]), 2) > 0
        else ""
    )


def _steps(state: State, whole: pd.Series, design: pd.Series | None) -> tuple[Step, ...]:
    days = numbers.count(design["duration_days"]) if design is not None else None
    if state == "do not send":
        return (
            Step("Marketing", "Do not book this campaign; ask for a cheaper way to reach these households.", "now"),
            Step("Analyst", "Run the study again when the cost of a contact or the data change.", "on change"),
        )
    send = (
        Step(
            "CRM",
            "Send to the households marked “contact” on the targeting list; leave the others alone.",
            "on launch",
        )
        if state == "send"
        else Step(
            "CRM",
            "Send to the households marked “contact” in the file “Groups of the test”; leave the others alone.",
            "on launch",
        )
    )
    measured = f"{days} days after launch" if days else "when the outcome window has passed"
    return (
        Step("Marketing director", "Approve this list, or say why not.", "now"),
        Step(
            "Analyst",
            "Record the approval (dunnhumby approve)"
            + (" and draw the two groups (dunnhumby experiment assign)." if whole["n_test"] else "."),
            "before launch",
        ),
        send,
        Step("Analyst", "Read the result (dunnhumby experiment read) and write this brief again.", measured),
    )


def _unanswered(campaign_type: str, gates: Sequence[Gate], stale: str | None) -> Decision:
    points = [
        (
            "What could not be answered?",
            f"Whom to send the next {campaign_type} campaign to, and what that is worth. Until it is known, send "
            "nothing on the strength of an older list.",
        ),
        ("Why?", _why_not(gates, stale)),
        (
            "What does still hold?",
            "Who the customers are and what to do for each group of them, as far as it stands below: that does not "
            "rest on this campaign.",
        ),
    ]
    steps = [Step("Analyst", f"{gate.advice[0].upper()}{gate.advice[1:]}.", "now") for gate in gates if gate.advice]
    steps.append(
        Step(
            "Analyst",
            f"Run the study again (dunnhumby run --campaign-type {campaign_type}).",
            "then" if gates else "now",
        )
    )
    steps.append(Step("Marketing", f"Plan the next {campaign_type} campaign when this brief names a decision.", "then"))
    headline = f"No recommendation for {campaign_type} yet"
    return Decision("no answer", headline, tuple(points), tuple(steps), tuple(gates))


def _why_not(gates: Sequence[Gate], stale: str | None) -> str:
    if not gates:
        return stale or "The study has not come so far yet."
    # Several checks may have found the same.
    why = dict.fromkeys(reason(gate.name.rpartition(".")[2]) for gate in gates)
    return f"The study checks itself, and stopped. {' '.join(why)}"


def gates_of(checks: pd.DataFrame, told: Mapping[str, tuple[str, str]]) -> tuple[Gate, ...]:
    """The blocking checks that failed; `told`: what each checks, and what to do, by 'table.check'."""
    gates = []
    for _, row in blocking_failures(checks).iterrows():
        name = f"{row['asset']}.{row['check']}"
        asked, advice = told.get(name, ("", ""))
        gates.append(Gate(name, str(row["message"]), advice, asked))
    return tuple(gates)
