"""The effect by products and weeks: what is spent where, and planted parts that are found and add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
from dunnhumby_pipeline.causal.doubts.parts import (
    AFTER,
    COLUMNS,
    DURING,
    EVERY,
    LATER,
    OTHER,
    PERIODS,
    PROMOTED,
    WINDOW,
    PartSpend,
    effect_by_part,
    part_spend,
    periods_of,
)
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, residuals
from dunnhumby_pipeline.contracts.names import SPEND
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, write_tables
from dunnhumby_pipeline_tests.fakes.studies import SmallStudy

TRIALS = pd.DataFrame(
    [(1, 8, 100, 130), (2, 8, 100, 130), (1, 13, 140, 160), (3, 13, 140, 160)],
    columns=["household_key", "campaign", "index_day", "outcome_end"],
).assign(lookback_start=0)
CAMPAIGNS = pd.DataFrame({"campaign": [8, 13, 26], "start_day": [100, 140, 165], "end_day": [110, 170, 180]})


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    bought = [
        # household, day, basket, product, sales, coupon_disc, coupon_match_disc
        (1, 99, 1, 50, 9.00, 0, 0),
        (1, 100, 2, 50, 2.10, 0.5, 0),  # promoted by 8, redeemed
        (1, 100, 2, 51, 0.20, 0, 0),
        (1, 110, 3, 50, 1.00, 0.5, 0),  # no redemption on that day
        (1, 111, 4, 60, 4.00, 0, 0),  # promoted by 13, not by 8
        (1, 131, 5, 50, 3.00, 0, 0),
        (1, 145, 6, 60, 5.00, 0, 0.25),
        (2, 130, 7, 51, 8.00, 0, 0),
        (3, 160, 8, 50, 7.00, 0, 0),
        (3, 161, 9, 60, 6.00, 0, 0),
        (9, 190, 10, 50, 1.00, 0, 0),
    ]
    names = ["household_key", "day", "basket_id", "product_id", "sales_value", "coupon_disc", "coupon_match_disc"]
    # A product under two coupons of the campaign, both redeemed, is one line.
    coupons = [(1000, 50, 8), (1001, 50, 8), (1002, 60, 13)]
    redeemed = [(1, 100, 1000, 8), (1, 100, 1001, 8), (1, 145, 1002, 13)]
    targets = [(1, 8), (1, 13), (3, 13), (2, 13), (2, 26), (3, 26)]
    return write_tables(
        tmp_path_factory.mktemp("parts"),
        transactions=pd.DataFrame(bought, columns=names),
        campaigns=CAMPAIGNS.assign(description="TypeA"),
        coupons=pd.DataFrame(coupons, columns=["coupon_upc", "product_id", "campaign"]),
        coupon_redemptions=pd.DataFrame(redeemed, columns=["household_key", "day", "coupon_upc", "campaign"]),
        campaign_targets=pd.DataFrame(targets, columns=["household_key", "campaign"]).assign(description="TypeA"),
    )


def test_spend_falls_to_products_and_periods(tables: dict[str, Path]) -> None:
    found = part_spend(tables, TRIALS, "TypeA", 3, ENGINE)
    promoted, other = found.spend[:, :, 0], found.spend[:, :, 1]
    during, after, later = (PERIODS.index(name) for name in (DURING, AFTER, LATER))
    assert promoted[:, during] == pytest.approx([3.10, 0, 5.00, 0])
    assert other[:, during] == pytest.approx([0.20, 0, 0, 7.00])
    assert promoted[:2, after] == pytest.approx([0, 0])
    assert other[:2, after] == pytest.approx([4.00, 8.00])
    # Campaign 13 ends with its window: nothing is left after it.
    assert np.isnan(found.spend[2:, after]).all()
    assert promoted[:, later] == pytest.approx([3.00, 0, 0, 6.00])
    assert other[:, later] == pytest.approx([5.00, 0, 0, 0])
    assert found.days.tolist() == [[11, 20, 21]] * 2 + [[21, 0, 21]] * 2
    assert found.on_coupon_lines == pytest.approx([2.10, 0, 5.00, 0])
    assert found.reached.tolist() == [True, True, False, True]


def test_what_the_data_do_not_cover_whole_is_not_there() -> None:
    for last_day, there in ((186, True), (185, False)):
        found = periods_of(CAMPAIGNS, TRIALS, 8, last_day).set_index(["campaign", "period"])
        assert (("8", LATER) in found.index) is there
        assert ("13", AFTER) not in found.index and ("13", LATER) not in found.index
        assert found.loc[("8", DURING)].tolist() == [100, 110]
        assert found.loc[("8", AFTER)].tolist() == [111, 130]


def planted(n: int = 6000, seed: int = 4) -> tuple[np.ndarray, Residuals, PartSpend, dict[tuple[str, str], float]]:
    """Confounded trials with a known effect in each part; of a third of them the later weeks are not in the data."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    e = 1 / (1 + np.exp(-x[:, 0]))
    treated = rng.binomial(1, e).astype(float)
    effects = np.array([[6.0, 2.0], [0.0, 3.0], [-2.0, -4.0]])
    level = 30 + 8 * x[:, 0] + 3 * x[:, 1]
    spend = level[:, None, None] + treated[:, None, None] * effects + rng.normal(0, 10, (n, 3, 2))
    spend[: n // 3, 2] = np.nan
    households = np.repeat(np.arange(n // 2), 2)
    data = Residuals(
        y=spend[:, :2].sum(axis=(1, 2)),
        treated=treated,
        propensity=e,
        mu0=np.zeros(n),
        mu1=np.zeros(n),
        households=households,
        folds=households % 5,
    )
    days = np.tile([48.0, 28.0, 56.0], (n, 1))
    truth = {
        (products, period): float(effects[places][:, which].sum())
        for period, places in ((DURING, [0]), (AFTER, [1]), (WINDOW, [0, 1]), (LATER, [2]))
        for products, which in ((PROMOTED, [0]), (OTHER, [1]), (EVERY, [0, 1]))
    }
    return x, data, PartSpend(spend, days, np.zeros(n), treated == 1), truth


def test_planted_parts_are_found_and_add_up() -> None:
    x, data, spend, truth = planted()
    found = effect_by_part(x, data, spend, 0.95)
    assert found.columns.tolist() == COLUMNS
    effects = found.set_index(["products", "period"])
    for part, effect in truth.items():
        row = effects.loc[part]
        assert row["estimate"] == pytest.approx(effect, abs=4 * row["se"]), part
        assert row["se"] < 0.8, part
    estimate = effects["estimate"].unstack("period")
    by_products, by_period = estimate.loc[[PROMOTED, OTHER]].sum(), estimate[[DURING, AFTER]].sum(axis=1)
    assert by_products.to_numpy() == pytest.approx(estimate.loc[EVERY].to_numpy())
    assert by_period.to_numpy() == pytest.approx(estimate[WINDOW].to_numpy())
    later = effects.xs(LATER, level="period")
    assert set(later["n_trials"]) == {4000}
    assert set(later["share_reached_treated"]) == {1.0} and set(later["share_reached_control"]) == {0.0}
    assert set(effects.xs(WINDOW, level="period")["n_trials"]) == {6000}
    # The plain difference of means is far off, so that the adjustment is what finds it.
    naive = np.subtract(*(data.y[data.treated == arm].mean() for arm in (1, 0)))
    assert abs(naive - truth[(EVERY, WINDOW)]) > 20


def test_intervals_of_the_parts_cover() -> None:
    inside = []
    for seed in range(60):
        x, data, spend, truth = planted(600, seed)
        rows = effect_by_part(x, data, spend, 0.9).set_index(["products", "period"])
        inside += [rows.loc[part, "ci_lower"] <= effect <= rows.loc[part, "ci_upper"] for part, effect in truth.items()]
    assert 0.85 <= np.mean(inside) <= 0.95


def test_a_part_that_cannot_be_estimated_says_why_and_the_others_stand() -> None:
    x, data, spend, _ = planted(600)
    cut = spend.spend.copy()
    cut[:, 2] = np.nan
    found = effect_by_part(x, data, PartSpend(cut, spend.days, spend.on_coupon_lines, spend.reached), 0.95)
    later = found.loc[found["period"] == LATER]
    assert later["estimate"].isna().all() and set(later["reason"]) == {"the data have no days of it"}
    assert (later["n_trials"] == 0).all()
    assert found.loc[found["period"] != LATER, "estimate"].notna().all()
    few = spend.spend.copy()
    few[230:, 2] = np.nan
    found = effect_by_part(x, data, PartSpend(few, spend.days, spend.on_coupon_lines, spend.reached), 0.95)
    later = found.loc[found["period"] == LATER]
    assert later["estimate"].isna().all() and later["reason"].str.contains("arm has").all()


def test_products_that_nobody_bought_have_no_effect() -> None:
    x, data, spend, _ = planted(600)
    nothing = spend.spend.copy()
    nothing[:, :, 0] = np.where(np.isnan(nothing[:, :, 0]), np.nan, 0.0)
    found = effect_by_part(x, data, PartSpend(nothing, spend.days, spend.on_coupon_lines, spend.reached), 0.95)
    promoted = found.loc[found["products"] == PROMOTED]
    assert (promoted["estimate"] == 0).all() and (promoted["se"] == 0).all()


def test_parts_of_a_simulated_retailer(small: SmallStudy) -> None:
    warehouse = small.folder / "home" / "warehouse"
    own = warehouse / "TypeA"
    trials, nuisances = (pd.read_parquet(own / f"{name}.parquet") for name in ("first_campaign_cohort", "nuisances"))
    paths = {path.stem: path for path in warehouse.glob("*.parquet")}
    found = part_spend(paths, trials, "TypeA", 8, ENGINE)
    window = np.nansum(found.spend[:, :2], axis=(1, 2))
    assert window == pytest.approx(trials[SPEND].to_numpy(), abs=0.005)
    [matrix] = own.glob("design_matrix.*")
    x = load_matrix(matrix, trials).x
    effects = effect_by_part(x, residuals(trials, nuisances, SPEND), found, 0.95).set_index(["products", "period"])
    # Its campaigns act evenly over the days of the window, $60 in all, and no longer.
    during, after = effects.loc[(EVERY, DURING)], effects.loc[(EVERY, AFTER)]
    share = during["days"] / (during["days"] + after["days"])
    for row, expected in ((during, 60 * share), (after, 60 * (1 - share)), (effects.loc[(EVERY, LATER)], 0.0)):
        assert abs(row["estimate"] - expected) < 4 * row["se"]
