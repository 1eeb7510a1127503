"""Time and memory from trials to effects, doubts and effects of households, over a million simulated trials.

    OMP_NUM_THREADS=1 python -m benchmarks.causal_scale [TRIALS=1000000]

Households keep their covariates over three campaigns; spend before and after the index day is in the lines of
transactions, so that negative controls and the event study are read from tables as in a study. Features of
look-backs are not part of it: `benchmarks/features.py` has them.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.cate_scale import cate_steps
from dunnhumby_pipeline.causal.doubts.event_study import event_study
from dunnhumby_pipeline.causal.doubts.negative_controls import negative_controls
from dunnhumby_pipeline.causal.doubts.sensitivity import sensitivity_tables
from dunnhumby_pipeline.causal.effects.average import average_effects
from dunnhumby_pipeline.causal.effects.dose import campaign_dose
from dunnhumby_pipeline.causal.effects.pooling import pooled_effects
from dunnhumby_pipeline.causal.effects.robustness import effect_robustness
from dunnhumby_pipeline.causal.estimators.matching import match_pairs, pair_differences
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.causal.overlap.balance import covariate_balance
from dunnhumby_pipeline.causal.overlap.calibration import propensity_calibration
from dunnhumby_pipeline.causal.overlap.outside import outside_overlap
from dunnhumby_pipeline.causal.overlap.overlap import overlap_diagnostics, propensity_table
from dunnhumby_pipeline.contracts.features import COVARIATES
from dunnhumby_pipeline.settings import load_settings
from dunnhumby_pipeline_tests.fakes.known_truth import write_tables

Array = NDArray[np.float64]
N_COVARIATES, EFFECT = 110, 15.0
INDEX_DAYS, LOOK_BACK, FOLLOW_UP, LAST_DAY = (330, 430, 530), 182, 75, 640
BASKETS, MARGIN = 30, 0.3


def main(n_trials: int) -> None:
    settings = load_settings()
    n_households = n_trials // len(INDEX_DAYS)
    with tempfile.TemporaryDirectory() as folder:
        with measured("simulate"):
            trials, x, names, tables = simulate(n_households, Path(folder), np.random.default_rng(1))
        print(f"{len(trials):,} trials of {n_households:,} households, {x.shape[1]} covariates")
        began = time.perf_counter()
        with measured("nuisances"):
            nuisances = cross_fit(trials, x, settings.nuisance, seed=1).nuisances
        with measured("weights"):
            propensity = propensity_table(nuisances, x, settings.overlap)
        with measured("overlap and balance"):
            overlap_diagnostics(propensity, trials["index_day"])
            propensity_calibration(propensity, settings.overlap.n_bins, settings.confidence)
            outside_overlap(x, names, propensity, settings.overlap)
            covariate_balance(x, names, propensity)
        with measured("average effects"):
            found = average_effects(
                trials, x, nuisances, propensity, settings.effects, settings.confidence, "purchase_amount"
            ).effects
            pooled_effects(found, settings.confidence)
        with measured("robustness and dose"):
            effect_robustness(
                trials, x, nuisances, propensity, settings.effects, settings.confidence, "purchase_amount"
            )
            data = residuals(trials, nuisances, "purchase_amount")
            dose = (trials["household_key"].to_numpy() % 3).astype("int64")
            campaign_dose(x, data, dose, dose, settings.confidence)
        with measured("sensitivity"):
            pairs = match_pairs(data.propensity, data.treated, trials["campaign"].to_numpy(), settings.effects.caliper)
            differences = pair_differences(data, pairs)
            doubts = sensitivity_tables(data, x, names, differences, settings.sensitivity, settings.confidence)
        with measured("negative controls"):
            controls = negative_controls(tables, trials, x, data, "TypeA", settings, seed=1).frame
        with measured("event study"):
            event_study(tables, trials, x, data, settings.sensitivity, settings.engine, settings.confidence)
        cate_steps(trials, x, names, nuisances, doubts.confounder_benchmarks, settings, measured)
        print(f"{'all but simulating':24}{time.perf_counter() - began:8.1f} s")
    columns = ["estimator", "estimand", "population", "estimate", "se"]
    of_all = found[(found["campaign"] == "all") & found["primary"]]
    print(of_all[columns].to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    print(f"planted: {EFFECT}")
    print(controls[controls["campaign"] == "all"].to_string(index=False, float_format=lambda value: f"{value:.2f}"))


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Prints seconds, and those of processors, of a block, and the largest memory of the process and its workers."""
    began, used = time.perf_counter(), _cpu_seconds()
    yield
    cpu = _cpu_seconds() - used
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
    print(f"{what:24}{time.perf_counter() - began:8.1f} s{cpu:8.1f} CPU s{peak:8.2f} GB", flush=True)


def _cpu_seconds() -> float:
    """Of this process and of workers that have ended; on a machine that others use they say more than a clock."""
    return sum(os.times()[:4])


def simulate(
    n_households: int, folder: Path, rng: np.random.Generator
) -> tuple[pd.DataFrame, Array, tuple[str, ...], dict[str, Path]]:
    """Trials, covariates (n, p) with their names, and tables. Taste raises spend and the chance to be treated."""
    own = rng.normal(size=(n_households, N_COVARIATES)).astype("float64")
    mean_basket = np.exp(2.5 + 0.3 * own[:, 0] + 0.1 * own[:, 1])
    n_campaigns = len(INDEX_DAYS)
    household = np.tile(np.arange(n_households), n_campaigns)
    position_of = np.repeat(np.arange(n_campaigns), n_households)
    treated = (rng.random(len(household)) < expit(-1 + 0.7 * own[household, 0])).astype("int64")
    days = rng.integers(1, LAST_DAY + 1, size=n_households * BASKETS)
    buyer = np.repeat(np.arange(n_households), BASKETS)
    lines = pd.DataFrame(
        {
            "household_key": buyer + 1,
            "basket_id": np.arange(len(buyer)) + 1,
            "day": days,
            "week_no": (days + 8) // 7,
            "sales_value": np.round(mean_basket[buyer] * rng.gamma(2.0, 0.5, size=len(buyer)), 2),
            "quantity": 1,
        }
    )
    spend = np.empty(len(household))
    for position, start in enumerate(INDEX_DAYS):
        inside = lines["day"].between(start, start + FOLLOW_UP - 1)
        bought = lines.loc[inside].groupby("household_key")["sales_value"].sum()
        spend[position_of == position] = bought.reindex(np.arange(n_households) + 1, fill_value=0.0)
    trials = pd.DataFrame(
        {
            "household_key": household + 1,
            "campaign": position_of + 1,
            "treated": treated,
            "index_day": np.asarray(INDEX_DAYS)[position_of],
            "lookback_start": np.asarray(INDEX_DAYS)[position_of] - LOOK_BACK,
            "outcome_end": np.asarray(INDEX_DAYS)[position_of] + FOLLOW_UP - 1,
            "purchase_amount": spend + EFFECT * treated,
            "purchase_count": spend / 10,
            "gross_profit": MARGIN * (spend + EFFECT * treated),
            "redeemed": treated * (rng.random(len(treated)) < 0.1),
        }
    )
    campaigns = pd.DataFrame(
        {
            "campaign": np.arange(n_campaigns) + 1,
            "description": "TypeA",
            "start_day": INDEX_DAYS,
            "end_day": np.asarray(INDEX_DAYS) + 47,
        }
    )
    listed = trials.loc[trials["treated"] == 1, ["household_key", "campaign"]].assign(description="TypeA")
    products = pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]})
    tables = write_tables(folder, transactions=lines, products=products, campaigns=campaigns, campaign_targets=listed)
    levels = (f"age_desc_{level}" for level in range(N_COVARIATES - len(COVARIATES)))
    names = (*COVARIATES, *levels)
    return trials, own[household], names, tables


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
