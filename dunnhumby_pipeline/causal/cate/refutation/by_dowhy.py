"""The average effect, refuted by dowhy's own refuters.

dowhy estimates again on every set it draws. Its own linear estimator has another estimand, and needs a second a fit;
so the partially linear effect, this study's overlap-weighted estimate with ridge regressions for means and propensity,
is handed to it as an estimator of its own kind, and everything in it is fitted again on every set. dowhy draws trials,
not households: a subset or a bootstrap by it knows nothing of a household's several trials, whose copies share a fold.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand
from dowhy.causal_refuters import (
    refute_bootstrap,
    refute_data_subset,
    refute_dummy_outcome,
    refute_placebo_treatment,
    refute_random_common_cause,
    sensitivity_simulation,
)
from dowhy.causal_refuters.placebo_treatment_refuter import PlaceboType
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.refutation.replicas import (
    BOOTSTRAP,
    DUMMY,
    PLACEBO,
    RANDOM_CAUSE,
    SUBSET,
    UNOBSERVED,
    Strengths,
    Trials,
)
from dunnhumby_pipeline.causal.nuisance.fold_ridge import fold_moments, ridge

Array = NDArray[np.float64]
_OUTCOME, _TREATMENT, _FOLD = "outcome", "treatment", "fold"


class _Record(list[float]):
    """Estimates in the order they were made. dowhy copies an estimator for every set, and would copy this."""

    def __deepcopy__(self, memo: object) -> _Record:
        return self

    def taken(self) -> Array:
        values = np.array(self)
        self.clear()
        return values


class PartiallyLinear(CausalEstimator):
    """sum(rt ry) / sum(rt^2), both residuals of ridge regressions on the other folds, as an estimator of dowhy's.

    `record`: takes down every estimate, of which dowhy hands back the mean alone.
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, record: _Record) -> None:
        super().__init__(identified_estimand)
        self.record = record

    def fit(self, data: pd.DataFrame, effect_modifier_names: list[str] | None = None, **_: Any) -> PartiallyLinear:
        self._effect_modifier_names = list(effect_modifier_names or [])
        self.effect = partially_linear(
            data[self._target_estimand.get_adjustment_set()].to_numpy(dtype=float),
            data[self._target_estimand.outcome_variable[0]].to_numpy(dtype=float),
            data[self._target_estimand.treatment_variable[0]].to_numpy(dtype=float),
            data[_FOLD].to_numpy(),
        )
        return self

    def estimate_effect(
        self,
        data: pd.DataFrame,
        treatment_value: int = 1,
        control_value: int = 0,
        target_units: str = "ato",
        **_: Any,
    ) -> CausalEstimate:
        self.update_input(treatment_value, control_value, target_units)
        self.record.append(self.effect)
        estimand = self._target_estimand
        found = CausalEstimate(
            data=None,
            treatment_name=estimand.treatment_variable,
            outcome_name=estimand.outcome_variable,
            estimate=self.effect,
            target_estimand=estimand,
            realized_estimand_expr="sum(rt ry) / sum(rt^2)",
            control_value=control_value,
            treatment_value=treatment_value,
        )
        found.add_estimator(self)
        return found


def partially_linear(x: Array, y: Array, treated: Array, folds: NDArray[np.int64]) -> float:
    """The overlap-weighted effect, in the unit of `y`, with ridge regressions of outcome and treatment on `x` (n, p)
    fitted to the other folds."""
    moments = fold_moments(x, np.column_stack([y, treated]), folds)
    p, left = moments.n_columns, np.empty((len(y), 2))
    for number, fold in enumerate(moments.folds):
        n, mean, products = moments.outside(number)
        rows = folds == fold
        z = (x[rows] - moments.centre[:p]) / moments.scale - mean[:p]
        of_targets = np.column_stack([y[rows], treated[rows]]) - moments.centre[p:] - mean[p:]
        left[rows] = of_targets - z @ ridge(products, n, 2)
    return float(left[:, 1] @ left[:, 0] / (left[:, 1] @ left[:, 1]))


def refutations(
    trials: Trials, strengths: Strengths, subset_share: float, n_draws: int, seed: int
) -> tuple[float, dict[str, Array]]:
    """The estimate, and those (n_draws,) of the sets drawn by each of dowhy's refuters, in the outcome's unit.

    The hidden cause turns the treatment of as many trials as gives it the share `of_treatment`, and adds to the outcome
    what gives it the share `of_outcome`, against the effect.
    """
    record = _Record()
    frame, estimand = _frame(trials), _estimand(trials.x.shape[1])
    estimate = PartiallyLinear(estimand, record).fit(frame).estimate_effect(frame)
    observed = float(record.taken()[0])
    given = (frame, estimand, estimate)
    draws = {"num_simulations": n_draws, "random_state": np.random.RandomState(seed % 2**32)}
    found: dict[str, Array] = {}
    with _seeded_and_quiet(seed):
        refute_placebo_treatment(*given, [_TREATMENT], placebo_type=PlaceboType.PERMUTE, **draws)
        found[PLACEBO] = record.taken()
        noise = [("zero", ""), ("noise", {"std_dev": float(frame[_OUTCOME].std())})]
        refute_dummy_outcome(
            *given,
            [_TREATMENT],
            _OUTCOME,
            required_variables=True,
            num_simulations=n_draws,
            transformation_list=noise,
        )
        found[DUMMY] = record.taken()
        refute_random_common_cause(*given, **draws)
        found[RANDOM_CAUSE] = record.taken()
        refute_data_subset(*given, subset_fraction=subset_share, **draws)
        found[SUBSET] = record.taken()
        # Without noise on the covariates, which would be another refutation.
        refute_bootstrap(*given, noise=0.0, **draws)
        found[BOOTSTRAP] = record.taken()
        flips, slope = _flips(trials, strengths), _slope(trials, strengths, observed)
        for _ in range(n_draws):
            sensitivity_simulation(*given, [_TREATMENT], [_OUTCOME], kappa_t=flips, kappa_y=slope)
        found[UNOBSERVED] = record.taken()
    return observed, found


def _frame(trials: Trials) -> pd.DataFrame:
    frame = pd.DataFrame(trials.x, columns=_names(trials.x.shape[1]))
    # Of a treatment that is True or False dowhy makes other things.
    return frame.assign(
        **{_OUTCOME: trials.data.y, _TREATMENT: trials.data.treated.astype(int), _FOLD: trials.data.folds}
    )


def _names(p: int) -> list[str]:
    return [f"x{number}" for number in range(p)]


def _estimand(p: int) -> IdentifiedEstimand:
    # The study's own graph says that all covariates are to be adjusted for: `causal_graph`, and its test by dowhy.
    return IdentifiedEstimand(
        None,
        treatment_variable=[_TREATMENT],
        outcome_variable=[_OUTCOME],
        backdoor_variables={"backdoor": _names(p)},
        default_backdoor_id="backdoor",
        identifier_method="backdoor",
    )


def _flips(trials: Trials, strengths: Strengths) -> float:
    """Share of trials whose treatment the cause turns: it then explains f (1 - f) (1 - 2 p)^2 / (p (1 - p)) of it."""
    p = float(trials.data.treated.mean())
    wanted = strengths.of_treatment * p * (1 - p) / max((1 - 2 * p) ** 2, 1e-3)
    return float(np.clip((1 - np.sqrt(max(1 - 4 * wanted, 0.0))) / 2, 1e-6, 0.5))


def _slope(trials: Trials, strengths: Strengths, effect: float) -> float:
    """$ that a standard deviation of the cause takes from the outcome, against the effect's sign."""
    left = trials.data.outcome_residual
    return float(np.sqrt(strengths.of_outcome) * left.std() * (1.0 if effect >= 0 else -1.0))


@contextmanager
def _seeded_and_quiet(seed: int) -> Iterator[None]:
    """numpy's own state, from which some refuters draw, seeded and put back; and no warning that few sets are drawn."""
    kept, logger = np.random.get_state(), logging.getLogger("dowhy")
    level = logger.level
    np.random.seed(seed % 2**32)
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        np.random.set_state(kept)
        logger.setLevel(level)
