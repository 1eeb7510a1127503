"""Bars of counts, part beside part, each as a share of its row's total."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers

# On these, numbers are white.
_DARK = (style.BLUE, style.INK)


def stacked_counts(
    axes: Axes,
    counts: pd.DataFrame,
    totals: NDArray[np.float64],
    colors: Mapping[str, str],
    legible: float,
) -> None:
    """Draw a bar per row of `counts`, its columns from left to right as shares of `totals` (n,), in their `colors`.

    Each part prints its count, unless it is narrower than `legible` (share of the total). Columns are the legend.
    """
    begins = np.zeros(len(counts))
    for name in counts.columns:
        share = counts[name].to_numpy(float) / totals
        axes.barh(range(len(counts)), share, left=begins, height=0.72, color=colors[name], label=name)
        for place, (begin, width, size) in enumerate(zip(begins, share, counts[name], strict=True)):
            if width >= legible:
                axes.text(
                    begin + width / 2,
                    place,
                    numbers.count(size),
                    ha="center",
                    va="center",
                    fontsize=style.SMALL,
                    color="white" if colors[name] in _DARK else style.INK,
                )
        begins = begins + share
