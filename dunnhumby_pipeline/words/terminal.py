"""Text on terminals: a character without a code is replaced and never ends the command, and no name from the data
commands the terminal.
"""

# ruff: noqa: RUF001
from __future__ import annotations

import codecs
import io
import re
import sys
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

HANDLER = "dunnhumby_plain"
# All but the line feed and the tab, with the sequences that an escape character begins.
_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# A question mark in place of a minus would turn a loss into a riddle.
_PLAIN = {
    "−": "-",
    "–": "-",
    "—": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "…": "...",
    "×": "x",
    "²": "2",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "→": "->",
    "∞": "inf",
    "·": ".",
    "━": "-",
    "╸": "-",
    "╺": "-",
}


def replaced(error: UnicodeError) -> tuple[str, int]:
    """A handler of errors of `codecs`: what stands in ASCII for characters that an encoding lacks, else "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lacking), error.end


class _Plain(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_WithoutControls(each) for each in renderables]


@dataclass(frozen=True)
class _WithoutControls:
    """What a renderable shows, without control characters of its own; those of the console's are added later."""

    shown: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.shown, options):
            yield segment if segment.control else Segment(_CONTROLS.sub("", segment.text), segment.style)


def plain_console(console: Console | None = None) -> Console:
    """A console, by default on standard output, that sends no escape sequence which stands in what it prints."""
    made = Console() if console is None else console
    made.push_render_hook(_Plain())
    return made


def print_what_can_be() -> None:
    """Make the standard streams of this process replace what their encoding lacks."""
    codecs.register_error(HANDLER, replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)
