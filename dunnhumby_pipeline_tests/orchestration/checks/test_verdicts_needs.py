"""Verdicts on needs are seen to pass and to fail, and say what to do when they fail."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.orchestration.checks import needs
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.results import needs as results

CHECKS = CheckSettings()


def test_needs_must_come_back_warm_and_cold() -> None:
    known = results.need_stability()
    found = needs.needs_come_back(known, CHECKS)
    assert found.passed and "labels cold 0.91 (floor 0.70)" in found.message
    assert set(found.metrics) == {
        f"mean_ari_{level}_{start}" for level in ("label", "tag") for start in ("cold", "warm")
    }
    for level, start in (("label", "cold"), ("label", "warm"), ("tag", "cold"), ("tag", "warm")):
        worse = known.copy()
        worse.loc[(worse["level"] == level) & (worse["start"] == start), "ari"] = 0.3
        lost = needs.needs_come_back(worse, CHECKS)
        assert not lost.passed and lost.message.endswith("other households would give other needs: try fewer")
    assert not needs.needs_come_back(known.iloc[:0], CHECKS).passed
    assert not needs.needs_come_back(known.assign(ari=float("nan")), CHECKS).passed


def test_needs_must_keep_their_names() -> None:
    known = results.need_definitions()
    kept = known.assign(previous_need=known["need"], reason="cosine of 0.99 with its match")
    assert needs.names_kept(kept, CHECKS).passed
    first = needs.names_kept(known.assign(kept=False), CHECKS)
    assert first.passed and "first run" in first.message
    other = kept.copy()
    other.loc[0, ["kept", "previous_need", "reason"]] = [False, "pears", "cosine of 0.40 with its match is under 0.7"]
    found = needs.names_kept(other, CHECKS)
    assert not found.passed and "fresh produce (label; was pears; cosine of 0.40" in found.message
    assert found.metrics == {"n_kept": len(known) - 1, "n_renamed": 1}
    same = kept.assign(kept=False, reason="cosine of 0.99 with its match, but the file of names has changed")
    assert needs.names_kept(same, CHECKS).passed, "the same name is no news, whatever gave it"
    assert needs.names_kept(known.iloc[:0], CHECKS).passed


def test_needs_are_read_from_commodities() -> None:
    known = results.need_definitions()
    assert needs.read_from_commodities(known, CHECKS).passed
    found = needs.read_from_commodities(known.assign(source="departments", source_reason="no commodities"), CHECKS)
    assert not found.passed and found.message == "needs are read from departments: no commodities"
    assert not needs.read_from_commodities(known.iloc[:0], CHECKS).passed


def test_nearly_every_household_has_a_need() -> None:
    table = pd.DataFrame({"need": ["baby"] * 95 + ["none"] * 5})
    assert needs.households_have_needs(table, CHECKS).passed
    found = needs.households_have_needs(table.assign(need="none"), CHECKS)
    assert not found.passed and found.message == "100.0% of 100 households have no need, at most 5% expected"


def test_needs_must_hold_in_the_next_quarter() -> None:
    lift, agreement = results.need_lift(), results.need_agreement()
    found = needs.lift_holds(lift, agreement, CHECKS)
    assert found.passed and "kappa between quarters 0.52, floor 0.30" in found.message
    assert "fresh produce 3.2" in found.message
    assert not needs.lift_holds(lift.assign(lift=1.0), agreement, CHECKS).passed
    assert not needs.lift_holds(lift, agreement.assign(kappa=0.1), CHECKS).passed
    short = needs.lift_holds(lift.iloc[:0], agreement.iloc[:0], CHECKS)
    assert not short.passed and "the history has no two quarters" in short.message
