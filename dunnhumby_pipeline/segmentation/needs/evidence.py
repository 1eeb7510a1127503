"""What needs are found from, read from the tables of lines and products."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.segmentation.needs.purchases import all_households, as_matrices, bought_in, known_goods
from dunnhumby_pipeline.segmentation.needs.tables import Evidence
from dunnhumby_pipeline.segmentation.needs.validation import Quarter, quarter_windows
from dunnhumby_pipeline.segmentation.segments.tables import drawn_rows
from dunnhumby_pipeline.settings import EngineSettings, NeedSettings


def need_evidence(
    tables: Mapping[str, TablePath], settings: NeedSettings, engine: EngineSettings, seed: int
) -> Evidence:
    """Baskets and sales by commodity (or department) of every household, and in the last quarters of those drawn."""
    from dunnhumby_pipeline.features.windows import observed_days, one_window

    lines, products = tables["transactions"], tables["products"]
    first_day, last_day = observed_days(lines, engine)
    keys = all_households(lines, engine)
    goods = known_goods(lines, products, len(keys), settings.min_reach, engine)
    drawn = drawn_rows(len(keys), settings.max_households, seed)
    n_goods = len(goods.names)
    if goods.source == "nothing":
        nothing = pd.DataFrame({"household_key": [], "code": [], "baskets": [], "sales": []}).astype("int64")
        return Evidence(goods, as_matrices(nothing, keys, 0), (), drawn)
    whole = as_matrices(bought_in(one_window(first_day, last_day), goods, lines, products, engine), keys, n_goods)
    windows = quarter_windows(first_day, last_day, settings.quarter_days)
    by_quarter = bought_in(windows, goods, lines, products, engine)
    quarters = [
        Quarter(
            int(quarter.first_day),
            int(quarter.index_day),
            as_matrices(by_quarter[by_quarter["window"] == quarter.window], keys[drawn], n_goods),
        )
        for quarter in windows.itertuples()
    ]
    return Evidence(goods, whole, quarters, drawn)
