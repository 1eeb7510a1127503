"""Does an experiment find the differences between households that the study said there are?

The best linear predictor of the effect by the study's own effects s on experimental data (Chernozhukov, Demirer, Duflo
& Fernandez-Val 2018): with the arm T of probability p,

    profit = a + c'x + d (s - mean s) + beta1 (T - p) + beta2 (T - p)(s - mean s) + error,

beta1 is the average effect and beta2 the slope: 1 where the study's differences are as large as the true ones, 0 where
they say nothing. Errors are HC2, as every household has one outcome and so is its own cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.experiments.assignment import CONTACT

# Per coefficient; with fewer households no slope is told from chance.
_FEWEST, _VARIES, _NOTHING = 20, 1e-6, 1e-9


@dataclass(frozen=True)
class Calibration:
    """Slope of the effect over the study's, its error and interval, its covariance with the average effect, and the
    mean of the study's effects ($); NaN but for the mean where the study's effects do not vary.
    """

    slope: float
    se: float
    lower: float
    upper: float
    covariance: float
    study_mean: float


def before_the_test(frame: pd.DataFrame) -> NDArray[np.float64]:
    """What is known of households before the test (n, at most 2), centred and uncorrelated, of variance 1; what is
    known twice, or is the same for all, says nothing more and is left out.
    """
    known = frame[["baseline_spend", "baseline_visits"]].to_numpy(dtype=float)
    parts, sizes, _ = np.linalg.svd(known - known.mean(axis=0), full_matrices=False)
    return np.asarray(parts[:, sizes > _NOTHING * max(sizes[0], 1.0)] * np.sqrt(len(frame)))


def _unknown(mean: float) -> Calibration:
    return Calibration(np.nan, np.nan, np.nan, np.nan, np.nan, mean)


def calibrated(frame: pd.DataFrame, contact_share: float, confidence: float) -> Calibration:
    """The calibration of `study_effect` ($) on outcomes: `frame` has profit, arm, baseline_spend, baseline_visits."""
    nothing = _unknown(np.nan)
    if "study_effect" not in frame.columns:
        return nothing
    own = frame.loc[frame["study_effect"].notna() & frame["profit"].notna()]
    study = own["study_effect"].to_numpy(dtype=float)
    if not len(own):
        return nothing
    mean = float(study.mean())
    varies = np.ptp(study) > _VARIES * max(1.0, float(np.abs(study).max()))
    if not varies or len(own) < 6 * _FEWEST:
        return _unknown(mean)
    import statsmodels.api as sm

    away, arm = study - mean, (own["arm"] == CONTACT).to_numpy(dtype=float) - contact_share
    known = before_the_test(own)
    x = np.column_stack([np.ones(len(own)), arm, arm * away, away, known])
    fit = sm.OLS(own["profit"].to_numpy(dtype=float), x).fit(cov_type="HC2")
    slope, se = float(fit.params[2]), float(fit.bse[2])
    half = normal_quantile(confidence) * se
    return Calibration(slope, se, slope - half, slope + half, float(fit.cov_params()[1, 2]), mean)
