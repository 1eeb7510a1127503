"""The jobs: what each makes and checks, of which partition, and that those over pages alone run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.registry import TABLES, made_by
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.jobs import CERTIFIED_STEPS, CERTIFY
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.terms import as_set, run_config
from dunnhumby_pipeline.report.files import ARMS, FILES, OUTCOMES
from dunnhumby_pipeline.settings import Home, Settings
from dunnhumby_pipeline_tests.fakes.studies import (
    PRICED,
    Laboratory,
    SmallStudy,
    as_variables,
    command,
    no_pictures,
    quick_settings,
)

RAW = {f"raw_{table.name}" for table in schema.TABLES}
CUSTOMERS = {table.name for table in TABLES.values() if not table.partitioned}
CAMPAIGN = set(TABLES) - CUSTOMERS
PAGES = {"campaign_report", "campaign_brief"}
DECIDED = {table.name for step in PRICED for table in made_by(step)}
MADE = {
    "full_study": {*TABLES, *RAW},
    "customers": CUSTOMERS | RAW,
    "campaign": CAMPAIGN,
    "decision": DECIDED,
    "certify": {table.name for step in CERTIFIED_STEPS for table in made_by(step)} | PAGES,
    "report_only": PAGES,
}


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_defs(home=Home(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("name", MADE)
def test_a_job_makes_its_tables_and_carries_out_their_checks(defs: dg.Definitions, name: str) -> None:
    job = defs.resolve_job_def(name)
    assert {table_of(key) for key in job.asset_layer.executable_asset_keys} == MADE[name]
    found = set(job.asset_layer.asset_graph.asset_check_keys)
    assert found == {check.key for check in CHECKS if check.table in MADE[name]}
    assert job.description and len(job.description) > 40
    of_types = None if name == "customers" else list(schema.CAMPAIGN_TYPES)
    assert (job.partitions_def and job.partitions_def.get_partition_keys()) == of_types


def test_all_jobs_are_there_and_described(defs: dg.Definitions) -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert set(jobs) == {*MADE, "score_only", "housekeeping"}
    assert all(job.description for job in jobs.values())
    assert {name for name, job in jobs.items() if CERTIFY in job.tags} == {"certify"}


def test_what_all_types_share_waits_for_no_campaign_type(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    above = {table_of(parent) for name in CUSTOMERS for parent in graph.get(asset_key(name)).parent_keys}
    assert above <= CUSTOMERS | RAW


def test_report_only_writes_the_pages_and_nothing_else(small: SmallStudy, tmp_path: Path) -> None:
    laboratory = small.copy(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in laboratory.home.warehouse.rglob("*") if path.is_file()}
    done = execute(laboratory, "report_only")
    assert done.success
    assert {table_of(event.asset_key) for event in done.get_asset_materialization_events() if event.asset_key} == PAGES
    changed = {path.name for path, moment in before.items() if path.stat().st_mtime_ns != moment}
    written = {file.file for file in FILES if file.file.endswith((".zip", ".html"))} | {ARMS, OUTCOMES}
    assert changed == written


def execute(
    laboratory: Laboratory,
    name: str,
    config: dict[str, Any] | None = None,
    steps: Iterable[str] = (),
    settings: Settings | None = None,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """A job, or these steps of it, as the UI runs it."""
    defs = laboratory.defs(settings)
    with laboratory.history() as instance, no_pictures():
        job = defs.resolve_job_def(name)
        if steps:
            job = job.get_subset(asset_selection={asset_key(each.name) for step in steps for each in made_by(step)})
        return job.execute_in_process(
            instance=instance, partition_key="TypeA", run_config=config, raise_on_error=raise_on_error
        )


def test_the_launchpad_of_the_decision_shows_the_settings_and_moves_the_list(small: SmallStudy, tmp_path: Path) -> None:
    import pandas as pd

    laboratory = small.copy(tmp_path)
    shown = as_set(quick_settings())
    assert shown == {
        **{"scenario": "printed mail", "contact_cost": None, "one_off_cost": None, "campaigns_to_come": 3},
        **{"test_cost": 0.0, "budget": None, "policy": "effect_above_break_even"},
    }
    job = laboratory.defs().resolve_job_def("decision")
    assert job.partitioned_config is not None
    assert job.partitioned_config.get_run_config_for_partition_key("TypeA") == run_config(shown)
    # As it stands it says nothing in place of the settings.
    before = laboratory.table("economics").read_bytes()
    assert execute(laboratory, "decision", steps=("economics",)).success
    assert laboratory.table("economics").read_bytes() == before
    assert pd.read_parquet(laboratory.table("economics"))["said"].isna().all()
    # Each cost gives a list of its own, which says at which it was made.
    lists = [pd.read_parquet(laboratory.table("targeting_list"))]
    behind_the_list = ("economics", "turn_cost_dial", "value_policies", "targeting_list")
    for cost, steps in ((0.2, behind_the_list), (9.0, (*behind_the_list, "campaign_brief"))):
        assert execute(laboratory, "decision", run_config({**shown, "contact_cost": cost}), steps).success
        lists.append(pd.read_parquet(laboratory.table("targeting_list")))
        groups = pd.read_parquet(laboratory.table("decision_groups"))
        assert (groups["contact_cost"] == cost).all()
        said = pd.read_parquet(laboratory.table("economics"))["said"].iloc[0]
        assert said == f"contact_cost = {cost:g} (in the settings: as the scenario says)"
    assert "$9.00" in laboratory.table("campaign_brief").with_suffix(".html").read_text(encoding="utf-8")
    profits = [listed["expected_profit"] for listed in lists]
    assert not any(one.equals(other) for one, other in itertools.combinations(profits, 2))


def test_certify_draws_as_often_as_a_certificate_needs(small: SmallStudy, tmp_path: Path) -> None:
    import pandas as pd

    laboratory = small.copy(tmp_path)
    settings = quick_settings().refutation
    before = pd.read_parquet(laboratory.table("refutation"))
    assert set(before["n_draws"]) == {settings.n_draws} and set(before["drawn_by"]) == {"study"}
    # All of its tables are those of `CERTIFIED`, says a test above; of what it does more, one step is enough.
    assert execute(laboratory, "certify", steps=("refute_effects",)).success
    after = pd.read_parquet(laboratory.table("refutation"))
    assert set(after["n_draws"]) == {settings.n_certified} and set(after["drawn_by"]) == {"study", "dowhy"}


def test_a_certificate_of_a_stale_study_is_refused_from_the_ui_as_by_the_command(
    small: SmallStudy, tmp_path: Path
) -> None:
    laboratory = small.copy(tmp_path)
    dearer = {"DUNNHUMBY_ECONOMICS__CONTACT_COST": "20"}
    as_asked = as_variables(quick_settings())
    where = ("--home", laboratory.home.root, "--raw", small.raw)
    refused = command("certify", *where, **as_asked, **dearer)
    assert refused.exit_code == 2
    [words] = re.findall(r"the study of TypeA is stale .*first", " ".join(refused.output.split()))
    assert re.fullmatch(r"the study of TypeA is stale \(\d+ tables, such as \w+\); run `dunnhumby run` first", words), (
        words
    )
    settings = quick_settings().model_copy(
        update={"economics": quick_settings().economics.model_copy(update={"contact_cost": 20.0})}
    )
    before = {path: path.read_bytes() for path in laboratory.home.warehouse.rglob("*.parquet")}
    done = execute(laboratory, "certify", settings=settings, raise_on_error=False)
    assert not done.success
    failed = {event.step_key: event.step_failure_data.error for event in done.get_step_failure_events()}
    assert {name: words in (error.message if error else "") for name, error in failed.items()} == dict.fromkeys(
        CERTIFIED_STEPS, True
    )
    assert not done.get_asset_materialization_events()
    assert {path: path.read_bytes() for path in laboratory.home.warehouse.rglob("*.parquet")} == before
