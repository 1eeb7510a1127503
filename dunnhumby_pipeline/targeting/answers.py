"""All that is said of costs, from one effect: by scenario, by cost, by margin, and by group of households."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import EconomicsSettings
from dunnhumby_pipeline.targeting.dial import (
    break_even,
    decision_by_cost,
    dial_costs,
    pays_by_margin,
    profit_effect,
    profit_residuals,
)
from dunnhumby_pipeline.targeting.groups import decision_groups, divided, mean_effects
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.lessons import Lesson
from dunnhumby_pipeline.targeting.scenarios import Scenario

Array = NDArray[np.float64]
# Margins of the map of costs and margins, shares of sales.
MARGINS = tuple(np.round(np.arange(0.05, 0.65, 0.05), 2).tolist())


@dataclass(frozen=True)
class Question:
    """What is to be decided. `gross_profit` and `sales`: residuals of n trials; `allowance`: for systematic error of an
    effect on spend ($); `effect` (n,): out-of-fold effects ($) of the chosen model, which `tells_apart` households
    unless it is one effect for all; `today` (m,): effects ($) of the households with support at the next campaign;
    `learnt`: what experiments on this campaign type found.
    """

    known: Sequence[Scenario]
    gross_profit: Residuals
    sales: Residuals
    allowance: BiasAllowance
    effect: Array
    tells_apart: bool
    today: Array
    learnt: tuple[Lesson, ...] = ()


def cost_tables(
    question: Question, settings: EconomicsSettings, n_groups: int, confidence: float
) -> dict[str, pd.DataFrame]:
    """The tables break_even (by scenario), decision_by_cost and decision_groups (in the scenario in use) and
    pays_by_margin. `n_groups`: most groups of households.
    """
    known, of = question.known, (question.gross_profit, question.sales)
    effects = [profit_effect(scenario, *of, question.allowance, question.learnt) for scenario in known]
    stakes = [
        Stakes(len(question.today), settings.campaigns_to_come, effect.variance, settings.test_cost, FEWEST_HOUSEHOLDS)
        for effect in effects
    ]
    scenario, effect, at_stake = next(told for told in zip(known, effects, stakes, strict=True) if told[0].used)
    costs = dial_costs(effect, known, settings.dial_steps, confidence)
    data = profit_residuals(scenario, *of)
    division = divided(question.effect, data, question.tells_apart, n_groups)
    sizes = np.bincount(division.of(question.today), minlength=len(division.edges) + 1).tolist()
    found = [
        tuple(one.at(scenario.margin, mean) for one in question.learnt)
        for mean in mean_effects(division, question.effect, question.today)
    ]
    # At the margin that gross profit was measured by it is what it is; others are told from there.
    measured = replace(scenario, margin=settings.margin)
    return {
        "break_even": break_even(known, effects, stakes, confidence),
        "decision_by_cost": decision_by_cost(effect, costs, scenario.one_off_cost, at_stake, confidence),
        "decision_groups": decision_groups(
            division, data, effect, sizes, found, scenario.contact_cost, scenario.one_off_cost, at_stake, confidence
        ),
        "pays_by_margin": pays_by_margin(*of, measured, MARGINS, costs, question.allowance, question.learnt),
    }
