"""The study on one terminal screen: 80 columns, about 45 lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dunnhumby_pipeline.contracts.frames import comparable
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.report import answer
from dunnhumby_pipeline.report.answer import (
    NOT_BUILT,
    chosen_policy,
    decision_counts,
    effect_text,
    effect_verdict,
    main_effects,
    plain_answer,
    value_text,
)
from dunnhumby_pipeline.report.tables import CHECK_ORDER, StudyTables, ordered_checks
from dunnhumby_pipeline.report.taught import taught
from dunnhumby_pipeline.settings import ranks
from dunnhumby_pipeline.words import numbers, terms

WIDTH = 80
SEGMENTS_SHOWN = 12
_GAP = ("", Text())
_COLOURS = {"fail": "bold red", "warn": "yellow", "not run": "dim", "pass": "green"}
_NAMED, _COUNTED = ("fail", "warn"), {"pass": "passed", "not run": "not run"}
# The tables that the summary is made of, beside those of the answer.
READS = (
    "segments",
    "segment_profiles",
    "segment_playbook",
    "segment_stability",
    "migration_summary",
    "at_risk",
    "fallen",
    "first_campaign_cohort",
    "overlap_diagnostics",
    "average_effects",
    "economics",
    "policy_value",
    "targeting_list",
    "decision_summary",
    "list_version",
)
_BORDERS = {"pays": "green", "loses": "red", "not proven": "yellow"}


def render_summary(tables: StudyTables, checks: pd.DataFrame, facts: Mapping[str, Any]) -> RenderableType:
    """The answer, the numbers behind it, the checks to read and where the files are; "not built" if missing.

    Values and effects are in $ per household. Paths stand alone on their lines, whole: print it with `crop=False`.
    """
    tables = tables.only((*answer.READS, *READS))
    chosen = chosen_policy(tables.get("policy_value"))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for name, text in (
        ("Data", _data(facts)),
        ("Segments", _segments(tables.get("segments"), tables.get("segment_profiles"), tables.get("segment_playbook"))),
        ("Stability", stability(tables.get("segment_stability"))),
        ("Over time", _over_time(tables.get("migration_summary"))),
        ("At risk", at_risk(tables.get("at_risk"))),
        ("Fallen", fallen(tables.get("fallen"))),
        _GAP,
        ("Trials", trials(tables.get("first_campaign_cohort"))),
        ("Overlap", overlap(tables.get("overlap_diagnostics"))),
        _effects(tables.get("average_effects")),
        *_gross_profit(tables.get("average_effects")),
        _GAP,
        *_economics(tables.get("economics")),
        ("Policy", _policy(chosen)),
        ("Value", _value(chosen, answer.has_ranking(tables.get("cate_scoreboard")))),
        *_experiments(tables),
        ("Decisions", _decisions(tables.get("targeting_list"))),
        *_permitted(tables.get("decision_summary")),
        *_approved(tables.get("list_version")),
        _GAP,
        *_check_rows(checks),
    ):
        rows.add_row(name, text)
    return Group(_headline(tables, facts), Constrain(rows, WIDTH), *_places(facts))


def _places(facts: Mapping[str, Any]) -> list[Text]:
    """Each place under its name, on a line of its own that is never broken: it can be copied as it stands."""
    lines = [Text()]
    for name, path in {"source": facts["source"], **(facts.get("paths") or {})}.items():
        lines.append(Text(name.capitalize(), style="bold"))
        if name in facts.get("not_built", ()):
            lines[-1].append(f"  {NOT_BUILT}", style="not bold dim")
        lines.append(Text(path, no_wrap=True, overflow="ignore"))
    return lines


def _headline(tables: StudyTables, facts: Mapping[str, Any]) -> Panel:
    found = plain_answer(tables)
    text = Text(found.headline, style="bold")
    if facts.get("stale"):
        text.append(f"\nStale list: {facts['stale']}", style="red")
    # Facts are data: as markup, a square bracket in them would be lost.
    title = Text(f"Campaign {facts['campaign_type']}")
    return Panel(text, title=title, title_align="left", border_style=_BORDERS.get(found.state, "none"), width=WIDTH)


def _data(facts: Mapping[str, Any]) -> Text:
    seconds = facts.get("run_seconds")
    took = f", {numbers.number(seconds, 2)}\N{NO-BREAK SPACE}s" if numbers.is_number(seconds) else ""
    return Text(
        f"{numbers.count(facts.get('n_households'))} households, "
        f"{numbers.count(facts.get('n_lines'))} lines, days {numbers.count(facts.get('first_day'))} to "
        f"{numbers.count(facts.get('last_day'))}, {numbers.count(facts.get('n_campaigns'))} campaigns{took}"
    )


def _segments(
    segments: pd.DataFrame | None, profiles: pd.DataFrame | None, playbook: pd.DataFrame | None
) -> RenderableType:
    """Households, share of revenue and strategy of each segment; as much of it as was built."""
    if segments is None:
        return _not_built()
    sizes = segments.groupby(["segment", "segment_name"]).size().sort_values(ascending=False)
    revenue = {} if profiles is None else dict(zip(profiles["segment"], profiles["revenue_share"], strict=True))
    strategy = {} if playbook is None else dict(zip(playbook["segment"], playbook["strategy"], strict=True))
    if revenue:
        sizes = sizes.sort_index(key=lambda slugs: slugs.map(revenue), level=0, ascending=False)
    rows = Table.grid(padding=(0, 2))
    for _ in range(3 if revenue else 2):
        rows.add_column(justify="right", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("n", "share", *(["revenue"] if revenue else []), "", style="dim")
    for (slug, name), size in sizes.head(SEGMENTS_SHOWN).items():
        worth = [numbers.percent(revenue.get(slug))] if revenue else []
        action = f": {strategy[slug]}" if slug in strategy else ""
        rows.add_row(*_of_all(size, segments), *worth, Text(f"{name}{action}"))
    if len(sizes) > SEGMENTS_SHOWN:
        rest = sizes.iloc[SEGMENTS_SHOWN:]
        rows.add_row(*_of_all(rest.sum(), segments), *([""] if revenue else []), f"in {len(rest)} smaller segments")
    return rows


def _of_all(size: int, segments: pd.DataFrame) -> tuple[str, str]:
    return numbers.count(size), numbers.percent(size / len(segments))


def stability(segment_stability: pd.DataFrame | None) -> Text:
    if segment_stability is None:
        return _not_built()
    means = segment_stability.groupby("start")["ari"].agg(["mean", "size"]).sort_index(ascending=False)
    return Text(
        ", ".join(f"{start} ARI {row['mean']:.2f} ({row['size']:.0f} refits)" for start, row in means.iterrows())
    )


def _over_time(summary: pd.DataFrame | None) -> Text:
    if summary is None:
        return _not_built()
    shown = comparable(summary)
    how = "periods that share no day" if (shown["shared_days"] == 0).all() else "periods that overlap"
    return Text(
        f"{numbers.percent(shown['share_staying'].mean())} keep their segment, "
        f"{numbers.percent(shown['share_staying_tier'].mean())} their value tier, between {how}"
    )


def at_risk(at_risk: pd.DataFrame | None) -> Text:
    if at_risk is None:
        return _not_built()
    listed = at_risk[at_risk["at_risk"]]
    if listed.empty:
        return Text("no chance of a fall can be told: see the report")
    chance, all_chances = (numbers.percent(found["probability"].mean()) for found in (listed, at_risk))
    return Text(
        f"{numbers.count(len(listed))} households of value, with a chance of {chance} to fall; all: {all_chances}"
    )


def fallen(fallen: pd.DataFrame | None) -> Text:
    if fallen is None:
        return _not_built()
    if fallen.empty:
        return Text("nobody of value")
    lost, back = -float(fallen["change"].sum()), fallen["expected_recovery"]
    found = f"{numbers.count(len(fallen))} of value, by {numbers.dollars(lost)} in the quarter"
    known = f"; {numbers.percent(back.sum() / lost)} expected back" if back.notna().any() else ""
    return Text(f"{found}{known}")


def trials(cohort: pd.DataFrame | None) -> Text:
    if cohort is None:
        return _not_built()
    treated = int(cohort["treated"].sum())
    arms = f"{numbers.count(treated)} treated, {numbers.count(len(cohort) - treated)} control"
    households = numbers.count(cohort["household_key"].nunique())
    return Text(f"{numbers.count(len(cohort))}: {arms}, from {households} households")


def overlap(diagnostics: pd.DataFrame | None) -> Text:
    whole = None if diagnostics is None else diagnostics.loc[diagnostics["campaign"].astype(str) == ALL_CAMPAIGNS]
    if whole is None or whole.empty:
        return _not_built()
    row = whole.iloc[0]
    return Text(f"{numbers.percent(row['share_in_overlap'])} of trials, propensity AUC {numbers.number(row['auc'], 2)}")


def _effects(average_effects: pd.DataFrame | None) -> tuple[str, Text]:
    effects = {} if average_effects is None else main_effects(average_effects)
    if not effects:
        return "Effect", _not_built()
    name, _ = terms.outcome(next(iter(effects.values()))["outcome"])
    said = "; ".join(
        f"{estimand} {effect_text(row)}, {effect_verdict(row)}"
        if row["identified"]
        else f"{estimand} not identified here"
        for estimand, row in effects.items()
    )
    return f"Effect on {name.lower()}", Text(said)


def _gross_profit(average_effects: pd.DataFrame | None) -> list[tuple[str, Text]]:
    found = None if average_effects is None else answer.gross_profit_effect(average_effects)
    return [] if found is None else [("Gross profit", Text(f"{effect_text(found)}, before the cost of a contact"))]


def _economics(economics: pd.DataFrame | None) -> list[tuple[str, Text]]:
    """What the run said in place of the settings; nothing when it said nothing."""
    said = [] if economics is None else economics["said"].dropna().unique()
    return [("Economics", Text(f"not those of the settings: {text}", style="yellow")) for text in said]


def _policy(chosen: pd.Series | None) -> Text:
    if chosen is None:
        return _not_built()
    share = numbers.percent(chosen["share_targeted"])
    return Text(f"{terms.policy(chosen['policy'])}, selects {share} of the trials in overlap")


def _value(chosen: pd.Series | None, ranking: bool) -> Text:
    if chosen is None:
        return _not_built()
    if chosen["share_targeted"] == 0:
        return Text("$0: nobody is targeted")
    if not ranking and ranks(str(chosen["policy"])):
        return Text("there is no ranking, and a draw by lot is not valued")
    if answer.lacks_value(chosen):
        return Text(f"none: {chosen['reason']}")
    bounds = (chosen["ci_lower"], chosen["ci_upper"])
    claimed = numbers.beside_interval(chosen["claimed_value"], *bounds, "$")
    return Text(f"{value_text(chosen)} per household, {numbers.verdict(*bounds)}; claimed {claimed}")


def _experiments(tables: StudyTables) -> list[tuple[str, Text]]:
    told = taught(tables.get("break_even"), tables.get("experiment_result"))
    return [] if told is None else [("Experiments", Text(told.found))]


def _decisions(targeting_list: pd.DataFrame | None) -> Text:
    if targeting_list is None:
        return _not_built()
    counts = decision_counts(targeting_list)
    return Text(", ".join(f"{numbers.count(size)} to {name}" for name, size in counts.items()))


def _permitted(summary: pd.DataFrame | None) -> list[tuple[str, Text]]:
    """Who is held out and who may not be contacted, and what that gives up; nothing where there is nobody of either."""
    if summary is None:
        return []
    whole = summary.loc[summary["grouping"] == "all"].iloc[0]
    rows = []
    if whole["n_target"]:
        held = f"{numbers.count(whole['n_held_out'])} of {numbers.count(whole['n_target'])} targets, by lot"
        rows.append(("Held out", Text(held)))
    if whole["n_suppressed"]:
        bounds = (whole["given_up_lower"], whole["given_up_upper"])
        lost = numbers.interval(whole["given_up"], *bounds, "$")
        said = f"{numbers.count(whole['n_suppressed'])} may not be contacted, which gives up {lost}"
        rows.append(("Suppressed", Text(said)))
    return rows


def _approved(version: pd.DataFrame | None) -> list[tuple[str, Text]]:
    if version is None:
        return []
    row = version.iloc[0]
    state = f"approved by {row['approved_by']}" if row["approved"] else "not approved"
    return [("List", Text(f"version {row['version']}, hash {row['list_hash'][:12]}, {state}"))]


def _check_rows(checks: pd.DataFrame) -> list[tuple[str, RenderableType]]:
    """The checks to read with their messages, a row per state; of the others how many they are."""
    ordered = ordered_checks(checks)
    states = {state: ordered.loc[ordered["status"] == state] for state in CHECK_ORDER}
    if ordered.empty:
        return [("Checks", _not_built())]
    rows: list[tuple[str, RenderableType]] = [
        (f"{len(found)} {state}", _named(found, state))
        for state, found in states.items()
        if state in _NAMED and len(found)
    ]
    counted = Text(", ").join(
        Text(f"{numbers.count(len(found))} {_COUNTED[state]}", style=_COLOURS[state])
        for state, found in states.items()
        if state in _COUNTED and len(found)
    )
    return [*rows, ("Checks", counted)] if counted else rows


def _named(found: pd.DataFrame, state: str) -> Text:
    lines = [
        f"{row['asset']}.{row['check']}{' (blocks)' if row['blocking'] else ''}: {row['message']}"
        for _, row in found.iterrows()
    ]
    return Text("\n".join(lines), style=_COLOURS[state])


def _not_built() -> Text:
    return Text(NOT_BUILT, style="dim")
