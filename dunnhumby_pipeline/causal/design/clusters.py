"""Which trials are of one household: those of its copies too, which must share a fold and a cluster."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CLUSTER = "cluster"


def with_clusters(trials: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    """`trials`, with the column `cluster` when one of their households is among `copies`: household_key, cluster."""
    if not trials["household_key"].isin(copies["household_key"]).any():
        return trials
    cluster = trials["household_key"].map(copies.set_index("household_key")["cluster"])
    return trials.assign(**{CLUSTER: cluster.fillna(trials["household_key"]).astype("int64")})


def clusters_of(trials: pd.DataFrame) -> NDArray[np.int64]:
    """What folds and standard errors keep together, (n,): the household, and with it those that are copies of it."""
    return trials[CLUSTER if CLUSTER in trials else "household_key"].to_numpy()
