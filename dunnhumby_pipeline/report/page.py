"""The campaign report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
import pandas as pd

from dunnhumby_pipeline.contracts.names import VISITS
from dunnhumby_pipeline.report import views
from dunnhumby_pipeline.report.answer import NOT_BUILT, decision_counts, plain_answer
from dunnhumby_pipeline.report.customer_notes import customer_notes
from dunnhumby_pipeline.report.customers import WARNED, customer_grids
from dunnhumby_pipeline.report.design import design_grids
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

TEMPLATE = "template.html.j2"


def render_report(tables: StudyTables, checks: pd.DataFrame, facts: Mapping[str, Any], settings: Settings) -> str:
    """The whole report as one HTML page with its styles and pictures inside.

    It opens with the answer in plain words. A part whose table is missing says "not built"; amounts are in $,
    values and effects per household.
    """
    # Drawing loads matplotlib, which a process that only knows how to render has no use for.
    from dunnhumby_pipeline.report.pictures import draw_pictures

    template = _environment().get_template(TEMPLATE)
    return template.render(
        answer=plain_answer(tables),
        facts=facts,
        fact_rows=views.data_facts(facts, settings),
        failed_gates=_failed_gates(checks),
        check_counts=_check_counts(checks),
        breakeven=_breakeven(tables.campaign_economics),
        decisions=None if tables.targeting_list is None else decision_counts(tables.targeting_list),
        grids=_grids(tables, checks, settings.trial.outcome),
        notes=customer_notes(tables, settings.lifetime_value.forecast),
        warned=WARNED,
        pictures=draw_pictures(tables, settings),
        settings=settings,
        confidence=numbers.percent(settings.confidence),
        listed=views.LISTED,
        not_built=NOT_BUILT,
        visits=VISITS,
    )


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("dunnhumby_pipeline.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _grids(tables: StudyTables, checks: pd.DataFrame, outcome: str) -> dict[str, views.Grid]:
    grids = {"checks": views.check_states(checks), **customer_grids(tables), **design_grids(tables, outcome)}
    if tables.first_campaign_cohort is not None:
        grids["trials"] = views.trial_rows(tables.first_campaign_cohort)
    if tables.overlap_diagnostics is not None:
        grids["overlap"] = views.overlap_rows(tables.overlap_diagnostics)
    if tables.average_effects is not None:
        grids["effects"] = views.effect_rows(tables.average_effects)
    if tables.cate_models is not None:
        grids["models"] = views.model_rows(tables.cate_models)
    if tables.policy_value is not None:
        grids["policies"] = views.policy_rows(tables.policy_value)
    if tables.campaign_economics is not None:
        grids["economics"] = views.economics_rows(tables.campaign_economics)
    if tables.targeting_list is not None:
        grids["list"] = views.list_rows(tables.targeting_list, tables.segments)
    return grids


def _failed_gates(checks: pd.DataFrame) -> list[str]:
    failed = checks.loc[(checks["status"] == "fail") & checks["blocking"].astype(bool)]
    return [f"{row['asset']}: {row['check']} ({row['message']})" for _, row in failed.iterrows()]


def _check_counts(checks: pd.DataFrame) -> str:
    counts = checks["status"].value_counts()
    return ", ".join(f"{counts.get(state, 0)} {state}" for state in ("fail", "warn", "not run", "pass"))


def _breakeven(economics: pd.DataFrame | None) -> str | None:
    """How the breakeven in use follows from cost and margin, in one sentence."""
    used = None if economics is None else economics.loc[economics["used"].astype(bool)]
    if used is None or used.empty:
        return None
    row = used.iloc[0]
    campaigns = "" if len(used) == 1 else f" in campaign {row['campaign']}; other campaigns have their own"
    return (
        f"Contacting a household pays when it raises that household's sales by more than "
        f"{numbers.price(row['breakeven'])}: {numbers.price(row['contact_cost'])} a contact at a margin of "
        f"{numbers.percent(row['margin'])} ({row['source']} cost{campaigns})."
    )
