"""A segment means the same next month: names, matching, and the model that carries them from run to run."""

from __future__ import annotations

import json
import re
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
    REQUIRED,
    RHYTHM,
    SHOPPING,
    SIZE,
    TRAITS,
    Claims,
    claims,
    factor_names,
    segment_names,
    slug,
    standings,
    untrue,
)
from dunnhumby_pipeline.segmentation.segments.tables import SegmentationTables, segment_households
from dunnhumby_pipeline.settings import CheckSettings, SegmentationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import planted_households

NAN = float("nan")
NAMED_BY = tuple(dict.fromkeys([*REQUIRED, *(feature for feature, _ in TRAITS)]))
QUICK = settings(max_examples=15, deadline=None)
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
    features = pd.DataFrame(rng.gamma(2.0, size=(80, len(NAMED_BY))), columns=list(NAMED_BY))
    labels = np.arange(80) % n_segments
    names = segment_names(features, labels)
    assert len(set(names.values())) == len(names) == n_segments
    assert len({slug(name) for name in names.values()}) == n_segments
    order = rng.permutation(n_segments)
    renumbered = segment_names(features, order[labels])
    assert renumbered == {order[label]: name for label, name in names.items()}


TIER_WORDS = {"high", "mid", "low", "value", "vip", "loyal", "active", "new", "lapsing", "lapsed"}


def words(name: str) -> set[str]:
    return set(name.lower().split())


@QUICK
@given(st.integers(0, 10_000), st.integers(2, 8), st.booleans())
def test_no_word_is_in_all_names_and_none_is_of_a_tier_or_stage(seed: int, n_segments: int, mixed: bool) -> None:
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.gamma(2.0, size=(80, len(NAMED_BY))), columns=list(NAMED_BY))
    labels = rng.permutation(np.arange(80) % n_segments)
    if mixed:
        features = features.assign(**dict.fromkeys(REQUIRED, 1.0))
    else:
        features[RHYTHM] += rng.gamma(1.0, 2.0, n_segments)[labels]
    names = list(segment_names(features, labels).values())
    assert not set.intersection(*map(words, names)) or all(name.startswith("All-round") for name in names)
    assert not set.union(*map(words, names)) & TIER_WORDS
    assert all(claims(name) is not None for name in names)
    told = segment_names(features, labels)
    assert untrue(features, labels, told) == {}, "a name made from these households holds for them"


def shoppers() -> tuple[pd.DataFrame, NDArray]:
    """Five ways to shop, twenty households each."""
    labels = np.repeat(range(5), 20)
    features = pd.DataFrame(1.0, index=range(100), columns=list(NAMED_BY))
    features[RHYTHM] = np.array([2.0, 3.0, 0.6, 0.5, 0.4])[labels]
    features[SIZE] = np.array([50.0, 12.0, 49.0, 12.0, 12.0])[labels]
    features["discount_usage_pct"] = np.array([0.5, 0.5, 0.5, 0.9, 0.1])[labels]
    return features, labels


def test_names_are_those_of_a_shopper() -> None:
    assert segment_names(*shoppers()) == {
        0: "Large regular shops",
        1: "Frequent small baskets",
        2: "Large shops",
        3: "Bargain errands",
        4: "Full-price errands",
    }
    assert slug("Full-price errands") == "full_price_errands"


def test_segments_of_one_description_take_their_next_trait_and_at_last_a_number() -> None:
    features, labels = shoppers()
    features.loc[labels >= 3, ["discount_usage_pct", RHYTHM, SIZE]] = [0.1, 0.4, 12.0]
    features.loc[labels == 3, "share_fresh"] = 4.0
    features.loc[80, "share_alcohol"] = 9.0
    names = segment_names(features, labels)
    assert names[3] == "Fresh errands"
    assert names[4] == "Full-price errands"
    features["share_fresh"] = np.where(labels == 3, 0.9, 1.0)
    features.loc[60:62, "share_fresh"] = 4.0
    features.loc[80:84, "share_alcohol"] = 9.0
    names = segment_names(features, labels)
    assert names[3] == "Full-price errands"
    assert names[4] == "Full-price alcohol errands"
    twins = pd.DataFrame(1.0, index=range(30), columns=list(REQUIRED))
    alike = segment_names(twins, np.repeat([0, 1], [10, 20]), taken=["All-round"])
    assert alike == {1: "All-round 2", 0: "All-round 3"}


def test_where_all_shop_as_often_and_as_much_names_are_of_traits() -> None:
    features = pd.DataFrame(1.0, index=range(60), columns=list(NAMED_BY))
    labels = np.repeat(range(3), 20)
    features.loc[labels == 0, "share_fresh"] = 3.0
    features.loc[labels == 1, "share_bakery"] = 3.0
    assert segment_names(features, labels) == {0: "Fresh", 1: "Bakery", 2: "All-round"}


def test_a_name_needs_how_often_and_how_much_and_traits_only_where_they_are_known() -> None:
    features, labels = shoppers()
    with pytest.raises(ValueError, match="cannot be named without monetary_avg_basket_sales; found"):
        segment_names(features.drop(columns=SIZE), labels)
    assert segment_names(features[list(REQUIRED)], labels)[3] == "Errands 2"


def test_a_name_holds_until_it_is_off_by_more_than_the_margin() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 500)
    base = pd.DataFrame(rng.random((1000, 3)), columns=[RHYTHM, SIZE, "discount_usage_pct"])

    def wrong(name: str, feature: str, standing: float) -> str:
        # The mean rank of the first half lies `standing` standard deviations above that of all.
        place = np.r_[np.linspace(0, 1, 500) + 0.62 * standing, np.linspace(0, 1, 500)]
        seen = standings(base.assign(**{feature: place}), labels).loc[0, feature]
        assert seen == pytest.approx(standing, abs=0.08)
        return untrue(base.assign(**{feature: place}), labels, {0: name}).get(0, "")

    assert wrong("Large shops", SIZE, 0.3) == ""
    assert wrong("Large shops", SIZE, 0.13) == ""
    told = wrong("Large shops", SIZE, -0.13)
    assert told.startswith("large (monetary_avg_basket_sales -0.1") and told.endswith(
        "of 'Large shops' no longer holds"
    )
    assert wrong("Mixed shopping", SIZE, 0.35) == ""
    assert wrong("Mixed shopping", SIZE, 0.6).startswith("neither more nor less (monetary_avg_basket_sales +0.")
    assert wrong("Bargain", "discount_usage_pct", 0.1) == ""
    assert wrong("Bargain", "discount_usage_pct", -0.1).startswith("bargain (discount_usage_pct -0.")


def test_a_name_is_read_as_it_was_made() -> None:
    assert claims("Full-price large regular shops 3") == Claims("regular", "large", (("discount_usage_pct", -1),))
    assert claims("Errands") == Claims("occasional", "small")
    assert claims("Fresh") == Claims("", "", (("share_fresh", 1),))
    assert claims("All-round 2") == Claims("", "")
    for name in ("Gold", "High value stock-up, active", "Fresh gold", "", "2"):
        assert claims(name) is None
    for shopping in SHOPPING.values():
        for trait in TRAITS.values():
            assert claims(f"{trait} {shopping}") is not None
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", trait) for trait in TRAITS.values()), "one word, or hyphens"
    assert len(set(TRAITS.values())) == len(TRAITS), "a word of two traits could not be read"


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


def test_names_survive_another_seed_and_another_sample(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    seed = 1
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


def test_the_same_households_that_shop_in_another_way_get_another_name(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables
) -> None:
    features, _ = households
    labels = first.model.labels(features)
    largest = int(features[SIZE].groupby(labels).mean().idxmax())
    was = first.model.names[largest]
    assert (claims(was) or Claims("", "")).size == "large"
    # They stay together in the features that made them, and buy a quarter at a time.
    smaller = features.assign(**{SIZE: features[SIZE].where(labels != largest, 0.05)})
    identity = identify(smaller, labels, first.model, min_jaccard=0.5)
    row = identity.table.set_index("previous_segment").loc[first.model.slugs[largest]]
    assert row["jaccard"] >= 0.5
    assert not row["kept"]
    assert row["segment_name"] not in first.model.names
    assert (claims(row["segment_name"]) or Claims("", "")).size == "small"
    assert row["reason"].startswith(f"overlap of {row['jaccard']:.2f} with its match, but large (monetary_avg_basket")
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
    assert "its name 'Gold' says nothing of how the households shop" in table["reason"].iloc[0]


def test_a_model_with_tiers_in_its_names_is_started_from_and_renamed_and_scores_nobody(
    households: tuple[pd.DataFrame, NDArray], first: SegmentationTables, stored: Path
) -> None:
    tiers = ["High value stock-up, active", "Low value fresh, new", "Mid value top-up, lapsing 2"]
    slugs = ["high_value_stock_up_active", "low_value_fresh_new", "mid_value_top_up_lapsing_2"]
    rewritten(stored, {"format_version": 1, "names": tiers, "slugs": slugs})
    with pytest.raises(ModelFileError, match=r"names its segments by value tier and stage.*`dunnhumby run` does"):
        load_model(stored)
    old, why = previous_model(stored)
    assert old is not None
    assert not why
    again = segment_households(households[0], SMALL, seed=1, previous=old)
    assert again.start_reason == "warm: from the run before"
    identity = again.segment_identity
    assert not identity["kept"].any()
    assert sorted(identity["previous_segment"]) == sorted(slugs), "each is found again"
    assert identity["reason"].str.contains("says a value tier and a stage, as names of an earlier version did").all()
    assert sorted(again.model.names) == sorted(first.model.names)
    assert adjusted_rand_score(again.segments["segment"], first.segments["segment"]) == 1.0


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
    with pytest.raises(ModelFileError, match="has format version 99, expected 2"):
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
