"""The graph as it is declared: what exists, what it may import, what loading it costs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.chapters import place_of
from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.checks.check import BLOCK, WARN
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.settings import Home

ROOT = Path(__file__).parents[2]
HEAVY = ("econml", "dowhy", "xgboost", "sklearn", "matplotlib", "scipy.stats")
# A folder per campaign type: the groups of what is asked of a campaign.
PARTITIONED = {
    *("design", "overlap", "effects", "doubts", "repeats", "cate", "scoring", "scrutiny"),
    *("targeting", "policies", "experiments", "lists", "report"),
}
RAW = {f"raw_{table.name}" for table in schema.TABLES}


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_defs(home=Home(tmp_path_factory.mktemp("home")))


def test_definitions_are_loadable(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_of_the_contract_exists_in_its_group(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    found: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        [group, name] = key.path
        assert graph.get(key).group_name == place_of(group), key
        found.setdefault(group, set()).add(name)
    wanted: dict[str, set[str]] = {"raw": RAW}
    for table in TABLES.values():
        wanted.setdefault(table.group, set()).add(table.name)
    assert found == wanted


def test_causal_targeting_and_report_have_a_partition_a_campaign_type(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.is_partitioned == (key.path[0] in PARTITIONED), key
        if node.is_partitioned:
            assert node.partitions_def.get_partition_keys() == list(schema.CAMPAIGN_TYPES)


def test_every_asset_is_described(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if not graph.get(key).description] == []


def test_the_study_job_holds_every_asset_and_check(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def(STUDY_JOB)
    assert {key.path[-1] for key in job.asset_layer.executable_asset_keys} == {*RAW, *TABLES}
    assert set(job.asset_layer.asset_graph.asset_check_keys) == {check.key for check in CHECKS}


# What blocks of the list itself, and of what is made from it.
OF_LISTS = {
    *(f"targeting_list.{name}" for name in ("list_backed", "list_in_bounds", "list_agrees", "offers_as_resolved")),
    "decision_summary.summary_agrees",
}


def test_severity_policy() -> None:
    severity = {f"{check.table}.{check.name}": check.severity for check in CHECKS}
    blocking = {name for name, found in severity.items() if found is BLOCK}
    assert blocking == {
        *(f"{table.name}.schema_and_keys" for table in TABLES.values() if table.is_table),
        *(f"{name}.campaign_in_campaigns" for name in ("campaign_targets", "coupons", "coupon_redemptions")),
        "transactions.weeks_agree",
        "customer_features.features_complete",
        "next_action.without_contradictions",
        "segment_stability.warm_stability",
        "first_campaign_cohort.no_look_ahead",
        "first_campaign_cohort.arms_large_enough",
        "nuisances.positivity",
        "propensity.arms_in_overlap",
        "overlap_diagnostics.effective_arms",
        "covariate_balance.balance_after_weighting",
        "campaign_balance.balance_in_every_campaign",
        *OF_LISTS,
        "experiment_looks.sample_ratio",
    }
    assert {name for name, found in severity.items() if found is WARN} == set(severity) - blocking


def test_the_targeting_list_lies_downstream_of_every_gate(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    upstream = dg.AssetSelection.assets(asset_key("targeting_list")).upstream().resolve(graph)
    gates = {f"{gate.asset_key.path[-1]}.{gate.name}" for gate in defs.resources["gates"].keys}
    assert {gate.asset_key for gate in defs.resources["gates"].keys} <= upstream
    # The contract of all that the list rests on, and every judgement that blocks but the list's own and that of looks
    # at experiments, whose results reach the list by the ledger, into which none comes whose arms do not match.
    rests_on = {key.path[-1] for key in upstream} & set(TABLES) - {"targeting_list"}
    judged = {f"{check.table}.{check.name}" for check in CHECKS if check.blocks and check.name != "schema_and_keys"}
    assert gates == {
        *(f"{name}.schema_and_keys" for name in rests_on if TABLES[name].is_table),
        *(judged - OF_LISTS - {"experiment_looks.sample_ratio"}),
    }


def test_checks_of_partitioned_assets_carry_their_partitions(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for check in CHECKS:
        of_asset = graph.get(check.key.asset_key).partitions_def
        assert graph.get(check.key).partitions_def == of_asset, check.key
        assert check.contract.partitioned == (of_asset is not None)


# --- in a process of its own ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded:
    """What another process says that loaded the definitions: heavy modules, code versions by table, and errors."""

    heavy: list[str]
    versions: dict[str, str]
    errors: str


def versions_of(defs: dg.Definitions) -> dict[str, str]:
    graph = defs.resolve_asset_graph()
    return {key.path[-1]: graph.get(key).code_version or "" for key in graph.materializable_asset_keys}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    code = (
        "import json, sys\n"
        "from dunnhumby_pipeline.orchestration.platform.quiet import expect; expect()\n"
        "from dunnhumby_pipeline.definitions import build_defs\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "defs = build_defs(); defs.resolve_all_asset_specs(); graph = defs.resolve_asset_graph()\n"
        "versions = {key.path[-1]: graph.get(key).code_version for key in graph.materializable_asset_keys}\n"
        "print(json.dumps([heavy, versions]))"
    )
    # Sets and dicts of names are in another order than in this process.
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    return Loaded(*json.loads(done.stdout), done.stderr)


def test_loading_imports_nothing_heavy(loaded: Loaded) -> None:
    assert loaded.heavy == []


def test_the_definitions_load_without_a_warning(loaded: Loaded) -> None:
    own = [line for line in loaded.errors.splitlines() if "Warning" in line and "DeprecationWarning" not in line]
    assert own == []


def test_versions_are_the_same_in_every_process(defs: dg.Definitions, loaded: Loaded) -> None:
    assert loaded.versions == versions_of(defs)


def test_imports_run_downward_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename="pyproject.toml", cache_dir=None) == EXIT_STATUS_SUCCESS


def test_no_folder_is_too_large() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in (ROOT / "dunnhumby_pipeline").rglob("*.py")}
    assert {path.name: n for path, n in lines.items() if n > 500} == {}


def test_one_module_looks_inside_dagster() -> None:
    private = re.compile(r"\bdagster\._|from dagster import _")
    inside = {path.name for path in (ROOT / "dunnhumby_pipeline").rglob("*.py") if private.search(path.read_text())}
    assert inside == {"history.py"}
