"""The simulated retailer: files as declared, the same bytes every time, a truth that the files bear out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from dunnhumby_pipeline.contracts.schema import TABLES, week_of_day
from dunnhumby_pipeline.simulate.households import draw_households
from dunnhumby_pipeline.simulate.plan import LOOK_BACK_DAYS, RetailerPlan, stream
from dunnhumby_pipeline.simulate.retailer import Retailer
from dunnhumby_pipeline.simulate.shopping import go_shopping
from dunnhumby_pipeline.simulate.simulate import CHUNK_HOUSEHOLDS, SimulationReport, simulate

SMALL = RetailerPlan(n_households=150, n_products=500, n_stores=5)
# As few lines as possible for a sharp estimate; every household appears in several trials.
STUDY = RetailerPlan(n_households=1100, n_products=1000, n_stores=4, lines_per_basket=6, trips_per_week=1.3)

TRANSACTION_HEADER = (
    "household_key,BASKET_ID,DAY,PRODUCT_ID,QUANTITY,SALES_VALUE,STORE_ID,RETAIL_DISC,TRANS_TIME,WEEK_NO,"
    "COUPON_DISC,COUPON_MATCH_DISC"
)


class Simulated:
    """A written retailer, its raw tables in a connection, and its truth."""

    def __init__(self, folder: Path, plan: RetailerPlan) -> None:
        self.folder = folder
        self.report: SimulationReport = simulate(folder, plan)
        self.sql = duckdb.connect(config={"threads": 1})
        for table in TABLES:
            # Codes such as display 0 are text, whatever a reader would guess.
            text = {column.raw: "VARCHAR" for column in table.columns if column.type == "VARCHAR"}
            source = f"read_csv('{folder}/{table.file}.csv', header=true, types={text})"
            self.sql.execute(f"CREATE TABLE {table.name} AS FROM {source}")
        self.trials = pd.read_parquet(folder / "truth" / "trials.parquet")
        self.document = json.loads((folder / "truth" / "plan.json").read_text(encoding="utf-8"))
        self.campaigns = pd.DataFrame(self.document["campaigns"])[["campaign", "start", "end", "outcome_end"]]

    def one(self, query: str) -> float:
        row = self.sql.execute(query).fetchone()
        assert row is not None
        return row[0]

    def outcomes(self) -> pd.DataFrame:
        """The trials with spend ($) in the outcome window and in the look-back, from the raw lines."""
        trials = self.trials.merge(self.campaigns, on="campaign")
        self.sql.register("trial", trials)
        spend = self.sql.execute(
            f"""
            SELECT household_key, campaign,
                coalesce(sum(SALES_VALUE) FILTER (DAY BETWEEN start AND outcome_end), 0) AS spend,
                sum(SALES_VALUE) FILTER (DAY >= start - {LOOK_BACK_DAYS} AND DAY < start) AS past
            FROM trial LEFT JOIN transactions USING (household_key) GROUP BY ALL
            """
        ).df()
        return trials.merge(spend, on=["household_key", "campaign"], validate="one_to_one")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    yield Simulated(tmp_path_factory.mktemp("small") / "raw", SMALL)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    yield Simulated(tmp_path_factory.mktemp("study") / "raw", STUDY)


@pytest.fixture(scope="module")
def without_effect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """The same households, targeted alike, that no campaign moves."""
    plan = STUDY.model_copy(update={"effect_mean": 0.0, "effect_sd": 0.0})
    yield Simulated(tmp_path_factory.mktemp("still") / "raw", plan)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Files


def test_files_carry_the_declared_headers(small: Simulated) -> None:
    for table in TABLES:
        header = (small.folder / f"{table.file}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert sorted(header.split(",")) == sorted(column.raw for column in table.columns)
        assert small.report.rows[table.name] == small.one(f"SELECT count(*) FROM {table.name}") > 0
    first_line = (small.folder / "transaction_data.csv").open(encoding="utf-8").readline().strip()
    assert first_line == TRANSACTION_HEADER
    assert len(list(small.folder.glob("*.csv"))) == len(TABLES)


def test_keys_are_unique_and_promotions_alone_repeat(small: Simulated) -> None:
    for table in TABLES:
        key = ", ".join(table.column(name).raw for name in table.key)
        repeated = small.one(f"SELECT count(*) - count(DISTINCT ({key})) FROM {table.name}")
        assert (repeated > 0) == (table.name == "promotions"), table.name


def test_every_reference_holds(small: Simulated) -> None:
    for table in TABLES:
        for reference in table.references:
            names = ", ".join(table.column(name).raw for name in reference.columns)
            orphans = f"SELECT count(*) FROM {table.name} ANTI JOIN {reference.table} USING ({names})"
            assert small.one(orphans) == 0, (table.name, reference)


def test_values_lie_within_the_declared_ranges(small: Simulated) -> None:
    for table in TABLES:
        for column in table.columns:
            if column.minimum is not None:
                assert small.one(f'SELECT min("{column.raw}") FROM {table.name}') >= column.minimum
            if column.maximum is not None:
                assert small.one(f'SELECT max("{column.raw}") FROM {table.name}') <= column.maximum
            if column.values:
                found = small.sql.execute(f'SELECT DISTINCT "{column.raw}" FROM {table.name}').fetchall()
                assert {value for (value,) in found} <= set(column.values)


def test_every_household_shops_within_the_study_and_baskets_are_one_trip(small: Simulated) -> None:
    assert small.one("SELECT count(DISTINCT household_key) FROM transactions") == SMALL.n_households
    assert small.one("SELECT max(household_key) FROM transactions") == SMALL.n_households
    assert small.one("SELECT max(DAY) FROM transactions") <= SMALL.n_days
    trips = "SELECT DISTINCT BASKET_ID, household_key, DAY, STORE_ID, TRANS_TIME FROM transactions"
    assert small.one(f"SELECT count(*) - count(DISTINCT BASKET_ID) FROM ({trips})") == 0
    days = small.sql.execute("SELECT DISTINCT DAY, WEEK_NO FROM transactions").fetchall()
    assert all(week_of_day(day) == week for day, week in days)
    at = small.sql.execute("SELECT household_key * 10000 + DAY FROM transactions ORDER BY rowid").fetchnumpy()
    assert all((np.diff(column) >= 0).all() for column in at.values())


def test_the_oddities_of_real_lines_are_there(small: Simulated) -> None:
    assert 0 < small.one("SELECT avg((QUANTITY = 0)::INT) FROM transactions") < 0.01
    assert 0 < small.one("SELECT max(RETAIL_DISC) FROM transactions") < 1e-6
    assert small.one("SELECT max(COUPON_DISC) FROM transactions") == 0
    gasoline = "SUB_COMMODITY_DESC = 'GASOLINE-REG UNLEADED'"
    fuel = f"SELECT {{}} FROM transactions JOIN products USING (PRODUCT_ID) WHERE {gasoline}"
    assert small.one(fuel.format("avg(QUANTITY)")) > 2000
    assert small.one(fuel.format("count(DISTINCT DEPARTMENT)")) == 2
    assert small.one(fuel.format("avg((BRAND = 'Private')::INT)")) == 1


def test_promoted_products_are_discounted_and_bought_more(small: Simulated) -> None:
    small.sql.execute("CREATE TEMP TABLE offer AS SELECT DISTINCT PRODUCT_ID, WEEK_NO FROM promotions")
    lines = "FROM transactions JOIN products USING (PRODUCT_ID) {} JOIN offer USING (PRODUCT_ID, WEEK_NO)"
    assert small.one(f"SELECT max(RETAIL_DISC) {lines.format('')}") < 0
    per_offer = small.one(f"SELECT count(*) {lines.format('')}") / small.one("SELECT count(*) FROM offer")
    rest = "SELECT count(*) FROM transactions WHERE WEEK_NO BETWEEN 9 AND 101"
    slots = 93 * SMALL.n_products - small.one("SELECT count(*) FROM offer")
    assert per_offer > 3 * (small.one(rest) - small.one(f"SELECT count(*) {lines.format('')}")) / slots
    codes = small.sql.execute("SELECT DISTINCT display, mailer FROM promotions").fetchall()
    assert {display for display, _ in codes} <= set("0123456789A")
    assert {mailer for _, mailer in codes} <= set("0ACDFHJLPXZ")
    assert ("0", "0") not in codes


def test_the_same_plan_gives_the_same_bytes_and_another_seed_does_not(small: Simulated, tmp_path: Path) -> None:
    simulate(tmp_path / "again", SMALL)
    assert digests(tmp_path / "again") == digests(small.folder)
    simulate(tmp_path / "other", SMALL.model_copy(update={"seed": 1}))
    assert digests(tmp_path / "other") != digests(small.folder)


def test_a_filled_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="new or empty folder"):
        simulate(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled_and_a_broken_run_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "raw"
    with pytest.raises(KeyboardInterrupt):
        simulate(target, SMALL, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
    target.mkdir()
    seen: list[tuple[int, int]] = []
    simulate(target, SMALL, progress=lambda done, total: seen.append((done, total)))
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    assert seen == [(SMALL.n_households, SMALL.n_households)]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("n_households", 0),
        ("n_days", 250),
        ("n_products", 10),
        ("target_share", 1.5),
        ("effect_sd", -1),
        ("n_housholds", 100),
    ],
)
def test_a_bad_setting_is_named_with_what_was_found(setting: str, value: float) -> None:
    with pytest.raises(ValidationError, match=setting) as error:
        RetailerPlan.model_validate({setting: value})
    assert f"input_value={value}" in str(error.value)


@pytest.mark.parametrize(
    "plan",
    [
        RetailerPlan(n_households=1, n_products=400, n_stores=2),
        RetailerPlan(n_households=40, n_days=300, n_products=400, n_stores=2, n_type_b=0, n_type_c=0),
        RetailerPlan(n_households=40, n_products=400, n_stores=2, demographics_share=1.0, trips_per_week=0.1),
    ],
)
def test_extreme_plans_are_written(plan: RetailerPlan, tmp_path: Path) -> None:
    simulated = Simulated(tmp_path / "raw", plan)
    assert simulated.one("SELECT count(DISTINCT household_key) FROM transactions") == plan.n_households
    assert len(simulated.report.campaigns) >= 1


# The truth


def test_trials_are_the_households_that_shopped_and_were_not_treated_before(study: Simulated) -> None:
    study.sql.register("campaign", study.campaigns)
    expected = study.sql.execute(
        f"""
        WITH treated AS (
            SELECT household_key, min(start) AS first_start
            FROM campaign_targets JOIN campaign ON campaign.campaign = campaign_targets.CAMPAIGN GROUP BY ALL
        )
        SELECT DISTINCT household_key, campaign, coalesce(first_start = start, false)::BIGINT AS treated
        FROM transactions JOIN campaign ON DAY >= start - {LOOK_BACK_DAYS} AND DAY < start
        LEFT JOIN treated USING (household_key)
        WHERE first_start IS NULL OR first_start >= start
        """
    ).df()
    key = ["household_key", "campaign"]
    pd.testing.assert_frame_equal(
        study.trials[[*key, "treated"]].sort_values(key, ignore_index=True),
        expected.sort_values(key, ignore_index=True),
    )


def test_outcome_windows_end_before_the_next_campaign_and_the_data(study: Simulated) -> None:
    campaigns = study.campaigns.sort_values("start")
    assert len(campaigns) >= 4
    assert (campaigns["outcome_end"].to_numpy()[:-1] < campaigns["start"].to_numpy()[1:]).all()
    assert campaigns["outcome_end"].max() <= STUDY.n_days
    assert (campaigns["start"] > LOOK_BACK_DAYS).all()
    assert not campaigns["campaign"].is_monotonic_increasing


def test_propensities_are_calibrated_and_overlap(study: Simulated) -> None:
    trials = study.trials.sort_values("propensity")
    rows = np.arange(len(trials))
    for place in (rows, *np.array_split(rows, 5)):
        part = trials.iloc[place]
        e = part["propensity"].to_numpy()
        standard_error = np.sqrt((e * (1 - e)).sum()) / len(e)
        assert abs(part["treated"].mean() - e.mean()) < 3 * standard_error
    assert trials["propensity"].between(0.1, 0.9).mean() > 0.75
    rank = trials["propensity"].rank()
    n_treated = trials["treated"].sum()
    wins = rank[trials["treated"] == 1].sum() - n_treated * (n_treated + 1) / 2
    assert 0.62 < wins / n_treated / (len(trials) - n_treated) < 0.78


def test_the_report_sums_up_the_trials(study: Simulated) -> None:
    trials, truth = study.trials, study.report.truth
    overlap = trials["propensity"] * (1 - trials["propensity"])
    assert truth.n_trials == len(trials)
    assert truth.n_treated == trials["treated"].sum()
    assert truth.ate == pytest.approx(trials["effect"].mean())
    assert truth.effect_sd == pytest.approx(trials["effect"].std(ddof=0))
    assert truth.ato == pytest.approx((overlap * trials["effect"]).sum() / overlap.sum())
    assert study.document["truth"]["ate"] == truth.ate
    for campaign, found in study.report.campaigns:
        assert found.ate == pytest.approx(trials.loc[trials["campaign"] == campaign.campaign, "effect"].mean())
    assert 45 < truth.ate < 75
    assert 30 < truth.effect_sd < 50
    assert (trials["effect"] < 0).any()


def test_a_reweighted_estimate_finds_the_planted_effect_and_a_naive_one_does_not(study: Simulated) -> None:
    trials = study.outcomes()
    t, e, y = (trials[name].to_numpy(float) for name in ("treated", "propensity", "spend"))
    design = np.column_stack([np.ones(len(t)), trials["past"], np.sqrt(trials["past"])])
    # Any outcome model leaves the estimate unbiased, because the propensity is the true one.
    low, high = (design @ np.linalg.lstsq(design[t == arm], y[t == arm])[0] for arm in (0, 1))
    score = high - low + t * (y - high) / e - (1 - t) * (y - low) / (1 - e)
    for weight, truth in ((np.ones(len(e)), study.report.truth.ate), (e * (1 - e), study.report.truth.ato)):
        estimate = (weight * score).sum() / weight.sum()
        influence = pd.Series(weight * (score - estimate) / weight.sum()).groupby(trials["household_key"]).sum()
        standard_error = np.sqrt((influence**2).sum())
        assert standard_error < 15
        assert abs(estimate - truth) < 4 * standard_error
    assert y[t == 1].mean() - y[t == 0].mean() > study.report.truth.ate + 60


def test_the_same_households_without_effect_differ_by_the_effect_alone(
    study: Simulated, without_effect: Simulated
) -> None:
    both = study.outcomes().merge(
        without_effect.outcomes()[["household_key", "campaign", "treated", "spend", "past"]],
        on=["household_key", "campaign"],
        suffixes=("", "_still"),
        validate="one_to_one",
    )
    assert (both["treated"] == both["treated_still"]).all()
    np.testing.assert_allclose(both["past"], both["past_still"])
    control, treated = both[both["treated"] == 0], both[both["treated"] == 1]
    np.testing.assert_allclose(control["spend"], control["spend_still"])
    for part in (treated, treated[treated["effect"] > 80], treated[treated["effect"] < 0]):
        excess = part["spend"] - part["spend_still"] - part["effect"]
        assert abs(excess.mean()) < 4 * excess.std() / np.sqrt(len(excess))
    assert set(without_effect.trials["effect"]) == {0.0}


def test_expected_spend_is_the_mean_of_spend_without_effect(without_effect: Simulated) -> None:
    trials = without_effect.outcomes()
    excess = (trials["spend"] - trials["expected_spend"]).groupby(trials["household_key"]).sum()
    assert abs(excess.mean()) < 4 * excess.std() / np.sqrt(len(excess))


def test_a_basket_costs_what_the_parameters_say() -> None:
    shop = Retailer.open(SMALL)
    homes = draw_households(shop, 3, stream(SMALL, 99))
    who = np.repeat(np.arange(3), 40_000)
    receipts = go_shopping(shop, homes, who, np.full(len(who), 300), stream(SMALL, 98))
    spend = np.bincount(receipts.basket, receipts.sale_cents(shop), len(who)).reshape(3, -1) / 100
    expected = homes.basket_spend[:, week_of_day(300)]
    assert (np.abs(spend.mean(axis=1) - expected) < 4 * spend.std(axis=1) / np.sqrt(spend.shape[1])).all()


# Coupons


def test_a_redemption_is_a_targeted_household_s_discounted_line(study: Simulated) -> None:
    redemptions = study.one("SELECT count(*) FROM coupon_redemptions")
    matched = study.one(
        """
        SELECT count(*) FROM (
            SELECT DISTINCT household_key, DAY, COUPON_UPC, CAMPAIGN
            FROM coupon_redemptions
            JOIN campaigns USING (CAMPAIGN)
            JOIN campaign_targets USING (household_key, CAMPAIGN)
            JOIN coupons USING (COUPON_UPC, CAMPAIGN)
            JOIN transactions USING (household_key, DAY, PRODUCT_ID)
            WHERE COUPON_DISC < 0 AND DAY BETWEEN START_DAY AND END_DAY
        )
        """
    )
    assert matched == redemptions > 100
    assert study.one("SELECT count(*) FROM transactions WHERE COUPON_DISC < 0") == redemptions
    assert study.one("SELECT count(*) FROM transactions WHERE COUPON_MATCH_DISC < 0") > 10
    assert study.one("SELECT min(SALES_VALUE + COUPON_DISC) FROM transactions") >= 0


def test_more_than_one_chunk_is_written(study: Simulated) -> None:
    assert STUDY.n_households > CHUNK_HOUSEHOLDS
    households = pd.read_parquet(study.folder / "truth" / "households.parquet")
    assert households["household_key"].tolist() == list(range(1, STUDY.n_households + 1))
    assert 0.2 < study.report.rows["demographics"] / STUDY.n_households < 0.4
