"""A brief per segment: size, money at stake, budget, one action, what it is judged by, and a test.

The test is of the households' next actions against nothing, by lot, on gross profit over `days` days. What a household
brought in as many days before is known when it is drawn, and explains a part of what it brings: the analysis adjusts
for it (Deng et al. 2013, CUPED), so that of the variance v of gross profit v (1 - r^2) counts, r the correlation of
both stretches within the segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.experiments.design import arms, detectable_effect, required_size
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.words.numbers import count, dollars, price

WHOLE, BEFORE, LAST = 0, 1, 2
# Fewest households of an arm of which a spread can be spoken.
_FEWEST = 10
# Rounds of a test that somebody may wait for.
_MOST_ROUNDS = 6
COLUMNS = [
    "segment",
    "segment_name",
    "priority",
    "strategy",
    "n_households",
    "share",
    "revenue",
    "revenue_share",
    "gross_profit",
    "clv_total",
    "clv_mean",
    "n_contactable",
    "contact_cost",
    "budget",
    "action",
    "n_offered",
    "offer_share",
    "offer_form",
    "channel",
    "funder",
    "kpi",
    "avoid",
    "test",
    "test_days",
    "test_households",
    "outcome_sd",
    "smallest_effect",
    "n_needed",
    "rounds_needed",
    "detectable_effect",
]


@dataclass(frozen=True)
class Terms:
    """What briefs rest on: the cost of a contact ($; None where only a campaign's data tell), the days that a test is
    read over, and the settings of experiments, with the confidence of their verdict."""

    contact_cost: float | None
    days: int
    experiment: ExperimentSettings
    confidence: float


def brief_windows(first_day: int, last_day: int, days: int) -> pd.DataFrame:
    """The windows over which money is summed: the whole history, and where it holds both, the last `days` days and as
    many before: window (`WHOLE`, `BEFORE`, `LAST`), first_day, index_day (first day out)."""
    after = last_day + 1
    rows = [(WHOLE, first_day, after)]
    if after - 2 * days >= first_day:
        rows += [(BEFORE, after - 2 * days, after - days), (LAST, after - days, after)]
    frame = pd.DataFrame(rows, columns=["window", "first_day", "index_day"])
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def segment_briefs(
    playbook: pd.DataFrame, actions: pd.DataFrame, values: pd.DataFrame, bought: pd.DataFrame, terms: Terms
) -> pd.DataFrame:
    """A row per segment, most urgent first (columns `COLUMNS`); money in $, sizes in households.

    `playbook`: the table segment_playbook; `actions`: next_action; `values`: household_key and clv; `bought`:
    household_key, window (`brief_windows`), purchase_amount, gross_profit; a household without a row in a window
    bought nothing in it. Households without an action are no part of budget or test. Where too few have one, all
    brought the same, or the history is too short for both stretches, there is no test, and it is said.
    """
    money = {window: rows.set_index("household_key") for window, rows in bought.groupby("window")}
    whole = money.get(WHOLE, bought.set_index("household_key").iloc[:0])
    households = actions[["household_key", "segment", "rule", "suppressed"]].assign(
        revenue=actions["household_key"].map(whole["purchase_amount"]).fillna(0.0),
        gross_profit=actions["household_key"].map(whole["gross_profit"]).fillna(0.0),
        clv=actions["household_key"].map(values.set_index("household_key")["clv"]),
    )
    for name, window in (("before", BEFORE), ("last", LAST)):
        known = money[window]["gross_profit"] if window in money else pd.Series(dtype=float)
        households[name] = actions["household_key"].map(known).fillna(0.0) if window in money else np.nan
    rows = [
        _brief(advice, own, actions, len(households), float(households["revenue"].sum()), terms)
        for advice in playbook.to_dict("records")
        for own in [households[households["segment"] == advice["segment"]]]
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype(
        dict.fromkeys(("n_needed", "rounds_needed"), "Int64") | dict.fromkeys(_TEXTS, "str")
    )


_TEXTS = ("action", "offer_form", "channel", "funder", "kpi", "avoid", "test")


def _brief(
    advice: dict[str, object], own: pd.DataFrame, actions: pd.DataFrame, n_all: int, revenue: float, terms: Terms
) -> dict[str, object]:
    contactable = own[~own["suppressed"].astype(bool)]
    followed = own[own["rule"] == advice["offer_rule"]]
    said = actions.loc[followed.index[0]] if len(followed) else None
    found = {
        **{name: advice[name] for name in ("segment", "segment_name", "priority", "strategy")},
        "n_households": len(own),
        "share": len(own) / n_all,
        "revenue": float(own["revenue"].sum()),
        "revenue_share": float(own["revenue"].sum()) / revenue if revenue else np.nan,
        "gross_profit": float(own["gross_profit"].sum()),
        "clv_total": float(own["clv"].sum()),
        "clv_mean": float(own["clv"].mean()),
        "n_contactable": len(contactable),
        "contact_cost": np.nan if terms.contact_cost is None else terms.contact_cost,
        "budget": np.nan if terms.contact_cost is None else terms.contact_cost * len(contactable),
        "action": advice["offer"] if said is not None else "None: the playbook has no offer that most of them may get.",
        "n_offered": len(followed),
        "offer_share": advice["offer_share"],
        "offer_form": None if said is None else said["offer_form"],
        "channel": None if said is None else said["channel"],
        "funder": None if said is None else said["funder"],
        "kpi": None if said is None else said["kpi"],
        "avoid": advice["avoid"],
        "test_days": terms.days,
        "test_households": len(contactable),
    }
    return found | _test(str(advice["segment_name"]), contactable, terms)


def _test(name: str, open_to: pd.DataFrame, terms: Terms) -> dict[str, object]:
    """The test of their next actions on the households `open_to` them, in numbers and words."""
    nothing: dict[str, object] = {
        **dict.fromkeys(("outcome_sd", "smallest_effect", "detectable_effect"), np.nan),
        **dict.fromkeys(("n_needed", "rounds_needed")),
    }
    n, cost, days = len(open_to), terms.contact_cost, terms.days
    if n < 2 * _FEWEST:
        few = f"{count(n)} of its households have an offer" if n else "nobody has an offer"
        return nothing | {"test": f"None: {few}, too few for two arms of {_FEWEST}."}
    if open_to["last"].isna().any():
        return nothing | {"test": f"None yet: the history is shorter than twice {days} days, so no spread is known."}
    sd = _adjusted_sd(open_to["last"].to_numpy(dtype=float), open_to["before"].to_numpy(dtype=float))
    if sd == 0:
        return nothing | {"test": f"None: its households all brought the same in the last {days} days."}
    n_treated, n_control = arms(n, terms.experiment.contact_share)
    least = detectable_effect(n_treated, n_control, sd, terms.experiment.power, terms.confidence)
    needed = None if not cost else required_size(cost, sd, terms.experiment, terms.confidence)
    rounds = None if needed is None else math.ceil(needed / n)
    said = (
        f"Draw by lot {count(n_treated)} of the {count(n)} households of {name} that have an offer, give these their "
        f"next action and leave {count(n_control)} without; compare gross profit per household over {days} days. That "
        f"finds {dollars(least)} per household or more with a chance of {terms.experiment.power:.0%}"
    )
    if needed is None or rounds is None or cost is None:
        said += "."
    elif rounds == 1:
        said += f"; {count(needed)} households are enough for {price(cost)}, what a contact costs."
    elif rounds <= _MOST_ROUNDS:
        said += (
            f"; for {price(cost)}, what a contact costs, it takes {count(needed)} households: {count(rounds)} such "
            f"rounds, {count(math.ceil(rounds * days / 7))} weeks, each drawn anew."
        )
    else:
        said += (
            f"; for {price(cost)}, what a contact costs, it takes {count(needed)} households, which the segment will "
            f"not have: a gain under {dollars(least)} can only be told with other segments together."
        )
    return {
        "test": said,
        "outcome_sd": sd,
        "smallest_effect": np.nan if cost is None else cost,
        "n_needed": needed,
        "rounds_needed": rounds,
        "detectable_effect": least,
    }


def _adjusted_sd(after: np.ndarray, before: np.ndarray) -> float:
    """Standard deviation of `after` (n,) that a line on `before` (n,) leaves."""
    if np.ptp(after) == 0:
        return 0.0
    explained = 0.0 if np.ptp(before) == 0 else float(np.corrcoef(after, before)[0, 1]) ** 2
    return float(after.std(ddof=1)) * math.sqrt(max(1 - explained, 0.0))
