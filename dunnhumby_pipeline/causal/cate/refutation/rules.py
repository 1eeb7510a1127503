"""When a refutation is passed: one rule each for what must be nothing, what must stay, and what must keep its sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

# Beyond chance: with six refutations and two subjects, one in twenty would fail every other study.
_CERTAIN = 0.01
# Shift of an estimate that changes no reading of it, in its standard errors.
_SHIFT = 0.25
_SIZE, _STAYS, _KEEPS = 0.05, 0.8, 0.9

RULES = {
    "nothing": "passed unless the mean of the draws differs from 0 beyond chance (t-test, p < .01)",
    "nothing_proven": "passed unless more draws than 5 % are called proven beyond chance (binomial, p < .01)",
    "stays": "passed unless the mean of the draws lies more than a quarter of a standard error from the estimate, "
    "beyond chance (p < .01)",
    "verdict_stays": "passed unless fewer than 80 % of the draws give the study's own verdict, beyond chance "
    "(binomial, p < .01)",
    "sign": "passed unless the effect keeps its sign in fewer than 90 % of the draws, beyond chance (binomial, "
    "p < .01)",
}


@dataclass(frozen=True)
class Judged:
    """p-value of having passed, and whether it was; `rule` is a key of RULES."""

    rule: str
    p: float
    passed: bool


def nothing(draws: Array) -> Judged:
    """Of estimates (m,) of an effect that there is not."""
    return _judged("nothing", _t_test(draws, 0.0))


def nothing_proven(proven: Array) -> Judged:
    """Of verdicts (m,) on effects that do not differ."""
    n, k = len(proven), int(np.sum(proven))
    return _judged("nothing_proven", float(stats.binom.sf(k - 1, n, _SIZE)))


def stays(draws: Array, observed: float, se: float) -> Judged:
    """Of estimates (m,) that must agree with the one observed, whose standard error is `se`."""
    error = float(np.std(draws, ddof=1)) / np.sqrt(len(draws)) if len(draws) > 1 else float("nan")
    beyond = abs(float(np.mean(draws)) - observed) - _SHIFT * se
    p = float(stats.t.sf(beyond / error, len(draws) - 1)) if error > 0 else float(beyond <= 0)
    return _judged("stays", p)


def verdict_stays(proven: Array, observed: bool) -> Judged:
    """Of verdicts (m,) that must agree with the one observed."""
    agree = int(np.sum(np.asarray(proven, dtype=bool) == observed))
    return _judged("verdict_stays", float(stats.binom.cdf(agree, len(proven), _STAYS)))


def keeps_sign(draws: Array, observed: float) -> Judged:
    """Of estimates (m,) that must lie on the same side of zero as the one observed."""
    same = int(np.sum(np.sign(draws) == np.sign(observed)))
    return _judged("sign", float(stats.binom.cdf(same, len(draws), _KEEPS)))


def _t_test(draws: Array, mean: float) -> float:
    error = float(np.std(draws, ddof=1)) / np.sqrt(len(draws)) if len(draws) > 1 else float("nan")
    if not error > 0:
        return float(np.allclose(draws, mean))
    return float(2 * stats.t.sf(abs(float(np.mean(draws)) - mean) / error, len(draws) - 1))


def _judged(rule: str, p: float) -> Judged:
    return Judged(rule, p, bool(p >= _CERTAIN))
