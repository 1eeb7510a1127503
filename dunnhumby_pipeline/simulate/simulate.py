"""A simulated retailer in the raw form of the eight files, with the true effects of its campaigns beside it.

The truth, and why it is exact. For a trial (household h, TypeA campaign w, not treated before, seen in the
look-back) let x be the look-back measures of `look_back` and let tau = tau(x), in $.

- Assignment: h is treated with probability e(x), by a coin of its own. Nothing else enters, so given x
  treatment is independent of everything the household would have done; but for a hidden trait, where the plan has a
  `confounder`: it moves the log odds of being treated, and the trips from each campaign's start to the end of its
  window. Then this holds given x and the trait, which is in `truth/` alone.
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
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dunnhumby_pipeline.simulate.coupons import issue_coupons, redeem, transactions
from dunnhumby_pipeline.simulate.households import confounded, draw_households
from dunnhumby_pipeline.simulate.plan import Campaign, Floats, Ints, RetailerPlan, stream
from dunnhumby_pipeline.simulate.raw_files import RawFiles, appearing, demographics, promotions
from dunnhumby_pipeline.simulate.responses import respond, target
from dunnhumby_pipeline.simulate.retailer import Retailer
from dunnhumby_pipeline.simulate.rules import MEASURES, Rule, find_rule
from dunnhumby_pipeline.simulate.shopping import Behaviour, shop_unprompted

# Part of the data's identity: households of a chunk share random streams.
CHUNK_HOUSEHOLDS = 1000
FIRST_COUPON_UPC = 10_000_085_207
OVERLAP = (0.1, 0.9)


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
    """What was written: rows per table, the truth over all trials, and by TypeA campaign in order of start; the share
    of trials whose true propensity lies in `OVERLAP`.
    """

    folder: Path
    rows: dict[str, int]
    truth: Truth
    campaigns: tuple[tuple[Campaign, Truth], ...]
    in_overlap: float


def _write_shared(shop: Retailer, coupon_of: Ints, files: RawFiles) -> None:
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
    for rows in promotions(shop):
        files.append("promotions", rows)


def _write_chunk(
    shop: Retailer, coupon_of: Ints, rule: Rule, first: int, files: RawFiles
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write households first + 1 .. first + 1000 (or the last); their trials and parameters."""
    plan, n = shop.plan, min(CHUNK_HOUSEHOLDS, shop.plan.n_households - first)
    chunk = first // CHUNK_HOUSEHOLDS
    homes = confounded(shop, draw_households(shop, n, stream(plan, 10, chunk)), stream(plan, 16, chunk))
    base = shop_unprompted(shop, homes, stream(plan, 11, chunk))
    targeted, trials = target(shop, homes, Behaviour.of(shop, n, base), rule, stream(plan, 12, chunk))
    receipts = respond(shop, homes, base, trials, stream(plan, 13, chunk))
    rng = stream(plan, 14, chunk)
    used = redeem(shop, coupon_of, homes.redeeming, targeted, receipts, rng)

    def append(name: str, columns: Mapping[str, Any]) -> None:
        files.append(name, {**columns, "household_key": first + 1 + columns["household_key"]})

    lines = transactions(shop, receipts, used, rng)
    append("transactions", {**lines, "basket_id": files.next_basket + lines["basket_id"]})
    files.next_basket += len(receipts.day)
    append("demographics", demographics(plan, homes, stream(plan, 15, chunk)))
    kind, campaign = np.array([w.type for w in shop.campaigns]), np.array([w.campaign for w in shop.campaigns])
    who, which = np.nonzero(targeted)
    append("campaign_targets", {"description": kind[which], "household_key": who, "campaign": campaign[which]})
    redeemed = {"household_key": used["household"].to_numpy(), "day": used["day"].to_numpy()}
    redeemed |= {"coupon_upc": FIRST_COUPON_UPC + used["coupon"].to_numpy()}
    append("coupon_redemptions", redeemed | {"campaign": campaign[used["position"].to_numpy()]})
    trials.insert(0, "household_key", first + 1 + trials.pop("household"))
    return trials, homes.described(first + 1)


def _sums(trials: pd.DataFrame, n_campaigns: int) -> Floats:
    """Sums [n_campaigns, 7] in order of campaign: trials, treated, e(1 - e), tau, tau squared, e(1 - e) tau, and
    those in overlap.
    """
    e, tau = trials["propensity"].to_numpy(), trials["effect"].to_numpy()
    overlap = e * (1 - e)
    inside = (e >= OVERLAP[0]) & (e <= OVERLAP[1])
    parts = (np.ones(len(e)), trials["treated"], overlap, tau, tau**2, overlap * tau, inside)
    return np.column_stack([np.bincount(trials["campaign"] - 1, p, n_campaigns) for p in parts])


def simulate(folder: Path, plan: RetailerPlan, progress: Callable[[int, int], None] | None = None) -> SimulationReport:
    """Simulate the retailer of `plan` and write its eight raw files, and `truth/`, into `folder`.

    Households are simulated, written and forgotten a thousand at a time, so memory does not grow with them;
    `progress(done, total)` is called with households after each thousand. Files appear all at once at the
    end or not at all, and the same plan gives the same bytes. `truth/` holds

    - `trials.parquet`: one row per trial (household_key, campaign): propensity, treated (0/1), effect ($),
      expected_spend ($ in the outcome window without the campaign), and confounder where one is planted: the hidden
      trait, given which propensity and expected spend are. A household that did not shop in the 182 days before a
      campaign, or was treated by an earlier TypeA campaign, is not a trial there;
    - `households.parquet`: household_key, segment, latent parameters, and need where needs are planted;
    - `plan.json`: the plan, the true effects over all trials and by campaign, and how they came about.

    Raises FileExistsError when `folder` is a file or holds any, and PlanError when the plan cannot be had.
    """
    folder = folder.resolve()
    with appearing(folder) as work, ExitStack() as stack:
        (work / "truth").mkdir()
        shop = Retailer.open(plan)
        rule, coupon_of, files = find_rule(shop), issue_coupons(shop), RawFiles(work, stack)
        _write_shared(shop, coupon_of, files)
        sums = np.zeros((len(shop.campaigns), 7))
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
        total = sums.sum(axis=0)
        report = SimulationReport(folder, files.rows, _truth(total), campaigns, float(total[-1] / max(total[0], 1)))
        document = json.dumps(_document(plan, rule, report), indent=1)
        (work / "truth" / "plan.json").write_text(document + "\n", encoding="utf-8")
    return report


def _truth(sums: Floats) -> Truth:
    n, treated, overlap, tau, squared, weighted, _ = sums.tolist()
    mean, mean_square = tau / max(n, 1), squared / max(n, 1)
    spread = max(mean_square - mean**2, 0) ** 0.5
    return Truth(int(n), int(treated), mean, spread, weighted / overlap if overlap else 0.0)


def _document(plan: RetailerPlan, rule: Rule, report: SimulationReport) -> dict[str, Any]:
    """What `plan.json` says."""
    numbers = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(rule).items()}
    return {
        # A plan without a hidden trait, or needs, is written as it was before there could be any.
        "plan": plan.model_dump(exclude={name for name in ("confounder", "needs") if not getattr(plan, name)}),
        "rows": report.rows,
        "truth": asdict(report.truth),
        "campaigns": [
            {**asdict(campaign), "outcome_end": campaign.outcome_end, **asdict(t)} for campaign, t in report.campaigns
        ],
        "rule": {"measures": MEASURES, **numbers},
    }
