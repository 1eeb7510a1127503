"""Outcomes of an assigned experiment on a simulated retailer, in the form that they are read back in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dunnhumby_pipeline.experiments.assignment import CONTACT, HOLD_OUT, is_sealed
from dunnhumby_pipeline.experiments.registration import ExperimentError
from dunnhumby_pipeline.simulate.future import DAYS, outcomes_to_come, plan_of

# The only type whose campaigns do anything in a simulation.
SIMULATED_TYPE = "TypeA"
_NEEDED = ("household_key", "arm", "stratum", "seed", "campaign_type", "assignment_hash")
_QUOTED = ("'=", "'+", "'-", "'@", "'\t", "'\r")


def read_assignment(path: Path) -> pd.DataFrame:
    """The assignment in a CSV file that `dunnhumby experiment assign` wrote.

    Raises ExperimentError when it cannot be read, lacks columns or households, or is not as it was sealed.
    """
    try:
        found = pd.read_csv(path, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ExperimentError(f"{path} cannot be read: {error}") from error
    lacking = [name for name in _NEEDED if name not in found.columns]
    if lacking:
        raise ExperimentError(
            f"{path} is no assignment: it has no column {', '.join(lacking)}; expected the file that "
            "`dunnhumby experiment assign` wrote"
        )
    if found.empty:
        raise ExperimentError(f"{path} assigns no household")
    for name in ("arm", "stratum", "campaign_type"):
        # A quote keeps spreadsheets from reading text as a formula; it is no part of what was sealed.
        found[name] = found[name].astype(str).map(lambda cell: cell[1:] if cell.startswith(_QUOTED) else cell)
    key = pd.to_numeric(found["household_key"], errors="coerce")
    if key.isna().any() or (key % 1 != 0).any():
        wrong = key.isna() | (key % 1 != 0)
        raise ExperimentError(
            f"household_key is no whole number in {int(wrong.sum())} rows of {path}, such as "
            f"{found['household_key'][wrong].iloc[0]!r}"
        )
    if not is_sealed(found.assign(household_key=key.astype("int64"))):
        raise ExperimentError(f"{path} was altered after it was made: its hash is not that of its rows")
    return found.assign(household_key=key.astype("int64"))


def simulated_outcomes(assignment: pd.DataFrame, folder: Path, days: int = DAYS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(outcomes as `read_back` takes them, the truth behind them) of an assigned experiment on the retailer that was
    simulated in `folder`; one row per household, by household.

    Outcomes: household_key, assignment_hash, arm, contacted, days_observed, sales, match ($). Truth: those, and
    received_before, effect, and what would have come in either arm (see `outcomes_to_come`). Raises ExperimentError
    when the assignment is of another campaign type, and PlanError when the folder or the households are not of a
    simulation.
    """
    types = sorted(set(assignment["campaign_type"]))
    if types != [SIMULATED_TYPE]:
        raise ExperimentError(
            f"the assignment is of {', '.join(types)}; in a simulation {SIMULATED_TYPE} campaigns alone do anything"
        )
    strange = sorted(set(assignment["arm"]) - {CONTACT, HOLD_OUT})
    if strange:
        raise ExperimentError(f"arm is {strange[0]!r} in some rows; expected {CONTACT!r} or {HOLD_OUT!r}")
    plan, rule = plan_of(folder)
    truth = outcomes_to_come(plan, rule, assignment["household_key"], days)
    truth = truth.merge(assignment[["household_key", "assignment_hash", "arm"]], on="household_key")
    contacted = (truth["arm"] == CONTACT).to_numpy()
    truth = truth.assign(
        contacted=np.where(contacted, "yes", "no"),
        days_observed=days,
        sales=np.where(contacted, truth["sales_contact"], truth["sales_hold_out"]),
        match=np.where(contacted, truth["match_contact"], 0.0),
    )
    told = ["household_key", "assignment_hash", "arm", "contacted", "days_observed", "sales", "match"]
    return truth[told], truth
