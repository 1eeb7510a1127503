"""A list of many households, from effects to files: what every check asks of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.listing import make_list
from dunnhumby_pipeline.contracts.names import HOLD_OUT, LEAVE, OPT_OUT, RECENT_CONTACT, TARGET
from dunnhumby_pipeline.orchestration.checks.lists import holdout_present, list_agrees, list_in_bounds
from dunnhumby_pipeline.settings import CheckSettings

N = 10_000


def test_a_list_of_many_households_passes_its_checks_and_is_written_as_it_is(tmp_path: Path) -> None:
    listed = make_list(N, tmp_path)
    everybody = pd.DataFrame({"household_key": range(1, N + 1)})
    proven = pd.DataFrame({"chosen": [True], "ci_lower": [0.5]})
    assert list_in_bounds(listed, everybody, CheckSettings()).passed
    assert list_agrees(listed, proven, 0.975).passed
    assert not list_agrees(listed, proven.assign(ci_lower=-0.5), 0.975).passed
    assert holdout_present(listed, CheckSettings()).passed
    targets = listed["decision"] == TARGET
    assert 0.1 < targets.mean() < 0.4 and (listed.loc[targets, "cate"] > 5).all()
    assert abs((listed["arm"] == HOLD_OUT).sum() - 0.1 * targets.sum()) < 1
    assert set(listed["suppression"].dropna()) == {OPT_OUT, RECENT_CONTACT}
    assert set(listed.loc[listed["suppression"].notna(), "decision"]) == {LEAVE}
    as_text = pd.read_csv(tmp_path / "targeting_list.csv", keep_default_na=False)
    assert as_text["reason"].tolist() == listed["reason"].tolist()
    assert pd.read_parquet(tmp_path / "targeting_list.parquet")["decision"].tolist() == as_text["decision"].tolist()
