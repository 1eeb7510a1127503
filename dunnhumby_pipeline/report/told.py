"""What the main tables say of themselves in a sentence or two, in the words of report and summary, and their pictures.

A table tells only what it and tables before it know: it is told when it is made. No text names a household.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.report import answer, summary
from dunnhumby_pipeline.report.answer import plain_answer
from dunnhumby_pipeline.report.brief.decision import BESIDE, NEEDED, decide
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.sections import sections
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

Says = Callable[[StudyTables, Settings, str], str]


@dataclass(frozen=True)
class Told:
    """How a table is told: `says` makes the text of it, of the tables in `reads` that come before it, and of the
    campaign type ("" where there is none); `picture` is the section of the report that shows it."""

    says: Says
    reads: tuple[str, ...] = ()
    picture: str | None = None


def told_of(name: str, tables: StudyTables, settings: Settings, campaign_type: str = "") -> str | None:
    """What a table says; None for a table that says nothing, or was not built."""
    if name not in TOLD or (name not in _PAGES and tables.get(name) is None):
        return None
    said = TOLD[name].says(tables, settings, campaign_type).strip()
    return (said if said.endswith((".", "!", "?")) else f"{said}.") if said else None


def title_of(picture: str) -> str:
    """The title of a section of the report."""
    return _SECTIONS[picture].title


_SECTIONS: dict[str, Section] = {section.name: section for section in sections()}
_PAGES = ("campaign_report", "campaign_brief")


def _by_picture(name: str, table: str) -> Told:
    """Told by what a picture of the report is in words, for who cannot see it."""
    section = _SECTIONS[name]
    beside = tuple(read for read in (*section.reads, *section.beside) if read != table)

    def says(tables: StudyTables, settings: Settings, campaign_type: str) -> str:
        view = tables.only((*section.reads, *section.beside))
        if section.alt is None or not view.has(*section.reads) or not section.is_on(view, settings):
            return ""
        return section.alt(view, settings)

    return Told(says, beside, name)


def _answered(question: str, *reads: str, picture: str | None = None) -> Told:
    """Told by what the report answers to a question."""
    return Told(lambda tables, settings, _: dict(plain_answer(tables).points)[question], reads, picture)


def _summed_up(name: str, lead: str, line: Callable[[pd.DataFrame], object], picture: str) -> Told:
    """Told by a line of the summary on the terminal, or one made alike."""
    return Told(lambda tables, settings, _: f"{lead}{line(tables[name])}", (), picture)


def _sizes(segments: pd.DataFrame) -> str:
    sizes = segments["segment_name"].value_counts()
    parts = ", ".join(f"{name} {numbers.percent(size / len(segments))}" for name, size in sizes.items())
    return f"{numbers.count(len(segments))} households in {len(sizes)} segments: {parts}"


def _lifetime(values: pd.DataFrame) -> str:
    mean, middle = numbers.whole_dollars(values["clv"].mean()), numbers.whole_dollars(values["clv"].median())
    return f"Sales expected in the next 52 weeks: {mean} per household, {middle} of the middle one"


def _offers(actions: pd.DataFrame) -> str:
    offers = actions["offer"].dropna()
    said = f"{numbers.count(len(offers))} of {numbers.count(len(actions))} households have an offer"
    if offers.empty:
        return said
    first = offers.value_counts().head(1)
    return f"{said}; the most frequent, for {numbers.count(first.iloc[0])}: {str(first.index[0]).rstrip('.')}"


def _terms(economics: pd.DataFrame) -> str:
    used = economics.loc[economics["used"]].iloc[0]
    said = f"A contact costs {numbers.price(used['contact_cost'])} ({used['scenario']})"
    other = used["said"] if isinstance(used["said"], str) and used["said"] else None
    return f"{said}; for this run {other}" if other else said


def _decided(tables: StudyTables, settings: Settings, campaign_type: str) -> str:
    found = decide(tables, campaign_type, (), None, settings.checks.smallest_effect_that_matters)
    why = dict(found.points).get("Why?", "")
    return f"{found.headline}. {why}".strip()


def _headline(tables: StudyTables, settings: Settings, campaign_type: str) -> str:
    return f"{plain_answer(tables, settings.checks.smallest_effect_that_matters).headline}."


TOLD: dict[str, Told] = {
    "segments": _summed_up("segments", "", _sizes, "sizes"),
    "segment_profiles": _by_picture("sizes", "segment_profiles"),
    "segment_stability": _summed_up("segment_stability", "Agreement of refits: ", summary.stability, "stability"),
    "need_lift": _by_picture("need_lift", "need_lift"),
    "value_need": _by_picture("value_need", "value_need"),
    "customer_lifetime_value": _summed_up("customer_lifetime_value", "", _lifetime, "clv"),
    "movement_noise": _by_picture("staying", "movement_noise"),
    "at_risk": _summed_up("at_risk", "At risk: ", summary.at_risk, "falls_foreseen"),
    "fallen": _summed_up("fallen", "Fallen: ", summary.fallen, "fall_and_recovery"),
    "next_action": _summed_up("next_action", "", _offers, "actions_by_segment"),
    "first_campaign_cohort": _summed_up("first_campaign_cohort", "Trials ", summary.trials, "flow"),
    "trial_flow": _by_picture("flow", "trial_flow"),
    "design_comparison": _by_picture("comparison", "design_comparison"),
    "overlap_diagnostics": _summed_up("overlap_diagnostics", "In overlap ", summary.overlap, "overlap"),
    "covariate_balance": _by_picture("balance", "covariate_balance"),
    "average_effects": _answered("Does the campaign work?", picture="effects"),
    "negative_controls": _by_picture("controls", "negative_controls"),
    "cate_validation": _answered("Do households differ?", "cate_scoreboard", picture="targeting_curves"),
    "effect_drivers": _by_picture("effect_drivers", "effect_drivers"),
    "economics": _summed_up("economics", "", _terms, "cost_dial"),
    "break_even": _answered("At which cost does that change?", picture="cost_dial"),
    "policy_value": _answered("How sure are we?", "cate_scoreboard", picture="policies"),
    "targeting_list": _answered("Whom to target?", "policy_value", picture="decisions_by_group"),
    "decision_summary": Told(_decided, ("break_even",), "decisions_by_group"),
    "experiment_design": _answered("What would settle it?", picture="experiment_design"),
    "campaign_report": Told(_headline, answer.READS),
    "campaign_brief": Told(_decided, (*NEEDED, *BESIDE)),
}
