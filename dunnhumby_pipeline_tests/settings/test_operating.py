"""What docs/operating.md says of settings is what they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from dunnhumby_pipeline.settings import ALERT_VARIABLES, Settings

OPERATING = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def flat(values: dict[str, object], place: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        found.update(flat(value, f"{place}{name}.") if isinstance(value, dict) else {f"{place}{name}": value})
    return found


def test_the_settings_shown_are_the_defaults() -> None:
    shown: dict[str, object] = {}
    for block in re.findall(r"```toml\n(.*?)```", OPERATING, flags=re.DOTALL):
        shown.update(flat(tomllib.loads(block)))
    defaults = flat(Settings().model_dump())
    assert len(shown) > 10
    assert shown == {name: defaults[name] for name in shown}


def test_every_setting_and_variable_that_it_names_exists() -> None:
    defaults = flat(Settings().model_dump())
    for section in ("schedules", "history", "runs", "retention", "alerts"):
        named = set(re.findall(rf"`({section}\.\w+)`", OPERATING))
        assert named <= set(defaults) | {f"{section}.{name}" for name in ("study", "types")}, named
    assert all(f"`{name}`" in OPERATING for name in ALERT_VARIABLES)
