"""What the campaign does: average effects, campaign by campaign and pooled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.causal.effects.differences import PAIRED
from dunnhumby_pipeline.contracts.frames import in_campaign_order
from dunnhumby_pipeline.contracts.names import NEVER_TARGETED, VISITS
from dunnhumby_pipeline.report.answer import effect_text, main_effects
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells, verdict_cell
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def trial_note(tables: StudyTables, settings: Settings) -> str:
    """What a trial is under the design in use."""
    if settings.trial.design == NEVER_TARGETED:
        return (
            "A trial is one household at one campaign: at the first that listed it, or, for households that none ever "
            "listed, at the first during which it bought something. Look-backs reach to the first day of the data and "
            "differ between the arms. This is the reference study's design, for comparison."
        )
    return (
        "A trial is one household eligible at one campaign. It is treated if the campaign lists it, else control; both "
        "arms share the same index day, look-back and outcome window."
    )


def _effects(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import effects

    return effects.effects_forest(tables["average_effects"])


def _effects_alt(tables: StudyTables, settings: Settings) -> str:
    name, unit = terms.outcome(settings.trial.outcome)
    return f"Effects on {name.lower()} ({unit} per household) with intervals: " + "; ".join(
        f"{estimand} {effect_text(row) if row['identified'] else 'not identified here'}"
        for estimand, row in main_effects(tables["average_effects"]).items()
    )


def _visits(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import effects

    return effects.effects_forest(tables["average_effects"], VISITS)


def _by_campaign(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import effects

    return effects.campaign_forest(tables["average_effects"], tables["pooled_effects"])


def pooled_rows(pooled: pd.DataFrame) -> Grid:
    """Effects of the campaigns pooled, and whether the campaigns differ."""
    rows = []
    for _, row in pooled.iterrows():
        name, unit = terms.outcome(row["outcome"])
        bounds = (row["ci_lower"], row["ci_upper"])
        prediction = (row["prediction_lower"], row["prediction_upper"])
        known = all(numbers.is_number(bound) for bound in prediction)
        rows.append(
            (
                *cells(
                    f"{name} ({unit})",
                    terms.estimator_name(row["estimator"]),
                    f"{row['method']} effects",
                    terms.outcome_interval(row["outcome"], row["estimate"], *bounds),
                ),
                verdict_cell(*bounds),
                *cells(
                    f"{numbers.number(row['q'], 3)} on {numbers.count(row['q_df'])}",
                    numbers.number(row["q_p_value"], 2),
                    numbers.percent(row["i2"]),
                    terms.outcome_interval(row["outcome"], sum(prediction) / 2, *prediction)
                    if known
                    else numbers.NOTHING,
                ),
            )
        )
    headers = (
        "Outcome, per household|Estimator|Pooled by|Effect (interval)|Against zero|Q|p|I²|"
        "Another campaign (middle and range)"
    )
    return as_grid(headers, rows, {3, 5, 6, 7, 8})


def effect_rows(average_effects: pd.DataFrame) -> Grid:
    """Every estimate over all campaigns, then the campaigns; what an association says about zero is not an effect."""
    rows = []
    ordered = in_campaign_order(average_effects)
    for _, row in ordered.iterrows():
        name, unit = terms.outcome(row["outcome"])
        bounds = (row["ci_lower"], row["ci_upper"])
        association = row["estimator"] == "naive"
        verdict = Cell("association") if association else verdict_cell(*bounds)
        if not row["identified"]:
            verdict = Cell(f"not identified here, an extrapolation: {row['reason']}")
        estimate = terms.outcome_interval(row["outcome"], row["estimate"], *bounds)
        rows.append(
            (
                *cells(
                    name,
                    str(row["campaign"]),
                    terms.estimator(row["estimator"], row["estimand"], row["population"]),
                ),
                Cell(estimate, struck=not row["identified"]),
                Cell(unit),
                verdict,
                *cells(numbers.count(row["n_trials"]), numbers.count(row["n_households"])),
            )
        )
    headers = "Outcome|Campaign|Estimator|Effect (interval)|Per household|Against zero|Trials|Households"
    return as_grid(headers, rows, {3, 6, 7})


def type_rows(campaign_types: pd.DataFrame) -> Grid:
    """Each campaign type by each rule for its windows; then the types pooled."""
    marks = {"gain proven": "pass", "loss proven": "fail", "not proven": "warn"}
    rows = []
    for _, row in campaign_types.iterrows():
        name, unit = terms.outcome(row["outcome"])
        pooled = row["campaign_type"] == "all"
        days = [int(row[end]) for end in ("shortest_window", "longest_window") if numbers.is_number(row[end])]
        verdict = str(row["verdict"])
        text = f"{verdict}: {row['reason']}" if isinstance(row["reason"], str) and row["reason"] else verdict
        if numbers.is_number(row["p_equal"]):
            text += f"; p that types do not differ {numbers.number(row['p_equal'], 2)}"
        found = (
            terms.outcome_interval(row["outcome"], *(row[each] for each in each_of))
            if numbers.is_number(row[each_of[0]])
            else numbers.NOTHING
            for each_of in (("estimate", "ci_lower", "ci_upper"), ("per_day", "per_day_lower", "per_day_upper"))
        )
        rows.append(
            (
                *cells(
                    "All types" if pooled else str(row["campaign_type"]),
                    str(row["windows"]),
                    f"{numbers.count(row['n_used'])} of {numbers.count(row['n_campaigns'])}",
                    f"{numbers.count(row['n_treated'])} of {numbers.count(row['n_trials'])}",
                    "-".join(str(day) for day in dict.fromkeys(days)) or numbers.NOTHING,
                    f"{name} ({unit})",
                    *found,
                ),
                Cell(text, marks.get(verdict, "")),
            )
        )
    headers = (
        "Type|Outcome window|Campaigns used|Treated trials|Window, days|Outcome|Effect over the window|Effect per day|"
        "Verdict"
    )
    return as_grid(headers, rows, {2, 3, 4, 6, 7})


def difference_rows(differences: pd.DataFrame) -> Grid:
    """Every two estimators of one estimand on the primary outcome, and whether they differ by more than noise."""
    rows = []
    for _, row in differences.loc[differences["primary"].astype(bool)].iterrows():
        paired = row["comparison"] == PAIRED
        found = {True: "apart", False: "within noise"} if paired else {True: "intervals apart", False: "intervals meet"}
        said = terms.outcome_interval(row["outcome"], row["difference"], row["ci_lower"], row["ci_upper"])
        rows.append(
            (
                *cells(
                    row["estimand"],
                    *(terms.estimator_in(row[f"estimator_{end}"], row[f"population_{end}"]) for end in "ab"),
                    said,
                    numbers.number(row["p_adjusted"], 2),
                ),
                Cell(found[bool(row["apart"])], "warn" if row["apart"] else "pass"),
            )
        )
    return as_grid("Estimand|Estimator|Less|Difference (interval)|p (Holm)|Beyond noise?", rows, {3, 4})


PARTS = (
    Note("trial_note", trial_note),
    Section(
        "effects",
        "Average effect of the campaign",
        ("average_effects",),
        "ATE: average over all trials. ATT: over the treated. ATO: over trials that could have been in either arm; "
        "overlap weighted, in bold, is what the decision rests on. The grey naive difference is an association, not "
        "an effect.",
        _effects,
        _effects_alt,
    ),
    Section(
        "differences",
        "Do the estimators agree?",
        ("estimator_differences",),
        "Two estimators of one estimand on the same trials share their noise, so that their difference is known far "
        "better than either. Where trials or method allow no such pairing, intervals are held against each other.",
        rows=lambda tables, settings: difference_rows(tables["estimator_differences"]),
    ),
    Section(
        "visits",
        "Average effect on visits",
        ("average_effects",),
        draw=_visits,
        alt=lambda tables, settings: "Effects on visits with intervals, by every estimator.",
        when=lambda settings: settings.trial.outcome != VISITS,
    ),
    Section(
        "campaign_effects",
        "Does it do the same in every campaign?",
        ("average_effects", "pooled_effects"),
        "If campaigns differ by chance alone, Q is about its degrees of freedom and I² near zero. The range for "
        "another campaign says what a new one may bring.",
        _by_campaign,
        lambda tables, settings: (
            "Overlap-weighted effect of each campaign with its interval, and the campaigns pooled."
        ),
    ),
    Section(
        "pooled",
        "Campaigns pooled",
        ("pooled_effects",),
        rows=lambda tables, settings: pooled_rows(tables["pooled_effects"]),
    ),
    Section(
        "campaign_types",
        "Campaign types side by side",
        ("campaign_types",),
        "Overlap-weighted effects, per household. Windows differ in length, so types are compared, and pooled, by the "
        "day. Where a type's campaigns follow each other closely, the second row lets windows run over the next "
        "campaign, with the earlier ones as covariates: more trials, of an effect that includes what follows.",
        rows=lambda tables, settings: type_rows(tables["campaign_types"]),
    ),
)
