"""A household's key in running text, and how it is struck out without touching other numbers that look like it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dunnhumby_pipeline.journey.forgotten import HOUSEHOLD

ERASED = "(erased)"
# Columns whose values are keys of households, in tables and in previews of them.
KEYS = (HOUSEHOLD, "copy_of", "cluster")
# From so many digits on, a number in a text is a key and no count, price or day.
_LONG = 7
_BEFORE = ("households?", "such as", "cop(?:y|ies) of")


@dataclass(frozen=True)
class Key:
    """The key of one household, and the `headers` under which raw files have it."""

    household: int
    headers: tuple[str, ...] = (HOUSEHOLD,)

    @cached_property
    def _named(self) -> re.Pattern[str]:
        number = rf"(?<![\d.,]){self.household}(?!\d|[.,]\d)"
        if len(str(self.household)) >= _LONG:
            return re.compile(f"(){number}")
        words = "|".join((*_BEFORE, *map(re.escape, self.headers)))
        # After the word, other households of a list may stand before this one.
        listed = r"(?:\d+(?:\s*(?:,|;|and|or)\s*|\s+))*"
        return re.compile(rf"((?:\b(?:{words}))[\s=:'\"\\]*{listed}){number}", re.IGNORECASE)

    def struck(self, text: str) -> str:
        """The text without the key where it stands for the household."""
        if str(self.household) not in text:
            return text
        while (found := self._named.sub(rf"\g<1>{ERASED}", text)) != text:
            text = found
        return text

    def is_of(self, values: Iterable[tuple[str, Any]]) -> bool:
        """Whether a row, given as names and values, is of the household: by a column of keys, or in its raw form."""
        plain = {str(self.household), f"{self.household}.0"}
        for name, value in values:
            if name in KEYS[:2] and str(value) in plain:
                return True
            if name == "raw_row" and isinstance(value, str) and self.is_raw(value):
                return True
        return False

    def is_raw(self, row: str) -> bool:
        """Whether a row of a raw file, as JSON by its headers, is of the household."""
        try:
            told = json.loads(row)
        except ValueError:
            return self.struck(row) != row
        return isinstance(told, dict) and any(_is(told.get(header), self.household) for header in self.headers)

    def without(self, node: Any) -> Any:
        """A tree read from JSON without the household: records of it are left out, texts struck."""
        if isinstance(node, dict):
            return {name: self.without(value) for name, value in node.items()}
        if isinstance(node, list):
            return [self.without(each) for each in node if not self._is_record(each)]
        if isinstance(node, str):
            return self._within(node)
        return node

    def _is_record(self, node: Any) -> bool:
        if not isinstance(node, dict):
            return False
        inner = node.get("data", node)
        return isinstance(inner, dict) and self.is_of(inner.items())

    def _within(self, text: str) -> str:
        """A text, or JSON within a text."""
        if str(self.household) not in text:
            return text
        if text[:1] in "{[":
            try:
                return json.dumps(self.without(json.loads(text)))
            except ValueError:
                pass
        return self.struck(text)


def _is(value: object, household: int) -> bool:
    try:
        return float(str(value).strip()) == household
    except ValueError:
        return False


def headers_of(names: Collection[str]) -> tuple[str, ...]:
    """Headers, each once, our own first."""
    return tuple(dict.fromkeys((HOUSEHOLD, *names)))
