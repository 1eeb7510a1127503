"""Whether an expression can be computed household range by household range, and in which ranges.

It can when no row of it depends on two households. That is read off the expression itself: every step over
rows of households keeps `household_key`, and groups, joins or partitions by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis.expr.operations as ops
import ibis.expr.types as ir

if TYPE_CHECKING:
    import duckdb

KEY = "household_key"
_ROW_BY_ROW = (ops.Filter, ops.Sort, ops.Distinct, ops.DropColumns, ops.DropNull, ops.FillNull)


@dataclass(frozen=True)
class HouseholdRange:
    """Households from `first` (included) up to `end` (excluded); None is open."""

    first: int | None
    end: int | None

    def condition(self) -> str:
        """The range as a SQL condition on `household_key`."""
        bounds = []
        if self.first is not None:
            bounds.append(f"{KEY} >= {self.first}")
        if self.end is not None:
            bounds.append(f"{KEY} < {self.end}")
        return " AND ".join(bounds) or "true"


def is_per_household(expression: ir.Table) -> bool:
    """Whether each row of `expression` has a household_key and depends on that household's rows alone.

    Conservative: an operation that this module does not know makes the answer False.
    """
    return _keyed(expression.op()) is True


def order_columns(expression: ir.Table) -> tuple[str, ...] | None:
    """The columns by which `expression` is ordered, ascending; None when it is not ordered by integer columns alone."""
    last = expression.op()
    if not isinstance(last, ops.Sort):
        return None
    plain = all(isinstance(key.arg, ops.Field) and key.ascending and key.dtype.is_integer() for key in last.keys)
    return tuple(key.arg.name for key in last.keys) if plain else None


def balanced_ranges(connection: duckdb.DuckDBPyConnection, lines: str, rows_at_once: int) -> Sequence[HouseholdRange]:
    """Ranges that cover every household, each with about `rows_at_once` rows of the SQL relation `lines`.

    A household is never split, so a range holds more rows when one household has more.
    """
    firsts = connection.execute(
        f"SELECT min({KEY}) FROM ("
        f"SELECT {KEY}, sum(n) OVER (ORDER BY {KEY}) - n AS n_before FROM "
        f"(SELECT {KEY}, count(*) AS n FROM {lines} GROUP BY {KEY})"
        f") GROUP BY n_before // {rows_at_once} ORDER BY 1"
    ).fetchall()
    inner = [first for (first,) in firsts][1:]
    return [HouseholdRange(first, end) for first, end in zip([None, *inner], [*inner, None], strict=True)]


def _keyed(relation: ops.Relation) -> bool | None:
    """True: rows belong to a household each. None: no row has to do with households. False: neither, or unknown."""
    if isinstance(relation, ops.UnboundTable):
        return True if KEY in relation.schema else None
    if isinstance(relation, ops.JoinReference | ops.SelfReference):
        return _keyed(relation.parent)
    if isinstance(relation, ops.JoinChain):
        return _keyed_join(relation)
    if isinstance(relation, ops.Union):
        left, right = _keyed(relation.left), _keyed(relation.right)
        return left if left == right else False
    if not isinstance(relation, (*_ROW_BY_ROW, ops.Project, ops.Aggregate)):
        return False
    parent = _keyed(relation.parent)
    if parent is not True:
        return False if _subqueries(relation) else parent
    return _is_key(relation.values.get(KEY)) and not _subqueries(relation) and _windows_are_per_household(relation)


def _keyed_join(join: ops.JoinChain) -> bool | None:
    first = _keyed(join.first)
    others = [_keyed(link.table) for link in join.rest]
    if first is None and all(other is None for other in others):
        return None
    # Rows without a household on the left would turn up unmatched in every range.
    if first is not True or False in others or _subqueries(join):
        return False
    keyed = {join.first, *(link.table for link, other in zip(join.rest, others, strict=True) if other)}
    for link in join.rest:
        if link.how not in ("inner", "left", "semi", "anti"):
            return False
        if link.table in keyed and not any(_equates_keys(predicate, keyed) for predicate in link.predicates):
            return False
    key = join.values.get(KEY)
    # After a left join the key of the right side may be null.
    return _is_key(key) and key.rel == join.first and _windows_are_per_household(join)


def _equates_keys(predicate: ops.Value, keyed: set[ops.Relation]) -> bool:
    sides = (predicate.left, predicate.right) if isinstance(predicate, ops.Equals) else ()
    return bool(sides) and all(_is_key(side) and side.rel in keyed for side in sides)


def _is_key(value: ops.Value | None) -> bool:
    return isinstance(value, ops.Field) and value.name == KEY


def _values(relation: ops.Relation) -> list[ops.Node]:
    """The expressions that a step computes, without the steps below it."""
    return [argument for argument in relation.__children__ if not isinstance(argument, ops.Relation | ops.JoinLink)] + [
        predicate for link in getattr(relation, "rest", ()) for predicate in link.predicates
    ]


def _found(relation: ops.Relation, kinds: type | tuple[type, ...]) -> list[ops.Node]:
    found = []
    for value in _values(relation):
        found += value.find(kinds, filter=lambda node: not isinstance(node, ops.Relation))
    return found


def _subqueries(relation: ops.Relation) -> bool:
    return bool(_found(relation, ops.Subquery))


def _windows_are_per_household(relation: ops.Relation) -> bool:
    return all(any(_is_key(by) for by in window.group_by) for window in _found(relation, ops.WindowFunction))
