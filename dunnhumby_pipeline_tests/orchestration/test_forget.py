"""`dunnhumby forget`: a household is in no file of the home afterwards, and comes back in no later load."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import sqlite3
import stat
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.experiments.assignment import hash_of
from dunnhumby_pipeline.experiments.registration import ExperimentError, kept
from dunnhumby_pipeline.journey.cleaning import clean
from dunnhumby_pipeline.journey.forgotten import Forgotten, as_text, read_forgotten
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.orchestration.erasing.files import erase_from
from dunnhumby_pipeline.orchestration.erasing.history import erase_from_history
from dunnhumby_pipeline.orchestration.erasing.words import Key
from dunnhumby_pipeline.settings import SettingsError
from dunnhumby_pipeline.targeting.list_ledger import Approval, file_hash, is_as_approved
from dunnhumby_pipeline.targeting.opt_outs import ContactError, read_opt_outs, require_known, without_forgotten
from dunnhumby_pipeline_tests.fakes.journeys import ANY_REJECTS, ONE_THREAD, write_raw
from dunnhumby_pipeline_tests.fakes.studies import (
    FIRST_KEY,
    Laboratory,
    SmallStudy,
    as_variables,
    command,
    no_pictures,
    quick_settings,
)


def _all_text(home: Path) -> dict[Path, str]:
    """Every file of a home as text, packed ones and tables unpacked."""
    found = {}
    for path in home.rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        text = raw.decode("latin-1")
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            text += "\n".join(_values(frame[name]).str.cat(sep="\n") for name in frame.columns)
        elif path.suffix == ".gz":
            text += gzip.decompress(raw).decode("latin-1")
        elif path.suffix == ".zip":
            text += _packed_text(path)
        elif path.suffix == ".npz":
            with np.load(path) as arrays:
                text += " ".join(str(v) for name in arrays.files for v in arrays[name].ravel()[:200_000].tolist())
        found[path] = text
    return found


def _values(column: pd.Series) -> pd.Series:
    """Its values as text, each number once."""
    return (column.drop_duplicates() if pd.api.types.is_numeric_dtype(column) else column).astype(str)


def _packed_text(path: Path) -> str:
    text = ""
    with zipfile.ZipFile(path) as bundle:
        for name in bundle.namelist():
            raw = bundle.read(name)
            text += pd.read_parquet(io.BytesIO(raw)).to_csv() if name.endswith(".parquet") else raw.decode("utf-8")
    return text


def _naming(home: Path, household: int) -> set[str]:
    return {str(path.relative_to(home)) for path, text in _all_text(home).items() if str(household) in text}


# ------------------------------------------------------------------------------------------------- a whole home


@pytest.fixture
def laboratory(small: SmallStudy, tmp_path: Path) -> Laboratory:
    """A copy of the finished study with its raw files in the home."""
    home = small.copy(tmp_path).home
    (home.root / "raw").mkdir()
    for path in small.raw.glob("*.csv*"):
        shutil.copy(path, home.root / "raw")
    return Laboratory(home, None)


def test_a_forgotten_household_is_in_no_file_and_in_no_later_load(laboratory: Laboratory, small: SmallStudy) -> None:
    home, root = laboratory.home, laboratory.home.root
    influential = pd.read_parquet(laboratory.table("influence"))["household_key"].dropna()
    household = int(influential.iloc[0])
    variables = as_variables(quick_settings())
    assigned = command("experiment", "assign", "--home", root, **variables)
    assert assigned.exit_code in (0, 2), assigned.output
    (root / "alerts.log").write_text(f"2026-11-28  without household {household} the ATO is 20.1\n", encoding="utf-8")
    named = _naming(root, household)
    # What must be reached is there to be reached: raw files, tables, the list as CSV, its versions, previews, messages.
    assert {"raw/transaction_data.csv", "alerts.log"} <= {name.removesuffix(".gz") for name in named}
    assert {"warehouse/transactions.parquet", "warehouse/TypeA/influence.parquet"} <= named
    assert {"warehouse/TypeA/household_tables.zip", "warehouse/TypeA/targeting_list.csv"} <= named
    assert any(name.startswith("lists/") for name in named)
    assert any(name.startswith("dagster_home/history") for name in named)

    before = pd.read_parquet(laboratory.table("targeting_list"))
    with no_pictures():
        done = command("forget", household, "--home", root, **variables)
    assert done.exit_code == 0, done.output
    assert _naming(root, household) == set()
    # Names of segments last, and the model that scores a new month.
    assert (home.warehouse / "segment_model.npz").is_file() and laboratory.table("cate_model").with_suffix(
        ".npz"
    ).is_file()
    assert not laboratory.table("design_matrix").with_suffix(".npz").exists()
    assert "Next: `dunnhumby run`" in done.output and "backups" in done.output
    after = pd.read_parquet(laboratory.table("targeting_list"))
    rest = before[before["household_key"] != household].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, rest)

    # Once more is no error, and changes nothing: the household is known to be forgotten.
    with no_pictures():
        again = command("forget", household, "--home", root, **variables)
    assert again.exit_code == 0 and "erased from 0 places" in again.output, again.output

    # Somebody puts the file back: the household stays out, is counted, and is named nowhere.
    for name in ("transaction_data.csv", "hh_demographic.csv", "campaign_table.csv", "coupon_redempt.csv"):
        (root / "raw" / name).write_bytes((small.raw / name).read_bytes())
    outcome, _ = laboratory.run("key:load_journey or key:transactions")
    assert outcome.success, outcome.errors
    for table in ("transactions", "demographics", "campaign_targets", "coupon_redemptions"):
        assert household not in set(pd.read_parquet(home.warehouse / f"{table}.parquet")["household_key"])
    rejects = pd.read_parquet(home.warehouse / "rejects.parquet")
    forgotten = rejects[rejects["rule"] == "forgotten"].set_index("table")["n"]
    assert forgotten["transactions"] == (
        pd.read_parquet(small.folder / "home" / "warehouse" / "transactions.parquet")["household_key"] == household
    ).sum() + _rejected(small, household)
    assert {name for name in _naming(root, household) if not name.startswith("raw/")} == set()


def _rejected(small: SmallStudy, household: int) -> int:
    rows = pd.read_parquet(small.folder / "home" / "warehouse" / "rejected_rows.parquet")
    own = rows[rows["table"] == "transactions"]["raw_row"].map(lambda row: int(json.loads(row)["household_key"]))
    return int((own == household).sum())


def test_a_household_that_nobody_knows_is_refused_and_noted_nowhere(laboratory: Laboratory) -> None:
    root = laboratory.home.root
    done = command("forget", FIRST_KEY - 1, "--home", root)
    assert done.exit_code == 2 and f"household {FIRST_KEY - 1} is in no table" in done.output
    assert not (root / "forgotten.json").exists()
    assert command("forget", "-5", "--home", root).exit_code == 2
    assert command("forget", "C-77", "--home", root).exit_code == 2


# ------------------------------------------------------------------------------------------------- loading


def test_rows_of_a_forgotten_household_are_left_out_counted_and_never_shown(tmp_path: Path) -> None:
    from dataclasses import replace

    source = raw_folder(write_raw(tmp_path / "raw"))
    forgotten = Forgotten("5a17").with_household(6)
    with connect(ONE_THREAD) as connection:
        found = clean(replace(source, forgotten=forgotten), tmp_path / "staged", connection, ANY_REJECTS)
        whole = clean(source, tmp_path / "whole", connection, ANY_REJECTS)
    rejects = found.inspection.rejects
    said = rejects[rejects["rule"] == "forgotten"].set_index("table")[["n", "action", "example_rows"]]
    assert said.loc["transactions"].tolist() == [4, "forgotten", "not shown"]
    assert said.loc["campaign_targets", "n"] == 2
    kept_rows = found.inspection.rejected_rows
    # The return of household 6 is no reject any more; the other keeps the number of its line.
    assert kept_rows.loc[kept_rows["table"] == "transactions", "row"].tolist() == [22]
    lines = [pd.read_parquet(each.tables["transactions"]) for each in (whole, found)]
    pd.testing.assert_frame_equal(lines[0][lines[0]["household_key"] != 6].reset_index(drop=True), lines[1])


def test_a_damaged_note_of_who_is_forgotten_is_refused(tmp_path: Path) -> None:
    noted = Forgotten("ab").with_household(12)
    (tmp_path / "forgotten.json").write_text(as_text(noted), encoding="utf-8")
    assert read_forgotten(tmp_path).holds(12) and not read_forgotten(tmp_path).holds(1)
    assert "12" not in json.loads(as_text(noted))["households"]
    for text in (
        "",
        "{}",
        as_text(noted).replace('"salt"', '"salted"'),
        '{"salt": "a", "households": ["12"], "files": {}}',
    ):
        (tmp_path / "forgotten.json").write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match=r"forgotten.json is damaged; .* would bring them back"):
            read_forgotten(tmp_path)


# ------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("without household 23 the ATO is 23.5", "without household (erased) the ATO is 23.5"),
        ("households 7, 23 and 230 are copies", "households 7, (erased) and 230 are copies"),
        ("2 are in the outcomes (such as 23, 23)", "2 are in the outcomes (such as (erased), 23)"),
        ("23 households of 23,000; p = .23", "23 households of 23,000; p = .23"),
        ("row 23: household_key = '23', DAY = '23'", "row 23: household_key = '(erased)', DAY = '23'"),
        ("row 5: household_key 23 BASKET_ID 23 again", "row 5: household_key (erased) BASKET_ID 23 again"),
        ("card no 23", "card no (erased)"),
    ],
)
def test_a_key_is_struck_where_it_is_a_household_and_nowhere_else(text: str, struck: str) -> None:
    assert Key(23, ("household_key", "card no")).struck(text).replace("(erased), (erased)", "(erased), 23") == struck


def test_csv_files_keep_every_other_byte(tmp_path: Path) -> None:
    text = '\ufeffCard No,note\r\n23,"a, ""b""\r\nc"\r\n230,x\r\n 23.0 ,y\r\n5,"=1"\r\n'
    plain, packed, other = tmp_path / "a.csv", tmp_path / "b.csv.gz", tmp_path / "c.csv"
    plain.write_bytes(text.encode())
    packed.write_bytes(gzip.compress(text.encode()))
    other.write_text("product,n\n23,1\n")
    plain.chmod(0o440)
    key = Key(23, ("household_key", "card_no"))
    left = '\ufeffCard No,note\r\n230,x\r\n5,"=1"\r\n'.encode()
    for path in (plain, packed):
        found = erase_from(path, key, made_again=False)
        assert found is not None and found.n == 2
    assert plain.read_bytes() == left and gzip.decompress(packed.read_bytes()) == left
    assert stat.S_IMODE(plain.stat().st_mode) == 0o440
    assert erase_from(other, key, made_again=False) is None and other.read_text() == "product,n\n23,1\n"
    assert erase_from(plain, key, made_again=False) is None


def test_raw_parquet_files_lose_their_rows_by_the_header_that_they_have(tmp_path: Path) -> None:
    path = tmp_path / "till_lines.parquet"
    rows = pd.DataFrame({"Card No": ["22", "23", "230"], "note": ["card no 23", "x", "23 pieces"]})
    rows.to_parquet(path, index=False)
    found = erase_from(path, Key(23, ("household_key", "card_no")), made_again=False)
    assert found is not None and found.n == 1
    assert pd.read_parquet(path).to_dict("list") == {"Card No": ["22", "230"], "note": ["card no 23", "23 pieces"]}


def test_arrays_of_households_are_removed_and_models_stay(tmp_path: Path) -> None:
    matrix, model, later = tmp_path / "design_matrix.npz", tmp_path / "cate_model.npz", tmp_path / "other.npz"
    np.savez(matrix, x=np.ones((2, 2)), household_key=np.array([22, 23]))
    np.savez(model, coefficients=np.array([23.0, 1.0]))
    np.savez(later, household_key=np.array([22, 24]))
    for path in (matrix, model, later):
        erase_from(path, Key(23), made_again=True)
    assert [path.exists() for path in (matrix, model, later)] == [False, True, True]
    report, page = tmp_path / "report.html", tmp_path / "plan.html"
    for path in (report, page):
        path.write_text("<td>23</td> without household 23")
    erase_from(report, Key(23), made_again=True)
    erase_from(page, Key(23), made_again=False)
    assert not report.exists() and page.read_text() == "<td>23</td> without household (erased)"


def test_copies_of_the_household_stay_as_their_own(tmp_path: Path) -> None:
    path = tmp_path / "nuisances.parquet"
    pd.DataFrame({"household_key": [22, 23, 24], "cluster": [22, 23, 23], "e": [0.1, 0.2, 0.3]}).to_parquet(path)
    found = erase_from(path, Key(23), made_again=True)
    assert found is not None
    assert pd.read_parquet(path).to_dict("list") == {"household_key": [22, 24], "cluster": [22, 24], "e": [0.1, 0.3]}


def test_the_history_keeps_nothing_in_pages_that_are_free(tmp_path: Path) -> None:
    file, household = tmp_path / "index.db", 73_519_023
    record = {"__class__": "TableRecord", "data": {"household_key": str(household), "x": "1"}}
    other = {"__class__": "TableRecord", "data": {"household_key": "5", "x": str(household)[:3]}}
    event = {
        "records": [record, other],
        "description": f"without household {household} it is 2",
        "inner": json.dumps([record]),
    }
    with closing(sqlite3.connect(file)) as history:
        history.execute("PRAGMA journal_mode = WAL")
        history.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, event TEXT)")
        history.executemany("INSERT INTO event_logs (event) VALUES (?)", [(json.dumps(event),)] * 400)
        history.commit()
    found = erase_from_history(file, Key(household))
    assert found is not None and found.n == 400
    assert not any(str(household).encode() in each.read_bytes() for each in tmp_path.iterdir())
    with closing(sqlite3.connect(file)) as history:
        told = json.loads(history.execute("SELECT event FROM event_logs").fetchone()[0])
    assert told == {"records": [other], "description": "without household (erased) it is 2", "inner": "[]"}
    assert erase_from_history(file, Key(household)) is None


def test_an_opt_out_of_a_forgotten_household_is_no_key_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "opt_outs.csv").write_text("household_key\n23\n")
    opted = read_opt_outs(tmp_path / "opt_outs.csv")
    with pytest.raises(ContactError, match="are these other keys"):
        require_known(opted, frozenset({21, 22}), tmp_path / "opt_outs.csv")
    left = without_forgotten(opted, Forgotten("5a").with_household(23))
    assert require_known(left, frozenset({21, 22}), tmp_path / "opt_outs.csv") == 0 and left.n_rows == 1


# ------------------------------------------------------------------------------------------------- seals


def test_an_approved_list_without_the_household_still_counts_as_approved(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    (folder / "approved").mkdir(parents=True)
    file = folder / "approved" / "TypeA-v1.csv"
    file.write_text("household_key,decision\n22,target\n23,leave\n")
    file.chmod(0o444)
    approval = Approval("TypeA", 1, file_hash(file), "A", "now", "approved/TypeA-v1", 2, 1, 1, 0)
    before = file_hash(file)
    assert erase_from(file, Key(23), made_again=False) is not None
    assert not is_as_approved(folder, approval)
    noted = Forgotten("5a").with_household(23).with_file(before, file_hash(file))
    (tmp_path / "forgotten.json").write_text(as_text(noted))
    assert is_as_approved(folder, approval)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    file.chmod(0o644)
    file.write_text("household_key,decision\n22,leave\n")
    assert not is_as_approved(folder, approval)


def test_every_column_of_household_keys_is_known_to_be_one() -> None:
    from dunnhumby_pipeline.orchestration.erasing.words import KEYS

    columns = [column for table in TABLES.values() for column in table.columns if column.type == "BIGINT"]
    named = {column.name for column in columns if re.match(r"(the )?household\b", column.meaning)}
    assert named == set(KEYS)


def test_an_assignment_without_the_household_is_still_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dunnhumby_pipeline.experiments import registration

    folder = tmp_path / "experiments"
    folder.mkdir()
    rows = pd.DataFrame(
        {"household_key": [21, 22, 23], "arm": "contact", "stratum": "a", "seed": 1, "campaign_type": "TypeA"}
    )
    rows["assignment_hash"] = sealed = hash_of(rows)
    rows.to_parquet(folder / f"{sealed}.parquet", index=False)
    (folder / f"{sealed}.json").write_text("{}")
    (folder / f"{sealed}.html").write_text("page")
    plan = type("Plan", (), {"page_hash": registration._hash("page")})
    monkeypatch.setattr(registration, "_plan", lambda file: plan)
    assert len(kept(sealed, folder)[1]) == 3
    assert erase_from(folder / f"{sealed}.parquet", Key(23), made_again=False) is not None
    with pytest.raises(ExperimentError, match="was altered"):
        kept(sealed, folder)
    noted = Forgotten("5a").with_file(sealed, hash_of(pd.read_parquet(folder / f"{sealed}.parquet")))
    (tmp_path / "forgotten.json").write_text(as_text(noted))
    assert kept(sealed, folder)[1]["household_key"].tolist() == [21, 22]
