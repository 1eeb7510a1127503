"""Every check as a document, made from the registry.

python -m dunnhumby_pipeline.orchestration.checks.document docs/checks.md          # writes it
python -m dunnhumby_pipeline.orchestration.checks.document --check docs/checks.md  # exits 1 when it is stale
"""

from __future__ import annotations

from collections.abc import Sequence

from dunnhumby_pipeline.contracts import registry as contracts
from dunnhumby_pipeline.orchestration.checks.check import Check
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.words.document import markdown_table, write_or_check

_HEAD = """# Reading a red check

Made from `dunnhumby_pipeline/orchestration/checks/registry.py` by `make docs`; edit that, not this.

**What blocks** makes every later number meaningless: a table that is not what its contract says, weeks that
contradict days, campaigns without dates, incomplete features, segments that do not survive a refit, look-ahead,
trials of which one arm has none like them, too few trials of an arm in overlap or too little information in them,
imbalance after weighting, a list without backing or against the evidence. What reads the tables of that step does not
run; the last targeting list stays in place with a file `targeting_list.STALE.txt` beside it, and `targeting_list`
refuses to build, in this run or a later one, until the check passes again.

**What warns** is for a reader to weigh: tables that shrank or grew, data that end early, odd weeks, rows that name
something no table has, many rejects, features that moved, cold stability, factors that explain little or did not
converge, small or renamed segments, segments that do not last, raw propensity AUC, share in overlap, propensities at
their bound, estimators of one estimand that differ beyond noise, an effect where there can be none or one that little
would explain away, heterogeneity or value not proven, a list that holds nobody out or changes much, unknown opt-outs,
altered approvals; and faults of what describes segments (profiles, playbook, lifetime value), on which no later
number rests. A warning stops nothing, and the UI does not label it as blocking.

A reference that the schema calls required blocks: a campaign without dates would change who is treated when. Other
references warn, beyond a share of the rows: a line without a product is still spend.

Thresholds are in `CheckSettings` of [`settings/checks.py`](../dunnhumby_pipeline/settings/checks.py), here with their
defaults; set one in `HOME/dunnhumby.toml` (`[checks]`) or the environment (`DUNNHUMBY_CHECKS__MAX_PSI=0.25`). The
metrics behind every check are plotted over runs in the UI.

"The run before" is the table as it was before it last changed: a rerun on the same data does not clear a warning. A
first run passes and says that there is nothing to compare with.
"""
_COLUMNS = ("check", "kind", "what it checks", "red means", "do", "threshold")
# A check that more tables share than this stands for all tables without an entry of their own.
_NAMED = 8


def checks_markdown(checks: Sequence[Check] = CHECKS) -> str:
    """The text of docs/checks.md: what every table is checked for, then a table of checks per group."""
    families: dict[tuple[str, ...], list[Check]] = {}
    for check in checks:
        families.setdefault((check.red, check.advice), []).append(check)
    shared = [family for family in families.values() if len(family) > _NAMED]
    groups: dict[str, list[list[Check]]] = {table.group: [] for table in contracts.TABLES.values()}
    for family in families.values():
        if family not in shared:
            groups[family[0].contract.group].append(family)
    parts = [_HEAD, *([_section("Every table", shared)] if shared else [])]
    parts += [_section(group.capitalize(), found) for group, found in groups.items() if found]
    return "\n".join(parts)


def _section(title: str, families: Sequence[Sequence[Check]]) -> str:
    return f"## {title}\n\n{markdown_table(_COLUMNS, [_row(family) for family in families])}\n"


def _row(family: Sequence[Check]) -> tuple[str, ...]:
    check = family[0]
    names = ", ".join(f"`{each.table}.{each.name}`" for each in family)
    if len(family) > _NAMED:
        names = f"`*.{check.name}`"
    descriptions = dict.fromkeys(each.description for each in family)
    return (
        names,
        "blocks" if check.blocks else "warns",
        " ".join(descriptions),
        check.red,
        check.advice,
        ", ".join(_threshold(name) for name in check.thresholds),
    )


def _threshold(name: str) -> str:
    default = CheckSettings.model_fields[name].default
    return f"`{name}`" if default is None else f"`{name}` ({default})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write docs/checks.md, or check it; see `write_or_check`."""
    return write_or_check(checks_markdown(), "dunnhumby_pipeline.orchestration.checks.document", arguments)


if __name__ == "__main__":
    raise SystemExit(main())
