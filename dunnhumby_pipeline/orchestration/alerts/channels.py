"""Where alerts go: a line of HOME/alerts.log always, and the addresses that the environment names.

An address is a secret: a webhook's holds its token, a mail server's its password. None is kept, printed or logged; a
channel is called by the variable that names it, the place there, and its kind.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dunnhumby_pipeline.orchestration.alerts.incident import (
    BASELINE,
    BLOCKED,
    CLOSED,
    INFO,
    WARNING,
    Message,
    rank,
)
from dunnhumby_pipeline.orchestration.alerts.words import as_line, as_text
from dunnhumby_pipeline.settings import ALERT_VARIABLES, one_line

FILE = "alerts.log"
EXAMPLES = "slack://token_a/token_b/token_c, msteams://..., mailtos://user:password@example.com, jsons://host/path"
_LEAST = dict(zip(ALERT_VARIABLES, (INFO, WARNING, BLOCKED), strict=True))
# Of what the libraries say while a message is sent, nothing else leaves this module.
_TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib")
_HIDDEN = "***"
# Parts of an address that are shorter are words of everyday, such as a port.
_SHORTEST_SECRET = 4
_LONGEST_ANSWER = 300
_REPEATS = ("Could not load", "Unparseable", "Unsupported")


@dataclass(frozen=True)
class Channel:
    """One place that messages of a severity, and graver ones, go to. `send` gives why it did not, None when it did."""

    name: str
    least: str
    send: Callable[[Message], str | None]

    def takes(self, message: Message) -> bool:
        return self.name in message.only if message.only else rank(message.severity) >= rank(self.least)


def channels(log: Path, environment: Mapping[str, str]) -> list[Channel]:
    """The log, then what the three variables name, in order; one that cannot be used says so when it is sent to."""
    found = [Channel(FILE, INFO, lambda message: _append(message, log))]
    for variable, place, url in _addresses(environment):
        name = f"{variable}[{place}] ({_kind(url)})"
        found.append(Channel(name, _LEAST[variable], _sender(url)))
    return found


def unusable(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with the addresses in the environment, a line each, without the addresses."""
    found = []
    for variable, place, url in _addresses(environment):
        plugin, said = _plugin(url)
        if plugin is None:
            found.append(
                f"{variable}, address {place} ({_kind(url)}), cannot be used: {said}; expected addresses as apprise "
                f"has them, divided by spaces, such as {EXAMPLES}"
            )
    return found


def _addresses(environment: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """Variable, place in it from 1 on, and address."""
    for variable in ALERT_VARIABLES:
        for place, url in enumerate(environment.get(variable, "").split(), start=1):
            yield variable, place, url


def _kind(url: str) -> str:
    """'slack' of 'slack://...'; of what does not begin like an address nothing is shown."""
    matched = re.match(r"([A-Za-z][\w+.-]{0,20})://", url)
    return matched[1].lower() if matched else "no address"


def _append(message: Message, log: Path) -> str | None:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(as_line(message) + "\n")
    except OSError as error:
        return one_line(f"{log.name} cannot be written: {error.strerror}")
    return None


def _sender(url: str) -> Callable[[Message], str | None]:
    def send(message: Message) -> str | None:
        plugin, said = _plugin(url)
        if plugin is None:
            return said
        import apprise

        kinds = apprise.NotifyType
        kind = {INFO: kinds.INFO, WARNING: kinds.WARNING, BLOCKED: kinds.FAILURE}[message.severity]
        if message.kind in (CLOSED, BASELINE):
            kind = kinds.SUCCESS if message.kind == CLOSED else kinds.INFO
        sender = apprise.Apprise()
        sender.add(plugin)
        with _heard() as heard:
            try:
                sent = bool(
                    sender.notify(
                        body=as_text(message),
                        title=message.title,
                        notify_type=kind,
                        body_format=apprise.NotifyFormat.TEXT,
                    )
                )
            # Plugins are many, and what one of them raises must not keep the others from their messages.
            except Exception as error:
                sent, heard[:] = False, [*heard, f"{type(error).__name__}: {error}"]
        return None if sent else _answer(heard, url)

    return send


def _plugin(url: str) -> tuple[Any, str]:
    """What sends to an address; or None, and why nothing can."""
    import apprise

    with _heard() as heard:
        try:
            plugin = apprise.Apprise.instantiate(url)
        except Exception as error:
            plugin, heard[:] = None, [*heard, f"{type(error).__name__}: {error}"]
    if plugin is None:
        # The last line of each repeats the address.
        said = [line for line in heard if not line.startswith(_REPEATS)]
        return None, _answer(said or ["there is no such service, or a part of the address is missing"], url)
    if "overflow=" not in url:
        # A service that takes short messages gets several, rather than refusing one.
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
    if plugin.notify_format == apprise.NotifyFormat.HTML and "format=" not in url:
        # As HTML each space becomes one at which no reader may break a line, and lines of a mail run out of its window.
        plugin.notify_format = apprise.NotifyFormat.TEXT
    return plugin, ""


def _answer(heard: list[str], url: str) -> str:
    said = one_line("; ".join(dict.fromkeys(without_address(line, url) for line in heard)))
    return said[:_LONGEST_ANSWER] or "no reason given"


def without_address(text: str, url: str) -> str:
    """`text` without the address or any part of it that can be a secret."""
    scheme, _, rest = url.partition("://")
    parts = {url, rest or scheme, *re.split(r"[/:@?&=,;#]+", rest or scheme)}
    for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, _HIDDEN)
    return text


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What libraries warn of meanwhile, which goes nowhere else; at lower levels they name addresses."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("apprise"):
                heard.append(record.getMessage())

    ear, loggers = Ear(logging.WARNING), [logging.getLogger(name) for name in _TALKATIVE]
    before = [(logger, logger.propagate, logger.level, logger.handlers) for logger in loggers]
    try:
        for logger in loggers:
            logger.propagate, logger.handlers = False, [ear]
            logger.setLevel(logging.WARNING)
        yield heard
    finally:
        for logger, propagate, level, handlers in before:
            logger.propagate, logger.handlers = propagate, handlers
            logger.setLevel(level)
