"""What a message says: title and lines, from what is told, the texts of the checks and the address of the UI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dunnhumby_pipeline.orchestration.alerts.incident import (
    BASELINE,
    BLOCKED,
    CLOSED,
    EASED,
    FAIL,
    OPENED,
    PASS,
    WARN,
    WARNING,
    ListSeen,
    Message,
    RunSeen,
    State,
)
from dunnhumby_pipeline.orchestration.alerts.judge import Change, ListChange, Told, campaign_type_of
from dunnhumby_pipeline.settings import one_line

# A line of a message is cut here, a baseline's much sooner: whoever wants all of it opens the run.
LONGEST, SHORT = 600, 160
# So many checks are told in full; of more, only what became of them.
_IN_FULL = 8
_NUMBERS = 6
_DECISIONS = ("target", "test", "leave")
_HEADS = {BLOCKED: "BLOCKED", WARNING: "Warning"}
# Names that a chat would ring everybody for, and the brackets in which it hides commands.
_BRACKETS = str.maketrans({"<": "\u2039", ">": "\u203a"})
_CALLS = re.compile(r"@(?=everyone|here|channel|all\b)", re.IGNORECASE)


@dataclass(frozen=True)
class CheckText:
    """What is known of a check beside its state: whether it blocks, its settings, what red means and what to do."""

    blocks: bool
    thresholds: Mapping[str, object]
    red: str
    advice: str


@dataclass(frozen=True)
class Words:
    """Where the words come from: texts of checks by name (`table.check`), the UI's address, and the home's name."""

    texts: Mapping[str, CheckText]
    ui_url: str | None
    home: str

    def message(self, told: Told, state: State) -> Message:
        """What is told, as a message; `state` is what is known from then on."""
        lines = self._baseline(state) if told.kind == BASELINE else [*self._changes(told), *self._standing(told, state)]
        told_lines = tuple(_shown(line) for line in lines)
        title = _shown(f"{_title(told, state)} (dunnhumby, {self.home})")
        return Message(told.number, _moment(state), told.kind, told.severity, title, told_lines)

    def _changes(self, told: Told) -> list[str]:
        lines = []
        for number, change in enumerate(sorted(told.worse, key=lambda one: one.now.state)):
            lines += self._check(change, in_full=number < _IN_FULL)
        if told.run is not None:
            lines.append(_of_run(told.run))
        for change in told.better:
            lines.append(f"Recovered: {change.name}: {_states(change)}; {change.now.said}")
        lines += [f"Recovered: {_cause(one.run)} no longer fails" for one in told.closed if one.run is not None]
        lines += [_of_list(change) for change in told.lists]
        return lines

    def _check(self, change: Change, in_full: bool) -> list[str]:
        text = self.texts.get(change.name.partition("[")[0])
        kind = "" if text is None else (" (blocks)" if text.blocks else " (warns)")
        lines = [f"{change.name}{kind}: {_states(change)}; {change.now.said}"]
        if not in_full:
            return lines
        if change.before is not None and change.before.said:
            lines.append(f"  was: {change.before.said}")
        lines += [f"  numbers: {numbers}" for numbers in [_numbers(change)] if numbers]
        if text is not None:
            if text.thresholds:
                said = ", ".join(f"checks.{name} = {value}" for name, value in text.thresholds.items())
                lines.append(f"  threshold: {said}")
            lines += [f"  means: {text.red}", f"  do: {text.advice}"]
        return lines

    def _standing(self, told: Told, state: State) -> list[str]:
        types = told.campaign_types
        lines = [f"Campaign type: {', '.join(types) or 'all'}"]
        changed = {change.campaign_type for change in told.lists}
        for campaign_type, found in state.lists.items():
            if campaign_type not in changed and (not types or campaign_type in types):
                lines.append(f"List of {campaign_type}: {_list(found)}")
        if told.run_id is not None:
            lines.append(f"Run: {self.ui_url}/runs/{told.run_id}" if self.ui_url else f"Run: {told.run_id}")
        lines += [f"Incident {one.number} is closed" for one in told.closed]
        for one in told.eased:
            left = ", ".join(f"{name} ({state_})" for name, state_ in one.checks.items())
            lines.append(f"Incident {one.number} is still open: {left or 'its run'}")
        if told.incident is not None:
            lines.append(f"Incident {told.incident.number}")
        return lines

    def _baseline(self, state: State) -> list[str]:
        lines = [] if not state.began_anew else [state.began_anew]
        if not state.checks:
            return [
                *lines,
                "No study has been run yet; from now on, every incident, recovery and change of a list is told",
            ]
        parts: dict[str, list[str]] = {}
        for name, check in state.checks.items():
            parts.setdefault(campaign_type_of(name) or "all campaign types", []).append(check.state)
        for part, states in sorted(parts.items()):
            counts = f"{states.count(PASS)} passed, {states.count(WARN)} warned, {states.count(FAIL)} failed"
            lines.append(f"Checks of {part}: {counts}")
        lines += [f"List of {campaign_type}: {_list(found)}" for campaign_type, found in state.lists.items()]
        bad = sorted((check.state, name) for name, check in state.checks.items() if check.state != PASS)
        lines += [f"{found}: {name}; {_cut(state.checks[name].said, SHORT)}" for found, name in bad]
        return [*lines, "From now on, every incident, recovery and change of a list is told"]


def _title(told: Told, state: State) -> str:
    where = f"[{', '.join(told.campaign_types)}] " if told.campaign_types else ""
    if told.kind == BASELINE:
        return "Alerts begin: " + ("no study yet" if not state.checks else _open(state))
    if told.kind == OPENED:
        gravest_first = sorted(told.worse, key=lambda one: one.now.state)
        what = f"{_cause(told.run)} failed" if told.run is not None else ""
        if gravest_first:
            more = len(gravest_first) - 1
            what = f"{gravest_first[0].name.partition('[')[0]} {_states(gravest_first[0])}"
            what += f" and {more} more check{'s' if more > 1 else ''}" if more else ""
        stale = "; the list is stale" if any(one.now.stale is not None for one in told.lists) else ""
        return f"{_HEADS.get(told.severity, 'Note')} {where}{what}{stale}"
    if told.kind in (CLOSED, EASED):
        names = [change.name.partition("[")[0] for change in told.better]
        names += [_cause(one.run) for one in told.closed if one.run is not None]
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"{'Recovered' if told.kind == CLOSED else 'Better'} {where}{names[0]}{others}"
    return f"List {where}{'; '.join(_decisions_changed(change) for change in told.lists)}"


def _open(state: State) -> str:
    states = [check.state for check in state.checks.values()]
    return f"{states.count(PASS)} checks passed, {states.count(WARN)} warned, {states.count(FAIL)} failed"


def _states(change: Change) -> str:
    return f"{change.before.state if change.before else 'not run'} → {change.now.state}"


def _numbers(change: Change) -> str:
    before = change.before.numbers if change.before else {}
    shown = []
    for name, now in list(change.now.numbers.items())[:_NUMBERS]:
        was = before.get(name)
        shown.append(f"{name} {now:.6g}" if was is None or was == now else f"{name} {was:.6g} → {now:.6g}")
    return ", ".join(shown)


def _of_run(run: RunSeen) -> str:
    again = "; it is tried again by itself" if run.again else ""
    if run.only_stopped:
        gates = f"gates that are closed: {', '.join(run.closed_gates)}" if run.closed_gates else "the check"
        return f"Stopped: run {run.run_id[:8]} of {run.job}, by {gates}; what reads the table was not built{again}"
    reasons = "; ".join(f"{step}: {said}" if step else said for step, said in run.crashed.items())
    return f"Failed: run {run.run_id[:8]} of {run.job}: {reasons or 'no reason given'}{again}"


def _cause(run: RunSeen) -> str:
    steps = ", ".join(step for step in run.crashed if step)
    return f"run of {run.job}" + (f" ({steps})" if steps else "")


def _of_list(change: ListChange) -> str:
    return f"List of {change.campaign_type}: {_decisions_changed(change)}; {_list(change.now)}"


def _decisions_changed(change: ListChange) -> str:
    before, now = change.before, change.now
    if before is None:
        return f"first list, {_counts(now.decisions)}"
    if now.stale is not None and before.stale is None:
        return "became stale"
    names = dict.fromkeys((*_DECISIONS, *sorted({*before.decisions, *now.decisions})))
    counts = [(name, before.decisions.get(name, 0), now.decisions.get(name, 0)) for name in names]
    moved = [f"to {name} {was:,} → {found:,}" for name, was, found in counts if was != found]
    if not moved:
        return "other households, as many of each decision" if before.content != now.content else "no longer stale"
    return ", ".join(moved)


def _counts(decisions: Mapping[str, int]) -> str:
    return ", ".join(f"{decisions.get(name, 0):,} to {name}" for name in _DECISIONS)


def _list(found: ListSeen) -> str:
    version = f"version {found.version}, " if found.version is not None else ""
    said = f"{version}{_counts(found.decisions)}"
    return f"{said}; STALE: {found.stale}" if found.stale is not None else f"{said}; up to date"


def _shown(line: str) -> str:
    indent = "  " if line.startswith("  ") else ""
    text = _CALLS.sub("(at)", one_line(line)).translate(_BRACKETS)
    return indent + _cut(text, LONGEST)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _moment(state: State) -> float:
    return state.until


def as_text(message: Message) -> str:
    """The lines of a message."""
    return "\n".join(message.lines)


def as_line(message: Message) -> str:
    """A message as one line of a log, with its moment in UTC."""
    moment = datetime.fromtimestamp(message.moment, UTC).isoformat(timespec="seconds")
    said = " | ".join(line.strip() for line in message.lines)
    return f"{moment}  {message.severity}  #{message.number} {message.title}  {said}"
