"""An experiment on a simulated retailer: its outcomes are those of the same households, and are read back as told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dunnhumby_pipeline.cli import app
from dunnhumby_pipeline.contracts.names import CONTACT, TEST
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.experiments.assignment import experiment_assignment, hash_of
from dunnhumby_pipeline.experiments.read_back import experiment_result, hash_in, matched, read_outcomes
from dunnhumby_pipeline.experiments.registration import ExperimentError
from dunnhumby_pipeline.experiments.simulated import read_assignment, simulated_outcomes
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.simulate.plan import PlanError, RetailerPlan
from dunnhumby_pipeline.simulate.simulate import simulate
from dunnhumby_pipeline_tests.experiments.test_read_back import plan_of

N = 700
PLAN = RetailerPlan(n_households=N, n_products=500, n_stores=3, lines_per_basket=4, n_type_b=1, n_type_c=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("simulated") / "raw"
    simulate(made, PLAN)
    return made


def assigned(n: int = N, campaign_type: str = "TypeA", seed: int = 11) -> pd.DataFrame:
    key = np.arange(1, n + 1)
    segment = np.where(key % 2, "=a", "b")
    listed = pd.DataFrame({"household_key": key, "segment": segment, "decision": TEST, "cate": 5.0})
    spend = np.random.default_rng(3).gamma(2, 60, n)
    baseline = pd.DataFrame({"household_key": key, "baseline_spend": spend, "baseline_visits": spend / 25})
    return experiment_assignment(listed, baseline, ExperimentSettings(), campaign_type, seed)


def test_a_written_assignment_is_read_as_it_was_sealed(tmp_path: Path) -> None:
    write_csv(assigned(), tmp_path / "a.csv")
    found = read_assignment(tmp_path / "a.csv")
    assert hash_of(found) == assigned()["assignment_hash"].iloc[0]


def test_outcomes_are_read_back_and_tell_the_truth(folder: Path, tmp_path: Path) -> None:
    assignment = assigned()
    outcomes, truth = simulated_outcomes(assignment, folder)
    outcomes.to_csv(tmp_path / "outcomes.csv", index=False)
    told = read_outcomes(tmp_path / "outcomes.csv")
    assert hash_in(told) == assignment["assignment_hash"].iloc[0]
    frame = matched(told, assignment, plan_of(assignment))
    found = experiment_result(frame, plan_of(assignment))
    assert found["n_contacted"] + found["n_held_out"] == N
    assert found["n_contaminated"] == 0
    true_profit = 0.3 * truth["effect"].mean() - 0.7 * truth["match_contact"].mean()
    assert abs(found["effect"] - true_profit) < 3.5 * found["effect_se"]


def test_a_contact_does_what_it_did_to_such_households_before_and_a_repeat_nothing(folder: Path) -> None:
    _, truth = simulated_outcomes(assigned(), folder)
    first, again = truth[~truth["received_before"]], truth[truth["received_before"]]
    difference = first["sales_contact"] - first["sales_hold_out"] - first["effect"]
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(first))
    assert first["effect"].std() > 20
    assert first["effect"].mean() > 15
    assert (again["sales_contact"] == again["sales_hold_out"]).all()
    assert set(again["effect"]) == {0.0}
    sent = pd.read_csv(folder / "campaign_table.csv")
    assert set(again["household_key"]) == set(sent.loc[sent["DESCRIPTION"] == "TypeA", "household_key"])
    # They go on as they were: spend in such a window differs little from the one before it.
    trials = pd.read_parquet(folder / "truth" / "trials.parquet")
    assert truth["sales_hold_out"].mean() == pytest.approx(trials["expected_spend"].mean(), rel=0.35)


def test_what_a_household_does_depends_on_its_own_arm_alone(folder: Path) -> None:
    few, many = assigned(40, seed=2), assigned()
    _, one = simulated_outcomes(few, folder)
    _, other = simulated_outcomes(many, folder)
    other = other[other["household_key"].isin(one["household_key"])].reset_index(drop=True)
    columns = ["household_key", "effect", "sales_contact", "sales_hold_out", "match_contact"]
    pd.testing.assert_frame_equal(one[columns], other[columns])
    assert (one["arm"] != other["arm"]).any()
    own = np.where(one["arm"] == CONTACT, one["sales_contact"], one["sales_hold_out"])
    assert (one["sales"] == own).all()


def test_households_types_and_folders_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"100 households are not of this simulation \(such as 701\); it has 700"):
        simulated_outcomes(assigned(N + 100), folder)
    with pytest.raises(ExperimentError, match="the assignment is of TypeB; in a simulation TypeA"):
        simulated_outcomes(assigned(campaign_type="TypeB"), folder)
    with pytest.raises(PlanError, match="holds no simulated retailer"):
        simulated_outcomes(assigned(), tmp_path)
    for days in (5, 400):
        with pytest.raises(PlanError, match=f"outcomes count for {days} days; expected 29 to 363"):
            simulated_outcomes(assigned(), folder, days)
    short = PLAN.model_copy(update={"n_households": 30, "n_days": 340})
    simulate(tmp_path / "short", short)
    with pytest.raises(PlanError, match="needs 406 days of them; the plan has 340"):
        simulated_outcomes(assigned(30), tmp_path / "short")


def test_a_simulation_of_another_release_is_refused(tmp_path: Path) -> None:
    simulate(tmp_path / "raw", PLAN.model_copy(update={"n_households": 30}))
    file = tmp_path / "raw" / "truth" / "plan.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"seed": 20261122', '"seed": 5'), encoding="utf-8")
    with pytest.raises(PlanError, match="written by another release, which simulates other households"):
        simulated_outcomes(assigned(30), tmp_path / "raw")


def test_files_that_are_no_assignment_are_refused(tmp_path: Path) -> None:
    whole, file = assigned(60), tmp_path / "a.csv"
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_assignment(file)
    write_csv(whole.drop(columns=["arm", "seed"]), file)
    with pytest.raises(ExperimentError, match="has no column arm, seed"):
        read_assignment(file)
    write_csv(whole.iloc[:0], file)
    with pytest.raises(ExperimentError, match="assigns no household"):
        read_assignment(file)
    for altered in (whole.iloc[:-1], pd.concat([whole, whole.iloc[:1]]), whole.assign(arm=CONTACT)):
        write_csv(altered, file)
        with pytest.raises(ExperimentError, match="was altered after it was made"):
            read_assignment(file)
    write_csv(whole.assign(household_key="x"), file)
    with pytest.raises(ExperimentError, match="household_key is no whole number in 60 rows"):
        read_assignment(file)


def test_the_command_writes_outcomes_and_their_truth_and_refuses_options_that_do_not_go_together(
    folder: Path, tmp_path: Path
) -> None:
    write_csv(assigned(200), tmp_path / "a.csv")
    run = CliRunner()
    done = run.invoke(app, ["simulate", str(folder), "--experiment", str(tmp_path / "a.csv")])
    assert done.exit_code == 0, done.output
    assert "100 contacted and 100 held out over 77 days" in done.output
    outcomes = pd.read_csv(tmp_path / "a-outcomes.csv")
    assert outcomes["household_key"].tolist() == list(range(1, 201))
    sealed = outcomes["assignment_hash"].iloc[0]
    assert (folder / "truth" / f"experiment-{sealed[:12]}.parquet").is_file()
    wrong = run.invoke(app, ["simulate", str(folder), "--experiment", str(tmp_path / "a.csv"), "--effect-sd", "3"])
    assert wrong.exit_code == 2
    assert "--effect-sd: of a new simulation" in wrong.output
    for option in (["--days", "60"], ["--out", str(tmp_path / "x.csv")]):
        wrong = run.invoke(app, ["simulate", str(tmp_path / "new"), *option])
        assert wrong.exit_code == 2
        assert f"{option[0]}: of an experiment" in wrong.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--households", "0", "--households is 0: input should be greater than or equal to 1"),
        ("--effect", "-2000", "--effect is -2000.0: input should be greater than or equal to -1000"),
        ("--confounder", "-3", "--confounder is -3.0: input should be greater than or equal to -2"),
        ("--effect-sd", "-1", "--effect-sd is -1.0: input should be greater than or equal to 0"),
    ],
)
def test_an_option_out_of_bounds_is_named_as_it_was_given(option: str, value: str, said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "raw"), option, value])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "raw").exists()
