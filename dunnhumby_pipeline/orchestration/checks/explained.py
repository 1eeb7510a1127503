"""What a check is for, in the words of the registry: the same in docs/checks.md and on the check's page in the UI."""

from __future__ import annotations

from dunnhumby_pipeline.orchestration.checks.check import Check
from dunnhumby_pipeline.settings import CheckSettings


def points(check: Check) -> list[str]:
    """What red means, why it matters, what to do, and the thresholds that move it: items of a list in Markdown."""
    return [
        f"- **Red means:** {check.red}.",
        *([f"- **It matters because** {check.why}."] if check.why else []),
        f"- **Do:** {check.advice}{'' if check.advice.endswith('?') else '.'}",
        *(f"- **Threshold:** {_threshold(name)}" for name in check.thresholds),
    ]


def page(check: Check) -> str:
    """What the page of the check says in the UI, in Markdown."""
    return "\n".join([check.description, "", *points(check)])


def _threshold(name: str) -> str:
    field = CheckSettings.model_fields[name]
    meaning = (field.description or "").removesuffix(" (warn)").removesuffix(" (block)")
    return f"`{name}`, {'not set' if field.default is None else f'{field.default:g}'}: {meaning}."
