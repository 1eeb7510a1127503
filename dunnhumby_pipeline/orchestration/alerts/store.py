"""What alerts keep in the home: what was seen, what is open, what is still to be sent; and the letters given up.

One file, written whole or not at all and synced, so that a process that dies leaves the state before or after: what it
had begun to send is then sent again, never lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from dunnhumby_pipeline.orchestration.alerts.incident import Message, State

_STATE, _DEAD = "state.json", "dead_letters.jsonl"
_SECONDS_TO_WAIT = 60
_AS_JSON = TypeAdapter(State)
_LETTER = TypeAdapter(Message)


class Store:
    """The alerts of one home. Processes take turns: a command can look while the daemon sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def file(self) -> Path:
        return self.folder / _STATE

    @property
    def dead_letters(self) -> Path:
        """Messages that a channel never took, a line of JSON each."""
        return self.folder / _DEAD

    def read(self) -> State:
        """What was kept last; a new beginning when nothing was, or when it cannot be read, which it then says."""
        try:
            return _AS_JSON.validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return State()
        except ValidationError:
            damaged = self.file.with_suffix(".damaged.json")
            os.replace(self.file, damaged)
            return State(began_anew=f"What was known of incidents was damaged ({damaged}); they are counted anew")

    def write(self, state: State) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.file.with_name(f".{_STATE}.{os.getpid()}")
        try:
            with part.open("wb") as file:
                file.write(_AS_JSON.dump_json(state))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.file)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def held(self, name: str = "state", seconds: float = _SECONDS_TO_WAIT) -> Iterator[bool]:
        """Whether this process holds a lock of the alerts; waits `seconds` for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f"{name}.lock")
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def give_up(self, message: Message, channel: str, said: str, moment: str) -> None:
        """Put a message with the dead letters: which channel did not take it, its last answer, and when (UTC)."""
        line = {"channel": channel, "said": said, "given_up": moment, "message": asdict(message)}
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.dead_letters.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def given_up(self) -> list[tuple[Message, str, str]]:
        """The dead letters: message, channel, and the channel's last answer. A line that was cut short is left out."""
        if not self.dead_letters.is_file():
            return []
        found = []
        for text in self.dead_letters.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError, TypeError):
                line = json.loads(text)
                found.append((_LETTER.validate_python(line["message"]), str(line["channel"]), str(line["said"])))
        return found

    def resend(self, now: float) -> int:
        """Put the dead letters back among what is to be sent, each to the channel that did not take it; how many."""
        with self.held():
            state = self.read()
            letters = [
                replace(message, moment=now, sent=(), tries={}, only=(channel,))
                for message, channel, _ in self.given_up()
            ]
            self.write(replace(state, outbox=(*state.outbox, *letters), down={}))
            self.dead_letters.unlink(missing_ok=True)
        return len(letters)
