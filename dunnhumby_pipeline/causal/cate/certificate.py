"""The scoreboard of every learner, those among them that a study leaves to its certificate."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.selection import SCOREBOARD, fit_cate
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]


def every_learner(
    trials: pd.DataFrame, x: Array, data: Residuals, settings: Settings, *, certified: bool
) -> pd.DataFrame:
    """The scoreboard that `fit_cate` gives of a study's trials with no learner left out, and `certified`, which is true
    in every row: `chosen` is what a study by every learner would use. No rows outside of a certificate.

    `x` (n, p), `data`: as the study's own models have them; errors are those of `fit_cate`.
    """
    if not certified:
        words, numbers = {"model": "str", "fold": "int64", "reason": "str"}, dict.fromkeys(SCOREBOARD, "float64")
        types = {**numbers, **words, "chosen": "bool", "certified": "bool"}
        return pd.DataFrame(columns=list(types)).astype(types)
    own = (settings.cate, settings.confidence, settings.seed_for("cate"), settings.nuisance)
    return fit_cate(trials, x, data, *own).scoreboard.assign(certified=True)
