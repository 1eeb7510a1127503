"""What the audit of the locked versions makes of pip-audit's reports; it asks no index here."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", Path(__file__).parents[1] / ".ci" / "audit.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks itself up by the name of its module.
    import sys

    sys.modules["audit"] = module
    spec.loader.exec_module(module)
    return module


def _report(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    sound = {"name": "numpy", "version": "2.4.0", "vulns": []}
    return {
        "dependencies": [sound, {"name": "jinja2", "version": "3.1.3", "vulns": list(vulnerabilities)}],
        "fixes": [],
    }


def test_a_vulnerability_with_a_fixed_version_fails(audit: ModuleType) -> None:
    report = _report({"id": "PYSEC-1", "fix_versions": ["3.1.4"], "aliases": []}, {"id": "PYSEC-2", "fix_versions": []})
    code, said = audit.verdict(*audit.findings(report), 2)
    assert code == 1
    assert said == [
        "audit: jinja2 3.1.3: PYSEC-1, fixed in 3.1.4",
        "audit: jinja2 3.1.3: PYSEC-2, not fixed in any release yet",
        "audit: 2 packages, 2 known vulnerabilities, 1 with a fixed version",
    ]


def test_what_nobody_has_fixed_is_listed_and_passes(audit: ModuleType) -> None:
    code, said = audit.verdict(*audit.findings(_report({"id": "PYSEC-2", "fix_versions": []})), 2)
    assert code == 0 and "not fixed in any release yet" in said[0]


def test_a_package_that_was_not_audited_is_named(audit: ModuleType) -> None:
    report = _report()
    report["dependencies"].append({"name": "own", "skip_reason": "Dependency not found on the index"})
    code, said = audit.verdict(*audit.findings(report), 2)
    assert code == 0 and said[0] == "audit: 1 not audited, such as own (Dependency not found on the index)"


def test_without_advisories_it_says_so_and_asks_for_no_other_package(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = []

    def audited(python: str, requirements: Path) -> tuple[dict[str, Any], str]:
        asked.append(requirements.read_text(encoding="utf-8"))
        return {"dependencies": [{"name": "pip", "skip_reason": "not found"}]}, ""

    class Done:
        returncode, stderr = 0, ""

    monkeypatch.setattr(audit.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: Done)
    monkeypatch.setattr(audit, "_audited", audited)
    (tmp_path / "lock").write_text("x==1\n")
    assert audit.main(tmp_path / "lock") == 0
    assert asked == ["pip==24.0\n"]
    assert "audit: skipped" in capsys.readouterr().out
