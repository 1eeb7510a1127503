"""How what a look-back shows decides whom a campaign targets and what it does to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from dunnhumby_pipeline.simulate.households import draw_households
from dunnhumby_pipeline.simulate.plan import Campaign, Floats, stream
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

    def propensity(self, campaign: Campaign, measures: Floats) -> Floats:
        """True probability [n] that `campaign` targets households that shopped in the look-back."""
        return np.asarray(expit(self.intercepts[campaign.campaign] + self.score(campaign, measures)))

    def effect(self, measures: Floats, expected: Floats) -> Floats:
        """True effect [n] ($) of a first TypeA campaign; `expected` [n] is the window's spend ($) without it."""
        tau = self.effect_constant + self.standardised(measures) @ self.effects
        return np.maximum(tau, -expected / 2)


def find_rule(shop: Retailer) -> Rule:
    """Scales from a pilot, so that targeted shares and effects come out as planned at any size."""
    plan, rng = shop.plan, stream(shop.plan, 3)
    homes = draw_households(shop, PILOT_HOUSEHOLDS, rng)
    behaviour = Behaviour.of(shop, len(homes), shop_unprompted(shop, homes, rng))
    seen = []
    for campaign in shop.campaigns:
        shopped, measures = behaviour.look_back(campaign.start)
        seen.append(measures[shopped])
    pooled = np.concatenate([x for campaign, x in zip(shop.campaigns, seen, strict=True) if campaign.type == "TypeA"])
    rule = Rule(pooled.mean(axis=0), pooled.std(axis=0), TARGETING, EFFECT, 0.0, {})
    z = rule.standardised(pooled)
    targeting = TARGETING * plan.targeting_strength / (z @ TARGETING).std()
    effects = EFFECT * plan.effect_sd / (z @ EFFECT).std()
    constant = plan.effect_mean - float((z @ effects).mean())
    rule = replace(rule, targeting=targeting, effects=effects, effect_constant=constant)
    intercepts = {}
    for campaign, x in zip(shop.campaigns, seen, strict=True):
        share, score = TARGET_SHARES.get(campaign.type, plan.target_share), rule.score(campaign, x)
        intercepts[campaign.campaign] = brentq(lambda a, z=score, s=share: expit(a + z).mean() - s, -30, 30)
    return replace(rule, intercepts=intercepts)
