"""The whole search for effects that differ, by every learner, with the nuisances given: what the study itself
does, with the learners that it leaves to the certificate.

A draw takes some 13 CPU seconds for 5,000 trials, against a few milliseconds of the reduced search. Its verdict is the
gate's: the sequential tests would fit every learner as often again.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.candidates import out_of_fold
from dunnhumby_pipeline.causal.cate.power.plasmode import Plasmode
from dunnhumby_pipeline.causal.cate.reduced import Found
from dunnhumby_pipeline.causal.cate.stacking import stacked
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.nested import Nested
from dunnhumby_pipeline.contracts.names import ALL_FOLDS
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]


def whole_search(x: Array, data: Residuals, settings: Settings) -> Found:
    """Every learner out of fold, calibrated and stacked, on trials (n, p); the arrays of what is found are (n, 1)."""
    known, seed = Nested.known(data), settings.seed_for("cate")
    own = settings.cate
    candidates = out_of_fold(x, data, known, own, settings.confidence, seed)
    found = stacked(data, candidates.level, candidates.deviations(), own.n_stacked, ALL_FOLDS)
    return Found(found.effect[:, None], candidates.level[:, None], np.full((len(x), 1), np.nan))


def whole_searches(planted: Plasmode, outcome_residual: Array, settings: Settings, n_jobs: int) -> Found:
    """The whole search in each of d draws (n, d) of a plasmode, several at once in processes of their own."""
    from joblib import Parallel, delayed

    draws = [planted.drawn(own) for own in outcome_residual.T]
    found = Parallel(n_jobs=n_jobs)(delayed(whole_search)(planted.x, draw, settings) for draw in draws)
    return Found(*(np.hstack([getattr(own, field.name) for own in found]) for field in fields(Found)))
