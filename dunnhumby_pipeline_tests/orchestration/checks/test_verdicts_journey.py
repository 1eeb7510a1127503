"""Judgements of the canonical tables, each seen to pass and to fail."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.checks import journey as verdicts
from dunnhumby_pipeline.orchestration.checks.journey import Reach
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, write_tables

CHECKS = CheckSettings()
PROMOTIONS = pd.DataFrame(
    {"product_id": [2, 1, 2], "store_id": [1, 2, 1], "week_no": [3, 3, 4], "display": "0", "mailer": "A"}
)


# Unique keys: by the order of the file where that proves it, by counting where it does not


@pytest.mark.parametrize(
    ("rows", "n_repeated"), [([0, 1, 2], 0), ([2, 1, 0], 0), ([0, 1, 1, 2], 1), ([0, 0, 1, 2, 2], 2), ([0], 0)]
)
def test_repeated_promotions_are_found_in_any_order_of_the_file(
    tmp_path: Path, rows: list[int], n_repeated: int
) -> None:
    path = tmp_path / "promotions.parquet"
    types = {
        column.name: {"BIGINT": "int64", "INTEGER": "int32"}.get(column.type) for column in schema.PROMOTIONS.columns
    }
    frame = PROMOTIONS.iloc[rows].astype({name: kind for name, kind in types.items() if kind})
    frame[list(schema.PROMOTIONS.column_names)].to_parquet(path, index=False)
    found = verdicts.schema_and_keys(schema.PROMOTIONS, path, ENGINE)
    assert (found.passed, found.metrics["n_repeated_keys"]) == (n_repeated == 0, n_repeated)


def test_keys_in_the_order_of_the_file_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tables(tmp_path, promotions=PROMOTIONS)["promotions"]

    def count(*args: object) -> int:
        raise RuntimeError("counted")

    monkeypatch.setattr(verdicts, "_distinct", count)
    assert verdicts.schema_and_keys(schema.PROMOTIONS, path, ENGINE).message == "3 rows, keys unique"
    pd.read_parquet(path).iloc[::-1].to_parquet(path, index=False)
    with pytest.raises(RuntimeError, match="counted"):
        verdicts.schema_and_keys(schema.PROMOTIONS, path, ENGINE)


# References


def _references(folder: Path, limit: float) -> Verdict:
    tables = write_tables(
        folder,
        coupon_redemptions=pd.DataFrame(
            {"household_key": [1, 2, 3, 4], "day": 5, "coupon_upc": [7, 7, 8, 7], "campaign": [1, 1, 1, 2]}
        ),
        coupons=pd.DataFrame({"coupon_upc": [7, 7, 8], "product_id": [1, 2, 1], "campaign": [1, 1, 9]}),
    )
    reference = next(found for found in schema.COUPON_REDEMPTIONS.references if found.table == "coupons")
    return verdicts.references_hold(reference, tables["coupon_redemptions"], tables["coupons"], limit, ENGINE)


def test_references_hold_up_to_a_share_of_the_rows(tmp_path: Path) -> None:
    found = _references(tmp_path, 0.5)
    text = "2 of 4 rows (50.00%) have a coupon_upc, campaign that coupons lacks, at most 50.00% expected"
    assert found == Verdict(True, text, {"n_orphans": 2, "share_orphans": 0.5})


def test_references_that_dangle_are_named(tmp_path: Path) -> None:
    found = _references(tmp_path, 0.49)
    assert not found.passed
    assert found.message.endswith("at most 49.00% expected, most often 7 2, 8 1: is the file of coupons complete?")
    assert (found.metrics["n_orphans"], found.metrics["share_orphans"]) == (2, 0.5)


def test_no_reference_may_dangle_when_none_is_allowed(tmp_path: Path) -> None:
    assert not _references(tmp_path, 0.0).passed


# Weeks and days


def test_weeks_agree_with_days(tmp_path: Path) -> None:
    frame = lines((1, 5, 1.0), (1, 6, 1.0), (2, 711, 1.0))
    path = write_tables(tmp_path, transactions=frame)["transactions"]
    assert verdicts.weeks_agree(path, ENGINE) == Verdict(True, "day and week_no agree on 3 lines", {"n_wrong": 0})
    written = pd.read_parquet(path)
    assert written["week_no"].tolist() == [1, 2, 102]
    written.assign(week_no=[1, 1, 102]).astype({"week_no": "int32"}).to_parquet(path, index=False)
    found = verdicts.weeks_agree(path, ENGINE)
    assert (found.passed, found.metrics) == (False, {"n_wrong": 1})
    assert found.message.startswith("1 lines, the first on day 6 with week_no 1, which is week 2; DAY and WEEK_NO")


# Against the run before


@pytest.mark.parametrize(
    ("n_now", "n_before", "passed"),
    [(10, None, True), (100, 100, True), (95, 100, True), (94, 100, False), (200, 100, True), (201, 100, False)],
)
def test_row_counts_are_compared_with_the_run_before(n_now: int, n_before: int | None, passed: bool) -> None:
    found = verdicts.row_count(n_now, n_before, CheckSettings(max_rows_lost=0.05, max_rows_gained=2))
    assert found.passed == passed
    assert found.metrics["n_rows"] == n_now
    if n_before is None:
        assert found.message == "10 rows; nothing to compare with: this is the first run"
    if not passed:
        assert found.message == (
            f"{n_now} rows, 100 before; 95 to 200 expected: is the raw file whole, and the one meant?"
        )


TODAY = date(2026, 11, 22)


def test_data_that_reach_far_enough_are_fresh() -> None:
    assert verdicts.freshness(Reach(711, 101), None, TODAY, CHECKS) == Verdict(
        True, "the lines end on day 711", {"last_day": 711, "promotion_lag_weeks": 1}
    )
    dated = CheckSettings(day_one=date(2026, 11, 2), max_age_days=10)
    found = verdicts.freshness(Reach(11, 2), 11, TODAY, dated)
    assert found == Verdict(True, "the lines end on day 11", {"last_day": 11, "promotion_lag_weeks": 0, "age_days": 10})


def test_data_that_end_early_are_not_fresh() -> None:
    older = verdicts.freshness(Reach(700, 101), 711, TODAY, CHECKS)
    assert (older.passed, older.message) == (
        False,
        "the lines end on day 700; the run before reached day 711: is this an older export?",
    )
    dated = CheckSettings(day_one=date(2026, 11, 2), max_age_days=9)
    old = verdicts.freshness(Reach(11, 2), 11, TODAY, dated)
    assert not old.passed
    assert "that is 10 days ago, at most 9 expected" in old.message
    behind = verdicts.freshness(Reach(711, 99), 711, TODAY, CHECKS)
    assert not behind.passed
    assert "promotions end 3 weeks earlier" in behind.message


# Weekly volume


def _ramp() -> pd.Series:
    """Complete weeks of a panel that grows tenfold in its first sixteen weeks, like dunnhumby's."""
    grown = [2_500 * 1.155**week for week in range(16)] + [25_000 + 500 * (-1) ** week for week in range(80)]
    return pd.Series(grown, index=range(2, 98)).round()


def test_a_panel_that_grows_is_no_anomaly() -> None:
    found = verdicts.weekly_volume(_ramp(), CHECKS)
    assert found.passed, found.message
    assert found.metrics["max_deviation"] < 0.25


@pytest.mark.parametrize(("week", "times"), [(50, 0.5), (50, 2.0), (97, 0.4), (8, 0.4)])
def test_a_week_with_half_or_double_the_lines_is_named(week: int, times: float) -> None:
    weeks = _ramp()
    weeks[week] *= times
    found = verdicts.weekly_volume(weeks, CHECKS)
    assert not found.passed
    assert f"week {week} (" in found.message
    assert found.message.count("week ") == 1


def test_a_week_without_lines_is_found_and_few_weeks_are_not_judged() -> None:
    weeks = _ramp().drop(60)
    assert "week 60 (-100%)" in verdicts.weekly_volume(weeks, CHECKS).message
    few = verdicts.weekly_volume(_ramp().head(2), CHECKS)
    assert (few.passed, few.message) == (True, "2 complete weeks are too few to compare")


def test_partial_weeks_are_left_out(tmp_path: Path) -> None:
    # Days 5 to 21: week 2 is days 6-12, week 3 days 13-19; weeks 1 and 4 are not whole.
    frame = lines(*((1, day, 1.0) for day in (5, 6, 12, 19, 20, 21)))
    path = write_tables(tmp_path, transactions=frame)["transactions"]
    assert verdicts.complete_weeks(path, ENGINE).to_dict() == {2: 2, 3: 1}


# Rejects


def test_rows_left_out_are_a_share_of_those_in_the_file() -> None:
    rejects = pd.DataFrame(
        {
            "table": ["transactions", "transactions", "transactions", "coupons"],
            "action": ["rejected", "rejected", "repaired", "merged"],
            "share": [0.003, 0.002, 1.0, 0.5],
        }
    )
    found = verdicts.rejected_share(rejects, CheckSettings(many_rejects=0.005))
    assert (found.passed, found.message) == (True, "at most 0.50% of a file is left out (transactions)")
    assert found.metrics["share_rejected_transactions"] == 0.005
    assert sum(found.metrics.values()) == 0.005
    many = verdicts.rejected_share(rejects, CheckSettings(many_rejects=0.004))
    assert (many.passed, many.message) == (
        False,
        "left out: 0.50% of transactions; at most 0.40% expected: the rejects table says why, with examples",
    )


def test_data_without_a_complete_week_say_so() -> None:
    assert verdicts.week_deviations(pd.Series(dtype="int64")).empty
    found = verdicts.weekly_volume(pd.Series(dtype="int64"), CheckSettings())
    assert found.message
