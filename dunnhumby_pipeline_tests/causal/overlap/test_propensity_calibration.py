"""Calibration of the propensity: planted intercepts and slopes, a library's fit, intervals by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.overlap.calibration import propensity_calibration, recalibration
from dunnhumby_pipeline_tests.fakes.known_truth import Array


def drawn(n: int, seed: int) -> tuple[Array, Array]:
    """(true propensity, treated) of trials."""
    rng = np.random.default_rng(seed)
    e = 1 / (1 + np.exp(-rng.normal(-0.5, 1.2, n)))
    return e, rng.random(n) < e


def test_a_true_propensity_is_calibrated_and_an_extreme_one_is_not() -> None:
    e, treated = drawn(20_000, seed=1)
    logit = np.log(e / (1 - e))
    assert recalibration(treated, e) == pytest.approx((0.0, 1.0), abs=0.06)
    doubled = 1 / (1 + np.exp(-(2 * logit + 1)))
    # logit(e) = (logit(doubled) - 1) / 2.
    assert recalibration(treated, doubled) == pytest.approx((-0.5, 0.5), abs=0.06)


def test_recalibration_agrees_with_statsmodels() -> None:
    import statsmodels.api as sm

    e, treated = drawn(300, seed=2)
    fitted = sm.Logit(treated.astype(float), sm.add_constant(np.log(e / (1 - e)))).fit(disp=0)
    assert recalibration(treated, e) == pytest.approx(tuple(fitted.params), rel=1e-6)


@pytest.mark.parametrize(
    ("treated", "propensity"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.9]),
        ([1, 1, 0, 0], [0.1, 0.4, 0.5, 0.9]),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]),
        ([1, 1, 1, 1], [0.1, 0.4, 0.4, 0.9]),
    ],
    ids=["apart", "apart, reversed", "constant", "one arm"],
)
def test_calibration_is_null_where_no_line_fits(treated: list[int], propensity: list[float]) -> None:
    assert np.isnan(recalibration(np.array(treated) == 1, np.array(propensity))).all()


def test_arms_that_one_trial_keeps_from_being_apart_have_a_finite_slope() -> None:
    propensity = np.concatenate([np.linspace(0.01, 0.4, 500), np.linspace(0.6, 0.99, 500)])
    treated = propensity > 0.5
    treated[498] = True
    intercept, slope = recalibration(treated, propensity)
    assert np.isfinite([intercept, slope]).all()
    assert slope > 5


def test_calibration_by_bin_with_wilson_intervals() -> None:
    e, treated = drawn(1000, seed=3)
    table = pd.DataFrame({"propensity": e, "treated": treated.astype(int)})
    found = propensity_calibration(table, 4, 0.9)
    own = "bin n_trials mean_propensity share_treated ci_lower ci_upper"
    assert found.columns.tolist() == own.split()
    assert found["bin"].tolist() == [1, 2, 3, 4]
    assert found["n_trials"].tolist() == [250] * 4
    quarter = np.sort(e)[:250]
    assert found["mean_propensity"].iloc[0] == pytest.approx(quarter.mean())
    share = treated[e <= quarter[-1]].mean()
    assert found["share_treated"].iloc[0] == pytest.approx(share)
    z, n = 1.6448536, 250
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert found[["ci_lower", "ci_upper"]].iloc[0].tolist() == pytest.approx([middle - half, middle + half])


def test_trials_of_one_propensity_share_a_bin() -> None:
    table = pd.DataFrame({"propensity": [0.01] * 30 + [0.2, 0.3, 0.4, 0.5], "treated": [0, 1] * 17})
    found = propensity_calibration(table, 10, 0.95)
    assert found["n_trials"].sum() == 34
    assert found["n_trials"].iloc[0] == 30
    assert found["bin"].tolist() == list(range(1, len(found) + 1))
    assert found["mean_propensity"].is_monotonic_increasing
    alike = propensity_calibration(table.assign(propensity=0.5), 10, 0.95)
    assert alike["n_trials"].tolist() == [34]
