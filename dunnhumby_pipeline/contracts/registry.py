"""All tables of the study by name, and which step makes which."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.table import Table
from dunnhumby_pipeline.contracts.tables import (
    actions,
    cate,
    contact,
    design,
    economics,
    effects,
    experiments,
    fairness,
    features,
    journey,
    lifetime,
    lists,
    movement,
    needs,
    noise,
    overlap,
    plausibility,
    policies,
    profiles,
    reference,
    repeats,
    report,
    risk,
    scrutiny,
    segments,
    status,
    targeting,
    validation,
)

# In the order of the study.
_CUSTOMERS = (journey, features, segments, needs, lifetime, status, profiles, reference, risk, actions, movement, noise)
_CAUSAL = (design, overlap, effects, repeats, plausibility, cate, validation, scrutiny)
_GROUPS = (*_CUSTOMERS, *_CAUSAL, economics, contact, targeting, policies, experiments, lists, fairness, report)
TABLES: dict[str, Table] = {table.name: table for group in _GROUPS for table in group.TABLES}


def table(name: str) -> Table:
    """The table called `name`; KeyError, listing the tables there are, when there is none."""
    if name not in TABLES:
        raise KeyError(f"no table is called {name!r}; there are {', '.join(TABLES)}")
    return TABLES[name]


def made_by(step: str) -> tuple[Table, ...]:
    """The tables that a step makes, in the order of the study."""
    return tuple(table for table in TABLES.values() if table.made_by == step)
