"""Judgements of randomised experiments: their arms, what came in, and whether one waits to be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.orchestration.checks.check import BLOCK, WARN, Check, Sight
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings

if TYPE_CHECKING:
    from dunnhumby_pipeline.experiments.registration import Registration

# Standard errors of a difference of arms drawn without strata, beyond which it is not chance (1 in 1,000).
_CHANCE = 3.29


def arms_alike(assignment: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The arms of the assignment have alike spend and visits before the test."""
    from dunnhumby_pipeline.experiments.balance import assignment_balance

    if assignment.empty:
        return Verdict(True, "no household is to be tested", {})
    balance = assignment_balance(assignment)
    limit = balance["smd_se"].map(lambda error: max(settings.max_assignment_smd, _CHANCE * error))
    metrics = {f"smd_{row.covariate}": float(row.smd) for row in balance.itertuples()}
    text = ", ".join(f"{row.covariate} differs by {row.smd:+.3f} SD" for row in balance.itertuples())
    return Verdict(bool((balance["smd"].abs() <= limit).all()), text, metrics)


def sample_ratio(looks: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Of every experiment the outcomes that were read last came in by the ratio that was assigned."""
    last = looks.drop_duplicates("assignment_hash", keep="last")
    off = last.loc[last["sample_ratio_p"] < last["sample_ratio_least"]]
    metrics = {"n_experiments": len(last), "n_mismatched": len(off)}
    if last.empty:
        return Verdict(True, "no outcomes were read", metrics)
    if off.empty:
        least = float(last["sample_ratio_p"].min())
        return Verdict(True, f"{len(last)} experiments, smallest p of a mismatch {least:.2g}", metrics)
    said = "; ".join(
        f"{row.assignment_hash[:12]}: {row.n_contacted:,} contacted and {row.n_held_out:,} held out "
        f"(p = {row.sample_ratio_p:.1g}, read on {row.read_on})"
        for row in off.itertuples()
    )
    return Verdict(False, f"arms do not have the sizes that were assigned: {said}", metrics)


def experiments_read(sight: Sight) -> Verdict:
    """Every experiment whose outcome window has ended was read back."""
    from dunnhumby_pipeline.experiments.ledger import results
    from dunnhumby_pipeline.experiments.registration import planned

    home, settings = sight.study.home, sight.study.settings.checks
    found = results(home.ledger)
    read = set() if found.empty else set(found["assignment_hash"])
    own = [plan for plan in planned(home.experiments) if plan.campaign_type == sight.campaign_type]
    return due(own, read, date.today(), settings)


def due(plans: Sequence[Registration], read: Collection[str], today: date, settings: CheckSettings) -> Verdict:
    """Every experiment whose outcome window has ended was read back."""
    waiting = [plan for plan in plans if plan.assignment_hash not in read]
    over = [plan for plan in waiting if plan.ends_on() <= today]
    metrics = {"n_assigned": len(plans), "n_waiting": len(waiting), "n_due": len(over)}
    if over:
        said = "; ".join(f"{_when(plan, settings)}, {(today - plan.ends_on()).days} days ago" for plan in over)
        return Verdict(False, f"due: {said}; read it with `dunnhumby experiment read`", metrics)
    if waiting:
        return Verdict(True, "; ".join(_when(plan, settings) for plan in waiting), metrics)
    return Verdict(True, f"{len(plans)} experiments assigned, all of them read", metrics)


def _when(plan: Registration, settings: CheckSettings) -> str:
    end = plan.ends_on()
    day = "" if settings.day_one is None else f" (day {(end - settings.day_one).days + 1})"
    # Without a date of the first contact this is the earliest that it can be.
    known = "" if plan.starts_on else " at the earliest, had contacts begun on the day it was assigned;"
    return f"{plan.assignment_hash[:12]}, assigned on {plan.assigned_on}:{known} its window ends on {end}{day}"


# Entries of the registry.
CHECKS: tuple[Check, ...] = (
    Check(
        "experiment_assignment",
        arms_alike,
        WARN,
        red="the arms of the assignment differ in spend or visits before the test by more than chance explains",
        advice="assign with another `seed`, or more `experiment.spend_quantiles`; the effect is adjusted for both",
        why="a difference from before the test would be taken for the effect of the contact",
        thresholds=("max_assignment_smd",),
    ),
    Check(
        "experiment_looks",
        sample_ratio,
        BLOCK,
        red="outcomes of an experiment came in by another ratio of arms than was assigned: who has an outcome depends "
        "on the arm, and no effect of it is one",
        advice="find where households were lost or added, by arm, and read a whole file; the ledger has no such result",
        why="households that are missing from one arm are seldom missing by chance",
    ),
    Check(
        "experiment_looks",
        experiments_read,
        WARN,
        look=experiments_read,
        red="the outcome window of an assigned experiment has ended, and it was not read back",
        advice="gather its outcomes and give them to `dunnhumby experiment read`; decisions wait for it",
        why="a test that nobody reads costs what it costs and teaches nothing",
        thresholds=("day_one",),
    ),
)
