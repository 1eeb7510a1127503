"""Which other types are heard when a household's type is chosen: those whose tables are of today's data and terms."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.causal.effects.campaign_types import planned
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale
from dunnhumby_pipeline.orchestration.types_heard import decided
from dunnhumby_pipeline.settings import Home, load_settings
from dunnhumby_pipeline_tests.fakes.known_truth import lines, write_tables

CAMPAIGNS = pd.DataFrame(
    [(8, 100, 110, "TypeA"), (5, 150, 160, "TypeB"), (9, 260, 270, "TypeB")],
    columns=["campaign", "start_day", "end_day", "description"],
)
DECISIONS = pd.DataFrame({"household_key": [1, 2], "decision": "test", "contact_cost": 1.0, "as_of_day": 400})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study in which TypeB has been run, and TypeC has not."""
    made = Study(load_settings(), Home(tmp_path))
    made.home.warehouse.mkdir(parents=True)
    write_tables(made.home.warehouse, transactions=lines((1, 1, 1.0), (2, 400, 1.0)), campaigns=CAMPAIGNS)
    (made.home.warehouse / "TypeB").mkdir()
    campaigns = planned(made.journey_tables(), "TypeB", made.settings)
    campaigns.to_parquet(made.table("trial_campaigns", "TypeB"))
    DECISIONS.to_parquet(made.table("household_decisions", "TypeB"))
    DECISIONS.to_parquet(made.table("targeting_list", "TypeB"))
    return made


def why(study: Study, cost: float = 1.0, day: int = 400) -> str | None:
    """Why TypeB is not heard; None when it is."""
    heard, unheard = decided(study, "TypeA", cost, day)
    assert set(heard) | set(unheard) == {"TypeB", "TypeC"} and not set(heard) & set(unheard)
    assert unheard["TypeC"] == "its households are not decided: dunnhumby run --campaign-type TypeC"
    if "TypeB" in heard:
        pd.testing.assert_frame_equal(heard["TypeB"], DECISIONS, check_dtype=False)
    return unheard.get("TypeB")


def test_a_type_whose_tables_are_of_these_data_and_terms_is_heard(study: Study) -> None:
    assert why(study) is None


def test_a_type_decided_otherwise_is_not_and_says_how_to_fix_it(study: Study) -> None:
    again = "dunnhumby run --campaign-type TypeB"
    assert why(study, cost=2.0) == f"it was decided at another contact cost: {again}"
    assert why(study, day=401) == f"its tables are of other data or settings: {again}"
    longer = Study(load_settings(trial={"follow_up_days": 14}), study.home)
    assert why(longer) == f"its tables are of other data or settings: {again}"
    mark_stale(study.table("targeting_list", "TypeB"), "not rebuilt: a gate was closed")
    assert why(study) == f"its list was not rebuilt when it should have been: {again}"


def test_a_type_with_trials_and_no_decisions_is_not_heard(study: Study) -> None:
    study.table("household_decisions", "TypeB").unlink()
    assert why(study) == "its households are not decided: dunnhumby run --campaign-type TypeB"
