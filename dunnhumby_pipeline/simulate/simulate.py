"""A simulated retailer in the raw form of the eight files, with the true effects of its campaigns beside it.

The truth, and why it is exact. For a trial (household h, TypeA campaign w, not treated before, seen in the
look-back) let x be the look-back measures of `look_back` and let tau = tau(x), in $.

- Assignment: h is treated with probability e(x), by a coin of its own. Nothing else enters, so given x
  treatment is independent of everything the household would have done.
- Effect > 0: a treated household makes *extra* baskets in the outcome window `[start, end + 28]`, Poisson
  with daily rate (tau / days in the window) / (expected spend of a basket in that week): they sum to tau.
- Effect < 0: each basket of the window is dropped with probability |tau| / mu, where mu is the expected
  spend in the window, known from the household's parameters; given these the window is independent of the
  look-back, so exactly |tau| is lost on average. tau is kept above -mu / 2.

Hence E[spend | treated] - E[spend | control] = tau for every trial. Later TypeA campaigns, TypeB and TypeC
have no effect. Redeemed coupons leave SALES_VALUE alone: a manufacturer's coupon is reimbursed, and the
retailer's match is granted in place of as much of the loyalty discount.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from scipy.optimize import brentq
from scipy.special import expit

from dunnhumby_pipeline.contracts.schema import TABLES
from dunnhumby_pipeline.simulate.retailer import (
    Behaviour,
    Bools,
    Campaign,
    Floats,
    Households,
    Ints,
    Receipts,
    Retailer,
    RetailerPlan,
    draw_households,
    go_shopping,
    merge_lines,
    shop_unprompted,
    stream,
)

# Part of the data's identity: households of a chunk share random streams.
CHUNK_HOUSEHOLDS, PILOT_HOUSEHOLDS = 1000, 600
FIRST_BASKET_ID, FIRST_COUPON_UPC = 26_984_851_472, 10_000_085_207
MAX_SCORE = 2.0

MEASURES = ("log_spend", "log_trips", "recency", "discount_share", "fresh_share")
# The raw transactions keep WEEK_NO after TRANS_TIME, ahead of the coupons.
RAW_PLACES = {"week_no": 1, "coupon_disc": 2, "coupon_match_disc": 3}
# Weights of the standardised look-back measures in the targeting score and in the effect.
TARGETING = np.array([0.65, 0.30, -0.35, 0.0, 0.0])
EFFECT = np.array([0.60, 0.0, 0.0, 0.65, 0.35])
OTHER_TARGETING = np.array([0.6, 0.0, 0.0, 0.0, 0.0])
MAILER_SHARES = [0.3, 0.3, 0.05, 0.15, *[0.03] * 5, 0.02, 0.03]
INCOMES = {"Under 15K": 0.1, "15-24K": 0.1, "25-34K": 0.1, "35-49K": 0.3, "50-74K": 0.3, "75-99K": 0.1}
TILL_SHARE, MATCH_SHARE, NOISE_SHARE = 0.02, 0.3, 5e-4
TARGET_SHARES = {"TypeB": 0.10, "TypeC": 0.07}
FACE_CENTS = np.array([50, 75, 100, 150, 200])
# Coupons of a campaign, and products of a coupon.
COUPON_PLANS = {"TypeA": (40, 14), "TypeB": (10, 10), "TypeC": (14, 10)}


@dataclass(frozen=True)
class Truth:
    """Counts of trials, and their true effects on spend in the outcome window ($ per household).

    `ate` is the mean effect over trials, `effect_sd` its standard deviation, `ato` the mean weighted by
    e(1 - e) with the true propensity e; each is 0 when there is no trial.
    """

    n_trials: int
    n_treated: int
    ate: float
    effect_sd: float
    ato: float


@dataclass(frozen=True)
class SimulationReport:
    """What was written: rows per table, the truth over all trials, and by TypeA campaign in order of start."""

    folder: Path
    rows: dict[str, int]
    truth: Truth
    campaigns: tuple[tuple[Campaign, Truth], ...]


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


def _find_rule(shop: Retailer) -> Rule:
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


def _target(
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
        chance = rule.propensity(campaign, measures)
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
        trials.append(pd.DataFrame(trial))
        treated_before |= targeted[:, i]
    return targeted, pd.concat(trials, ignore_index=True)


def _respond(
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


def _issue_coupons(shop: Retailer) -> Ints:
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


def _redeem(
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


def _transactions(shop: Retailer, receipts: Receipts, used: pd.DataFrame, rng: np.random.Generator) -> dict[str, Any]:
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


def _promotions(shop: Retailer) -> Iterator[dict[str, Any]]:
    """Promotion rows week by week, from week 9 as in the real file; one in a thousand appears twice."""
    product_id = shop.catalogue.products["product_id"].to_numpy()
    for week in range(9, int(shop.week[-1])):
        rng = stream(shop.plan, 4, week)
        products = np.flatnonzero(shop.catalogue.on_promotion[week])
        shape = (len(products), shop.plan.n_stores)
        on_display = rng.random(shape) < 0.25
        display = np.where(on_display, rng.choice(list("123456789A"), shape), "0")
        # One mailer for the whole chain, of which a store may not carry every product.
        code = rng.choice(list("0ACDFHJLPXZ"), len(products), p=MAILER_SHARES)
        mailer = np.broadcast_to(code[:, None], shape)
        row, store = np.nonzero((on_display | (mailer != "0")) & (rng.random(shape) < 0.5))
        again = rng.integers(0, len(row), max(1, len(row) // 1000))
        row, store = np.append(row, row[again]), np.append(store, store[again])
        yield {
            "product_id": product_id[products[row]],
            "store_id": shop.store_id(store),
            "week_no": np.full(len(row), week),
            "display": np.append(display[row, store][: -len(again)], rng.choice(list("123"), len(again))),
            "mailer": mailer[row, store],
        }


def _demographics(plan: RetailerPlan, homes: Households, rng: np.random.Generator) -> dict[str, Any]:
    """The households (by position) that are known, frequent shoppers more often; size follows the type."""
    eager = homes.trips_per_week / plan.trips_per_week
    known = np.flatnonzero(rng.random(len(homes)) < 1 - (1 - plan.demographics_share) ** (1.2 * eager))
    n = len(known)

    def pick(values: str, *shares: float) -> Any:
        return rng.choice(values.split(","), n, p=shares or None)

    large = np.isin(homes.segment[known], ["big family", "stock-up", "bargain hunter"])
    size = 1 + rng.binomial(4, np.where(large, 0.5, 0.25))
    single, pair = pick("Single Female,Single Male"), pick("1 Adult Kids,2 Adults No Kids", 0.15, 0.85)
    composition = np.select([size == 1, size == 2], [single, pair], "2 Adults Kids")
    return {
        "household_key": known,
        "age_desc": pick("19-24,25-34,35-44,45-54,55-64,65+", 0.06, 0.18, 0.24, 0.36, 0.07, 0.09),
        "marital_status_code": np.where(rng.random(n) < 0.4, "U", np.where(size > 1, "A", "B")),
        "income_desc": pick(",".join(INCOMES), *INCOMES.values()),
        "homeowner_desc": pick("Homeowner,Unknown,Renter,Probable Renter", 0.63, 0.29, 0.06, 0.02),
        "hh_comp_desc": np.where(rng.random(n) < 0.09, "Unknown", composition),
        "household_size_desc": np.array(["1", "2", "3", "4", "5+"])[size - 1],
        "kid_category_desc": np.array(["None/Unknown", "1", "2", "3+"])[np.maximum(size - 2, 0)],
    }


class _RawFiles:
    """The eight raw files of one folder, open for appending canonical columns; `rows` counts them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        types = {"BIGINT": pa.int64(), "INTEGER": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}
        options = pa_csv.WriteOptions(batch_size=16_384, quoting_style="none", quoting_header="none")
        self.next_basket = FIRST_BASKET_ID
        self.rows = {table.name: 0 for table in TABLES}
        self._open: dict[str, tuple[list[str], pa.Schema, pa_csv.CSVWriter]] = {}
        for table in TABLES:
            columns = sorted(table.columns, key=lambda column: RAW_PLACES.get(column.name, 0))
            schema = pa.schema([(column.raw, types[column.type]) for column in columns])
            writer = pa_csv.CSVWriter(folder / f"{table.file}.csv", schema, write_options=options)
            names = [column.name for column in columns]
            self._open[table.name] = names, schema, stack.enter_context(writer)

    def append(self, name: str, columns: Mapping[str, Any]) -> None:
        names, schema, writer = self._open[name]
        rows = pa.table({f.name: pa.array(columns[c], f.type) for c, f in zip(names, schema, strict=True)})
        writer.write_table(rows)
        self.rows[name] += len(rows)


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A working folder beside `folder` that takes its place once everything is written, or vanishes."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"a simulated retailer needs a new or empty folder, found files at {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    work.mkdir()
    try:
        yield work
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    finally:
        if work.exists():
            shutil.rmtree(work)


def _write_shared(shop: Retailer, coupon_of: Ints, files: _RawFiles) -> None:
    """The tables that do not grow with the households."""
    files.append("products", shop.catalogue.products)
    names = {"type": "description", "start": "start_day", "end": "end_day"}
    files.append("campaigns", pd.DataFrame([asdict(campaign) for campaign in shop.campaigns]).rename(columns=names))
    campaign, product = np.nonzero(coupon_of >= 0)
    coupons = {
        "coupon_upc": FIRST_COUPON_UPC + coupon_of[campaign, product],
        "product_id": shop.catalogue.products["product_id"].to_numpy()[product],
        "campaign": np.array([w.campaign for w in shop.campaigns])[campaign],
    }
    files.append("coupons", coupons)
    for rows in _promotions(shop):
        files.append("promotions", rows)


def _write_chunk(
    shop: Retailer, coupon_of: Ints, rule: Rule, first: int, files: _RawFiles
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write households first + 1 .. first + 1000 (or the last); their trials and parameters."""
    plan, n = shop.plan, min(CHUNK_HOUSEHOLDS, shop.plan.n_households - first)
    chunk = first // CHUNK_HOUSEHOLDS
    homes = draw_households(shop, n, stream(plan, 10, chunk))
    base = shop_unprompted(shop, homes, stream(plan, 11, chunk))
    targeted, trials = _target(shop, homes, Behaviour.of(shop, n, base), rule, stream(plan, 12, chunk))
    receipts = _respond(shop, homes, base, trials, stream(plan, 13, chunk))
    rng = stream(plan, 14, chunk)
    used = _redeem(shop, coupon_of, homes.redeeming, targeted, receipts, rng)

    def append(name: str, columns: Mapping[str, Any]) -> None:
        files.append(name, {**columns, "household_key": first + 1 + columns["household_key"]})

    lines = _transactions(shop, receipts, used, rng)
    append("transactions", {**lines, "basket_id": files.next_basket + lines["basket_id"]})
    files.next_basket += len(receipts.day)
    append("demographics", _demographics(plan, homes, stream(plan, 15, chunk)))
    kind, campaign = np.array([w.type for w in shop.campaigns]), np.array([w.campaign for w in shop.campaigns])
    who, which = np.nonzero(targeted)
    append("campaign_targets", {"description": kind[which], "household_key": who, "campaign": campaign[which]})
    redeemed = {"household_key": used["household"].to_numpy(), "day": used["day"].to_numpy()}
    redeemed |= {"coupon_upc": FIRST_COUPON_UPC + used["coupon"].to_numpy()}
    append("coupon_redemptions", redeemed | {"campaign": campaign[used["position"].to_numpy()]})
    trials.insert(0, "household_key", first + 1 + trials.pop("household"))
    return trials, homes.described(first + 1)


def _sums(trials: pd.DataFrame, n_campaigns: int) -> Floats:
    """Sums [n_campaigns, 6] in order of campaign: trials, treated, e(1 - e), tau, tau squared, e(1 - e) tau."""
    e, tau = trials["propensity"].to_numpy(), trials["effect"].to_numpy()
    overlap = e * (1 - e)
    parts = (np.ones(len(e)), trials["treated"], overlap, tau, tau**2, overlap * tau)
    return np.column_stack([np.bincount(trials["campaign"] - 1, p, n_campaigns) for p in parts])


def simulate(folder: Path, plan: RetailerPlan, progress: Callable[[int, int], None] | None = None) -> SimulationReport:
    """Simulate the retailer of `plan` and write its eight raw files, and `truth/`, into `folder`.

    Households are simulated, written and forgotten a thousand at a time, so memory does not grow with them;
    `progress(done, total)` is called with households after each thousand. Files appear all at once at the
    end or not at all, and the same plan gives the same bytes. `truth/` holds

    - `trials.parquet`: one row per trial (household_key, campaign): propensity, treated (0/1), effect ($),
      expected_spend ($ in the outcome window without the campaign). A household that did not shop in the 182
      days before a campaign, or was treated by an earlier TypeA campaign, is not a trial there;
    - `households.parquet`: household_key, segment and latent parameters;
    - `plan.json`: the plan, the true effects over all trials and by campaign, and how they came about.

    Raises FileExistsError when `folder` is a file or holds any.
    """
    folder = folder.resolve()
    with _appearing(folder) as work, ExitStack() as stack:
        (work / "truth").mkdir()
        shop = Retailer.open(plan)
        rule, coupon_of, files = _find_rule(shop), _issue_coupons(shop), _RawFiles(work, stack)
        _write_shared(shop, coupon_of, files)
        sums = np.zeros((len(shop.campaigns), 6))
        truths: dict[str, pq.ParquetWriter] = {}
        for first in range(0, plan.n_households, CHUNK_HOUSEHOLDS):
            trials, homes = _write_chunk(shop, coupon_of, rule, first, files)
            sums += _sums(trials, len(shop.campaigns))
            for name, frame in (("trials", trials), ("households", homes)):
                rows = pa.Table.from_pandas(frame, preserve_index=False)
                if name not in truths:
                    writer = pq.ParquetWriter(work / "truth" / f"{name}.parquet", rows.schema)
                    truths[name] = stack.enter_context(writer)
                truths[name].write_table(rows)
            if progress is not None:
                progress(min(first + CHUNK_HOUSEHOLDS, plan.n_households), plan.n_households)
        campaigns = tuple((campaign, _truth(sums[campaign.campaign - 1])) for campaign in shop.type_a)
        report = SimulationReport(folder, files.rows, _truth(sums.sum(axis=0)), campaigns)
        document = json.dumps(_document(plan, rule, report), indent=1)
        (work / "truth" / "plan.json").write_text(document + "\n", encoding="utf-8")
    return report


def _truth(sums: Floats) -> Truth:
    n, treated, overlap, tau, squared, weighted = sums.tolist()
    mean, mean_square = tau / max(n, 1), squared / max(n, 1)
    spread = max(mean_square - mean**2, 0) ** 0.5
    return Truth(int(n), int(treated), mean, spread, weighted / overlap if overlap else 0.0)


def _document(plan: RetailerPlan, rule: Rule, report: SimulationReport) -> dict[str, Any]:
    """What `plan.json` says."""
    numbers = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(rule).items()}
    return {
        "plan": plan.model_dump(),
        "rows": report.rows,
        "truth": asdict(report.truth),
        "campaigns": [
            {**asdict(campaign), "outcome_end": campaign.outcome_end, **asdict(t)} for campaign, t in report.campaigns
        ],
        "rule": {"measures": MEASURES, **numbers},
    }
