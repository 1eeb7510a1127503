"""A segment means the same next month: names, matching, and the model that carries them from run to run."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.orchestration.checks.segmentation import identity_kept
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError
from dunnhumby_pipeline.segmentation.segments.clusters import Recipe, fit_segmentation
from dunnhumby_pipeline.segmentation.segments.identity import CENTROID_WEIGHT, COLUMNS, identify, match_segments
from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
from dunnhumby_pipeline.segmentation.segments.model_store import (
    ModelFileError,
    SegmentModel,
    load_model,
    previous_model,
    save_model,
)
from dunnhumby_pipeline.segmentation.segments.naming import (
    NEEDS,
    REQUIRED,
    factor_names,
    segment_names,
    slug,
    still_said,
    tier_and_lifecycle,
)
from dunnhumby_pipeline.segmentation.segments.tables import SegmentationTables, segment_households
from dunnhumby_pipeline.settings import CheckSettings, SegmentationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import planted_households

NAN = float("nan")
QUICK = settings(max_examples=30, deadline=None)
SMALL = SegmentationSettings(
    n_factors=3,
    n_segments=3,
    n_bootstraps=2,
    max_factors=3,
    n_factor_refits=1,
    segment_range=(3, 3),
    mixtures=False,
)


# Names of segments


@QUICK
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_names_are_unique_and_do_not_know_the_cluster_numbers(seed: int, n_segments: int) -> None:
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.gamma(2.0, size=(80, len(REQUIRED))), columns=list(REQUIRED))
    labels = np.arange(80) % n_segments
    names = segment_names(features, labels)
    assert len(set(names.values())) == len(names) == n_segments
    assert len({slug(name) for name in names.values()}) == n_segments
    order = rng.permutation(n_segments)
    renumbered = segment_names(features, order[labels])
    assert renumbered == {order[label]: name for label, name in names.items()}


def named() -> tuple[pd.DataFrame, NDArray]:
    features = pd.DataFrame(1.0, index=range(50), columns=list(REQUIRED))
    labels = np.repeat(range(5), 10)
    features.loc[labels == 0, ["monetary_sales", "monetary_avg_basket_sales"]] = [9.0, 5.0]
    features.loc[labels == 1, "share_fresh"] = 4.0
    features.loc[labels == 2, ["share_fresh", "recency"]] = [4.0, 60.0]
    features.loc[labels == 3, ["monetary_sales", "coupon_savings_ratio"]] = [3.0, 6.0]
    features.loc[labels == 4, "discount_usage_pct"] = 0.1
    return features.assign(tenure_weeks=np.where(labels == 1, 12, 80)), labels


def test_a_name_says_value_need_and_lifecycle() -> None:
    assert segment_names(*named()) == {
        0: "High value stock-up, active",
        1: "Low value fresh, new",
        2: "Low value fresh, lapsing",
        3: "Mid value coupon, active",
        4: "Low value full price, active",
    }
    assert slug("High value stock-up + fresh, active") == "high_value_stock_up_fresh_active"


def test_segments_of_one_description_take_their_next_need_and_at_last_a_number() -> None:
    features, labels = named()
    features = features.assign(tenure_weeks=80)
    features.loc[labels == 4, ["share_fresh", "discount_usage_pct"]] = [4.0, 1.0]
    features.loc[40, "share_alcohol"] = 2.0
    names = segment_names(features, labels)
    assert names[1] == "Low value fresh + top-up, active"
    assert names[4] == "Low value fresh + alcohol, active"
    twins = pd.DataFrame(1.0, index=range(30), columns=list(REQUIRED))
    alike = segment_names(twins, np.repeat([0, 1], [10, 20]), taken=["Mid value all-round, active"])
    assert alike == {1: "Mid value all-round, active 2", 0: "Mid value all-round, active 3"}


def test_a_name_holds_until_it_is_off_by_more_than_a_fifth() -> None:
    features = pd.DataFrame(1.0, index=range(100), columns=list(REQUIRED)).assign(recency=20.0, tenure_weeks=80)
    labels = np.repeat([0, 1], 50)

    def said(spend: float, recency: float = 20.0, tenure: float = 80.0) -> tuple[set[str], set[str]]:
        # Spend relative to the mean of all is `spend`; the median recency of all is 20 days or hardly more.
        changed = features.assign(monetary_sales=np.where(labels == 0, spend, 2 - spend))
        changed.loc[labels == 0, ["recency", "tenure_weeks"]] = [recency, tenure]
        tiers, cycles = still_said(changed, labels)[0]
        return set(tiers), set(cycles)

    assert said(1.51)[0] == said(1.49)[0] == {"High value", "Mid value"}
    assert said(1.85)[0] == {"High value"}
    assert said(1.2)[0] == {"Mid value"}
    assert said(0.58)[0] == said(0.62)[0] == {"Low value", "Mid value"}
    assert said(0.49)[0] == {"Low value"}
    assert said(1.0, tenure=27)[1] == said(1.0, tenure=25)[1] == {"new", "active"}
    assert said(1.0, tenure=10)[1] == {"new"}
    assert said(1.0)[1] == {"active"}
    few = np.where(np.arange(100) < 40, 0, 1)
    for days, expected in ((80.0, {"lapsing"}), (41.0, {"lapsing", "active"}), (30.0, {"active"})):
        away = features.assign(recency=np.where(few == 0, days, 20.0))
        assert set(still_said(away, few)[0][1]) == expected


def test_a_name_is_read_as_it_was_made() -> None:
    for name in segment_names(*named()).values():
        tier, lifecycle = tier_and_lifecycle(name) or ("", "")
        assert name.startswith(tier) and name.endswith(lifecycle) and tier and lifecycle
    assert tier_and_lifecycle("Mid value all-round, active 2") == ("Mid value", "active")
    assert tier_and_lifecycle("Gold") is None


def test_a_name_needs_its_features() -> None:
    with pytest.raises(ValueError, match="cannot be named without recency"):
        segment_names(named()[0].drop(columns="recency"), named()[1])
    assert {feature for feature, _ in NEEDS} <= set(REQUIRED)


# Names of factors


def test_a_factor_is_named_by_what_it_does_not_share() -> None:
    features = ("frequency", "monetary_sales", "discount_rate", "share_fresh", "avg_items_per_basket")
    loadings = np.array([[1.0, 0.9, 0.0, 0.5, 0.1], [0.0, 0.3, 1.0, 0.5, 0.0], [0.1, 0.0, 0.0, 0.5, 1.0]])
    assert factor_names(Factors(features, loadings)) == ("frequent visits + high spend", "deals", "big baskets")


@QUICK
@given(st.integers(0, 1000), st.integers(2, 10))
def test_factor_names_are_unique(seed: int, n_factors: int) -> None:
    loadings = np.random.default_rng(seed).random((n_factors, len(FACTORED)))
    assert len(set(factor_names(Factors(FACTORED, loadings)))) == n_factors


def test_names_of_equal_factors_are_unique() -> None:
    for n_factors in range(2, 11):
        assert len(set(factor_names(Factors(FACTORED, np.ones((n_factors, len(FACTORED))))))) == n_factors


# Matching

shares = arrays(float, (3, 4), elements=st.floats(0, 1))


@QUICK
@given(shares, shares)
def test_the_match_is_the_best_of_all(jaccard: NDArray, distance: NDArray) -> None:
    rows, columns = match_segments(jaccard, distance)
    assert len(set(columns.tolist())) == len(rows) == 3
    largest = distance.max()
    worth = jaccard + CENTROID_WEIGHT * (1 - distance / largest if largest > 0 else 1)
    best = max(sum(worth[row, column] for row, column in enumerate(order)) for order in permutations(range(4), 3))
    assert worth[rows, columns].sum() == pytest.approx(best)


def test_centroids_decide_where_households_do_not() -> None:
    jaccard = np.full((2, 2), 0.3)
    _, columns = match_segments(jaccard, np.array([[0.9, 0.1], [0.1, 0.9]]))
    assert columns.tolist() == [1, 0]


# From run to run


@pytest.fixture(scope="module")
def households() -> tuple[pd.DataFrame, NDArray]:
    features, types = planted_households((60, 45, 30), seed=7)
    return features, types


@pytest.fixture(scope="module")
def first(households: tuple[pd.DataFrame, NDArray]) -> SegmentationTables:
    return segment_households(households[0], SMALL, seed=1, data_version="day 711")


def names_by_household(study: SegmentationTables) -> pd.Series:
    return study.segments.set_index("household_key")["segment_name"]


def test_the_first_run_gives_every_segment_a_new_name(first: SegmentationTables) -> None:
    table = first.segment_identity
    assert table.columns.tolist() == COLUMNS
    assert not table["kept"].any()
    assert set(table["reason"]) == {"first run"}
    assert first.start_reason == "cold: first run"


@pytest.mark.parametrize("seed", [1, 2])
def test_names_survive_another_seed_and_another_sample(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables, seed: int
) -> None:
    # The largest segment becomes the smallest: numbers of clusters would change.
    rows = np.flatnonzero((households[1] > 0) | (np.random.default_rng(seed).random(len(households[1])) < 0.4))
    sample = households[0].iloc[np.random.default_rng(seed).permutation(rows)]
    for settings_now in (SMALL, SMALL.model_copy(update={"stability_target": 0.7})):
        again = segment_households(sample, settings_now, seed=seed + 10, previous=first.model)
        assert again.start_reason.startswith("warm" if settings_now is SMALL else "cold: the settings")
        assert again.segment_identity["kept"].all()
        assert again.segment_identity["previous_segment"].tolist() == again.segment_identity["segment"].tolist()
        pd.testing.assert_series_equal(
            names_by_household(again), names_by_household(first).loc[sample["household_key"]]
        )


def test_a_run_keeps_the_numbers_of_the_run_before(
    households: tuple[pd.DataFrame, NDArray],
) -> None:
    by_rule = SMALL.model_copy(update={"n_factors": None, "n_segments": None, "segment_range": (3, 4)})
    before = segment_households(households[0], by_rule, seed=1)
    again = segment_households(households[0], by_rule, seed=2, previous=before.model)
    assert again.model.recipe == before.model.recipe
    assert "kept from the run before; the rule would take" in again.segment_scoreboard.loc[0, "reason"]
    assert "kept from the run before; the rule would take" in " ".join(again.factor_selection["reason"])


def test_a_segment_that_changes_gets_a_new_name_and_the_others_keep_theirs(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    features, types = households
    # Half of the first type and all of the last become one segment; the second stays as it was.
    labels = np.where(types == 1, 1, np.where((types == 0) & (np.arange(len(types)) % 5 > 0), 0, 2))
    identity = identify(features, labels, first.model, min_jaccard=0.75)
    table = identity.table.set_index("segment")
    renamed = table[~table["kept"] & table.index.notna()]
    assert len(renamed) == 1
    assert renamed["reason"].iloc[0].endswith("under 0.75")
    assert not set(renamed["segment_name"]) & set(first.model.names)
    gone = identity.table[identity.table["segment"].isna()]
    assert gone["reason"].tolist() == ["no longer there"]
    assert gone["previous_segment"].tolist() == renamed["previous_segment"].tolist()
    merged = identify(features, np.minimum(types, 1), first.model, min_jaccard=0.5)
    assert merged.table["segment"].isna().sum() == 1
    split = identify(features, types + 3 * ((types == 0) & (np.arange(len(types)) % 2 == 0)), first.model, 0.4)
    assert (split.table["reason"] == "more segments than before").sum() == 1


def test_the_same_households_with_another_profile_get_another_name(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    features, _ = households
    labels = first.model.labels(features)
    richest = int(features["monetary_sales"].groupby(labels).mean().idxmax())
    was = first.model.names[richest]
    # They stay together in the features that made them, and spend per quarter.
    poorer = features.assign(monetary_sales=features["monetary_sales"].where(labels != richest, 0.05))
    away = features["recency"].where(labels != richest, 90.0)
    identity = identify(poorer.assign(recency=away), labels, first.model, min_jaccard=0.5)
    row = identity.table.set_index("previous_segment").loc[first.model.slugs[richest]]
    assert row["jaccard"] >= 0.5
    assert not row["kept"]
    assert row["segment_name"] not in first.model.names
    assert tier_and_lifecycle(row["segment_name"]) == tier_and_lifecycle(row["described_as"])
    assert tier_and_lifecycle(row["segment_name"]) != tier_and_lifecycle(was)
    assert row["reason"].startswith(f"overlap of {row['jaccard']:.2f} with its match, but ")
    assert row["reason"].endswith(f"of {was!r} no longer holds")
    assert identity.table["segment"].notna().all()
    told = identity_kept(identity.table, CheckSettings())
    assert not told.passed
    assert f"{row['segment_name']} ({row['reason']})" in told.message


def test_a_name_that_says_nothing_to_hold_against_is_not_kept(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    odd = replace(first.model, names=("Gold", *first.model.names[1:]))
    table = identify(households[0], first.model.labels(households[0]), odd, min_jaccard=0.5).table
    assert table["kept"].tolist() == [False, True, True]
    assert table["reason"].iloc[0].endswith("its name 'Gold' says no value tier and lifecycle")


def test_a_previous_model_of_features_that_are_gone_is_said(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    features = households[0].assign(share_alcohol=NAN)
    again = segment_households(features, SMALL, seed=1, previous=first.model)
    assert again.start_reason.startswith("cold: features of the run before tell no household")
    assert "share_alcohol" in again.start_reason
    assert not again.segment_identity["kept"].any()
    assert again.segment_identity["reason"].str.contains("needs share_alcohol").all()
    assert not set(again.model.names) & set(first.model.names)


# The file


@pytest.fixture
def stored(first: SegmentationTables, tmp_path: Path) -> Path:
    save_model(first.model, tmp_path / "segments.npz")
    return tmp_path / "segments.npz"


def test_a_model_comes_back_number_for_number(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables, stored: Path
) -> None:
    model, read = first.model, load_model(stored, first.model.features)
    for name in ("method", "slugs", "names", "factor_names", "seed", "settings_fingerprint", "data_version", "recipe"):
        assert getattr(read, name) == getattr(model, name)
    np.testing.assert_array_equal(read.scores(households[0]), model.scores(households[0]))
    assert read.segments(households[0]).tolist() == first.segments["segment"].tolist()
    assert [path.name for path in stored.parent.iterdir()] == ["segments.npz"]
    with np.load(stored, allow_pickle=False) as arrays_of:
        assert all(arrays_of[name].dtype.kind in "fu" for name in arrays_of.files)


def rewritten(stored: Path, change: dict[str, object], **other: NDArray) -> Path:
    with np.load(stored, allow_pickle=False) as found:
        parts = dict(found)
    described = json.loads(parts["description"].tobytes()) | change
    parts |= {"description": np.frombuffer(json.dumps(described).encode(), dtype=np.uint8), **other}
    np.savez(stored, allow_pickle=False, **parts)
    return stored


def test_a_file_that_cannot_be_used_says_why(stored: Path, tmp_path: Path) -> None:
    whole = stored.read_bytes()
    with pytest.raises(
        ModelFileError, match="is of other features: only there share_alcohol, only expected share_gold"
    ):
        load_model(stored, (*(name for name in FACTORED if name != "share_alcohol"), "share_gold"))
    with pytest.raises(ModelFileError, match="has format version 99, expected 1"):
        load_model(rewritten(stored, {"format_version": 99}))
    stored.write_bytes(whole)
    with pytest.raises(ModelFileError, match=r"does not fit together: expected .*centroids \(3, 3\), found \(2, 3\)"):
        load_model(rewritten(stored, {}, centroids=np.ones((2, 3))))
    stored.write_bytes(whole)
    with pytest.raises(ModelFileError, match="expected finite numbers"):
        load_model(rewritten(stored, {}, centroids=np.full((3, 3), NAN)))
    for broken in (whole[:200], b"", b"not a model", whole[: len(whole) // 2] + b"\0" * 50 + whole[len(whole) // 2 :]):
        stored.write_bytes(broken)
        with pytest.raises(ModelFileError, match="is not a model"):
            load_model(stored)
    with pytest.raises(FileNotFoundError, match="there is no model"):
        load_model(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"slugs": 3},
        {"names": ["a", 2, "c"]},
        {"features": None},
        {"features": {"a": 1}},
        {"treatment": ["percentile"]},
        {"method": {}},
        {"seed": "x"},
        {"seed": 1e400},
        {"data_version": 7},
        {"n_iterations": []},
        {"slugs": ["a", "a", "a"]},
    ],
    ids=str,
)
def test_a_description_of_other_values_is_named(stored: Path, change: dict[str, object]) -> None:
    model, why = previous_model(rewritten(stored, change))
    assert model is None
    assert str(stored) in why


def test_no_flipped_bit_or_cut_stops_a_study(stored: Path) -> None:
    whole = stored.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 400)):
        for broken in (
            whole[:place],
            bytes([*whole[:place], whole[place] ^ 1 << place % 8, *whole[place + 1 :]]),
        ):
            stored.write_bytes(broken)
            model, why = previous_model(stored)
            assert (model is None) == bool(why)


def test_objects_in_a_file_are_not_loaded(stored: Path) -> None:
    np.savez(stored, fill=np.array([{"code": 1}], dtype=object))
    with pytest.raises(ModelFileError, match="is not a model"):
        load_model(stored)


def test_a_write_that_fails_leaves_the_old_file(
    first: SegmentationTables, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("numpy.savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(first.model, stored)
    assert stored.read_bytes() == before
    assert len(list(stored.parent.iterdir())) == 1


# New households and look-backs


def test_the_model_and_its_tables_give_windows_the_same_segments(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    features, types = households
    later = features.iloc[::-1].assign(
        household_key=features["household_key"].to_numpy(), frequency=lambda f: f["frequency"] * 9
    )
    both = pd.concat([features.assign(window=1), later.assign(window=2)], ignore_index=True)
    found = window_segments(both, "window", first.model)
    assert found[both["window"] == 1].tolist() == first.segments["segment"].tolist()
    assert adjusted_rand_score(types[::-1], found[both["window"] == 2]) == 1.0


def test_new_households_stand_among_those_of_the_fit(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    features, _ = households
    alone = first.model.segments(features.iloc[[3]])
    assert alone.tolist() == first.segments["segment"].iloc[[3]].tolist()
    with pytest.raises(MatrixError, match="features are missing: recency"):
        first.model.segments(features.drop(columns="recency"))


def test_a_model_says_what_a_refit_of_its_kind_is(households: tuple[pd.DataFrame, NDArray]) -> None:
    recipe = Recipe(FACTORED, 3, 4, "consensus")
    fitted = fit_segmentation(households[0], recipe, seed=1)
    model = SegmentModel(fitted, "consensus", ("a", "b", "c", "d"), ("A", "B", "C", "D"), ("x", "y", "z"), 1, "", "")
    assert model.recipe == recipe
    assert replace(model, method="kmeans").recipe.method == "kmeans"
