"""Tables of movement with the noise taken out, and of smoothed membership."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

_LABEL = text("label", "what is told of a household: segment, value tier, need, or smoothed segment")

TABLES = (
    Table(
        "stay_rates",
        group="movement",
        made_by="follow_segments",
        meaning="Stay-rates of segment, value tier and need beside the most that they could be: what two halves of the "
        "same months agree to.",
        row="label and pair of periods whose noise is measured",
        key=("label", "from_period", "to_period"),
        columns=(
            _LABEL,
            *shared("from_period to_period"),
            integer("from_day", "last day of the earlier period", "day"),
            integer("to_day", "last day of the later period", "day"),
            integer("shared_days", "days that both periods see, and both halves", "days"),
            integer("n_households", "households with the label in both periods and in both halves", "households"),
            number("share_staying", "share of them with the same label in both periods", "0-1"),
            number("share_staying_ceiling", "share of them with the same label in both halves", "0-1"),
            number("ari", "adjusted Rand index of the two periods"),
            number("ari_ceiling", "adjusted Rand index of the two halves"),
        ),
        measures=True,
    ),
    Table(
        "movement_noise",
        group="movement",
        made_by="follow_segments",
        meaning="How much of the movement between periods is noise, and how much is real.",
        row="label, kind of pairs of periods, and measure",
        key=("label", "apart", "measure"),
        columns=(
            _LABEL,
            flag("apart", "whether the periods share no day; else they are neighbours"),
            text(
                "measure",
                "staying (share with the same label), ari, kappa, each also as _ceiling (of halves, where nothing "
                "changes); noise_share (of changes); staying_true (noise taken out), staying_true_any (whatever errors "
                "are made between labels); moved (beyond noise), moved_by_noise (where nothing changes)",
            ),
            integer("n_pairs", "pairs of periods of which this is the mean", "pairs"),
            integer("n_households", "households, mean over the pairs", "households"),
            number("estimate", "the measure"),
            *shared("ci_lower ci_upper"),
        ),
        metrics=metrics.movement_noise,
        measures=True,
    ),
    Table(
        "smoothing_weights",
        group="movement",
        made_by="follow_segments",
        meaning="Weights of the latest 28 days in smoothed segments, how well each forecasts, and which is used.",
        row="weight",
        key=("weight",),
        columns=(
            number("weight", "weight of the latest 28 days; 1 is no smoothing", "0-1"),
            number(
                "forecast_error",
                "mean squared error with which smoothed factor scores forecast those of the next period that shares no "
                "day",
            ),
            number("share_staying", "share of households in the same smoothed segment then", "0-1"),
            number("r2_spend", "share of the variance of log spend in that period that lies between segments", "0-1"),
            number("r2_basket", "the same of spend per basket", "0-1"),
            number("r2_discount", "the same of the share of lines bought at a discount", "0-1"),
            *shared("chosen"),
            text("reason", "why this weight is used; empty for the others"),
        ),
        measures=True,
    ),
    Table(
        "household_membership",
        group="movement",
        made_by="follow_segments",
        meaning="Each household's smoothed segment, how sure it is, and whether the household has moved beyond noise.",
        row="household that bought in any period",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            integer("last_period", "last period in which it bought, numbered from 0"),
            integer("n_periods", "periods in which it bought", "periods"),
            text("segment", "segment in the last of all periods alone; (no purchase) without a line"),
            text("smoothed_segment", "segment of its factor scores averaged over periods, the latest counting most"),
            number(
                "confidence",
                "chance that other weeks of the same months, as many, would lead to the smoothed segment; null where "
                "no two periods share no day",
                "0-1",
            ),
            text(
                "earlier_segment",
                "smoothed segment in the last period that shares no day with the last of all; null without one",
                nullable=True,
            ),
            flag("moved", "whether it is in another one since then, by more than noise explains"),
        ),
        metrics=metrics.membership,
        measures=True,
        sources={
            "household_key": "transactions",
            **dict.fromkeys(("segment", "smoothed_segment", "confidence", "earlier_segment", "moved"), "segment_model"),
            **dict.fromkeys(("last_period", "n_periods"), "transactions.day"),
        },
    ),
    Table(
        "smoothed_migration",
        group="movement",
        made_by="follow_segments",
        meaning="Households that went from one smoothed segment to another between two periods.",
        row="smoothed segment in one period and in another",
        key=("from_period", "to_period", "from_segment", "to_segment"),
        columns=(
            *shared("from_period to_period from_segment to_segment"),
            integer("n", "households that went this way", "households"),
            number("share", "share of those that were in the earlier segment", "0-1"),
        ),
        measures=True,
    ),
    Table(
        "label_prediction",
        group="movement",
        made_by="follow_segments",
        meaning="What value tier, need and segment of a household tell of its next period.",
        row="label and outcome in the next period that shares no day",
        key=("label", "outcome"),
        columns=(
            _LABEL,
            text("outcome", "log spend, basket ($ per basket), or discount use (share of lines at a discount)"),
            integer("n_pairs", "pairs of periods of which this is the mean", "pairs"),
            integer("n_households", "households, mean over the pairs", "households"),
            number("r2", "share of the variance of the outcome that lies between labels", "0-1"),
            *shared("ci_lower ci_upper"),
        ),
        may_be_empty=True,
        measures=True,
    ),
)
