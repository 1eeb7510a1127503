"""Checks as steps of a real small job: their order, what stops and what does not, and each by itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import registry as contracts
from dunnhumby_pipeline.contracts.table import Table, integer
from dunnhumby_pipeline.orchestration.checks import registry
from dunnhumby_pipeline.orchestration.checks.check import BLOCK, WARN, Check
from dunnhumby_pipeline.orchestration.checks.gates import Gates, check_states
from dunnhumby_pipeline.orchestration.checks.registry import keeps_contract
from dunnhumby_pipeline.orchestration.checks.steps import check_steps
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import ParquetStore
from dunnhumby_pipeline.settings import CheckSettings, Home, Settings

COLUMNS = (integer("household_key", "household"),)
FIRST, SECOND = (
    Table(name, "small", "make_both", name, key=("household_key",), columns=COLUMNS) for name in ("first", "second")
)
OTHER = Table("other", "small", "make_other", "other", key=("household_key",), columns=COLUMNS)
LATER = Table("later", "small", "make_later", "later", key=("household_key",), columns=COLUMNS, partitioned=True)


def has_three(table: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """There are three rows."""
    return Verdict(len(table) == 3, f"{len(table)} rows", {"n_rows": len(table)})


def as_many(table: pd.DataFrame, other: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """There are as many rows as in the other table."""
    return Verdict(len(table) == len(other), f"{len(table)} and {len(other)} rows")


def crashes(table: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """A judgement with a fault."""
    raise RuntimeError("a fault")


def check(table: str, judge: Callable[..., Verdict], severity: dg.AssetCheckSeverity, *reads: str) -> Check:
    return Check(table, judge, severity, red="", advice="", reads=reads)


CHECKS = (
    *(keeps_contract(table) for table in (FIRST, SECOND, LATER, OTHER)),
    check("first", has_three, WARN),
    check("later", as_many, WARN, "first"),
)


class Small:
    """Two tables made together; one, partitioned, that is made from the first of them; and one beside them."""

    def __init__(self, folder: Path) -> None:
        self.study = Study(Settings(), Home(folder))
        self.first = [1, 2, 3]

    def run(
        self,
        *checks: Check,
        only: dg.AssetSelection | None = None,
        campaign_type: str | None = "TypeA",
        history: dg.DagsterInstance | None = None,
    ) -> dg.ExecuteInProcessResult:
        @dg.multi_asset(name="make_both", outs={name: dg.AssetOut(key=asset_key(name)) for name in ("first", "second")})
        def make_both() -> Iterator[dg.Output[pd.DataFrame]]:
            yield dg.Output(pd.DataFrame({"household_key": self.first}), "first")
            yield dg.Output(pd.DataFrame({"household_key": [1]}), "second")

        @dg.asset(key=asset_key("later"), ins={"first": dg.AssetIn(asset_key("first"))}, partitions_def=campaign_types)
        def make_later(first: pd.DataFrame) -> pd.DataFrame:
            return first

        @dg.asset(key=asset_key("other"))
        def make_other() -> pd.DataFrame:
            return pd.DataFrame({"household_key": [1, 2]})

        assets = [make_both, make_later, make_other]
        defs = dg.Definitions(
            assets=assets,
            asset_checks=check_steps(tuple(checks or CHECKS)),
            jobs=[dg.define_asset_job("small", only or dg.AssetSelection.all())],
            resources={
                "study": self.study,
                "gates": Gates(()),
                "io_manager": ParquetStore(self.study.warehouse),
            },
            executor=dg.in_process_executor,
        )
        job = defs.resolve_job_def("small")
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        # As the UI starts a run: a job of checks alone has no partitions to validate a key against.
        tags = {"dagster/partition": campaign_type} if campaign_type else {}
        return job.execute_in_process(run_config=quiet, tags=tags, raise_on_error=False, instance=history)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    for table in (FIRST, SECOND, LATER, OTHER):
        monkeypatch.setitem(contracts.TABLES, table.name, table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Small(tmp_path)


def started(result: dg.ExecuteInProcessResult) -> list[str]:
    return [(event.step_key or "").split("__")[-1] for event in result.all_events if event.is_step_start]


def of_tables(result: dg.ExecuteInProcessResult) -> list[str]:
    """The steps that were started, but those of the table beside."""
    return [step for step in started(result) if "other" not in step]


def found(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    evaluations = result.get_asset_check_evaluations()
    judged = {f"{each.asset_key.path[-1]}.{each.check_name}": each.passed for each in evaluations}
    return {name: passed for name, passed in judged.items() if not name.startswith("other.")}


def test_what_reads_a_table_comes_after_all_of_its_checks(small: Small) -> None:
    result = small.run()
    assert result.success
    assert of_tables(result) == ["make_both", "check_make_both", "later", "check_make_later"]
    assert found(result) == {
        "first.schema_and_keys": True,
        "second.schema_and_keys": True,
        "first.has_three": True,
        "later.schema_and_keys": True,
        "later.as_many": True,
    }


def test_a_failed_warning_stops_nothing(small: Small) -> None:
    small.first = [1, 2]
    result = small.run()
    assert result.success
    assert of_tables(result) == ["make_both", "check_make_both", "later", "check_make_later"]
    [warned] = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (warned.check_name, warned.severity, warned.blocking, warned.description) == (
        "has_three",
        WARN,
        False,
        "2 rows",
    )
    assert warned.metadata["n_rows"].value == 2


def test_a_failed_gate_stops_what_lies_downstream(small: Small) -> None:
    small.first = [1, 1, 2]
    result = small.run()
    assert not result.success
    assert of_tables(result) == ["make_both", "check_make_both"]
    # The warnings of the same step are heard all the same.
    assert found(result) == {
        "first.schema_and_keys": False,
        "second.schema_and_keys": True,
        "first.has_three": True,
    }


def test_only_what_blocks_is_labelled_as_blocking() -> None:
    specs = [spec for step in check_steps() for spec in step.check_specs]
    blocking = {spec.key for spec in specs if spec.blocking}
    assert blocking == {each.key for each in registry.CHECKS if each.severity is BLOCK}
    assert len(specs) == len(registry.CHECKS)


def test_a_judgement_that_crashes_hides_none_of_those_before_it(small: Small) -> None:
    result = small.run(*CHECKS, check("second", crashes, WARN), check("second", has_three, WARN))
    assert not result.success
    assert of_tables(result) == ["make_both", "check_make_both"]
    assert found(result) == {
        "first.schema_and_keys": True,
        "second.schema_and_keys": True,
        "first.has_three": True,
    }


@pytest.mark.parametrize(
    ("table", "name", "step"), [("first", "has_three", "check_make_both"), ("later", "as_many", "check_make_later")]
)
def test_a_check_can_be_carried_out_alone(small: Small, table: str, name: str, step: str) -> None:
    small.run()
    result = small.run(only=dg.AssetSelection.checks(dg.AssetCheckKey(asset_key(table), name)))
    assert result.success
    assert started(result) == [step]
    assert found(result) == {f"{table}.{name}": True}


def of_later(name: str) -> dg.AssetSelection:
    return dg.AssetSelection.checks(dg.AssetCheckKey(asset_key("later"), name))


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str | None, dg.AssetCheckEvaluation]:
    return {each.partition: each for each in result.get_asset_check_evaluations()}


def test_execute_all_judges_every_campaign_type_that_exists(small: Small) -> None:
    with dg.DagsterInstance.ephemeral() as history:
        small.first = [1, 2]
        of_c = small.run(campaign_type="TypeC", history=history)
        small.first = [1, 2, 3]
        small.run(history=history)
        result = small.run(only=of_later("as_many"), campaign_type=None, history=history)
        assert result.success
        states = {
            campaign_type: check_states(history, [CHECKS[-1].key], campaign_type).iloc[0]
            for campaign_type in ("TypeA", "TypeB", "TypeC")
        }
    found = evaluations(result)
    assert {campaign_type: each.passed for campaign_type, each in found.items()} == {
        "TypeA": True,
        "TypeC": False,
        None: False,
    }
    assert found[None].description == "TypeA: 3 and 3 rows; TypeC: 2 and 3 rows"
    # Each type has its own state, of its own table, and one that does not exist has none to be alarmed by.
    assert [states[campaign_type]["status"] for campaign_type in states] == ["pass", "not run", "warn"]
    assert states["TypeC"]["message"] == "2 and 3 rows"
    target = found["TypeC"].target_materialization_data
    assert target is not None and target.run_id == of_c.run_id


def test_execute_all_stops_at_a_gate_that_fails_for_one_type(small: Small) -> None:
    small.run()
    small.run(campaign_type="TypeB")
    later = small.study.table("later", "TypeB")
    pd.DataFrame({"household_key": [1, 1]}).to_parquet(later)
    result = small.run(only=of_later("schema_and_keys"), campaign_type=None)
    assert not result.success
    assert {campaign_type: each.passed for campaign_type, each in evaluations(result).items()} == {
        "TypeA": True,
        "TypeB": False,
        None: False,
    }


def test_execute_all_before_any_study_fails_nothing(small: Small) -> None:
    result = small.run(only=of_later("schema_and_keys"), campaign_type=None)
    assert result.success
    [told] = result.get_asset_check_evaluations()
    assert (told.passed, told.blocking, told.partition) == (False, False, None)
    assert told.description == "no campaign type has later yet; run the study first"


def test_numbers_of_one_campaign_type_are_not_those_of_another(small: Small) -> None:
    judged = [check(table, has_three, WARN) for table in ("first", "later")]
    with dg.DagsterInstance.ephemeral() as history:
        for campaign_type in ("TypeA", "TypeC"):
            result = small.run(*CHECKS[:4], *judged, campaign_type=campaign_type, history=history)
            counted = [each for each in result.get_asset_check_evaluations() if each.check_name == "has_three"]
            assert [list(each.metadata) for each in counted] == [["n_rows"], [f"{campaign_type}: n_rows"]]
            shown = history.get_latest_materialization_event(asset_key("later"))
            assert shown is not None and shown.asset_materialization is not None
            numbers = {
                name
                for name, value in shown.asset_materialization.metadata.items()
                if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue)
            }
            assert numbers == {f"{campaign_type}: row_count"}


def test_a_check_waits_for_every_table_that_it_reads(small: Small) -> None:
    # No asset reads the table beside: the check alone makes it come first.
    result = small.run(*CHECKS, check("first", as_many, WARN, "other"))
    assert result.success
    order = started(result)
    assert order.index("other") < order.index("check_make_both") < order.index("later")
    assert found(result)["first.as_many"] is False


def test_a_table_is_read_once_for_all_of_its_checks(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def count(path: Path) -> pd.DataFrame:
        read.append(path.stem)
        return pd.read_parquet(path)

    monkeypatch.setattr("dunnhumby_pipeline.orchestration.checks.check.read_table", count)
    again = replace(check("first", has_three, WARN), named="has_three_again")
    assert small.run(*CHECKS, again).success
    assert sorted(read) == ["first", "first", "later"]
