"""How much of the movement between periods is noise, who moved beyond it, and what each label tells of next quarter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import segment_name, segment_names

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOVES_SHOWN = 12


def _told(tables: StudyTables, label: str) -> pd.Series:
    """Estimates of `movement_noise` for a label, by measure, of periods that share no day."""
    noise = tables["movement_noise"]
    rows = noise[(noise["label"] == label) & noise["apart"].astype(bool)]
    return rows.set_index("measure")["estimate"]


def noise_note(tables: StudyTables, settings: Settings) -> str:
    """What share of the changes of segment is noise, and what share of households really change."""
    told = _told(tables, "segment")
    if "staying_true" not in told or not numbers.is_number(told["staying_true"]):
        return "No two periods share no day, so that noise and change cannot be told apart."
    noise = tables["movement_noise"]
    row = noise[(noise["label"] == "segment") & (noise["measure"] == "staying_true")].iloc[0]
    ends = sorted((1 - float(row["ci_lower"]), 1 - float(row["ci_upper"])))
    return (
        f"Two halves of the same months, dealt out week by week, put only {numbers.percent(told['staying_ceiling'])} "
        "of households in the same segment, though nothing has changed between them: "
        f"{numbers.percent(told['noise_share'])} of the changes between periods are noise. With that taken out, "
        f"{numbers.percent(1 - told['staying_true'])} of households really change "
        f"segment in a period ({numbers.percent(ends[0])} to {numbers.percent(ends[1])})."
    )


def moved_note(tables: StudyTables, settings: Settings) -> str:
    """How many households moved beyond noise, and how many would without any change."""
    households, told = tables["household_membership"], _told(tables, "smoothed segment")
    weight = tables["smoothing_weights"]
    used = weight[weight["chosen"].astype(bool)].iloc[0]
    how = f"Smoothed segments weigh the latest 28 days with {numbers.number(used['weight'], 2)} ({used['reason']})."
    if "moved" not in told:
        return f"{how} The data are too short to tell who moved."
    return (
        f"{how} {numbers.percent(told['staying'])} of households keep theirs until the next period that shares no day. "
        f"{numbers.count(households['moved'].sum())} households ({numbers.percent(told['moved'], 1)} of those who "
        f"bought in both) have moved beyond noise since then; if nobody had changed, "
        f"{numbers.percent(told['moved_by_noise'], 1)} would look so."
    )


def _staying(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import noise

    return noise.stay_and_ceiling(tables["movement_noise"])


def _staying_alt(tables: StudyTables, settings: Settings) -> str:
    noise = tables["movement_noise"]
    parts = []
    for label in noise["label"].unique():
        told = _told(tables, label)
        if "staying" in told:
            ceiling = numbers.percent(told["staying_ceiling"])
            parts.append(f"{label} {numbers.percent(told['staying'])} with a ceiling of {ceiling}")
    return "Share of households with the same label in the next period: " + ("; ".join(parts) or "neighbours alone")


def stay_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Every measure with its interval, by label."""
    noise = tables["movement_noise"]
    rows = []
    for (label, apart), found in noise.groupby(["label", "apart"], sort=False):
        by = found.set_index("measure")

        def said(measure: str, by: pd.DataFrame = by, *, index: bool = False) -> str:
            if measure not in by.index or not numbers.is_number(by.at[measure, "estimate"]):
                return numbers.NOTHING
            ends = [by.at[measure, name] for name in ("estimate", "ci_lower", "ci_upper")]
            if index:
                return f"{ends[0]:.2f} ({ends[1]:.2f} to {ends[2]:.2f})"
            estimate, lower, upper = (numbers.percent(end) for end in ends)
            return f"{estimate} ({lower} to {upper})"

        rows.append(
            cells(
                f"{str(label).capitalize()}, {'no day shared' if apart else 'neighbours'}",
                said("staying"),
                said("staying_ceiling"),
                said("ari", index=True),
                said("ari_ceiling", index=True),
                said("noise_share"),
                said("staying_true"),
                said("staying_true_any"),
            )
        )
    names = "Label, periods|Stay|Ceiling|ARI|Ceiling of ARI|Of changes, noise|Stay, noise taken out|Second opinion"
    return as_grid(names, rows, {1, 2, 3, 4, 5, 6, 7})


def move_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The most frequent moves beyond noise."""
    known = tables.get("segment_profiles")
    names = {} if known is None else segment_names(known)
    households = tables["household_membership"]
    moved = households[households["moved"].astype(bool)]
    counts = moved.groupby(["earlier_segment", "smoothed_segment"]).agg(
        n=("household_key", "size"), confidence=("confidence", "mean")
    )
    rows = [
        cells(
            segment_name(str(before), names),
            segment_name(str(after), names),
            numbers.count(found["n"]),
            numbers.percent(found["confidence"]),
        )
        for (before, after), found in counts.sort_values("n", ascending=False, kind="stable")
        .head(MOVES_SHOWN)
        .iterrows()
    ]
    return as_grid("Was|Is|Households|Mean confidence", rows, {2, 3})


def _strength(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import noise

    return noise.label_strength(tables["label_prediction"])


def _strength_alt(tables: StudyTables, settings: Settings) -> str:
    rows = tables["label_prediction"]
    best = rows.loc[rows.groupby("outcome")["r2"].idxmax().dropna()]
    return "Variance of the next period explained; most: " + "; ".join(
        f"of {row['outcome']}, {row['label']} {numbers.percent(row['r2'])}" for _, row in best.iterrows()
    )


def _weights(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import noise

    return noise.smoothing_choice(tables["smoothing_weights"])


def _weights_alt(tables: StudyTables, settings: Settings) -> str:
    used = tables["smoothing_weights"].query("chosen").iloc[0]
    return (
        "Forecast error, share staying and variance explained by weight; in use is "
        f"{numbers.number(used['weight'], 2)}, with which {numbers.percent(used['share_staying'])} stay."
    )


STAYING = (
    Note("noise_note", noise_note, ("movement_noise",)),
    Section(
        "staying",
        "How much of it is real?",
        ("movement_noise",),
        "The ceiling is what two halves of the same months agree to: nothing changes between them, and each has as "
        "many weeks as a period. That of smoothed segments is simulated. What is left below a ceiling is change; the "
        "rest of what moves is measurement.",
        _staying,
        _staying_alt,
        rows=stay_rows,
    ),
)
SMOOTHED = (
    Note("moved_note", moved_note, ("household_membership", "movement_noise", "smoothing_weights")),
    Section(
        "moved",
        "Who moved beyond noise",
        ("household_membership",),
        "Smoothed segment a period ago and now, of households whose purchases differ by more than halves of the same "
        "months do.",
        rows=move_rows,
        beside=("segment_profiles",),
        needs=lambda tables: bool(tables["household_membership"]["moved"].any()),
    ),
    Section(
        "smoothing",
        "How much does the latest month count?",
        ("smoothing_weights",),
        "The weight with the smallest error is used: less weight, and a household that changes is seen late; more, and "
        "chance is taken for change.",
        _weights,
        _weights_alt,
        needs=lambda tables: bool(tables["smoothing_weights"]["forecast_error"].notna().any()),
    ),
    Section(
        "strength",
        "What does each label tell of the next quarter?",
        ("label_prediction",),
        "Share of what differs between households in the next period that shares no day. Value tier and need answer "
        "different questions: how much, and what.",
        _strength,
        _strength_alt,
        needs_rows=True,
    ),
)
