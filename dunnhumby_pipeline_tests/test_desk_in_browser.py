"""An analyst at the desk: the real UI, its daemon and its runs, in a real browser.

The home's settings make one check fail on purpose. The cost is changed in the launchpad; the list changes, the check
fails, and its page says what to do.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.settings import BROWSER_VARIABLE
from dunnhumby_pipeline_tests.fakes import browser
from dunnhumby_pipeline_tests.fakes.desk import DeskError, seated, served
from dunnhumby_pipeline_tests.fakes.studies import QUICK, SmallStudy, as_variables, command, quick_settings

BROWSER = browser.needed()
# With it on the path, runs leave their pictures undrawn.
UNDRAWN = Path(__file__).parent / "fakes" / "undrawn"
# More than any effect of the small study is worth, so that nobody is targeted.
COST = "200"
# A list that changes by more than a hundredth is a failed check in this home.
STEADY = "[checks]\nmax_decision_churn = 0.01\n"
LOOSE = ("warm_ari_floor", "max_weighted_smd", "min_trials_per_arm", "min_effective_trials")


def _variables() -> dict[str, str]:
    """Settings of the small study, but for the one that the home's file sets; and what its processes begin with."""
    settings = quick_settings()
    path = os.pathsep.join(filter(None, (str(UNDRAWN), os.environ.get("PYTHONPATH"))))
    # Brief and report are served by nobody beside the UI: no page of theirs is opened.
    processes = {"PYTHONPATH": path, "DUNNHUMBY_DESK__PAGES_URL": "https://desk.example/pages"}
    loose = {f"DUNNHUMBY_CHECKS__{name.upper()}": str(getattr(settings.checks, name)) for name in LOOSE}
    return as_variables(settings, *(section for section in QUICK if section != "checks")) | loose | processes


@BROWSER
def test_an_analyst_changes_the_cost_and_sees_the_list_change(small: SmallStudy, tmp_path: Path) -> None:
    laboratory = small.copy(tmp_path)
    (laboratory.home.root / "dunnhumby.toml").write_text(STEADY, encoding="utf-8")
    before = pd.read_parquet(laboratory.table("targeting_list"))["decision"].value_counts()
    assert before["target"] > 0
    said = tmp_path / "ui.txt"
    with (
        browser.opened() as chromium,
        served(laboratory.home.root, laboratory.raw, said, **_variables()) as url,
        seated(chromium, url) as desk,
    ):
        desk.open()
        desk.job("decision")
        desk.launchpad("TypeA")
        assert "scenario: 'printed mail'" in desk.config
        desk.say("contact_cost", "null", COST)
        assert f"contact_cost: {COST}\n" in desk.config
        desk.launch()
        assert desk.wait_for_end() == "Success", said.read_text(encoding="utf-8")[-3000:]
        # By hand from the first page to a list at another cost.
        assert desk.clicks <= 9

        after = pd.read_parquet(laboratory.table("targeting_list"))["decision"].value_counts()
        assert after.get("target", 0) == 0
        page = desk.table("targeting/targeting_list")
        for decision, households in after.items():
            assert re.search(rf"n_{decision}\s+[^\n]+\s+{households}\b", page), decision

        page = desk.check("lists/decision_churn", "decisions_steady")
        assert "Failed" in page
        assert re.search(rf"\d+\.\d% of {before.sum():,} decisions differ from the last list", page)
        assert "Red means:" in page
        assert "Do:" in page
        assert "max_decision_churn" in page


def test_a_missing_browser_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BROWSER_VARIABLE, "/no/such/browser")
    browser.executable.cache_clear()
    try:
        why = browser.missing()
        assert f"{BROWSER_VARIABLE} is '/no/such/browser', which is no program" in why
        assert "\n" not in why
        assert browser.needed().kwargs["reason"] == why
    finally:
        browser.executable.cache_clear()


def test_a_ui_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dunnhumby.toml").write_text("[checks]\nmax_decision_churn = 7\n", encoding="utf-8")
    refused = command("ui", "--home", tmp_path)
    assert refused.exit_code == 2 and "checks.max_decision_churn" in refused.output
    # What a process says that ends so.
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho cannot start: checks.max_decision_churn\nexit 2\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with (
        pytest.raises(DeskError, match=r"cannot start: checks\.max_decision_churn"),
        served(tmp_path, None, tmp_path / "ui.txt"),
    ):
        pass
