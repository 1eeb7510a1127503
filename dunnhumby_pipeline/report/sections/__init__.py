"""The chapters of the page, in order. A new picture or table is one `Section` in one of these modules."""

from __future__ import annotations

from dunnhumby_pipeline.report import answer, summary
from dunnhumby_pipeline.report.section import Chapter, Section, readers
from dunnhumby_pipeline.report.sections import (
    conditional,
    costs,
    data,
    decision,
    design,
    doubts,
    effects,
    experiments,
    fairness,
    heterogeneity,
    lifetime,
    lists,
    movement,
    needs,
    overlap,
    plausibility,
    reference,
    risk,
    scrutiny,
    segment_model,
    who,
)

CHAPTERS = (
    Chapter(
        "Who the customers are",
        (
            *who.PARTS,
            *needs.PARTS,
            *lifetime.PARTS,
            *movement.PARTS,
            *risk.PARTS,
            *segment_model.PARTS,
            *needs.MODEL,
            *reference.PARTS,
            *lifetime.MODEL,
            *data.PARTS,
        ),
    ),
    Chapter("What the campaign does", (*effects.PARTS, *plausibility.PARTS)),
    Chapter("How the arms were compared", (*design.PARTS, *overlap.PARTS)),
    Chapter("How far the answer may be wrong", doubts.PARTS),
    Chapter("Who responds more", (*conditional.PARTS, *heterogeneity.PARTS, *scrutiny.PARTS)),
    Chapter("What targeting is worth", (*costs.COSTS, *experiments.PARTS, *decision.WORTH)),
    Chapter("Targeting list", (*lists.PARTS, *decision.LIST, *fairness.PARTS)),
)


def sections() -> tuple[Section, ...]:
    """Every picture and table of the page, in order."""
    return tuple(part for chapter in CHAPTERS for part in readers(chapter.parts) if isinstance(part, Section))


def report_reads() -> tuple[str, ...]:
    """The tables that page and summary read, each once: first those of the answer, then in the order of the page."""
    parts = [part for chapter in CHAPTERS for part in readers(chapter.parts)]
    read = [*answer.READS, *summary.READS, *(name for part in parts for name in (*part.reads, *part.beside))]
    return tuple(dict.fromkeys(read))
