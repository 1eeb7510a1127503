"""What households come for: needs and tags, what they are made of, and whether they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Heading, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Draw = Callable[[StudyTables, Settings], "Figure"]
_Alt = Callable[[StudyTables, Settings], str]
_LABEL, _TAG = "label", "tag"
_KIND = {_LABEL: "Need", _TAG: "Tag"}


def _bars(level: str) -> tuple[_Draw, _Alt]:
    def draw(tables: StudyTables, settings: Settings) -> Figure:
        from dunnhumby_pipeline.figures.customers import needs

        return needs.need_commodities_bars(tables["need_commodities"], level)

    def alt(tables: StudyTables, settings: Settings) -> str:
        known = tables["need_commodities"]
        first = known[(known["level"] == level) & (known["lift_rank"] == 1)]
        said = "; ".join(
            f"{row['need']}, {str(row['commodity']).lower()} {numbers.number(row['lift'], 2)} times the average"
            for _, row in first.iterrows()
        )
        return (
            f"Bars of the lift of the commodities of each {_KIND[level].lower()}. The first of each: {said or 'none'}."
        )

    return draw, alt


def need_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Each need and tag: its households and money, what it is made of, and whether that holds in the next quarter."""
    lift = tables["need_lift"].groupby(["level", "need"])["lift"].mean()
    rows = []
    for _, found in tables["need_definitions"].iterrows():
        after = lift.get((found["level"], found["need"]))
        rows.append(
            cells(
                _KIND[str(found["level"])],
                terms.spoken(str(found["need"])),
                numbers.count(found["n_households"]),
                numbers.percent(found["share"]),
                numbers.percent(found["revenue_share"]),
                str(found["commodities"]).lower(),
                numbers.number(after, 2) if after is not None else numbers.NOTHING,
                terms.spoken(str(found["named_by"])),
            )
        )
    headers = "Kind|Name|Households|Share|Revenue|Commodities that lift most|Lift in the next quarter|Named by"
    return as_grid(headers, rows, {2, 3, 4, 6})


def source_note(tables: StudyTables, settings: Settings) -> str:
    """What needs are read from, how many there are and how sure that is."""
    known = tables["need_definitions"]
    if known.empty:
        return "No needs can be told from these data: too few commodities or departments, or too few households."
    stability = tables["need_selection"]
    said = []
    for level in (_LABEL, _TAG):
        used = stability[(stability["level"] == level) & stability["chosen"].astype(bool)]
        if len(used):
            row = used.iloc[0]
            said.append(
                f"{row['n_needs']} {_KIND[level].lower()}s (refitted to other households, agreement of "
                f"{row['stability']:.2f} by the adjusted Rand index)"
            )
    stays = tables["need_agreement"]
    stays = stays[stays["level"] == _LABEL]
    held = (
        f" From one quarter to the next {numbers.percent(stays['share_staying'].mean())} of households keep their need "
        f"(kappa {stays['kappa'].mean():.2f})."
        if len(stays)
        else " The history is too short to follow needs from one quarter to the next."
    )
    source = str(known["source"].iloc[0])
    missing = "" if source == "commodities" else f" Commodities are missing, so that {source} stand for them."
    return f"Read from {known['source_reason'].iloc[0]}: {' and '.join(said)}.{held}{missing}"


def _selection(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import needs

    floors = {_LABEL: settings.needs.need_stability_floor, _TAG: settings.needs.tag_stability_floor}
    return needs.need_selection_curve(tables["need_selection"], floors)


def _selection_alt(tables: StudyTables, settings: Settings) -> str:
    return "Agreement of refits by number: " + "; ".join(
        f"{row['n_needs']} {_KIND[str(row['level'])].lower()}s {row['stability']:.2f}"
        for _, row in tables["need_selection"].iterrows()
    )


def _lift(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import needs

    return needs.next_quarter_lift(tables["need_lift"])


def _lift_alt(tables: StudyTables, settings: Settings) -> str:
    means = tables["need_lift"].groupby(["level", "need"])["lift"].mean()
    return "Lift of own commodities in the next quarter: " + "; ".join(
        f"{need} {numbers.number(lift, 2)}" for (_, need), lift in means.items()
    )


_DRAW_LABELS, _ALT_LABELS = _bars(_LABEL)
_DRAW_TAGS, _ALT_TAGS = _bars(_TAG)
PARTS = (
    Heading("What they come for"),
    Note("needs_note", source_note, ("need_definitions", "need_selection", "need_agreement")),
    Section(
        "needs",
        "Needs and tags",
        ("need_definitions", "need_lift"),
        "A household has one need, that on which it scores most against the mean household, and as many tags as apply. "
        "Names are from needs.toml, which is yours to edit.",
        rows=need_rows,
    ),
    Section(
        "need_commodities",
        "What each need is made of",
        ("need_commodities",),
        "Lift: share of the sales to the need's households over the share of all sales; the dotted line is average.",
        _DRAW_LABELS,
        _ALT_LABELS,
    ),
    Section(
        "tag_commodities",
        "What each tag is made of",
        ("need_commodities",),
        "As above, among all households that have the tag.",
        _DRAW_TAGS,
        _ALT_TAGS,
    ),
    Section(
        "need_lift",
        "Do they buy it again in the next quarter?",
        ("need_lift",),
        "Needs and commodities are of one quarter, sales of the next: a dot a quarter, the line their mean. 1 is what "
        "all households buy of these commodities.",
        _lift,
        _lift_alt,
        needs_rows=True,
    ),
)
MODEL = (
    Fold(
        "How many needs",
        (
            Section(
                "need_selection",
                "Which numbers of needs come back",
                ("need_selection",),
                "Numbers under the floor are out; of the others it is the elbow of what they explain. The ring is in "
                "use.",
                _selection,
                _selection_alt,
                needs_rows=True,
            ),
        ),
    ),
)
