"""Two measurements of the same months: the weeks of two periods dealt out in turn, and closed up to two look-backs.

Between two periods a household's segment changes because the household did, and because twelve weeks of purchases are
a small sample of it. Deal the weeks of both periods out in turn, and each half is as long as a period, with as many
weeks in common as the periods have, but the halves see the same months: what differs between them is noise alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.segmentation.movement.periods import period_pairs, shared_days

WEEK = 7
FIRST, SECOND, BOTH = 0, 1, 2
_HALVES = 2
_KINDS = {"window": "int64", "first_day": "int32", "index_day": "int32"}


@dataclass(frozen=True)
class Halves:
    """What to compute features over: `windows` (window, first_day, index_day) on the days of `calendar` (day, new_day,
    copy, n_copies), and `pairs`: window, from_period, to_period, half (0 or 1)."""

    windows: pd.DataFrame
    calendar: pd.DataFrame
    pairs: pd.DataFrame


def measured_pairs(windows: pd.DataFrame, most: int) -> list[tuple[int, int]]:
    """Of the pairs of periods that are compared, those whose noise is measured: of neighbours, and of pairs that share
    no day, up to `most` each, evenly spread, the latest among them. A pair is listed once."""
    pairs = period_pairs(windows)
    apart = [pair for pair in pairs if shared_days(windows, *pair) == 0]
    near = [pair for pair in pairs if shared_days(windows, *pair) > 0 and pair[1] - pair[0] == 1]
    return [*_spread(apart, most), *_spread(near, most)]


def interleaved_halves(windows: pd.DataFrame, pairs: list[tuple[int, int]]) -> Halves:
    """Halves of every pair in `pairs`, on days of their own, one half after another.

    Each half has as many days as a period, and the two share as many as the two periods do. Days keep their order
    and, where periods and steps are whole weeks, their weekday; other periods are dealt out in shorter units.
    """
    spans = windows.set_index("window")
    days: list[pd.DataFrame] = []
    rows: list[tuple[int, int, int]] = []
    found: list[tuple[int, int, int, int]] = []
    reached = 0
    for before, after in pairs:
        index_day = int(spans.at[after, "index_day"])
        for half, kept in enumerate(_dealt(spans.loc[before], spans.loc[after])):
            # The same weekday as in the data: weeks of purchases are counted from Monday.
            first = reached + (index_day - len(kept) - reached) % WEEK
            reached = first + len(kept)
            days.append(pd.DataFrame({"day": kept, "new_day": np.arange(first, reached), "copy": len(rows)}))
            found.append((len(rows), before, after, half))
            rows.append((len(rows), first, reached))
    calendar = pd.concat(days, ignore_index=True).assign(n_copies=len(rows))
    return Halves(
        windows=pd.DataFrame(rows, columns=list(_KINDS)).astype(_KINDS),
        calendar=calendar.astype({"day": "int32", "new_day": "int32", "copy": "int64", "n_copies": "int64"}),
        pairs=pd.DataFrame(found, columns=["window", "from_period", "to_period", "half"]),
    )


def _dealt(before: pd.Series, after: pd.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Days of the first and of the second half of two periods of one length."""
    starts, ends = (
        (int(before["first_day"]), int(after["first_day"])),
        (int(before["index_day"]), int(after["index_day"])),
    )
    shared = max(ends[0] - starts[1], 0)
    own = ends[0] - starts[0] - shared
    unit = next(length for length in range(WEEK, 0, -1) if own % length == 0 and shared % length == 0)
    inside = [np.arange(*edges) for edges in zip(starts, ends, strict=True)]
    units = np.unique(np.concatenate(inside)).reshape(-1, unit)
    role = _turns(own // unit, shared // unit)
    return units[role != SECOND].ravel(), units[role != FIRST].ravel()


def _turns(own: int, shared: int) -> NDArray[np.int64]:
    """Whose each of 2 `own` + `shared` units is, spread evenly: first, second, second, first, ... so that neither half
    is the earlier one."""
    turn = np.arange(own)
    early, late = (turn + 0.25) / own, (turn + 0.75) / own
    even = turn % _HALVES == 0
    place = np.concatenate(
        [np.where(even, early, late), np.where(even, late, early), (np.arange(shared) + 0.5) / max(shared, 1)]
    )
    roles = np.repeat([FIRST, SECOND, BOTH], [own, own, shared])
    return roles[np.argsort(place, kind="stable")]


def _spread(pairs: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    if len(pairs) <= most:
        return pairs
    # From the latest back.
    places = np.unique(np.round(len(pairs) - 1 - np.arange(most) * len(pairs) / most).astype(int))
    return [pairs[place] for place in places]
