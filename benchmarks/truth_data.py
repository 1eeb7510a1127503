"""Data sets whose true effects are known, row by row: simulated campaigns, IHDP, and ACIC 2016."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS = ("null", "constant", "linear", "threshold", "opposite")
# By how much a household's covariates move its log odds of being sent the campaign.
OVERLAPS = {"good": 0.4, "fair": 1.0, "poor": 2.0}
N_COVARIATES, CAMPAIGNS = 12, (1, 2, 3)
MEAN_EFFECT = 30.0
ACIC_SETS = tuple(range(1, 11))
TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class DataSet:
    """Covariates `x` (n, p), treatment (n,) of 0 and 1, outcome `y` (n,), households and campaigns (n,) to fit on;
    `x_test` (m, p) and true effects `effect_test` (m,) to be judged by, of other households, and the mean true
    effect of the rows that are fitted on. `flat`: whether the true effect is one for all.
    """

    suite: str
    name: str
    x: Array
    treatment: Integers
    y: Array
    households: Integers
    campaigns: Integers
    x_test: Array
    effect_test: Array
    mean_effect: float
    flat: bool = False


def campaigns(kind: str, overlap: str, n_households: int, seed: int) -> DataSet:
    """Households in up to three campaigns, with a skewed outcome like spend and a planted effect.

    Spend has a household's own level (so that a household's trials resemble each other), a gamma's skew, and a mean
    that rises with what also decides who is treated. Effects: none; $30 for all; linear in two covariates; $60 above
    a threshold of one that a quarter passes; and $40 or -$40 by the sign of a covariate.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), list(OVERLAPS).index(overlap)])

    def drawn(n: int) -> tuple[Array, Integers, Integers, Array, Array, Array]:
        own = rng.normal(size=(n, N_COVARIATES))
        entered = rng.random((n, len(CAMPAIGNS))) < (1.0, 0.6, 0.4)
        household, position = np.nonzero(entered)
        x = 0.9 * own[household] + np.sqrt(1 - 0.81) * rng.normal(size=(len(household), N_COVARIATES))
        level = np.exp(0.25 * rng.normal(size=n))[household]
        mean = level * np.exp(5.0 + 0.35 * x[:, 0] + 0.2 * x[:, 1] - 0.2 * x[:, 2] + 0.1 * np.abs(x[:, 3]))
        odds = OVERLAPS[overlap] * (0.8 * x[:, 0] + 0.5 * x[:, 1] - 0.4 * x[:, 4])
        return x, household, np.array(CAMPAIGNS)[position], mean, expit(odds - 0.5), _effect(kind, x)

    x, household, campaign, mean, e, effect = drawn(n_households)
    treated = (rng.random(len(x)) < e).astype("int64")
    y = mean * rng.gamma(4.0, 0.25, size=len(x)) + treated * effect
    x_test, *_, effect_test = drawn(n_households)
    flat = kind in ("null", "constant")
    name = f"{kind}, {overlap} overlap"
    mean_effect = float(effect.mean())
    return DataSet("campaigns", name, x, treated, y, household, campaign, x_test, effect_test, mean_effect, flat)


def _effect(kind: str, x: Array) -> Array:
    """Planted effect (n,) in $ at covariates (n, p)."""
    return {
        "null": np.zeros(len(x)),
        "constant": np.full(len(x), MEAN_EFFECT),
        "linear": MEAN_EFFECT + 30 * x[:, 0] + 15 * x[:, 5],
        "threshold": 60.0 * (x[:, 1] > 0.67),
        "opposite": 40.0 * np.sign(x[:, 5]),
    }[kind]


def ihdp(folder: Path, replication: int) -> DataSet:
    """One replication of the Infant Health and Development Program (Hill 2011), of files without a header:
    treatment, factual and counterfactual outcome, both means, 25 covariates. A fifth of the rows is held out.

    FileNotFoundError when `folder` lacks it.
    """
    values = pd.read_csv(folder / f"ihdp_npci_{replication}.csv", header=None).to_numpy(dtype=float)
    treated, y, effect, x = values[:, 0].astype("int64"), values[:, 1], values[:, 4] - values[:, 3], values[:, 5:]
    return _split("IHDP", str(replication), x, treated, y, effect, replication)


def replications(folder: Path) -> list[int]:
    """The replications of IHDP that lie in `folder`, in their order."""
    return sorted(int(file.stem.rpartition("_")[2]) for file in folder.glob("ihdp_npci_*.csv"))


def acic(folder: Path, number: int) -> DataSet:
    """One set of the 2016 Atlantic Causal Inference Conference (Dorie et al. 2019). A fifth of the rows is held out."""
    x = pd.get_dummies(pd.read_csv(folder / "x.csv"), drop_first=True).to_numpy(dtype=float)
    simulated = pd.read_csv(folder / f"zymu_{number}.csv")
    treated = simulated["z"].to_numpy(dtype="int64")
    y = np.where(treated == 1, simulated["y1"], simulated["y0"])
    effect = (simulated["mu1"] - simulated["mu0"]).to_numpy()
    return _split("ACIC 2016", str(number), x, treated, y, effect, number)


def acic_folder() -> Path | None:
    """Where the data of ACIC 2016 lie: in the package causallib, None when it is not installed."""
    package = importlib.util.find_spec("causallib")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "datasets" / "data" / "acic_challenge_2016"


def _split(suite: str, name: str, x: Array, treated: Integers, y: Array, effect: Array, seed: int) -> DataSet:
    out = np.random.default_rng(seed).random(len(x)) < TEST_SHARE
    fit, households = ~out, np.arange(len(x))
    once = np.ones(int(fit.sum()), dtype="int64")
    mean_effect = float(effect[fit].mean())
    return DataSet(suite, name, x[fit], treated[fit], y[fit], households[fit], once, x[out], effect[out], mean_effect)


def simulated(kinds: tuple[str, ...], overlaps: tuple[str, ...], n_households: int, seeds: int) -> Iterator[DataSet]:
    """Every kind of effect with every overlap, for as many seeds."""
    for seed in range(seeds):
        for kind in kinds:
            for overlap in overlaps:
                yield campaigns(kind, overlap, n_households, seed)
