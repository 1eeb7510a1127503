"""What is shown: no secrets, one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dunnhumby_pipeline.orchestration.alerts.channels import channels
from dunnhumby_pipeline.orchestration.alerts.incident import RunSeen, State
from dunnhumby_pipeline.orchestration.alerts.judge import Told
from dunnhumby_pipeline.orchestration.alerts.words import Words
from dunnhumby_pipeline.settings import SettingsError, load_settings, one_line, without_secrets

SECRET = "hUsh9"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"at s3://key:{SECRET}@bucket/a, not b", "at s3://key:***@bucket/a, not b"),
        (f"s3://key:{SECRET}/@+x@bucket/a", "s3://key:***@bucket/a"),
        (f"https://{SECRET}@host/a", "https://***@host/a"),
        (f"sc://host:15002/;token={SECRET};user_id=me", "sc://host:15002/;token=***;user_id=***"),
        (f"az://c/a?sv=2026&sig={SECRET}%3D, then", "az://c/a?sv=***&sig=***"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("sc://host:15002 and s3://bucket/a/b", "sc://host:15002 and s3://bucket/a/b"),
    ],
)
def test_urls_are_shown_without_secrets(text: str, shown: str) -> None:
    assert without_secrets(text).startswith(shown)
    assert SECRET not in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r\nb",
        "a\u2028b",
        "a\x0bb",
        "a \x1b[31m\x1b[1mb\x1b[0m",
        "\u202ea\u2066 b\u200f",
        "a\x1b]0;title\x07 b",
        "a\x00b",
    ],
)
def test_one_line_holds_what_can_be_seen(text: str) -> None:
    assert one_line(text) == "a b"


def test_an_alert_is_one_line_without_secrets(tmp_path: Path) -> None:
    said = f"x failed\n2026-01-01T00:00:00+00:00  all is well \x1b[2J\u202e at s3://a:{SECRET}@bucket/b"
    run = RunSeen("r1", "study", None, 0.0, {"load": said})
    message = Words({}, None, "home").message(Told("r1", 1, run=run), State(until=1.0))
    [log] = channels(tmp_path / "alerts.log", {})
    assert log.send(message) is None
    text = (tmp_path / "alerts.log").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1
    assert "load: x failed 2026-01-01T00:00:00+00:00 all is well at s3://a:***@bucket/b | " in text


@pytest.mark.parametrize(
    "settings",
    [
        {"warehouse": f"memory://key:{SECRET}@bucket/a"},
        {"warehouse": f"memory://bucket/a?sig={SECRET}"},
        {"engine": {"remote": f"sc://me:{SECRET}@host:15002"}},
        {"engine": {"kind": "spark", "remote": f"sc://host:15002/;token={SECRET}", "threads": 0}},
    ],
)
def test_a_refused_setting_keeps_its_secret(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**settings)
    assert SECRET not in str(caught.value)
