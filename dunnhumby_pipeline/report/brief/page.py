"""The brief: two printed pages for who decides on the campaign, and never opens a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dunnhumby_pipeline.report.brief import customers, decision
from dunnhumby_pipeline.report.brief.pictures import PICTURES
from dunnhumby_pipeline.report.brief.plain import how_often, on_day
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.templates import template
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

if TYPE_CHECKING:
    from dunnhumby_pipeline.report.pictures import Picture

Draw = Callable[[Section, StudyTables, Settings], "Picture"]


def brief_reads() -> tuple[str, ...]:
    """The tables that the brief reads, each once."""
    pictured = (name for section in PICTURES for name in section.reads)
    return tuple(dict.fromkeys((*decision.NEEDED, *decision.BESIDE, *customers.READS, *pictured, "list_version")))


def render_brief(
    tables: StudyTables,
    gates: Sequence[decision.Gate],
    facts: Mapping[str, Any],
    settings: Settings,
    draw: Draw | None = None,
) -> str:
    """The brief of one campaign type as one HTML page with its styles and pictures inside.

    Without a list, or with one that is stale, it says what could not be answered, why, by the blocking checks that
    failed (`gates`), and what to do; who the customers are follows from whatever was built. `facts`: as of a report.
    """
    if draw is None:
        from dunnhumby_pipeline.report.pictures import draw_picture

        draw = draw_picture
    found = decision.decide(
        tables, facts["campaign_type"], gates, facts.get("stale"), settings.checks.smallest_effect_that_matters
    )
    # What an older list rests on is no picture of today.
    shown = [section for section in PICTURES if found.state != "no answer" or section.name == "sizes"]
    pictures = {
        section.name: (section.title, draw(section, tables.only(section.reads), settings))
        for section in shown
        if tables.has(*section.reads) and section.is_on(tables.only(section.reads), settings)
    }
    return template("brief.html.j2").render(
        campaign_type=facts["campaign_type"],
        found=found,
        minused=numbers.minused,
        pictures=pictures,
        groups=[grid for grid in (customers.segment_rows(tables), customers.need_rows(tables)) if grid is not None],
        promise=how_often(settings.confidence),
        files=[one for one in facts.get("files", ()) if one.in_brief],
        origin=_origin(tables, facts, settings),
    )


def _origin(tables: StudyTables, facts: Mapping[str, Any], settings: Settings) -> str:
    """What it is made from, for who files it."""
    day_one = settings.checks.day_one
    days = " to ".join(on_day(facts.get(end), day_one) for end in ("first_day", "last_day"))
    said = [
        f"Made from {facts['source']}",
        f"{numbers.count(facts.get('n_households'))} households, {days}",
    ]
    version = tables.get("list_version")
    if version is not None:
        row = version.iloc[0]
        state = f"approved by {row['approved_by']}" if row["approved"] else "not approved"
        said.append(f"list version {row['version']} ({row['list_hash'][:12]}), {state}")
    return "; ".join(said)
