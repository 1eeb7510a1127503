"""What comes after the data: a campaign to come, and what every household then spends, contacted and not.

Households go on as they are: at the rhythm of their last week, the season moved on, and at the prices of the same weeks
a year before; who had stopped shopping stays away. The campaign to come is a TypeA campaign that starts the day after
the data end. What a contact does is what it did before: tau of the look-back for a household that no TypeA campaign has
reached, and nothing for one that it has, as repeats have no effect. Both outcomes of a household are drawn whatever its
arm and whoever else is contacted, so that two assignments of one simulation differ by who is contacted alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from dunnhumby_pipeline.simulate.coupons import issue_coupons, redeem, transactions
from dunnhumby_pipeline.simulate.households import (
    DAYS_OF_SEASONS,
    Households,
    confounded,
    draw_households,
    season,
    trips_factor,
)
from dunnhumby_pipeline.simulate.plan import (
    CAMPAIGN_LENGTHS,
    FIRST_CAMPAIGN_DAY,
    FOLLOW_UP_DAYS,
    LOOK_BACK_DAYS,
    Campaign,
    Floats,
    PlanError,
    RetailerPlan,
    stream,
)
from dunnhumby_pipeline.simulate.responses import respond, target
from dunnhumby_pipeline.simulate.retailer import Retailer
from dunnhumby_pipeline.simulate.rules import Rule, find_rule
from dunnhumby_pipeline.simulate.shopping import Behaviour, Receipts, shop_unprompted
from dunnhumby_pipeline.simulate.simulate import CHUNK_HOUSEHOLDS

# The longest outcome window of a simulated campaign.
DAYS = max(CAMPAIGN_LENGTHS) + FOLLOW_UP_DAYS
# Days of data that a campaign to come needs: a year before it, and days before that for households without a rhythm.
FEWEST_DAYS = DAYS_OF_SEASONS + FIRST_CAMPAIGN_DAY - LOOK_BACK_DAYS


def plan_of(folder: Path) -> tuple[RetailerPlan, Rule]:
    """The plan by which the retailer in `folder` was simulated, and its rule.

    Raises PlanError when the folder holds no simulation, or one that this release would not make again.
    """
    file = folder / "truth" / "plan.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        plan = RetailerPlan.model_validate(document["plan"])
        written = document["rule"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise PlanError(
            f"{folder} holds no simulated retailer: {file} is missing or cannot be read; expected a folder that "
            "`dunnhumby simulate` wrote, with its truth"
        ) from error
    except ValidationError as error:
        raise PlanError(f"{file} was written by another release: {error}") from error
    rule = find_rule(Retailer.open(plan))
    if not _alike(rule, written):
        raise PlanError(f"{file} was written by another release, which simulates other households; simulate them again")
    return plan, rule


def _alike(rule: Rule, written: dict[str, Any]) -> bool:
    """Whether the rule is the one that was written, but for the last digits of another machine."""
    intercepts = {str(campaign): value for campaign, value in rule.intercepts.items()}
    if written["intercepts"].keys() != intercepts.keys():
        return False
    numbers = [(value, written["intercepts"][campaign]) for campaign, value in intercepts.items()]
    numbers += [(value, written[name]) for name, value in asdict(rule).items() if name != "intercepts"]
    return all(np.allclose(value, told, rtol=1e-6, atol=1e-9) for value, told in numbers)


def outcomes_to_come(plan: RetailerPlan, rule: Rule, wanted: pd.Series, days: int = DAYS) -> pd.DataFrame:
    """What each of the `wanted` households (keys) does in the `days` after the data, one row each by household:
    household_key, received_before, effect (what a contact does to spend on average, $), sales_contact and
    match_contact, sales_hold_out ($ drawn: spend, and the retailer's coupon match, which only a contact gives).

    Raises PlanError for households the plan has not, and where the data are too short or the window too long.
    """
    strange = wanted[(wanted < 1) | (wanted > plan.n_households)]
    if len(strange):
        raise PlanError(
            f"{len(strange):,} households are not of this simulation (such as {strange.iloc[0]}); it has "
            f"{plan.n_households:,}, from 1 to {plan.n_households}"
        )
    if plan.n_days < FEWEST_DAYS:
        raise PlanError(f"a campaign after the data needs {FEWEST_DAYS} days of them; the plan has {plan.n_days}")
    if not FOLLOW_UP_DAYS < days < DAYS_OF_SEASONS:
        raise PlanError(f"outcomes count for {days} days; expected {FOLLOW_UP_DAYS + 1} to {DAYS_OF_SEASONS - 1}")
    found = pd.concat(list(_of_chunks(plan, rule, wanted, days)), ignore_index=True)
    return found[found["household_key"].isin(wanted)].sort_values("household_key", ignore_index=True)


def _of_chunks(plan: RetailerPlan, rule: Rule, wanted: pd.Series, days: int) -> Iterator[pd.DataFrame]:
    shop = Retailer.open(plan)
    # A year before, where prices and the season are those to come.
    start = plan.n_days + 1 - DAYS_OF_SEASONS
    to_come = Campaign(len(shop.campaigns) + 1, "TypeA", start, start + days - FOLLOW_UP_DAYS - 1)
    future = replace(shop, campaigns=(to_come,))
    for chunk in sorted(set((wanted - 1) // CHUNK_HOUSEHOLDS)):
        first = int(chunk) * CHUNK_HOUSEHOLDS
        yield _of_chunk(shop, future, rule, int(chunk), min(CHUNK_HOUSEHOLDS, plan.n_households - first))


def _of_chunk(shop: Retailer, future: Retailer, rule: Rule, chunk: int, n: int) -> pd.DataFrame:
    plan, campaign = shop.plan, future.campaigns[0]
    drawn = draw_households(shop, n, stream(plan, 10, chunk))
    homes = confounded(shop, drawn, stream(plan, 16, chunk))
    behaviour = Behaviour.of(shop, n, shop_unprompted(shop, homes, stream(plan, 11, chunk)))
    targeted, _ = target(shop, homes, behaviour, rule, stream(plan, 12, chunk))
    of_type = np.array([one.type == "TypeA" for one in shop.campaigns])
    before = targeted[:, of_type].any(axis=1)
    shopped, measures = behaviour.look_back(plan.n_days + 1)

    later = _going_on(shop, drawn, homes, campaign)
    expected = later.expected_spend(future, campaign.start, campaign.outcome_end)
    effect = np.where(shopped & ~before, rule.effect(measures, expected), 0.0)
    base = shop_unprompted(future, later, stream(plan, 20, chunk))
    everyone = {"household": np.arange(n), "campaign": campaign.campaign, "treated": 1}
    trials = pd.DataFrame({**everyone, "effect": effect, "expected_spend": expected})
    contacted = respond(future, later, base, trials, stream(plan, 21, chunk))
    rng = stream(plan, 22, chunk)
    used = redeem(future, issue_coupons(future), homes.redeeming, np.ones((n, 1), dtype=bool), contacted, rng)
    match = -np.asarray(transactions(future, contacted, used, rng)["coupon_match_disc"])
    return pd.DataFrame(
        {
            "household_key": chunk * CHUNK_HOUSEHOLDS + 1 + np.arange(n),
            "received_before": before,
            "effect": effect,
            "sales_contact": _by_household(contacted, contacted.sale_cents(future) / 100, n, campaign),
            "match_contact": _by_household(contacted, match, n, campaign),
            "sales_hold_out": _by_household(base, base.sale_cents(future) / 100, n, campaign),
        }
    )


def _going_on(shop: Retailer, drawn: Households, homes: Households, campaign: Campaign) -> Households:
    """The households with their expected trips on the days of the campaign to come, and none on others."""
    last = shop.plan.n_days
    at = np.arange(campaign.start, campaign.outcome_end + 1)
    day = at + DAYS_OF_SEASONS
    same_weekday = last - 6 + (day - (last - 6)) % 7
    rate = np.zeros(drawn.rate.shape)
    stays = (drawn.last_day >= last)[:, None]
    rate[:, at] = drawn.rate[:, same_weekday] / season(same_weekday) * season(day) * stays
    if homes.confounder is not None:
        rate *= trips_factor(shop, homes.confounder)[:, None]
    return replace(homes, rate=rate)


def _by_household(receipts: Receipts, amount: Floats, n: int, campaign: Campaign) -> Floats:
    """Sums [n] of the lines' amounts ($) while the campaign counts, in whole cents."""
    day = receipts.day[receipts.basket]
    inside = (day >= campaign.start) & (day <= campaign.outcome_end)
    found = np.bincount(receipts.household[receipts.basket][inside], amount[inside], minlength=n)
    return np.round(found, 2)
