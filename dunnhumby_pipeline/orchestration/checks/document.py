"""Every check as a document, made from the registry.

python -m dunnhumby_pipeline.orchestration.checks.document docs/checks.md          # writes it
python -m dunnhumby_pipeline.orchestration.checks.document --check docs/checks.md  # exits 1 when it is stale
"""

from __future__ import annotations

from collections.abc import Sequence

from dunnhumby_pipeline.contracts import registry as contracts
from dunnhumby_pipeline.orchestration.checks.check import Check
from dunnhumby_pipeline.orchestration.checks.explained import points
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.words.document import markdown_table, slug, write_or_check

_HEAD = """# Reading a red check

Made from the registry of checks (`dunnhumby_pipeline/orchestration/checks/registry.py`) by `make docs`; edit that.

You have a check that is red, in the summary, the report, an alert or the UI. Find its name in the
[list](#find-a-check) below, or search this page for it. Its entry says what was checked, what red means, why that
matters and what to do. The message of the check itself has the numbers of your study.

## What red stops

**A check that blocks** is about something that makes every later number meaningless. What reads the table does not run,
in this run or a later one, until the check passes. The last targeting list stays in place, with a file
`targeting_list.STALE.txt` beside it, and the brief says what could not be answered. Correct the cause and run again:
`dunnhumby run` rebuilds the table and judges it again. Only what spoils everything after it blocks: a
table that is not as its contract says, arms that cannot be compared, a list that nothing backs.

**A check that warns** stops nothing. It is for a reader to weigh, and the brief and the report say so where it counts.
A warning may be right and nothing wrong: "not proven" is an answer.

"The run before" is the table as it was before it last changed, so that a rerun on the same data clears no warning. A
first run has nothing to compare with, passes, and says so.

## Where a threshold is set

Thresholds stand below with their defaults; all are in [`settings/checks.py`](../dunnhumby_pipeline/settings/checks.py).
Set one in `dunnhumby.toml` in the home folder, or in the environment. A threshold that is loosened to turn a check
green moves the line and not the data: say so with the result.

```toml
[checks]
max_psi = 0.25          # or: export DUNNHUMBY_CHECKS__MAX_PSI=0.25
```

The numbers behind every check are plotted over runs in the UI, under *Checks* of its table; the words of this page
stand there too. This is a check that warns, on the embedded sample: what red means and what to do stand above what was
found.

![The page of a check in the UI: what red means, why it matters, what to do, and below it what was found][failed check]

[failed check]: pictures/failed_check.png

## Find a check
"""
# A check that more tables share than this stands for all tables without an entry of their own.
_NAMED = 8
_EVERY = "Every table"

Family = Sequence[Check]


def checks_markdown(checks: Sequence[Check] = CHECKS) -> str:
    """The text of docs/checks.md: a list of all checks by group of tables, then an entry for each.

    Checks of the same words (`red` and `advice`) share an entry, which names all of them.
    """
    groups = _groups(checks)
    parts = [_HEAD, markdown_table(("tables", "block", "warn"), [_contents(*item) for item in groups.items()])]
    for group, families in groups.items():
        parts += [f"\n## {_title(group)}", *(_entry(family) for family in families)]
    return "\n".join(parts) + "\n"


def _groups(checks: Sequence[Check]) -> dict[str, list[Family]]:
    """Families of checks by the group of their first table, in the order of the contracts; what all share first."""
    families: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        families.setdefault((check.red, check.advice), []).append(check)
    groups: dict[str, list[Family]] = {_EVERY: [], **{table.group: [] for table in contracts.TABLES.values()}}
    for family in families.values():
        groups[_EVERY if len(family) > _NAMED else family[0].contract.group].append(family)
    return {group: sorted(found, key=lambda each: not each[0].blocks) for group, found in groups.items() if found}


def _title(group: str) -> str:
    return group[0].upper() + group[1:]


def _contents(group: str, families: Sequence[Family]) -> tuple[str, str, str]:
    def links(blocks: bool) -> str:
        chosen = [family for family in families if family[0].blocks is blocks]
        return ", ".join(f"[`{name}`](#{slug(_heading(family))})" for family in chosen for name in _names(family))

    return f"[{_title(group)}](#{slug(_title(group))})", links(True), links(False)


def _names(family: Family) -> list[str]:
    """What the checks of a family are called; of one that all tables have, one name for all."""
    named = family if len(family) <= _NAMED else ()
    return [f"{check.table}.{check.name}" for check in named] or [f"*.{family[0].name}"]


def _heading(family: Family) -> str:
    first, *others = _names(family)
    return f"`{first}` and {len(others)} more" if others else f"`{first}`"


def _entry(family: Family) -> str:
    check = family[0]
    lines = [f"\n### {_heading(family)}\n", f"**{'Blocks' if check.blocks else 'Warns'}.** {_checked(family)}\n"]
    if 1 < len(family) <= _NAMED:
        lines.append(f"- **Of:** {', '.join(f'`{name}`' for name in _names(family))}")
    elif len(family) == 1:
        lines.append(f"- **Table:** [`{check.table}`](data_dictionary.md#{slug(check.table)})")
    lines += points(check)
    return "\n".join(lines)


def _checked(family: Family) -> str:
    return " ".join(dict.fromkeys(check.description for check in family))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write docs/checks.md, or check it; see `write_or_check`."""
    return write_or_check(checks_markdown(), "dunnhumby_pipeline.orchestration.checks.document", arguments)


if __name__ == "__main__":
    raise SystemExit(main())
