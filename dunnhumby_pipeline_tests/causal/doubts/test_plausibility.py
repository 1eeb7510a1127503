"""What each redeemer would have to have spent: ratios with the errors of both, and when they are beyond reason."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.doubts.plausibility import (
    COUPON_LINES,
    MULTIPLE,
    ON_REDEMPTION,
    ON_SPEND,
    PER_REDEEMER,
    judged,
    plausibility,
    ratio,
)
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.orchestration.checks.plausibility import effect_plausible
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.results import parts

Array = NDArray[np.float64]
CHECKS = CheckSettings(max_redeemer_multiple=10.0)


def campaign(
    n: int, seed: int, per_redeemer: float, share: float = 0.2, lines: float = 5.0, noise: float = 20.0
) -> tuple[Residuals, Residuals, Array, Array]:
    """Spend, redemption, who redeemed and what they bought on coupon lines, of a campaign that works by redeemers
    alone: each spends `per_redeemer` more, `lines` of it, on average, on coupon lines. Two trials per household.
    """
    rng = np.random.default_rng(seed)
    households = np.repeat(np.arange(n // 2), 2)
    treated = rng.binomial(1, 0.5, n).astype(float)
    redeemed = treated * rng.binomial(1, share, n)
    home = np.repeat(rng.normal(0, noise, n // 2), 2)
    y = 100 + home + rng.normal(0, noise, n) + per_redeemer * redeemed
    bought = redeemed * rng.gamma(4, lines / 4, n)
    level = {"treated": treated, "propensity": np.full(n, 0.5), "households": households, "folds": households % 5}
    spend = Residuals(y=y, mu0=np.full(n, 100.0), mu1=np.full(n, 100 + per_redeemer * share), **level)
    redemption = Residuals(y=redeemed, mu0=np.zeros(n), mu1=np.full(n, share), **level)
    return spend, redemption, redeemed, bought


def test_what_a_redeemer_spent_more_is_found_with_its_error() -> None:
    truths = {ON_SPEND: 6.0, ON_REDEMPTION: 0.2, PER_REDEEMER: 30.0, COUPON_LINES: 5.0, MULTIPLE: 6.0}
    inside: dict[str, list[bool]] = {name: [] for name in truths}
    errors: dict[str, list[tuple[float, float]]] = {name: [] for name in truths}
    for seed in range(200):
        found = plausibility(*campaign(1200, seed, 30.0), 0.9).set_index("quantity")
        for name, truth in truths.items():
            row = found.loc[name]
            inside[name].append(bool(row["ci_lower"] <= truth <= row["ci_upper"]))
            errors[name].append((row["estimate"] - truth, row["se"]))
    for name, hits in inside.items():
        assert 0.84 <= np.mean(hits) <= 0.96, name
        off, se = np.array(errors[name]).T
        assert off.std() == pytest.approx(se.mean(), rel=0.15), name
        assert abs(off.mean()) < 3.5 * off.std() / np.sqrt(len(off)), name


def test_fiellers_interval_solves_its_equation_and_is_the_plain_one_with_a_known_divisor() -> None:
    found, se, lower, upper = ratio(10.0, 2.0, 4.0, 0.09, 0.2, 1.96)
    assert found == 5.0
    for end in (lower, upper):
        variance = 4.0 - 2 * end * 0.2 + end**2 * 0.09
        assert (10.0 - end * 2.0) ** 2 == pytest.approx(1.96**2 * variance)
    assert se == pytest.approx(np.sqrt(4.0 - 2 * 5 * 0.2 + 25 * 0.09) / 2)
    assert ratio(10.0, 2.0, 4.0, 0.0, 0.0, 1.96) == pytest.approx((5.0, 1.0, 5 - 1.96, 5 + 1.96))


def test_a_ratio_has_no_end_where_its_divisor_may_be_nothing() -> None:
    found, _, lower, upper = ratio(10.0, 0.1, 4.0, 0.01, 0.0, 1.96)
    assert found == 100.0 and np.isnan([lower, upper]).all()
    for below in (0.0, -0.1, float("nan")):
        assert np.isnan(ratio(10.0, below, 4.0, 0.01, 0.0, 1.96)).all()


def test_an_effect_by_coupons_is_within_reason_and_another_is_not() -> None:
    plain = effect_plausible(plausibility(*campaign(4000, 1, 15.0), 0.95), CHECKS)
    assert plain.passed and "every redeemer would have spent $" in plain.message
    far = plausibility(*campaign(4000, 1, 150.0), 0.95)
    verdict = effect_plausible(far, CHECKS)
    assert not verdict.passed
    assert "even the lower end of its interval" in verdict.message
    assert set(verdict.metrics) == {PER_REDEEMER, COUPON_LINES, MULTIPLE}
    # The threshold is a setting.
    assert effect_plausible(far, CheckSettings(max_redeemer_multiple=100.0)).passed


@pytest.mark.parametrize(
    ("multiple", "lower", "upper", "beyond", "surely", "said"),
    [
        (9.9, 1.0, 20.0, False, False, "9.9 times that, at most 10 times expected"),
        (10.1, -5.0, 25.0, True, False, "reaches down to -5.0 times, so that noise may be all there is to it"),
        (10.1, 10.05, 10.2, True, True, "even the lower end of its interval, 10.1 times, is beyond that"),
        (10.1, np.nan, np.nan, True, False, "has no end, as redemption hardly rose"),
        (-40.0, -80.0, 3.0, False, False, "-40.0 times"),
    ],
)
def test_what_is_beyond_reason_and_how_surely(
    multiple: float, lower: float, upper: float, beyond: bool, surely: bool, said: str
) -> None:
    found = judged(parts.plausibility(multiple, lower, upper), 10.0)
    assert (found.beyond, found.surely) == (beyond, surely)
    assert said in found.text


def test_without_redemption_only_a_proven_effect_is_beyond_reason() -> None:
    spend, redemption, _, _ = campaign(2000, 3, 0.0)
    nobody = np.zeros(len(spend.y))
    none = Residuals(
        **{name: getattr(redemption, name) for name in ("treated", "propensity", "households", "folds")},
        y=nobody,
        mu0=nobody,
        mu1=nobody,
    )
    table = plausibility(spend, none, nobody, nobody, 0.95)
    known = table.dropna(subset=["estimate"])["quantity"].tolist()
    assert known == [ON_SPEND, ON_REDEMPTION]
    assert effect_plausible(table, CHECKS).passed
    lifted = Residuals(
        **{name: getattr(spend, name) for name in ("treated", "propensity", "households", "folds", "mu0")},
        y=spend.y + 50 * spend.treated,
        mu1=spend.mu1 + 50,
    )
    verdict = effect_plausible(plausibility(lifted, none, nobody, nobody, 0.95), CHECKS)
    assert not verdict.passed
    assert "no effect can have come through coupons; yet the effect on spend" in verdict.message
