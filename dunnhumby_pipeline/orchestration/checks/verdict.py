"""What a check finds: passed or not, why, and the metrics behind it.

The verdict modules, one per group of tables, hold the judgements as functions of what they judge, and how a check
that needs more than tables gets it. Severity, advice and wiring are in `registry`, thresholds in the settings. The
first line of a judgement's docstring is what the UI says of the check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verdict:
    """`message` says what was found and, when not passed, what to do; `metrics` are plotted over runs."""

    passed: bool
    message: str
    metrics: Mapping[str, float] = field(default_factory=dict)
