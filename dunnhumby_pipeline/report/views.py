"""The report's tables as rows of written text: what each frame looks like on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dunnhumby_pipeline.contracts.frames import in_campaign_order
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, ALL_FOLDS, CONSTANT
from dunnhumby_pipeline.report.answer import value_text
from dunnhumby_pipeline.report.tables import ordered_checks
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

LISTED = 25


@dataclass(frozen=True)
class Cell:
    """Text of a cell; `mark` is a state shown as a label, `strong` a row in use."""

    text: str
    mark: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Grid:
    """A table on the page; the columns in `numeric` are set flush right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()


def cells(*texts: str, strong: bool = False) -> tuple[Cell, ...]:
    """One cell a text."""
    return tuple(Cell(text, strong=strong) for text in texts)


def as_grid(headers: str, rows: Sequence[tuple[Cell, ...]], numeric: set[int]) -> Grid:
    """A grid of `rows`, its `headers` separated by bars."""
    return Grid(tuple(headers.split("|")), tuple(rows), frozenset(numeric))


def verdict_cell(lower: float, upper: float, strong: bool = False) -> Cell:
    """What an interval says about zero, marked."""
    verdict = numbers.verdict(lower, upper)
    marks = {"above zero": "pass", "below zero": "fail", "not proven": "warn", "unknown": ""}
    return Cell(numbers.NOTHING if verdict == "unknown" else verdict, marks[verdict], strong)


def data_facts(facts: Mapping[str, Any], settings: Settings) -> list[tuple[str, str]]:
    """What was studied, as (name, value)."""
    return [
        ("Source", str(facts["source"])),
        ("Campaign type", str(facts["campaign_type"])),
        ("Households", numbers.count(facts.get("n_households"))),
        ("Transaction lines", numbers.count(facts.get("n_lines"))),
        ("Days", f"{numbers.count(facts.get('first_day'))} to {numbers.count(facts.get('last_day'))}"),
        ("Campaigns", numbers.count(facts.get("n_campaigns"))),
        ("Look-back", f"{settings.trial.look_back_days} days before the campaign"),
        ("Follow-up", f"{settings.trial.follow_up_days} days after the campaign's end"),
        ("Intervals", numbers.percent(settings.confidence)),
        ("Seed", str(settings.seed)),
    ]


def check_states(checks: pd.DataFrame) -> Grid:
    """Every check, what needs reading first."""
    rows = [
        (
            Cell(row["status"], row["status"].replace(" ", "-")),
            *cells(row["asset"], row["check"], "yes" if row["blocking"] else "no", row["message"]),
        )
        for _, row in ordered_checks(checks).iterrows()
    ]
    return as_grid("State|Table|Check|Blocks|Message", rows, set())


def trial_rows(cohort: pd.DataFrame) -> Grid:
    """Trials, arms and days of each campaign."""
    campaigns = cohort.groupby("campaign", sort=False).agg(
        index_day=("index_day", "first"),
        end=("outcome_end", "max"),
        trials=("treated", "size"),
        treated=("treated", "sum"),
    )
    redeemed = cohort.loc[cohort["treated"] == 1].groupby("campaign")["redeemed"].mean()
    totals = (len(cohort), cohort["treated"].sum(), len(cohort) - cohort["treated"].sum())
    share = cohort.loc[cohort["treated"] == 1, "redeemed"].mean()
    rows = [cells(ALL_CAMPAIGNS, "", *map(numbers.count, totals), numbers.percent(share, 1), strong=True)]
    for campaign, row in campaigns.sort_values("index_day", kind="stable").iterrows():
        arms = (row["trials"], row["treated"], row["trials"] - row["treated"])
        days = f"{int(row['index_day'])} to {int(row['end'])}"
        rows.append(cells(str(campaign), days, *map(numbers.count, arms), numbers.percent(redeemed.get(campaign), 1)))
    return as_grid("Campaign|Outcome days|Trials|Treated|Control|Treated who redeemed", rows, {2, 3, 4, 5})


def overlap_rows(diagnostics: pd.DataFrame) -> Grid:
    """How alike the arms are, campaign by campaign."""
    rows = [
        cells(
            str(row["campaign"]),
            numbers.number(row["auc"], 2),
            numbers.number(row["calibration_slope"], 2),
            *(numbers.percent(row[share]) for share in ("share_below", "share_in_overlap", "share_above")),
            *(numbers.count(row[size]) for size in ("ess_treated", "ess_control", "ess_ipw_treated")),
            strong=str(row["campaign"]) == ALL_CAMPAIGNS,
        )
        for _, row in in_campaign_order(diagnostics).iterrows()
    ]
    headers = (
        "Campaign|Propensity AUC|Calibration slope|Trials below|In overlap|Above|Effective treated|Effective control|"
        "Effective treated by inverse propensity"
    )
    return as_grid(headers, rows, set(range(1, 9)))


def effect_rows(average_effects: pd.DataFrame) -> Grid:
    """Every estimate over all campaigns, then the campaigns; what an association says about zero is not an effect."""
    rows = []
    ordered = in_campaign_order(average_effects)
    for _, row in ordered.iterrows():
        name, unit = terms.outcome(row["outcome"])
        bounds = (row["ci_lower"], row["ci_upper"])
        association = row["estimator"] == "naive"
        verdict = Cell("association") if association else verdict_cell(*bounds)
        rows.append(
            (
                *cells(
                    name,
                    str(row["campaign"]),
                    terms.estimator(row["estimator"], row["estimand"], row["population"]),
                    terms.outcome_interval(row["outcome"], row["estimate"], *bounds),
                    unit,
                ),
                verdict,
                *cells(numbers.count(row["n_trials"]), numbers.count(row["n_households"])),
            )
        )
    headers = "Outcome|Campaign|Estimator|Effect (interval)|Per household|Against zero|Trials|Households"
    return as_grid(headers, rows, {3, 6, 7})


def model_rows(cate_models: pd.DataFrame) -> Grid:
    """Each effect model's score over all folds, and in how many folds it beats the constant."""
    folds = cate_models.loc[cate_models["fold"] >= 0]
    rows = []
    for _, row in cate_models.loc[cate_models["fold"] == ALL_FOLDS].iterrows():
        own = folds.loc[folds["model"] == row["model"], "gain_over_constant"]
        constant = row["model"] == CONSTANT
        rows.append(
            cells(
                terms.model(row["model"]) + (" (in use)" if row["chosen"] else ""),
                numbers.number(row["r_loss"], 5),
                numbers.NOTHING if constant else numbers.number(row["gain_over_constant"]),
                numbers.NOTHING if constant else numbers.number(row["gain_se"], 2),
                numbers.NOTHING if constant else f"{int((own > 0).sum())} of {len(own)}",
                strong=bool(row["chosen"]),
            )
        )
    headers = "Model|R-loss (lower is better)|Gain over constant|Standard error|Folds better than constant"
    return as_grid(headers, rows, {1, 2, 3, 4})


def policy_rows(policy_value: pd.DataFrame) -> Grid:
    """Each policy's honest value beside the value that its own model claimed."""
    rows = []
    for _, row in policy_value.iterrows():
        strong = bool(row["chosen"])
        bounds = (row["ci_lower"], row["ci_upper"])
        reference = row["share_targeted"] == 0
        rows.append(
            (
                *cells(
                    terms.policy(row["policy"]) + (" (in use)" if strong else ""),
                    numbers.percent(row["share_targeted"]),
                    value_text(row),
                    strong=strong,
                ),
                Cell("reference") if reference else verdict_cell(*bounds),
                *cells(
                    numbers.beside_interval(row["claimed_value"], *bounds, "$"),
                    numbers.percent(row["roi"]),
                    numbers.count(row["n_trials"]),
                    strong=strong,
                ),
            )
        )
    headers = "Policy|Share targeted|Honest value (interval)|Against zero|Claimed value|ROI|Trials"
    return as_grid(headers, rows, {1, 2, 4, 5, 6})


def economics_rows(economics: pd.DataFrame) -> Grid:
    """Cost of a contact and the breakeven it implies: fixed and estimated from redeemed coupons."""
    ordered = in_campaign_order(economics).sort_values("used", ascending=False, kind="stable")
    rows = [
        cells(
            terms.spoken(row["source"]) + (" (in use)" if row["used"] else ""),
            str(row["campaign"]),
            numbers.count(row["n_targeted"]),
            numbers.price(row["retailer_cost"]),
            numbers.price(row["manufacturer_cost"]),
            numbers.price(row["contact_cost"]),
            numbers.percent(row["margin"]),
            numbers.price(row["breakeven"]),
            strong=bool(row["used"]),
        )
        for _, row in ordered.iterrows()
    ]
    headers = "Cost|Campaign|Targeted|Retailer pays|Manufacturer pays|Contact cost|Margin|Breakeven effect"
    return as_grid(headers, rows, {2, 3, 4, 5, 6, 7})


def list_rows(targeting_list: pd.DataFrame, segments: pd.DataFrame | None) -> Grid:
    """The households with the largest expected profit."""
    names = {} if segments is None else dict(zip(segments["segment"], segments["segment_name"], strict=True))
    first = targeting_list.sort_values("expected_profit", ascending=False, kind="stable").head(LISTED)
    rows = [
        cells(
            str(row["household_key"]),
            row["decision"],
            numbers.dollars(row["expected_profit"]),
            numbers.interval(row["cate"], row["cate_lower"], row["cate_upper"], "$"),
            numbers.number(row["propensity"], 2) + ("" if row["in_overlap"] else " (outside)"),
            names.get(row["segment"], str(row["segment"])),
            row["reason"],
        )
        for _, row in first.iterrows()
    ]
    headers = "Household|Decision|Expected profit|Effect on spend|Propensity|Segment|Reason"
    return as_grid(headers, rows, {0, 2, 3, 4})
