"""The decision at every contact cost: does a contact pay, does it lose, or is a test worth its cost?

All households with support share one effect here, the overlap-weighted one on profit before the contact. Probabilities
and intervals are given as estimated, by the error of sampling alone, and calibrated, by the allowance for systematic
error too. Where randomised experiments on the campaign type were read back, what is expected and what is calibrated is
what is believed after them; what is as estimated stays the study's own. Decisions go by the calibrated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.targeting.belief import Belief, believed
from dunnhumby_pipeline.targeting.information import Stakes, best_test
from dunnhumby_pipeline.targeting.lessons import Found, Lesson
from dunnhumby_pipeline.targeting.scenarios import Scenario

Array = NDArray[np.float64]
# Margins of the map of costs and margins, shares of sales.
MARGINS = tuple(np.round(np.arange(0.05, 0.65, 0.05), 2).tolist())


@dataclass(frozen=True)
class ProfitEffect:
    """Effect of a contact on profit before its cost, $ per household, with its error, as the study has it, and the
    allowance ($) for what is systematic in it. `variance`: of profit per household that outcome means leave ($
    squared); `found`: effects ($) with their errors of randomised experiments.
    """

    estimate: float
    se: float
    variance: float
    allowance: BiasAllowance
    found: tuple[Found, ...] = ()

    @cached_property
    def belief(self) -> Belief:
        """What is believed after the experiments."""
        return believed(self.estimate, self.se, self.allowance, self.found)

    @property
    def expected(self) -> float:
        """The effect ($) that is expected: the study's, or what is believed after experiments."""
        return self.belief.estimate if self.found else self.estimate

    @property
    def spread(self) -> float:
        """Standard deviation ($) of what is known, calibrated."""
        return self.belief.spread if self.found else float(self.allowance.standard_error(self.se))

    def probability_above(self, thresholds: Array | float) -> Array:
        """P(effect > threshold), calibrated, for each threshold ($)."""
        if not self.found:
            return self.allowance.probability_above(thresholds, self.estimate, self.se)
        at = np.asarray(thresholds, dtype=float)
        return np.reshape([self.belief.probability_above(float(each)) for each in at.ravel()], at.shape)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Ends ($) of the calibrated interval."""
        if self.found:
            return self.belief.interval(confidence)
        return self.allowance.interval(self.estimate, self.se, confidence)


def profit_residuals(scenario: Scenario, gross_profit: Residuals, sales: Residuals) -> Residuals:
    """The residuals of a scenario's profit before the contact, from those of gross profit and of sales."""
    y, mu0, mu1 = (scenario.profit(getattr(gross_profit, name), getattr(sales, name)) for name in ("y", "mu0", "mu1"))
    return replace(gross_profit, y=y, mu0=mu0, mu1=mu1)


def profit_effect(
    scenario: Scenario,
    gross_profit: Residuals,
    sales: Residuals,
    allowance: BiasAllowance,
    learnt: Sequence[Lesson] = (),
) -> ProfitEffect:
    """The overlap-weighted effect on a scenario's profit. `allowance`: of an effect on spend, $ per outcome window;
    its margin makes it one of profit, as it does what experiments found (`learnt`).
    """
    data = profit_residuals(scenario, gross_profit, sales)
    estimate, se = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
    left = data.y - np.where(data.treated == 1, data.mu1, data.mu0)
    weights = data.propensity * (1 - data.propensity)
    variance, found = float(np.average(left**2, weights=weights)), tuple(one.at(scenario.margin) for one in learnt)
    return ProfitEffect(estimate, se, variance, allowance.times(scenario.margin), found)


def decision(probability: float, expected_profit: float, net_of_test: float | None, confidence: float) -> str:
    """target, leave or test, given the calibrated probability that a contact pays, its expected profit ($), and what
    the best affordable test is worth over its cost ($; None where there are too few households for one).

    target where a gain is as good as proven, (1 + confidence) / 2; leave where a loss is, or where a loss is expected
    and no test is worth its cost; else test. What is expected to pay is not left, however dear a test: holding
    households out of what pays is most of that cost.
    """
    sure = (1 + confidence) / 2
    if probability >= sure:
        return TARGET
    if probability <= 1 - sure or (expected_profit <= 0 and (net_of_test is None or net_of_test <= 0)):
        return LEAVE
    return TEST


def judged(effect: ProfitEffect, contact_cost: float, one_off: float, stakes: Stakes, confidence: float) -> dict:
    """What a contact at this cost ($ per household, and once per campaign) means: probabilities, profit with its
    intervals, the best test and the decision.
    """
    cost = contact_cost + one_off / max(stakes.n_contacted, 1)
    mean, alone = effect.expected - cost, effect.estimate - cost
    half = normal_quantile(confidence) * effect.se
    lower, upper = (end - cost for end in effect.interval(confidence))
    calibrated = float(effect.probability_above(cost))
    test = best_test(mean, effect.spread, stakes)
    return {
        "contact_cost": contact_cost,
        "probability_pays": float(special.ndtr(alone / effect.se)),
        "probability_pays_calibrated": calibrated,
        "expected_profit": mean,
        "ci_lower": alone - half,
        "ci_upper": alone + half,
        "calibrated_lower": lower,
        "calibrated_upper": upper,
        "expected_profit_total": mean * stakes.n_contacted,
        "decision": decision(calibrated, mean, None if test is None else test.net, confidence),
        "test_households": 0 if test is None else test.n_treated + test.n_control,
        "value_of_test": np.nan if test is None else test.gain,
        "cost_of_test": np.nan if test is None else test.cost,
    }


def decision_by_cost(
    effect: ProfitEffect, costs: Iterable[float], one_off: float, stakes: Stakes, confidence: float
) -> pd.DataFrame:
    """One row per contact cost ($), in rising order: what `judged` says."""
    return pd.DataFrame([judged(effect, cost, one_off, stakes, confidence) for cost in sorted(set(costs))])


def stretches(decision_by_cost: pd.DataFrame) -> Iterator[tuple[str, float, float]]:
    """Runs of contact costs ($) with one decision, rising: (decision, from, to).

    A decision changes half-way between two costs that were judged; the last run ends where the table does.
    """
    dial = decision_by_cost.sort_values("contact_cost")
    cost, decided = dial["contact_cost"].to_numpy(float), dial["decision"].to_numpy()
    changes = np.flatnonzero(decided[1:] != decided[:-1])
    edges = [cost[0], *((cost[changes] + cost[changes + 1]) / 2).tolist(), cost[-1]]
    for number, start in enumerate([0, *(changes + 1).tolist()]):
        yield str(decided[start]), edges[number], edges[number + 1]


def dial_costs(effect: ProfitEffect, known: Sequence[Scenario], n_steps: int, confidence: float) -> list[float]:
    """Contact costs from 0 to beyond what any scenario says and what the calibrated break-even may be, those of the
    scenarios among them.
    """
    _, upper = effect.interval(confidence)
    at_scenarios = [cost for scenario in known for cost in (scenario.low, scenario.contact_cost, scenario.high)]
    top = 1.1 * max(*at_scenarios, upper, 1.0)
    return sorted({*np.round(np.linspace(0, top, n_steps + 1), 2).tolist(), *at_scenarios})


def break_even(
    known: Sequence[Scenario], effects: Sequence[ProfitEffect], stakes: Sequence[Stakes], confidence: float
) -> pd.DataFrame:
    """One row per scenario: its costs, the contact cost at which it breaks even, as estimated and calibrated, the
    effect on spend that pays a contact, and what `judged` says of its likely cost; whether the decision is the same
    at its lowest and highest (`decision_low`, `decision_high`).
    """
    rows = []
    for scenario, effect, at_stake in zip(known, effects, stakes, strict=True):
        half = normal_quantile(confidence) * effect.se
        lower, upper = effect.interval(confidence)
        at = {
            name: judged(effect, cost, scenario.one_off_cost, at_stake, confidence)
            for name, cost in (("low", scenario.low), ("likely", scenario.contact_cost), ("high", scenario.high))
        }
        rows.append(
            {
                "scenario": scenario.name,
                "used": scenario.used,
                "contact_cost_low": scenario.low,
                "contact_cost_high": scenario.high,
                "margin": scenario.margin,
                "one_off_cost": scenario.one_off_cost,
                "stands_for_coupons": scenario.stands_for_coupons,
                "break_even_effect": scenario.break_even_effect(),
                "break_even_contact_cost": effect.expected,
                "study_effect": effect.estimate,
                "n_experiments": len(effect.found),
                "break_even_lower": effect.estimate - half,
                "break_even_upper": effect.estimate + half,
                "break_even_calibrated_lower": lower,
                "break_even_calibrated_upper": upper,
                **at["likely"],
                "decision_low": at["low"]["decision"],
                "decision_high": at["high"]["decision"],
            }
        )
    return pd.DataFrame(rows)


def pays_by_margin(
    gross_profit: Residuals,
    sales: Residuals,
    measured: Scenario,
    margins: Sequence[float],
    costs: Sequence[float],
    allowance: BiasAllowance,
    learnt: Sequence[Lesson] = (),
) -> pd.DataFrame:
    """P(a contact pays), calibrated, at each margin and contact cost ($): margin, contact_cost,
    probability_pays_calibrated. `measured` is a scenario at the margin at which gross profit was measured.
    """
    rows = []
    for margin in margins:
        moved = (margin - measured.margin) / (1 - measured.margin)
        at = replace(measured, margin=margin, of_gross_profit=1 - moved, of_sales=moved)
        effect = profit_effect(at, gross_profit, sales, allowance, learnt)
        likely = effect.probability_above(np.asarray(costs, dtype=float))
        rows += [(margin, cost, pays) for cost, pays in zip(costs, likely.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=["margin", "contact_cost", "probability_pays_calibrated"])
