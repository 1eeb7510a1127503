"""Data versions end to end on a simulated retailer: what is kept, what is stale, what is rebuilt."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import Result

from dunnhumby_pipeline.causal.cate.learners.registry import LEFT_TO_CERTIFICATE
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.names import LEFT_TO_CERTIFY
from dunnhumby_pipeline.contracts.registry import TABLES as CONTRACTS
from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.journey import cleaning
from dunnhumby_pipeline.journey.fingerprint import fingerprint
from dunnhumby_pipeline.orchestration.assets.report import RUNS_BY_ITSELF
from dunnhumby_pipeline.orchestration.platform import runner
from dunnhumby_pipeline.orchestration.platform.history import latest_materialization
from dunnhumby_pipeline.orchestration.platform.jobs import CERTIFIED_STEPS
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.origin import TABLES, Origin, raw_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import Outcome, Work
from dunnhumby_pipeline.orchestration.platform.step import STEPS
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale
from dunnhumby_pipeline.orchestration.reporting import all_check_states
from dunnhumby_pipeline.orchestration.staleness import disturbed, stale_assets
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline_tests.fakes.studies import (
    PRICED,
    SUMMARISED,
    Laboratory,
    SmallStudy,
    as_variables,
    command,
    no_pictures,
    quick_settings,
)

ALL = set(CONTRACTS)
# Of the customers, whatever campaign is studied.
SEGMENTATION = {name for name, table in CONTRACTS.items() if not table.partitioned} - set(TABLES)
# What is assumed, and what was read back of experiments, whatever the data.
WITHOUT_DATA = ("draw_causal_graph", "experiment_result", "experiment_looks")
ASSUMED = {table.name for step in WITHOUT_DATA for table in made_by(step)}
# Settings that say where tables are computed and where they lie, not what they hold.
NOT_OF_TABLES = {"engine", "file_mode", "warehouse", *RUNS_BY_ITSELF}
# What the UI says in words of a list that was made: the smallest effect that matters, of which the list has nothing.
TOLD_IN_WORDS = {"write_list": {"checks"}}
# What reads its settings in a certificate alone: in a study it makes nothing of its own.
IN_CERTIFICATES = {"certify_learners"}
VALUES = {table.name for table in made_by("value_policies")}
# A budget goes by the cost of the settings, and not by one said for a run.
OF_SETTINGS = PRICED | {"brief_segments"}
# What is made of coupons before anything is decided.
OF_COUPONS = {table.name for step in ("coupon_costs", "weigh_plausibility") for table in made_by(step)}
TARGETING = {table.name for step in OF_SETTINGS for table in made_by(step)}


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A study that has run to its end once."""
    return small.copy(tmp_path_factory.mktemp("staleness"))


@pytest.fixture
def laboratory(finished: Laboratory, tmp_path: Path) -> Laboratory:
    """A copy of the finished study and its raw files, to be spoilt at will."""
    shutil.copytree(finished.raw or "", tmp_path / "raw")
    return Laboratory(finished.copy(tmp_path).home, tmp_path / "raw")


def stale(laboratory: Laboratory, settings: Settings | None = None, campaign_type: str = "TypeA") -> set[str]:
    settings = settings or quick_settings()
    graph = laboratory.defs(settings).resolve_asset_graph()
    study = Study(settings, laboratory.home, laboratory.raw)
    with laboratory.history() as instance:
        return {table_of(key) for key in stale_assets(study, graph, instance, campaign_type)}


def metadata(laboratory: Laboratory, asset: str) -> dict[str, Any]:
    with laboratory.history() as instance:
        event = instance.get_latest_materialization_event(asset_key(asset))
    assert event is not None and event.asset_materialization is not None
    return {name: shown.value for name, shown in event.asset_materialization.metadata.items()}


def written(laboratory: Laboratory) -> dict[str, int]:
    return {name: (laboratory.home.warehouse / f"{name}.parquet").stat().st_mtime_ns for name in TABLES}


def change_first_line(laboratory: Laboratory) -> None:
    """One cent more on the first line of the receipts."""
    file = (laboratory.raw or Path()) / "transaction_data.csv"
    frame = pd.read_csv(file)
    frame.loc[0, "SALES_VALUE"] += 0.01
    frame.to_csv(file, index=False)


# --- what is kept -----------------------------------------------------------------------------------


def test_nothing_is_stale_after_a_run(finished: Laboratory) -> None:
    assert stale(finished) == set()


def test_unchanged_input_is_not_loaded_again(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "clean", lambda *_: pytest.fail("unchanged input was cleaned again"))
    before = written(laboratory)
    assert metadata(laboratory, "transactions")["unchanged"] is False
    outcome, _ = laboratory.run("key:load_journey or key:transactions")
    assert outcome.errors == ()
    assert set(TABLES) <= outcome.built
    assert written(laboratory) == before
    shown = metadata(laboratory, "transactions")
    assert shown["unchanged"] is True
    assert shown["source"] == str(laboratory.raw)
    assert shown["dagster/row_count"] == pq.read_metadata(laboratory.home.warehouse / "transactions.parquet").num_rows
    assert stale(laboratory) == set()


def test_the_same_files_in_another_folder_are_unchanged_and_named_again(laboratory: Laboratory, tmp_path: Path) -> None:
    shutil.copytree(laboratory.raw or "", tmp_path / "elsewhere")
    before = written(laboratory)
    moved = Laboratory(laboratory.home, tmp_path / "elsewhere")
    assert stale(moved) == set()
    moved.run("key:transactions")
    assert written(moved) == before
    origin = Origin.read(laboratory.home.warehouse / "origin.json")
    assert origin is not None
    assert "elsewhere" in origin.description


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"description": "x", "colour": "red"}',
        b'{"description": "\xff"}',
        b'{"description": 3}',
        b'{"description": "x", "versions": ["a"]}',
        b'{"description": "x", "files": {"products": 1e999}}',
        b'{"description": "x", "limits": null}',
        b"[" * 100_000,
        b"1" * 10_000,
        b"[]",
        b"null",
    ],
    ids=range(12),
)
def test_an_origin_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "origin.json").write_bytes(text)
    assert Origin.read(tmp_path / "origin.json") is None


@pytest.mark.parametrize("name", ["products", "rejects"])
def test_a_table_that_is_not_as_it_was_written_is_loaded_again(laboratory: Laboratory, name: str) -> None:
    path = laboratory.home.warehouse / f"{name}.parquet"
    good = pd.read_parquet(path)
    if name == "products":
        good.tail(3).to_parquet(path)
    else:
        path.unlink()
    assert {name, "campaign_report"} - ({"campaign_report"} if name == "rejects" else set()) <= stale(laboratory)
    outcome, _ = laboratory.run("key:products")
    assert outcome.errors == ()
    pd.testing.assert_frame_equal(pd.read_parquet(path), good)
    assert metadata(laboratory, "transactions")["unchanged"] is False


# --- what is stale ----------------------------------------------------------------------------------


def test_a_changed_file_makes_everything_stale(laboratory: Laboratory) -> None:
    change_first_line(laboratory)
    assert stale(laboratory) == ALL - set(ASSUMED)


def test_a_changed_file_that_few_read_leaves_the_rest(laboratory: Laboratory) -> None:
    file = (laboratory.raw or Path()) / "coupon.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], *lines[2:]]))
    # Tables that are loaded together come together; only what rests on the changed ones follows.
    assert stale(laboratory) == {*TABLES, *(TARGETING - {"segment_briefs"}), *OF_COUPONS}


def test_a_table_that_is_kept_makes_nothing_stale(laboratory: Laboratory) -> None:
    file = (laboratory.raw or Path()) / "coupon.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], *lines[2:]]))
    outcome, _ = laboratory.run(" or ".join(f"key:{name}" for name in ("coupons", *sorted(OF_COUPONS))))
    assert outcome.errors == ()
    # Loaded before anybody looked at the new file: the load is asked for again, and will keep the tables.
    behind = TARGETING - {"segment_briefs"}
    assert stale(laboratory) == {*TABLES, *behind}
    laboratory.run("key:coupons")
    # What was made of the new coupons stays as it is, and what was not is stale still.
    assert stale(laboratory) == behind


def test_a_changed_setting_makes_its_readers_stale_and_what_rests_on_them(laboratory: Laboratory) -> None:
    dearer = quick_settings().model_copy(
        update={"economics": quick_settings().economics.model_copy(update={"contact_cost": 9.0})}
    )
    assert stale(laboratory, dearer) == TARGETING


def test_another_campaign_type_has_its_own_state(finished: Laboratory) -> None:
    found = stale(finished, campaign_type="TypeB")
    assert found == ALL - {*TABLES, *SEGMENTATION}


def test_a_table_behind_a_closed_gate_is_judged_again(laboratory: Laboratory) -> None:
    blocked, _ = laboratory.run("key:propensity", quick_settings(min_trials_per_arm=100_000))
    assert not blocked.success
    found = stale(laboratory)
    assert {"propensity", "covariate_balance", "targeting_list"} <= found
    assert found.isdisjoint({*TABLES, "segments", "first_campaign_cohort", "nuisances"})


def test_a_list_marked_as_stale_is_rebuilt(laboratory: Laboratory) -> None:
    mark_stale(laboratory.table("targeting_list"), "not rebuilt: a gate was closed")
    resting = ("experiment_design", "experiment_assignment", "contact_plan")
    made_from_it = (
        *resting,
        "write_list",
        "follow_list",
        "compare_demographics",
        "campaign_report",
        "campaign_brief",
    )
    assert stale(laboratory) == {
        "household_decisions",
        "targeting_list",
        *(table.name for step in made_from_it for table in made_by(step)),
    }


def test_a_missing_table_is_stale(laboratory: Laboratory) -> None:
    laboratory.table("roi_curve").unlink()
    (laboratory.home.warehouse / "TypeA" / "campaign_report.html").unlink()
    found = stale(laboratory)
    # The value of the policies is made together with the curve and comes out the same, so the list stands.
    assert found == {*VALUES, "campaign_report"}


# --- the checks that look at the run before ---------------------------------------------------------


def test_a_smaller_older_export_warns(laboratory: Laboratory) -> None:
    file = (laboratory.raw or Path()) / "transaction_data.csv"
    frame = pd.read_csv(file)
    frame[frame["DAY"] <= 600].to_csv(file, index=False)
    outcome, _ = laboratory.run("key:transactions or key:customer_features")
    assert outcome.errors == ()
    with laboratory.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])
    for check in (("transactions", "row_count"), ("transactions", "freshness"), ("feature_drift", "features_steady")):
        assert states.loc[check, "status"] == "warn", states.loc[check]
    assert "the run before reached day 711" in states.loc[("transactions", "freshness"), "message"]
    assert "tenure" in states.loc[("feature_drift", "features_steady"), "message"]
    assert states.loc[("products", "row_count"), "status"] == "pass"


# --- the command and the schedule -------------------------------------------------------------------


def run(laboratory: Laboratory, *arguments: str, do: str = "run", **environment: str) -> Result:
    quick = as_variables(quick_settings())
    with no_pictures():
        return command(
            do, "--home", laboratory.home.root, "--raw", laboratory.raw or "", *arguments, **{**quick, **environment}
        )


def test_a_certificate_has_more_draws_and_stays_until_the_study_changes(laboratory: Laboratory) -> None:
    def draws() -> tuple[bool, int, int]:
        power, refuted = (pd.read_parquet(laboratory.table(name)) for name in ("study_power", "refutation"))
        splits = pd.read_parquet(laboratory.table("many_splits"))
        assert set(power["certified"]) == set(refuted["certified"]) == set(splits["certified"])
        board, every = (pd.read_parquet(laboratory.table(name)) for name in ("cate_scoreboard", "certified_learners"))
        left = set(board.loc[board["reason"] == LEFT_TO_CERTIFY, "model"])
        fitted = set(every.loc[every["fold"].ge(0) & every["reason"].isna(), "model"])
        assert left == LEFT_TO_CERTIFICATE and fitted >= (left if power["certified"].all() else set())
        assert bool(power["certified"].all()) is not every.empty
        of_splits = quick_settings().validation
        certified = bool(power["certified"].all())
        assert set(splits["n_splits"]) == {of_splits.n_certified_splits if certified else of_splits.n_splits}
        planted = power.loc[power["shape"] == "all", "n_draws"]
        return certified, int(planted.min()), int(refuted["n_draws"].min())

    assert draws() == (False, 20, 5)
    certified = run(laboratory, do="certify")
    assert certified.exit_code == 0, certified.output
    assert done(certified) == {*CERTIFIED_STEPS, "campaign_report", "campaign_brief"}
    assert draws() == (True, 24, 20)
    assert "dunnhumby certify" in (laboratory.home.warehouse / "TypeA" / "campaign_report.html").read_text("utf-8")
    assert "Nothing is stale" in run(laboratory).output
    assert draws() == (True, 24, 20)

    # Of what changes, only what is stale is made: one certificate is no longer of these settings, and the others,
    # which rest on nothing that has changed, stay.
    other = {"DUNNHUMBY_EXPERIMENT__N_SIZES": "30", "DUNNHUMBY_POWER__N_DRAWS": "21"}
    studied = run(laboratory, "--stale", **other)
    assert studied.exit_code == 0, studied.output
    assert {"study_power", "experiment_design", "campaign_report"} <= done(studied)
    assert done(studied).isdisjoint({*CERTIFIED_STEPS} - {"study_power"})
    for word in SUMMARISED:
        assert word in studied.output
    assert "Nothing is stale" in run(laboratory, "--stale", **other).output
    again = pd.read_parquet(laboratory.table("study_power"))
    assert not again["certified"].any() and again.loc[again["shape"] == "all", "n_draws"].min() == 21
    assert all(pd.read_parquet(laboratory.table(name))["certified"].all() for name in ("refutation", "many_splits"))


def test_the_command_makes_nothing_when_nothing_is_stale(laboratory: Laboratory) -> None:
    nothing = run(laboratory, "--stale")
    assert nothing.exit_code == 0, nothing.output
    assert "Nothing is stale" in nothing.output
    assert "done" not in nothing.output


def test_the_command_makes_everything_when_a_line_has_changed(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sets out to do: that a study of every table ends well is seen where one is made."""
    asked: list[Work | None] = []

    def stopped(*given: Any, **_: Any) -> Outcome:
        asked.append(given[4])
        return Outcome(False, frozenset(), frozenset(), ("stopped",))

    monkeypatch.setattr(runner, "run_study", stopped)
    change_first_line(laboratory)
    assert run(laboratory, "--stale").exit_code == 1
    [work] = asked
    # What is assumed to cause what does not rest on data.
    assert work is not None and {table_of(key) for key in work.assets} == ALL - ASSUMED


def done(result: Result) -> set[str]:
    """The steps that make tables, of those that the command says it has done."""
    return {line.split()[-1] for line in result.output.splitlines() if line.startswith("done")} & set(STEPS)


def reversed_rows(path: Path) -> None:
    """Every value still there, in another order."""
    pd.read_parquet(path).iloc[::-1].to_parquet(path, index=False)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("table", "harm", "said"),
    [
        ("policy_differences", reversed_rows, "is damaged, or was altered after it was written"),
        ("policy_value", cut, "is damaged, or was altered after it was written"),
        ("design_matrix", flipped, "is damaged, or was altered after it was written"),
        ("propensity", Path.unlink, "is missing"),
    ],
)
def test_every_table_that_is_not_as_it_was_written_is_stale_and_named(
    laboratory: Laboratory, table: str, harm: Callable[[Path], None], said: str
) -> None:
    graph = laboratory.defs().resolve_asset_graph()
    study = Study(quick_settings(), laboratory.home, laboratory.raw)
    path = study.table(table, "TypeA")
    assert isinstance(path, Path)
    harm(path)
    with laboratory.history() as instance:
        assert disturbed(study, graph, instance, "TypeA") == {asset_key(table): f"{path} {said}"}
    assert table in stale(laboratory)


def test_what_reads_a_damaged_table_says_so_and_how_to_go_on(laboratory: Laboratory) -> None:
    path = laboratory.table("roi_curve")
    good = path.read_bytes()
    cut(path)
    for refused in (
        run(laboratory, "--select", "key:campaign_report"),
        command("report", "--home", laboratory.home.root),
    ):
        assert refused.exit_code == 2
        said = "".join(refused.output.split())
        assert "roi_curve.parquetisdamaged" in said and "`dunnhumbyrun`,without--select,rebuildsit" in said
    healed = run(laboratory)
    assert healed.exit_code == 0, healed.output
    assert "roi_curve.parquetisdamaged" in "".join(healed.output.split())
    assert path.read_bytes() == good
    assert "Nothing is stale" in run(laboratory).output


def test_drift_is_written_before_the_table_it_compares_with_is_replaced(finished: Laboratory) -> None:
    with finished.history() as instance:
        drift, features = (
            latest_materialization(instance, asset_key(name), None) for name in ("feature_drift", "customer_features")
        )
    assert drift is not None and features is not None
    assert drift <= features


def test_the_same_input_gives_the_same_bytes_again(laboratory: Laboratory) -> None:
    before = content_of(laboratory)
    # All that a model, a list or a table of the run before could find its way into.
    outcome, _ = laboratory.run("customer_features or segments or segment_profiles or segment_migration")
    assert outcome.errors == ()
    after = content_of(laboratory)
    assert {name for name in before if before[name] != after.get(name)} == set()


def content_of(laboratory: Laboratory) -> dict[str, str]:
    """The hash of every file of the warehouse by its place."""
    files = (path for path in laboratory.home.warehouse.rglob("*") if path.is_file())
    return {str(path.relative_to(laboratory.home.warehouse)): fingerprint(path) for path in files}


def test_stale_and_a_selection_exclude_each_other(laboratory: Laboratory) -> None:
    refused = run(laboratory, "--stale", "--select", "key:segments")
    assert refused.exit_code == 2
    assert "give one of them" in " ".join(refused.output.split())


# --- what the UI shows ------------------------------------------------------------------------------


def test_every_step_reads_the_settings_that_its_version_is_made_of(small: SmallStudy) -> None:
    read = {
        step: names - NOT_OF_TABLES - TOLD_IN_WORDS.get(step, set())
        for step, names in small.read.items()
        if step in STEPS
    }
    of_report = read.pop("campaign_report")
    assert read == {
        name: set() if name in IN_CERTIFICATES else {setting.partition(".")[0] for setting in step.settings}
        for name, step in STEPS.items()
        # What has been read back is in the ledger, whatever the settings.
        if (step.settings or name in read) and name not in ("campaign_report", "experiment_result", "experiment_looks")
    }
    assert of_report <= set(STEPS["campaign_report"].settings)


def test_every_column_of_every_table_is_described(finished: Laboratory) -> None:
    silent = []
    for path in finished.home.warehouse.rglob("*.parquet"):
        names = pq.read_schema(path).names
        silent += [f"{path.stem}.{name}" for name in names if not CONTRACTS[path.stem].column(name)]
    assert silent == []


def test_tables_show_meanings_and_figures(finished: Laboratory) -> None:
    shown = metadata(finished, "transactions")
    assert (shown["first_day"], shown["last_day"], shown["n_households"]) == (1, 711, 400)
    columns = {column.name: column.description for column in shown["dagster/column_schema"].columns}
    assert columns["sales_value"] == "what the retailer receives ($)"
    for asset, figure in (
        ("customer_features", "mean_spend"),
        ("segments", "smallest_share"),
        ("segment_stability", "mean_ari_warm"),
        ("overlap_diagnostics", "TypeA: auc"),
        ("covariate_balance", "TypeA: max_smd_overlap"),
        ("average_effects", "TypeA: overlap_weighted_ATO_all"),
        ("trial_campaigns", "TypeA: n_used"),
        ("trial_flow", "TypeA: n_treated"),
        ("design_comparison", "TypeA: auc_sequential_trials"),
        ("nuisance_quality", "TypeA: r2_control_purchase_amount"),
        ("propensity_calibration", "TypeA: largest_gap"),
        ("pooled_effects", "TypeA: i2_random"),
        ("sensitivity", "TypeA: e_value_estimate"),
        ("confounder_benchmarks", "TypeA: largest_bias"),
        ("negative_controls", "TypeA: placebo_outcome"),
        ("influence", "TypeA: max_change_in_se_ATO"),
        ("event_study", "TypeA: mean_after"),
        ("policy_value", "TypeA: value"),
        ("targeting_list", "TypeA: n_target"),
    ):
        assert isinstance(metadata(finished, asset)[figure], int | float), (asset, figure)


def test_raw_files_show_their_content_and_place(finished: Laboratory) -> None:
    with finished.history() as instance:
        record = instance.get_latest_data_version_record(raw_key("products"), is_source=True)
        observable = finished.defs().resolve_asset_graph().observable_asset_keys
    assert record is not None
    seen = record.event_log_entry.dagster_event.event_specific_data.asset_observation  # type: ignore[union-attr]
    assert len(seen.tags["dagster/data_version"]) == 32
    assert seen.metadata["bytes"].value == os.path.getsize((finished.raw or Path()) / "product.csv")
    assert {f"raw_{table.name}" for table in schema.TABLES} == {table_of(key) for key in observable}
