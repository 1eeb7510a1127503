"""What lies beside report and brief: it is there, it opens, and it says what the tables say."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.experiments.read_back import experiment_result, hash_in, matched, read_outcomes
from dunnhumby_pipeline.experiments.registration import kept
from dunnhumby_pipeline.orchestration.deliverables import write_experiment_files, write_table_files
from dunnhumby_pipeline.orchestration.experiments import assign_experiment
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.reporting import write_brief, write_report
from dunnhumby_pipeline.report import files
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, no_pictures, quick_settings

TYPE = CAMPAIGN_TYPES[0]
_LINK = re.compile(r'href="(?!#)([^"]+)"')


@pytest.fixture(scope="module")
def laboratory(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return small.copy(tmp_path_factory.mktemp("deliverables"))


@pytest.fixture(scope="module")
def folder(laboratory: Laboratory) -> Path:
    return laboratory.home.warehouse / TYPE


def _study(laboratory: Laboratory, **replaced: object) -> Study:
    return Study(quick_settings().model_copy(update=replaced), laboratory.home, laboratory.raw)


def test_every_link_of_both_pages_leads_to_a_file_that_is_there(laboratory: Laboratory, folder: Path) -> None:
    study = _study(laboratory)
    with laboratory.history() as instance, no_pictures():
        write_report(study, instance, TYPE)
        write_brief(study, instance, TYPE)
    linked = {}
    for page in (files.REPORT, files.BRIEF):
        linked[page] = [unescape(link) for link in _LINK.findall((folder / page).read_text(encoding="utf-8"))]
        for link in linked[page]:
            assert "/" not in link and (folder / link).is_file() and (folder / link).stat().st_size, (page, link)
    tested = [files.ARMS, files.PROTOCOL, files.OUTCOMES] if (folder / files.ARMS).is_file() else []
    assert {*linked[files.REPORT]} >= {files.BRIEF, files.LIST, files.GROUPS, files.TABLES, *tested}
    assert {*linked[files.BRIEF]} >= {files.REPORT, files.LIST, *tested[:2]}


@pytest.mark.parametrize(
    ("file", "table"),
    [
        (files.LIST, "targeting_list"),
        (files.GROUPS, "decision_summary"),
        (files.ARMS, "experiment_assignment"),
    ],
)
def test_csv_files_say_what_their_tables_say(laboratory: Laboratory, folder: Path, file: str, table: str) -> None:
    stored = pd.read_parquet(laboratory.table(table))
    if stored.empty and file == files.ARMS:
        assert not (folder / file).exists()
        return
    found = pd.read_csv(folder / file)
    assert list(found.columns) == list(stored.columns) and len(found) == len(stored)
    for name in stored.select_dtypes("number"):
        expected = stored[name].to_numpy("float64", na_value=np.nan)
        np.testing.assert_allclose(found[name].to_numpy("float64"), expected, rtol=1e-12, err_msg=name)


def test_packed_tables_are_those_on_disk_and_persons_lie_apart(laboratory: Laboratory, folder: Path) -> None:
    write_table_files(_study(laboratory), TYPE)
    seen = set()
    for file, personal in ((files.TABLES, False), (files.HOUSEHOLD_TABLES, True)):
        with zipfile.ZipFile(folder / file) as bundle:
            assert bundle.testzip() is None
            for name in bundle.namelist():
                if not name.startswith("tables/"):
                    continue
                table = registry.table(Path(name).stem)
                stored = pd.read_parquet(
                    laboratory.home.warehouse / (TYPE if table.partitioned else "") / table.file_name
                )
                inside = io.BytesIO(bundle.read(name))
                found = pd.read_parquet(inside) if name.endswith(".parquet") else pd.read_csv(inside)
                assert len(found) == len(stored) and list(found.columns) == list(stored.columns), name
                assert ("household_key" in found.columns) <= personal and table.personal is personal
                seen.add(table.name)
            manifest = pd.read_csv(io.BytesIO(bundle.read("manifest.csv")))
            listed = {one.name for one in registry.TABLES.values() if one.is_table and one.personal is personal}
            assert set(manifest["table"]) == listed, "nothing is left out without a word"
    assert {"targeting_list", "segment_profiles", "transactions", "policy_value"} <= seen


def test_packing_again_gives_the_same_bytes(laboratory: Laboratory, folder: Path) -> None:
    study, names = _study(laboratory), [one.file for one in files.FILES if one.file not in (files.BRIEF, files.REPORT)]
    write_table_files(study, TYPE)
    write_experiment_files(study, TYPE)
    first = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    write_table_files(study, TYPE)
    write_experiment_files(study, TYPE)
    assert {name: (folder / name).read_bytes() for name in first} == first


@pytest.mark.parametrize(("mode", "expected"), [(None, 0o600), ("0640", 0o640), ("0660", 0o660)])
def test_data_of_persons_are_for_whom_the_setting_says(
    laboratory: Laboratory, folder: Path, mode: str | None, expected: int
) -> None:
    write_table_files(_study(laboratory, file_mode=mode), TYPE)
    assert stat.S_IMODE((folder / files.HOUSEHOLD_TABLES).stat().st_mode) == expected


def test_tables_of_households_are_packed_only_where_that_is_wanted(laboratory: Laboratory, folder: Path) -> None:
    study = _study(laboratory)
    write_table_files(study, TYPE)
    assert (folder / files.HOUSEHOLD_TABLES).is_file()
    off = study.settings.deliverables.model_copy(update={"household_tables": False})
    write_table_files(_study(laboratory, deliverables=off), TYPE)
    assert not (folder / files.HOUSEHOLD_TABLES).exists() and (folder / files.TABLES).is_file()


def _to_be_tested(laboratory: Laboratory, n: int) -> None:
    """An assignment of the first `n` households of the list, as the study would draw it."""
    from dunnhumby_pipeline.experiments.assignment import experiment_assignment

    listed = pd.read_parquet(laboratory.table("targeting_list"))
    listed["decision"] = ["test"] * n + ["leave"] * (len(listed) - n)
    baseline = listed[["household_key"]].assign(baseline_spend=10.0, baseline_visits=2.0)
    drawn = experiment_assignment(listed, baseline, quick_settings().experiment, TYPE, 1, None)
    drawn.to_parquet(laboratory.table("experiment_assignment"), index=False)


def test_the_form_of_outcomes_is_what_the_reading_asks_for(laboratory: Laboratory, folder: Path) -> None:
    _to_be_tested(laboratory, 120)
    study = _study(laboratory)
    if pd.read_parquet(laboratory.table("experiment_design")).empty:
        pytest.skip("the small study designs no test")
    write_experiment_files(study, TYPE)
    page = (folder / files.PROTOCOL).read_text(encoding="utf-8")
    assert "A draft" in page and "dunnhumby experiment assign" in page and "dunnhumby experiment read" in page
    plan, assignment, _ = assign_experiment(study, TYPE, None)
    form = pd.read_csv(folder / files.OUTCOMES)
    assert len(form) == len(assignment) and form["days_observed"].isna().all()
    wanted = [name for name in ("gross_profit", "sales", "match") if name in form.columns]
    assert wanted and f"{' and '.join(wanted)}" in page
    profit = np.random.default_rng(1).normal(10, 3, len(form)) + 4 * (form["arm"] == "contact")
    filled = form.assign(days_observed=plan.duration_days, contacted="yes", **dict.fromkeys(wanted, profit))
    filled.to_csv(folder / "filled.csv", index=False)
    outcomes = read_outcomes(folder / "filled.csv")
    sealed, known = kept(hash_in(outcomes), study.home.experiments)
    found = experiment_result(matched(outcomes, known, sealed), sealed)
    assert found["n_contacted"] + found["n_held_out"] == len(form) and abs(found["effect"]) < 8
    (folder / "filled.csv").unlink()


def test_without_a_test_no_files_of_an_earlier_one_are_left(laboratory: Laboratory, folder: Path) -> None:
    assignment = laboratory.table("experiment_assignment")
    pd.read_parquet(assignment).iloc[:0].to_parquet(assignment, index=False)
    for name in (files.ARMS, files.PROTOCOL, files.OUTCOMES):
        (folder / name).write_text("of an earlier list", encoding="utf-8")
    write_experiment_files(_study(laboratory), TYPE)
    assert not any((folder / name).exists() for name in (files.ARMS, files.PROTOCOL, files.OUTCOMES))
