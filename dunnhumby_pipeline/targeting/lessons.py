"""What past experiments on a campaign type say of the effect that is decided on, so that decisions follow them.

An experiment found the effect x with error e on the profit of the households that it randomised, before the contact, at
its margin. At another margin m' it counts as x m' / m with error e m' / m, as the allowance for systematic error does:
what coupons cost is small beside what they sell. Where the study's effects vary and the experiment calibrated them
(best linear predictor: effect = x + b (s - mean of s), s being the study's effect on gross profit), a group of
households of mean study effect s is held against its own point of that line, with the error of the line there:

    e(s)^2 = e^2 + 2 (s - mean) cov(x, b) + (s - mean)^2 var(b).

So an experiment moves groups far from those it randomised less, as the line is less certain there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

Found = tuple[float, float]


@dataclass(frozen=True)
class Lesson:
    """One experiment: its `effect` ($ per household, on profit before the contact at `margin`) with its error; `slope`
    of the true effect over the study's with its error, and the covariance of both, about `study_mean` ($), the mean of
    the study's effects; NaN where the study's effects did not vary.
    """

    effect: float
    error: float
    margin: float
    slope: float = np.nan
    slope_error: float = np.nan
    covariance: float = np.nan
    study_mean: float = np.nan

    def at(self, margin: float, study_effect: float | None = None) -> Found:
        """Effect and error ($ per household) at a margin, of all households or of those with this mean study effect."""
        scale = margin / self.margin
        if study_effect is None or not np.isfinite(self.slope):
            return self.effect * scale, self.error * scale
        away = study_effect - self.study_mean
        variance = self.error**2 + 2 * away * self.covariance + (away * self.slope_error) ** 2
        return (self.effect + self.slope * away) * scale, float(np.sqrt(variance)) * scale


def lessons(experiments: pd.DataFrame, campaign_type: str) -> tuple[Lesson, ...]:
    """The lessons of experiments of this campaign type, in the order of the ledger's results."""
    if experiments.empty:
        return ()
    own = experiments.loc[experiments["campaign_type"] == campaign_type]
    calibrated = ("calibration_slope", "calibration_se", "calibration_covariance", "study_mean")
    # What is not known is None in the ledger, and NaN here.
    numbers = own.reindex(columns=["effect", "effect_se", "margin", *calibrated]).astype(float)
    return tuple(Lesson(*map(float, row)) for row in numbers.itertuples(index=False))


def of_other_types(experiments: pd.DataFrame, campaign_type: str) -> pd.DataFrame:
    """Experiments that inform the allowance for systematic error: those of other types. What one of this type says of
    it is counted where the belief in the effect is updated, and would count twice.
    """
    return experiments if experiments.empty else experiments.loc[experiments["campaign_type"] != campaign_type]
