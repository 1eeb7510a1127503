"""Outcomes of an experiment that was assigned on real data and never run: an invented ending for docs/story.md.

python -m benchmarks.played_experiment ASSIGNMENT --home HOME --effect 9 --out OUTCOMES

ASSIGNMENT is the file of `dunnhumby experiment assign`, HOME the home of its study. Without a contact
a household brings the gross profit of a control trial of that study in its outcome window, drawn among the `--nearest`
whose rank by spend in the look-back is nearest to the household's rank by spend before the test. A contacted household
brings `--effect` ($ of profit before the contact) on top, each the same. So noise and skew are the study's own, and the
effect is whatever one says: what is read back shows how the loop closes, and nothing of campaigns.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import CONTACT, GROSS_PROFIT
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.experiments.simulated import read_assignment


def played(assignment: pd.DataFrame, cohort: pd.DataFrame, effect: float, seed: int, nearest: int = 25) -> pd.DataFrame:
    """Outcomes as `experiments.read_back` takes them, one row per assigned household: household_key, assignment_hash,
    contacted, days_observed, gross_profit ($).

    `cohort`: the trials of the study (table first_campaign_cohort). Raises ValueError when it has fewer controls than
    `nearest`.
    """
    controls = cohort[cohort["treated"] == 0].sort_values(["monetary_sales", "household_key", "campaign"])
    if not 1 <= nearest <= len(controls):
        raise ValueError(f"expected 1 to {len(controls)} nearest controls, found {nearest}")
    rank = assignment["baseline_spend"].rank(method="first", pct=True).to_numpy()
    first = np.clip((rank * len(controls)).astype(int) - nearest // 2, 0, len(controls) - nearest)
    drawn = first + np.random.default_rng(seed).integers(0, nearest, len(assignment))
    contacted = (assignment["arm"] == CONTACT).to_numpy()
    profit = controls[GROSS_PROFIT].to_numpy(dtype=float)[drawn] + effect * contacted
    return pd.DataFrame(
        {
            "household_key": assignment["household_key"],
            "assignment_hash": assignment["assignment_hash"],
            "contacted": np.where(contacted, "yes", "no"),
            "days_observed": int((cohort["outcome_end"] - cohort["index_day"]).max()),
            "gross_profit": np.round(profit, 2),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", type=Path)
    parser.add_argument("--home", type=Path, default=Path("data"), help="home of the study")
    parser.add_argument(
        "--effect", type=float, required=True, help="$ of profit that a contact brings, before its cost"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nearest", type=int, default=25, help="controls that a household's outcome is drawn among")
    parser.add_argument("--out", type=Path, required=True, help="CSV file for the outcomes")
    asked = parser.parse_args()
    assignment = read_assignment(asked.assignment)
    campaign_type = str(assignment["campaign_type"].iloc[0])
    cohort = pd.read_parquet(asked.home / "warehouse" / campaign_type / "first_campaign_cohort.parquet")
    found = played(assignment, cohort, asked.effect, asked.seed, asked.nearest)
    write_csv(found, asked.out)
    n_contacted = int((found["contacted"] == "yes").sum())
    print(
        f"invented outcomes of {n_contacted:,} contacted and {len(found) - n_contacted:,} held out over "
        f"{found['days_observed'].iloc[0]} days, the contacted ${asked.effect:g} better off: {asked.out}"
    )


if __name__ == "__main__":
    main()
