"""What alerts are made of: what was seen of a study, what was seen before, and what is told of the difference.

Plain data, without dagster: `look` fills it in, `judge` compares, `store` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PASS, WARN, FAIL = "pass", "warn", "fail"
# How grave a message is; a channel takes those of its own severity and graver ones.
INFO, WARNING, BLOCKED = "info", "warn", "block"
SEVERITIES = (INFO, WARNING, BLOCKED)
BASELINE, OPENED, CLOSED, EASED, LIST = "baseline", "opened", "closed", "eased", "list"


@dataclass(frozen=True)
class CheckSeen:
    """The last evaluation of a check: state, words, numbers, the run it was carried out in, and when (Unix, s)."""

    state: str
    said: str
    numbers: dict[str, float]
    run_id: str
    moment: float


@dataclass(frozen=True)
class ListSeen:
    """The targeting list of one campaign type: households by decision, its version where it has one, why it is stale
    (None: it is not), and the run that made it."""

    decisions: dict[str, int]
    version: int | None
    list_hash: str | None
    stale: str | None
    run_id: str

    @property
    def content(self) -> tuple[object, ...]:
        """What a reader of the list would find changed."""
        return self.decisions, self.list_hash


@dataclass(frozen=True)
class RunSeen:
    """A run that failed: what it was of, the steps that crashed and why, the checks that blocked it, the gates that an
    earlier run had closed, and whether it is tried again by itself."""

    run_id: str
    job: str
    campaign_type: str | None
    moment: float
    crashed: dict[str, str] = field(default_factory=dict)
    blocked_by: tuple[str, ...] = ()
    closed_gates: tuple[str, ...] = ()
    again: bool = False

    @property
    def only_stopped(self) -> bool:
        """Whether nothing went wrong in it but what checks had found."""
        return not self.crashed and bool(self.blocked_by or self.closed_gates)


@dataclass(frozen=True)
class Seen:
    """A study as it stands: checks by name (`table.check`, with `[TypeA]` where there is one per campaign type), lists
    by campaign type, runs that failed since the last look, runs that are not over, and which of the open incidents of
    runs a later run has made good. `known`: the names, without type, of all checks there are; one that a run is about
    to carry out has no evaluation meanwhile."""

    moment: float
    checks: dict[str, CheckSeen]
    lists: dict[str, ListSeen]
    known: frozenset[str]
    failed: tuple[RunSeen, ...] = ()
    running: frozenset[str] = frozenset()
    made_good: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Incident:
    """What is wrong and not yet right again: checks by state, and a run that failed for another reason."""

    number: int
    opened: float
    severity: str
    checks: dict[str, str] = field(default_factory=dict)
    run: RunSeen | None = None
    times: int = 1

    @property
    def open(self) -> bool:
        return bool(self.checks) or self.run is not None


@dataclass(frozen=True)
class Refusal:
    """A channel did not take something: how often in a row, since when, when it is tried next, and its last answer."""

    times: int
    since: float
    again: float
    said: str


@dataclass(frozen=True)
class Message:
    """What is told once: of one incident, one recovery, one change of a list, or of the beginning.

    `sent`: the channels that are done with it; `tries`: those that refused it; `only`: those it is for, empty for all
    that take its severity.
    """

    number: int
    moment: float
    kind: str
    severity: str
    title: str
    lines: tuple[str, ...]
    sent: tuple[str, ...] = ()
    tries: dict[str, Refusal] = field(default_factory=dict)
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """What is known from earlier looks. `until`: up to when failed runs were heard of; `heard`: those near that."""

    next_number: int = 1
    checks: dict[str, CheckSeen] = field(default_factory=dict)
    lists: dict[str, ListSeen] = field(default_factory=dict)
    until: float = 0.0
    heard: tuple[str, ...] = ()
    incidents: tuple[Incident, ...] = ()
    outbox: tuple[Message, ...] = ()
    # Channels that do not answer; nothing is sent to them until they are tried again.
    down: dict[str, Refusal] = field(default_factory=dict)
    # Why it had to begin anew, until the first look has told it.
    began_anew: str = ""


def rank(severity: str) -> int:
    return SEVERITIES.index(severity)


def gravest(severities: list[str]) -> str:
    """The gravest of some severities; INFO of none."""
    return max(severities, key=rank, default=INFO)


def severity_of(state: str) -> str:
    """How grave it is that a check is in a state."""
    return {FAIL: BLOCKED, WARN: WARNING}.get(state, INFO)
