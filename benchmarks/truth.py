"""Who finds effects that are known? This project beside its peers, in one loop over data sets with a planted truth.

    OMP_NUM_THREADS=1 python -m benchmarks.truth [--size small|large] [--ihdp FOLDER] [--learners] [--out FILE]
        [--only SUITE] [--kinds KIND ...] [--seeds N] [--sets NUMBER ...] [--methods NAME ...]

Data: campaigns simulated with no effect, one effect, effects linear in covariates, effects beyond a threshold and of
opposite signs, each with good, fair and poor overlap; with a folder of its files, the Infant Health and Development
Program (Hill 2011); with the package causallib, of which only data are read, the ten sets it has of the 2016 Atlantic
Causal Inference Conference (Dorie et al. 2019). Hillstrom's e-mail campaign (2008) is in no package and is left out.

Every method fits the same rows and is judged on rows, of other households, that it has not seen. PEHE is the root of
the mean squared error of the effects (Hill 2011), in units of the outcome. Value: what "treat where the effect found
exceeds the cost" truly gains a row, as a share of what knowing the effects would gain; the cost is the mean effect.
Covered: true effects within intervals that are claimed to be a household's own, which should be 95 %.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.truth_data import ACIC_SETS, KINDS, OVERLAPS, DataSet, acic, acic_folder, ihdp, replications, simulated
from benchmarks.truth_methods import OURS, Found, Method, Refused, methods
from dunnhumby_pipeline.contracts.names import CONSTANT

# Households and seeds of the simulated campaigns, and how many data sets of others at most.
SIZES = {"small": (600, 2, 2), "large": (1500, 20, 100)}
NEAR = 1.05


def main(given: argparse.Namespace) -> None:
    known = methods(given.learners)
    if "causalml X-learner" not in known:
        print("causalml is not installed: left out")
    known = {name: method for name, method in known.items() if name.startswith(tuple(given.methods))}
    n_households, seeds, most = SIZES[given.size]
    sets = data_sets(n_households, given.seeds or seeds, most, tuple(given.kinds), given.ihdp, tuple(given.sets))
    rows: list[dict[str, object]] = []
    for row in measured(sets, known, given.only):
        rows.append(row)
        if given.out is not None:
            # As they come: a large run takes hours.
            first = len(rows) == 1
            pd.DataFrame([row]).to_csv(given.out, mode="w" if first else "a", header=first, index=False)
    if not rows:
        sys.exit("nothing was measured: no data set or method has such a name")
    found = pd.DataFrame(rows)
    print(summary(found).to_string(float_format=lambda value: f"{value:.3g}"))
    print(f"\nchosen by {OURS}:\n{choices(found).to_string()}")
    share = near_constant(found)
    if len(share):
        print(f"\nwhere the true effect is one for all, within {NEAR:g} times the constant's PEHE:")
        print(share.to_string(float_format=lambda value: f"{value:.0%}"))


def data_sets(
    n_households: int, seeds: int, most: int, kinds: tuple[str, ...], folder: Path | None, sets: tuple[int, ...]
) -> Iterator[DataSet]:
    """All data sets of a size, `most` at most of IHDP and of ACIC; a line is printed for what is left out, and why."""
    yield from simulated(kinds, tuple(OVERLAPS), n_households, seeds)
    if folder is None:
        print("IHDP: no folder is given: left out")
    else:
        yield from (ihdp(folder, number) for number in replications(folder)[:most])
    packaged = acic_folder()
    if packaged is None:
        print("ACIC 2016: left out; pip install causallib --no-deps")
    else:
        yield from (acic(packaged, number) for number in sets[:most])
    # Its true effects are not known either: it could only be judged by an order of effects.
    print("Hillstrom: left out; no package holds its data")


def measured(sets: Iterable[DataSet], known: Mapping[str, Method], only: str = "") -> Iterator[dict[str, object]]:
    """One row per data set and method: suite, data, method, pehe, ate_error, value, best_value, covered, cpu_seconds,
    chosen. `only`: of suites whose name begins so. A line is printed for a method that refuses a data set."""
    for number, data in enumerate(sets):
        if not data.suite.startswith(only):
            continue
        for name, method in known.items():
            began = time.process_time()
            try:
                with warnings.catch_warnings():
                    # Of peers, about their own arguments and memory.
                    warnings.simplefilter("ignore")
                    found = method(data, number)
            except Refused as reason:
                print(f"{data.suite} {data.name}: {name} left out: {reason}", flush=True)
                continue
            seconds = time.process_time() - began
            yield {"suite": data.suite, "data": data.name, "number": number, "method": name, "flat": data.flat} | {
                **judged(data, found),
                "cpu_seconds": seconds,
                "chosen": found.chosen,
            }


def judged(data: DataSet, found: Found) -> dict[str, float]:
    """How far what was found is from the truth: pehe and ate_error (units of the outcome), value and best_value (of a
    policy, less cost, a row), covered (0-1; null without intervals of households)."""
    truth = data.effect_test
    # Where effects do not differ nothing is gained by telling rows apart.
    gain = truth - truth.mean()
    covered = np.nan
    if found.interval is not None:
        lower, upper = found.interval
        covered = float(((lower <= truth) & (truth <= upper)).mean())
    return {
        "pehe": float(np.sqrt(np.mean((found.effect - truth) ** 2))),
        "ate_error": abs(found.average - data.mean_effect),
        "value": float(np.mean(gain * (found.effect > truth.mean()))),
        "best_value": float(np.mean(np.maximum(gain, 0))),
        "covered": covered,
    }


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """By suite and method, the lowest median PEHE first: mean and median of PEHE, error of the average effect, value
    as a share of the best, coverage, and CPU seconds a data set."""
    by = found.groupby(["suite", "method"])
    table = pd.DataFrame(
        {
            "pehe_mean": by["pehe"].mean(),
            "pehe_median": by["pehe"].median(),
            "ate_error": by["ate_error"].mean(),
            "value_share": by["value"].sum() / by["best_value"].sum(),
            "covered": by["covered"].mean(),
            "cpu_seconds": by["cpu_seconds"].mean(),
            "n_data_sets": by.size(),
        }
    )
    return table.reset_index().sort_values(["suite", "pehe_mean"]).set_index(["suite", "method"])


def near_constant(found: pd.DataFrame) -> pd.Series:
    """By method, the share of data sets with one effect for all in which its PEHE is within `NEAR` of the
    constant's."""
    flat = found.loc[found["flat"]]
    of_constant = flat.loc[flat["method"] == CONSTANT].set_index("number")["pehe"]
    near = flat["pehe"] <= NEAR * flat["number"].map(of_constant)
    return near.groupby(flat["method"]).mean().sort_values(ascending=False)


def choices(found: pd.DataFrame) -> pd.DataFrame:
    """How often this project chose which learner: suite by learner."""
    ours = found.loc[found["method"] == OURS]
    return pd.crosstab(ours["suite"], ours["chosen"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--ihdp", type=Path, help="folder with ihdp_npci_1.csv and the others")
    parser.add_argument("--learners", action="store_true", help="each learner of this project alone, too")
    parser.add_argument("--only", default="", help="the suites whose name begins so: campaigns, IHDP or ACIC")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="effects of the simulated campaigns")
    parser.add_argument("--seeds", type=int, help="of each kind and overlap, instead of the size's number")
    parser.add_argument("--sets", nargs="+", type=int, default=ACIC_SETS, choices=ACIC_SETS, help="of ACIC 2016")
    parser.add_argument("--methods", nargs="+", default=[""], help="those whose name begins with one of these")
    parser.add_argument("--out", type=Path, help="CSV file for one row per data set and method")
    return parser.parse_args()


if __name__ == "__main__":
    main(arguments())
