"""The wheel: it holds what the package needs, and works outside the checkout.

Here it is installed beside the libraries of this environment; `.ci/wheel` installs it with its own, from the index.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import dunnhumby_pipeline
from dunnhumby_pipeline_tests.fakes.journeys import write_raw
from dunnhumby_pipeline_tests.fakes.studies import command

ROOT = Path(__file__).parents[1]
PACKAGE = Path(dunnhumby_pipeline.__file__).parent
VERSION = dunnhumby_pipeline.__version__


@dataclass(frozen=True)
class Installed:
    """A fresh environment with the wheel, and nothing else of this project on its path."""

    wheel: Path
    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        # No PYTHONPATH, and another working directory: nothing leads back to the checkout.
        return subprocess.run(
            [str(argument) for argument in arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def bin(self) -> Path:
        return self.folder / "venv" / "bin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=True)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    place = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")}))
    # Libraries come from this environment; the wheel stands before them on the path.
    (place / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = folder / "venv" / "bin" / "python"
    options = ["--no-index", "--no-deps", "--ignore-installed", "--quiet", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", f"--python={python}", "install", *options, str(wheel)]
    subprocess.run(pip, cwd=folder, capture_output=True, text=True, check=True)
    return Installed(wheel, folder)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        licence = wheel.read(f"dunnhumby_pipeline-{VERSION}.dist-info/licenses/LICENSE").decode()
        metadata = wheel.read(f"dunnhumby_pipeline-{VERSION}.dist-info/METADATA").decode()
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert held == {path.relative_to(PACKAGE.parent).as_posix() for path in files}
    assert {Path(name).suffix for name in held} >= {".py", ".toml", ".j2", ".typed"}
    assert licence.startswith("MIT License") and "License-Expression: MIT" in metadata


def test_the_installed_command_says_its_version_in_both_forms(installed: Installed) -> None:
    for way in ([installed.bin / "dunnhumby"], [installed.bin / "python", "-m", "dunnhumby_pipeline"]):
        done = installed.run(*way, "--version")
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"dunnhumby {VERSION}", "")


def test_the_installed_package_is_the_wheel_and_reads_its_own_files(installed: Installed, tmp_path: Path) -> None:
    program = (
        "import dunnhumby_pipeline, pathlib\n"
        "from dunnhumby_pipeline.report.templates import page_template\n"
        "from dunnhumby_pipeline.segmentation.needs.playbook import load_playbook\n"
        "assert page_template() and load_playbook(None)\n"
        "print(pathlib.Path(dunnhumby_pipeline.__file__).parent)"
    )
    done = installed.run(installed.bin / "python", "-W", "ignore", "-c", program)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.folder / "venv")
    checked = installed.run(installed.bin / "dunnhumby", "validate", write_raw(tmp_path / "raw"), "--json")
    # Too many of the tiny file's rows are rejected for it to be used: it was read, and judged.
    assert checked.returncode == 2 and '"transaction_data.csv"' in checked.stdout, checked.stderr


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "dunnhumby_pipeline/__init__.py"
    assert command("--version").output.strip() == f"dunnhumby {VERSION}"
    written = (*PACKAGE.rglob("*.py"), *ROOT.glob("*.toml"), *ROOT.glob("*.cff"))
    stating = [path for path in written if re.search(rf"[\"' ]{re.escape(VERSION)}[\"'\s]", path.read_text("utf-8"))]
    assert stating == [PACKAGE / "__init__.py"]


def test_the_changelog_is_kept_by_its_convention() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections[0] == "[Unreleased]" or sections[0].startswith(f"[{VERSION}]"), sections
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", name) for name in sections)
    assert any(name.startswith(f"[{VERSION}]") for name in sections)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"} and kinds


def test_the_citation_names_licence_and_data() -> None:
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert said["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= set(said)
    assert said["license"] == "MIT" and (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


def test_the_hooks_run_tools_of_the_environment() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert tools == {"ruff", "mypy", "lint-imports"}
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in ("ruff", "mypy", "import-linter"))
