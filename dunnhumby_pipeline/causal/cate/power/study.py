"""The power of a study: on gross profit, which decisions rest on, and on the primary outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.power.power import Power, study_power
from dunnhumby_pipeline.causal.cate.power.tests import study_tests
from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
# So many draws without a difference for each of those with one, in a certificate.
_WITHOUT = 5


def power_of_study(
    trials: pd.DataFrame, x: Array, nuisances: pd.DataFrame, settings: Settings, certified: bool
) -> Power:
    """The tables study_power and detectable_spread of a study's trials, covariates (n, p) and nuisances.

    `certified`: with the draws of a certificate.
    """
    power, seed = settings.power, settings.seed_for("power")
    n_draws = (power.n_certified, _WITHOUT * power.n_certified) if certified else None
    tests = study_tests(settings.cate.gain_in_se)
    found = [
        study_power(
            x, residuals(trials, nuisances, outcome), tests, power, settings.confidence, seed, outcome, n_draws=n_draws
        )
        for outcome in dict.fromkeys([GROSS_PROFIT, settings.trial.outcome])
    ]
    tables = (pd.concat([getattr(own, name) for own in found], ignore_index=True) for name in ("power", "detectable"))
    return Power(*(table.assign(certified=certified) for table in tables))
