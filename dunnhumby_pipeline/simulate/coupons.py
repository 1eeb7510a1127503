"""Coupons: what they are good for, who redeems them, and what they and other discounts take off the lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.simulate.plan import Bools, Floats, Ints, stream
from dunnhumby_pipeline.simulate.retailer import Retailer
from dunnhumby_pipeline.simulate.shopping import Receipts

MATCH_SHARE, NOISE_SHARE = 0.3, 5e-4
FACE_CENTS = np.array([50, 75, 100, 150, 200])
# Coupons of a campaign, and products of a coupon.
COUPON_PLANS = {"TypeA": (40, 14), "TypeB": (10, 10), "TypeC": (14, 10)}


def issue_coupons(shop: Retailer) -> Ints:
    """The coupon [campaigns, products] of each campaign that is good for a product, by position; -1 when none is."""
    rng = stream(shop.plan, 2)
    goods = np.flatnonzero((shop.catalogue.shelf_cents > 0) & (shop.catalogue.lot_units == 1))
    coupon_of = np.full((len(shop.campaigns), shop.plan.n_products), -1)
    for i, campaign in enumerate(shop.campaigns):
        n_coupons, n_each = COUPON_PLANS[campaign.type]
        n_each = min(n_each, len(goods) // n_coupons)
        chosen = rng.permutation(goods)[: n_coupons * n_each]
        coupon_of[i, chosen] = coupon_of.max() + 1 + np.repeat(np.arange(n_coupons), n_each)
    return coupon_of


def redeem(
    shop: Retailer, coupon_of: Ints, redeeming: Floats, targeted: Bools, receipts: Receipts, rng: Any
) -> pd.DataFrame:
    """Coupons redeemed (household, day, coupon, campaign by position), each with its line and discount (cents).

    A targeted household remembers some of the coupons that fit its lines, and uses each coupon once.
    """
    household, day, parts = receipts.household, receipts.day, []
    for i, campaign in enumerate(shop.campaigns):
        inside = (day >= campaign.start) & (day <= campaign.end) & targeted[household, i]
        fits = np.flatnonzero(inside[receipts.basket] & (coupon_of[i][receipts.product] >= 0))
        parts.append(fits[rng.random(len(fits)) < redeeming[household[receipts.basket[fits]]]])
    line = np.concatenate(parts)
    campaign_of_line = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    basket, coupon = receipts.basket[line], coupon_of[campaign_of_line, receipts.product[line]]
    used = pd.DataFrame({"household": household[basket], "day": day[basket], "position": campaign_of_line})
    used["coupon"], used["line"] = coupon, line
    used["cents"] = np.minimum(FACE_CENTS[coupon % len(FACE_CENTS)], receipts.sale_cents(shop)[line] // 2)
    return used[used["cents"] >= 10].drop_duplicates(["household", "coupon"]).drop_duplicates("line")


def transactions(shop: Retailer, receipts: Receipts, used: pd.DataFrame, rng: np.random.Generator) -> dict[str, Any]:
    """The lines as canonical columns (household and basket by position), with the raw discount signs."""
    catalogue, product, day = shop.catalogue, receipts.product, receipts.day[receipts.basket]
    sale = receipts.sale_cents(shop)
    retail = receipts.lots * catalogue.shelf_cents[product] - sale
    coupon, match = np.zeros(len(day), np.int64), np.zeros(len(day), np.int64)
    line, cents = used["line"].to_numpy(), used["cents"].to_numpy()
    coupon[line] = cents
    # The match takes the place of at most half the loyalty discount: the line stays a discounted one.
    match[line] = np.where(rng.random(len(line)) < MATCH_SHARE, np.minimum(cents, retail[line] // 2), 0)
    retail_disc = (match - retail) / 100
    noisy = rng.integers(0, len(day), rng.binomial(len(day), NOISE_SHARE))
    retail_disc[noisy[retail[noisy] == 0]] = 2.0**-48
    minute = receipts.minute[receipts.basket]
    return {
        "household_key": receipts.household[receipts.basket],
        "basket_id": receipts.basket,
        "day": day,
        "week_no": shop.week[day],
        "product_id": catalogue.products["product_id"].to_numpy()[product],
        "quantity": receipts.lots * catalogue.lot_units[product],
        "sales_value": sale / 100,
        "store_id": shop.store_id(receipts.store[receipts.basket]),
        "retail_disc": retail_disc,
        "trans_time": 100 * (minute // 60) + minute % 60,
        "coupon_disc": (0 - coupon) / 100,
        "coupon_match_disc": (0 - match) / 100,
    }
