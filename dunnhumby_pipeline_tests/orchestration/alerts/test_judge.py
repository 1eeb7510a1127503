"""Incidents: what is one, what is told once, what closes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dunnhumby_pipeline.orchestration.alerts.incident import (
    BASELINE,
    BLOCKED,
    CLOSED,
    EASED,
    INFO,
    LIST,
    OPENED,
    WARNING,
    CheckSeen,
    ListSeen,
    Message,
    RunSeen,
    Seen,
    State,
)
from dunnhumby_pipeline.orchestration.alerts.judge import PATIENCE, Told, judge
from dunnhumby_pipeline.orchestration.alerts.words import CheckText, Words, as_line

GATE, AUC, SHARED = "propensity.arms_in_overlap[TypeA]", "overlap_diagnostics.propensity_auc[TypeA]", "segments.stable"
TEXTS = {
    "propensity.arms_in_overlap": CheckText(True, {"min_trials_per_arm": 50}, "too few trials", "pool campaigns"),
    "overlap_diagnostics.propensity_auc": CheckText(
        False, {"max_propensity_auc": 0.85}, "followed covariates", "weigh"
    ),
}
KNOWN = frozenset({*TEXTS, SHARED, "new.good", "new.bad", "old.check"})
WORDS = Words(TEXTS, "https://desk.example", "acme")


def check(state: str, run: str = "r0", moment: float = 0.0, **numbers: float) -> CheckSeen:
    return CheckSeen(state, f"said {state}", dict(numbers), run, moment)


def listed(target: int = 0, run: str = "r0", stale: str | None = None, test: int = 10) -> ListSeen:
    return ListSeen({"target": target, "test": test, "leave": 5}, 1 + target, f"hash {target} {test}", stale, run)


FINE = Seen(100.0, {GATE: check("pass"), AUC: check("pass"), SHARED: check("pass")}, {"TypeA": listed()}, KNOWN)
BEGUN, _ = judge(State(), FINE)


def look(state: State, seen: Seen = FINE, **changes: object) -> tuple[State, list[Told]]:
    """A later look, in which what is named differs; checks are added to those of `seen`."""
    checks = {**seen.checks, **changes.pop("checks", {})}  # type: ignore[dict-item]
    return judge(state, replace(seen, moment=seen.moment + 30, checks=checks, **changes))  # type: ignore[arg-type]


def text(told: Told, state: State) -> str:
    message = WORDS.message(told, state)
    return "\n".join([message.title, *message.lines])


def stopped(run: str = "r1", **how: object) -> RunSeen:
    return RunSeen(run, "study", "TypeA", 110.0, **how)  # type: ignore[arg-type]


def test_the_first_look_is_one_summary_and_the_second_says_nothing() -> None:
    state, [told] = judge(State(), replace(FINE, checks={**FINE.checks, AUC: check("warn"), GATE: check("fail")}))
    assert (told.kind, told.severity) == (BASELINE, BLOCKED)
    said = text(told, state)
    assert (
        "1 checks passed, 1 warned, 1 failed" in said and "fail: propensity.arms_in_overlap[TypeA]; said fail" in said
    )
    assert "List of TypeA: version 1, 0 to target, 10 to test, 5 to leave; up to date" in said
    assert [one.checks for one in state.incidents] == [{AUC: "warn", GATE: "fail"}]
    assert judge(state, replace(FINE, checks={**FINE.checks, AUC: check("warn"), GATE: check("fail")}))[1] == []


def test_the_first_look_at_an_empty_home_says_that_there_is_no_study() -> None:
    state, [told] = judge(State(), Seen(1.0, {}, {}, KNOWN))
    assert (told.kind, told.severity) == (BASELINE, INFO)
    assert "No study has been run yet" in text(told, state)


def test_a_failed_gate_its_run_and_the_stale_list_are_one_incident() -> None:
    failed = check("fail", "r1", 105.0, n=12.0)
    state = replace(BEGUN, checks={**BEGUN.checks, GATE: check("pass", n=1200.0)})
    state, [told] = look(
        state,
        checks={GATE: failed},
        failed=(stopped(blocked_by=(GATE,)),),
        lists={"TypeA": listed(stale="not rebuilt: 12 treated")},
    )
    assert (told.kind, told.severity, told.campaign_types) == (OPENED, BLOCKED, ("TypeA",))
    said = text(told, state)
    assert said.startswith(
        "BLOCKED [TypeA] propensity.arms_in_overlap pass → fail; the list is stale (dunnhumby, acme)"
    )
    for part in (
        "propensity.arms_in_overlap[TypeA] (blocks): pass → fail; said fail",
        "was: said pass",
        "numbers: n 1200 → 12",
        "threshold: checks.min_trials_per_arm = 50",
        "means: too few trials",
        "do: pool campaigns",
        "Stopped: run r1 of study, by the check",
        "List of TypeA: became stale; version 1, 0 to target, 10 to test, 5 to leave; STALE: not rebuilt: 12 treated",
        "Campaign type: TypeA",
        "Run: https://desk.example/runs/r1",
    ):
        assert part in said
    # The next run is refused by the same gate: nothing new.
    again = replace(FINE, checks={**FINE.checks, GATE: failed}, lists=dict(state.lists))
    state, told_again = look(state, again, failed=(stopped("r2", closed_gates=(GATE,)),))
    assert told_again == []
    # Recovery closes it, with the list that was rebuilt, in one message.
    state, [back] = look(state, checks={GATE: check("pass", "r3", 140.0)}, lists={"TypeA": listed(266, "r3")})
    assert (back.kind, back.severity, state.incidents) == (CLOSED, BLOCKED, ())
    said = text(back, state)
    assert "Recovered: propensity.arms_in_overlap[TypeA]: fail → pass" in said
    assert "to target 0 → 266" in said and "Incident 2 is closed" in said


def test_a_run_is_told_of_when_it_is_over_or_takes_too_long() -> None:
    seen = {GATE: check("fail", "r1", 125.0)}
    state, told = look(BEGUN, checks=seen, running=frozenset({"r1"}))
    assert told == [] and state.checks[GATE].state == "pass"
    late = replace(FINE, moment=125.0 + PATIENCE)
    assert [one.kind for one in look(state, late, checks=seen, running=frozenset({"r1"}))[1]] == [OPENED]
    assert [one.kind for one in look(state, checks=seen)[1]] == [OPENED]


def test_what_one_run_changed_is_one_message_and_another_run_another() -> None:
    state, [told] = look(BEGUN, checks={GATE: check("fail", "r1"), AUC: check("warn", "r1")})
    assert "BLOCKED [TypeA] propensity.arms_in_overlap pass → fail and 1 more check" in text(told, state)
    _, both = look(BEGUN, checks={GATE: check("fail", "r2", 9.0), AUC: check("warn", "r1", 8.0)})
    assert [(one.run_id, one.severity) for one in both] == [("r1", WARNING), ("r2", BLOCKED)]


def test_part_of_an_incident_that_recovers_leaves_it_open() -> None:
    state, _ = look(BEGUN, checks={GATE: check("fail", "r1"), AUC: check("warn", "r1")})
    state, [told] = look(state, checks={GATE: check("pass", "r2"), AUC: check("warn", "r1")})
    assert (told.kind, told.severity) == (EASED, BLOCKED)
    assert f"Incident 2 is still open: {AUC} (warn)" in text(told, state)
    state, [told] = look(state, checks={GATE: check("pass", "r2"), AUC: check("pass", "r3")})
    assert told.kind == CLOSED and state.incidents == ()


def test_a_failure_that_becomes_a_warning_is_told_and_stays_open() -> None:
    state, _ = look(BEGUN, checks={GATE: check("fail", "r1")})
    state, [told] = look(state, checks={GATE: check("warn", "r2")})
    assert told.kind == EASED and [one.checks for one in state.incidents] == [{GATE: "warn"}]


def test_what_gets_worse_is_an_incident_of_its_own() -> None:
    state, _ = look(BEGUN, checks={GATE: check("warn", "r1")})
    state, [told] = look(state, checks={GATE: check("fail", "r2")})
    assert told.severity == BLOCKED and "warn → fail" in text(told, state)
    assert [(one.number, one.checks) for one in state.incidents] == [(3, {GATE: "fail"})]


def test_a_check_of_a_new_release_is_told_of_only_when_it_is_not_passed() -> None:
    state, told = look(BEGUN, checks={"new.good": check("pass", "r1")})
    assert told == []
    _, [told_bad] = look(state, checks={"new.bad": check("warn", "r1")})
    assert "new.bad" in text(told_bad, state) and "not run → warn" in text(told_bad, state)


def test_a_crash_is_told_once_and_closed_by_the_run_that_goes_through() -> None:
    crash = stopped(crashed={"fit": "OSError 28 in /tmp/a"})
    state, [told] = look(BEGUN, failed=(crash,))
    assert (told.kind, told.severity) == (OPENED, BLOCKED)
    assert "run of study (fit) failed" in text(told, state)
    assert "Failed: run r1 of study: fit: OSError 28 in /tmp/a" in text(told, state)
    state, told_again = look(state, failed=(replace(crash, run_id="r2", crashed={"fit": "OSError 29 in /tmp/b"}),))
    assert told_again == [] and state.incidents[0].times == 2
    state, [other] = look(state, failed=(stopped("r3", crashed={"fit": "KeyError"}),))
    assert other.kind == OPENED
    state, [back] = look(state, made_good={one.number: "r4" for one in state.incidents})
    assert (back.kind, back.severity, state.incidents) == (CLOSED, BLOCKED, ())
    assert "no longer fails" in text(back, state)


def test_a_run_that_is_tried_again_is_no_more_than_a_warning() -> None:
    _, [told] = look(BEGUN, failed=(stopped(crashed={"": "its process died"}, again=True),))
    assert told.severity == WARNING and "it is tried again by itself" in text(told, BEGUN)


def test_a_run_that_was_heard_of_is_not_heard_of_again() -> None:
    crash = (stopped(crashed={"fit": "KeyError"}),)
    state, _ = look(BEGUN, failed=crash)
    state, [back] = look(state, failed=crash, made_good={2: "r4"})
    assert back.kind == CLOSED
    assert look(state, failed=crash)[1] == []


def test_a_run_refused_by_gates_that_never_ran_is_news() -> None:
    state, [told] = look(BEGUN, failed=(stopped(closed_gates=("first_campaign_cohort.no_look_ahead[TypeA]",)),))
    assert "by gates that are closed: first_campaign_cohort.no_look_ahead[TypeA]" in text(told, state)


@pytest.mark.parametrize(
    ("now", "severity", "said"),
    [
        (listed(266, "r1"), WARNING, "List [TypeA] to target 0 → 266"),
        (listed(0, "r1", stale="why"), WARNING, "List [TypeA] became stale"),
        (replace(listed(0, "r1"), list_hash="other"), INFO, "List [TypeA] other households, as many of each decision"),
    ],
)
def test_a_change_of_the_list_itself_is_told(now: ListSeen, severity: str, said: str) -> None:
    state, [told] = look(BEGUN, lists={"TypeA": now})
    assert (told.kind, told.severity) == (LIST, severity)
    assert text(told, state).startswith(said)
    assert look(state, lists={"TypeA": now})[1] == []


def test_a_list_waits_for_the_run_that_makes_it() -> None:
    state, told = look(BEGUN, lists={"TypeA": listed(266, "r1")}, running=frozenset({"r1"}))
    assert told == []
    assert [one.kind for one in look(state, lists={"TypeA": listed(266, "r1")})[1]] == [LIST]


def test_a_check_of_what_all_types_share_that_stalls_a_list_is_its_incident() -> None:
    state, [told] = look(BEGUN, checks={SHARED: check("fail", "r1")}, lists={"TypeA": listed(stale="not rebuilt")})
    assert told.kind == OPENED and "List of TypeA: became stale" in text(told, state)


def test_a_check_that_is_gone_leaves_no_incident_open() -> None:
    state, _ = look(BEGUN, checks={"old.check": check("fail", "r1")})
    assert [one.checks for one in state.incidents] == [{"old.check": "fail"}]
    state, told = look(state, known=KNOWN - {"old.check"})
    assert told == [] and state.incidents == ()


def test_a_check_that_a_run_is_about_to_carry_out_is_as_it_was() -> None:
    state, _ = look(BEGUN, checks={GATE: check("fail", "r1")})
    planned = replace(FINE, checks={AUC: FINE.checks[AUC]})
    state, told = look(state, planned, failed=(stopped("r2", blocked_by=(GATE,)),))
    assert told == [] and state.incidents[0].checks == {GATE: "fail"}
    assert look(state, checks={GATE: check("fail", "r3")})[1] == []


HOSTILE = "<!channel> @everyone \x1b[31m\u202ered\nforged  block  #9 s3://a:passw0rd@b/c <script>alert(1)</script>"


def test_a_message_keeps_hostile_text_on_its_line_without_brackets_calls_and_secrets() -> None:
    worse = replace(check("fail", "r1"), said=HOSTILE)
    state, [told] = look(BEGUN, checks={GATE: worse}, failed=(stopped(crashed={HOSTILE: HOSTILE}),))
    message = WORDS.message(told, state)
    for line in (message.title, *message.lines, as_line(message)):
        assert not any(bad in line for bad in ("<", ">", "@everyone", "\x1b", "\u202e", "\n", "passw0rd")), line


def test_a_long_message_is_cut() -> None:
    state, [told] = look(BEGUN, checks={GATE: replace(check("fail", "r1"), said="x" * 5000)})
    assert max(len(line) for line in WORDS.message(told, state).lines) <= 602


def test_a_line_of_the_log_has_moment_severity_number_and_words() -> None:
    message = Message(7, 0.0, OPENED, BLOCKED, "title", ("one", "  two"))
    assert as_line(message) == "1970-01-01T00:00:00+00:00  block  #7 title  one | two"
