"""What is new: the difference between two looks as incidents, each told once.

A run is told of when it is over, and once: the checks that it changed, its own failure, the list that it made or did
not make, and what it put right are one message. What is still as it was told of is not told of again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from dunnhumby_pipeline.orchestration.alerts.incident import (
    BASELINE,
    BLOCKED,
    CLOSED,
    EASED,
    FAIL,
    INFO,
    LIST,
    OPENED,
    PASS,
    WARN,
    WARNING,
    CheckSeen,
    Incident,
    ListSeen,
    RunSeen,
    Seen,
    State,
    gravest,
    severity_of,
)

# Of a run that is not over after so many seconds, what it has found is told all the same.
PATIENCE = 1800.0
_ORDER = {PASS: 0, WARN: 1, FAIL: 2}
# What differs between two failures of one cause: numbers, addresses, paths.
_ACCIDENTAL = re.compile(r"0x[0-9a-f]+|/\S+|[0-9a-f-]{16,}|\d+")


@dataclass(frozen=True)
class Change:
    """A check in another state than before; `before` is None when it had never been carried out."""

    name: str
    before: CheckSeen | None
    now: CheckSeen


@dataclass(frozen=True)
class ListChange:
    """A list with other decisions, or one that became stale or is no longer; `before` is None for the first list."""

    campaign_type: str
    before: ListSeen | None
    now: ListSeen


@dataclass
class Told:
    """What one message tells: of a run (None: of none), what became worse and better, and what is open or closed."""

    run_id: str | None
    number: int = 0
    kind: str = LIST
    severity: str = INFO
    worse: list[Change] = field(default_factory=list)
    better: list[Change] = field(default_factory=list)
    run: RunSeen | None = None
    lists: list[ListChange] = field(default_factory=list)
    incident: Incident | None = None
    closed: list[Incident] = field(default_factory=list)
    eased: list[Incident] = field(default_factory=list)

    @property
    def campaign_types(self) -> tuple[str, ...]:
        """The campaign types it is of; none when it is of what all share."""
        of_checks = [campaign_type_of(change.name) for change in (*self.worse, *self.better)]
        of_runs = [run.campaign_type for run in (self.run, *(one.run for one in self.closed)) if run is not None]
        found = {*of_checks, *of_runs, *(change.campaign_type for change in self.lists)}
        return tuple(sorted(name for name in found if name))

    @property
    def says_anything(self) -> bool:
        return bool(self.worse or self.better or self.run or self.lists or self.closed or self.eased)

    def concerns(self, campaign_type: str) -> bool:
        """Whether what went wrong in it can be why the list of a campaign type is stale."""
        shared = any(campaign_type_of(change.name) is None for change in self.worse)
        return bool(self.worse or self.run) and (shared or self.campaign_types in ((), (campaign_type,)))


class _Bundles:
    """What changed, in a bundle for each run."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._moments: dict[str, float] = {}

    def of(self, run_id: str, moment: float) -> Told:
        self._moments[run_id] = max(self._moments.get(run_id, 0.0), moment)
        return self._told.setdefault(run_id, Told(run_id or None))

    def stalled(self, campaign_type: str, moment: float) -> Told:
        """The bundle of what made a list stale: of the run that went wrong, not of the one that made the list."""
        wrong = (told for told in self._told.values() if told.concerns(campaign_type))
        return next(wrong, None) or self.of("", moment)

    def in_order(self) -> list[Told]:
        return [self._told[run_id] for run_id in sorted(self._told, key=lambda run_id: self._moments[run_id])]


def campaign_type_of(check: str) -> str | None:
    """'TypeA' of 'propensity.arms_in_overlap[TypeA]'; None of a check of what all types share."""
    return check.rpartition("[")[2].rstrip("]") if check.endswith("]") else None


def judge(state: State, seen: Seen) -> tuple[State, list[Told]]:
    """What is known from now on, and what is to be told, in the order it happened. The first look tells the baseline.

    The outbox is not touched. What is told has numbers from `state.next_number` on, which are those of incidents too.
    """
    if state.until == 0.0:
        return _baseline(state, seen)
    known, bundles = _changes(state, seen)
    told, incidents, number = [], [_without_unknown(one, seen) for one in state.incidents], state.next_number
    for bundle in bundles:
        incidents = _settle(bundle, incidents, seen, number)
        if bundle.says_anything:
            bundle.number = number
            told.append(bundle)
            number += 1
    heard = tuple(dict.fromkeys((*state.heard, *(run.run_id for run in seen.failed))))
    kept = tuple(one for one in incidents if one.open)
    return replace(known, incidents=kept, heard=heard, next_number=number), told


def _baseline(state: State, seen: Seen) -> tuple[State, list[Told]]:
    bad = {name: check.state for name, check in sorted(seen.checks.items()) if check.state != PASS}
    severity = gravest([severity_of(found) for found in bad.values()])
    incident = Incident(state.next_number, seen.moment, severity, bad)
    begun = replace(
        state,
        next_number=state.next_number + 1,
        checks=seen.checks,
        lists=seen.lists,
        until=seen.moment,
        heard=tuple(run.run_id for run in seen.failed),
        incidents=(incident,) if incident.open else (),
    )
    return begun, [Told(None, state.next_number, BASELINE, severity, incident=incident)]


def _changes(state: State, seen: Seen) -> tuple[State, list[Told]]:
    """What is known after the look but for incidents, and what changed, in the order of runs."""
    bundles = _Bundles()
    checks = {name: check for name, check in state.checks.items() if _is_known(name, seen)}
    for name, now in seen.checks.items():
        before = checks.get(name)
        if before is not None and before.state == now.state:
            checks[name] = now
        elif now.run_id not in seen.running or seen.moment - now.moment > PATIENCE:
            checks[name] = now
            change, bundle = Change(name, before, now), bundles.of(now.run_id, now.moment)
            if _ORDER[now.state] > (_ORDER[before.state] if before else 0):
                bundle.worse.append(change)
            elif before is not None:
                bundle.better.append(change)
    for run in seen.failed:
        if run.run_id not in state.heard:
            bundles.of(run.run_id, run.moment).run = run
    lists = dict(state.lists)
    for campaign_type, found in seen.lists.items():
        change_of_list = _list_change(campaign_type, state.lists.get(campaign_type), found, seen)
        if change_of_list is not None:
            stale = found.stale is not None
            bundle = bundles.stalled(campaign_type, seen.moment) if stale else bundles.of(found.run_id, seen.moment)
            bundle.lists.append(change_of_list)
            lists[campaign_type] = found
    for one in state.incidents:
        if one.number in seen.made_good:
            bundles.of(seen.made_good[one.number], seen.moment)
    return replace(state, checks=checks, lists=lists, until=seen.moment), bundles.in_order()


def _list_change(campaign_type: str, before: ListSeen | None, now: ListSeen, seen: Seen) -> ListChange | None:
    """What changed of a list, when it did and the run that it belongs to has ended."""
    same_content = before is not None and before.content == now.content
    if same_content and (before is None or (before.stale is None) == (now.stale is None)):
        return None
    # Of a mark, any run may be the one.
    if (seen.running and same_content) or now.run_id in seen.running:
        return None
    return ListChange(campaign_type, before, now)


def _settle(bundle: Told, incidents: list[Incident], seen: Seen, number: int) -> list[Incident]:
    """Open, ease and close incidents by what a bundle holds, which is told what it is; the incidents from then on."""
    touched, after = [], []
    better = {change.name: change.now.state for change in bundle.better}
    worse = {change.name: change.now.state for change in bundle.worse}
    for one in incidents:
        now = {name: better.get(name, found) for name, found in one.checks.items()}
        # What became worse is told as an incident of its own.
        left = {name: found for name, found in now.items() if found != PASS and name not in worse}
        good = one.run is not None and bundle.run_id is not None and seen.made_good.get(one.number) == bundle.run_id
        if good or any(name in better for name in one.checks):
            touched.append(one)
        after.append(replace(one, checks=left, run=None if good else one.run))
    open_now = {one.number: one for one in after if one.open}
    bundle.closed = [one for one in touched if one.number not in open_now]
    bundle.eased = [open_now[one.number] for one in touched if one.number in open_now]
    own = None
    if bundle.run is not None:
        after, own = _hear(bundle, after)
    if bundle.worse or own is not None:
        grave = [severity_of(found) for found in worse.values()]
        if bundle.run is not None:
            grave.append(WARNING if bundle.run.again else BLOCKED)
        bundle.incident = Incident(number, seen.moment, gravest(grave), worse, own)
        bundle.kind, bundle.severity = OPENED, bundle.incident.severity
        return [*after, bundle.incident]
    if touched:
        bundle.kind = EASED if bundle.eased else CLOSED
        bundle.severity = gravest([one.severity for one in touched])
    elif bundle.lists:
        changed = any(one.before is None or one.before.decisions != one.now.decisions for one in bundle.lists)
        bundle.severity = WARNING if changed or any(one.now.stale is not None for one in bundle.lists) else INFO
    return after


def _hear(bundle: Told, incidents: list[Incident]) -> tuple[list[Incident], RunSeen | None]:
    """The incidents, and the failed run of a bundle when that is news of its own. A run that checks stopped belongs to
    the incident of those checks; one that fails again for the same reason is counted there, and not told of.
    """
    run = bundle.run
    assert run is not None
    known = {change.name for change in bundle.worse}.union(*(one.checks for one in incidents))
    if run.only_stopped and {*run.blocked_by, *run.closed_gates} <= known:
        if not bundle.worse:
            bundle.run = None
        return incidents, None
    same = [one.run is not None and cause(one.run) == cause(run) for one in incidents]
    if any(same):
        bundle.run = None
        counted = [
            replace(one, times=one.times + 1) if again else one for one, again in zip(incidents, same, strict=True)
        ]
        return counted, None
    return incidents, run


def cause(run: RunSeen) -> tuple[object, ...]:
    """What two failures share that are one incident: campaign type, steps and reasons but for what is accidental."""
    crashed = tuple((step, _ACCIDENTAL.sub("#", said)[:200]) for step, said in sorted(run.crashed.items()))
    return run.campaign_type, crashed, run.blocked_by, run.closed_gates


def _without_unknown(incident: Incident, seen: Seen) -> Incident:
    """Checks that a later release no longer has cannot recover."""
    return replace(incident, checks={name: found for name, found in incident.checks.items() if _is_known(name, seen)})


def _is_known(name: str, seen: Seen) -> bool:
    return name.partition("[")[0] in seen.known
