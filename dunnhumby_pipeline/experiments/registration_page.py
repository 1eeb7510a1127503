"""The page that registers an experiment before it begins: what is asked, of whom, how it is read, and what follows.

One HTML file that needs nothing but itself. It is kept with the plan, which has its hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
import numpy as np
import pandas as pd

from dunnhumby_pipeline.experiments.balance import assignment_balance
from dunnhumby_pipeline.experiments.monitoring import lan_demets, spent
from dunnhumby_pipeline.experiments.registration import Registration
from dunnhumby_pipeline.words.numbers import interval, percent, price

_NAMES = {"baseline_spend": "Spend before the test ($)", "baseline_visits": "Visits before the test"}


@dataclass(frozen=True)
class _Table:
    name: str
    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


def registration_page(plan: Registration, assignment: pd.DataFrame) -> str:
    """The page of an experiment as it was planned, in HTML; everything from the data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dunnhumby_pipeline.experiments", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("registration.html.j2").render(
        title=f"Does a contact of {plan.campaign_type} pay? A randomised test",
        plan=plan,
        parts=_parts(plan, assignment),
        tables=(_arms(assignment), _looks(plan), _balance(assignment)),
    )


def _parts(plan: Registration, assignment: pd.DataFrame) -> list[tuple[str, list[str]]]:
    strata, days, sure = assignment["stratum"].nunique(), plan.duration_days, (1 + plan.confidence) / 2
    before, lower_upper = plan.prior(), plan.prior().interval(plan.confidence)
    outcome = (
        f"profit before the contact, {plan.margin:g} x sales"
        if not plan.of_gross_profit
        else f"gross profit, {plan.margin:g} x sales - {1 - plan.margin:g} x the retailer's coupon match"
    )
    begins = f"from {plan.starts_on}" if plan.starts_on else "from the day of the first contact"
    ends = f"; it ends on {plan.ends_on().isoformat()}" if plan.starts_on else ""
    earlier = f", and {len(plan.earlier)} earlier experiments" if plan.earlier else ""
    return [
        (
            "Question",
            [
                f"What does a contact of {plan.campaign_type} add to profit, per household, and is it more than the "
                f"{price(plan.contact_cost)} that it costs (scenario {plan.scenario})?"
            ],
        ),
        (
            "Population and arms",
            [
                f"{len(assignment):,} households that the targeting list says to test, each randomised once: "
                f"{percent(plan.contact_share)} to be contacted, the rest held out.",
                f"Random within {strata} strata of segment and level of spend, in blocks of households of like spend; "
                f"seed {int(assignment['seed'].iloc[0])}. Households count in the arm that they were assigned to, "
                "whatever they received.",
            ],
        ),
        (
            "How it is run",
            [
                f"Assign it before the first contact: dunnhumby experiment assign --campaign-type {plan.campaign_type} "
                "--starts DATE. That seals plan and arms, and writes the file of arms again.",
                "Contact the households of the arm “contact”, and nobody of the arm “hold out”, for as long as "
                "outcomes count.",
                f"After {days} days fill in a row for each household: {_wanted(plan)}, and in days_observed how many "
                "days they cover; contacted, yes or no, where it is known. A household without a purchase has 0, one "
                "whose outcome is not known an empty cell.",
                "Read it: dunnhumby experiment read FILE. Before the end, with --interim, that gives the effect so far "
                "and counts as a look.",
            ],
        ),
        ("Primary outcome", [f"Per household, {outcome}, summed over {days} days {begins}{ends}."]),
        (
            "Estimator",
            [
                "Difference of the arms adjusted for spend and visits before the test, with slopes of their own in "
                f"each arm (Lin 2013); standard errors HC2, a household being its own cluster; confidence "
                f"{percent(plan.confidence)}, two-sided.",
                "Beside it: the slope of the effect over the study's own effects, where these vary.",
            ],
        ),
        (
            "Size",
            [
                f"The smallest effect that matters is what a contact costs, {price(plan.contact_cost)}; the test finds "
                f"it with a power of {percent(plan.power)}. With the power that was asked for it finds an effect of "
                f"{price(plan.detectable_effect)}.",
            ],
        ),
        (
            "What is believed before",
            [
                f"The study estimates {price(plan.estimate)} per household (standard error {price(plan.se)}){earlier}. "
                "With systematic error allowed for it is "
                + interval(before.estimate, *lower_upper, "$")
                + f"; that a contact pays has the chance {percent(before.probability_above(plan.contact_cost))}.",
                "The result moves this belief: a mixture over how large the study's systematic error may be, weighed "
                "by how far study and experiment lie apart.",
            ],
        ),
        (
            "Looks before the end, and stopping",
            [
                "An interval that holds however often one looks is given at each look; the looks below are planned, "
                "and every look is counted.",
                "The test runs to the end of its window. It may be stopped early only where |z| of the effect so far "
                "passes the boundary at a look. No result is decided on before the end.",
            ],
        ),
        (
            "Refused",
            [
                "No effect is read where the arms with outcomes have other sizes than were assigned "
                f"(p below {plan.sample_ratio_p:g}), where households are missing, added or doubled, or where outcomes "
                f"cover fewer than {days} days.",
            ],
        ),
        (
            "What follows",
            [
                f"Deploy where it is believed by then that a contact pays with a chance of {percent(sure, 1)} or more.",
                f"Stop where that chance is {percent(1 - sure, 1)} or less, or where a loss is expected and no further "
                "test is worth its cost.",
                f"Refine, by another test, otherwise. Counted are {plan.n_households:,} households over "
                f"{plan.n_campaigns} campaigns to come.",
            ],
        ),
    ]


def _wanted(plan: Registration) -> str:
    """The columns of outcomes that the profit is made from."""
    return " and ".join(outcome_columns(plan))


def outcome_columns(plan: Registration) -> tuple[str, ...]:
    """What is filled in for each household ($): profit is made from these."""
    if not plan.of_gross_profit:
        return ("sales",)
    return ("sales", "match") if plan.of_sales else ("gross_profit",)


def _arms(assignment: pd.DataFrame) -> _Table:
    counts = assignment.groupby(["segment", "arm"]).size().unstack(fill_value=0)
    rows = [[str(segment), *(f"{counts.loc[segment, arm]:,}" for arm in counts.columns)] for segment in counts.index]
    rows.append(["All", *(f"{n:,}" for n in counts.sum())])
    return _Table("Arms", "Households by segment and arm", ["Segment", *map(str, counts.columns)], rows)


def _looks(plan: Registration) -> _Table:
    alpha, share = 1 - plan.confidence, np.arange(1, plan.n_looks + 2) / (plan.n_looks + 1)
    bounds, used = lan_demets(share.tolist(), alpha), spent(share, alpha)
    rows = [
        [f"{at:.0%}" + (" (the end)" if at == 1 else ""), f"{bound:.2f}", f"{gone:.5f}"]
        for at, bound, gone in zip(share.tolist(), bounds.tolist(), used.tolist(), strict=True)
    ]
    caption = "Boundaries in the manner of O'Brien and Fleming, by the alpha spent (Lan and DeMets 1983)"
    return _Table("Looks", caption, ["Information", "|z| beyond", "Alpha spent"], rows)


def _balance(assignment: pd.DataFrame) -> _Table:
    rows = [
        [_NAMES[row.covariate], f"{row.mean_contact:,.2f}", f"{row.mean_hold_out:,.2f}", f"{row.smd:+.3f}"]
        for row in assignment_balance(assignment).itertuples()
    ]
    headers = ["Before the test", "Contact", "Hold out", "Difference (SD)"]
    return _Table("Are the arms alike?", "Means by arm, and their difference in standard deviations", headers, rows)
