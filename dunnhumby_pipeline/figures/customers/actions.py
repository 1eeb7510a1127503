"""The picture of what households get: the next action of each segment's households, by the form of the offer."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.stacked import stacked_counts

NOTHING = "no offer: left"
# From what gives nothing away to what costs most; whoever gets nothing stands last.
_FORMS = (
    ("service", style.GREEN),
    ("points", style.SKY),
    ("multi-buy", style.PINK),
    ("manufacturer coupon", style.ORANGE),
    ("coupon", style.BLUE),
    (NOTHING, style.INK),
)
# Narrower parts hold no number.
_LEGIBLE = 0.055


def form_counts(next_action: pd.DataFrame) -> pd.DataFrame:
    """Households of each segment (row) by the form of their offer, in the order of the legend; left ones last."""
    forms = next_action["offer_form"].astype(object).where(next_action["offer_form"].notna(), NOTHING)
    found = pd.crosstab(next_action["segment"].astype(str), forms)
    return found.reindex(columns=[name for name, _ in _FORMS if name in found.columns])


def actions_by_segment(next_action: pd.DataFrame, segment_playbook: pd.DataFrame) -> Figure:
    """Each segment's households by the form of their next action (%), numbers printed, the most urgent segment first.

    A form that the segment is kept from has no part in its bar.
    """
    require(next_action, "next_action", ["household_key", "segment", "offer_form"])
    require(segment_playbook, "segment_playbook", ["segment", "segment_name", "keeps_from"])
    counts = form_counts(next_action)
    known = segment_playbook[segment_playbook["segment"].isin(counts.index)]
    counts = counts.loc[known["segment"]]
    labels = [_label(row) for row in known.to_dict("records")]
    figure = style.new_figure(1.2 + max(style.row_height(labels), 0.5) * len(labels))
    axes = style.add_axes(figure)
    stacked_counts(axes, counts, counts.sum(axis=1).to_numpy(float), dict(_FORMS), _LEGIBLE)
    style.grid(axes, "x")
    style.label_rows(axes, labels)
    style.percent_ticks(axes, "x")
    axes.set_xlim(0, 1)
    style.legend_above(figure, axes, columns=3)
    style.name_axes(axes, "Share of the segment's households (%)", "Segment, and what it is kept from")
    return figure


def _label(row: dict[str, object]) -> str:
    kept = row["keeps_from"]
    return f"{row['segment_name']} (no {kept})" if isinstance(kept, str) and kept else str(row["segment_name"])
