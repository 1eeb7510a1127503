"""How what a look-back shows decides whom a campaign targets and what it does to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import brentq
from scipy.special import expit

from dunnhumby_pipeline.simulate.households import draw_households
from dunnhumby_pipeline.simulate.plan import Campaign, Floats, PlanError, stream
from dunnhumby_pipeline.simulate.retailer import Retailer
from dunnhumby_pipeline.simulate.shopping import Behaviour, shop_unprompted

PILOT_HOUSEHOLDS = 600
MAX_SCORE = 2.0
MEASURES = ("log_spend", "log_trips", "recency", "discount_share", "fresh_share")
# Weights of the standardised look-back measures in the targeting score and in the effect.
TARGETING = np.array([0.65, 0.30, -0.35, 0.0, 0.0])
EFFECT = np.array([0.60, 0.0, 0.0, 0.65, 0.35])
OTHER_TARGETING = np.array([0.6, 0.0, 0.0, 0.0, 0.0])
TARGET_SHARES = {"TypeB": 0.10, "TypeC": 0.07}
# The hidden trait, standard normal, as points with chances (Gauss-Hermite).
_TRAITS, _CHANCES = hermegauss(15)


@dataclass(frozen=True)
class Rule:
    """How look-back measures [n, 5] decide targeting and effect, scaled on a pilot of other households."""

    centre: Floats
    scale: Floats
    targeting: Floats
    effects: Floats
    effect_constant: float
    intercepts: dict[int, float]

    def standardised(self, measures: Floats) -> Floats:
        # Clipped, so that no household is certain to be targeted or to be left out.
        return np.clip((measures - self.centre) / self.scale, -MAX_SCORE, MAX_SCORE)

    def score(self, campaign: Campaign, measures: Floats) -> Floats:
        """The logit [n] of the propensity, less the campaign's intercept; TypeB and TypeC look at spend alone."""
        return self.standardised(measures) @ (self.targeting if campaign.type == "TypeA" else OTHER_TARGETING)

    def propensity(self, campaign: Campaign, measures: Floats, beyond: Floats | float = 0.0) -> Floats:
        """True probability [n] that `campaign` targets households that shopped in the look-back; `beyond`: what the
        hidden trait adds to their log odds.
        """
        return np.asarray(expit(self.intercepts[campaign.campaign] + self.score(campaign, measures) + beyond))

    def effect(self, measures: Floats, expected: Floats) -> Floats:
        """True effect [n] ($) of a first TypeA campaign; `expected` [n] is the window's spend ($) without it."""
        tau = self.effect_constant + self.standardised(measures) @ self.effects
        return np.maximum(tau, -expected / 2)


def find_rule(shop: Retailer) -> Rule:
    """Scales from a pilot, so that targeted shares and effects come out as planned at any size."""
    plan, rng = shop.plan, stream(shop.plan, 3)
    homes = draw_households(shop, PILOT_HOUSEHOLDS, rng)
    behaviour = Behaviour.of(shop, len(homes), shop_unprompted(shop, homes, rng))
    seen, expected = [], []
    for campaign in shop.campaigns:
        shopped, measures = behaviour.look_back(campaign.start)
        seen.append(measures[shopped])
        if campaign.type == "TypeA":
            expected.append(homes.expected_spend(shop, campaign.start, campaign.outcome_end)[shopped])
    pooled = np.concatenate([x for campaign, x in zip(shop.campaigns, seen, strict=True) if campaign.type == "TypeA"])
    rule = Rule(pooled.mean(axis=0), pooled.std(axis=0), TARGETING, EFFECT, 0.0, {})
    z = rule.standardised(pooled)
    targeting = TARGETING * plan.targeting_strength / (z @ TARGETING).std()
    effects = EFFECT * plan.effect_sd / (z @ EFFECT).std()
    constant = plan.effect_mean - float((z @ effects).mean())
    if plan.effect_mean < 0:
        constant = _harmful(plan.effect_mean, z @ effects, np.concatenate(expected))
    rule = replace(rule, targeting=targeting, effects=effects, effect_constant=constant)
    intercepts = {}
    for campaign, x in zip(shop.campaigns, seen, strict=True):
        share, score = TARGET_SHARES.get(campaign.type, plan.target_share), rule.score(campaign, x)
        strength = abs(plan.confounder) if campaign.type == "TypeA" else 0.0
        intercepts[campaign.campaign] = brentq(_excess, -30, 30, args=(score, strength, share))
    return replace(rule, intercepts=intercepts)


def _excess(intercept: float, score: Floats, strength: float, share: float) -> float:
    """By how much more than the `share` asked for is targeted at this intercept, the hidden trait averaged out."""
    chance = expit(intercept + score)
    if strength:
        chance = expit(intercept + score[:, None] + strength * _TRAITS) @ (_CHANCES / _CHANCES.sum())
    return float(chance.mean() - share)


def _harmful(mean: float, beyond: Floats, expected: Floats) -> float:
    """The constant at which effects, of which none loses more than half of what is expected, have this mean.

    Raises PlanError where even losses of that half would not come to it.
    """
    most = float(expected.mean()) / 2
    if -mean >= most:
        raise PlanError(
            f"effect_mean is {mean:g}; households spend ${2 * most:.0f} on average while a campaign counts, and none "
            f"loses more than half of it: expected above {-most:.0f}"
        )
    floor = -expected / 2
    far = float(np.abs(beyond).max() + expected.max()) + 1
    return float(brentq(lambda constant: np.maximum(constant + beyond, floor).mean() - mean, -far, far))
