"""Text on terminals that cannot show all of it: a character without a code is replaced, and never ends the command."""

# ruff: noqa: RUF001
from __future__ import annotations

import codecs
import io
import sys

HANDLER = "dunnhumby_plain"
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


def print_what_can_be() -> None:
    """Make the standard streams of this process replace what their encoding lacks."""
    codecs.register_error(HANDLER, replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)
