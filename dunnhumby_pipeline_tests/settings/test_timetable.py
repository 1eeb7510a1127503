"""Cron expressions, time zones and what else runs by itself: what cannot be used is named with what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dagster._utils.schedules import is_valid_cron_string
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.settings import SETTINGS_FILE, Home, SettingsError, load_settings
from dunnhumby_pipeline.settings.timetable import require_cron, require_time_zone


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(Home(tmp_path))
    return str(caught.value)


@pytest.mark.parametrize(
    "cron",
    ["0 5 * * 1", "*/15 0-6 1,15 * mon-fri", "0 0 1 jan *", "59 23 31 12 0", "0 5 29 2 *", "0 5 * * 7"],
)
def test_a_cron_expression_is_taken_as_dagster_takes_it(cron: str) -> None:
    assert require_cron(f"  {cron.replace(' ', '   ')} ") == cron
    assert is_valid_cron_string(cron)


_FIELD = st.one_of(
    st.sampled_from(["*", "*/2", "*/0", "*/70", "mon", "jan", "fri-mon", "", "x", "1-", "-1", "1,,2", "?", "L", "#"]),
    st.integers(0, 70).map(str),
    st.tuples(st.integers(0, 70), st.integers(0, 70)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_FIELD, min_size=4, max_size=6))
def test_what_is_accepted_dagster_accepts(fields: list[str]) -> None:
    try:
        cron = require_cron(" ".join(fields))
    except ValueError:
        return
    assert is_valid_cron_string(cron), cron


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 25 * * 1", "the hour of a cron expression is '25'; expected 0 to 23, or *, such as '0 5 * * 1'"),
        ("60 5 * * 1", "the minute of a cron expression is '60'"),
        ("0 5 0 * 1", "the day of the month of a cron expression is '0'; expected 1 to 31"),
        ("0 5 * 13 1", "the month of a cron expression is '13'"),
        ("0 5 * * monday", "the day of the week of a cron expression is 'monday'; expected 0 to 7"),
        ("0 5 * * 5-1", "the day of the week of a cron expression is '5-1'"),
        ("*/0 5 * * 1", "the minute of a cron expression is '*/0'"),
        ("0 5 * *", "has 4 parts; expected five (minute, hour, day of the month, month, day of the week)"),
        ("0 0 5 * * 1", "has 6 parts"),
        ("@weekly", "has 1 parts"),
        ("every monday", "has 2 parts"),
        ("", "has 0 parts"),
        ("0 5 30 2 *", "names a day that no such month has; it would never come"),
        ("0 5 31 4,6 *", "names a day that no such month has"),
        ("0 5 30 2 1", "names a day that no such month has"),
    ],
)
@pytest.mark.parametrize("setting", ["schedules.study", "schedules.checks", "schedules.scores", "retention"])
def test_a_malformed_cron_expression_is_named(tmp_path: Path, cron: str, said: str, setting: str) -> None:
    text = refusal(tmp_path, f'[{setting}]\ncron = "{cron}"\n')
    assert f"{setting}.cron: " in text and said in text and SETTINGS_FILE in text


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Pariss", "did you mean Europe/Paris?"),
        ("paris", "did you mean Europe/Paris?"),
        ("new york", "did you mean America/New_York?"),
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("../../etc/passwd", "is no time zone"),
        ("", "is no time zone"),
        ("+02:00", "is no time zone"),
    ],
)
def test_an_unknown_time_zone_is_named_with_the_nearest(tmp_path: Path, zone: str, said: str) -> None:
    text = refusal(tmp_path, f'[schedules]\ntime_zone = "{zone}"\n')
    assert f"schedules.time_zone is {zone!r}, which is no time zone" in text and said in text


def test_known_time_zones_are_taken() -> None:
    assert [require_time_zone(name) for name in ("UTC", "Asia/Kolkata")] == ["UTC", "Asia/Kolkata"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('campaign_types = ["TypeA"]', "campaign_types: .*; its name is now schedules.types"),
        ("[schedules]\ntypes = []", "schedules.types: .*at least 1 item"),
        ('[schedules.study]\ncorn = "0 5 * * 1"', "schedules.study.corn: Extra inputs"),
        ("[runs]\nmax_retries = -1", "runs.max_retries: .*greater than or equal to 0"),
        ("[runs]\nmax_hours = 0", "runs.max_hours: .*greater than 0"),
        ("[retention]\nhistory_days = 1", "retention.history_days: .*greater than or equal to 7"),
        ("[retention]\nlists = 1", "retention.lists: .*greater than or equal to 2"),
        ('[alerts]\nui_url = "desk.example"', "alerts.ui_url is 'desk.example'; expected an address such as https"),
        ('[alerts]\nui_url = "https://me:hUsh9@desk.example"', "an address without password or parameters"),
        ('[alerts]\nurls = "slack://a/b/c"', "alerts.urls: Extra inputs"),
    ],
)
def test_what_runs_by_itself_is_held_to_its_bounds(tmp_path: Path, text: str, said: str) -> None:
    found = refusal(tmp_path, text)
    assert re.search(said, found)
    assert "hUsh9" not in found


def test_schedules_come_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUNNHUMBY_SCHEDULES__STUDY__CRON", "30 4 * * 0")
    monkeypatch.setenv("DUNNHUMBY_SCHEDULES__SCORES__ON", "false")
    monkeypatch.setenv("DUNNHUMBY_SCHEDULES__TYPES", '["TypeB"]')
    found = load_settings(Home(tmp_path)).schedules
    assert (found.study.cron, found.scores.on, found.types) == ("30 4 * * 0", False, ("TypeB",))
