"""Needs of households as they stood before an index day, from lines before that day alone."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.engine.frames import Relation
from dunnhumby_pipeline.segmentation.needs.layers import tamed
from dunnhumby_pipeline.segmentation.needs.needs import household_needs
from dunnhumby_pipeline.segmentation.needs.purchases import as_matrix, bought_in
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
    the days that it moves lines to (`features.calendar`). A household that bought nothing the
    needs know of has the need 'none', as all have where there are no needs.
    """
    found = pd.Series(NO_NEED, index=rows.index, dtype="str")
    if LABEL not in model.layers or rows.empty:
        return found
    bought = bought_in(windows, model.goods, transactions, products, engine, calendar, sales=False)
    layer, names = model.layers[LABEL], model.names[LABEL]
    for place, own in rows.groupby(window):
        keys = own["household_key"].drop_duplicates().sort_values().to_numpy()
        baskets = as_matrix(bought[bought["window"] == place], "baskets", keys, len(model.goods.names))
        needs = household_needs(keys, layer.scores(tamed(baskets, model.weights)), names).set_index("household_key")
        found.loc[own.index] = needs["need"].reindex(own["household_key"]).to_numpy()
    return found
