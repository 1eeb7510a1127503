"""Tables of the groups doubts and effects: whether the effect can have come about as campaigns work, and by what."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, number, text

TABLES = (
    Table(
        "plausibility",
        group="doubts",
        made_by="weigh_plausibility",
        meaning="What every redeemer would have to have spent more, if the effect came through coupons, beside what "
        "redeemers bought on coupon lines.",
        row="quantity",
        key=("quantity",),
        columns=(
            text(
                "quantity",
                "effect_on_spend ($ per household), effect_on_redemption (0-1), spend_per_redeemer (their ratio, $), "
                "coupon_lines_per_redeemer ($ per redeeming treated trial), multiple (the ratio of these two)",
            ),
            number("estimate", "the quantity; null where redemption did not rise"),
            *shared("se ci_lower ci_upper n_trials"),
        ),
        partitioned=True,
        metrics=metrics.plausibility,
        measures=True,
    ),
    Table(
        "effect_by_part",
        group="effects",
        made_by="weigh_plausibility",
        meaning="Effect on spend by products that the campaign's coupons cover and others, during the campaign, after "
        "it, and in the weeks after the outcome window.",
        row="products, by period",
        key=("products", "period"),
        columns=(
            text("products", "promoted: coupons of the campaign cover them; other; all"),
            text("period", "during: the campaign; after: to the window's end; window: both; later: the weeks after it"),
            number("days", "days of the period, on average over trials", "days"),
            number("estimate", "overlap-weighted effect on spend per household; parts add up", "$"),
            *shared("se ci_lower ci_upper"),
            number("control_mean", "mean spend of controls, weighted by overlap", "$"),
            *shared("n_trials"),
            number(
                "share_reached_treated", "treated that another campaign of the type listed in the weeks later", "0-1"
            ),
            number("share_reached_control", "controls that one listed in these weeks", "0-1"),
            text("reason", "why it could not be estimated", nullable=True),
        ),
        partitioned=True,
        measures=True,
    ),
)
