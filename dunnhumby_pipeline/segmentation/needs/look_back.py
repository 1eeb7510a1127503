"""Needs of households as they stood before an index day, from lines before that day alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.engine.frames import Relation
from dunnhumby_pipeline.segmentation.needs.layers import tamed
from dunnhumby_pipeline.segmentation.needs.needs import household_needs
from dunnhumby_pipeline.segmentation.needs.purchases import as_matrix, bought_by_day
from dunnhumby_pipeline.segmentation.needs.selection import LABEL
from dunnhumby_pipeline.segmentation.needs.store import NeedModel
from dunnhumby_pipeline.settings import EngineSettings


def window_needs(
    rows: pd.DataFrame,
    window: str,
    windows: pd.DataFrame,
    model: NeedModel,
    transactions: Relation,
    products: Relation,
    engine: EngineSettings,
    calendar: pd.DataFrame | None = None,
) -> pd.Series:
    """Leading need of each row of `rows` (household_key and `window`), by the lines of its window alone.

    `windows`: window, first_day, index_day, one for each value of the column `window`. No line on or after the index
    day of its window enters; the loadings themselves come from the whole history. With a `calendar`, windows are on
    the days that it moves lines to (`features.calendar`), and a day that it moves to a window twice counts twice. A
    household that bought nothing the needs know of has the need 'none', as all have where there are no needs.
    """
    found = pd.Series(NO_NEED, index=rows.index, dtype="str")
    if LABEL not in model.layers or rows.empty:
        return found
    by_day = bought_by_day(model.goods, transactions, products, engine, _days_of(windows, calendar))
    days = by_day["day"].to_numpy()
    times = _times(windows, days, calendar)
    layer, names = model.layers[LABEL], model.names[LABEL]
    for place, own in rows.groupby(window):
        keys = own["household_key"].drop_duplicates().sort_values().to_numpy()
        counted = times[place][days]
        inside = counted > 0
        bought = by_day[inside].assign(baskets=by_day.loc[inside, "baskets"] * counted[inside])
        baskets = as_matrix(bought, "baskets", keys, len(model.goods.names))
        needs = household_needs(keys, layer.scores(tamed(baskets, model.weights)), names).set_index("household_key")
        found.loc[own.index] = needs["need"].reindex(own["household_key"]).to_numpy()
    return found


def _days_of(windows: pd.DataFrame, calendar: pd.DataFrame | None) -> tuple[int, int]:
    """The first day that lies in any window, and the one after the last."""
    first, after = int(windows["first_day"].min()), int(windows["index_day"].max())
    if calendar is None:
        return first, after
    inside = calendar.loc[(calendar["new_day"] >= first) & (calendar["new_day"] < after), "day"]
    return (int(inside.min()), int(inside.max()) + 1) if len(inside) else (first, after)


def _times(
    windows: pd.DataFrame, days: NDArray[np.int32], calendar: pd.DataFrame | None
) -> dict[int, NDArray[np.int64]]:
    """How often each day, from 0 to the last of `days`, lies in each window: not at all or once, without a calendar."""
    every = np.arange(int(days.max(initial=0)) + 1)
    old, new = (every, every) if calendar is None else (calendar["day"].to_numpy(), calendar["new_day"].to_numpy())
    known = (old >= 0) & (old < len(every))
    old, new = old[known], new[known]
    return {
        int(window.window): np.bincount(old[(new >= window.first_day) & (new < window.index_day)], minlength=len(every))
        for window in windows.itertuples()
    }
