"""How long a list of many households takes: decided, permitted, held out, summed up, written, and its hash taken.

python -m benchmarks.listing            # 1 million households
python -m benchmarks.listing 200000

The households are simulated as they come to the list: effects that differ, 98 covariates as the sample has, ten groups,
opt-outs and recent contacts. The limit that is held: 60 seconds and 4 GB for 1 million households.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.measure import measure
from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, LEAVE, REPEAT_CONTACT, TARGET, TEST
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.settings import ContactSettings
from dunnhumby_pipeline.targeting.after_experiment import after_experiments
from dunnhumby_pipeline.targeting.campaign_type import choose_types, household_decisions
from dunnhumby_pipeline.targeting.contact_rules import (
    contacts_so_far,
    decide_with_permission,
    suppressed_households,
)
from dunnhumby_pipeline.targeting.decision_summary import Grouping, decision_summary
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.holdout import hold_out
from dunnhumby_pipeline.targeting.list_ledger import file_hash
from dunnhumby_pipeline.targeting.opt_outs import OptOuts
from dunnhumby_pipeline.targeting.policies.above_break_even import AboveBreakEven
from dunnhumby_pipeline.targeting.recommendations import Terms, targeting_list

N_COVARIATES, N_GROUPS, LAST_DAY = 98, 10, 711
COST = 5.0
MOST_SECONDS, MOST_MB = 60.0, 4096.0


def simulated(n: int, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Households as they come to the list, a tenth without an effect, and the covariates of the others."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(6, 8, n)
    known = rng.random(n) > 0.1
    scored = pd.DataFrame(
        {
            "household_key": np.arange(1, n + 1),
            "segment": rng.choice([f"segment_{number}" for number in range(7)], n),
            "lookback_segment": rng.choice([f"segment_{number}" for number in range(7)], n),
            "lookback_need": "fresh",
            "campaign": 8,
            "cate": effect,
            "cate_lower": effect - 12,
            "cate_upper": effect + 12,
            "interval_of": "household",
            "propensity": rng.beta(2, 3, n),
            "received_before": rng.random(n) < 0.3,
        }
    )
    scored.loc[~known, ["cate", "cate_lower", "cate_upper", "propensity"]] = np.nan
    covariates = pd.DataFrame(
        rng.normal(size=(int(known.sum()), N_COVARIATES)), index=scored.loc[known, "household_key"]
    )
    return scored, covariates


def groups_of(scored: pd.DataFrame) -> pd.DataFrame:
    """Ten groups by effect, of which the lowest lose, the highest are proven and those between are to be tested; and
    that of households contacted before, which is to be tested."""
    edges = np.quantile(scored["cate"].dropna(), np.arange(1, N_GROUPS) / N_GROUPS)
    middle = np.linspace(-8, 16, N_GROUPS)
    decision = np.select([middle < -2, middle > 8], [LEAVE, TARGET], TEST)
    middle, decision = np.append(middle, 1.0), np.append(decision, TEST)
    return pd.DataFrame(
        {
            "group": np.arange(N_GROUPS + 1),
            "contact": [*[FIRST_CONTACT] * N_GROUPS, REPEAT_CONTACT],
            "lowest_effect": [np.nan, *edges, np.nan],
            "highest_effect": [*edges, np.nan, np.nan],
            "n_decided": len(scored) // N_GROUPS,
            "contact_cost": COST,
            "n_experiments": 0,
            "effect": middle + COST,
            "effect_se": 2.0,
            "decision": decision,
            "expected_profit": middle,
            "calibrated_lower": middle - 5,
            "calibrated_upper": middle + 5,
            "probability_pays_calibrated": np.select([middle < -2, middle > 8], [0.01, 0.99], 0.6),
            "test_households": 4000,
            "value_of_test": 12000.0,
            "cost_of_test": 3000.0,
        }
    )


def repeats_of(scored: pd.DataFrame) -> pd.DataFrame:
    """The households that were contacted before, of whom half have comparable ones."""
    before = scored.loc[scored["received_before"] & scored["cate"].notna(), ["household_key", "propensity"]]
    return before.assign(over=True, days_since_last=90, in_overlap=before["propensity"] > 0.4)


def make_list(n: int, folder: Path) -> pd.DataFrame:
    """Decide and write a list of n households to `folder`; the list."""
    scored, covariates = simulated(n)
    rng = np.random.default_rng(2)
    campaigns = pd.DataFrame({"campaign": [8, 9], "start_day": [600, 690], "end_day": [640, 705]})
    targets = pd.DataFrame(
        {"household_key": rng.integers(1, n + 1, n), "campaign": rng.choice([8, 9], n)}
    ).drop_duplicates()
    settings = ContactSettings(opt_out_file=Path("opt_outs.csv"), least_days=30)
    opt_outs = OptOuts(frozenset(rng.integers(1, n + 1, n // 50).tolist()), n // 50, 0)
    contacts = contacts_so_far(scored["household_key"], targets, campaigns, LAST_DAY, settings.contact_days)
    suppressed = suppressed_households(contacts, opt_outs, 0, settings).households
    groups, economics = groups_of(scored), Economics(COST, 0.3)
    policy = AboveBreakEven().fit(None, economics)  # type: ignore[arg-type]
    terms = Terms(policy, True, economics, Region(0.1, 0.9), groups, 0.95, repeats_of(scored))
    decided = decide_with_permission(
        scored, suppressed, lambda rows: after_experiments(targeting_list(rows, covariates, terms), groups)
    )
    own = household_decisions(decided, groups, COST, LAST_DAY)
    other = own.assign(decision=LEAVE)
    decided = choose_types(decided, "TypeA", {"TypeA": own, "TypeB": other}, 1)
    listed = hold_out(decided, settings.holdout_share, 3)
    segment = scored.set_index("household_key")["segment"]
    summary = decision_summary(listed, groups, [Grouping("segment", segment, {})], frozenset())
    write_csv(listed, folder / "targeting_list.csv")
    listed.to_parquet(folder / "targeting_list.parquet", index=False)
    write_csv(summary, folder / "decision_summary.csv")
    file_hash(folder / "targeting_list.csv")
    return listed


def main(arguments: list[str]) -> int:
    """Print what it took; 1 when 1 million households took more than the limit."""
    n = int(arguments[0]) if arguments else 1_000_000
    with TemporaryDirectory() as folder:
        found = measure(lambda: make_list(n, Path(folder)))
        size = (Path(folder) / "targeting_list.csv").stat().st_size / 1e6
    took = f"{found.seconds:.1f} s ({found.cpu_seconds:.1f} CPU), {found.peak_mb:,.0f} MB"
    said = f"{n:,} households: {took}, CSV {size:.0f} MB"
    Console().print(said, highlight=False)
    scale = max(n / 1_000_000, 1.0)
    return int(found.cpu_seconds > MOST_SECONDS * scale or found.peak_mb > MOST_MB * scale)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
