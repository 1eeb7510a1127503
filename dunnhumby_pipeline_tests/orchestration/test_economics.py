"""One asset for the economics: what a run says of it, dial, list, design and report follow, and nothing else moves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from typer.testing import Result

from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.orchestration.assets.economics import EconomicsConfig
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import STEPS
from dunnhumby_pipeline.orchestration.reporting import all_check_states
from dunnhumby_pipeline.orchestration.staleness import stale_assets, stale_work
from dunnhumby_pipeline.orchestration.terms import run_config, said_before
from dunnhumby_pipeline.settings import EconomicsSettings, PolicySettings, SettingsError, load_settings
from dunnhumby_pipeline.settings.in_place import POLICY_TERMS, RUN_TERMS
from dunnhumby_pipeline_tests.fakes.studies import (
    PRICED,
    Laboratory,
    SmallStudy,
    as_variables,
    command,
    no_pictures,
    quick_settings,
)

# What lists were before this one.
FOLLOWED = {table.name for table in made_by("follow_list")}
DECIDED = {table.name for step in PRICED for table in made_by(step)}
# What `require_agreement` looks at, and what that is made from.
AGREEING = ("economics", "turn_cost_dial", "value_policies", "targeting_list")


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return small.copy(tmp_path_factory.mktemp("economics"))


@pytest.fixture
def laboratory(finished: Laboratory, tmp_path: Path) -> Laboratory:
    return finished.copy(tmp_path)


def run(laboratory: Laboratory, *arguments: str, do: str = "run") -> Result:
    quick = as_variables(quick_settings())
    raw = ("--raw", laboratory.raw or "") if do == "run" else ()
    with no_pictures():
        return command(do, "--home", laboratory.home.root, *raw, *arguments, **quick)


def done(result: Result) -> set[str]:
    """The steps that make tables, of those that the command says it has done."""
    return {line.split()[-1] for line in result.output.splitlines() if line.startswith("done")} & set(STEPS)


def table(laboratory: Laboratory, name: str) -> pd.DataFrame:
    return pd.read_parquet(laboratory.table(name))


def bytes_of(laboratory: Laboratory) -> dict[str, bytes]:
    """Of every table but those that follow the list from one version to the next."""
    files = laboratory.home.warehouse.rglob("*.parquet")
    return {path.stem: path.read_bytes() for path in files if path.stem not in FOLLOWED}


def materialise(laboratory: Laboratory, terms: dict[str, Any], *names: str) -> dg.ExecuteInProcessResult:
    """What the UI does with these terms in its launchpad."""
    keys = {key for step in names for key in map(asset_key, (each.name for each in made_by(step)))}
    defs = laboratory.defs()
    with laboratory.history() as instance:
        return (
            defs.resolve_job_def(STUDY_JOB)
            .get_subset(asset_selection=keys)
            .execute_in_process(
                run_config=run_config(terms), instance=instance, partition_key="TypeA", raise_on_error=False
            )
        )


def stale(laboratory: Laboratory, said: dict[str, Any] | None) -> set[str]:
    study, graph = Study(quick_settings(), laboratory.home, laboratory.raw), laboratory.defs().resolve_asset_graph()
    with laboratory.history() as instance:
        return {table_of(key) for key in stale_assets(study, graph, instance, "TypeA", said)}


def require_agreement(laboratory: Laboratory, cost: float) -> None:
    """Every table that rests on the cost rests on this one."""
    economics = table(laboratory, "economics")
    used = economics.loc[economics["used"]].iloc[0]
    assert used["contact_cost"] == cost
    by_scenario = table(laboratory, "break_even")
    assert by_scenario.loc[by_scenario["used"], "contact_cost"].tolist() == [cost]
    assert (table(laboratory, "decision_groups")["contact_cost"] == cost).all()
    assert cost in table(laboratory, "decision_by_cost")["contact_cost"].tolist()
    groups = table(laboratory, "decision_groups")
    once = used["one_off_cost"] / groups.groupby("contact")["n_households"].transform("sum").clip(lower=1)
    assert (groups["effect"] - groups["expected_profit"]).to_numpy() == pytest.approx((cost + once).to_numpy())
    listed = table(laboratory, "targeting_list").dropna(subset=["expected_profit"])
    of_group = listed["group"].map(groups.set_index("group")["expected_profit"])
    assert listed["expected_profit"].to_numpy() == pytest.approx(of_group.to_numpy(dtype=float))
    values = table(laboratory, "policy_value").set_index("policy")
    everybody = values.loc["treat_all"]
    if cost:
        assert everybody["value"] / everybody["roi"] == pytest.approx(cost)


def test_a_cost_of_one_run_moves_what_costs_decide_and_nothing_else(laboratory: Laboratory) -> None:
    before = bytes_of(laboratory)
    cheaper = run(laboratory, "--cost", "0.40")
    assert cheaper.exit_code == 0, cheaper.output
    assert done(cheaper) == PRICED
    assert "For this run contact_cost = 0.4 (in the settings: as the scenario says)" in cheaper.output
    assert "not those of the settings" in cheaper.output
    require_agreement(laboratory, 0.40)
    after = bytes_of(laboratory)
    assert {name for name in before if before[name] != after[name]} <= DECIDED
    report, brief = (laboratory.home.warehouse / "TypeA" / f"campaign_{name}.html" for name in ("report", "brief"))
    page = report.read_text("utf-8")
    assert "These economics are not those of the settings" in page and "$0.40" in page
    assert "$0.40" in brief.read_text("utf-8")
    with laboratory.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])
    assert states.loc[("economics", "terms_of_settings"), "status"] == "warn"

    # The same once more: nothing to do; and what asks whether the study is stale accepts what the run said.
    assert "Nothing is stale" in run(laboratory, "--cost", "0.4").output
    assert stale(laboratory, None) == set()
    # Without it a run returns to the settings.
    assert stale(laboratory, {}) == DECIDED
    # What is written again is written of the same tables.
    brief.unlink()
    assert run(laboratory, do="report").exit_code == 0
    assert "$0.40" in brief.read_text("utf-8")
    back = run(laboratory, "--select", " or ".join(made_by(step)[0].name for step in AGREEING))
    assert back.exit_code == 0, back.output
    assert "The last run had contact_cost = 0.4; this one returns to the settings" in back.output
    require_agreement(laboratory, 1.0)
    again, returned = bytes_of(laboratory), {table.name for step in AGREEING for table in made_by(step)}
    assert {name for name in before if before[name] != again[name]} <= DECIDED - returned
    assert stale(laboratory, {}) == DECIDED - returned


def test_another_scenario_and_a_free_contact(laboratory: Laboratory) -> None:
    agreeing = " or ".join(made_by(step)[0].name for step in AGREEING)
    found = run(laboratory, "--select", agreeing, "--scenario", "reference study")
    assert found.exit_code == 0, found.output
    require_agreement(laboratory, 12.73)
    free = run(laboratory, "--select", agreeing, "--cost", "0")
    assert free.exit_code == 0, free.output
    require_agreement(laboratory, 0.0)
    assert table(laboratory, "policy_value")["roi"].isna().all()


def test_the_launchpad_says_it_too_and_staleness_sees_it(laboratory: Laboratory) -> None:
    before = bytes_of(laboratory)
    said = {"contact_cost": 2.5, "campaigns_to_come": 8, "test_cost": 40.0, "one_off_cost": 10.0}
    assert materialise(laboratory, said, "economics").success
    # Of the economics alone so far: everything behind it is unsynced.
    assert stale(laboratory, None) == DECIDED - {"economics"}
    # A launchpad that says nothing returns to the settings; the rest was made at these terms, and never at the others.
    assert materialise(laboratory, {}, "economics").success
    assert bytes_of(laboratory) == before
    assert stale(laboratory, {}) == set()
    assert materialise(laboratory, said, *AGREEING).success
    require_agreement(laboratory, 2.5)
    economics = table(laboratory, "economics")
    assert set(economics["campaigns_to_come"]) == {8} and set(economics["test_cost"]) == {40.0}
    assert "campaigns_to_come = 8 (in the settings: 3)" in economics["said"].iloc[0]
    behind = DECIDED - {table.name for step in AGREEING for table in made_by(step)}
    assert stale(laboratory, None) == stale(laboratory, said) == behind
    # The weekly study returns to the settings.
    assert stale(laboratory, {}) == DECIDED


def test_budget_and_policy_of_a_launchpad_are_followed_and_told(laboratory: Laboratory) -> None:
    before = bytes_of(laboratory)
    said = {"budget": 40.0, "policy": "within_budget"}
    assert materialise(laboratory, said, "economics", "value_policies").success
    economics, values = table(laboratory, "economics"), table(laboratory, "policy_value").set_index("policy")
    assert (set(economics["budget"]), set(economics["policy"])) == ({40.0}, {"within_budget"})
    assert economics["said"].iloc[0] == (
        "budget = 40 (in the settings: none); policy = within_budget (in the settings: effect_above_break_even)"
    )
    assert values.index[values["chosen"]].tolist() == ["within_budget"]
    # What rests on it is stale until it follows; the settings are returned to by what says nothing.
    assert {"targeting_list", "decision_summary"} <= stale(laboratory, said)
    assert stale(laboratory, {}) == DECIDED
    assert materialise(laboratory, {}, "economics").success
    assert bytes_of(laboratory)["economics"] == before["economics"]
    with laboratory.history() as instance:
        assert said_before(instance, "TypeA") == {}


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"budget": -5.0}, "policy.budget: Input should be greater than 0, found -5.0"),
        ({"budget": 0.5}, "policy.budget is $0.50, less than one contact, which costs $1.00"),
        ({"policy": "witchcraft"}, "policy.chosen is 'witchcraft'; expected one of treat_none"),
        ({"policy": "within_budget"}, "policy.chosen is 'within_budget'"),
        ({"budget": 3.0, "contact_cost": 4.0}, "policy.budget is $3.00, less than one contact, which costs $4.00"),
    ],
)
def test_a_budget_or_policy_that_cannot_be_is_refused_in_the_words_of_the_file(
    laboratory: Laboratory, terms: dict[str, Any], told: str
) -> None:
    before = bytes_of(laboratory)
    refused = materialise(laboratory, terms, "economics")
    [failed] = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    said = str(failed.user_failure_data.description)
    assert told in said and said.endswith(" (in the run's config of `economics`)")
    assert bytes_of(laboratory) == before


def test_the_weekly_study_returns_to_the_settings(laboratory: Laboratory) -> None:
    assert materialise(laboratory, {"contact_cost": 3.0}, "economics").success
    study, graph = Study(quick_settings(), laboratory.home, laboratory.raw), laboratory.defs().resolve_asset_graph()
    with laboratory.history() as instance:
        work = stale_work(study, graph, instance, "TypeA")
    assert asset_key("economics") in work.assets


@pytest.mark.parametrize(
    "terms",
    [
        {"contact_cost": -1.0},
        {"contact_cost": math.nan},
        {"one_off_cost": math.inf},
        {"campaigns_to_come": 0},
        {"test_cost": -5.0},
        {"scenario": "carrier pigeon"},
    ],
)
def test_a_launchpad_that_cannot_be_used_is_refused_in_the_words_of_the_file(
    laboratory: Laboratory, terms: dict[str, Any]
) -> None:
    before = bytes_of(laboratory)
    refused = materialise(laboratory, terms, "economics", "turn_cost_dial")
    assert not refused.success
    [failed] = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    with pytest.raises(SettingsError) as of_file:
        load_settings(economics=terms)
    told = str(failed.user_failure_data.description)
    assert told.endswith(" (in the run's config of `economics`)")
    assert "economics." in told
    # Of the scenario, what stands beside it in its section is shown too.
    own = told.partition(" (in the run's")[0].partition(", found {")[0]
    assert str(of_file.value).startswith(own)
    assert bytes_of(laboratory) == before


def test_a_term_of_another_type_never_starts_a_run(laboratory: Laboratory) -> None:
    before = bytes_of(laboratory)
    for terms in ({"contact_cost": "cheap"}, {"margin": 0.4}):
        with pytest.raises(dg.DagsterInvalidConfigError):
            materialise(laboratory, terms, "economics")
    assert bytes_of(laboratory) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cost=-1",), "economics.contact_cost: Input should be greater than or equal to 0, found -1.0 (in --cost)"),
        (("--cost", "nan"), "economics.contact_cost: Input should be a finite number, found nan (in --cost)"),
        (("--cost", "inf"), "economics.contact_cost: Input should be a finite number"),
        (("--cost", "cheap"), "Invalid value for '--cost'"),
        (("--scenario", "pigeon"), "economics.scenario is 'pigeon'; expected one of printed mail"),
        (("--scenario", "pigeon", "--cost", "1"), "(in --cost and --scenario)"),
        (("--cost", "2", "--select", "key:segments"), "--select leaves out; add economics to it"),
    ],
)
def test_options_that_cannot_be_used_are_refused(finished: Laboratory, arguments: tuple[str, ...], said: str) -> None:
    before = bytes_of(finished)
    refused = run(finished, *arguments)
    assert refused.exit_code == 2
    assert said in " ".join(refused.output.replace("\u2502", " ").split())
    assert bytes_of(finished) == before


def test_the_launchpad_is_typed_and_says_what_each_term_means() -> None:
    fields = EconomicsConfig.model_fields
    assert tuple(fields) == (*RUN_TERMS, *POLICY_TERMS)
    for name, field in fields.items():
        of_policies = PolicySettings.model_fields.get(POLICY_TERMS.get(name, ""))
        meaning = (of_policies or EconomicsSettings.model_fields[name]).description
        assert meaning and (field.description or "").startswith(meaning)
        assert field.default is None
