"""Looking at an experiment before its end without fooling oneself.

The confidence sequence holds at all times at once: one may look whenever one likes, and stop when it leaves out what
matters. Group-sequential boundaries hold for a few planned looks, and cost less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]
_POINTS, _WIDEST = 401, 9.0


def confidence_sequence(
    outcome: Array, treated: Array, contact_share: float, confidence: float, planned: int
) -> tuple[Array, Array, Array]:
    """Estimate, lower and upper end (n,) of the effect after each household, valid at all of them together.

    `outcome` (n,) in $ and `treated` (n,), 1 where contacted, in the order in which outcomes came in; `planned`: the
    number of households at which it is to be narrowest. NaN until two of either arm are seen. Each outcome counts by
    its doubly robust score, with the share that was assigned and, as the outcome means, those of the arms so far.

    Asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), theorem 2.2: with t
    households, estimate +- sd sqrt(2 (t rho^2 + 1) / (t rho)^2 log(sqrt(t rho^2 + 1) / alpha)).
    """
    y, w = np.asarray(outcome, dtype=float), np.asarray(treated, dtype=float)
    alpha, t = 1 - confidence, np.arange(1, len(y) + 1, dtype=float)
    n1, n0 = np.cumsum(w), np.cumsum(1 - w)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean1, mean0 = np.cumsum(w * y) / n1, np.cumsum((1 - w) * y) / n0
        square1, square0 = np.cumsum(w * y**2) / n1 - mean1**2, np.cumsum((1 - w) * y**2) / n0 - mean0**2
        p1, p0 = n1 / t, n0 / t
        # Residuals of an arm sum to zero about its mean so far, so the mean score is the difference of means.
        estimate = mean1 - mean0
        variance = p1 * square1 / contact_share**2 + p0 * square0 / (1 - contact_share) ** 2
        half = np.sqrt(np.maximum(variance, 0)) * boundary(t, alpha, planned)
    seen = (n1 >= 2) & (n0 >= 2)
    return tuple(np.where(seen, each, np.nan) for each in (estimate, estimate - half, estimate + half))  # type: ignore[return-value]


def boundary(t: Array, alpha: float, planned: int) -> Array:
    """Half widths (n,) of the sequence after `t` observations, in standard deviations of one."""
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / planned
    return np.asarray(np.sqrt(2 * (t * rho2 + 1) / (t**2 * rho2) * np.log(np.sqrt(t * rho2 + 1) / alpha)))


def obrien_fleming(n_looks: int, alpha: float) -> Array:
    """Two-sided critical values |z| (n_looks,) at equally spaced looks: constant / sqrt(share of information), after
    O'Brien & Fleming (1979).
    """
    information = np.arange(1, n_looks + 1) / n_looks
    constant = optimize.brentq(
        lambda constant: crossing(constant / np.sqrt(information), information).sum() - alpha, 1.0, 6.0
    )
    return np.asarray(constant / np.sqrt(information))


def lan_demets(information: Sequence[float], alpha: float) -> Array:
    """Two-sided critical values |z| (k,) at looks with these shares of information (k,), rising to at most 1.

    Either tail has spent 2 (1 - Phi(z_(1 - alpha/4) / sqrt(share))) by each look, in the manner of O'Brien & Fleming
    (Lan & DeMets 1983). Raises ValueError where shares do not rise from above 0 to at most 1.
    """
    share = np.asarray(information, dtype=float)
    if not len(share) or share[0] <= 0 or share[-1] > 1 or (np.diff(share) <= 0).any():
        raise ValueError(f"expected shares of information that rise from above 0 to at most 1, found {share.tolist()}")
    spent = 4 * stats.norm.sf(stats.norm.isf(alpha / 4) / np.sqrt(share))
    found: list[float] = []
    for look, goal in enumerate(spent):

        def excess(value: float, look: int = look, goal: float = goal) -> float:
            return float(crossing(np.array([*found, value]), share[: look + 1]).sum() - goal)

        found.append(float(optimize.brentq(excess, 1.0, _WIDEST)))
    return np.asarray(found)


def crossing(bounds: Array, information: Array) -> Array:
    """Chance (k,) of first leaving +-bounds (k,) at each look under no effect, by integration over the score's
    independent increments (Armitage, McPherson & Rowe 1969).
    """
    scores = bounds * np.sqrt(information)
    grid = np.linspace(-scores[0], scores[0], _POINTS)
    density = stats.norm.pdf(grid, scale=np.sqrt(information[0]))
    left = [2 * stats.norm.sf(bounds[0])]
    for look in range(1, len(bounds)):
        step = np.sqrt(information[look] - information[look - 1])
        weight = density * _trapezoid(grid)
        outside = stats.norm.sf((scores[look] - grid) / step) + stats.norm.cdf((-scores[look] - grid) / step)
        left.append(float(weight @ outside))
        further = np.linspace(-scores[look], scores[look], _POINTS)
        density = stats.norm.pdf((further[:, None] - grid) / step) / step @ weight
        grid = further
    return np.asarray(left)


def _trapezoid(grid: Array) -> Array:
    weight = np.full(len(grid), grid[1] - grid[0])
    weight[[0, -1]] /= 2
    return weight
