"""Segmentation: planted factors and clusters come back, and say so when they are not there."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import QuantileTransformer

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.segmentation.factors.factors import (
    RIDGE,
    Factors,
    explained,
    fit_factors,
    hoyer_sparsity,
    loadings_table,
)
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError, fit_scaling
from dunnhumby_pipeline.segmentation.factors.selection import choose_n_factors, matched_correlations, scan_factors
from dunnhumby_pipeline.segmentation.segments.clusters import (
    Clusters,
    Recipe,
    fit_clusters,
    fit_segmentation,
)
from dunnhumby_pipeline.segmentation.segments.consensus import too_few_distinct
from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
from dunnhumby_pipeline.segmentation.segments.model_store import SegmentModel
from dunnhumby_pipeline.segmentation.segments.stability import (
    Stability,
    adjusted_rand,
    bootstrap_stability,
    cold_refits,
    jaccard_matrix,
    jaccard_table,
    match_labels,
    refitted_labels,
)
from dunnhumby_pipeline_tests.fakes.known_truth import model_of, planted_households

# Data without noise are fitted ever more closely: the solver never finds that it has converged.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum number of iterations")

QUICK = settings(max_examples=40, deadline=None)
THREE = Recipe(FACTORED, 3, 3)
NAN = float("nan")


# The matrix


def test_a_missing_interval_takes_the_longest_and_other_gaps_the_median() -> None:
    names = ("days_between_purchases_avg", "days_between_purchases_std", "monetary_std")
    frame = pd.DataFrame([[2.0, 1.0, 4.0], [9.0, 7.0, NAN], [NAN, NAN, 10.0], [4.0, 0.0, 5.0]], columns=names)
    scaling = fit_scaling(frame, names)
    assert scaling.fill.tolist() == [9.0, 7.0, 5.0]
    matrix = scaling.apply(frame)
    assert matrix[2, :2].tolist() == [1.0, 1.0]
    assert matrix[1, 2] == matrix[3, 2]


@pytest.mark.parametrize(
    ("column", "complaint"),
    [([3.0, 3.0, 3.0], "one value only: odd"), ([NAN] * 3, "without any value: odd"), ([NAN, 3.0, NAN], "only: odd")],
)
def test_an_unusable_feature_is_named(column: list[float], complaint: str) -> None:
    frame = pd.DataFrame({"fine": [1.0, 2.0, 3.0], "odd": column})
    with pytest.raises(MatrixError, match=complaint):
        fit_scaling(frame, ("fine", "odd"))


def test_a_feature_that_is_not_there_is_named_when_fitted_and_when_applied() -> None:
    frame = pd.DataFrame({"fine": [1.0, 2.0], "gone": [2.0, 1.0]})
    scaling = fit_scaling(frame, ("fine", "gone"))
    for attempt in (lambda thin: fit_scaling(thin, ("fine", "gone")), scaling.apply):
        with pytest.raises(MatrixError, match="features are missing: gone; found fine"):
            attempt(frame[["fine"]])


def test_new_households_are_placed_among_the_fitted_ones() -> None:
    fitted = pd.DataFrame({"spend": np.arange(101.0)})
    new = pd.DataFrame({"spend": [-5.0, 25.0, 90.5, 1e9, NAN]})
    placed = fit_scaling(fitted, ("spend",)).apply(new)[:, 0]
    # A missing value takes the fitted households' median, not the new ones'.
    np.testing.assert_allclose(placed, [0.0, 0.25, 0.905, 1.0, 0.5])


def test_percentiles_are_those_of_the_library() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"spend": rng.gamma(1.0, size=1500), "visits": rng.integers(0, 6, 1500).astype(float)})
    scaling = fit_scaling(frame, ("spend", "visits"))
    library = QuantileTransformer(n_quantiles=1000, subsample=None).fit(frame.to_numpy())
    np.testing.assert_allclose(scaling.knots, library.quantiles_, atol=1e-12)
    np.testing.assert_allclose(scaling.apply(frame), library.transform(frame.to_numpy()), atol=1e-9)


def test_logs_run_from_the_first_percentile_to_the_last() -> None:
    frame = pd.DataFrame({"spend": np.arange(101.0)})
    scaling = fit_scaling(frame, ("spend",), treatment="log")
    placed = scaling.apply(pd.DataFrame({"spend": [-1.0, 1.0, 9.0, 99.0, 1e6]}))[:, 0]
    np.testing.assert_allclose(placed, [0.0, 0.0, np.log(5) / np.log(50), 1.0, 1.0])
    with pytest.raises(MatrixError, match="below 0 have no log: spend"):
        fit_scaling(frame - 5, ("spend",), treatment="log")


amounts = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@QUICK
@given(st.lists(amounts, min_size=2, max_size=40).filter(lambda v: min(v) < max(v)), st.lists(amounts, min_size=2))
def test_a_larger_value_never_gets_a_smaller_percentile(fitted: list[float], new: list[float]) -> None:
    scaling = fit_scaling(pd.DataFrame({"spend": fitted}), ("spend",))
    percentiles = scaling.apply(pd.DataFrame({"spend": sorted([*new, *fitted])}))[:, 0]
    assert percentiles.min() >= 0
    assert percentiles.max() <= 1
    assert np.diff(percentiles).min() >= -1e-12


# Factors

LOADINGS = np.array(
    [
        [1.0, 0.8, 0.6, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.2, 0.7, 1.0, 0.9, 0.0, 0.0, 0.1],
        [0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 0.8],
    ]
)
COLUMNS = tuple(f"feature_{letter}" for letter in "ihgfedcba")


@pytest.fixture(scope="module")
def planted() -> tuple[NDArray, NDArray]:
    """(matrix, scores): the second factor weighs most, the first least; most households lack some factor."""
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.2, 1.0, (200, 3)) * (rng.random((200, 3)) < 0.6) * np.array([0.4, 0.9, 0.6])
    return scores @ LOADINGS, scores


def test_planted_factors_come_back_heaviest_first(planted: tuple[NDArray, NDArray]) -> None:
    matrix, scores = planted
    factors = fit_factors(matrix, COLUMNS, 3, seed=5)
    np.testing.assert_allclose(factors.loadings, LOADINGS[[1, 2, 0]], atol=0.06)
    np.testing.assert_array_equal(factors.loadings.max(axis=1), 1.0)
    found = factors.scores(matrix)
    assert (np.diff(found.sum(axis=0)) < 0).all()
    np.testing.assert_allclose(found, scores[:, [1, 2, 0]], atol=0.06)


def test_a_factor_of_few_features_can_be_the_heaviest() -> None:
    # Weight is the sum of the scores on loadings that peak at 1, however many features share the factor.
    narrow_and_wide = np.array([[1.0, *[0.0] * 8], [0.0, *[1.0] * 8]])
    scores = np.random.default_rng(2).random((80, 2)) * [0.9, 0.6]
    factors = fit_factors(scores @ narrow_and_wide, COLUMNS, 2, seed=5)
    np.testing.assert_allclose(factors.loadings, narrow_and_wide, atol=0.05)


def test_scores_are_ridge_least_squares_without_negatives(planted: tuple[NDArray, NDArray]) -> None:
    rng = np.random.default_rng(2)
    matrix = np.clip(planted[0] + 0.1 * rng.random(planted[0].shape), 0, 1)
    factors = Factors(COLUMNS, LOADINGS)
    ridge = np.sqrt(RIDGE * len(COLUMNS)) * np.eye(3)
    system = np.vstack([LOADINGS.T, ridge])
    expected = [nnls(system, np.concatenate([row, np.zeros(3)]))[0] for row in matrix]
    np.testing.assert_allclose(factors.scores(matrix), expected, atol=5e-3)
    # Scored alone or among others, a household gets the same scores.
    np.testing.assert_allclose(factors.scores(matrix[:1]), expected[:1], atol=5e-3)


def test_a_warm_start_keeps_the_order_of_the_factors(planted: tuple[NDArray, NDArray]) -> None:
    start = Factors(COLUMNS, LOADINGS[[0, 2, 1]])
    warm = fit_factors(planted[0], COLUMNS, 3, seed=5, start=start)
    np.testing.assert_allclose(warm.loadings, start.loadings, atol=0.06)


def test_too_many_factors_name_the_setting() -> None:
    with pytest.raises(ValueError, match=r"segmentation\.n_factors is 5, but the matrix has 4 households and 9"):
        fit_factors(np.random.default_rng(0).random((4, 9)), COLUMNS, 5, seed=1)


def test_explained_shares_are_what_their_formulas_say(planted: tuple[NDArray, NDArray]) -> None:
    matrix = np.clip(planted[0] + 0.2 * np.random.default_rng(3).random(planted[0].shape), 0, 1)
    factors = fit_factors(matrix, COLUMNS, 2, seed=5)
    rebuilt = factors.scores(matrix) @ factors.loadings
    lost = total = about_mean = 0.0
    for row, column in np.ndindex(matrix.shape):
        lost += float(matrix[row, column] - rebuilt[row, column]) ** 2
        total += float(matrix[row, column]) ** 2
        about_mean += float(matrix[row, column] - matrix[:, column].mean()) ** 2
    assert explained(matrix, factors) == pytest.approx((1 - lost / total, 1 - lost / about_mean, lost**0.5))
    assert lost / total < lost / about_mean


def test_the_scan_sees_that_three_factors_are_enough(planted: tuple[NDArray, NDArray]) -> None:
    scan = scan_factors(planted[0], COLUMNS, 4, 0, seed=5)
    assert scan["n_factors"].tolist() == [2, 3, 4]
    two, three, four = scan["centred_r2"]
    assert two < 0.9 < 0.98 < three
    assert four - three < 0.02
    assert scan_factors(planted[0][:3], COLUMNS, 9, 2, seed=5)["n_factors"].tolist() == [2, 3]


def test_sparsity_is_0_for_equal_loadings_and_1_for_a_single_one() -> None:
    loadings = np.array([[1.0, 1, 1, 1], [0, 2, 0, 0], [3, 4, 0, 0], [0, 0, 0, 0]])
    # (sqrt 4 - 7 / 5) / (sqrt 4 - 1)
    np.testing.assert_allclose(hoyer_sparsity(loadings), [0.0, 1.0, 0.6, 0.0])


def test_planted_factors_come_back_on_half_of_the_households(planted: tuple[NDArray, NDArray]) -> None:
    noisy = np.clip(planted[0] + 0.05 * np.random.default_rng(3).random(planted[0].shape), 0, 1)
    scan = scan_factors(noisy, COLUMNS, 5, 4, seed=5).set_index("n_factors")
    assert scan.loc[3, "stability"] > 0.98
    assert scan.loc[3, "cophenetic"] > 0.95
    assert scan.loc[3, "stability"] > scan.loc[[4, 5], "stability"].max()
    assert choose_n_factors(scan.reset_index(), 0.95)[0] == 3
    assert scan["n_refits"].tolist() == [4] * 4
    assert scan["converged"].dtype == bool


def test_stability_comes_first_and_then_the_elbow() -> None:
    scan = pd.DataFrame({"n_factors": [2, 3, 4, 5], "centred_r2": [0.3, 0.6, 0.66, 0.7]})
    assert choose_n_factors(scan.assign(stability=[0.99] * 4), 0.9)[0] == 3
    assert choose_n_factors(scan.assign(stability=[0.99, 0.5, 0.95, 0.99]), 0.9)[0] == 4
    number, reason = choose_n_factors(scan.assign(stability=[0.5, 0.6, 0.7, 0.2]), 0.9)
    assert (number, "no number of factors reaches" in reason) == (4, True)
    number, reason = choose_n_factors(scan.assign(stability=NAN), 0.9)
    assert (number, "too few households" in reason) == (2, True)


def test_factors_are_matched_whatever_their_order_and_a_constant_one_matches_nothing() -> None:
    scores = np.random.default_rng(1).random((50, 3))
    np.testing.assert_allclose(matched_correlations(scores, 2 * scores[:, [2, 0, 1]] + 1), 1.0)
    assert matched_correlations(scores, scores * [1, 1, 0]).min() == 0.0


def test_an_unfinished_fit_says_so(planted: tuple[NDArray, NDArray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dunnhumby_pipeline.segmentation.factors.factors.MAX_ITERATIONS", 2)
    unfinished = fit_factors(planted[0], COLUMNS, 3, seed=5)
    assert (unfinished.converged, unfinished.n_iterations) == (False, 2)
    scan = scan_factors(planted[0], COLUMNS, 3, 2, seed=5)
    assert not scan["converged"].any()
    assert scan["n_unconverged"].tolist() == [2, 2]


def test_a_warm_start_of_other_features_is_refused(planted: tuple[NDArray, NDArray]) -> None:
    with pytest.raises(ValueError, match="a warm start needs the same features"):
        fit_factors(planted[0], COLUMNS, 3, seed=5, start=Factors(COLUMNS[::-1], LOADINGS))


def test_a_table_of_loadings_has_a_row_a_factor_and_feature() -> None:
    factors = Factors(COLUMNS, np.random.default_rng(4).random((3, 9)))
    table = loadings_table(factors, ("often", "much", "fresh"))
    assert table.columns.tolist() == ["factor", "feature", "loading", "factor_name"]
    wide = table.pivot(index="factor", columns="feature", values="loading").loc[list(factors.names), list(COLUMNS)]
    np.testing.assert_array_equal(wide.to_numpy(), factors.loadings)
    assert table.groupby("factor")["factor_name"].unique().map(list).to_dict() == {
        "factor_1": ["often"],
        "factor_2": ["much"],
        "factor_3": ["fresh"],
    }


# Clusters

CENTRES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
TYPES = np.repeat([0, 1, 2], [12, 70, 30])


@pytest.fixture(scope="module")
def blobs() -> NDArray:
    return CENTRES[TYPES] + 0.08 * np.random.default_rng(6).normal(size=(len(TYPES), 2))


def test_planted_clusters_are_found_largest_first(blobs: NDArray) -> None:
    clusters = fit_clusters(blobs, 3, seed=1)
    np.testing.assert_allclose(clusters.centroids, CENTRES[[1, 2, 0]], atol=0.06)
    np.testing.assert_array_equal(clusters.labels(blobs), np.array([2, 0, 1])[TYPES])
    np.testing.assert_allclose(clusters.centroids[0], blobs[TYPES == 1].mean(axis=0), atol=1e-9)


def test_a_warm_start_keeps_the_labels_whatever_the_sizes(blobs: NDArray) -> None:
    warm = fit_clusters(blobs, 3, seed=1, start=Clusters(CENTRES + 0.1))
    np.testing.assert_array_equal(warm.labels(blobs), TYPES)


def test_too_few_different_households_name_the_setting() -> None:
    scores = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0)
    with pytest.raises(ValueError, match=r"segmentation\.n_segments is 3, but only 2 households differ"):
        fit_clusters(scores, 3, seed=1)


# Segments as of an index day

TOTALS = ["frequency", "monetary_sales", "n_products"]
SLUGS = ("first", "second", "third")


@pytest.fixture(scope="module")
def fitted() -> tuple[pd.DataFrame, SegmentModel, list[str]]:
    """(features, model, segment of each household) of three planted types."""
    features, _ = planted_households((60, 45, 30), seed=7)
    segmentation = fit_segmentation(features, THREE, seed=1)
    expected = [SLUGS[label] for label in segmentation.labels(features)]
    return features, model_of(segmentation, SLUGS), expected


def test_the_fitted_households_get_their_own_segments_back(fitted: tuple) -> None:
    features, model, expected = fitted
    window = features.assign(window=8).sample(frac=1, random_state=3)
    found = window_segments(window, "window", model)
    assert found.sort_index().tolist() == expected
    assert set(expected) == {"first", "second", "third"}


def test_a_longer_window_does_not_change_who_is_alike() -> None:
    # Households that differ in everything at once: segments hang on every feature.
    rng = np.random.default_rng(8)
    features = pd.DataFrame(rng.random((120, len(FACTORED))), columns=list(FACTORED))
    segmentation = fit_segmentation(features, THREE, seed=1)
    model = model_of(segmentation, SLUGS)
    longer = features.assign(**{name: features[name] * 3 for name in TOTALS})
    both = pd.concat([features.assign(window=8), longer.assign(window=30)], ignore_index=True)
    found = window_segments(both, "window", model).to_numpy().reshape(2, -1)
    np.testing.assert_array_equal(found[0], found[1])
    # Taken together, the windows would not be comparable, and the comparison above would tell.
    pooled = window_segments(both.assign(window=8), "window", model).to_numpy().reshape(2, -1)
    assert (pooled[0] != pooled[1]).mean() > 0.05


def test_a_segment_rests_on_the_rows_of_its_window_alone(fitted: tuple) -> None:
    features, model, expected = fitted
    later = features.iloc[::-1].reset_index(drop=True).assign(household_key=features["household_key"])
    both = pd.concat([features.assign(window=8), later.assign(window=30)], ignore_index=True)
    found = window_segments(both, "window", model)
    assert found[both["window"] == 8].tolist() == expected
    assert found[both["window"] == 30].tolist() == expected[::-1]


def test_a_feature_that_tells_nobody_apart_in_a_window_puts_all_at_its_minimum(fitted: tuple) -> None:
    features, model, _ = fitted
    scaling = fit_scaling(features.assign(share_alcohol=0.3), FACTORED, constant_ok=True)
    placed = scaling.apply(features.assign(share_alcohol=0.3))
    assert set(placed[:, FACTORED.index("share_alcohol")]) == {0.0}
    found = window_segments(features.assign(window=8, share_alcohol=0.3), "window", model)
    assert found.isin(["first", "second", "third"]).all()
    with pytest.raises(MatrixError, match="without any value: monetary_std"):
        window_segments(features.assign(window=8, monetary_std=NAN), "window", model)


# Stability


def test_planted_types_survive_refits_and_noise_does_not() -> None:
    features, _ = planted_households((60, 45, 30), seed=7)
    reference = fit_segmentation(features, THREE, seed=1)
    stable = bootstrap_stability(features, reference, THREE, 3, seed=1)
    assert stable.replicates.columns.tolist() == ["start", "replicate", "ari", "converged"]
    assert stable.replicates["start"].value_counts().to_dict() == {"cold": 3, "warm": 3}
    assert stable.replicates["ari"].min() > 0.97
    assert stable.agreement.min() == pytest.approx(1.0)

    rng = np.random.default_rng(8)
    noise = pd.DataFrame(rng.random((135, len(FACTORED))), columns=list(FACTORED))
    unstable = bootstrap_stability(noise, fit_segmentation(noise, THREE, seed=1), THREE, 3, seed=1)
    cold = unstable.replicates.loc[unstable.replicates["start"] == "cold", "ari"]
    assert cold.mean() < 0.5
    assert unstable.agreement.mean() < 0.9
    again = bootstrap_stability(noise, fit_segmentation(noise, THREE, seed=1), THREE, 3, seed=1)
    pd.testing.assert_frame_equal(again.replicates, unstable.replicates)
    np.testing.assert_array_equal(again.agreement, unstable.agreement)


def test_refits_labelled_before_are_not_labelled_again() -> None:
    features, _ = planted_households((40, 30, 20), seed=7)
    reference = fit_segmentation(features, THREE, seed=1)
    refits = cold_refits(features, THREE, 3, seed=1)
    labels = [refitted_labels(refit, THREE, 1) for refit in refits]
    alone = bootstrap_stability(features, reference, THREE, 3, seed=1)
    given = bootstrap_stability(features, reference, THREE, 3, 1, refits, labels)
    pd.testing.assert_frame_equal(given.replicates, alone.replicates)
    np.testing.assert_array_equal(given.agreement, alone.agreement)
    # One that has too few households that differ has no labels, and says nothing.
    missing = bootstrap_stability(features, reference, THREE, 3, 1, refits, [None, *labels[1:]])
    assert missing.replicates["start"].tolist() == ["cold", "cold", "warm", "warm", "warm"]
    assert missing.jaccard.shape == (2, 3)


labels_of = st.lists(st.integers(0, 3), min_size=20, max_size=20).map(np.array)


@QUICK
@given(labels_of, labels_of)
def test_matching_renames_labels_so_that_agreement_is_greatest(expected: NDArray, labels: NDArray) -> None:
    matched = match_labels(expected, labels, 4)
    renaming = {(old, new) for old, new in zip(labels.tolist(), matched.tolist(), strict=True)}
    assert len(renaming) == len({old for old, _ in renaming}) == len({new for _, new in renaming})
    best = max(int((np.array(order)[labels] == expected).sum()) for order in permutations(range(4)))
    assert int((matched == expected).sum()) == best


@QUICK
@given(labels_of, labels_of)
def test_the_adjusted_rand_index_is_scikit_learns(left: NDArray, right: NDArray) -> None:
    assert adjusted_rand(left, right) == adjusted_rand_score(left, right)
    assert adjusted_rand(left, left) == 1.0


def test_households_that_differ_in_another_factor_than_the_first_are_told_apart() -> None:
    scores = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert not too_few_distinct(scores, 2)
    assert too_few_distinct(scores, 3)


def test_jaccard_by_hand() -> None:
    left, right = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1])
    expected = [[2 / 3, 1 / 6, 0], [0, 2 / 4, 0], [0, 1 / 4, 0]]
    np.testing.assert_allclose(jaccard_matrix(left, right, 3, 3), np.array(expected))


@QUICK
@given(labels_of)
def test_a_segment_overlaps_wholly_with_itself_alone(labels: NDArray) -> None:
    jaccard = jaccard_matrix(labels, labels, 4, 4)
    np.testing.assert_array_equal(np.diag(jaccard), np.isin(range(4), labels))
    assert jaccard.sum() == len(set(labels.tolist()))


def test_segments_that_come_back_are_told_from_those_that_dissolve() -> None:
    stability = Stability(pd.DataFrame(), np.array([]), np.array([[1.0, 0.4], [0.8, 0.8]]))
    table = jaccard_table(stability, ("firm", "loose")).set_index("segment")
    assert table.loc["firm"].tolist() == pytest.approx([0.9, 0.8, 0.0, 1.0])
    assert table.loc["loose"].tolist() == pytest.approx([0.6, 0.4, 0.5, 0.5])
