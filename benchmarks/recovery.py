"""What breaks, what is seen, and how long until all is well again: the recovery table of docs/operating.md, measured.

python -m benchmarks.recovery [--households 400] [--only NAME ...] [--folder DIR] [--out recovery.md]

Each trial breaks the home of a small simulated study for real: processes are killed by SIGKILL, a disk of tmpfs is
full, a home becomes read-only (both need root; else the trial says so), a table is cut short. Commands are those that
an operator types. Seconds are of the wall, on a study of so few households, from the moment at which it broke until a
command or the daemon has brought the study to its end again; waiting for the operator is not in them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.settings import Home
from dunnhumby_pipeline.words.document import markdown_table
from dunnhumby_pipeline_tests.fakes.postgres import postgres
from dunnhumby_pipeline_tests.fakes.receivers import Endpoint, free_port
from dunnhumby_pipeline_tests.fakes.studies import as_variables, quick_settings

ROOT = Path(__file__).parents[1]
QUICK = ("segmentation", "nuisance", "cate", "power", "refutation")
LOOSE = ("warm_ari_floor", "max_weighted_smd", "min_trials_per_arm", "min_effective_trials")
PATIENCE, PAUSE = 900.0, 0.1
# What other terms make stale: the decision and all that is read of it.
OTHER_TERMS = {"DUNNHUMBY_ECONOMICS__MARGIN": "0.28"}
_OTHERS_OFF = {f"DUNNHUMBY_SCHEDULES__{name}__ON": "false" for name in ("STUDY", "CHECKS", "SCORES")} | {
    "DUNNHUMBY_RETENTION__ON": "false"
}


STALE = ".STALE."


@dataclass(frozen=True)
class Tried:
    """A row of the table: what was seen, what was done, and after how many seconds all was well."""

    seen: str
    done: str
    seconds: float | None


class NotWell(Exception):
    """A study that was not well again in time: what was looked for, and what was said last."""


@dataclass(frozen=True)
class Bench:
    """A finished small study, with its raw files; each trial breaks a copy of it in `folder`."""

    study: Path
    folder: Path
    variables: dict[str, str]

    @property
    def raw(self) -> Path:
        return self.study / "raw"

    def copy(self, name: str) -> Home:
        home = Home(self.folder / name)
        shutil.copytree(self.study / "home", home.root)
        return home

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **self.variables, "PYTHONPATH": str(ROOT), "COLUMNS": "400", **more}

    def begin(self, *words: str | Path, said: Path | None = None, **more: str) -> subprocess.Popen[bytes]:
        """A command of ours in a group of processes of its own."""
        own = [sys.executable, "-W", "ignore", "-m", "dunnhumby_pipeline", *map(str, words)]
        with (said or Path(os.devnull)).open("ab") as log:
            return subprocess.Popen(
                own, env=self.environment(**more), stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )

    def do(self, *words: str | Path, **more: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        own = [sys.executable, "-W", "ignore", "-m", "dunnhumby_pipeline", *map(str, words)]
        done = subprocess.run(
            own, env=self.environment(**more), capture_output=True, text=True, check=False, cwd=self.folder
        )
        return done.returncode, done.stdout + done.stderr

    def run(self, home: Home, **more: str) -> tuple[int, str]:
        return self.do("run", "--home", home.root, "--raw", self.raw, **more)

    def well(self, home: Home, **more: str) -> str:
        """What `dunnhumby run` says on its way to the end of the study. Raises NotWell when it does not get there."""
        code, said = self.run(home, **more)
        if code != 0:
            raise NotWell(f"`dunnhumby run` ended with {code}: {said[-1500:]}")
        return said


@contextmanager
def bench(households: int, folder: Path | None = None) -> Iterator[Bench]:
    """A study of so many simulated households, finished; in `folder`, where one that lies there is used again."""
    settings = quick_settings()
    variables = as_variables(settings, *QUICK)
    variables |= {f"DUNNHUMBY_CHECKS__{name.upper()}": str(getattr(settings.checks, name)) for name in LOOSE}
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recovery_")))
        made = Bench(work if folder is None else folder, work, variables | _OTHERS_OFF)
        if not made.raw.is_dir():
            code, said = made.do("simulate", made.raw, "--households", str(households))
            assert code == 0, said
        made.well(Home(made.study / "home"))
        yield made


def until(holds: Callable[[], object], what: str, log: Path | None = None, pause: float = PAUSE) -> float:
    """Seconds until something holds, looked at every `pause` of them. Raises NotWell when it does not."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > PATIENCE:
            said = "" if log is None or not log.is_file() else log.read_text(encoding="utf-8")[-2000:]
            raise NotWell(f"{what}: not within {PATIENCE:g} seconds; {said}")
        time.sleep(pause)
    return time.monotonic() - began


def kill(process: subprocess.Popen[bytes], group: bool = True) -> None:
    """SIGKILL to a process, and to all that it has started."""
    with ExitStack() as quiet:
        quiet.callback(process.wait)
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def lines_with(said: str, *words: str) -> str:
    """The first line that has a word of each, short, for the column of what is seen."""
    for line in said.splitlines():
        if all(word in line for word in words):
            return " ".join(line.split())
    raise NotWell(f"no line says {' and '.join(words)}: {said[-1500:]}")


def last_end(home: Home) -> float:
    """When the newest run in the history of a home ended."""
    with dg.DagsterInstance.from_config(str(home.dagster_home), "dagster.yaml") as instance:
        return float(instance.get_run_records(limit=1)[0].end_time or 0)


def soon() -> dict[str, str]:
    """Settings by which the weekly study begins at the next whole minute that a daemon can be ready for, and once."""
    due = datetime.now(UTC) + timedelta(seconds=90)
    return {
        "DUNNHUMBY_SCHEDULES__STUDY__ON": "true",
        "DUNNHUMBY_SCHEDULES__STUDY__CRON": f"{due.minute} {due.hour} {due.day} {due.month} *",
        "DUNNHUMBY_SCHEDULES__TYPES": '["TypeA"]',
    }


def states(home: Home) -> list[str]:
    """How the runs that the schedule and its repeats began stand, newest first; none while the history is away."""
    with suppress(Exception), dg.DagsterInstance.from_config(str(home.dagster_home), "dagster.yaml") as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/schedule_name": "weekly_study"}))
        return [run.status.value for run in runs]
    return []


# ------------------------------------------------------------------------------------------------------- trials


def killed_run(made: Bench) -> Tried:
    """`dunnhumby run` killed in a step."""
    home, log = made.copy("killed_run"), made.folder / "killed_run.txt"
    process = made.begin("run", "--home", home.root, "--raw", made.raw, said=log, **OTHER_TERMS)
    until(lambda: b"value_policies" in log.read_bytes() or process.poll() is not None, "a step", log)
    kill(process)
    began = time.monotonic()
    said = made.well(home, **OTHER_TERMS)
    seen = lines_with(said, "died with its process")
    return Tried(seen, "`dunnhumby run`", time.monotonic() - began)


def killed_daemon(made: Bench) -> Tried:
    """The daemon killed with a run that its schedule had begun, and started again as systemd does."""
    home, log = made.copy("killed_daemon"), made.folder / "killed_daemon.txt"
    settings = {**soon(), **OTHER_TERMS}
    words = ("ui", "--part", "daemon", "--home", home.root, "--raw", made.raw)
    process = made.begin(*words, said=log, **settings)
    try:
        until(lambda: "STARTED" in states(home), "a run by the schedule", log, pause=1)
        kill(process)
        began = time.monotonic()
        process = made.begin(*words, said=log, **settings)
        until(lambda: "SUCCESS" in states(home), "the run, once more", log, pause=1)
        seconds = time.monotonic() - began
    finally:
        kill(process)
    seen = " and ".join(state.lower() for state in states(home)[::-1])
    return Tried(f"runs of the schedule in the history: {seen}", "start it again (systemd does)", seconds)


def killed_postgres(made: Bench) -> Tried:
    """The database of the history killed under a daemon and a run of its schedule, and back after 20 seconds."""
    home, log = made.copy("killed_postgres"), made.folder / "killed_postgres.txt"
    with postgres() as server:
        where = server.database("desk")
        made.well(home, **where)
        settings = {**where, **soon(), **OTHER_TERMS}
        words = ("ui", "--part", "daemon", "--home", home.root, "--raw", made.raw)
        os.environ.update(where)
        process = made.begin(*words, said=log, **settings)
        try:
            until(lambda: "STARTED" in states(home), "a run by the schedule", log, pause=1)
            server.stop(now=True)
            began = time.monotonic()
            time.sleep(20)
            alive = process.poll() is None
            server.start()
            if not alive:
                process = made.begin(*words, said=log, **settings)
            until(lambda: "SUCCESS" in states(home), "the run, once more", log, pause=1)
            seconds = time.monotonic() - began
            seen = " and ".join(state.lower() for state in states(home)[::-1])
        finally:
            kill(process)
            for name in where:
                os.environ.pop(name)
    does = "nothing: it goes on" if alive else "start it again (systemd does)"
    return Tried(f"the daemon {'stays' if alive else 'ends'}; runs of the schedule: {seen}", does, seconds)


def full_disk(made: Bench) -> Tried:
    """The disk of the tables is full."""
    home = made.copy("full_disk")
    # The whole warehouse is one disk, as tables are moved within it.
    tables = home.warehouse
    kept = made.folder / "kept_tables"
    shutil.move(tables, kept)
    tables.mkdir()
    size = sum(file.stat().st_size for file in kept.rglob("*"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={2 * size + 20_000_000}", "tmpfs", str(tables)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        return Tried("not tried: to mount a disk needs root", "", None)
    try:
        shutil.copytree(kept, tables, dirs_exist_ok=True)
        filled = tables / "ballast"
        with suppress(OSError), filled.open("wb", buffering=0) as file:
            while file.write(b"0" * 4096):
                pass
        before = [file.name for file in tables.rglob("*")]
        code, said = made.run(home, **OTHER_TERMS)
        if code == 0:
            raise NotWell(f"a full disk went unseen: {said[-1500:]}")
        seen = lines_with(said, "No space left")
        # The mark of a list that is not up to date any more is no leftover.
        left = {file.name for file in tables.rglob("*") if STALE not in file.name} - set(before)
        if left:
            raise NotWell(f"left over: {sorted(left)}")
        filled.unlink()
        began = time.monotonic()
        made.well(home, **OTHER_TERMS)
        seconds = time.monotonic() - began
    finally:
        subprocess.run(["umount", str(tables)], check=True)
    return Tried(seen, "make room, then `dunnhumby run`", seconds)


def unwritable_home(made: Bench) -> Tried:
    """The home is on a disk that can only be read."""
    home = made.copy("unwritable_home")
    bound = subprocess.run(["mount", "--bind", str(home.root), str(home.root)], capture_output=True, check=False)
    if bound.returncode != 0:
        return Tried("not tried: to mount a disk needs root", "", None)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(home.root)], check=True)
        code, said = made.run(home)
        seen = lines_with(said, "cannot start")
        if code != 2:
            raise NotWell(f"a home that cannot be written ended with {code}: {said[-1500:]}")
    finally:
        subprocess.run(["umount", str(home.root)], check=True)
    began = time.monotonic()
    made.well(home)
    return Tried(seen, "give it back, then `dunnhumby run`", time.monotonic() - began)


def damaged_table(made: Bench) -> Tried:
    """A table is cut short."""
    home = made.copy("damaged_table")
    table = home.warehouse / "TypeA" / "policy_value.parquet"
    table.write_bytes(table.read_bytes()[:-200])
    code, said = made.do("report", "--home", home.root)
    if code != 2:
        raise NotWell(f"a damaged table ended with {code}: {said[-1500:]}")
    seen = lines_with(said, "policy_value")
    began = time.monotonic()
    made.well(home)
    return Tried(seen, "`dunnhumby run`", time.monotonic() - began)


def killed_pages(made: Bench) -> Tried:
    """The server of brief, report and lists beside the UI killed."""
    home, log = made.copy("killed_pages"), made.folder / "killed_pages.txt"
    port = free_port()
    place = f"http://127.0.0.1:{port}/TypeA/campaign_brief.html"
    pages = {"DUNNHUMBY_DESK__PAGES_URL": f"http://localhost:{port}"}
    words = ("ui", "--part", "web", "--home", home.root, "--raw", made.raw, "--port", str(free_port()))
    process = made.begin(*words, said=log, **pages)
    try:
        until(lambda: answers(place), "the pages", log)
        os.kill(serving(port), signal.SIGKILL)
        began = time.monotonic()
        until(lambda: answers(place), "the pages, again", log)
        seconds = time.monotonic() - began
    finally:
        kill(process)
    return Tried("links to brief and report fail", "nothing", seconds)


def restored(made: Bench) -> Tried:
    """The home is lost, and a backup restored into an empty one."""
    home = made.copy("lost")
    file = made.folder / "backup.zip"
    code, said = made.do("backup", file, "--home", home.root)
    assert code == 0, said
    shutil.rmtree(home.root)
    began = time.monotonic()
    code, said = made.do("restore", file, "--home", home.root)
    assert code == 0, said
    said = made.well(home)
    seconds = time.monotonic() - began
    seen = "`dunnhumby run` rebuilds nothing" if "done" not in said.split("Data ")[0] else "tables are rebuilt"
    return Tried(seen, "`dunnhumby restore` into an empty folder", seconds)


def alert_latency(made: Bench) -> Tried:
    """A check that fails, told at an HTTP endpoint: seconds from the end of the run."""
    home, log, endpoint = made.copy("alert"), made.folder / "alert.txt", Endpoint().start()
    told = {
        "DUNNHUMBY_ALERTS__SECONDS_BETWEEN_LOOKS": "1",
        "DUNNHUMBY_ALERT_URLS": f"json://127.0.0.1:{endpoint.port}?cto=10&rto=20",
    }
    process = made.begin("ui", "--part", "daemon", "--home", home.root, "--raw", made.raw, said=log, **told)
    try:
        until(lambda: endpoint.got, "the summary of the first look", log)
        code, said = made.do("run", "--home", home.root, "--raw", made.raw, "--cost", "2", **told)
        if code != 0:
            raise NotWell(f"`dunnhumby run --cost 2` ended with {code}: {said[-1500:]}")
        ended = last_end(home)
        until(lambda: len(endpoint.got) > 1, "a message", log)
    finally:
        kill(process)
        endpoint.stop()
    return Tried(str(endpoint.got[1][2]["title"]), "nothing: a message", endpoint.got[1][0] - ended)


def first_page(made: Bench) -> Tried:
    """The first page of the UI in a browser, and the clicks from there to a list at another cost."""
    from dunnhumby_pipeline_tests.fakes import browser
    from dunnhumby_pipeline_tests.fakes.desk import seated, served

    if missing := browser.missing():
        return Tried(f"not tried: {missing}", "", None)
    home = made.copy("first_page")
    with (
        browser.opened() as chromium,
        served(home.root, made.raw, made.folder / "ui.txt", **made.variables) as url,
        seated(chromium, url) as desk,
    ):
        began = time.monotonic()
        desk.open()
        seconds = time.monotonic() - began
        desk.job("decision")
        desk.launchpad("TypeA")
        desk.say("contact_cost", "null", "200")
        desk.launch()
        if (ended := desk.wait_for_end()) != "Success":
            raise NotWell(f"the run of `decision` ended as {ended}")
    return Tried(f"{desk.clicks} clicks from it to a list at another cost", "", seconds)


# What breaks, as the table says it.
TRIALS: dict[str, tuple[str, Callable[[Bench], Tried]]] = {
    "killed_run": ("the process of `dunnhumby run` is killed in a step", killed_run),
    "killed_daemon": ("the daemon is killed with a run that a schedule had begun", killed_daemon),
    "killed_postgres": ("Postgres is killed under the daemon and a run, and is down for 20 seconds", killed_postgres),
    "full_disk": ("the disk of the tables is full", full_disk),
    "unwritable_home": ("the home cannot be written", unwritable_home),
    "damaged_table": ("a table is damaged", damaged_table),
    "killed_pages": ("the server of brief, report and lists beside the UI is killed", killed_pages),
    "restored": ("the home is lost", restored),
}
# Nothing breaks here; what else is measured at the desk.
MEASURED: dict[str, tuple[str, Callable[[Bench], Tried]]] = {
    "alert_latency": ("a check fails, with a look every second", alert_latency),
    "first_page": ("the first page of the UI", first_page),
}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def serving(port: int) -> int:
    """The process that serves the pages at a port: of those that were begun for it, the one that another keeps."""
    begun = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"pages" in words and str(port).encode() in words:
                begun[int(place.name)] = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
    if not begun:
        raise NotWell(f"no process of ours serves pages at {port}")
    return next((process for process, parent in begun.items() if parent in begun), next(iter(begun)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Try each, print the table; 1 when something was not well again."""
    known = TRIALS | MEASURED
    parser = argparse.ArgumentParser(description="Break a small study in every way, and measure until it is well.")
    parser.add_argument("--households", type=int, default=400)
    parser.add_argument("--only", nargs="*", choices=sorted(known), default=list(known), metavar="NAME")
    parser.add_argument("--folder", type=Path, help="an empty folder, or that of an earlier call, whose study is used")
    parser.add_argument("--out", type=Path, help="a file for the table; default: the terminal alone")
    given = parser.parse_args(arguments)
    rows, failed = [], 0
    with bench(given.households, given.folder) as made:
        for name in given.only:
            broke, trial = known[name]
            try:
                tried = trial(made)
            except NotWell as error:
                failed, tried = 1, Tried(f"NOT WELL: {error}", "", None)
            took = "" if tried.seconds is None else f"{tried.seconds:.0f} s"
            rows.append((broke, tried.seen.replace(str(made.folder), "..."), tried.done, took))
            print(" | ".join(rows[-1]), flush=True)
    table = markdown_table(("what breaks", "what is seen", "what to do", "until all is well"), rows)
    if given.out is not None:
        given.out.write_text(table + "\n", encoding="utf-8")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
