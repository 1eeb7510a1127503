"""The column dictionary: what every column of every table means and its unit, one word for one thing.

Columns of the canonical tables are declared in `journey.schema`, features in `features.catalogue`; here stand
those that steps add. A name means the same in every table. The UI and docs/data_dictionary.md read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dunnhumby_pipeline.causal.names import OUTCOMES
from dunnhumby_pipeline.features.catalogue import CATALOGUE
from dunnhumby_pipeline.journey import schema


@dataclass(frozen=True)
class Meaning:
    """What a column holds, in words, and its unit; `""` for identifiers, names and flags."""

    text: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.unit})" if self.unit else self.text


_MAX_FACTORS = 15
_DERIVED: Mapping[str, Meaning] = {
    # rejects
    "table": Meaning("canonical table whose raw file was read"),
    "rule": Meaning("rule that rows or values break"),
    "column": Meaning("column that the rule is about"),
    "expected": Meaning("what the rule asks for, in words"),
    "action": Meaning("what was done: rejected, repaired, merged, or kept with a remark"),
    "n": Meaning("number of rows", "rows"),
    "share": Meaning("these rows as a share of the file's rows", "0-1"),
    "example_rows": Meaning("the first of these rows, with their place in the file"),
    "row": Meaning("the row's place in its raw file; the header is row 1"),
    "raw_row": Meaning("the row the values of its file as text: JSON by the file's headers"),
    # features and their drift
    "feature": Meaning("feature, as in the catalogue"),
    "psi": Meaning("population stability index since the run before; above 0.2 is a change to look into"),
    "n_before": Meaning("households in the run before", "households"),
    "n_now": Meaning("households now", "households"),
    "median_before": Meaning("median in the run before", "unit of the feature"),
    "median_now": Meaning("median now", "unit of the feature"),
    "null_share_before": Meaning("share of nulls in the run before", "0-1"),
    "null_share_now": Meaning("share of nulls now", "0-1"),
    # segmentation
    **{f"factor_{k}": Meaning(f"score on factor {k}") for k in range(1, _MAX_FACTORS + 1)},
    "factor": Meaning("factor"),
    "loading": Meaning("loading of the feature on the factor; the largest of a factor is 1"),
    "n_factors": Meaning("number of factors of the solution", "factors"),
    "pooled_r2": Meaning("share of the sum of squares of the matrix that the factors explain", "0-1"),
    "centred_r2": Meaning("share of the variance around the column means that the factors explain", "0-1"),
    "reconstruction_error": Meaning("Frobenius norm of what the factors leave unexplained"),
    "segment": Meaning("segment, a stable slug"),
    "segment_name": Meaning("segment in words"),
    "stability": Meaning("share of bootstrap refits that give the household this segment", "0-1"),
    "start": Meaning("start of the refit: cold from scratch, warm from the reference solution"),
    "replicate": Meaning("number of the bootstrap refit"),
    "ari": Meaning("adjusted Rand index of the refit and the reference; 1 is the same partition"),
    # trials
    "treated": Meaning("whether this wave lists the household", "0/1"),
    "index_day": Meaning("first day of the wave", "day"),
    "lookback_start": Meaning("first day of the look-back", "day"),
    "outcome_end": Meaning("last day of the outcome window", "day"),
    "purchase_amount": Meaning("spend in the outcome window", "$"),
    "purchase_count": Meaning("baskets in the outcome window", "baskets"),
    "redeemed": Meaning("whether a coupon of the wave was redeemed in the outcome window", "0/1"),
    "lookback_segment": Meaning("segment assigned from the look-back alone"),
    "received_before": Meaning("whether a campaign of the type was received by the last day", "0/1"),
    # nuisances and overlap
    "fold": Meaning("cross-fitting fold of the household; -1 is all of them"),
    "propensity": Meaning("probability of treatment given the covariates, out of fold", "0-1"),
    "propensity_bounded": Meaning("whether the propensity was kept away from 0 or 1"),
    **{f"mu0_{outcome}": Meaning(f"mean {outcome} expected untreated, out of fold") for outcome in OUTCOMES},
    **{f"mu1_{outcome}": Meaning(f"mean {outcome} expected treated, out of fold") for outcome in OUTCOMES},
    "in_overlap": Meaning("whether the propensity lies in the overlap region"),
    "w_overlap": Meaning("overlap weight"),
    "w_ipw": Meaning("inverse-probability weight"),
    "w_balance": Meaning("entropy-balancing weight"),
    "wave": Meaning("campaign, or 'all' for all waves together"),
    "n_trials": Meaning("trials", "trials"),
    "n_treated": Meaning("treated trials", "trials"),
    "n_control": Meaning("control trials", "trials"),
    "auc": Meaning("area under the ROC curve of the propensity; 0.5 tells the arms not apart", "0-1"),
    "share_in_overlap": Meaning("share of trials in the overlap region", "0-1"),
    "ess_treated": Meaning("effective number of treated trials after overlap weighting", "trials"),
    "ess_control": Meaning("effective number of control trials after overlap weighting", "trials"),
    "covariate": Meaning("covariate; a level of a text covariate stands as covariate and level"),
    "weighting": Meaning("weights used: none, overlap, or entropy balancing"),
    "smd": Meaning("standardised mean difference, treated minus control", "standard deviations"),
    # effects
    "outcome": Meaning("outcome that the row is about"),
    "estimator": Meaning("estimator: naive, aipw or overlap_weighted"),
    "estimand": Meaning("what is estimated: a mere association, the ATE over the population, or the ATO in overlap"),
    "population": Meaning("trials that the row is about: all, or those in overlap"),
    "estimate": Meaning("estimated effect of the campaign", "unit of the outcome"),
    "se": Meaning("standard error, clustered by household", "unit of the outcome"),
    "ci_lower": Meaning("lower end of the interval of the row's estimate or value"),
    "ci_upper": Meaning("upper end of the interval of the row's estimate or value"),
    "n_households": Meaning("households", "households"),
    "model": Meaning("model of the effect"),
    "r_loss": Meaning("mean out-of-fold R-loss; lower is better", "$ squared"),
    "gain_over_constant": Meaning("R-loss of one constant effect minus that of the model", "$ squared"),
    "gain_se": Meaning("standard error of the gain, clustered by household", "$ squared"),
    "chosen": Meaning("whether this row is the one that is used"),
    "cate": Meaning("effect on spend expected for the household", "$"),
    "cate_lower": Meaning("lower end of the interval of the effect", "$"),
    "cate_upper": Meaning("upper end of the interval of the effect", "$"),
    # targeting
    "source": Meaning("where the cost comes from: fixed in the settings, or estimated from the coupons"),
    "n_targeted": Meaning("households that the wave targeted", "households"),
    "retailer_cost": Meaning("retailer-funded coupon discounts per targeted household", "$"),
    "manufacturer_cost": Meaning("manufacturer-funded coupon discounts per targeted household", "$"),
    "contact_cost": Meaning("cost of targeting one household", "$"),
    "margin": Meaning("profit per $ of sales", "0-1"),
    "breakeven": Meaning("effect on spend whose margin pays one contact", "$"),
    "used": Meaning("whether this row's cost is the one that policies use"),
    "policy": Meaning("rule that says whom to target"),
    "share_targeted": Meaning("share of households that are targeted", "0-1"),
    "value": Meaning("incremental profit per household, cross-fitted", "$"),
    "value_se": Meaning("standard error of the value, clustered by household", "$"),
    "claimed_value": Meaning("incremental profit per household by the model's own effects", "$"),
    "roi": Meaning("value per $ spent on contacts"),
    "decision": Meaning("target, leave, or test: learn first"),
    "expected_profit": Meaning("margin times the household's effect, minus the contact cost", "$"),
    "reason": Meaning("why the decision is what it is"),
}


def features() -> dict[str, Meaning]:
    """The meaning of every feature, in the order of the catalogue."""
    return {feature.name: Meaning(feature.formula, feature.unit) for feature in CATALOGUE}


def derived() -> Mapping[str, Meaning]:
    """The meaning of every other column that a step adds, in the order of the study."""
    return _DERIVED


def described(table: str, column: str) -> str | None:
    """What a column of a table holds, in words with its unit; None when nothing is written of it."""
    if table in {canonical.name for canonical in schema.TABLES}:
        return _declared(schema.table(table), column)
    known = {**features(), **derived()}
    if column in known:
        return str(known[column])
    # Keys and answers keep their names through the study.
    holders = (canonical for canonical in schema.TABLES if column in canonical.column_names)
    return next((_declared(holder, column) for holder in holders), None)


def _declared(table: schema.Table, name: str) -> str | None:
    if name not in table.column_names:
        return None
    column = table.column(name)
    return str(Meaning(column.meaning, column.unit))
