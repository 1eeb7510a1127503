"""What each check looks at, as pure functions of tables: passed or not, why, and the figures behind it.

Here: the judgement, a module a stage. Not here: severity and wiring (`checks`), thresholds (`settings`). The
first line of a docstring is what the UI says of the check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verdict:
    """`message` says what was found and, when not passed, what to do; `figures` are plotted over runs."""

    passed: bool
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)
