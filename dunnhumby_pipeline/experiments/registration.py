"""What is written down before an experiment begins, so that nobody can choose it afterwards.

It lies in the folder `experiments` of the home and lasts across runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.experiments.assignment import is_sealed
from dunnhumby_pipeline.targeting.belief import Belief, prior
from dunnhumby_pipeline.targeting.scenarios import Scenario


class ExperimentError(Exception):
    """An experiment cannot be assigned or read. The message says why, in a line."""


@dataclass(frozen=True)
class Registration:
    """An experiment as it was planned: what the study believed ($ per household, on profit before the contact), what
    a contact costs, how outcomes become profit, how long they are counted, and what hangs on the decision.
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

    def prior(self) -> Belief:
        """What the study believed of the effect."""
        allowance = BiasAllowance(np.asarray(self.tau), np.asarray(self.tau_weight), self.n_controls)
        return prior(self.estimate, self.se, allowance)


def registration(
    assignment: pd.DataFrame,
    design: pd.DataFrame,
    break_even: pd.DataFrame,
    scenario: Scenario,
    allowance: BiasAllowance,
    plan: Mapping[str, float],
) -> Registration:
    """The plan of an assigned experiment, from tables of the study.

    `allowance`: for an effect on spend ($); `plan`: confidence, contact_share, n_campaigns, test_cost, sample_ratio_p.
    """
    used = break_even.loc[break_even["used"].astype(bool)].iloc[0]
    half = (used["break_even_upper"] - used["break_even_lower"]) / 2
    of_profit = allowance.times(scenario.margin)
    first = design.iloc[0]
    return Registration(
        assignment_hash=str(assignment["assignment_hash"].iloc[0]),
        campaign_type=str(assignment["campaign_type"].iloc[0]),
        scenario=scenario.name,
        estimate=float(used["break_even_contact_cost"]),
        se=float(half / normal_quantile(plan["confidence"])),
        tau=tuple(of_profit.tau.tolist()),
        tau_weight=tuple(of_profit.weight.tolist()),
        n_controls=of_profit.n_controls,
        contact_cost=float(first["smallest_effect"]),
        margin=scenario.margin,
        of_gross_profit=scenario.of_gross_profit,
        of_sales=scenario.of_sales,
        duration_days=int(first["duration_days"]),
        contact_share=plan["contact_share"],
        confidence=plan["confidence"],
        n_households=int(design.loc[design["feasible"].astype(bool), "n_households"].max()),
        n_campaigns=int(plan["n_campaigns"]),
        variance=float(first["outcome_sd"] ** 2),
        test_cost=plan["test_cost"],
        sample_ratio_p=plan["sample_ratio_p"],
    )


def keep(plan: Registration, assignment: pd.DataFrame, folder: Path) -> None:
    """Keep an experiment as planned in `folder`, under its hash. What was kept before stays as it is."""
    file = folder / f"{plan.assignment_hash}.json"
    if file.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    assignment.to_parquet(folder / f"{plan.assignment_hash}.parquet", index=False)
    file.write_text(json.dumps(asdict(plan)), encoding="utf-8")


def kept(assignment_hash: str, folder: Path) -> tuple[Registration, pd.DataFrame]:
    """The experiment with this hash as it was planned, and its assignment.

    Raises ExperimentError when none was kept, or its assignment has been altered.
    """
    file = folder / f"{assignment_hash}.json"
    if not assignment_hash.isalnum() or not file.is_file():
        raise ExperimentError(
            f"the outcomes are of another assignment ({assignment_hash[:12]}), which was not made here"
        )
    plan = json.loads(file.read_text(encoding="utf-8"))
    assignment = pd.read_parquet(file.with_suffix(".parquet"))
    if not is_sealed(assignment) or (assignment["assignment_hash"] != assignment_hash).any():
        raise ExperimentError(f"the assignment {assignment_hash[:12]} in {folder} was altered after it was made")
    return Registration(**{**plan, "tau": tuple(plan["tau"]), "tau_weight": tuple(plan["tau_weight"])}), assignment
