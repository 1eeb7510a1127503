"""What the study could have found: power and size of its tests of effects that differ, and coverage, on its own data.

See `plasmode` for what is planted and `reduced` for the procedure that looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.power.curve import fit_curve
from dunnhumby_pipeline.causal.cate.power.plasmode import SHAPES, Plasmode, plasmode
from dunnhumby_pipeline.causal.cate.power.tests import LEVEL, Draw, Test, outcomes
from dunnhumby_pipeline.causal.cate.reduced import Found, Reduced
from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import PowerSettings

Array = NDArray[np.float64]

# What the interval of the average effect is held against: that average, and each household's own effect.
AVERAGE, AVERAGE_AS_HOUSEHOLDS = "average", "average_as_households"
FOUND, COVERED = "found", "covered"
ALL_SHAPES, NO_SHAPE = "all", "none"
REDUCED, WHOLE = "reduced", "whole"
TARGET = 0.8
# More spreads are planted, each twice the last, until the largest is found so often or so many have been added.
_ENOUGH, _MOST_ADDED = 0.9, 4
_AT_ONCE = 50
_ROUNDING = 1e-12
POWER = [
    *("outcome", "procedure", "measure", "name", "shape", "spread", "n_draws", "n_counted", "share", "share_se"),
    "nominal",
]
DETECTABLE = [
    *("outcome", "procedure", "test", "shape", "n_draws", "size", "size_se", "spread", "spread_se"),
    *("spread_lower", "spread_upper", "largest_planted", "largest_share"),
]

# What is found in each of d draws of a plasmode, given by their outcome residuals (n, d).
Procedure = Callable[[Plasmode, Array], Found]


@dataclass(frozen=True)
class Power:
    """`power`: how often what was planted was found or covered. `detectable`: the spread found 4 times in 5, by test.

    The columns are those of the tables study_power and detectable_spread.
    """

    power: pd.DataFrame
    detectable: pd.DataFrame


def study_power(
    x: Array,
    data: Residuals,
    tests: Mapping[str, Test],
    settings: PowerSettings,
    confidence: float,
    seed: int,
    outcome: str = "",
    procedure: Procedure | None = None,
    n_draws: tuple[int, int] | None = None,
) -> Power:
    """Plant effects in the study's trials, and count how often each of the `tests` finds them.

    `x` (n, p), `data`: as the models of the effect have them; `outcome` names the outcome, in whose unit spreads are.
    A spread is the overlap-weighted standard deviation of effects between trials, planted as multiples of the average
    effect's standard error. `procedure`: what looks for them, by default the reduced one, for which larger spreads are
    added until they are found. `n_draws`: with effects of each spread, and without; by default those of the settings.
    """
    planted, name = plasmode(x, data), REDUCED if procedure is None else WHOLE
    find = Reduced(x, planted.data).find if procedure is None else partial(procedure, planted)
    if not planted.average_se > _ROUNDING * float(np.abs(data.y).max()):
        # Nothing is left of the outcome, or one household: nothing is planted in that.
        return Power(pd.DataFrame(columns=POWER), pd.DataFrame(columns=DETECTABLE))
    with_effect, without = n_draws or (settings.n_draws, settings.n_null_draws)
    rng = np.random.default_rng(seed)
    spreads = list(settings.spreads)
    rows: list[dict[str, object]] = []
    for number, multiple in enumerate(spreads):
        drawn = without if multiple == 0 else with_effect
        counted = pd.DataFrame(_draws(planted, find, tests, multiple, drawn, confidence, rng))
        spread = multiple * planted.average_se
        nominal = {COVERED: confidence, FOUND: np.nan if spread else LEVEL}
        labels = {"outcome": outcome, "procedure": name}
        rows += [row | {"nominal": nominal[row["measure"]]} for row in _counts(counted, spread, labels)]
        last, added = number == len(spreads) - 1, len(spreads) - len(settings.spreads)
        found = counted.loc[counted["measure"] == FOUND].groupby("name")["counted"].mean()
        if procedure is None and last and added < _MOST_ADDED and len(found) and found.min() < _ENOUGH:
            spreads.append(2 * multiple)
    power = pd.DataFrame(rows, columns=POWER)
    return Power(power, detectable_spreads(power))


def _draws(
    planted: Plasmode,
    find: Callable[[Array], Found],
    tests: Mapping[str, Test],
    multiple: float,
    n_draws: int,
    confidence: float,
    rng: np.random.Generator,
) -> Iterator[dict[str, object]]:
    for first in range(0, n_draws, _AT_ONCE):
        shapes = [SHAPES[number % len(SHAPES)] for number in range(first, min(first + _AT_ONCE, n_draws))]
        beyond = multiple * planted.average_se * planted.directions(shapes, rng) if multiple else 0.0
        truth = np.full((len(planted.x), len(shapes)), planted.average) + beyond
        ry = planted.outcome_residuals(truth, planted.signs(len(shapes), rng))
        found = find(ry)
        for number, shape in enumerate(shapes):
            data = planted.drawn(ry[:, number])
            draw = Draw(data, found.effect[:, number], found.constant[:, number], found.sequential[:, number])
            labels = {"shape": shape if multiple else NO_SHAPE}
            for test, positive in outcomes(draw, tests).items():
                yield {**labels, "measure": FOUND, "name": test, "counted": float(positive)}
            for interval, share in _coverage(data, truth[:, number], planted.average, confidence).items():
                yield {**labels, "measure": COVERED, "name": interval, "counted": share}


def _coverage(data: Residuals, truth: Array, average: float, confidence: float) -> dict[str, float]:
    """Whether the interval of the average covers it, and the share of trials whose own effect it covers."""
    estimate, se = overlap_weighted(data, np.ones(len(truth), dtype=bool))
    half = normal_quantile(confidence) * se
    return {
        AVERAGE: float(abs(estimate - average) <= half),
        AVERAGE_AS_HOUSEHOLDS: float((np.abs(estimate - truth) <= half).mean()),
    }


def _counts(counted: pd.DataFrame, spread: float, labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    groups = [(ALL_SHAPES, counted)] if spread else [(NO_SHAPE, counted)]
    if spread:
        groups += [(shape, own) for shape, own in counted.groupby("shape", sort=False)]
    for shape, own in groups:
        for (measure, name), shares in own.groupby(["measure", "name"], sort=False)["counted"]:
            n, share = len(shares), float(shares.mean())
            # Of yes and no the binomial error with Wilson's shrinkage, so that none of n is not without error.
            steady = (share * n + 2) / (n + 4)
            error = np.sqrt(steady * (1 - steady) / (n + 4)) if set(shares) <= {0.0, 1.0} else shares.sem()
            yield {
                **labels,
                **{"measure": measure, "name": name, "shape": shape, "spread": spread, "n_draws": n},
                **{"n_counted": float(shares.sum()), "share": share, "share_se": float(error)},
            }


def detectable_spreads(power: pd.DataFrame) -> pd.DataFrame:
    """From the rows of study_power, by outcome, procedure, test and shape: size of the test, and the spread that is
    found with 80 % power by a probit curve through the spreads planted, with its Monte-Carlo error.

    `spread` is null where the curve does not reach 80 % at the largest spread planted.
    """
    rows = []
    found = power.loc[power["measure"] == FOUND]
    for (outcome, procedure, test), own in found.groupby(["outcome", "procedure", "name"], sort=False):
        without = own.loc[own["shape"] == NO_SHAPE]
        size = without.iloc[0] if len(without) else pd.Series({"share": np.nan, "share_se": np.nan})
        for shape, points in own.loc[own["shape"] != NO_SHAPE].groupby("shape", sort=False):
            largest = points.loc[points["spread"].idxmax()]
            spread, se = np.nan, np.nan
            if points["spread"].nunique() > 1:
                curve = fit_curve(*(points[name].to_numpy(dtype=float) for name in ("spread", "n_draws", "n_counted")))
                spread, se = curve.spread(TARGET)
            if not spread <= largest["spread"]:
                spread, se = np.nan, np.nan
            half = normal_quantile(0.95) * se
            rows.append(
                {
                    **{"outcome": outcome, "procedure": procedure, "test": test, "shape": shape},
                    **{"n_draws": int(points["n_draws"].min()), "size": size["share"], "size_se": size["share_se"]},
                    **{"spread": spread, "spread_se": se},
                    **{"spread_lower": max(spread - half, 0.0), "spread_upper": spread + half},
                    **{"largest_planted": largest["spread"], "largest_share": largest["share"]},
                }
            )
    return pd.DataFrame(rows, columns=DETECTABLE)
