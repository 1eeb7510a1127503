"""What is written down before an experiment begins, so that nobody can choose it afterwards.

It lies in the folder `experiments` of the home and lasts across runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.experiments.assignment import hash_of
from dunnhumby_pipeline.journey.forgotten import read_forgotten
from dunnhumby_pipeline.targeting.belief import Belief, believed
from dunnhumby_pipeline.targeting.lessons import Lesson
from dunnhumby_pipeline.targeting.scenarios import Scenario


class ExperimentError(Exception):
    """An experiment cannot be assigned or read. The message says why, in a line."""


@dataclass(frozen=True)
class Registration:
    """An experiment as it was planned: what the study and `earlier` experiments said ($ per household, on profit before
    the contact), what a contact costs, how outcomes become profit, how long they are counted, when they are looked at,
    what hangs on the decision, and who planned it when. `page_hash`: SHA-256 of the page that says so to people.
    """

    assignment_hash: str
    campaign_type: str
    scenario: str
    estimate: float
    se: float
    tau: tuple[float, ...]
    tau_weight: tuple[float, ...]
    n_controls: int
    contact_cost: float
    margin: float
    of_gross_profit: float
    of_sales: float
    duration_days: int
    contact_share: float
    confidence: float
    n_households: int
    n_campaigns: int
    variance: float
    test_cost: float
    sample_ratio_p: float
    n_assigned: int
    power: float
    detectable_effect: float
    n_looks: int
    assigned_on: str
    assigned_by: str
    starts_on: str | None = None
    earlier: tuple[tuple[float, float], ...] = ()
    page_hash: str = ""

    def prior(self) -> Belief:
        """What was believed of the effect before the experiment."""
        allowance = BiasAllowance(np.asarray(self.tau), np.asarray(self.tau_weight), self.n_controls)
        return believed(self.estimate, self.se, allowance, self.earlier)

    def ends_on(self) -> date:
        """The day on which the outcome window ends, or, where the first contact has no date yet, could end first."""
        first = date.fromisoformat(self.starts_on or self.assigned_on)
        return first + timedelta(days=self.duration_days)


def registration(
    assignment: pd.DataFrame,
    design: pd.DataFrame,
    scenario: Scenario,
    allowance: BiasAllowance,
    learnt: Sequence[Lesson],
    plan: Mapping[str, Any],
) -> Registration:
    """The plan of an assigned experiment, from tables of the study.

    `allowance`: for an effect on spend ($); `learnt`: of earlier experiments on the campaign type; `plan`: confidence,
    contact_share, n_campaigns, test_cost, sample_ratio_p, n_looks, assigned_on (ISO date), assigned_by, starts_on
    (ISO date or None).
    """
    of_profit = allowance.times(scenario.margin)
    first = design.iloc[0]
    nearest = design.iloc[(design["n_households"] - len(assignment)).abs().argmin()]
    return Registration(
        assignment_hash=str(assignment["assignment_hash"].iloc[0]),
        campaign_type=str(assignment["campaign_type"].iloc[0]),
        scenario=scenario.name,
        estimate=float(first["study_effect"]),
        se=float(first["study_se"]),
        tau=tuple(of_profit.tau.tolist()),
        tau_weight=tuple(of_profit.weight.tolist()),
        n_controls=of_profit.n_controls,
        contact_cost=float(first["smallest_effect"]),
        margin=scenario.margin,
        of_gross_profit=scenario.of_gross_profit,
        of_sales=scenario.of_sales,
        duration_days=int(first["duration_days"]),
        n_households=int(design.loc[design["feasible"].astype(bool), "n_households"].max()),
        variance=float(first["outcome_sd"] ** 2),
        n_assigned=len(assignment),
        power=float(nearest["power"]),
        detectable_effect=float(nearest["detectable_effect"]),
        earlier=tuple(one.at(scenario.margin) for one in learnt),
        **plan,
    )


def keep(plan: Registration, assignment: pd.DataFrame, page: str, folder: Path) -> Registration:
    """Keep an experiment as planned in `folder`, under its hash, with the page that says so: the plan as it is kept.
    What was kept before stays as it is.
    """
    file = folder / f"{plan.assignment_hash}.json"
    if file.exists():
        return kept(plan.assignment_hash, folder)[0]
    folder.mkdir(parents=True, exist_ok=True)
    assignment.to_parquet(folder / f"{plan.assignment_hash}.parquet", index=False)
    file.with_suffix(".html").write_text(page, encoding="utf-8")
    told = asdict(replace(plan, page_hash=_hash(page)))
    file.write_text(json.dumps({"plan": told, "seal": _hash(json.dumps(told))}), encoding="utf-8")
    return replace(plan, page_hash=told["page_hash"])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def kept(assignment_hash: str, folder: Path) -> tuple[Registration, pd.DataFrame]:
    """The experiment with this hash as it was planned, and its assignment.

    Households forgotten since are no longer in it. Raises ExperimentError when none was kept, or plan, page or
    assignment have been altered.
    """
    file = folder / f"{assignment_hash}.json"
    if not assignment_hash.isalnum() or not file.is_file():
        raise ExperimentError(
            f"the outcomes are of another assignment ({assignment_hash[:12]}), which was not made here"
        )
    plan = _plan(file)
    page = file.with_suffix(".html")
    if not page.is_file() or _hash(page.read_text(encoding="utf-8")) != plan.page_hash:
        raise ExperimentError(f"the registration {page} is not as it was when the experiment was assigned; restore it")
    stored = file.with_suffix(".parquet")
    if not stored.is_file():
        raise ExperimentError(f"the assignment {stored} is missing; restore it")
    assignment = pd.read_parquet(stored)
    found = read_forgotten(folder.parent).sealed_as(hash_of(assignment))
    if found != assignment_hash or (assignment["assignment_hash"] != assignment_hash).any():
        raise ExperimentError(f"the assignment {assignment_hash[:12]} in {folder} was altered after it was made")
    return plan, assignment


def planned(folder: Path) -> list[Registration]:
    """All experiments that were assigned, by the day on which they were."""
    plans = [_plan(file) for file in sorted(folder.glob("*.json"))]
    return sorted(plans, key=lambda plan: (plan.assigned_on, plan.assignment_hash))


def _plan(file: Path) -> Registration:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        told, seal = read["plan"], read["seal"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(f"the plan {file} cannot be read ({error}); restore it") from error
    if _hash(json.dumps(told)) != seal or set(told) != {each.name for each in fields(Registration)}:
        raise ExperimentError(f"the plan {file} was altered after it was made; restore it")
    listed = {name: tuple(told[name]) for name in ("tau", "tau_weight")}
    return Registration(**{**told, **listed, "earlier": tuple(tuple(pair) for pair in told["earlier"])})
