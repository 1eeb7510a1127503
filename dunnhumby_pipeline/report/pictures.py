"""The report's pictures, drawn and embedded: PNGs inside the page, each with words for who cannot see it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from matplotlib.figure import Figure

from dunnhumby_pipeline.figures import causal, targeting, words
from dunnhumby_pipeline.report.answer import chosen_policy, effect_text, main_effects, value_text
from dunnhumby_pipeline.report.customer_pictures import draw_customers
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings

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
    drawn = {**draw_customers(tables, settings), **_causal(tables, settings), **_targeting(tables)}
    return {name: _embed(figure, alt) for name, (figure, alt) in drawn.items()}


def _embed(figure: Figure, alt: str) -> Picture:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
    width, height = (round(inches * PAGE_PIXELS_PER_INCH) for inches in figure.get_size_inches())
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{encoded}", alt, width, height)


def _causal(tables: StudyTables, settings: Settings) -> dict[str, tuple[Figure, str]]:
    drawn: dict[str, tuple[Figure, str]] = {}
    if tables.propensity is not None:
        region = (settings.overlap.lower, settings.overlap.upper)
        inside = tables.propensity["propensity"].between(*region).mean()
        alt = (
            "Histogram of propensities, treated above and control below; "
            f"{words.percent(inside)} of trials lie between {region[0]:g} and {region[1]:g}."
        )
        drawn["overlap"] = (causal.propensity_overlap(tables.propensity, region), alt)
    if tables.covariate_balance is not None:
        ceiling = settings.checks.max_weighted_smd
        worst = tables.covariate_balance.assign(size=lambda frame: frame["smd"].abs())
        worst_by = worst.groupby("weighting")["size"].max()
        alt = "Largest absolute standardised mean difference by weighting: " + "; ".join(
            f"{weighting} {words.number(size, 2)}" for weighting, size in worst_by.items()
        )
        drawn["balance"] = (causal.love_plot(tables.covariate_balance, ceiling), alt)
    if tables.average_effects is not None:
        main = main_effects(tables.average_effects)
        alt = "Effects on spend with intervals: " + "; ".join(
            f"{estimand} {effect_text(row)}" for estimand, row in main.items()
        )
        drawn["effects"] = (causal.effects_forest(tables.average_effects), alt)
    return drawn


def _targeting(tables: StudyTables) -> dict[str, tuple[Figure, str]]:
    drawn: dict[str, tuple[Figure, str]] = {}
    chosen = chosen_policy(tables.policy_value)
    if tables.policy_value is not None:
        alt = "Honest and claimed value of each policy, $ per household: " + "; ".join(
            f"{words.policy(row['policy'])} {value_text(row)}, claimed {words.dollars(row['claimed_value'])}"
            for _, row in tables.policy_value.iterrows()
        )
        drawn["policies"] = (targeting.policy_comparison(tables.policy_value), alt)
    if tables.roi_curve is not None:
        last = tables.roi_curve.sort_values("share_targeted").iloc[-1]
        alt = (
            "Value by share of households targeted; at "
            f"{words.percent(last['share_targeted'])} it is {value_text(last)} per household."
        )
        share = None if chosen is None else float(chosen["share_targeted"])
        drawn["roi"] = (targeting.roi_curve(tables.roi_curve, share), alt)
    return drawn
