"""Small data whose truth is known: households of planted types, trials with planted effects, hand-made tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, mu_column, residuals
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.contracts.names import PRIMARY_OUTCOME, TRIAL_KEY
from dunnhumby_pipeline.contracts.outcomes import ALWAYS_ESTIMATED
from dunnhumby_pipeline.segmentation.segments.clusters import Segmentation
from dunnhumby_pipeline.segmentation.segments.model_store import SegmentModel
from dunnhumby_pipeline.settings import EngineSettings

Array = NDArray[np.float64]
ENGINE = EngineSettings(threads=1)
_DEFAULTS: dict[str, object] = {"BIGINT": 1, "INTEGER": 1, "DOUBLE": 0.0, "VARCHAR": None}
_TYPES = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}


def planted_households(sizes: tuple[int, ...], seed: int, spread: float = 0.05) -> tuple[pd.DataFrame, NDArray]:
    """(one row per household with all factored features, type of each household).

    Type i is high on every feature whose number is i modulo the number of types, and low on the others.
    """
    rng = np.random.default_rng(seed)
    types = np.repeat(np.arange(len(sizes)), sizes)
    high = (np.arange(len(FACTORED)) % len(sizes))[None, :] == types[:, None]
    values = np.where(high, 0.8, 0.2) + spread * rng.normal(size=high.shape)
    frame = pd.DataFrame(values, columns=list(FACTORED))
    frame.insert(0, "household_key", np.arange(len(frame)) + 1)
    return frame, types


@dataclass(frozen=True)
class Known:
    """Trials whose propensity and outcome means are known. `x` (n, p); spend is the only outcome that varies."""

    trials: pd.DataFrame
    x: Array
    propensity: Array
    mu0: Array
    mu1: Array

    @property
    def effect(self) -> Array:
        return self.mu1 - self.mu0

    @property
    def ato(self) -> float:
        """The true effect weighted by e (1 - e)."""
        return float(np.average(self.effect, weights=self.propensity * (1 - self.propensity)))

    def nuisances(self, n_folds: int = 3, **replaced: Array) -> pd.DataFrame:
        """The truth as a table of nuisances; `replaced`: propensity, mu0 or mu1 made wrong on purpose."""
        true = {"propensity": self.propensity, "mu0": self.mu0, "mu1": self.mu1, **replaced}
        means = {mu_column(arm, outcome): true[f"mu{arm}"] for outcome in ALWAYS_ESTIMATED for arm in (0, 1)}
        fold = self.trials["household_key"] % n_folds
        own = {"fold": fold, "propensity": true["propensity"], "propensity_bounded": False}
        return self.trials[[*TRIAL_KEY, "treated"]].assign(**own, **means)

    def residuals(self, n_folds: int = 3, **replaced: Array) -> Residuals:
        return residuals(self.trials, self.nuisances(n_folds, **replaced), PRIMARY_OUTCOME)


def simulate_trials(
    n_households: int,
    seed: int | list[int],
    effect: Callable[[Array], Array],
    n_campaigns: int = 1,
    noise: float = 1.0,
    household_noise: float = 0.0,
) -> Known:
    """Trials of `n_households` in each of `n_campaigns`, with four covariates that a household keeps.

    The first covariate raises both propensity and spend, so that a naive comparison is wrong.
    """
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_households, 4))
    taste = household_noise * rng.normal(size=n_households)
    household = np.tile(np.arange(n_households), n_campaigns)
    x = own[household]
    propensity = 1 / (1 + np.exp(0.3 - 0.8 * x[:, 0]))
    mu0 = 10 + 3 * x[:, 0] + x[:, 1]
    mu1 = mu0 + effect(x)
    treated = (rng.random(len(x)) < propensity).astype("int64")
    spend = np.where(treated == 1, mu1, mu0) + taste[household] + noise * rng.normal(size=len(x))
    trials = pd.DataFrame(
        {
            "household_key": household + 1,
            "campaign": np.repeat(np.arange(n_campaigns), n_households) + 1,
            "treated": treated,
            "index_day": 100 * (np.repeat(np.arange(n_campaigns), n_households) + 1),
            "purchase_amount": spend,
            "purchase_count": spend,
            "redeemed": spend,
            "gross_profit": spend,
        }
    )
    return Known(trials, x, propensity, mu0, mu1)


def planted_overlap(n: int, seed: int, prevalence: float = 0.5, strength: float = 8.0, bend: float = 12.0) -> Known:
    """Trials of which a cause of this `strength` (log odds per standard deviation) decides who is treated.

    At 5 hardly anything overlaps: AUC .98, a third of propensities within .01 of 0 or 1. At 1 all do, also where
    `prevalence` is a twentieth. The effect grows with the square of the cause, so that it is smallest where both arms
    occur: of the order of 21 there (ATO), 32 on average (ATE). Spend bends with the cause too.
    """
    rng = np.random.default_rng([31, seed])
    x = rng.normal(size=(n, 4))
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        below = (1 / (1 + np.exp(-middle - strength * x[:, 0]))).mean() < prevalence
        low, high = (middle, high) if below else (low, middle)
    propensity = 1 / (1 + np.exp(-low - strength * x[:, 0]))
    mu0 = 300 + 60 * x[:, 0] + 30 * x[:, 1] + 2.5 * bend * x[:, 0] ** 2
    mu1 = mu0 + 20 + bend * x[:, 0] ** 2
    treated = (rng.random(n) < propensity).astype("int64")
    spend = np.where(treated == 1, mu1, mu0) + 40 * rng.normal(size=n)
    columns = {"household_key": np.arange(n) + 1, "campaign": 1, "treated": treated, "index_day": 100}
    return Known(pd.DataFrame(columns).assign(purchase_amount=spend), x, propensity, mu0, mu1)


def write_tables(folder: Path, **frames: pd.DataFrame) -> dict[str, Path]:
    """The eight canonical tables as parquet files: `frames` with defaults for columns not given, others empty."""
    paths = {}
    for table in schema.TABLES:
        given = frames.get(table.name, pd.DataFrame())
        columns = {
            column.name: pa.array(
                given[column.name] if column.name in given else [_DEFAULTS[column.type]] * len(given),
                _TYPES[column.type],
                from_pandas=True,
            )
            for column in table.columns
        }
        paths[table.name] = folder / f"{table.name}.parquet"
        pq.write_table(pa.table(columns), paths[table.name])
    return paths


def lines(*rows: tuple[int, int, float]) -> pd.DataFrame:
    """Transactions of one line per basket: (household, day, sales in $)."""
    frame = pd.DataFrame(rows, columns=["household_key", "day", "sales_value"])
    weeks = [schema.week_of_day(int(day)) for day in frame["day"]]
    return frame.assign(basket_id=np.arange(len(frame)) + 1, week_no=weeks)


def model_of(fitted: Segmentation, slugs: tuple[str, ...]) -> SegmentModel:
    """A fitted segmentation as a model whose segments have these slugs."""
    return SegmentModel(fitted, "kmeans", slugs, slugs, fitted.factors.names, 1, "", "")
