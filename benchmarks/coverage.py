"""Do the intervals of the average effects cover the truth as often as they say? Small data sets with planted effects.

    OMP_NUM_THREADS=1 python -m benchmarks.coverage [REPETITIONS]

Each data set: 600 households in two campaigns, those treated in the first not entering the second; ten covariates, of
which the first three decide who is treated and what is spent, so that the naive difference is wrong, and the effect
grows with the first, so that ATE, ATT and ATO differ; spend has a household's own level and a gamma's skew. The
nuisances are the project's own (`cross_fit`, 5 folds, 1 repeat), and so is the table of effects. Every estimator is
held against its own estimand in its own population, the mean over the repetitions of the true effect averaged so.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.effects.average import average_effects
from dunnhumby_pipeline.causal.estimators.matching import match_pairs
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit
from dunnhumby_pipeline.causal.overlap.overlap import propensity_table
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, SPEND
from dunnhumby_pipeline.settings import EffectSettings, NuisanceSettings, OverlapSettings

Array = NDArray[np.float64]
N_HOUSEHOLDS, N_CAMPAIGNS, N_COVARIATES = 600, 2, 10
NUISANCE = NuisanceSettings(n_folds=5, n_repeats=1, n_jobs=1)
EFFECT, OVERLAP = EffectSettings(), OverlapSettings()
KEY = ["estimator", "estimand", "population"]


def main(repetitions: int) -> None:
    found = pd.concat([one_data_set(seed) for seed in range(repetitions)])
    print(
        f"{repetitions} data sets; Monte Carlo error of a coverage of .95: {np.sqrt(0.95 * 0.05 / repetitions):.3f}\n"
    )
    print(summary(found).round(3).to_string())


def one_data_set(seed: int) -> pd.DataFrame:
    """The table of effects on spend over all campaigns of one simulated data set, and `truth` of each row."""
    trials, x, e, effect = simulate_data(seed)
    nuisances = cross_fit(trials, x, NUISANCE, seed, (SPEND,)).nuisances
    # The other outcomes do not vary.
    nuisances = nuisances.drop(
        columns=[name for name in nuisances if name.startswith("mu") and not name.endswith(SPEND)]
    )
    propensity = propensity_table(nuisances, x, OVERLAP)
    table = average_effects(trials, x, nuisances, propensity, EFFECT, 0.95, SPEND).effects
    table = table.loc[table["campaign"] == ALL_CAMPAIGNS]
    estimated, treated = nuisances["propensity"].to_numpy(), trials["treated"].to_numpy(dtype=float)
    pairs = match_pairs(estimated, treated, trials["campaign"].to_numpy(), EFFECT.caliper)
    inside = propensity["in_overlap"].to_numpy(dtype=float)
    populations = {
        ("association", "all"): np.ones(len(trials)),
        ("ATE", "all"): np.ones(len(trials)),
        ("ATE", "overlap"): inside,
        ("ATO", "all"): e * (1 - e),
        ("ATO", "overlap"): inside * e * (1 - e),
        ("ATT", "all"): treated,
        ("ATT", "matched"): np.bincount(pairs["treated_row"], minlength=len(trials)).astype(float),
    }
    truths = {key: float(np.average(effect, weights=weights)) for key, weights in populations.items()}
    return table.assign(truth=[truths[key] for key in zip(table["estimand"], table["population"], strict=True)])


def simulate_data(seed: int) -> tuple[pd.DataFrame, Array, Array, Array]:
    """(trials, covariates (n, p), true propensity (n,), true effect (n,) in $)."""
    rng = np.random.default_rng([6, seed])
    own = rng.normal(size=(N_HOUSEHOLDS, N_COVARIATES))
    level = 60 * rng.normal(size=N_HOUSEHOLDS)
    entering, entered = np.arange(N_HOUSEHOLDS), []
    for order in range(N_CAMPAIGNS):
        x = 0.8 * own[entering] + 0.6 * rng.normal(size=(len(entering), N_COVARIATES))
        e = 1 / (1 + np.exp(0.5 - 0.8 * x[:, 0] - 0.5 * x[:, 1] + 0.4 * x[:, 2]))
        effect = 40 + 30 * x[:, 0]
        treated = (rng.random(len(entering)) < e).astype("int64")
        mean = 300 + 80 * x[:, 0] + 40 * x[:, 1] - 40 * x[:, 2] + 20 * np.maximum(x[:, 3], 0) ** 2
        noise = 60 * (rng.gamma(2.0, size=len(entering)) - 2)
        spend = mean + treated * effect + level[entering] + noise
        entered.append((entering, np.full(len(entering), order + 1), treated, spend, e, effect, x))
        entering = entering[treated == 0]
    household, campaign, treated, spend, e, effect, x = (np.concatenate(part) for part in zip(*entered, strict=True))
    trials = pd.DataFrame(
        {"household_key": household + 1, "campaign": campaign, "treated": treated, "index_day": 100 * campaign}
    )
    return trials.assign(purchase_amount=spend, purchase_count=0.0, redeemed=0), x, e, effect


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """One row per estimator: truth, bias, sd of the estimates, mean se, coverage and its Monte Carlo error."""
    rows = []
    for key, part in found.groupby(KEY, sort=False):
        truth = part["truth"].mean()
        covered = part["ci_lower"].le(truth) & part["ci_upper"].ge(truth)
        rows.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "truth": truth,
                "bias": part["estimate"].mean() - truth,
                "sd": part["estimate"].std(),
                "se": part["se"].mean(),
                "coverage": covered.mean(),
                "coverage_error": np.sqrt(covered.mean() * (1 - covered.mean()) / len(part)),
            }
        )
    return pd.DataFrame(rows).set_index(KEY)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
