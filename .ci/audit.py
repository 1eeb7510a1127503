"""Known vulnerabilities of the locked versions, from the package index's own advisories, by pip-audit.

python .ci/audit.py [requirements.lock]

Exit code 1 when a locked version has one for which a fixed version exists; the others are listed. Where the index is
not reachable, or has no advisories, a line says that nothing was audited, and the exit code is 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUDITOR = "pip-audit==2.10.1"
# Asked of first: where the index knows no advisories of its own installer, it has none to give.
PROBE = "pip==24.0"
LOCK = Path(__file__).parents[1] / "requirements.lock"


@dataclass(frozen=True)
class Finding:
    """A vulnerability of a locked version; `fixed_in` are versions without it, empty where there are none yet."""

    package: str
    version: str
    name: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        way = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed in any release yet"
        return f"{self.package} {self.version}: {self.name}, {way}"


def findings(report: dict[str, Any]) -> tuple[list[Finding], list[str]]:
    """What a report of pip-audit (its JSON) found, and the packages that it could not audit, each with why."""
    found, skipped = [], []
    for each in report["dependencies"]:
        if "skip_reason" in each:
            skipped.append(f"{each['name']} ({each['skip_reason']})")
            continue
        found += [
            Finding(each["name"], each["version"], one["id"], tuple(one.get("fix_versions", ())))
            for one in each.get("vulns", ())
        ]
    return found, skipped


def verdict(found: list[Finding], skipped: list[str], n_audited: int) -> tuple[int, list[str]]:
    """The exit code and what is said."""
    fixable = [one for one in found if one.fixed_in]
    said = [f"audit: {one}" for one in found]
    said += [f"audit: {len(skipped)} not audited, such as {skipped[0]}"] if skipped else []
    said.append(f"audit: {n_audited} packages, {len(found)} known vulnerabilities, {len(fixable)} with a fixed version")
    return (1 if fixable else 0), said


def not_reachable(why: str) -> int:
    print(f"audit: skipped, the advisories of the package index are not reachable ({why})")
    return 0


def main(lock: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="audit_") as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        python = str(place / "venv" / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", AUDITOR]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            return not_reachable(_last_line(done.stderr) or "pip-audit cannot be installed")
        (place / "probe.txt").write_text(f"{PROBE}\n", encoding="utf-8")
        probe, why = _audited(python, place / "probe.txt")
        if probe is None:
            return not_reachable(why)
        if unknown := findings(probe)[1]:
            return not_reachable(unknown[0])
        report, why = _audited(python, lock)
        if report is None:
            print(f"audit: failed: {why}")
            return 1
    found, skipped = findings(report)
    code, said = verdict(found, skipped, len(report["dependencies"]) - len(skipped))
    print("\n".join(said))
    return code


def _audited(python: str, requirements: Path) -> tuple[dict[str, Any] | None, str]:
    """The report on a file of pinned requirements; None, and why, when there is none."""
    options = ["--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip"]
    command = [python, "-m", "pip_audit", "-r", str(requirements), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
        return (report if "dependencies" in report else None), _last_line(done.stderr)
    except ValueError:
        return None, _last_line(done.stderr) or "no report"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else LOCK))
