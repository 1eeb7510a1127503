"""Looking at an experiment before its end without fooling oneself.

The confidence sequence holds at all times at once: one may look whenever one likes, and stop when it leaves out what
matters. Group-sequential boundaries hold for a few planned looks, and cost less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]
_POINTS, _WIDEST = 2001, 9.0


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


def spent(information: Array | float, alpha: float) -> Array:
    """Alpha spent at these shares of information (k,): 4 (1 - Phi(z_(1 - alpha/4) / sqrt(share))), both tails together,
    in the manner of O'Brien & Fleming (Lan & DeMets 1983).
    """
    return np.asarray(4 * stats.norm.sf(stats.norm.isf(alpha / 4) / np.sqrt(information)))


def lan_demets(information: Sequence[float], alpha: float, known: Sequence[float] = ()) -> Array:
    """Two-sided critical values |z| (k,) at looks with these shares of information (k,), rising to at most 1, by the
    alpha that `spent` says. `known`: those of the first looks, as they were when these were taken.

    Raises ValueError where shares do not rise from above 0 to at most 1.
    """
    share = np.asarray(information, dtype=float)
    if not len(share) or share[0] <= 0 or share[-1] > 1 or (np.diff(share) <= 0).any():
        raise ValueError(f"expected shares of information that rise from above 0 to at most 1, found {share.tolist()}")
    goal, found = np.diff(spent(share, alpha), prepend=0.0), list(map(float, known))
    for look in range(len(found), len(share)):
        leaving = _leaving(np.asarray(found), share[: look + 1])

        def excess(value: float, look: int = look, leaving: Callable[[float], float] = leaving) -> float:
            return leaving(value) - float(goal[look])

        # So little is spent at a very early look that no value is passed by it.
        early = excess(_WIDEST) > 0
        found.append(_WIDEST if early else float(optimize.brentq(excess, 0.5, _WIDEST)))
    return np.asarray(found)


def crossing(bounds: Array, information: Array) -> Array:
    """Chance (k,) of first leaving +-bounds (k,) at each look under no effect, by integration over the score's
    independent increments (Armitage, McPherson & Rowe 1969).
    """
    return np.asarray(
        [_leaving(bounds[:look], information[: look + 1])(float(bounds[look])) for look in range(len(bounds))]
    )


def _leaving(bounds: Array, information: Array) -> Callable[[float], float]:
    """The chance of first leaving at the last of the looks (k,) by its bound, given the `bounds` (k - 1,) before."""
    if not len(bounds):
        return lambda bound: float(2 * stats.norm.sf(bound))
    scores = bounds * np.sqrt(information[:-1])
    grid = np.linspace(-scores[0], scores[0], _POINTS)
    density = stats.norm.pdf(grid, scale=np.sqrt(information[0]))
    for look in range(1, len(bounds)):
        step = np.sqrt(information[look] - information[look - 1])
        further = np.linspace(-scores[look], scores[look], _POINTS)
        density = stats.norm.pdf((further[:, None] - grid) / step) / step @ (density * _trapezoid(grid))
        grid = further
    weight, step, root = (
        density * _trapezoid(grid),
        np.sqrt(information[-1] - information[-2]),
        np.sqrt(information[-1]),
    )

    def chance(bound: float) -> float:
        outside = stats.norm.sf((bound * root - grid) / step) + stats.norm.cdf((-bound * root - grid) / step)
        return float(weight @ outside)

    return chance


def _trapezoid(grid: Array) -> Array:
    weight = np.full(len(grid), grid[1] - grid[0])
    weight[[0, -1]] /= 2
    return weight
