"""The difference of two Gaussian processes, for small studies."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import optimize
from scipy.spatial.distance import cdist, pdist

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import CateSettings

_ARMS = (0, 1)
MOST_TRIALS = 2_000
# Length scales in median distances between trials, and the range of the logarithm of noise variance over signal's.
_LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
_LOG_NOISE = (-7.0, 7.0)


@dataclass(frozen=True)
class Process:
    """A Gaussian process with a squared-exponential kernel, fitted to the standardised `points` (n, p)."""

    points: Array
    weights: Array
    length: Array
    level: Array

    @classmethod
    def fitted(cls, points: Array, y: Array) -> Process:
        """Length scale and noise of the greatest marginal likelihood (Rasmussen & Williams 2006, section 5.4.1)."""
        level, scale = float(y.mean()), float(y.std())
        if scale <= 10 * np.finfo(float).eps * np.abs(y).max():
            return cls(points, np.zeros(len(y)), np.array(1.0), np.array(level))
        z = (y - level) / scale
        distances = pdist(points)
        typical = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
        squared = cdist(points, points, "sqeuclidean")
        best, weights, length = np.inf, np.zeros(len(y)), typical
        for factor in _LENGTHS:
            values, vectors = np.linalg.eigh(np.exp(-squared / (2 * (factor * typical) ** 2)))
            values, along = np.maximum(values, 0.0), vectors.T @ z

            def cost(log_noise: float, values: Array = values, along: Array = along) -> float:
                total = values + np.exp(log_noise)
                return float(len(along) * np.log(np.mean(along**2 / total)) + np.log(total).sum())

            found = optimize.minimize_scalar(cost, bounds=_LOG_NOISE, method="bounded")
            if found.fun < best:
                best, length = float(found.fun), factor * typical
                weights = scale * (vectors @ (along / (values + np.exp(found.x))))
        return cls(points, weights, np.array(length), np.array(level))

    def mean(self, points: Array) -> Array:
        """Mean (m,) at (m, p) standardised points."""
        near = np.exp(-cdist(points, self.points, "sqeuclidean") / (2 * self.length**2))
        return self.level + near @ self.weights


@dataclass(eq=False)
class TGaussianProcess(Learner):
    """mu1(x) - mu0(x), each a Gaussian process of the covariates within its arm.

    Smooth means that few trials suffice for; the cost grows with the cube of their number, so that studies of more
    than 2,000 trials leave it out. On campaigns it does worse than a constant: it is believed only where it does
    better out of fold. No interval: the process knows neither households nor that it is the wrong model.
    """

    name = "t_gaussian_process"
    interval_of = None

    centre: Array = field(init=False)
    scale: Array = field(init=False)
    processes: tuple[Process, Process] = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> TGaussianProcess:
        return cls()

    @classmethod
    def refusal(cls, n_trials: int) -> str | None:
        if n_trials <= MOST_TRIALS:
            return None
        return f"{cls.name} is for at most {MOST_TRIALS:,} trials, and these are {n_trials:,}"

    def fit(self, x: Array, data: Residuals) -> TGaussianProcess:
        refused = self.refusal(len(x))
        if refused:
            raise ValueError(refused)
        self.centre, self.scale = x.mean(axis=0), np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
        points = self._standard(x)
        with one_thread():
            control, treated = (
                Process.fitted(points[data.treated == arm], data.y[data.treated == arm]) for arm in _ARMS
            )
        self.processes = control, treated
        return self

    def predict(self, x: Array) -> Array:
        control, treated = self.processes
        return treated.mean(self._standard(x)) - control.mean(self._standard(x))

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        own = {f"{arm}_{name}": value for arm in _ARMS for name, value in vars(self.processes[arm]).items()}
        return {"centre": self.centre, "scale": self.scale, **own}

    def restore(self, arrays: Arrays) -> TGaussianProcess:
        self.centre, self.scale = arrays["centre"], arrays["scale"]
        names = Process.__dataclass_fields__
        control, treated = (Process(**{name: arrays[f"{arm}_{name}"] for name in names}) for arm in _ARMS)
        self.processes = control, treated
        return self

    def _standard(self, x: Array) -> Array:
        return (x - self.centre) / self.scale
