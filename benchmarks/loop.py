"""Decisions held against what is known to pay: after a study, and after the experiment it asks for.

python -m benchmarks.loop --seeds 50 --households 1500

Worlds of four kinds (`loop_worlds`), in which the effect of a contact is known for every household, are studied, their
lists made at three contact costs, and the experiments run that the lists ask for (`loop_rules`).

Profit is counted over four campaigns: the one that is due, and the three to come over which a test's lesson is used
(`economics.campaigns_to_come`). Each household that a rule contacts in a campaign brings its true effect less the
contact cost. A rule without a test does the same in all four. With one, the campaign that is due contacts those whom
the list targets, the contacted arm of the test, and of those to be tested whom it did not draw the ones who are
expected to pay; the later ones follow what was learnt. So the test is charged for by whom it contacts at a loss and by
whom it holds out of a gain. The oracle contacts in every campaign those whose effect exceeds the cost. Regret is the
oracle's profit less the rule's, $ per household over the four campaigns.

Rules: `never`; `always`; `reference`: where an effect by a T-learner fitted to these very trials exceeds the break-even
(the reference study's rule); `list`: whom the list targets, of those to be tested nobody; `best guess`: all whose group
is expected to pay, doubts ignored; `list + test`: the experiment on all whom the list says to test, half of them
contacted (the default); `list + best size`: on as many as are worth most (`experiment.size = "optimum"`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.loop_rules import Studied, best_guess, listed, study, tested
from benchmarks.loop_worlds import KINDS, World, world
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.settings import Settings, load_settings

Mask = NDArray[np.bool_]
# Sizes of a test among which the best is found; a study gives 40.
N_SIZES = 12
COSTS = (1.00, 4.00, 12.73)
NEVER, ALWAYS, REFERENCE = "never", "always", "reference"
LIST, GUESS, LIST_TEST, BEST_SIZE = "list", "best guess", "list + test", "list + best size"
RULES = (NEVER, ALWAYS, REFERENCE, LIST, GUESS, LIST_TEST, BEST_SIZE)


def profit(world: World, contacted: Mask, cost: float) -> float:
    """What contacting these households (m,) in one campaign truly brings, $ per household of the world."""
    return float((contacted * (world.effect - cost)).mean())


def regrets(studied: Studied, cost: float, settings: Settings, seed: int) -> dict[str, float]:
    """Regret of every rule ($ per household over all campaigns), and the share of households under each decision."""
    of, later = studied.world, settings.economics.campaigns_to_come
    given = listed(studied, cost, settings)
    decision, everyone = given.decisions["decision"], np.ones(len(of.effect), dtype=bool)
    targeted = (decision == TARGET).to_numpy()
    steady = {
        NEVER: ~everyone,
        ALWAYS: everyone,
        REFERENCE: studied.in_sample > cost,
        LIST: targeted,
        GUESS: best_guess(given.decisions, given.groups),
    }
    found = {rule: (1 + later) * profit(of, contacted, cost) for rule, contacted in steady.items()}
    for rule, size in ((LIST_TEST, None), (BEST_SIZE, given.best_size)):
        now, after = tested(studied, given, size, settings, seed)
        found[rule] = profit(of, now, cost) + later * profit(of, after, cost)
    best = (1 + later) * profit(of, of.effect > cost, cost)
    shares = {f"share_{name}": float((decision == name).mean()) for name in (TARGET, TEST, LEAVE)}
    return {rule: best - found[rule] for rule in RULES} | shares


def rows(kinds: Sequence[str], costs: Sequence[float], seeds: Sequence[int], n_households: int) -> Iterator[dict]:
    """One row per world and cost: kind, seed, contact_cost, tells_apart, the study's effect and bias allowance, and
    what `regrets` says.
    """
    for seed in seeds:
        settings = load_settings(
            seed=seed, cate={"n_jobs": 1}, nuisance={"n_repeats": 1}, experiment={"n_sizes": N_SIZES}
        )
        for kind in kinds:
            studied = study(world(kind, n_households, seed), settings)
            about = {
                "kind": kind,
                "seed": seed,
                "tells_apart": studied.tells_apart,
                "effect": studied.whole.estimate,
                "effect_se": studied.whole.se,
                "allowance": studied.whole.allowance.spread,
            }
            for cost in costs:
                yield {**about, "contact_cost": cost, **regrets(studied, cost, settings, seed)}


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Mean regret ($ per household) and its standard error over seeds, by kind, cost and rule."""
    long = found.melt(["kind", "contact_cost", "seed"], list(RULES), "rule", "regret")
    by = long.groupby(["kind", "contact_cost", "rule"], sort=False)["regret"]
    return by.agg(mean="mean", se="sem").reset_index()


def shown(told: pd.DataFrame, n_households: int) -> str:
    """The table as text: mean regret (standard error) by rule; the last line is the mean over all worlds and costs, and
    what it comes to for a retailer of so many households.
    """
    cells = told.assign(cell=[f"{mean:.2f} ({se:.2f})" for mean, se in zip(told["mean"], told["se"], strict=True)])
    wide = cells.pivot(index=["kind", "contact_cost"], columns="rule", values="cell")[list(RULES)]
    order = pd.MultiIndex.from_tuples(dict.fromkeys(zip(told["kind"], told["contact_cost"], strict=True)))
    mean = told.groupby("rule")["mean"].mean()
    lines = [wide.reindex(order).to_string(), "", "mean: " + ", ".join(f"{rule} {mean[rule]:.2f}" for rule in RULES)]
    lines.append(f"in all, {n_households:,} households: ")
    lines[-1] += ", ".join(f"{rule} ${mean[rule] * n_households:,.0f}" for rule in RULES)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--households", type=int, default=1500)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--out", type=Path, default=None, help="CSV file for every world and cost")
    asked = parser.parse_args()
    start = time.process_time()
    if asked.out is not None:
        asked.out.unlink(missing_ok=True)
    seeds = range(asked.first, asked.first + asked.seeds)
    told: list[dict] = []
    for row in rows(KINDS, COSTS, seeds, asked.households):
        told.append(row)
        if asked.out is not None:
            # Row by row, so that a run that is ended has said what it found.
            pd.DataFrame([row]).to_csv(asked.out, index=False, mode="a", header=len(told) == 1)
    found = pd.DataFrame(told)
    print(f"{asked.seeds} seeds, {asked.households:,} households; regret over 4 campaigns, $ per household (se)")
    print(shown(summary(found), asked.households))
    means = ["tells_apart", "effect", "effect_se", "allowance", "share_target", "share_test", "share_leave"]
    print(found.groupby(["kind", "contact_cost"], sort=False)[means].mean().round(2).to_string())
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
