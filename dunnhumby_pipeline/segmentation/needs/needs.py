"""The leading need of households, and of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.segmentation.needs.layers import Array, leading
from dunnhumby_pipeline.segmentation.needs.selection import LABEL
from dunnhumby_pipeline.segmentation.segments.naming import FAINT


def household_needs(households: NDArray[np.int64], scores: Array, names: Sequence[str]) -> pd.DataFrame:
    """Leading need of each household (n,) from its `scores` (n, k), 1 the mean household's, of needs called `names`.

    Columns: household_key, need, need_score, need_margin (need_score less the next need's). A household that scores 0
    on every need has the need 'none', and so have all where there are no needs.
    """
    n, k = scores.shape
    best, top = np.full(n, -1), np.zeros(n)
    second = np.zeros(n)
    if k:
        best, top = leading(scores), scores.max(axis=1)
        second = np.partition(scores, -2, axis=1)[:, -2] if k > 1 else second
    called = np.array([*names, NO_NEED], dtype=object)
    return pd.DataFrame(
        {"household_key": households, "need": called[best], "need_score": top, "need_margin": top - second}
    ).astype({"household_key": "int64", "need": "str"})


def segment_needs(household_needs: pd.DataFrame, segments: pd.DataFrame) -> Mapping[str, str]:
    """Leading need of each segment: the need that leads more of its households than of all, by most.

    Distances are in standard deviations of having the need, sqrt(p (1 - p)) over all households. (The need of most of
    its households would be the one most common among all.) A segment less than `naming.FAINT` above all on every
    need, and one without households, has the need 'none': so small a distance names nobody.
    """
    joined = household_needs.merge(segments[["household_key", "segment"]], on="household_key")
    led = pd.crosstab(joined["segment"].astype(str), joined["need"].astype(str)).drop(columns=NO_NEED, errors="ignore")
    if led.shape[1] == 0:
        return {str(segment): NO_NEED for segment in joined["segment"].astype(str).unique()}
    overall = led.sum() / len(joined)
    sizes = joined["segment"].astype(str).value_counts().reindex(led.index)
    spread = np.sqrt(overall * (1 - overall))
    standing = (led.div(sizes, axis=0) - overall) / spread.where(spread > 0)
    best, top = standing.fillna(0.0).idxmax(axis=1), standing.fillna(0.0).max(axis=1)
    return {str(segment): str(best[segment]) if top[segment] >= FAINT else NO_NEED for segment in led.index}


def label_needs(need_definitions: pd.DataFrame) -> list[str]:
    """Names of the label needs, from the table need_definitions."""
    return list(need_definitions.loc[need_definitions["level"] == LABEL, "need"])
