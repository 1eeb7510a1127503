"""Nuisances nested in folds: what a fold held out cannot change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dunnhumby_pipeline.causal.nuisance.folds import FoldsError
from dunnhumby_pipeline.causal.nuisance.nested import Nested, nested_nuisances
from dunnhumby_pipeline.settings import NuisanceSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SETTINGS = NuisanceSettings(n_jobs=1)


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(160, seed=1, effect=sloped, n_campaigns=2, household_noise=1.0)


@pytest.mark.parametrize("n_folds", [2, 3])
def test_residuals_outside_a_fold_have_not_seen_it_nor_their_own_household(known: Known, n_folds: int) -> None:
    data = known.residuals(n_folds)
    before = nested_nuisances(known.x, data, SETTINGS, 1)
    household = data.households[np.flatnonzero(data.folds == 1)[0]]
    own = data.households == household
    changed = [
        (0, data.folds == 0),
        # A trial of fold 1, while fold 0 is held out.
        (0, own),
    ]
    for held_out, rows in changed:
        turned = replace(data, y=np.where(rows, data.y + 500.0, data.y))
        after = nested_nuisances(known.x, turned, SETTINGS, 1)
        judged = ~rows if rows[data.folds == held_out].all() else own
        for name in ("propensity", "mu0", "mu1"):
            one, other = (getattr(nested, name)[held_out] for nested in (before, after))
            np.testing.assert_array_equal(one[judged], other[judged])
            assert np.isnan(one[data.folds == held_out]).all() and np.isfinite(one[data.folds != held_out]).all()
    # With two other folds left out, the change is seen.
    assert n_folds == 2 or (before.mu0[2] != after.mu0[2])[data.folds == 0].any()


def test_nested_residuals_are_near_the_truth_and_in_the_order_of_the_trials(known: Known) -> None:
    data = known.residuals(5)
    nested = nested_nuisances(known.x, data, SETTINGS, 1)
    train, residuals = nested.outside(3, data)
    np.testing.assert_array_equal(train, data.folds != 3)
    np.testing.assert_array_equal(residuals.y, data.y[train])
    np.testing.assert_array_equal(residuals.households, data.households[train])
    assert np.corrcoef(residuals.mu0, known.mu0[train])[0, 1] > 0.95
    assert np.corrcoef(residuals.mu1, known.mu1[train])[0, 1] > 0.95
    assert np.corrcoef(residuals.propensity, known.propensity[train])[0, 1] > 0.6
    assert residuals.propensity.min() >= SETTINGS.propensity_bound


def test_propensities_are_recalibrated_within_campaigns_by_other_folds(known: Known) -> None:
    data, campaigns = known.residuals(4), known.trials["campaign"].to_numpy()
    # All the more are treated in the second campaign, which no covariate says.
    more = np.random.default_rng(1).random(len(campaigns)) < 0.5
    data = replace(data, treated=np.where((campaigns == 2) & more, 1.0, data.treated))
    few = SETTINGS.model_copy(update={"recalibration_min_arm": 10})
    as_fitted, moved = (nested_nuisances(known.x, data, few, 1, own) for own in (None, campaigns))
    train, second = data.folds != 0, campaigns == 2
    rate = data.treated[train & second].mean()
    off = [abs(nested.propensity[0][train & second].mean() - rate) for nested in (as_fitted, moved)]
    assert off[1] < 0.03 < off[0]
    turned = replace(data, treated=np.where(data.folds == 0, 1 - data.treated, data.treated))
    again = nested_nuisances(known.x, turned, few, 1, campaigns)
    np.testing.assert_array_equal(again.propensity[0][train], moved.propensity[0][train])


def test_known_nuisances_stay_as_they_are(known: Known) -> None:
    data = known.residuals(3)
    train, residuals = Nested.known(data).outside(2, data)
    np.testing.assert_array_equal(residuals.outcome_residual, data.outcome_residual[train])
    np.testing.assert_array_equal(residuals.scores, data.scores[train])


def test_two_folds_that_hold_an_arm_are_named(known: Known) -> None:
    data = known.residuals(3)
    lacking = replace(data, treated=np.where(data.folds == 2, 0.0, data.treated))
    with pytest.raises(FoldsError, match=r"without two of 3 parts 0 treated households are left .*nuisance.n_folds"):
        nested_nuisances(known.x, lacking, SETTINGS, 1)
