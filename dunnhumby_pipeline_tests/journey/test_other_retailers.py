"""Another retailer's files, read through a mapping: the worked example of the guide, and every way it can be wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dunnhumby_pipeline.journey.inspection.validation import validate
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline.settings import Home, MappingSettings, SettingsError, load_settings
from dunnhumby_pipeline_tests.fakes.journeys import (
    ANY_REJECTS,
    HEADERS,
    ONE_THREAD,
    canonical,
    clean_source,
    read_table,
    write_raw,
)
from dunnhumby_pipeline_tests.fakes.other_retailer import headers, mapping, settings_file, write_export
from dunnhumby_pipeline_tests.fakes.studies import command


def _canonical(table: str) -> pd.DataFrame:
    frame = canonical()[table]
    # They do not match coupons.
    return frame.assign(coupon_match_disc=0.0) if table == "transactions" else frame


def _changed(**given: Any) -> MappingSettings:
    return MappingSettings(**{**mapping().model_dump(), **given})


def test_the_worked_example_gives_the_tables_of_our_own_files(tmp_path: Path) -> None:
    assert {f"{name}.csv" for name in mapping().files.values()} == set(headers())
    loaded = clean_source(raw_folder(write_export(tmp_path / "export"), mapping()), tmp_path / "staged")
    for table in HEADERS:
        pd.testing.assert_frame_equal(read_table(loaded.tables[table], table), _canonical(table), obj=table)


@pytest.mark.parametrize("kind", ["text", "typed"])
def test_parquet_files_with_real_dates_are_read_alike(tmp_path: Path, kind: str) -> None:
    folder = write_export(tmp_path / "export")
    for path in list(folder.glob("*.csv")):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        if kind == "typed":
            for name in {"sold_at", "week_from", "sent_on", "valid_to", "redeemed_on"} & set(frame.columns):
                frame[name] = pd.to_datetime(frame[name])
        frame.to_parquet(path.with_suffix(".parquet"), index=False)
        path.unlink()
    loaded = clean_source(raw_folder(folder, mapping()), tmp_path / "staged")
    for table in HEADERS:
        pd.testing.assert_frame_equal(read_table(loaded.tables[table], table), _canonical(table), obj=table)


def test_names_alone_keep_the_quick_reading(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    text = (folder / "transaction_data.csv").read_text(encoding="utf-8")
    (folder / "transaction_data.csv").unlink()
    (folder / "Till lines.csv").write_text(text.replace("household_key", "Kundin Nr."), encoding="utf-8")
    named = MappingSettings(
        files={"transactions": "till lines"}, columns={"transactions": {"household_key": "Kundin Nr."}}
    )
    source = raw_folder(folder, named)
    assert source.inputs["transactions"].quick is not None
    loaded = clean_source(source, tmp_path / "staged")
    pd.testing.assert_frame_equal(
        read_table(loaded.tables["transactions"], "transactions"), canonical()["transactions"]
    )


def test_the_command_reads_the_mapping_of_the_home(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "export")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dunnhumby.toml").write_text(settings_file() + "\n[journey]\nmax_reject_share = 1\n", "utf-8")
    found = command("validate", folder, "--home", tmp_path / "home")
    assert found.exit_code == 0, found.output
    assert "till_lines.csv" in found.output
    without = command("validate", folder, "--home", tmp_path / "elsewhere")
    assert without.exit_code == 2 and "transaction_data.csv" in without.output


# ------------------------------------------------------------------------------------------------- bad mappings


def refused(folder: Path, given: MappingSettings) -> str:
    with pytest.raises(JourneyError) as error:
        raw_folder(folder, given)
    return str(error.value)


def test_a_file_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "export")
    message = refused(folder, _changed(files={**mapping().files, "transactions": "tills_line"}))
    assert message.startswith(
        f"tills_line (mapping.files.transactions): expected this file in {folder}, ending in .csv"
    )
    assert "found articles.csv, card_holders.csv" in message
    assert message.endswith("Did you mean 'till_lines'? Correct the mapping, or put the file there.")


def test_a_column_that_is_not_there_is_named_with_file_setting_and_near_names(tmp_path: Path) -> None:
    folder, columns = write_export(tmp_path / "export"), mapping().columns
    wrong = {**columns, "transactions": {**columns["transactions"], "household_key": "card_nr"}}
    assert refused(folder, _changed(columns=wrong)) == (
        "till_lines.csv, column card_nr (mapping.columns.transactions.household_key): expected this column once in the "
        f"header, found {', '.join(headers()['till_lines.csv'])}. Did you mean 'card_no'? Correct the mapping."
    )


def test_a_column_that_nobody_named_is_asked_for_by_its_setting(tmp_path: Path) -> None:
    folder, columns = write_export(tmp_path / "export"), mapping().columns
    less = {name: header for name, header in columns["campaigns"].items() if name != "end_day"}
    message = refused(folder, _changed(columns={**columns, "campaigns": less}))
    assert message.startswith("mailings.csv, column END_DAY: expected this column once in the header, found kind, ")
    assert message.endswith("Name it in mapping.columns.campaigns.end_day, or add it.")


def test_a_campaign_type_that_is_not_mapped_is_shown_in_their_words(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "export", {("mailings.csv", 1, "kind"): "Seasonal catalog"})
    from dunnhumby_pipeline.engine.duck import connect

    with connect(ONE_THREAD) as connection:
        found = validate(folder, connection, ANY_REJECTS, mapping())
    [first, *_] = [str(problem) for problem in found.problems if "mailings.csv" in problem.where]
    assert "kind" in first and "'Seasonal catalog'" in first
    assert "expected one of 'Seasonal catalogue' (TypeA), 'Anniversary catalogue' (TypeA)" in first
    assert "Did you mean 'Seasonal catalogue' (TypeA)? Name the type in mapping.campaign_types" in first


def test_a_date_that_is_none_is_shown_as_it_stands(tmp_path: Path) -> None:
    changes = {
        ("till_lines.csv", 3, "sold_at"): "31/02/2023 10:00",
        ("till_lines.csv", 5, "sold_at"): "2022-12-31 09:00",
    }
    loaded = clean_source(raw_folder(write_export(tmp_path / "export", changes), mapping()), tmp_path / "staged")
    rows = loaded.inspection.rejected_rows
    days = rows[(rows["table"] == "transactions") & (rows["column"] == "day")].set_index("row")["rule"]
    assert days.to_dict() == {4: "not_a_number", 6: "out_of_range"}
    assert "31/02/2023 10:00" in rows.loc[rows["row"] == 4, "raw_row"].iloc[0]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ('files = { transaction = "x" }', r"the table 'transaction' is not known; .*did you mean transactions\?"),
        (
            'columns.transactions = { houshold = "x" }',
            r"transactions, the column 'houshold' .*did you mean household_key\?",
        ),
        ('campaign_types = { TypeD = ["x"] }', r"the campaign type 'TypeD' is not known; expected one of TypeA"),
        (
            'campaign_types = { TypeA = ["x"], TypeB = ["X"] }',
            r"their type 'X' stands for TypeA\[0\] and for TypeB\[0\]",
        ),
        (
            'columns.coupons = { campaign = "a", product_id = "a" }',
            r"column 'a' stands for campaign and for product_id",
        ),
        ('files = { products = "../x.csv" }', "without a path"),
        ("values.transactions = { household_key = 1 }", "an id cannot be the same in every row"),
        ("values.transactions = { trans_time = 12.5 }", r"trans_time is 12.5; expected a whole number"),
        ('values.products = { brand = "Own" }', r"brand is 'Own'; expected one of National, Private"),
        ('first_date = "2.1.2023"', "mapping.first_date"),
        ('discounts = "plus"', r"mapping.discounts: .*'negative' or 'positive'"),
        ('column = { transactions = "x" }', r"did you mean mapping.columns\?"),
    ],
)
def test_a_mapping_that_cannot_be_is_named_before_anything_is_read(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / "dunnhumby.toml").write_text(
        "[mapping]\n" + "\n".join(f"{line}" for line in file.splitlines()), encoding="utf-8"
    )
    with pytest.raises(SettingsError) as refusal:
        load_settings(Home(tmp_path))
    assert re.search(message, str(refusal.value)), str(refusal.value)
    assert "mapping" in str(refusal.value)
