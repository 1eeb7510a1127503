"""The loop by its commands: a simulated retailer is studied, its experiment assigned, played on it, and read back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.experiments import simulated
from dunnhumby_pipeline.simulate.future import Rule, outcomes_to_come
from dunnhumby_pipeline.simulate.plan import RetailerPlan
from dunnhumby_pipeline_tests.fakes.studies import FIRST_KEY, SmallStudy, as_variables, command, quick_settings


def of_long_keys(plan: RetailerPlan, rule: Rule, wanted: pd.Series, days: int) -> pd.DataFrame:
    """What comes of households whose keys were raised after the simulation had given them."""
    found = outcomes_to_come(plan, rule, wanted - FIRST_KEY, days)
    return found.assign(household_key=found["household_key"] + FIRST_KEY)


def test_an_assigned_experiment_is_played_on_the_simulation_and_read_back(
    small: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "outcomes_to_come", of_long_keys)
    lab, file = small.copy(tmp_path), tmp_path / "arms.csv"
    settings = quick_settings()
    sections = [name for name in type(settings).model_fields if hasattr(getattr(settings, name), "model_dump")]
    quick = as_variables(settings, *sections)
    at_home = ("--home", lab.home.root)
    assigned = command("experiment", "assign", *at_home, "--raw", small.raw, "--out", file, **quick)
    assert assigned.exit_code == 0, assigned.output
    # The truth alone is needed, and the shared one is left as it is.
    simulation = tmp_path / "simulation"
    shutil.copytree(small.raw / "truth", simulation / "truth")
    played = command("simulate", simulation, "--experiment", file)
    assert played.exit_code == 0, played.output
    outcomes = tmp_path / "arms-outcomes.csv"
    assert set(pd.read_csv(outcomes)["household_key"]) == set(pd.read_csv(file)["household_key"])
    read = command("experiment", "read", outcomes, *at_home, **quick)
    assert read.exit_code == 0, read.output
    assert "What follows:" in read.output
