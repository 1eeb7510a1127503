"""Each forecast of lifetime value by itself: smoothing, the NBD, boosted trees, their stack, and intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.trips import weekly_spend
from dunnhumby_pipeline.segmentation.lifetime.boosted import fit_boosted, training_origins
from dunnhumby_pipeline.segmentation.lifetime.intervals import fit_intervals
from dunnhumby_pipeline.segmentation.lifetime.likelihoods import PoissonTrips
from dunnhumby_pipeline.segmentation.lifetime.nbd import Nbd, fit_nbd
from dunnhumby_pipeline.segmentation.lifetime.smoothing import Smoothing, learn_smoothing, origins_of
from dunnhumby_pipeline.segmentation.lifetime.stack import fit_stack, weighed
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
from dunnhumby_pipeline.segmentation.lifetime.weeks import Weeks, weeks_of
from dunnhumby_pipeline.settings import EngineSettings

QUICK = settings(max_examples=40, deadline=None)


def weeks_from(spend: NDArray, first: NDArray | None = None) -> Weeks:
    start = np.zeros(len(spend), dtype=np.int64) if first is None else first
    return Weeks(spend, (spend > 0).astype(np.int8), start)


def wandering(n: int, n_weeks: int, drift: float, seed: int) -> NDArray:
    """Weekly spend whose level wanders by `drift` of itself a week, with noise as large as the level."""
    rng = np.random.default_rng(seed)
    levels = rng.gamma(2.0, 20.0, (n, 1)) * np.exp(np.cumsum(rng.normal(0, drift, (n, n_weeks)), axis=1))
    return levels * rng.gamma(1.0, 1.0, (n, n_weeks))


# --------------------------------------------------------------------------------------------------- weeks from lines


def test_weeks_are_counted_back_from_the_end_and_only_whole_ones() -> None:
    rows = [(1, 10, 1, 2.5), (1, 11, 1, 1.0), (1, 12, 17, 4.0), (2, 13, 18, 8.0), (2, 14, 24, 0.5), (3, 15, 3, 9.0)]
    lines = pd.DataFrame(rows, columns=["household_key", "basket_id", "day", "sales_value"])
    rest = {"week_no": 1, "quantity": 1, "store_id": 1, "retail_disc": 0.0, "trans_time": 900, "product_id": 1}
    lines = lines.assign(**rest, coupon_disc=0.0, coupon_match_disc=0.0)
    windows = pd.DataFrame({"window": [4], "first_day": [1], "index_day": [25]})
    windows = windows.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})
    found = run(weekly_spend(), {"transactions": lines, "windows": windows}, EngineSettings(threads=1))
    assert found.columns.tolist() == ["window", "household_key", "weeks_ago", "trips", "sales"]
    # Days 1 to 3 are left over.
    assert found.to_numpy().tolist() == [[4, 1, 1, 1, 4.0], [4, 2, 0, 2, 8.5]]
    history = pd.DataFrame({"household_key": [1, 2, 3], "first_trip": [1, 18, 3]})
    weeks = weeks_of(found, history, 1, 25)
    assert weeks.spend.tolist() == [[0.0, 4.0, 0.0], [0.0, 0.0, 8.5], [0.0, 0.0, 0.0]]
    assert weeks.trips.sum(axis=1).tolist() == [1, 2, 0]
    assert weeks.first.tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"household_key": [1, 9]}, "found 1 rows of other households, 0 of other weeks and 0 without"),
        ({"weeks_ago": [0, 3]}, "1 of other weeks"),
        ({"sales": [4.0, -0.01]}, "1 without such spend"),
        ({"sales": [4.0, np.nan]}, "1 without such spend"),
    ],
)
def test_weeks_that_cannot_be_are_refused(changed: dict[str, list], says: str) -> None:
    rows = pd.DataFrame({"household_key": [1, 2], "weeks_ago": [0, 1], "trips": [1, 1], "sales": [4.0, 2.0]})
    history = pd.DataFrame({"household_key": [1, 2], "first_trip": [1, 1]})
    with pytest.raises(LifetimeValueError, match=says):
        weeks_of(rows.assign(**changed), history, 1, 22)
    with pytest.raises(LifetimeValueError, match="weekly spend lacks sales; found"):
        weeks_of(rows.drop(columns="sales"), history, 1, 22)


# ---------------------------------------------------------------------------------------------------------- smoothing


def test_a_level_is_its_weighted_mean() -> None:
    spend = np.array([[8.0, 0.0, 4.0], [0.0, 0.0, 6.0]])
    weeks = weeks_from(spend, np.array([0, 2]))
    level = Smoothing(0.5, 1.0, "first day", 0.0).level(weeks)
    assert level == pytest.approx([(4 + 0 + 2 + 3) / 2.75, (6 + 3) / 2.75])
    since = Smoothing(0.5, 0.0, "first trip", 0.0).level(weeks)
    assert since == pytest.approx([6 / 1.75, 6.0])


@pytest.mark.parametrize(("drift", "low", "high"), [(0.0, 0.01, 0.03), (0.12, 0.06, 0.3)])
def test_what_wanders_is_smoothed_less(drift: float, low: float, high: float) -> None:
    learned = learn_smoothing(weeks_from(wandering(800, 40, drift, seed=1)))
    assert low <= learned.alpha <= high
    assert learned.error > 0


def test_what_differs_by_noise_alone_is_drawn_to_the_mean() -> None:
    rng = np.random.default_rng(2)
    alike = learn_smoothing(weeks_from(rng.gamma(1.0, 30.0, (500, 30))))
    apart = learn_smoothing(weeks_from(rng.gamma(1.0, 30.0, (500, 1)) * rng.gamma(20.0, 1 / 20, (500, 30))))
    assert alike.kappa == 6.0
    assert apart.kappa <= 0.25


def test_where_households_come_new_their_weeks_count_from_the_first_trip() -> None:
    rng = np.random.default_rng(3)
    first = rng.integers(0, 30, 600)
    spend = rng.gamma(2.0, 20.0, (600, 1)) * rng.gamma(4.0, 0.25, (600, 36))
    spend[np.arange(36)[None, :] < first[:, None]] = 0.0
    assert learn_smoothing(weeks_from(spend, first)).since == "first trip"
    # Who was there all along, and was only seen late, is not new.
    rare = rng.gamma(2.0, 20.0, (600, 36)) * (rng.random((600, 36)) < rng.beta(0.4, 4.0, (600, 1)))
    rare = rare[rare.sum(axis=1) > 0]
    assert learn_smoothing(weeks_from(rare, (rare > 0).argmax(axis=1))).since == "first day"


@QUICK
@given(
    st.lists(st.lists(st.integers(0, 500), min_size=6, max_size=6), min_size=2, max_size=6),
    st.sampled_from([0.01, 0.08, 0.3]),
    st.sampled_from([0.0, 1.0, 6.0]),
)
def test_a_level_lies_within_what_was_spent_and_rises_with_it(rows: list, alpha: float, kappa: float) -> None:
    spend = np.array(rows, dtype=float)
    smoothing = Smoothing(alpha, kappa, "first day", 0.0)
    level = smoothing.level(weeks_from(spend))
    assert (level >= spend.min() - 1e-9).all() and (level <= spend.max() + 1e-9).all()
    more = spend.copy()
    more[0, -1] += 10
    assert smoothing.level(weeks_from(more))[0] > level[0]
    assert smoothing.level(weeks_from(3 * spend)) == pytest.approx(3 * level)


@QUICK
@given(st.integers(2, 200))
def test_windows_to_learn_from_end_within_the_history(n_weeks: int) -> None:
    origins, ahead = origins_of(n_weeks)
    assert origins and ahead >= 1
    assert min(origins) >= 1 and max(origins) + ahead == n_weeks
    windows = training_origins(n_weeks)
    assert windows and all(week >= 1 and weeks >= 1 and week + weeks <= n_weeks for week, weeks in windows)
    assert all(weeks <= max(n_weeks // 2, 1) for _, weeks in windows)


# ------------------------------------------------------------------------------------------------------------ the NBD


@pytest.mark.parametrize("without_zeros", [True, False])
def test_planted_nbd_parameters_come_back(without_zeros: bool) -> None:
    rng = np.random.default_rng(4)
    weeks = rng.uniform(10, 30, 8000)
    trips = rng.poisson(rng.gamma(0.9, 1 / 3.0, 8000) * weeks).astype(float)
    seen = trips > 0 if without_zeros else np.ones(8000, dtype=bool)
    fitted = fit_nbd(trips[seen], weeks[seen], without_zeros=without_zeros)
    assert (fitted.r, fitted.alpha) == pytest.approx((0.9, 3.0), rel=0.1)
    assert fitted.expected_trips(np.array([9.0]), np.array([20.0]), 10.0)[0] == pytest.approx(
        10 * (fitted.r + 9) / (fitted.alpha + 20)
    )
    if without_zeros:
        # Were the zeros that cannot be seen left out of account, rates would look more alike than they are.
        assert fit_nbd(trips[seen], weeks[seen], without_zeros=False).r > 1.2 * fitted.r


@pytest.mark.parametrize("without_zeros", [True, False])
def test_the_slope_of_the_nbd_is_that_of_its_likelihood(without_zeros: bool) -> None:
    histories = PoissonTrips(np.array([1, 4, 30]), np.array([5.0, 9.0, 20.0]), without_zeros)
    free = np.array([-0.4, 0.3])
    value, slope = histories.negative(free)
    for place in range(2):
        step = 1e-6 * np.eye(2)[place]
        numeric = (histories.negative(free + step)[0] - histories.negative(free - step)[0]) / 2e-6
        assert slope[place] == pytest.approx(numeric, rel=1e-5)
    assert np.isfinite(value)


def test_trips_that_cannot_be_are_refused_by_the_nbd() -> None:
    with pytest.raises(
        LifetimeValueError, match=r"1 histories cannot be; expected 1 or more .* has 0 trips in 9 weeks"
    ):
        fit_nbd(np.array([2.0, 0.0]), np.array([9.0, 9.0]), without_zeros=True)
    with pytest.raises(LifetimeValueError, match="the first has 2 trips in 0 weeks"):
        fit_nbd(np.array([2.0]), np.array([0.0]), without_zeros=False)


@QUICK
@given(st.floats(0, 300), st.floats(0.1, 100), st.floats(0.05, 9), st.floats(0.05, 9))
def test_more_trips_and_a_longer_horizon_bring_more(trips: float, weeks: float, r: float, alpha: float) -> None:
    model, one = Nbd(r, alpha, 0.0), np.array([trips])
    found = model.expected_trips(one, np.array([weeks]), 13.0)[0]
    assert 0 < found < model.expected_trips(one + 1, np.array([weeks]), 13.0)[0]
    assert model.expected_trips(one, np.array([weeks]), 26.0)[0] == pytest.approx(2 * found)


# ----------------------------------------------------------------------------------------------------------- the trees


def test_trees_find_what_the_level_does_not_say() -> None:
    """Households that fell silent six weeks ago come back no more: the level remembers them, trees do not."""
    rng = np.random.default_rng(5)
    n, n_weeks = 1500, 40
    spend = rng.gamma(2.0, 20.0, (n, 1)) * rng.gamma(3.0, 1 / 3, (n, n_weeks))
    leaves = rng.integers(6, 3 * n_weeks, n)
    spend[np.arange(n_weeks)[None, :] >= leaves[:, None]] = 0.0
    weeks = weeks_from(spend[:, :26])
    smoothing = Smoothing(0.05, 1.0, "first day", 0.0)
    rate, level, actual = fit_boosted(weeks, smoothing).rate(weeks), smoothing.level(weeks), spend[:, 26:].mean(axis=1)
    gone = leaves <= 22
    assert np.abs(rate - actual)[gone].mean() < 0.6 * np.abs(level - actual)[gone].mean()
    assert np.abs(rate - actual).mean() < 0.9 * np.abs(level - actual).mean()
    assert (rate >= 0).all()


def test_trees_never_see_what_they_forecast() -> None:
    spend = wandering(300, 30, 0.1, seed=6)
    smoothing = Smoothing(0.08, 1.0, "first day", 0.0)
    before = fit_boosted(weeks_from(spend[:, :20]), smoothing)
    changed = spend.copy()
    changed[:, 20:] *= 50
    again = fit_boosted(weeks_from(changed[:, :20]), smoothing)
    ahead = weeks_from(spend[:, :20])
    assert (before.rate(ahead) == again.rate(ahead)).all()
    assert before.n_rows == 300 * before.n_origins
    assert fit_boosted(ahead, smoothing).rate(ahead).tolist() == before.rate(ahead).tolist()


def test_a_currency_moves_no_split() -> None:
    spend = np.round(wandering(400, 24, 0.1, seed=7), 2)
    smoothing = Smoothing(0.08, 1.0, "first day", 0.0)
    dollars, other = weeks_from(spend), weeks_from(spend * 0.0173)
    expected = fit_boosted(dollars, smoothing).rate(dollars) * 0.0173
    assert fit_boosted(other, smoothing).rate(other) == pytest.approx(expected, rel=1e-6)


def test_too_few_households_for_a_tree_are_shifted_by_one_amount() -> None:
    weeks = weeks_from(wandering(30, 8, 0.1, seed=8))
    smoothing = Smoothing(0.08, 1.0, "first day", 0.0)
    added = fit_boosted(weeks, smoothing).rate(weeks) - smoothing.level(weeks)
    assert np.ptp(added) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(LifetimeValueError, match="no household spent anything"):
        fit_boosted(weeks_from(np.zeros((30, 8))), smoothing)


# ----------------------------------------------------------------------------------------------------------- the stack


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_the_stack_finds_the_forecast_that_is_right(loss: str) -> None:
    rng = np.random.default_rng(4)
    truth = rng.gamma(2.0, 50.0, 400)
    parts = {name: rng.gamma(2.0, 50.0, 400) for name in ("recent", "earlier", "model")}
    found = fit_stack({**parts, "recent": truth}, truth, loss)
    assert found == pytest.approx({"recent": 1.0, "earlier": 0.0, "model": 0.0}, abs=1e-6)
    mixed = 0.25 * parts["earlier"] + 0.75 * parts["model"]
    assert fit_stack(parts, mixed, loss) == pytest.approx({"recent": 0.0, "earlier": 0.25, "model": 0.75}, abs=1e-6)


def test_the_mean_and_the_median_are_weighed_apart() -> None:
    """Of two constants, squared error takes the mean of what came and absolute error its median."""
    actual = np.array([0.0] * 60 + [100.0] * 40)
    parts = {"none": np.zeros(100), "all": np.full(100, 100.0)}
    assert fit_stack(parts, actual, "squared")["all"] == pytest.approx(0.4, abs=1e-6)
    assert fit_stack(parts, actual, "absolute")["all"] == pytest.approx(0.0, abs=1e-6)


@QUICK
@given(
    st.lists(st.tuples(*[st.integers(0, 1000)] * 4), min_size=3, max_size=40).filter(lambda rows: any(map(any, rows))),
    st.sampled_from(["squared", "absolute"]),
)
def test_weights_are_shares_that_beat_every_single_forecast(rows: list, loss: str) -> None:
    table = np.array(rows, dtype=float)
    parts, actual = {f"f{k}": table[:, k] for k in range(3)}, table[:, 3]
    weights = fit_stack(parts, actual, loss)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert min(weights.values()) >= 0
    power = 2 if loss == "squared" else 1
    error = (np.abs(weighed(parts, weights) - actual) ** power).mean()
    alone = [(np.abs(part - actual) ** power).mean() for part in parts.values()]
    assert error <= min(alone) * (1 + 1e-4) + 1e-4
    tenfold = fit_stack({name: 10 * part for name, part in parts.items()}, 10 * actual, loss)
    other = (np.abs(weighed(parts, tenfold) - actual) ** power).mean()
    assert other == pytest.approx(error, rel=1e-4, abs=1e-4)


# ----------------------------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_what_is_like_what_they_learned_from(confidence: float) -> None:
    rng = np.random.default_rng(9)
    forecast = rng.gamma(1.0, 800.0, 6000)
    actual = forecast * rng.gamma(4.0, 0.25, 6000)
    learned = fit_intervals(forecast[:3000], actual[:3000], 10, confidence)
    lower, upper = learned.around(forecast[3000:])
    held = (actual[3000:] >= lower) & (actual[3000:] <= upper)
    assert held.mean() == pytest.approx(confidence, abs=0.02)
    for tenth in np.array_split(np.argsort(forecast[3000:]), 10):
        assert held[tenth].mean() == pytest.approx(confidence, abs=0.08)
    assert (lower >= 0).all() and (lower <= forecast[3000:]).all() and (upper >= forecast[3000:]).all()
    # What comes wider spread than before is held less often: coverage can fail.
    wild = forecast[3000:] * rng.gamma(0.7, 1 / 0.7, 3000)
    assert ((wild >= lower) & (wild <= upper)).mean() < confidence - 0.05


def test_too_few_households_have_no_interval() -> None:
    forecast = np.linspace(10, 500, 60)
    few = fit_intervals(forecast[:38], forecast[:38] * 1.1, 10, 0.95)
    assert np.isnan(few.around(forecast)).all()
    enough = fit_intervals(forecast[:39], forecast[:39] * 1.1, 10, 0.95)
    assert len(enough.middles) == 1
    assert np.isfinite(enough.around(forecast)).all()
    assert len(fit_intervals(forecast, forecast * 1.1, 10, 0.7).middles) == 10


def test_a_loss_may_lie_in_the_interval_of_gross_profit_alone() -> None:
    forecast = np.full(200, 10.0)
    actual = np.linspace(-50, 90, 200)
    assert fit_intervals(forecast, actual, 1, 0.9, signed=True).around(forecast)[0].max() < -30
    assert fit_intervals(forecast, actual, 1, 0.9).around(forecast)[0].tolist() == [0.0] * 200


@QUICK
@given(st.floats(1e-3, 1e5))
def test_intervals_are_proportional_to_money(factor: float) -> None:
    rng = np.random.default_rng(10)
    forecast = rng.gamma(1.0, 100.0, 300)
    actual = forecast * rng.gamma(4.0, 0.25, 300)
    dollars = fit_intervals(forecast, actual, 5, 0.9).around(forecast)
    other = fit_intervals(factor * forecast, factor * actual, 5, 0.9).around(factor * forecast)
    for ours, theirs in zip(dollars, other, strict=True):
        assert theirs == pytest.approx(factor * ours, rel=1e-6)
