"""Made-up lists: who may not be contacted, what is decided for whom, versions and approvals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dunnhumby_pipeline_tests.fakes.results.customers import frame_of, segments


def contact_rules() -> pd.DataFrame:
    rows = [
        ("opt-out", "households of opt_outs.csv", True, 31, 31, 36, 2, 3),
        ("recent contact", "30 days between contacts", True, 40, 38, 0, 0, 0),
        ("contact cap", None, False, 0, 0, 0, 0, 0),
    ]
    return frame_of("rule limit applied n_broken n_households n_rows n_double n_unknown", rows)


def decision_summary() -> pd.DataFrame:
    names = segments().drop_duplicates("segment").set_index("segment")["segment_name"].to_dict()
    rows: list[tuple[Any, ...]] = [
        ("all", "all", "all households", 2469, 820, 738, 82, 700, 949, 69, 1900, 14.2, "test")
    ]
    advised = ("expand", "hold", "reduce", "test")
    for place, (slug, name) in enumerate(names.items()):
        advice = advised[place % 4]
        target, test, leave = {
            "expand": (210, 40, 50),
            "hold": (160, 60, 80),
            "reduce": (20, 40, 240),
            "test": (30, 200, 70),
        }[advice]
        rows.append(
            ("segment", slug, name, 300, target, target - target // 10, target // 10, test, leave, 9, 220, 9.0, advice)
        )
    rows.append(("need", "fresh", "fresh", 1200, 620, 558, 62, 300, 280, 40, 900, 12.0, "expand"))
    rows.append(("need", "grocery", "grocery", 1269, 200, 180, 20, 400, 669, 29, 1000, 3.0, "reduce"))
    rows.append(("suppression", "opt-out", "opt-out", 31, 0, 0, 0, 0, 31, 31, 20, 11.0, None))
    rows.append(("suppression", "recent contact", "recent contact", 38, 0, 0, 0, 0, 38, 38, 30, 16.0, None))
    columns = (
        "grouping level level_name n_households n_target n_contact n_held_out n_test n_leave n_suppressed n_supported "
        "expected_profit advice"
    )
    frame = frame_of(columns, rows)
    profit, stopped = frame["expected_profit"], frame["n_suppressed"]
    return frame.assign(
        ci_lower=profit - 6,
        ci_upper=profit + 6,
        profit_of_contacts=profit * frame["n_contact"],
        profit_lower=(profit - 6) * frame["n_contact"],
        profit_upper=(profit + 6) * frame["n_contact"],
        given_up=profit * stopped,
        given_up_lower=(profit - 6) * stopped,
        given_up_upper=(profit + 6) * stopped,
        share_contacted=0.4,
        advice_reason=[None if advice is None else "as the list has it" for advice in frame["advice"]],
    )


def list_version(approved: bool = False) -> pd.DataFrame:
    by = ("A. Analyst", "2026-11-20T09:00:00+00:00") if approved else (None, None)
    rows = [("TypeA", 3, "c0ffee" * 10 + "beef", "2026-11-19T16:30:00+00:00", approved, *by)]
    return frame_of("campaign_type version list_hash made_at approved approved_by approved_at", rows)


def decision_churn() -> pd.DataFrame:
    rows = [
        ("last list", 2, 2460, 9, 4, 123, 0.05, 60, 40, 7),
        ("approved list", 1, 2450, 19, 6, 490, 0.2, 200, 90, 30),
    ]
    columns = (
        "against version n_households n_new n_gone n_changed share_changed n_became_target n_no_longer_target "
        "n_other_arm"
    )
    return frame_of(columns, rows)


def list_approvals() -> pd.DataFrame:
    place = "approved/TypeA-v1-0123456789ab"
    rows = [
        (
            *("TypeA", 1, "0123456789ab" * 5 + "cdef", "B. Manager", "2026-10-02T08:00:00+00:00", place),
            *(2456, 700, 630, 70, False, True),
        )
    ]
    columns = (
        "campaign_type version list_hash approved_by approved_at file n_households n_target n_contact n_held_out "
        "is_current as_approved"
    )
    return frame_of(columns, rows)


def decision_refits() -> pd.DataFrame:
    rows = [(0, 700, "leave", 0.04, 0.0, 0.04, 0.96, 100), (1, 1200, "target", 0.1, 0.9, 0.1, 0.0, 100)]
    return frame_of("group n_households decision share_changed share_target share_test share_leave n_refits", rows)
