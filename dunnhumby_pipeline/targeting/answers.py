"""All that is said of costs, from one effect: by scenario, by cost, by margin, and by group of households."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, residuals
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, FIRST_CONTACT, GROSS_PROFIT, REPEAT_CONTACT, SPEND
from dunnhumby_pipeline.targeting.dial import (
    break_even,
    decision_by_cost,
    dial_costs,
    pays_by_margin,
    profit_effect,
    profit_residuals,
)
from dunnhumby_pipeline.targeting.economics import InForce
from dunnhumby_pipeline.targeting.groups import Division, Kind, decision_groups, divided, mean_effects
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.lessons import Found, Lesson
from dunnhumby_pipeline.targeting.scenarios import Scenario

Array = NDArray[np.float64]
# Margins of the map of costs and margins, shares of sales.
MARGINS = tuple(np.round(np.arange(0.05, 0.65, 0.05), 2).tolist())


@dataclass(frozen=True)
class Repeats:
    """Residuals of the trials of a repeat, and how many households of today its effect speaks of and does not."""

    gross_profit: Residuals
    sales: Residuals
    n_supported: int
    n_beyond: int


@dataclass(frozen=True)
class Question:
    """What is to be decided, by the economics in force. `gross_profit` and `sales`: residuals of n trials; `allowance`:
    for systematic error of an effect on spend ($); `effect` (n,): out-of-fold effects ($) of the chosen model, which
    `tells_apart` households unless it is one effect for all; `today` (m,): effects ($) of the households with support
    at the next campaign, were it their first of the type, and `beyond` (b,) of those without. `repeats`: what is known
    of households contacted before; None where nothing is. `learnt`: what experiments on this campaign type found.
    """

    economics: InForce
    gross_profit: Residuals
    sales: Residuals
    allowance: BiasAllowance
    effect: Array
    tells_apart: bool
    today: Array
    beyond: Array
    repeats: Repeats | None = None
    learnt: tuple[Lesson, ...] = ()


def cost_tables(question: Question, dial_steps: int, n_groups: int, confidence: float) -> dict[str, pd.DataFrame]:
    """The tables break_even (by scenario), decision_by_cost and decision_groups (in the scenario in use) and
    pays_by_margin. `dial_steps`: contact costs, about; `n_groups`: most groups of households.
    """
    terms, of = question.economics, (question.gross_profit, question.sales)
    known = terms.scenarios
    effects = [profit_effect(scenario, *of, question.allowance, question.learnt) for scenario in known]
    stakes = [
        Stakes(
            len(question.today) + len(question.beyond),
            terms.campaigns_to_come,
            effect.variance,
            terms.test_cost,
            FEWEST_HOUSEHOLDS,
            len(question.today),
        )
        for effect in effects
    ]
    scenario, effect, at_stake = next(told for told in zip(known, effects, stakes, strict=True) if told[0].used)
    costs = dial_costs(effect, known, dial_steps, confidence)
    data = profit_residuals(scenario, *of)
    division = divided(question.effect, data, question.tells_apart, n_groups)
    n_groups = len(division.edges) + 1
    today, beyond = (np.bincount(division.of(who), minlength=n_groups) for who in (question.today, question.beyond))
    found = found_in_groups(question, scenario, division)
    first = Kind(FIRST_CONTACT, data, effect, today.tolist(), beyond.tolist(), found)
    # At the margin that gross profit was measured by it is what it is; others are told from there.
    measured = replace(scenario, margin=terms.measured_margin)
    return {
        "break_even": break_even(known, effects, stakes, confidence),
        "decision_by_cost": decision_by_cost(effect, costs, scenario.one_off_cost, at_stake, confidence),
        "decision_groups": decision_groups(
            division,
            first,
            _repeat(question, scenario),
            scenario.contact_cost,
            scenario.one_off_cost,
            at_stake,
            confidence,
        ),
        "pays_by_margin": pays_by_margin(*of, measured, MARGINS, costs, question.allowance, question.learnt),
    }


def found_in_groups(question: Question, scenario: Scenario, division: Division) -> list[tuple[Found, ...]]:
    """What experiments found of each group of first contacts (k,), by the scenario's margin."""
    return [
        tuple(one.at(scenario.margin, mean) for one in question.learnt)
        for mean in mean_effects(division, question.effect, question.today)
    ]


def known_repeats(
    trials: pd.DataFrame, nuisances: pd.DataFrame, support: pd.DataFrame, households: pd.DataFrame
) -> Repeats | None:
    """What the tables repeat_trials, repeat_nuisances, repeat_support and repeat_households tell of a repeat; None
    where its effect is not told."""
    if why_no_repeat(support) is not None:
        return None
    inside = households["in_overlap"].to_numpy(dtype=bool)
    gross_profit, sales = (residuals(trials, nuisances, outcome) for outcome in (GROSS_PROFIT, SPEND))
    return Repeats(gross_profit, sales, int(inside.sum()), int((~inside).sum()))


def why_no_repeat(support: pd.DataFrame) -> str | None:
    """Why the effect of a repeat is not told, by the table repeat_support; None where it is."""
    whole = support.loc[support["campaign"].astype(str) == ALL_CAMPAIGNS, "lacking"].iloc[0]
    return None if pd.isna(whole) else str(whole)


def _repeat(question: Question, scenario: Scenario) -> Kind | None:
    """Households contacted before, whose effect has the same allowance for systematic error as a first contact's. What
    experiments found is found of them too: who is listed to be tested is randomised, contacted before or not.
    """
    repeats = question.repeats
    if repeats is None:
        return None
    of = (repeats.gross_profit, repeats.sales)
    effect = profit_effect(scenario, *of, question.allowance, question.learnt)
    supported, beyond = [repeats.n_supported], [repeats.n_beyond]
    return Kind(REPEAT_CONTACT, profit_residuals(scenario, *of), effect, supported, beyond, [effect.found])
