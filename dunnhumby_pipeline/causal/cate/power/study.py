"""The power of a study: on gross profit, which decisions rest on, and on the primary outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.power.plasmode import Plasmode, plasmode
from dunnhumby_pipeline.causal.cate.power.power import ALL_SHAPES, Power, study_power
from dunnhumby_pipeline.causal.cate.power.tests import GATE, PROVEN, study_tests
from dunnhumby_pipeline.causal.cate.reduced import Found
from dunnhumby_pipeline.causal.cate.whole import whole_searches
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
# So many draws without a difference for each of those with one, in a certificate.
_WITHOUT = 5


def power_of_study(
    trials: pd.DataFrame, x: Array, nuisances: pd.DataFrame, settings: Settings, certified: bool
) -> Power:
    """The tables study_power and detectable_spread of a study's trials, covariates (n, p) and nuisances.

    `certified`: with the draws of a certificate. Of more trials than `cate.max_trials` households are drawn: that many
    is what a model of the effect is fitted to, and what is found by so many would be found by all.
    """
    power, seed = settings.power, settings.seed_for("power")
    households, everyone = trials["household_key"].to_numpy(), np.ones(len(trials), dtype=bool)
    rows = drawn(everyone, households, settings.cate.max_trials, settings.seed_for("cate"))
    trials, x, nuisances = trials.loc[rows], x[rows], nuisances.loc[rows]
    n_draws = (power.n_certified, _WITHOUT * power.n_certified) if certified else None
    tests = study_tests(settings.cate.gain_in_se)

    def of_outcome(outcome: str) -> Power:
        data = residuals(trials, nuisances, outcome)
        return study_power(x, data, tests, power, settings.confidence, seed, outcome, n_draws=n_draws)

    found = side_by_side(of_outcome, dict.fromkeys([GROSS_PROFIT, settings.trial.outcome]))
    if certified and power.n_whole:
        found.append(_by_every_learner(x, residuals(trials, nuisances, GROSS_PROFIT), found[0], settings))
    tables = (pd.concat([getattr(own, name) for own in found], ignore_index=True) for name in ("power", "detectable"))
    return Power(*(table.assign(certified=certified) for table in tables))


def _by_every_learner(x: Array, data: Residuals, reduced: Power, settings: Settings) -> Power:
    """The gate after the whole search, without effects that differ and with those the reduced one finds 4 times in 5,
    or the largest it was tried on."""
    own = reduced.detectable
    row = own.loc[(own["test"] == PROVEN) & (own["shape"] == ALL_SHAPES)].iloc[0]
    spread = row["spread"] if np.isfinite(row["spread"]) and row["spread"] > 0 else row["largest_planted"]
    multiple = float(spread) / plasmode(x, data).average_se
    power = settings.power.model_copy(update={"spreads": (0.0, multiple)})
    gate = {GATE: study_tests(settings.cate.gain_in_se)[GATE]}
    seed, n_draws = settings.seed_for("power of every learner"), (power.n_whole, power.n_whole)

    def search(planted: Plasmode, ry: Array) -> Found:
        return whole_searches(planted, ry, settings, power.n_jobs)

    return study_power(x, data, gate, power, settings.confidence, seed, GROSS_PROFIT, search, n_draws)
