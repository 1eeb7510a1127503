"""Whom campaigns target, and what the targeted then buy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.simulate.households import Households
from dunnhumby_pipeline.simulate.plan import Bools, Ints
from dunnhumby_pipeline.simulate.retailer import Retailer
from dunnhumby_pipeline.simulate.rules import Rule
from dunnhumby_pipeline.simulate.shopping import Behaviour, Receipts, go_shopping, merge_lines

TILL_SHARE = 0.02


def target(
    shop: Retailer, homes: Households, behaviour: Behaviour, rule: Rule, rng: np.random.Generator
) -> tuple[Bools, pd.DataFrame]:
    """Who each campaign targets [n, campaigns], and the trials with their truth (household by position).

    A household without a trip in the look-back is not a trial and never targeted.
    """
    targeted = np.zeros((len(homes), len(shop.campaigns)), dtype=bool)
    treated_before = np.zeros(len(homes), dtype=bool)
    trials = []
    for i, campaign in enumerate(shop.campaigns):
        shopped, measures = behaviour.look_back(campaign.start)
        hidden = homes.confounder if campaign.type == "TypeA" else None
        beyond = 0.0 if hidden is None else abs(shop.plan.confounder) * hidden
        chance = rule.propensity(campaign, measures, beyond)
        targeted[:, i] = shopped & (rng.random(len(homes)) < chance)
        if campaign.type != "TypeA":
            continue
        expected = homes.expected_spend(shop, campaign.start, campaign.outcome_end)
        tau = rule.effect(measures, expected)
        who = np.flatnonzero(shopped & ~treated_before)
        trial = {
            "household": who,
            "campaign": np.full(len(who), campaign.campaign),
            "propensity": chance[who],
            "treated": targeted[who, i].astype(np.int64),
            "effect": tau[who],
            "expected_spend": expected[who],
        }
        if homes.confounder is not None:
            trial["confounder"] = homes.confounder[who]
        trials.append(pd.DataFrame(trial))
        treated_before |= targeted[:, i]
    return targeted, pd.concat(trials, ignore_index=True)


def respond(
    shop: Retailer, homes: Households, base: Receipts, trials: pd.DataFrame, rng: np.random.Generator
) -> Receipts:
    """The baskets with the effects of first TypeA campaigns in them, ordered by household and time."""
    kept = np.ones(len(base.day), dtype=bool)
    # Drawn for every basket, so that the effect's settings do not shift other random choices.
    luck = rng.random(len(kept))
    treated = trials[trials["treated"] == 1]
    households, days = [], []
    for campaign in shop.type_a:
        group = treated[treated["campaign"] == campaign.campaign]
        span = np.arange(campaign.start, campaign.outcome_end + 1)
        who, tau = group["household"].to_numpy(), group["effect"].to_numpy()
        rate = np.maximum(tau, 0)[:, None] / len(span) / homes.basket_spend[who][:, shop.week[span]]
        count = rng.poisson(rate)
        row, column = np.nonzero(count)
        households.append(np.repeat(who[row], count[row, column]))
        days.append(np.repeat(span[column], count[row, column]))
        drop = np.zeros(len(homes))
        # Where nothing is expected nothing is lost: tau is at least -expected / 2.
        drop[who] = np.maximum(-tau, 0) / np.maximum(group["expected_spend"], 1e-9)
        inside = (base.day >= campaign.start) & (base.day <= campaign.outcome_end)
        kept &= ~(inside & (luck < drop[base.household]))
    extra = go_shopping(shop, homes, np.concatenate(households), np.concatenate(days), rng)

    def joined(name: str) -> Ints:
        return np.concatenate([getattr(base, name), getattr(extra, name)])

    order = np.lexsort((joined("minute"), joined("day"), joined("household")))
    order = order[np.append(kept, np.ones(len(extra.day), dtype=bool))[order]]
    place = np.full(len(kept) + len(extra.day), -1)
    place[order] = np.arange(len(order))
    basket = place[np.append(base.basket, extra.basket + len(kept))]
    here = basket >= 0
    slips = np.flatnonzero(rng.random(len(order)) < TILL_SHARE)
    paper = rng.choice(np.flatnonzero(shop.catalogue.shelf_cents == 0), len(slips))
    lines = merge_lines(
        np.append(basket[here], slips),
        np.append(joined("product")[here], paper),
        np.append(joined("lots")[here], rng.integers(0, 2, len(slips))),
    )
    household, day, minute, store = (joined(name)[order] for name in ("household", "day", "minute", "store"))
    return Receipts(household, day, minute, store, *lines)
