"""Files that cannot be read: each is refused in words that say which file, where in it, and how to fix it."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.journey.choice import choose
from dunnhumby_pipeline.journey.readers import raw_folder as raw_folder_module
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline_tests.fakes.findings import refusal
from dunnhumby_pipeline_tests.fakes.journeys import FILES, HEADERS, RAW, load, read_table, write_raw

AGAIN = "Export or download the file again."
FIX_LINE = "Fix this line or export the file again."
COUPON_HEADER = ",".join(HEADERS["coupons"])
DAMAGED = "found a compressed file that is cut short or damaged"


def only_message(folder: Path) -> str:
    with pytest.raises(JourneyError) as refused:
        raw_folder(folder)
    (problem,) = refused.value.problems
    return str(problem)


# ------------------------------------------------------------------------------------------ the folder


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert only_message(nowhere) == (
        f"{nowhere}: expected a folder with the eight raw files, found no such folder. "
        "Check the path and who may read it."
    )


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("x")
    assert only_message(tmp_path / "raw") == (
        f"{tmp_path / 'raw'}: expected a folder with the eight raw files, found a file. "
        "Check the path and who may read it."
    )


@pytest.mark.parametrize("named", [True, False], ids=["named", "in the home"])
def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    folder = write_raw(tmp_path / "raw")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(JourneyError) as refused:
        choose(folder if named else None, folder)
    assert str(refused.value) == (
        f"{folder}: expected a folder with the eight raw files, "
        "found a folder that cannot be read (Permission denied). Check the path and who may read it."
    )


def test_missing_files_are_all_named_at_once(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", products=None, campaigns=None)
    assert refusal(folder, tmp_path / "staged") == [
        f"{file}.csv: expected this file (or .csv.gz, or .parquet), found 6 other files. Put it in {folder}, or name "
        f"yours in mapping.files.{table} of dunnhumby.toml."
        for file, table in (("product", "products"), ("campaign_desc", "campaigns"))
    ]


def test_an_empty_folder(tmp_path: Path) -> None:
    messages = refusal(tmp_path, tmp_path / "staged")
    assert messages == [
        f"{file}: expected this file (or .csv.gz, or .parquet), found an empty folder. Put it in {tmp_path}."
        for file in FILES.values()
    ]


def test_files_one_folder_down_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "The Complete Journey"
    write_raw(folder)
    (tmp_path / "raw" / "__MACOSX").mkdir()
    (tmp_path / "raw" / "__MACOSX" / "product.csv").write_text("")
    source = raw_folder(tmp_path / "raw")
    assert source.paths["products"] == folder / "product.csv"
    assert str(folder) in source.description
    assert choose(None, tmp_path / "raw").paths == source.paths


def test_a_file_that_lies_one_folder_down_alone_is_named(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", products=None)
    (folder / "more").mkdir()
    (folder / "more" / "product.csv").write_text("x")
    assert only_message(folder) == (
        "product.csv: expected this file (or .csv.gz, or .parquet), "
        f"found {folder / 'more' / 'product.csv'}. Name that folder, or put the file in {folder}."
    )


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("promotions", "causaldata.csv"),
        ("promotions", "Causal Data.csv.gz"),
        ("transactions", "transactions.csv"),
        ("transactions", "transaction_data (1).csv"),
        ("products", "products.parquet"),
        ("campaigns", "campaign_descriptions.csv"),
        ("coupon_redemptions", "copy of coupon_redempt.csv"),
        ("demographics", "hh_demographics.csv"),
        ("demographics", "household_demographics.csv"),
        ("coupons", "coupons.csv"),
    ],
)
def test_a_file_of_a_near_name_is_named(tmp_path: Path, table: str, name: str) -> None:
    folder = write_raw(tmp_path / "raw", **{table: None})
    (folder / name).write_text("x")
    stem = FILES[table].removesuffix(".csv")
    assert only_message(folder) == (
        f"{stem}.csv: expected this file (or .csv.gz, or .parquet), found {name}. "
        f"Rename it to {stem} with its ending, if it is this file."
    )


@pytest.mark.parametrize(
    "parts",
    [
        ("transaction_data_1.csv", "transaction_data_2.csv"),
        ("Transaction Data part1.csv.gz", "Transaction Data part2.csv.gz"),
    ],
)
def test_the_parts_of_a_file_are_named(tmp_path: Path, parts: tuple[str, ...]) -> None:
    folder = write_raw(tmp_path / "raw", transactions=None)
    for name in parts:
        (folder / name).write_text("x")
    assert only_message(folder) == (
        f"transaction_data.csv: expected this file (or .csv.gz, or .parquet), found its parts {' and '.join(parts)}. "
        "Join them into one file transaction_data.csv, with one header."
    )


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_a_pipe_in_the_place_of_a_file_is_refused_unread(tmp_path: Path, ending: str) -> None:
    folder = write_raw(tmp_path / "raw", products=None)
    os.mkfifo(folder / f"product{ending}")
    assert only_message(folder) == (
        f"product{ending}: expected a file that can be read, found a pipe or a device. "
        "Put a file in its place: it is read more than once."
    )


def test_a_device_in_the_place_of_a_file_is_refused_unread(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", products=None)
    (folder / "product.csv").symlink_to("/dev/zero")
    assert "found a pipe or a device" in only_message(folder)


@pytest.mark.parametrize("second", ["product.csv.gz", "product.parquet", "PRODUCT.CSV"])
def test_two_files_for_one_table(tmp_path: Path, second: str) -> None:
    folder = write_raw(tmp_path / "raw")
    (folder / second).write_bytes(b"")
    both = " and ".join(sorted([second, "product.csv"]))
    assert only_message(folder) == (
        f"{folder}: expected one file for the table products, found {both}. "
        "Remove all but one of them: the right one cannot be told from here."
    )


# ------------------------------------------------------------------------------------------- one file


def _cut(content: bytes) -> bytes:
    return gzip.compress(content)[:-20]


def _flipped(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content))
    packed[-6] ^= 0xFF
    return bytes(packed)


def _parquet(content: bytes) -> bytes:
    buffer = io.BytesIO()
    pd.read_csv(io.BytesIO(content)).to_parquet(buffer, index=False)
    return buffer.getvalue()


NOT_PARQUET = (
    "found Parquet magic bytes not found in footer. Either the file is corrupted or this is not a parquet file. "
)


@pytest.mark.parametrize(
    ("ending", "spoil", "message"),
    [
        (".csv.gz", _cut, f"{DAMAGED} (Compressed file ended before the end-of-stream marker was reached). {AGAIN}"),
        (".csv.gz", lambda content: content, f"{DAMAGED} (Not a gzipped file (b'PR')). {AGAIN}"),
        (".parquet", lambda content: content, f"{NOT_PARQUET}{AGAIN}"),
        (".parquet", lambda content: _parquet(content)[:-30], f"{NOT_PARQUET}{AGAIN}"),
        (".parquet", lambda content: b"", f"found Parquet file size is 0 bytes. {AGAIN}"),
    ],
    ids=["gz cut short", "gz that is none", "parquet that is none", "parquet cut short", "empty parquet"],
)
def test_a_file_of_the_wrong_kind_or_cut_short(
    tmp_path: Path, ending: str, spoil: Callable[[bytes], bytes], message: str
) -> None:
    folder = write_raw(tmp_path / "raw")
    content = (folder / "product.csv").read_bytes()
    (folder / "product.csv").unlink()
    (folder / f"product{ending}").write_bytes(spoil(content))
    assert only_message(folder) == f"product{ending}: expected a file that can be read, {message}"


def test_a_compressed_file_whose_check_sum_is_wrong(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    content = (folder / "product.csv").read_bytes()
    (folder / "product.csv").unlink()
    (folder / "product.csv.gz").write_bytes(_flipped(content))
    assert only_message(folder).startswith(
        f"product.csv.gz: expected a file that can be read, {DAMAGED} (CRC check failed 0x"
    )


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_a_folder_in_the_place_of_a_file(tmp_path: Path, ending: str) -> None:
    folder = write_raw(tmp_path / "raw", products=None)
    (folder / f"product{ending}").mkdir()
    assert only_message(folder) == (
        f"product{ending}: expected a file that can be read, found a folder. Put one file in its place."
    )


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_raw(tmp_path / "raw")
    text = raw_folder_module._text

    def refuse(path: Path) -> object:
        if path.name == "coupon.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return text(path)

    monkeypatch.setattr(raw_folder_module, "_text", refuse)
    assert only_message(folder) == (
        "coupon.csv: expected a file that can be read, found no permission to read it. Check who may read it."
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        (f"{COUPON_HEADER}\n", "a header and no rows"),
        (COUPON_HEADER, "a header and no rows"),
        (f"{COUPON_HEADER}\n\n\r\n", "a header and no rows"),
        (f"{COUPON_HEADER}\n,,\n , ,\n", "a header and no rows"),
        (f"\n{COUPON_HEADER}\n1,11,8\n", "a first line without names"),
    ],
    ids=["empty", "header only", "header without line end", "blank lines", "blank rows", "blank first line"],
)
def test_a_file_without_rows(tmp_path: Path, text: str, found: str) -> None:
    assert only_message(write_raw(tmp_path / "raw", coupons=text)) == (
        f"coupon.csv: expected a header and at least one row, found {found}. Export the file again."
    )


def test_demographics_without_a_household(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", demographics=[])
    assert only_message(folder) == (
        "hh_demographic.csv: expected a header and at least one row, found a header and no rows. Export the file again."
    )


def test_a_parquet_file_without_rows(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", coupons=None)
    pd.DataFrame(columns=HEADERS["coupons"]).to_parquet(folder / "coupon.parquet")
    assert only_message(folder) == (
        "coupon.parquet: expected a header and at least one row, found no rows. Export the file again."
    )


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_delimiter(tmp_path: Path, mark: str, name: str) -> None:
    text = "\n".join(mark.join(map(str, row)) for row in [HEADERS["coupons"], *RAW["coupons"]])
    assert only_message(write_raw(tmp_path / "raw", coupons=text)) == (
        f"coupon.csv: expected values separated by commas, found {name} in the header. Export it with commas."
    )


def test_text_in_utf_16(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    path = folder / "coupon.csv"
    path.write_bytes(path.read_text().encode("utf-16"))
    assert only_message(folder) == (
        "coupon.csv: expected text in UTF-8, found zero bytes in the header, as UTF-16 has. Export the file as UTF-8."
    )


# ----------------------------------------------------------------------------------------- its columns


def test_missing_columns_are_named_beside_the_header_found(tmp_path: Path) -> None:
    without = {"promotions": ["mailer", "STORE_ID"], "campaigns": ["END_DAY"], "demographics": ["AGE_DESC"]}
    found = "found PRODUCT_ID, WEEK_NO, display. Add or rename the column."
    assert refusal(write_raw(tmp_path / "raw", without=without), tmp_path / "staged") == [
        f"causal_data.csv, column STORE_ID: expected this column once in the header, {found}",
        f"causal_data.csv, column mailer: expected this column once in the header, {found}",
        "campaign_desc.csv, column END_DAY: expected this column once in the header, "
        "found DESCRIPTION, CAMPAIGN, START_DAY. Add or rename the column.",
        "hh_demographic.csv, column AGE_DESC (or classification_1): expected this column once in the header, "
        f"found {', '.join(HEADERS['demographics'][1:])}. Add or rename the column.",
    ]


@pytest.mark.parametrize("second", ["CAMPAIGN", "campaign", "Cam paign"])
def test_a_column_that_stands_twice(tmp_path: Path, second: str) -> None:
    folder = write_raw(tmp_path / "raw", coupons=f"{COUPON_HEADER},{second}\n1,11,8,9\n")
    assert only_message(folder) == (
        "coupon.csv, column CAMPAIGN: expected this column once in the header, "
        f"found COUPON_UPC, PRODUCT_ID, CAMPAIGN, {second}. Remove all but one of them."
    )


# ------------------------------------------------------------------------------------------- its lines

LINES = [
    (b"1,2", "as many values as the header has, found 2 of {n} values"),
    (b"1,2,3,4,5,6", "as many values as the header has, found more than {n} values"),
    (b'1,"2,3', "as many values as the header has, found a quote that is not closed"),
    (b"1;2;3;4;5", "as many values as the header has, found 1 of {n} values"),
    (b"1,caf\xe9,3,4,5", "text in UTF-8, found bytes that are not UTF-8"),
    (b"1," + b"2" * 2_100_000 + b",3,4,5", "a line of at most 2,000,000 bytes, found a longer one"),
]


@pytest.mark.parametrize(
    ("row", "message"), LINES, ids=["cut short", "too many values", "open quote", "semicolons", "Latin-1", "very long"]
)
def test_a_malformed_row_is_named_by_its_line(tmp_path: Path, row: bytes, message: str) -> None:
    folder, table = write_raw(tmp_path / "raw"), "promotions"
    n = len(HEADERS[table])
    good = ",".join("0" * n).encode()
    (folder / FILES[table]).write_bytes(b"\n".join([",".join(HEADERS[table]).encode(), good, row, good, b""]))
    assert refusal(folder, tmp_path / "staged") == [
        f"{FILES[table]}, line 3: expected {message.format(n=n)}. {FIX_LINE}"
    ]


def test_the_first_malformed_line_is_found_in_a_long_file(tmp_path: Path) -> None:
    lines = [COUPON_HEADER, *["1,11,8"] * 120_000]
    lines[99_999] = "1,11"
    lines[110_000] = "1,11,8,9"
    folder = write_raw(tmp_path / "raw", coupons="\n".join(lines))
    assert refusal(folder, tmp_path / "staged") == [
        f"coupon.csv, line 100000: expected as many values as the header has, found 2 of 3 values. {FIX_LINE}"
    ]


@pytest.mark.parametrize("ends", ["\n \r\n \n", "\r\n \n \r\n", "\r \r\n \n", "\r\n \r \r\n"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_line_ends_of_several_kinds_load(tmp_path: Path, ends: str, packed: bool) -> None:
    first, second, third = ends.split(" ")
    text = f"{COUPON_HEADER}{first}1,11,8{second}1,12,8{third}1,13,13\n"
    folder = write_raw(tmp_path / "raw", coupons=text)
    if packed:
        (folder / "coupon.csv.gz").write_bytes(gzip.compress(text.encode()))
        (folder / "coupon.csv").unlink()
    journey = load(folder, tmp_path / "staged")
    assert read_table(journey.tables["coupons"], "coupons").to_numpy().tolist() == [[1, 11, 8], [1, 12, 8], [1, 13, 13]]
    assert [path.name for path in folder.iterdir() if "coupon." in path.name] == [
        f"coupon.csv{'.gz' if packed else ''}"
    ]


def test_a_carriage_return_at_the_end_of_a_block_is_one_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The block ends between the carriage return and the line feed.
    text = f"{COUPON_HEADER}\n1,11,8\r\n1,12,8\n"
    monkeypatch.setattr("dunnhumby_pipeline.journey.inspection.staging._CHUNK", len(f"{COUPON_HEADER}\n1,11,8\r"))
    journey = load(write_raw(tmp_path / "raw", coupons=text), tmp_path / "staged")
    assert read_table(journey.tables["coupons"], "coupons").to_numpy().tolist() == [[1, 11, 8], [1, 12, 8]]


def test_a_malformed_row_among_line_ends_of_two_kinds_is_named_by_its_line(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", coupons=f"{COUPON_HEADER}\n1,11,8\r\n1,12\n1,13,8\n")
    assert refusal(folder, tmp_path / "staged") == [
        f"coupon.csv, line 3: expected as many values as the header has, found 2 of 3 values. {FIX_LINE}"
    ]


def test_a_parquet_file_that_is_damaged_within(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    content = bytearray(_parquet((folder / "coupon.csv").read_bytes()))
    content[20:60] = b"\xff" * 40
    (folder / "coupon.csv").unlink()
    (folder / "coupon.parquet").write_bytes(content)
    (message,) = refusal(folder, tmp_path / "staged")
    assert message.startswith("coupon.parquet: expected a file that can be read to its end, found ")
    assert message.endswith(f". {AGAIN}")


def test_what_can_be_read_is_looked_at_although_one_file_cannot(tmp_path: Path) -> None:
    campaigns = [("TypeA", 8, "soon", 75), *RAW["campaigns"][1:]]
    folder = write_raw(tmp_path / "raw", coupons=f"{COUPON_HEADER}\n1,11\n", campaigns=campaigns)
    assert refusal(folder, tmp_path / "staged") == [
        f"coupon.csv, line 2: expected as many values as the header has, found 2 of 3 values. {FIX_LINE}",
        "campaign_desc.csv, column START_DAY, row 2: START_DAY = 'soon': "
        "expected a whole number, at most 2,147,483,647, found 1 row(s) that break the rule 'not_a_number'. "
        "Fix these rows: leaving one out would change which households count as treated.",
    ]
