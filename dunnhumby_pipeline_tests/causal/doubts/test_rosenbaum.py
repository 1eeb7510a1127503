"""Rosenbaum bounds: a published study, all patterns of treatment listed, all means of two listed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from dunnhumby_pipeline.causal.doubts import rosenbaum
from dunnhumby_pipeline.causal.doubts.rosenbaum import critical_gamma, rosenbaum_bounds, shown_sign, walsh_quantiles
from dunnhumby_pipeline_tests.fakes.known_truth import Array

# Lead in the blood of children whose parents were exposed at work, and of their matched controls: Rosenbaum (2002),
# chapter 4, and the example of `psens` in R's rbounds.
EXPOSED = [38, 23, 41, 18, 37, 36, 23, 62, 31, 34, 24, 14, 21, 17, 16, 20, 15]
EXPOSED += [10, 45, 39, 22, 35, 49, 48, 44, 35, 43, 39, 34, 13, 73, 25, 27]
CONTROL = [16, 18, 18, 24, 19, 11, 10, 15, 16, 18, 18, 13, 19, 10, 16, 16, 24]
CONTROL += [13, 9, 14, 21, 19, 7, 18, 19, 12, 11, 22, 25, 16, 13, 11, 13]
LEAD = np.array(EXPOSED, dtype=float) - np.array(CONTROL)

cents = arrays(np.float64, st.integers(1, 25), elements=st.integers(-40, 60).map(float))


def means_of_two(values: Array) -> Array:
    first, second = np.triu_indices(len(values))
    return (values[first] + values[second]) / 2


def all_patterns(n: int) -> Array:
    """(2^n, n): which pairs have the larger outcome treated."""
    return np.array(list(product([0, 1], repeat=n)), dtype=float)


def test_lead_in_blood_gives_the_p_values_of_rbounds() -> None:
    bounds = rosenbaum_bounds(LEAD, 6.0).set_index("gamma")
    assert bounds.loc[[2, 3, 4, 5, 6], "p_value_upper"].round(4).tolist() == [0.0018, 0.0131, 0.0367, 0.0694, 0.1073]
    assert (bounds["p_value_lower"] < 1e-4).all()
    assert bounds.loc[1.0, "hodges_lehmann_lower"] == bounds.loc[1.0, "hodges_lehmann_upper"] == 15.0
    assert bounds.loc[5.0, ["hodges_lehmann_lower", "hodges_lehmann_upper"]].tolist() == [5.0, 26.5]
    assert (bounds["n_pairs"] == 33).all()
    assert 4.25 < critical_gamma(LEAD, 0.05) < 5


@settings(deadline=None, max_examples=50)
@given(cents.filter(lambda values: bool(np.any(values))))
def test_without_bias_it_is_the_signed_rank_test(differences: Array) -> None:
    row = rosenbaum_bounds(differences, 1.5).iloc[0]
    way = "greater" if shown_sign(differences) > 0 else "less"
    known = stats.wilcoxon(differences, alternative=way, method="asymptotic", correction=False)
    assert row["gamma"] == 1.0
    assert row["p_value_lower"] == row["p_value_upper"] == pytest.approx(known.pvalue)


@pytest.mark.parametrize("gamma", [1.0, 1.7, 3.0])
def test_the_bounds_are_those_of_the_statistic_over_all_patterns_of_treatment(gamma: float) -> None:
    """Each pair's larger outcome is treated with odds gamma, or 1 / gamma, at the worst."""
    differences = np.array([0.5, -1.2, 2.0, 3.1, 4.4, 5.0, -0.2, 6.0, 7.5, 8.1, -2.5, 3.8])
    ranks, patterns = stats.rankdata(np.abs(differences)), all_patterns(12)
    statistic = ranks[differences > 0].sum()
    row = rosenbaum_bounds(differences, 3.0).set_index("gamma").loc[gamma]
    for column, p in (("p_value_upper", gamma / (1 + gamma)), ("p_value_lower", 1 / (1 + gamma))):
        weights = np.prod(np.where(patterns == 1, p, 1 - p), axis=1)
        drawn = patterns @ ranks
        mean = np.average(drawn, weights=weights)
        sd = np.sqrt(np.average((drawn - mean) ** 2, weights=weights))
        assert row[column] == pytest.approx(stats.norm.sf((statistic - mean) / sd))
        assert row[column] == pytest.approx(weights[drawn >= statistic].sum(), abs=0.03)


@settings(deadline=None, max_examples=50)
@given(cents, st.floats(0, 1))
def test_quantiles_of_the_means_of_two_are_those_of_the_list(values: Array, share: float) -> None:
    shares = np.array([share, 0.5, 1 - share])
    listed = np.quantile(means_of_two(values), shares[1], method="averaged_inverted_cdf")
    found = walsh_quantiles(values, shares)
    assert found[1] == listed
    # numpy rounds the position differently where it is whole but for rounding; either neighbour is then right.
    ordered = np.sort(means_of_two(values))
    for one, wanted in zip(found, shares, strict=True):
        position = wanted * len(ordered)
        low, high = (
            ordered[int(np.clip(place, 0, len(ordered) - 1))] for place in (position - 1.001, position + 0.001)
        )
        assert low <= one <= high


@pytest.mark.parametrize("tied", [False, True])
def test_closing_in_finds_what_listing_all_means_finds(monkeypatch: pytest.MonkeyPatch, tied: bool) -> None:
    values = np.random.default_rng(3).standard_t(3, 400) * 100
    if tied:
        values = np.where(np.arange(400) % 3 == 0, 0.0, values.round(-1))
    shares = np.concatenate([[0, 1], np.linspace(0.2, 0.8, 21), [0.5 + 1 / 1604]])
    expected = walsh_quantiles(values, shares)
    monkeypatch.setattr(rosenbaum, "_MOST_CANDIDATES", 50)
    np.testing.assert_allclose(walsh_quantiles(values, shares), expected, atol=1e-9)
    np.testing.assert_allclose(
        expected[2:], np.quantile(means_of_two(values), shares[2:], method="averaged_inverted_cdf"), atol=0.2
    )


def test_shifting_by_a_hodges_lehmann_bound_makes_the_statistic_what_gamma_expects() -> None:
    differences = np.random.default_rng(4).normal(20, 50, 200)
    total = 200 * 201 / 2
    for row in rosenbaum_bounds(differences, 3.0).itertuples():
        for shift, share in (
            (row.hodges_lehmann_lower, row.gamma / (1 + row.gamma)),
            (row.hodges_lehmann_upper, 1 / (1 + row.gamma)),
        ):
            shifted = differences - shift
            statistic = stats.rankdata(np.abs(shifted))[shifted > 0].sum()
            assert abs(statistic - share * total) <= 1


@settings(deadline=None, max_examples=50)
@given(cents)
def test_bounds_widen_with_gamma_and_mirror_with_the_differences(differences: Array) -> None:
    bounds, mirrored = rosenbaum_bounds(differences, 2.0), rosenbaum_bounds(-differences, 2.0)
    assert bounds["gamma"].tolist() == [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0]
    if np.any(differences):
        assert (bounds["p_value_lower"] <= bounds["p_value_upper"]).all()
        assert (bounds["p_value_upper"].diff().dropna() >= 0).all()
        assert (bounds["p_value_lower"].diff().dropna() <= 0).all()
    assert (bounds["hodges_lehmann_lower"].diff().dropna() <= 0).all()
    assert (bounds["hodges_lehmann_upper"].diff().dropna() >= 0).all()
    np.testing.assert_allclose(bounds["p_value_upper"], mirrored["p_value_upper"])
    np.testing.assert_allclose(bounds["hodges_lehmann_lower"], -mirrored["hodges_lehmann_upper"])


@settings(deadline=None, max_examples=50)
@given(cents, st.floats(0.01, 0.2))
def test_the_p_value_at_the_critical_gamma_is_the_significance(differences: Array, significance: float) -> None:
    gamma = critical_gamma(differences, significance)
    assert gamma >= 1
    apart = differences[differences != 0]
    ranks = stats.rankdata(np.abs(apart))
    positive = ranks[apart > 0].sum()
    statistic, share = max(positive, ranks.sum() - positive), gamma / (1 + gamma)
    if gamma > 1:
        scale = np.sqrt(share * (1 - share) * (ranks**2).sum())
        assert stats.norm.sf((statistic - share * ranks.sum()) / scale) == pytest.approx(significance)
    elif len(apart):
        assert rosenbaum_bounds(differences, 1.5)["p_value_upper"].iloc[0] >= significance * (1 - 1e-9)


def test_pairs_that_do_not_differ_have_no_p_value() -> None:
    bounds = rosenbaum_bounds(np.zeros(5), 2.0)
    assert bounds[["p_value_lower", "p_value_upper"]].isna().all(axis=None)
    assert (bounds[["hodges_lehmann_lower", "hodges_lehmann_upper"]] == 0).all(axis=None)
    assert critical_gamma(np.zeros(5), 0.05) == 1


def test_pairs_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^Rosenbaum bounds need at least one matched pair$"):
        rosenbaum_bounds(np.empty(0), 2.0)
    with pytest.raises(ValueError, match=r"^1 of 3 matched pairs have no difference$"):
        critical_gamma(np.array([1.0, np.nan, 2.0]), 0.05)


def test_many_pairs_take_little_memory_and_time() -> None:
    differences = np.random.default_rng(5).normal(0.2, 1, 40_000)
    bounds = rosenbaum_bounds(differences, 1.2)
    # The means of two normals are normal too: the statistic passes a third of its range one known shift away.
    assert bounds["hodges_lehmann_lower"].iloc[0] == pytest.approx(0.2, abs=0.02)
    expected = 0.2 + np.sqrt(0.5) * stats.norm.ppf(1 - 1.2 / 2.2)
    assert bounds["hodges_lehmann_lower"].iloc[-1] == pytest.approx(expected, abs=0.02)
