"""Made-up but plausible tables of the effect by redeemer, products and weeks."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.causal.doubts.parts import COLUMNS, PROMOTED
from dunnhumby_pipeline_tests.fakes.results.campaign import with_interval
from dunnhumby_pipeline_tests.fakes.results.customers import frame_of


def plausibility(multiple: float = 32.5, lower: float = -12.8, upper: float = 81.9) -> pd.DataFrame:
    """An effect that is so many times what redeemers bought on coupon lines, with the ends of its interval."""
    lines, rise = 4.8, 0.1
    rows = [
        ("effect_on_spend", *(lines * rise * end for end in (multiple, lower, upper)), 5251),
        ("effect_on_redemption", rise, 0.08, 0.12, 5251),
        ("spend_per_redeemer", *(lines * end for end in (multiple, lower, upper)), 5251),
        ("coupon_lines_per_redeemer", lines, 3.9, 5.7, 172),
        ("multiple", multiple, lower, upper, 172),
    ]
    return frame_of("quantity estimate ci_lower ci_upper n_trials", rows).assign(se=1.0)


def effect_by_part() -> pd.DataFrame:
    rows = []
    for period, days, promoted, other in (
        ("during", 48.0, 2.9, 9.9),
        ("after", 28.0, -0.6, 3.1),
        ("window", 76.0, 2.3, 13.0),
        ("later", 56.0, 1.1, 2.4),
    ):
        for products, effect in (("promoted", promoted), ("other", other), ("all", promoted + other)):
            reached = (0.76, 0.29) if period == "later" else (None, None)
            row = (products, period, days, effect, 2.5 if products == PROMOTED else 7.0, 80.0, 5251, *reached, None)
            rows.append(row)
    names = "products period days estimate se control_mean n_trials share_reached_treated share_reached_control reason"
    return with_interval(frame_of(names, rows))[COLUMNS]
