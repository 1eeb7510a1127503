"""Settings that cannot be used: the message, and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dunnhumby_pipeline.settings import SETTINGS_FILE, Home, SettingsError, load_settings


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(Home(tmp_path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[trial]\nkeep_cut_waves = true", "trial.keep_cut_waves: .*; its name is now trial.keep_cut_campaigns"),
        ('[trial]\ndesign = "first_eligible_wave"', "trial.design: .*; its name is now 'first_eligible'"),
        ("[economics]\nmargn = 0.3", r"economics.margn: .*; did you mean economics.margin\?"),
        ("[economcs]\nmargin = 0.3", r"economcs: .*; did you mean economics\?"),
        ("[economics]\nmargin = nan", "economics.margin: .*finite number"),
        ("[economics]\ncontact_cost = inf", "economics.contact_cost: .*finite number"),
        ("[economics", "is not TOML"),
        ('[economics]\ncost_source = "estimated"', "economics.cost_source: .*gross profit counts the coupons already"),
        ("[cate]\nn_bootstraps = 50", "cate.n_bootstraps: .*; the R-learner has no interval"),
        ("[trial.margin_weights]\nMEAT = 4.0", r"economics.margin x trial.margin_weights must be at most 1.* 0.3 x 4 "),
    ],
)
def test_what_cannot_be_used_is_named_with_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    assert re.search(said, refusal(tmp_path, text))


def test_a_name_like_no_other_has_no_advice(tmp_path: Path) -> None:
    assert "did you mean" not in refusal(tmp_path, "[economics]\nzzz = 1")


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / SETTINGS_FILE
    file.write_bytes("# Gebühr\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=f"{SETTINGS_FILE} is not UTF-8 .*; save it as UTF-8"):
        load_settings(Home(tmp_path))


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).mkdir()
    with pytest.raises(SettingsError, match=f"{SETTINGS_FILE} is not a file; expected a TOML file"):
        load_settings(Home(tmp_path))
