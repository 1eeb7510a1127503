"""Segments chosen by rule: twins, scoreboard, the whole study, and what it does with bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.segmentation.factors.factors import explained
from dunnhumby_pipeline.segmentation.factors.feature_choice import choose_features, given_features
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError
from dunnhumby_pipeline.segmentation.segments.clusters import Clusters, Recipe, fit_clusters
from dunnhumby_pipeline.segmentation.segments.consensus import TooFewDistinct, consensus_centroids
from dunnhumby_pipeline.segmentation.segments.scoreboard import (
    COLUMNS,
    SILHOUETTE_HOUSEHOLDS,
    Drawn,
    choose_segments,
    consensus_wins,
    quality,
    score_candidates,
)
from dunnhumby_pipeline.segmentation.segments.stability import Refit
from dunnhumby_pipeline.segmentation.segments.tables import SegmentationTables, segment_households, shaping_fingerprint
from dunnhumby_pipeline.settings import SegmentationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import planted_households

NAN = float("nan")
GROUPS = ("recency", "frequency", "monetary", "behaviour", "category", "time")
SMALL = SegmentationSettings(
    n_factors=3, n_bootstraps=3, max_factors=4, n_factor_refits=2, segment_range=(2, 4), min_segments=3, mixtures=False
)


def households(n: int = 90, seed: int = 9) -> pd.DataFrame:
    """Households whose features have nothing to do with one another, all 33 of them and tenure."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({feature.name: rng.random(n) for feature in FEATURES})
    return frame.assign(
        household_key=np.arange(n) + 1,
        active_last_4w=(frame["recency"] < 0.3) * 1,
        active_last_12w=(frame["recency"] < 0.7) * 1,
        tenure_weeks=52,
    )


# Features


def test_of_two_twins_the_one_of_the_reference_study_is_kept_and_named() -> None:
    frame = households()
    frame = frame.assign(recency_weeks=frame["recency"] // 0.01, weeks_with_purchase=-frame["frequency"])
    choice = choose_features(frame, GROUPS, 0.9)
    table = choice.table.set_index("feature")
    assert table.columns.tolist() == ["group", "used", "dropped_for", "correlation", "reason"]
    assert table.index.tolist() == [feature.name for feature in FEATURES]
    dropped = table[table["dropped_for"].notna()]
    assert dropped["dropped_for"].to_dict() == {"recency_weeks": "recency", "weeks_with_purchase": "frequency"}
    assert table.loc["weeks_with_purchase", "correlation"] == pytest.approx(-1.0)
    assert choice.features[: len(FACTORED)] == FACTORED
    assert set(choice.features) == set(table.index[table["used"]])
    assert table.loc["active_last_4w", "reason"] == "a 0/1 step of another feature"
    assert table.loc["share_other", "reason"] == "the complement of the other shares"


def test_twins_of_another_group_are_both_kept() -> None:
    frame = households()
    frame = frame.assign(monetary_sales=frame["frequency"] * 50)
    assert {"monetary_sales", "frequency"} <= set(choose_features(frame, GROUPS, 0.9).features)


def test_features_are_chosen_by_group_and_unusable_ones_are_named() -> None:
    frame = households().assign(share_alcohol=0.0, monetary_std=NAN)
    choice = choose_features(frame, ("category", "monetary"), 0.9)
    assert {one.group for one in FEATURES if one.name in choice.features} == {"category", "monetary"}
    reasons = choice.table.set_index("feature")["reason"]
    assert reasons["share_alcohol"] == "one value only"
    assert reasons["monetary_std"] == "no value"
    assert reasons["recency"] == "its group is not chosen"
    with pytest.raises(MatrixError, match=r"feature_groups is \['time'\]: 1 usable features remain \(week_coverage\)"):
        choose_features(frame, ("time",), 0.9)
    with pytest.raises(MatrixError, match="features are missing: recency"):
        choose_features(frame.drop(columns="recency"), GROUPS, 0.9)


def test_kept_features_stand_beside_what_the_rule_finds_today() -> None:
    frame = households()
    frame = frame.assign(recency_weeks=frame["recency"] // 0.01, weeks_with_purchase=-frame["frequency"])
    by_rule = choose_features(frame, GROUPS, 0.9)
    today = by_rule.table.set_index("feature")
    same = given_features(frame, GROUPS, 0.9, by_rule.features)
    pd.testing.assert_frame_equal(same.table, by_rule.table)
    features = (*(name for name in by_rule.features if name != "n_products"), "recency_weeks")
    kept = given_features(frame, GROUPS, 0.9, features)
    table = kept.table.set_index("feature")
    assert kept.features == features
    assert set(table.index[table["used"]]) == set(features)
    pd.testing.assert_frame_equal(table[["dropped_for", "correlation"]], today[["dropped_for", "correlation"]])
    assert table.loc["recency_weeks", "reason"] == "used, as in the run before; by rule today: twin of recency"
    assert table.loc["n_products", "reason"] == "not in the run before, whose features are kept; the rule would use it"
    others = table.index.drop(["recency_weeks", "n_products"])
    assert table.loc[others, "reason"].equals(today.loc[others, "reason"])
    with pytest.raises(MatrixError, match="features are missing: recency_weeks"):
        given_features(frame.drop(columns="recency_weeks"), GROUPS, 0.9, features)


# Scoreboard

CENTRES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
TYPES = np.repeat([0, 1, 2, 3], 30)


def blobs(seed: int) -> np.ndarray:
    return CENTRES[TYPES] + 0.05 * np.random.default_rng(seed).normal(size=(len(TYPES), 2))


def test_the_scoreboard_finds_the_planted_number_of_segments() -> None:
    scores = blobs(1)
    rows = [np.random.default_rng(seed).integers(0, len(scores), len(scores)) for seed in range(5)]
    refits = [Refit(i, drawn, scores, scores, True) for i, drawn in enumerate(rows)]
    table = score_candidates(scores, refits, Recipe((), 2, 2), [2, 3, 4, 5, 6], 1, mixtures=True)
    kmeans = table[table["method"] == "kmeans"].set_index("n_segments")
    mixture = table[table["method"] == "mixture"].set_index("n_segments")
    assert kmeans["silhouette"].idxmax() == kmeans["calinski_harabasz"].idxmax() == 4
    assert kmeans["davies_bouldin"].idxmin() == kmeans["cold_ari"].idxmax() == mixture["bic"].idxmin() == 4
    assert kmeans.loc[4, "cold_ari"] == 1.0
    assert kmeans.loc[4, "smallest_share"] == 0.25
    assert kmeans["bic"].isna().all()
    settings = SegmentationSettings(min_segments=2, stability_target=0.95)
    assert choose_segments(table, settings).n_segments == 4


def candidates(aris: list[float], shares: list[float] | None = None) -> pd.DataFrame:
    n = len(aris)
    return pd.DataFrame(
        {
            "method": "kmeans",
            "n_segments": range(2, 2 + n),
            "silhouette": np.linspace(0.5, 0.1, n),
            "smallest_share": shares or [0.1] * n,
            "cold_ari": aris,
            "cold_ari_sd": 0.05,
            "n_cold": 25,
            "cold_aris": [np.full(25, ari) for ari in aris],
        }
    )


def scattered(lowest_third: float, others: float, n: int = 24) -> np.ndarray:
    """ARI of n refits, of which a third find other segments."""
    return np.where(np.arange(n) % 3 == 0, lowest_third, others)


def test_the_most_segments_that_come_back_are_chosen_and_not_the_most_stable() -> None:
    settings = SegmentationSettings(min_segments=3, stability_target=0.8)
    table = candidates([0.99, 0.95, 0.9, 0.85, 0.84, 0.6])
    # Six segments agree by .84 on average, but a third of the refits find others.
    table.at[4, "cold_aris"] = scattered(0.6, 0.96)
    chosen = choose_segments(table, settings)
    assert chosen.n_segments == 5
    assert "the most segments" in chosen.reason
    assert chosen.reason.endswith("an ARI of at least 0.85, 0.8 expected; of 6 segments by 0.60")
    small = choose_segments(candidates([0.99, 0.95, 0.9, 0.85], [0.1, 0.1, 0.1, 0.01]), settings)
    assert small.n_segments == 4
    none = choose_segments(candidates([0.99, 0.5, 0.7, 0.6]), settings)
    assert (none.n_segments, "the most stable" in none.reason) == (4, True)
    useless = choose_segments(candidates([0.99, 0.5], [0.01, 0.01]), settings)
    assert (useless.n_segments, "no candidate has at least" in useless.reason) == (2, True)


def test_segments_beyond_a_gap_are_a_matter_of_luck() -> None:
    settings = SegmentationSettings(min_segments=3, stability_target=0.8)
    assert choose_segments(candidates([0.99, 0.7, 0.9, 0.85, 0.7, 0.81]), settings).n_segments == 5
    lone = choose_segments(candidates([0.99, 0.7, 0.7, 0.7, 0.82]).iloc[::-1], settings)
    assert lone.n_segments == 6


@pytest.mark.parametrize("times", [1, 4, 40])
def test_the_choice_does_not_depend_on_the_number_of_refits(times: int) -> None:
    table = candidates([0.99, 0.9, 0.81])
    table.at[2, "cold_aris"] = np.tile(scattered(0.75, 0.84), times)
    table["n_cold"] = 24 * times
    table["cold_ari_sd"] = 0.1
    assert choose_segments(table, SegmentationSettings(min_segments=3, stability_target=0.8)).n_segments == 3


def test_a_fit_that_does_not_converge_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = blobs(1)
    refit = Refit(0, np.arange(len(scores)), scores, scores, True)
    settled = score_candidates(scores, [refit], Recipe((), 2, 2), [4], 1, mixtures=False)
    assert settled["converged"].tolist() == [True]

    def unconverged(*arguments: object, **named: object) -> Clusters:
        return Clusters(fit_clusters(*arguments, **named).centroids, converged=False)

    monkeypatch.setattr("dunnhumby_pipeline.segmentation.segments.scoreboard.fit_clusters", unconverged)
    stuck = score_candidates(scores, [refit], Recipe((), 2, 2), [4], 1, mixtures=False)
    assert stuck["converged"].tolist() == [False]


def test_k_means_says_whether_it_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.cluster import KMeans

    scores = np.random.default_rng(1).random((400, 4))
    assert fit_clusters(scores, 8, seed=1).converged
    fit = KMeans.fit
    monkeypatch.setattr(KMeans, "fit", lambda model, *rest: fit(model.set_params(max_iter=1), *rest))
    for method in ("kmeans", "consensus"):
        assert not fit_clusters(scores, 8, seed=1, method=method).converged


def test_a_mixture_is_never_chosen_and_a_consensus_must_be_clearly_better() -> None:
    table = pd.concat([candidates([0.5, 0.5, 0.5]), candidates([1.0, 1.0, 1.0]).assign(method="mixture")])
    assert choose_segments(table, SegmentationSettings()).method == "kmeans"
    kmeans = np.linspace(0.6, 1.0, 25)
    wobble = np.where(np.arange(25) % 2 == 0, 0.05, -0.05)
    # What is hard for one resample is hard for both: the standard error of the difference is .01, of each mean .025.
    assert consensus_wins(kmeans, kmeans + 0.012 + wobble)
    assert not consensus_wins(kmeans, kmeans + 0.006 + wobble)
    assert not consensus_wins(kmeans, kmeans)
    assert not consensus_wins(kmeans[:1], kmeans[:1] + 0.2)
    missing = np.where(np.arange(25) == 3, NAN, kmeans + 0.012 + wobble)
    assert consensus_wins(kmeans, missing)


def test_a_consensus_finds_planted_segments() -> None:
    centroids, converged = consensus_centroids(blobs(2), 4, seed=1)
    assert converged
    np.testing.assert_allclose(sorted(centroids.round().tolist()), sorted(CENTRES.tolist()))
    with pytest.raises(TooFewDistinct, match="fewer that differ"):
        consensus_centroids(np.repeat([[0.0], [1.0]], 20, axis=0), 3, seed=1)


def test_silhouettes_are_those_of_a_sample_and_hopeless_labels_have_none() -> None:
    scores = np.random.default_rng(1).random((3000, 2))
    labels = (scores[:, 0] > 0.5).astype(np.int64)
    drawn = Drawn.of(scores, 3)
    assert len(drawn.rows) == SILHOUETTE_HOUSEHOLDS
    assert quality(scores, labels, drawn)["silhouette"] == silhouette_score(scores[drawn.rows], labels[drawn.rows])
    alone = quality(scores, np.zeros(3000, dtype=np.int64), drawn)
    assert np.isnan(alone["silhouette"])
    assert alone["smallest_share"] == 1.0


# The whole study


@pytest.fixture(scope="module")
def planted() -> tuple[pd.DataFrame, np.ndarray]:
    return planted_households((40, 30, 20), seed=9)


@pytest.fixture(scope="module")
def study(planted: tuple[pd.DataFrame, np.ndarray]) -> SegmentationTables:
    return segment_households(planted[0], SMALL, seed=1, data_version="week 7")


def test_the_study_finds_planted_segments(planted: tuple, study: SegmentationTables) -> None:
    features, types = planted
    assert adjusted_rand_score(types, study.segments["segment"]) == 1.0
    assert study.segments["household_key"].tolist() == features["household_key"].tolist()
    assert study.segments["segment"].value_counts().to_dict() == dict(zip(study.model.slugs, [40, 30, 20], strict=True))
    chosen = study.factor_selection["chosen"]
    assert study.factor_selection.loc[chosen, "n_factors"].item() == 3
    assert "set by segmentation.n_factors" in study.factor_selection.loc[chosen, "reason"].item()


def test_the_study_writes_the_tables_it_promises(study: SegmentationTables) -> None:
    factors = ["factor_1", "factor_2", "factor_3"]
    assert study.nmf_factors.columns.tolist() == ["household_key", *factors]
    assert study.factor_loadings.columns.tolist() == ["factor", "feature", "loading", "factor_name"]
    assert study.factor_loadings["factor_name"].nunique() == 3
    assert study.segments.columns.tolist() == ["household_key", "segment", "segment_name", "stability"]
    assert study.model.fitted.clusters.centroids.shape == (3, len(factors))
    assert study.segment_stability.columns.tolist() == ["start", "replicate", "ari", "converged"]
    assert study.segment_stability["start"].value_counts().to_dict() == {"cold": 3, "warm": 3}
    assert study.segment_jaccard["segment"].tolist() == list(study.model.slugs)
    assert study.reference_factors.shape == (90, 6)
    assert study.model.data_version == "week 7"
    assert study.model.segments(planted_households((40, 30, 20), seed=9)[0]).tolist() == (
        study.segments["segment"].tolist()
    )


def test_choice_and_reference_stand_side_by_side(study: SegmentationTables) -> None:
    board = study.segment_scoreboard
    assert board.columns.tolist() == COLUMNS
    assert board["role"].tolist()[:2] == ["chosen", "reference"]
    reference = board.iloc[1]
    assert (reference["n_features"], reference["n_factors"], reference["n_segments"]) == (19, 5, 7)
    assert board.iloc[:2][["cold_ari", "warm_ari", "silhouette"]].notna().all(axis=None)
    assert set(board["method"]) == {"kmeans", "consensus"}
    assert board.loc[board["method"] == "kmeans", "n_segments"].tolist()[2:] == [2, 3, 4]


def test_the_study_is_the_same_again(planted: tuple, study: SegmentationTables) -> None:
    again = segment_households(planted[0], SMALL, seed=1, data_version="week 7")
    for table in ("segments", "segment_scoreboard", "factor_selection", "segment_stability", "segment_jaccard"):
        pd.testing.assert_frame_equal(getattr(again, table), getattr(study, table))
    np.testing.assert_array_equal(again.model.fitted.clusters.centroids, study.model.fitted.clusters.centroids)


def test_figures_of_the_chosen_factors_are_those_of_the_fit_in_use(planted: tuple, study: SegmentationTables) -> None:
    rng = np.random.default_rng(4)
    moved = planted[0].assign(**{name: planted[0][name] + 0.3 * rng.random(len(planted[0])) for name in FACTORED})
    again = segment_households(moved, SMALL, seed=1, previous=study.model)
    assert again.start_reason.startswith("warm")
    row = again.factor_selection[again.factor_selection["chosen"]].iloc[0]
    fitted = again.model.fitted
    pooled, centred, error = explained(fitted.scaling.apply(moved), fitted.factors)
    assert (row["pooled_r2"], row["centred_r2"], row["reconstruction_error"]) == (pooled, centred, error)
    assert (row["n_iterations"], row["converged"]) == (fitted.factors.n_iterations, fitted.factors.converged)
    cold = segment_households(moved, SMALL, seed=1)
    others = ~again.factor_selection["chosen"]
    metrics = ["n_factors", "centred_r2", "n_iterations", "converged", "stability"]
    pd.testing.assert_frame_equal(
        again.factor_selection.loc[others, metrics], cold.factor_selection.loc[others, metrics]
    )
    found = cold.factor_selection[cold.factor_selection["chosen"]].iloc[0]
    assert found["n_iterations"] != row["n_iterations"]
    assert found["n_iterations"] == cold.model.fitted.factors.n_iterations
    # What the rule says of features is the same after either start.
    rule = ["feature", "used", "dropped_for", "correlation", "reason"]
    pd.testing.assert_frame_equal(again.feature_choice[rule], cold.feature_choice[rule])


def test_a_user_sets_the_number_of_segments() -> None:
    features, _ = planted_households((40, 30, 20), seed=9)
    study = segment_households(features, SMALL.model_copy(update={"n_segments": 5, "n_bootstraps": 2}), seed=1)
    assert study.segments["segment"].nunique() == 5
    assert "set by segmentation.n_segments; the rule would take" in study.segment_scoreboard.loc[0, "reason"]


def test_many_households_are_scored_by_a_fit_to_some() -> None:
    features, types = planted_households((160, 100, 60), seed=9)
    # A fourth segment that splits the largest type comes back well, and a target of 1 leaves the types alone.
    settings = SMALL.model_copy(update={"max_households": 100, "stability_target": 1.0})
    some = segment_households(features, settings, seed=1)
    assert adjusted_rand_score(types, some.segments["segment"]) == 1.0
    assert some.segments["stability"].notna().sum() == 100
    assert len(some.nmf_factors) == len(features)


# Bad input


def test_features_that_say_nothing_are_left_out_and_shown() -> None:
    features, types = planted_households((40, 30, 20), seed=9)
    settings = SMALL.model_copy(update={"n_bootstraps": 2, "n_segments": 3})
    study = segment_households(features.assign(share_alcohol=0.0, monetary_std=NAN), settings, seed=1)
    assert adjusted_rand_score(types, study.segments["segment"]) == 1.0
    unused = study.feature_choice.set_index("feature")["reason"]
    assert unused[["share_alcohol", "monetary_std"]].tolist() == ["one value only", "no value"]
    assert "without monetary_std, share_alcohol" in study.segment_scoreboard.loc[1, "reason"]


def test_three_households_are_not_segments() -> None:
    with pytest.raises(ValueError, match="has 3 households; segments need at least 30"):
        segment_households(planted_households((1, 1, 1), seed=9)[0], SMALL, seed=1)


def test_more_segments_than_different_households_name_the_setting() -> None:
    few, _ = planted_households((2, 2, 1), seed=9)
    many = pd.concat([few] * 12, ignore_index=True).assign(household_key=range(60))
    settings = SMALL.model_copy(update={"n_segments": 9, "n_bootstraps": 2})
    with pytest.raises(ValueError, match=r"segmentation\.n_segments is 9, but only \d+ households differ"):
        segment_households(many, settings, seed=1)
    with pytest.raises(TooFewDistinct):
        fit_clusters(np.zeros((9, 2)), 2, seed=1)


def test_only_settings_that_shape_a_model_change_its_fingerprint() -> None:
    assert shaping_fingerprint(SMALL) == shaping_fingerprint(SMALL.model_copy(update={"max_households": 500}))
    # The error by which a consensus must be better shrinks with them.
    assert shaping_fingerprint(SMALL) != shaping_fingerprint(SMALL.model_copy(update={"n_bootstraps": 99}))
    assert shaping_fingerprint(SMALL) != shaping_fingerprint(SMALL.model_copy(update={"n_segments": 4}))
