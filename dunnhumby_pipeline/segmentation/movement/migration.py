"""Whether a segment means the same next month: the fitted segmentation over rolling look-backs.

A *period* is a look-back that ends some steps before the last day; each household is assigned from that look-back
alone. Periods one step apart share most of their days, so that few can move: `shared_days` says how many, and pairs
without any are compared as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.features.drift import psi, psi_terms
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import value_tiers
from dunnhumby_pipeline.segmentation.movement.periods import (
    ABSENT,
    Assignment,
    MigrationError,
    assign_periods,
    period_pairs,
    shared_days,
)


@dataclass(frozen=True)
class MigrationTables:
    """Columns as in the functions of the same names."""

    segment_migration: pd.DataFrame
    migration_summary: pd.DataFrame
    segment_drift: pd.DataFrame


def migration_tables(
    features: pd.DataFrame,
    windows: pd.DataFrame,
    assign: Assignment,
    drifting: tuple[str, ...],
    tier_shares: tuple[float, float],
) -> MigrationTables:
    """All tables of migration, from the features of every household in every period.

    `drifting`: the features whose drift is told, those that the segments were made from; `tier_shares`: of households
    in the high and the mid value tier of a period.
    Raises MigrationError as the functions it calls do, and when a period has no household.
    """
    periods = assign_periods(features, assign)
    empty = sorted(set(windows["window"]) - set(periods["window"]))
    if empty:
        raise MigrationError(
            f"nobody bought in the periods {empty}; set migration.look_back_days to where there are lines"
        )
    pairs = period_pairs(windows)
    flows = segment_migration(periods, pairs)
    return MigrationTables(
        segment_migration=flows,
        migration_summary=migration_summary(flows, windows, period_tiers(periods, tier_shares)),
        segment_drift=segment_drift(features, periods, pairs, drifting),
    )


def segment_migration(periods: pd.DataFrame, pairs: list[tuple[int, int]]) -> pd.DataFrame:
    """Who went where: from_period, to_period, from_segment, to_segment, n (households), share (of from_segment).

    A household that bought in one of the two periods alone comes from, or goes to, '(no purchase)'. All cells are
    there, zeros too, but those of a state nobody left have no row: shares of a from_segment sum to 1.
    """
    states = [*sorted(periods["segment"].unique()), ABSENT]
    wide = _wide(periods, states)
    size = len(states)
    tables = []
    for before, after in pairs:
        old, new = wide[before].to_numpy(), wide[after].to_numpy()
        # Someone who bought in neither has not moved: they are not there.
        here = (old < size - 1) | (new < size - 1)
        counts = np.bincount(old[here] * size + new[here], minlength=size * size).reshape(size, size)
        left = counts.sum(axis=1)
        for row in np.flatnonzero(left):
            tables.append(
                pd.DataFrame(
                    {
                        "from_period": before,
                        "to_period": after,
                        "from_segment": states[row],
                        "to_segment": states,
                        "n": counts[row],
                        "share": counts[row] / left[row],
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def period_tiers(periods: pd.DataFrame, tier_shares: tuple[float, float]) -> pd.DataFrame:
    """Value tier of each household (rows) in each period (columns), by its spend there; missing without any.

    By the rule that lifetime value has (`value_tiers`), among the households of the period.
    """
    tiers = periods.groupby("window")["spend"].transform(lambda spend: value_tiers(spend, tier_shares))
    return periods.assign(tier=tiers).pivot(index="household_key", columns="window", values="tier")


def migration_summary(flows: pd.DataFrame, windows: pd.DataFrame, tiers: pd.DataFrame) -> pd.DataFrame:
    """How alike two periods are: from_period, to_period, from_day and to_day (last days), shared_days, n, ari,
    share_staying, share_staying_tier, n_left, n_joined.

    n: households that bought in both; ari: adjusted Rand index of their segments (Hubert & Arabie 1985), NaN below two
    households; share_staying: of them, in the same segment; share_staying_tier: in the same value tier by their spend
    in the period (`period_tiers`); n_left and n_joined bought in one of the two alone.
    """
    span = windows.set_index("window")
    rows = []
    for (before, after), pair in flows.groupby(["from_period", "to_period"], sort=False):
        absent_before, absent_after = pair["from_segment"] == ABSENT, pair["to_segment"] == ABSENT
        both = pair[~absent_before & ~absent_after]
        n = int(both["n"].sum())
        staying = int(both.loc[both["from_segment"] == both["to_segment"], "n"].sum())
        in_both = tiers[[before, after]].dropna()
        rows.append(
            {
                "from_period": before,
                "to_period": after,
                "from_day": int(span.at[before, "index_day"]) - 1,
                "to_day": int(span.at[after, "index_day"]) - 1,
                "shared_days": shared_days(windows, before, after),
                "n": n,
                "ari": _adjusted_rand(both.pivot(index="from_segment", columns="to_segment", values="n").to_numpy()),
                "share_staying": staying / n if n else float("nan"),
                "share_staying_tier": float((in_both[before] == in_both[after]).mean()),
                "n_left": int(pair.loc[absent_after, "n"].sum()),
                "n_joined": int(pair.loc[absent_before, "n"].sum()),
            }
        )
    return pd.DataFrame(rows)


def segment_drift(
    features: pd.DataFrame,
    periods: pd.DataFrame,
    pairs: list[tuple[int, int]],
    drifting: tuple[str, ...],
) -> pd.DataFrame:
    """Population stability index between periods: from_period, to_period, kind, name, psi.

    kind: 'feature', of the feature `name`; 'segment mix', of the shares of all segments; 'segment', what the segment
    `name` adds to that of the mix.
    Features are taken as they are. Segments rest on percentiles within a period, so the mix can hold still while
    everybody spends less: read both.
    """
    missing = [name for name in drifting if name not in features.columns]
    if missing:
        raise MigrationError(f"features lack {', '.join(missing)}; found {', '.join(features.columns)}")
    by_period = dict(iter(features[["window", *drifting]].groupby("window")))
    mix = pd.crosstab(periods["window"], periods["segment"])
    rows = []
    for before, after in pairs:
        terms = psi_terms(mix.loc[before].to_numpy(dtype=float), mix.loc[after].to_numpy(dtype=float))
        rows.append((before, after, "segment mix", "segment", float(terms.sum())))
        rows += [(before, after, "segment", name, float(term)) for name, term in zip(mix.columns, terms, strict=True)]
        rows += [
            (before, after, "feature", name, psi(by_period[before][name], by_period[after][name])) for name in drifting
        ]
    return pd.DataFrame(rows, columns=["from_period", "to_period", "kind", "name", "psi"])


def _wide(periods: pd.DataFrame, states: list[str]) -> pd.DataFrame:
    """Code of the state of each household (rows) in each period (columns); the last code is absence."""
    codes = periods.assign(code=pd.Categorical(periods["segment"], categories=states).codes.astype("int64"))
    wide = codes.pivot(index="household_key", columns="window", values="code")
    return wide.fillna(len(states) - 1).astype("int64")


def _adjusted_rand(counts: np.ndarray) -> float:
    """Adjusted Rand index of a contingency table of counts; NaN below two households, 1 when nothing could differ."""
    n = float(counts.sum())
    if n < 2:
        return float("nan")

    def twos(numbers: np.ndarray) -> float:
        return float((numbers * (numbers - 1) / 2).sum())

    together, rows, columns = twos(counts), twos(counts.sum(axis=1)), twos(counts.sum(axis=0))
    expected, most = rows * columns / (n * (n - 1) / 2), (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)
