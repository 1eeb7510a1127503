"""Tables of the reference study's setting beside ours."""

from __future__ import annotations

from dataclasses import replace

from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, integer, number, text
from dunnhumby_pipeline.contracts.tables import profiles

_OURS = {table.name: table for table in profiles.TABLES}
_STEP = "describe_reference"


def _sources(name: str, *left_out: str) -> dict[str, str]:
    """Those of one of our tables, of the segments of the reference study's setting."""
    ours = _OURS[name].sources.items()
    return {
        column: sources.replace("segments", "reference_segments") for column, sources in ours if column not in left_out
    }


TABLES = (
    replace(
        _OURS["segment_profiles"],
        name="reference_profiles",
        group="reference",
        made_by=_STEP,
        meaning="Size, money, value tiers and stages of each segment of the reference study's setting.",
        columns=tuple(column for column in _OURS["segment_profiles"].columns if column.name != "leading_need"),
        metrics=None,
        sources=_sources("segment_profiles", "leading_need"),
    ),
    replace(
        _OURS["segment_features"],
        name="reference_features",
        group="reference",
        made_by=_STEP,
        meaning="Mean of each feature in each segment of the reference study's setting.",
        sources=_sources("segment_features"),
    ),
    Table(
        "reference_overlap",
        group="reference",
        made_by=_STEP,
        meaning="Which of our segments the households of each segment of the reference study's setting are in.",
        row="pair of segments",
        key=("reference_segment", "segment"),
        columns=(
            text("reference_segment", "segment of the reference study's setting"),
            *shared("segment"),
            integer("n", "households in both", "households"),
            number("share", "share of the reference segment's households", "0-1"),
            number("share_of_segment", "share of our segment's households", "0-1"),
        ),
        measures=True,
        sources={
            "reference_segment": "reference_segments.segment",
            "segment": "segments",
            **dict.fromkeys(("n", "share", "share_of_segment"), "segments.segment reference_segments.segment"),
        },
    ),
    Table(
        "reference_comparison",
        group="reference",
        made_by=_STEP,
        meaning="What the reference study reported of its segments, what its setting gives here, and what ours gives.",
        row="measure",
        key=("measure",),
        columns=(
            text("measure", "what is measured"),
            text("meaning", "the measure in words"),
            number("reported", "what the reference study reported, from two years of data"),
            number("reference", "what its setting gives on these households"),
            number("ours", "what the setting in use gives"),
        ),
        measures=True,
    ),
)
