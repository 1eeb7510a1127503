"""At which contact cost the decision changes, and which randomised test would settle it, in plain words."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.experiments.design import best_size
from dunnhumby_pipeline.words import numbers

NOT_BUILT = "not built"


def at_which_cost(break_even: pd.DataFrame | None) -> str:
    """What a contact may cost, and what is decided at each cost that is known."""
    row = in_use(break_even)
    if break_even is None or row is None:
        return f"Decision by cost: {NOT_BUILT}."
    calibrated = numbers.interval(
        row["break_even_contact_cost"], row["break_even_calibrated_lower"], row["break_even_calibrated_upper"], "$"
    )
    ordered = break_even.sort_values("contact_cost", kind="stable")
    decided = ", ".join(
        f"{other['scenario']} ({numbers.price(other['contact_cost'])}): {other['decision']}"
        for _, other in ordered.iterrows()
    )
    return (
        f"A contact pays for itself up to {calibrated}, with systematic error allowed for; at "
        f"{numbers.price(row['contact_cost'])}, {row['scenario']}, it pays with a chance of "
        f"{numbers.percent(row['probability_pays_calibrated'])}. By cost: {decided}."
    )


def what_would_settle_it(design: pd.DataFrame | None) -> str:
    """The test of all households to be tested, and the size that is worth most over its cost (table
    experiment_design).
    """
    if design is None:
        return f"Design of an experiment: {NOT_BUILT}."
    row = whole_test(design)
    if row is None:
        return "No test: fewer households are to be tested than two arms need."
    best = best_size(design)
    worth, cost = (numbers.whole_dollars(row[name]) for name in ("value_of_test", "cost_of_test"))
    contacted, held = (numbers.count(row[name]) for name in ("n_treated", "n_control"))
    said = (
        f"A randomised test of the households to be tested, {contacted} contacted and {held} held out, is expected to "
        f"gain {worth} over deciding today, and costs {cost}"
    )
    if not (design["net_value"] > 0).any():
        return f"{said}: more than it gains, as one of any size would."
    if best == row["n_households"]:
        return f"{said}."
    return f"{said}; one of {numbers.count(best)} in all is worth most over its cost."


def whole_test(design: pd.DataFrame | None) -> pd.Series | None:
    """The test of all who are to be tested, which is the largest that there are households for; None without any."""
    feasible = design.loc[design["feasible"].astype(bool)] if design is not None else None
    return None if feasible is None or feasible.empty else feasible.loc[feasible["n_households"].idxmax()]


def in_use(break_even: pd.DataFrame | None) -> pd.Series | None:
    """The row of the cost scenario in use; None without one."""
    if break_even is None:
        return None
    used = break_even.loc[break_even["used"].astype(bool)]
    return used.iloc[0] if len(used) else None
