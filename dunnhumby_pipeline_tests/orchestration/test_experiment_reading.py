"""Reading outcomes of an experiment of a home: what is kept, what is refused, and what is stale afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.experiments.assignment import CONTACT
from dunnhumby_pipeline.experiments.ledger import results_of
from dunnhumby_pipeline.experiments.looks import looks_of
from dunnhumby_pipeline.experiments.read_back import MismatchError
from dunnhumby_pipeline.experiments.registration import ExperimentError, keep
from dunnhumby_pipeline.orchestration.experiments import read_experiment
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Home, Settings
from dunnhumby_pipeline_tests.experiments.test_read_back import assignment, outcomes_of, plan_of
from dunnhumby_pipeline_tests.orchestration.test_versions import step_versions

__all__ = ["assignment"]


@pytest.fixture
def study(assignment: pd.DataFrame, tmp_path: Path) -> Study:
    home = Home(tmp_path)
    keep(plan_of(assignment), assignment, "<p>registered</p>", home.experiments)
    return Study(Settings(), home)


def test_every_look_is_kept_and_only_the_end_is_a_result(study: Study, assignment: pd.DataFrame) -> None:
    file, home = study.home.root / "outcomes.csv", study.home
    whole = outcomes_of(assignment, 7.0)
    whole.assign(days_observed=40).iloc[:1500].to_csv(file, index=False)
    with pytest.raises(ExperimentError, match="were assigned and are not in the outcomes"):
        read_experiment(study, file, interim=False)
    whole.assign(days_observed=40).to_csv(file, index=False)
    with pytest.raises(ExperimentError, match="outcomes end after 40 days and are counted for 76; wait, or give"):
        read_experiment(study, file, interim=False)
    assert not home.looks.exists() and not home.ledger.exists()

    early = read_experiment(study, file, interim=True)
    assert early.result is None and early.look["kind"] == "interim" and early.chart.is_file()
    assert not home.ledger.exists() and results_of(home.ledger, "TypeA").empty

    contact = whole["household_key"].isin(assignment.loc[assignment["arm"] == CONTACT, "household_key"])
    lost = contact & (np.arange(len(whole)) % 2 == 0)
    whole.assign(gross_profit=whole["gross_profit"].mask(lost)).to_csv(file, index=False)
    with pytest.raises(MismatchError, match="sample-ratio mismatch"):
        read_experiment(study, file, interim=False)
    assert not home.ledger.exists()

    whole.to_csv(file, index=False)
    last = read_experiment(study, file, interim=False)
    assert last.result is not None and last.result["next_step"] == "deploy"
    looks = looks_of(home.looks, "TypeA")
    assert looks["kind"].tolist() == ["interim", "mismatch", "final"] and looks["look"].tolist() == [1, 2, 3]
    assert results_of(home.ledger, "TypeA")["effect"].tolist() == [last.result["effect"]]


def test_a_look_makes_only_looks_stale_and_a_result_what_is_decided(study: Study, assignment: pd.DataFrame) -> None:
    file, home = study.home.root / "outcomes.csv", study.home
    before = step_versions(home=home)
    outcomes_of(assignment, 7.0).assign(days_observed=40).to_csv(file, index=False)
    read_experiment(study, file, interim=True)
    looked = step_versions(home=home)
    assert {name for name in before if before[name] != looked[name]} == {"experiment_looks"}
    outcomes_of(assignment, 7.0).to_csv(file, index=False)
    read_experiment(study, file, interim=False)
    read = step_versions(home=home)
    decided = ("turn_cost_dial", "refit_decisions", "experiment_design", "experiment_assignment")
    steps = (*decided, "experiment_result", "experiment_looks")
    assert {name for name in looked if looked[name] != read[name]} == {
        table.name for step in steps for table in made_by(step)
    }


def test_a_file_of_logged_propensities_that_changes_makes_nuisances_stale(tmp_path: Path) -> None:
    home, file = Home(tmp_path), tmp_path / "logged.csv"
    settings = Settings(nuisance={"logged_propensities": "logged.csv"})  # type: ignore[arg-type]
    without = step_versions(settings, home)
    file.write_text("household_key,campaign,propensity\n1,31,0.1\n")
    first = step_versions(settings, home)
    file.write_text("household_key,campaign,propensity\n1,31,0.2\n")
    second = step_versions(settings, home)
    nuisances = {table.name for table in made_by("fit_nuisances")}
    for one, other in ((without, first), (first, second)):
        assert {name for name in one if one[name] != other[name]} == nuisances
