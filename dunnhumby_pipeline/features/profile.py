"""All that the catalogue lists of a household in a window, in one frame: for both tracks, from one function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.features import CATALOGUE, HISTORY, PROFILE_TABLES
from dunnhumby_pipeline.engine.frames import Relation
from dunnhumby_pipeline.engine.once import Kept, as_they_are
from dunnhumby_pipeline.features.by_day import run_by_day
from dunnhumby_pipeline.features.campaign_history import campaigns_received, coupons_redeemed
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.diversity import department_diversity
from dunnhumby_pipeline.features.exposure import promotion_exposure
from dunnhumby_pipeline.features.habits import shopping_habits
from dunnhumby_pipeline.features.windows import WINDOW_KEY
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Several steps ask for the look-back that ends with the data. Larger frames would be in the way of other work.
_FRAMES: Kept[pd.DataFrame] = Kept(2)
_MOST_ROWS = 100_000


def household_features(tables: Mapping[str, Relation], windows: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    """One row per window and household that shopped in it: window, household_key and the catalogue, in its order.

    `tables`: a parquet file or a frame for each of `catalogue.PROFILE_TABLES`. `windows`: window, first_day, index_day.
    No query sees a line on or after its window's index day. Counts of campaigns and coupons are 0 where there
    are none; other features are null where the catalogue declares it. Raises KeyError when a table is not given.
    The frame of a single window is kept while the files are as they were, for who asks again in this process.
    """
    files = as_they_are(tables[name] for name in PROFILE_TABLES) if len(windows) == 1 else None
    if files is None:
        return _household_features(tables, windows, engine)
    key = (files, tuple(windows[["window", "first_day", "index_day"]].iloc[0]), engine.model_dump_json())
    found = _FRAMES.get(key, lambda: _household_features(tables, windows, engine), lambda made: len(made) <= _MOST_ROWS)
    return found.copy()


def _household_features(tables: Mapping[str, Relation], windows: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    key = list(WINDOW_KEY)
    frame, *others = (
        run_by_day(expression, {**{name: tables[name] for name in names}, "windows": windows}, engine)
        for expression, names in _expressions()
    )
    for more in others:
        frame = frame.merge(more, on=key, how="left", validate="one_to_one")
    # No row of history is a count of none, by the definition of the counts.
    frame = frame.fillna({feature.name: 0.0 for feature in HISTORY})
    return frame[[*key, *(feature.name for feature in CATALOGUE)]]


@cache
def _expressions() -> tuple[tuple[ir.Table, tuple[str, ...]], ...]:
    """The expressions that the catalogue is made of, and the tables that each reads: built, and compiled, once."""
    return (
        (customer_features(), ("transactions", "products")),
        (promotion_exposure(), ("transactions", "promotions")),
        (campaigns_received(), ("campaign_targets", "campaigns")),
        (coupons_redeemed(), ("coupon_redemptions", "campaigns")),
        (shopping_habits(), ("transactions",)),
        (department_diversity(), ("transactions", "products")),
    )
