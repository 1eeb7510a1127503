"""What a test is worth before it is run: the expected value of sample information (Raiffa & Schlaifer 1961).

Profit per contacted household is N(mu, s^2) by what is known today. A randomised test with arms n1 and n0 and outcome
variance v will move the best guess by a normal with standard deviation

    sigma = s^2 / sqrt(s^2 + v (1/n1 + 1/n0)),

after which one contacts where the guess is above zero. The gain over deciding today, per household and campaign, is

    sigma phi(mu / sigma) + mu Phi(mu / sigma) - max(0, mu).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SIZES, _TINY = 60, 1e-100


@dataclass(frozen=True)
class PricedTest:
    """A randomised test of a contact: households contacted and held out; what it is expected to gain over deciding
    today, what it costs, and the difference ($).
    """

    n_treated: int
    n_control: int
    gain: float
    cost: float

    @property
    def net(self) -> float:
        return self.gain - self.cost


@dataclass(frozen=True)
class Stakes:
    """What hangs on the decision: `n_households` whom a test would decide, over `n_campaigns` to come; `variance` of
    the outcome that is left by its means ($ squared), `fixed_cost` ($) of a test, and the fewest households of an arm.
    `n_supported`: those of them whom today's estimate speaks of; all where it is None.

    A test decides the households that it draws from: those listed to be tested, whether the study has comparable ones
    for them or not, as randomising needs none. What is believed of the others is what is believed of their group: a
    guess that is surer than it should be, so that the test is worth at least what is said.
    """

    n_households: int
    n_campaigns: int
    variance: float
    fixed_cost: float
    least: int
    n_supported: int | None = None

    @property
    def n_contacted(self) -> int:
        """Households that would be contacted on what is known today."""
        return self.n_households if self.n_supported is None else self.n_supported


def expected_gain(
    mu: Array | float, s: Array | float, variance: float, n_treated: Array | int, n_control: Array | int
) -> Array:
    """Expected value of sample information, $ per household and campaign; arguments broadcast. 0 where nothing is
    uncertain.
    """
    noise = variance * (1 / np.asarray(n_treated, dtype=float) + 1 / np.asarray(n_control, dtype=float))
    mean, before = np.asarray(mu, dtype=float), np.square(np.asarray(s, dtype=float))
    # Where nothing is uncertain the limit is 0, to which the smallest spread comes.
    sigma = np.maximum(before / np.sqrt(np.maximum(before + noise, _TINY)), _TINY)
    away = mean / sigma
    guessed = sigma * scipy.stats.norm.pdf(away) + mean * scipy.stats.norm.cdf(away)
    return np.asarray(np.maximum(guessed - np.maximum(0.0, mean), 0.0))


def best_test(mu: float, s: float, stakes: Stakes) -> PricedTest | None:
    """The test with equal arms that is worth most over its cost; None where too few households exist for one.

    Its cost is the fixed one, and what its households lose by the arm that today's best guess would not give them.
    """
    largest = stakes.n_households // 2
    if largest < stakes.least:
        return None
    sizes = np.unique(np.geomspace(stakes.least, largest, _SIZES).round().astype(int))
    gain = stakes.n_households * stakes.n_campaigns * expected_gain(mu, s, stakes.variance, sizes, sizes)
    cost = stakes.fixed_cost + sizes * abs(mu)
    best = int(np.argmax(gain - cost))
    return PricedTest(int(sizes[best]), int(sizes[best]), float(gain[best]), float(cost[best]))
