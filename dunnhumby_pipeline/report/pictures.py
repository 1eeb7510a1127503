"""The report's pictures, drawn and embedded: PNGs inside the page, each with words for who cannot see it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from matplotlib.figure import Figure

from dunnhumby_pipeline.figures.campaign import targeting
from dunnhumby_pipeline.report.answer import chosen_policy, value_text
from dunnhumby_pipeline.report.campaign_pictures import draw_campaign
from dunnhumby_pipeline.report.customer_pictures import draw_customers
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

# More than the page shows, so that print and sharp screens show clean lines.
DOTS_PER_INCH = 160
PAGE_PIXELS_PER_INCH = 100


@dataclass(frozen=True)
class Picture:
    """An image as a data address, its alternative text, and its size on the page in pixels."""

    source: str
    alt: str
    width: int
    height: int


def draw_pictures(tables: StudyTables, settings: Settings) -> dict[str, Picture]:
    """Every picture whose table was built, by name; the others are left out."""
    drawn = {**draw_customers(tables, settings), **draw_campaign(tables, settings), **_targeting(tables)}
    return {name: _embed(figure, alt) for name, (figure, alt) in drawn.items()}


def _embed(figure: Figure, alt: str) -> Picture:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
    width, height = (round(inches * PAGE_PIXELS_PER_INCH) for inches in figure.get_size_inches())
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{encoded}", alt, width, height)


def _targeting(tables: StudyTables) -> dict[str, tuple[Figure, str]]:
    drawn: dict[str, tuple[Figure, str]] = {}
    chosen = chosen_policy(tables.policy_value)
    if tables.policy_value is not None:
        alt = "Honest and claimed value of each policy, $ per household: " + "; ".join(
            f"{terms.policy(row['policy'])} {value_text(row)}, claimed {numbers.dollars(row['claimed_value'])}"
            for _, row in tables.policy_value.iterrows()
        )
        drawn["policies"] = (targeting.policy_comparison(tables.policy_value), alt)
    if tables.roi_curve is not None:
        last = tables.roi_curve.sort_values("share_targeted").iloc[-1]
        alt = (
            "Value by share of households targeted; at "
            f"{numbers.percent(last['share_targeted'])} it is {value_text(last)} per household."
        )
        share = None if chosen is None else float(chosen["share_targeted"])
        drawn["roi"] = (targeting.roi_curve(tables.roi_curve, share), alt)
    return drawn
