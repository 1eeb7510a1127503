"""Services on one server: units of systemd and a compose file, accepted by their own linters and by what they run."""

from __future__ import annotations

import importlib.resources
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import typer
import yaml

from dunnhumby_pipeline import __version__
from dunnhumby_pipeline.cli import app
from dunnhumby_pipeline.settings import Home, load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAMS = "/opt/dunnhumby/.venv/bin"
HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "UMask": "0027",
    "User": "dunnhumby",
}
SECRET_NAMES = re.compile(r"PASS|SECRET|TOKEN|ALERT_URL|KEY|HASH")


def parsed(arguments: list[str]) -> tuple[str, click.Context]:
    """The command of ours that arguments name, with its options as they are read. Fails as the terminal would."""
    group = typer.main.get_command(app)
    name, *rest = arguments
    with click.Context(group) as context:
        found = group.get_command(context, name)  # type: ignore[attr-defined]
        assert found is not None, f"there is no `dunnhumby {name}`"
        return name, found.make_context(name, rest, parent=context)


def directives(unit: Path) -> dict[str, dict[str, list[str]]]:
    """By section and name the values of a unit, in order: names may come more than once."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        name, equals, value = line.partition("=")
        assert equals and section, f"{unit.name}: {line}"
        found.setdefault(section, {}).setdefault(name, []).append(value)
    return found


# ------------------------------------------------------------------------------------------------------- systemd


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_runs_a_command_that_there_is_and_is_confined(unit: Path) -> None:
    service = directives(unit)["Service"]
    (started,) = service["ExecStart"]
    program, *arguments = shlex.split(started)
    assert program == f"{PROGRAMS}/dunnhumby"
    name, context = parsed(arguments)
    assert name in ("ui", "pages", "backup")
    if name in ("ui", "pages"):
        assert context.params["host"] == "127.0.0.1", "only a proxy reaches it"
    assert {name: service.get(name, ["missing"])[-1] for name in HARDENED} == HARDENED
    assert service["Environment"] == ["DUNNHUMBY_HOME=/var/lib/dunnhumby/home"]
    assert any(path in service["ReadWritePaths"][0].split() for path in ("/var/lib/dunnhumby",))
    files = service["EnvironmentFile"]
    assert all(file.startswith("-/etc/dunnhumby/") for file in files)
    text = "\n".join(line for line in unit.read_text().splitlines() if not line.startswith("#"))
    assert not SECRET_NAMES.search(text.replace("history.env", "").replace("alerts.env", "")), "secrets are in files"


def test_addresses_of_alerts_are_known_to_the_daemon_alone() -> None:
    files = {unit.stem: directives(unit)["Service"]["EnvironmentFile"] for unit in SERVICES}
    assert [name for name, read in files.items() if "-/etc/dunnhumby/alerts.env" in read] == ["dunnhumby-daemon"]


def test_the_timer_starts_a_service_that_there_is_at_a_time_when_nothing_else_begins() -> None:
    (timer,) = [unit for unit in UNITS if unit.suffix == ".timer"]
    assert timer.with_suffix(".service") in SERVICES
    (when,) = directives(timer)["Timer"]["OnCalendar"]
    hour = int(re.search(r"(\d\d):(\d\d):\d\d$", when)[1])  # type: ignore[index]
    settings = load_settings()
    crons = [
        settings.retention.cron,
        *(getattr(settings.schedules, each).cron for each in ("study", "checks", "scores")),
    ]
    assert hour not in {int(cron.split()[1]) for cron in crons}


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units with a program that is there in the place of ours, which is not installed where they say."""
    program = tmp_path / "bin" / "dunnhumby"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAMS, str(program.parent)))
    return [tmp_path / unit.name for unit in UNITS]


def systemd(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the units are checked by the tests above alone")
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def test_systemd_accepts_the_units(installed: list[Path]) -> None:
    verified = systemd("verify", *installed)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_refuses_a_unit_that_is_wrong(installed: list[Path]) -> None:
    web = next(unit for unit in installed if unit.name == "dunnhumby-web.service")
    web.write_text(
        web.read_text().replace("Restart=always", "Restart=allways").replace("[Service]", "[Service]\nUsr=x")
    )
    said = systemd("verify", web).stderr
    assert "allways" in said and "Usr" in said


def test_systemd_finds_the_services_little_exposed(installed: list[Path]) -> None:
    """Of ten points, two at most: systemd calls that OK; a service without any confinement has 9.6."""
    for unit in installed:
        if unit.suffix == ".service":
            found = systemd("security", "--offline=true", "--threshold=20", unit)
            assert found.returncode == 0, found.stdout[-300:]


# ------------------------------------------------------------------------------------------------------- compose


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema of the compose specification, as check-jsonschema carries it."""
    package = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    return json.loads((package / "compose-spec.json").read_text(encoding="utf-8"))


def test_the_compose_file_is_one(compose: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.validate(compose, schema)


@pytest.mark.parametrize(
    "change",
    [
        {"restart_policy": "always"},
        {"depends_on": {"postgres": {"condition": "service_is_healthy"}}},
        {"ports": "443:443"},
        {"healthcheck": {"test": ["CMD", "x"], "retry": 3}},
    ],
)
def test_a_compose_file_that_is_wrong_is_found(
    change: dict[str, Any], compose: dict[str, Any], schema: dict[str, Any]
) -> None:
    compose["services"]["web"] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, schema)


def test_compose_runs_commands_that_there_are_on_settings_that_there_are(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = compose["services"]
    parts = {}
    for name in ("web", "daemon"):
        command, context = parsed(services[name]["command"])
        assert command == "ui"
        parts[name] = context.params
        assert services[name]["image"].endswith(f":{__version__}")
    assert (str(parts["web"]["part"]), str(parts["daemon"]["part"])) == ("web", "daemon")
    command, context = parsed(services["pages"]["command"])
    assert command == "pages"
    assert services["proxy"]["environment"]["DESK_PAGES_UPSTREAM"] == f"pages:{context.params['port']}"
    assert services["proxy"]["environment"]["DESK_UPSTREAM"] == f"web:{parts['web']['port']}"
    for variable, value in services["web"]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(Home(tmp_path))
    assert settings.history.host == "postgres" and settings.history.host in services
    database = services["postgres"]["environment"]
    assert (settings.history.user, settings.history.database) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
    mounted = {volume.split(":")[1] for volume in services["web"]["volumes"]}
    assert {str(Home.resolve().root), str(settings.engine.temp_directory)} <= mounted
    assert services["web"]["healthcheck"]["test"][-1].count("/desk/server_info") == 1


def test_compose_shows_nothing_but_the_proxy_and_holds_no_secret(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert services["postgres"]["networks"] == ["back"] and compose["networks"]["back"] == {"internal": True}
    assert "back" not in services["proxy"]["networks"]
    set_here = [name for service in services.values() for name in service.get("environment", {})]
    assert [name for name in set_here if SECRET_NAMES.search(name)] == []
    example = (DEPLOY / "desk.env.example").read_text(encoding="utf-8")
    given = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    assert given["PGPASSWORD"] == given["POSTGRES_PASSWORD"] == given["DESK_PASSWORD_HASH"] == ""
    # Links of the UI lead where the proxy has the pages.
    assert given["DUNNHUMBY_DESK__PAGES_URL"] == f"https://{given['DESK_ADDRESS']}/pages"
    named = set(re.findall(r"\{\$(DESK_[A-Z_]+)", (DEPLOY / "Caddyfile").read_text(encoding="utf-8")))
    here = set(services["proxy"]["environment"]) | set(given)
    assert named - here == {"DESK_CADDY_ADMIN"}
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "*.env" in ignored, "nobody commits it"


def test_the_image_is_built_from_files_that_there_are_and_runs_our_command() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in lines} <= known
    for name, rest in lines:
        if name == "COPY" and "--from" not in rest:
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    given = {name: json.loads(rest) for name, rest in lines if name in ("ENTRYPOINT", "CMD")}
    assert given["ENTRYPOINT"] == ["dunnhumby"]
    assert parsed(given["CMD"])[0] == "ui"
    users = [rest for name, rest in lines if name == "USER"]
    assert users == ["desk"], "nothing runs as root"
    (tag,) = {re.search(r"python:3\.(\d+)", rest)[1] for name, rest in lines if name == "FROM"}  # type: ignore[index]
    wanted = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert wanted is not None and int(wanted[1]) <= int(tag) < int(wanted[2])


def test_the_constraints_of_the_image_are_the_versions_of_the_lock(tmp_path: Path) -> None:
    if shutil.which("sed") is None:
        pytest.skip("sed is not installed")
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    script = re.search(r"RUN (sed -E .*?) > constraints.txt", text)
    assert script is not None
    made = subprocess.run(["sh", "-c", script[1]], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    lines = made.stdout.splitlines()
    assert len(lines) > 150 and all(re.match(r"[\w.-]+==[\w.+]+( ; .+)?$", line) for line in lines)
