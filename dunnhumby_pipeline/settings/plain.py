"""Text that can be shown: without what belongs to nobody else, and on one line."""

from __future__ import annotations

import re
import unicodedata

HIDDEN = "***"
_URL = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]+")
_PASSWORD = re.compile(r"(://[^/@\s:]*:)\S*@")
# A name alone can be a token; in Azure's addresses it is that of a container.
_USER = re.compile(r"(?<!abfs)(?<!abfss)(?<!az)(://)[^/@\s:]+@")
# Of an address's parameters and a query, each value: which of them is a token only its server knows.
_VALUE = re.compile(r"([;?&][\w.%-]+=)[^;&#]*")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def without_secrets(text: str) -> str:
    """`text` in which URLs have no password, and parameters no value."""

    def clean(url: re.Match[str]) -> str:
        named = _USER.sub(rf"\1{HIDDEN}@", _PASSWORD.sub(rf"\1{HIDDEN}@", url[0]))
        return _VALUE.sub(rf"\1{HIDDEN}", named)

    return _URL.sub(clean, text)


def one_line(text: str) -> str:
    """`text` as one line of what can be seen: no line ends, control or direction marks, no colours, no secrets."""
    seen = _ANSI.sub("", text)
    shown = "".join(" " if _parts(letter) else letter for letter in seen if unicodedata.category(letter) != "Cf")
    return without_secrets(" ".join(shown.split()))


def _parts(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
