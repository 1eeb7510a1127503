"""Could either arm have been chosen: overlap, calibration, who lies outside, balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.frames import in_campaign_order
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, ALL_REPEATS, PRIMARY_ESTIMATOR
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def _overlap(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import overlap

    return overlap.propensity_overlap(tables["propensity"], _region(tables["propensity"]))


def _region(propensity: pd.DataFrame) -> tuple[float, float]:
    """From the lowest to the highest propensity in overlap; at a half where none is."""
    inside = propensity.loc[propensity["in_overlap"].astype(bool), "propensity"]
    return (float(inside.min()), float(inside.max())) if len(inside) else (0.5, 0.5)


def _overlap_alt(tables: StudyTables, settings: Settings) -> str:
    lower, upper = _region(tables["propensity"])
    inside = tables["propensity"]["in_overlap"].mean()
    return (
        "Histogram of propensities, treated above and control below; "
        f"{numbers.percent(inside)} of trials lie between {lower:.2g} and {upper:.2g}, where both arms occur."
    )


def _calibration(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import overlap

    return overlap.propensity_calibration(tables["propensity_calibration"])


def _calibration_alt(tables: StudyTables, settings: Settings) -> str:
    return "Share targeted against the propensity, by bins: " + "; ".join(
        f"{numbers.percent(row['mean_propensity'])} expected, {numbers.percent(row['share_treated'])} targeted"
        for _, row in tables["propensity_calibration"].iterrows()
    )


def quality_rows(quality: pd.DataFrame) -> Grid:
    """Each measure of the nuisance models: the median over divisions into folds, and the range."""
    names = {
        "propensity_auc": "Propensity: AUC",
        "propensity_log_loss": "Propensity: log loss",
        "propensity_log_loss_as_fitted": "Propensity: log loss before recalibration",
        "r2_control": "Outcome of controls: variance explained",
        "r2_treated": "Outcome of the treated: variance explained",
        PRIMARY_ESTIMATOR: "Overlap-weighted effect that follows",
        **{
            f"weight_{model}_{candidate}": f"{said}: weight of the {words}"
            for model, said in (
                ("propensity", "Propensity"),
                ("control", "Outcome of controls"),
                ("treated", "Outcome of the treated"),
            )
            for candidate, words in (("linear", "linear model"), ("trees", "boosted trees"))
        },
    }
    single = quality[quality["repeat"] != ALL_REPEATS]
    rows = []
    for (quantity, outcome), found in single.groupby(["quantity", "outcome"], sort=False, dropna=False):
        values = found["value"].dropna()
        said = names.get(str(quantity), terms.spoken(str(quantity)))
        measured = numbers.NOTHING if pd.isna(outcome) else terms.outcome(str(outcome))[0]
        scale = terms.outcome_scale(str(outcome))[0] if quantity == PRIMARY_ESTIMATOR else 1.0
        texts = [numbers.number(scale * value, 3) for value in (values.median(), values.min(), values.max())]
        rows.append(cells(said, measured, texts[0], f"{texts[1]} to {texts[2]}" if len(values) else numbers.NOTHING))
    return as_grid("Measure|Outcome|Median|Lowest to highest", rows, {2, 3})


def outside_rows(outside: pd.DataFrame) -> Grid:
    """Rules that say who is hardly ever, and who is nearly always targeted."""
    rows = [
        cells(
            rule(row["rule"]),
            row["verdict"],
            numbers.count(row["n_trials"]),
            *(numbers.percent(row[share]) for share in ("share_below", "share_inside", "share_above")),
        )
        for _, row in outside.iterrows()
    ]
    return as_grid("Trials whose|Mostly|Trials|Below|In overlap|Above", rows, {2, 3, 4, 5})


def _balance(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import overlap

    return overlap.love_plot(tables["covariate_balance"], settings.checks.max_weighted_smd)


def _balance_alt(tables: StudyTables, settings: Settings) -> str:
    sizes = tables["covariate_balance"].assign(size=lambda frame: frame["smd"].abs())
    worst_by = sizes.groupby("weighting", sort=False)["size"].max()
    return "Largest absolute standardised mean difference by weighting: " + "; ".join(
        f"{terms.weighting(str(weighting))} {numbers.bounded(size, numbers.number(size, 2))}"
        for weighting, size in worst_by.items()
    )


def _campaigns(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import balance

    ceiling, slack = settings.checks.max_campaign_smd, settings.checks.max_slope_deviation
    return balance.balance_by_campaign(tables["campaign_balance"], tables["campaign_calibration"], ceiling, slack)


def _campaigns_alt(tables: StudyTables, settings: Settings) -> str:
    balance = tables["campaign_balance"].assign(size=lambda frame: frame["smd"].abs())
    worst = balance.loc[balance.groupby("campaign", sort=False)["size"].idxmax().dropna()]
    slopes = tables["campaign_calibration"].set_index("campaign")["slope"]
    return "Largest absolute standardised mean difference and calibration slope of each campaign: " + "; ".join(
        f"campaign {row['campaign']} {numbers.bounded(row['size'], numbers.number(row['size'], 2))}, noise up to "
        f"{numbers.number(row['noise_any'], 2)}, slope {numbers.number(slopes.get(row['campaign']), 2)}"
        for _, row in worst.iterrows()
    )


PARTS = (
    Heading("Could either arm have been chosen?"),
    Section(
        "overlap_by_campaign",
        "Overlap by campaign",
        ("overlap_diagnostics",),
        rows=lambda tables, settings: overlap_rows(tables["overlap_diagnostics"]),
    ),
    Section(
        "overlap",
        "Overlap of the arms",
        ("propensity",),
        "Where one colour stands alone, there is nobody to compare with. In the shaded regions effects rest on the "
        "model, not on the data.",
        _overlap,
        _overlap_alt,
    ),
    Section(
        "propensity_calibration",
        "Does the propensity mean what it says?",
        ("propensity_calibration",),
        "On the dashed line, of trials with a propensity of 30% three in ten were targeted.",
        _calibration,
        _calibration_alt,
    ),
    Section(
        "outside",
        "Who lies outside, in words",
        ("outside_overlap",),
        "Rules of a shallow tree: what tells those hardly ever targeted, and those nearly always targeted, from the "
        "rest. Effects say little about them.",
        rows=lambda tables, settings: outside_rows(tables["outside_overlap"]),
    ),
    Section(
        "nuisance_quality",
        "How well propensity and outcome are predicted, out of fold",
        ("nuisance_quality",),
        "Each division of the households into folds gives a value; where lowest and highest lie apart, the answer "
        "depends on the division.",
        rows=lambda tables, settings: quality_rows(tables["nuisance_quality"]),
    ),
    Section(
        "balance",
        "Balance: are the arms alike after weighting?",
        ("covariate_balance",),
        "Weighted points left of the dashed line: the arms are alike in what was measured.",
        _balance,
        _balance_alt,
    ),
    Section(
        "campaign_balance",
        "Are the arms alike within each campaign?",
        ("campaign_balance", "campaign_calibration"),
        "What one campaign has too much of and another too little is alike over all campaigns together. A difference "
        "counts where it is over the ceiling and more than noise alone would give in a campaign of this size; so does "
        "a slope.",
        _campaigns,
        _campaigns_alt,
    ),
)
