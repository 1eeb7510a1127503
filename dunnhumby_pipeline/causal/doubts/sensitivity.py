"""How wrong the estimated effect could be because of what was not measured: one table, with its details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.doubts.bounds import (
    MONOTONE_BOTH,
    MONOTONE_RESPONSE,
    MONOTONE_SELECTION,
    NO_ASSUMPTION,
    effect_bounds,
)
from dunnhumby_pipeline.causal.doubts.confounding import (
    BENCHMARKS,
    ShortEstimate,
    confounder_benchmarks,
    confounding_contour,
    interval_robustness_value,
    robustness_value,
    short_estimate,
)
from dunnhumby_pipeline.causal.doubts.covariate_gains import (
    BLOCK,
    GROUP,
    covariate_blocks,
    covariate_gains,
    covariate_groups,
)
from dunnhumby_pipeline.causal.doubts.e_value import e_values_of_difference, pooled_sd
from dunnhumby_pipeline.causal.doubts.rosenbaum import critical_gamma, rosenbaum_bounds, shown_sign
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import E_VALUE, E_VALUE_OF_INTERVAL, PRIMARY_OUTCOME, REDEEMED
from dunnhumby_pipeline.contracts.outcomes import OUTCOMES, Outcome
from dunnhumby_pipeline.settings import SensitivitySettings

Array = NDArray[np.float64]
COLUMNS = ["analysis", "quantity", "estimate", "ci_lower", "ci_upper", "unit", "meaning"]
OMITTED_VARIABLE, ROSENBAUM = "omitted_variable", "rosenbaum"
E_VALUE_OF_ESTIMATE = "estimate"
ROBUSTNESS, INTERVAL_ROBUSTNESS = "robustness value of the estimate", "robustness value of the interval"
STRONGEST_BIAS, STRONGEST_BLOCK = "bias as of the strongest measured group", "bias as of the strongest block"
CRITICAL_GAMMA = "critical gamma"
LOWER_BOUND, UPPER_BOUND = "ATE lower bound", "ATE upper bound"
_ASSUMPTIONS = {
    NO_ASSUMPTION: "With no assumption but that the {noun} lies between {lowest} and {highest}",
    MONOTONE_RESPONSE: "If no household's {noun} falls for being targeted",
    MONOTONE_SELECTION: (
        "If the {noun} of targeted households would be at least that of the others on average, targeted or not"
    ),
    MONOTONE_BOTH: (
        "If no household's {noun} falls for being targeted, and that of targeted households would be at least that of "
        "the others on average, targeted or not"
    ),
}

Row = tuple[str, str, float | None, float | None, float | None, str, str]


def _unit(outcome: Outcome) -> str:
    # A rate stands without a unit: it is a share.
    return outcome.unit if outcome.scale == 1 else ""


def _amount(outcome: Outcome, value: float) -> str:
    sign = "-" if round(value, 2) < 0 else ""
    return f"{sign}${abs(value):,.2f}" if outcome.in_dollars else f"{value:,.3g} {_unit(outcome)}".rstrip()


def _span(outcome: Outcome, lower: float, upper: float) -> str:
    low = _amount(outcome, lower) if outcome.in_dollars else f"{lower:,.3g}"
    return f"{low} to {_amount(outcome, upper)}"


_STRUCTURAL = (
    "Only households that the campaign lists hold its coupons: without the list nobody redeems, so the effect is the "
    "share of those listed who do, and no hidden cause can explain it away."
)


@dataclass(frozen=True)
class SensitivityTables:
    """`sensitivity`: one row per quantity, in words. The others: what it rests on, as their modules describe them."""

    sensitivity: pd.DataFrame
    confounder_benchmarks: pd.DataFrame
    confounding_contour: pd.DataFrame
    rosenbaum_bounds: pd.DataFrame


def sensitivity_tables(
    data: Residuals,
    x: Array,
    names: Sequence[str],
    differences: Array,
    settings: SensitivitySettings,
    confidence: float,
    outcome: str = PRIMARY_OUTCOME,
) -> SensitivityTables:
    """What the overlap-weighted effect of all trials on `outcome`, in its unit, withstands.

    `x` (n, p) with column `names` (p,): the measured covariates, whose groups are the yardsticks. `differences`:
    outcome of treated less control, a matched pair each. `sensitivity`: analysis, quantity, estimate, ci_lower,
    ci_upper, unit, meaning. Of a bound, ci_lower or ci_upper is the limit of the interval that covers the effect at
    `confidence`, on the bound's own side. The outcome could be anything from 0 (or the least seen, when that is
    negative) to the most seen. An analysis that has nothing to say has a null estimate and says why: without a
    matched pair, when the outcome does not vary, and for redemption, which only the treated can do; its details are
    then empty. The p-values of the matched pairs are one-sided in the direction that the pairs show, and so held to
    (1 - confidence) / 2; pairs count as independent. Raises ValueError when an arm is empty, a column belongs to no
    group of covariates, or the outcome is not known.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"{outcome!r} is not an outcome; expected one of {', '.join(OUTCOMES)}")
    words, groups = OUTCOMES[outcome], covariate_groups(names)
    if len(np.unique(data.treated)) < 2:
        raise ValueError("sensitivity of an effect needs treated and control trials")
    sd = pooled_sd(data.y, data.treated)
    benchmarks, contour = _no_benchmarks(), _no_contour()
    if outcome == REDEEMED:
        return SensitivityTables(_table(_rows_without_an_answer(words, _STRUCTURAL)), benchmarks, contour, _no_pairs())
    if sd > 0:
        short = short_estimate(data)
        gains = covariate_gains(x, data.y, data.treated, data.folds, groups, covariate_blocks(groups))
        benchmarks = confounder_benchmarks(short, gains, confidence)
        contour = confounding_contour(short, benchmarks, confidence)
        rows = _e_value_rows(short, sd, confidence, words)
        rows += _omitted_variable_rows(short, benchmarks, confidence, words)
    else:
        why = f"The {words.noun} does not vary within the arms, so there is nothing for an unmeasured cause to explain."
        rows = _rows_without_an_answer(words, why)
    pairs, pair_rows = _matched(differences, settings, (1 - confidence) / 2, words)
    rows += [*pair_rows, *_bound_rows(data, confidence, words)]
    return SensitivityTables(_table(rows), benchmarks, contour, pairs)


def _table(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(["estimate", "ci_lower", "ci_upper"], float))


def _e_value_rows(short: ShortEstimate, sd: float, confidence: float, words: Outcome) -> list[Row]:
    lower, upper = short.interval(confidence)
    values = e_values_of_difference(short.estimate, lower, upper, sd)
    whole = (
        f"An unmeasured cause would have to go with {values.estimate:.2f} times the chance of being targeted and "
        f"{values.estimate:.2f} times the chance of a high {words.noun}, beyond all that was measured, to explain the "
        f"estimate of {_amount(words, short.estimate)} away (sd within the arms {_amount(words, sd)})."
    )
    if values.limit > 1:
        part = (
            f"With {values.limit:.2f} times of both the {confidence:.0%} interval would include zero; now it is "
            f"{_span(words, lower, upper)}."
        )
    else:
        part = (
            f"Nothing needs to be unmeasured: the {confidence:.0%} interval, {_span(words, lower, upper)}, includes "
            "zero already."
        )
    return [
        (E_VALUE, E_VALUE_OF_ESTIMATE, values.estimate, None, None, "risk ratio", whole),
        (E_VALUE, E_VALUE_OF_INTERVAL, values.limit, None, None, "risk ratio", part),
    ]


def _omitted_variable_rows(
    short: ShortEstimate, benchmarks: pd.DataFrame, confidence: float, words: Outcome
) -> list[Row]:
    whole, part = robustness_value(short), interval_robustness_value(short, confidence)
    of_estimate = (
        f"An unmeasured cause would have to explain {whole:.1%} of what is left unexplained of targeting and of "
        f"the {words.noun} alike, to bring the estimate of {_amount(words, short.estimate)} to zero."
    )
    of_interval = (
        f"With {part:.1%} of each the {confidence:.0%} interval would include zero."
        if part > 0
        else f"The {confidence:.0%} interval, {_span(words, *short.interval(confidence))}, includes zero already."
    )
    alone, blocks = (benchmarks.loc[benchmarks["kind"] == kind] for kind in (GROUP, BLOCK))
    strongest = alone.iloc[0]
    named = f"the measured group '{strongest['group']}'"
    if np.isfinite(strongest["bias"]):
        of_group = (
            f"An unmeasured cause as strong as {named}, the strongest of {len(alone)}, could have moved the "
            f"estimate by {_amount(words, strongest['bias'])}: the effect then lies at "
            f"{_span(words, strongest['lower'], strongest['upper'])}, with sampling error at "
            f"{_span(words, strongest['ci_lower'], strongest['ci_upper'])}."
        )
    else:
        of_group = (
            f"What {named} explains of targeting is more than is left: nothing bounds the bias of an unmeasured cause "
            "as strong as that."
        )
    return [
        (OMITTED_VARIABLE, ROBUSTNESS, whole, None, None, "share", of_estimate),
        (OMITTED_VARIABLE, INTERVAL_ROBUSTNESS, part, None, None, "share", of_interval),
        (OMITTED_VARIABLE, STRONGEST_BIAS, float(strongest["bias"]), None, None, _unit(words), of_group),
        *_block_rows(blocks, words),
    ]


def _block_rows(blocks: pd.DataFrame, words: Outcome) -> list[Row]:
    """What groups do together that each does not alone; nothing where there is a single group."""
    if blocks.empty:
        return []
    strongest = blocks.iloc[0]
    each = ", ".join(
        f"'{row['group']}' {_amount(words, row['bias']) if np.isfinite(row['bias']) else 'without bound'}"
        for _, row in blocks.iterrows()
    )
    meaning = (
        f"Groups that say much the same hide each other. As strong as several together, an unmeasured cause could have "
        f"moved the estimate by: {each}. Leaving '{strongest['group']}' out of the linear model did move its estimate "
        f"by {_amount(words, strongest['observed_change'])}."
    )
    return [(OMITTED_VARIABLE, STRONGEST_BLOCK, float(strongest["bias"]), None, None, _unit(words), meaning)]


def _matched(
    differences: Array, settings: SensitivitySettings, significance: float, words: Outcome
) -> tuple[pd.DataFrame, list[Row]]:
    """(Rosenbaum bounds, their row)."""
    if len(differences) == 0:
        none = (ROSENBAUM, CRITICAL_GAMMA, None, None, None, "odds ratio", "There are no matched pairs to test.")
        return _no_pairs(), [none]
    table = rosenbaum_bounds(differences, settings.max_gamma)
    gamma, p_value = critical_gamma(differences, significance), table["p_value_upper"].iloc[0]
    higher = "higher" if shown_sign(differences) > 0 else "lower"
    found = f"In {len(differences):,} matched pairs the {words.noun} of the targeted is {higher}"
    if gamma > 1:
        meaning = (
            f"{found}. Something not matched on that makes one of a pair {gamma:.2f} times as likely (in odds) to be "
            f"targeted could explain that; anything weaker could not (one-sided p at most {significance:.2g})."
        )
    elif np.isnan(p_value):
        meaning = f"None of the {len(differences):,} matched pairs differs: there is nothing to explain."
    else:
        meaning = (
            f"{found} by no more than chance would have it (one-sided p {p_value:.2g}): nothing needs to be "
            "unmeasured to explain that."
        )
    return table, [(ROSENBAUM, CRITICAL_GAMMA, gamma, None, None, "odds ratio", meaning)]


def _bound_rows(data: Residuals, confidence: float, words: Outcome) -> list[Row]:
    lowest, highest = min(0.0, float(data.y.min())), max(0.0, float(data.y.max()))
    spoken = {"noun": words.noun, "lowest": _amount(words, lowest), "highest": _amount(words, highest)}
    rows: list[Row] = []
    for bound in effect_bounds(data, lowest, highest, confidence).itertuples():
        if_so = _ASSUMPTIONS[str(bound.assumption)].format(**spoken)
        ends = []
        for end, value, limit in (
            ("least", bound.lower, bound.ci_lower),
            ("most", bound.upper, bound.ci_upper),
        ):
            error = "" if value == limit else f", or {_amount(words, limit)} with sampling error ({confidence:.0%})"
            ends.append(f"{if_so}, the average effect on all households is at {end} {_amount(words, value)}{error}.")
        if bound.upper < bound.lower:
            ends[1] += " That is below the lower bound: the data speak against the assumption."
        rows += [
            (str(bound.assumption), LOWER_BOUND, bound.lower, bound.ci_lower, None, _unit(words), ends[0]),
            (str(bound.assumption), UPPER_BOUND, bound.upper, None, bound.ci_upper, _unit(words), ends[1]),
        ]
    return rows


def _rows_without_an_answer(words: Outcome, why: str) -> list[Row]:
    return [
        (analysis, quantity, None, None, None, unit, why)
        for analysis, quantity, unit in (
            (E_VALUE, E_VALUE_OF_ESTIMATE, "risk ratio"),
            (E_VALUE, E_VALUE_OF_INTERVAL, "risk ratio"),
            (OMITTED_VARIABLE, ROBUSTNESS, "share"),
            (OMITTED_VARIABLE, INTERVAL_ROBUSTNESS, "share"),
            (OMITTED_VARIABLE, STRONGEST_BIAS, _unit(words)),
            (OMITTED_VARIABLE, STRONGEST_BLOCK, _unit(words)),
        )
    ]


def _no_benchmarks() -> pd.DataFrame:
    words = {"group": str, "kind": str, "n_covariates": "int64"}
    return pd.DataFrame(columns=BENCHMARKS).astype({name: words.get(name, float) for name in BENCHMARKS})


def _no_contour() -> pd.DataFrame:
    return pd.DataFrame(columns=["gain_outcome", "gain_treatment", "limit"], dtype=float)


def _no_pairs() -> pd.DataFrame:
    numbers = ["gamma", "p_value_lower", "p_value_upper", "hodges_lehmann_lower", "hodges_lehmann_upper"]
    return pd.DataFrame(columns=[*numbers, "n_pairs"], dtype=float).astype({"n_pairs": "int64"})
