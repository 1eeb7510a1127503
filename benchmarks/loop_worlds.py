"""Worlds in which it is known what a contact brings to every household, for `benchmarks.loop`.

Households come into up to three campaigns with what is known of them before (12 covariates), are contacted by a coin
that depends on it, and spend with a skew of their own. Beside the outcome stands what they spent in a window before,
which no contact can have moved: the negative control, and what an experiment is adjusted for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from dunnhumby_pipeline.contracts.names import SPEND

Array = NDArray[np.float64]

NULL, CONSTANT_EFFECT, HETEROGENEOUS, HIDDEN = "null", "constant", "heterogeneous", "hidden confounder"
KINDS = (NULL, CONSTANT_EFFECT, HETEROGENEOUS, HIDDEN)
MARGIN, N_COVARIATES, CAMPAIGNS = 0.3, 12, (1, 2, 3)
PLACEBO = "spend_before"
# Mean effects on profit before the contact ($ per household), and the standard deviation where they differ.
MEAN = {NULL: 0.0, CONSTANT_EFFECT: 6.0, HETEROGENEOUS: 6.0, HIDDEN: 2.0}
SPREAD = 9.0
# By how much the hidden trait moves the log odds of a contact and the log of spend, per standard deviation: a bias
# of some $6 of profit.
OF_ODDS, OF_SPEND = 0.8, 0.08


@dataclass(frozen=True)
class World:
    """`trials`: household_key, campaign, treated, index_day, spend ($) and PLACEBO ($), n rows. `x` (n, p): what is
    known before. `today` (m,): the row of each household's last campaign, as which the next one finds it. `effect`
    (m,): what a contact brings it, $ of profit before its cost. `mean_spend` (m,): what it spends without one, on
    average.
    """

    trials: pd.DataFrame
    x: Array
    today: NDArray[np.int64]
    effect: Array
    mean_spend: Array

    def profit_without(self, rng: np.random.Generator) -> Array:
        """One draw (m,) of each household's profit ($) in the next window if it is not contacted."""
        return MARGIN * spent(self.mean_spend, rng)


def spent(mean: Array, rng: np.random.Generator) -> Array:
    """Spend ($) with these means: a gamma's skew, and a coefficient of variation of a half."""
    return np.asarray(mean * rng.gamma(4.0, 0.25, size=mean.shape))


def world(kind: str, n_households: int, seed: int) -> World:
    """A world of this kind. Effects are none; $6 for all; of mean $6 and standard deviation $9 by two covariates; and
    $2 for all where a trait that is not in the data moves contacts and spend alike.
    """
    rng = np.random.default_rng([20261122, KINDS.index(kind), seed])
    own = rng.normal(size=(n_households, N_COVARIATES))
    household, position = np.nonzero(rng.random((n_households, len(CAMPAIGNS))) < (1.0, 0.6, 0.4))
    x = 0.9 * own[household] + np.sqrt(1 - 0.81) * rng.normal(size=(len(household), N_COVARIATES))
    trait = rng.normal(size=n_households)[household] if kind == HIDDEN else np.zeros(len(household))
    level = np.exp(0.25 * rng.normal(size=n_households))[household] * np.exp(OF_SPEND * trait)
    mean = level * np.exp(5.8 + 0.35 * x[:, 0] + 0.2 * x[:, 1] - 0.2 * x[:, 2] + 0.1 * np.abs(x[:, 3]))
    odds = 0.8 * x[:, 0] + 0.5 * x[:, 1] - 0.4 * x[:, 4] + OF_ODDS * trait
    treated = (rng.random(len(x)) < expit(odds - 0.5)).astype("int64")
    effect = np.full(len(x), MEAN[kind])
    if kind == HETEROGENEOUS:
        effect = effect + SPREAD * (0.8 * x[:, 1] + 0.6 * x[:, 5])
    campaign = np.array(CAMPAIGNS)[position]
    trials = pd.DataFrame(
        {
            "household_key": household + 1,
            "campaign": campaign,
            "treated": treated,
            "index_day": 100 * campaign,
            SPEND: spent(mean, rng) + treated * effect / MARGIN,
            PLACEBO: spent(mean, rng),
        }
    )
    # Rows are ordered by household and campaign.
    today = np.flatnonzero(np.append(np.diff(household) > 0, True))
    return World(trials, x, today, effect[today], mean[today])
