"""Segments over time: movers are found, rows sum to one, and nothing drifts when nothing changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.factors.matrix import fit_scaling
from dunnhumby_pipeline.segmentation.movement.migration import (
    migration_summary,
    migration_tables,
    period_tiers,
    segment_drift,
    segment_migration,
)
from dunnhumby_pipeline.segmentation.movement.periods import (
    ABSENT,
    MigrationError,
    assign_periods,
    migration_windows,
    period_pairs,
)
from dunnhumby_pipeline.segmentation.segments.clusters import Clusters, Segmentation
from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
from dunnhumby_pipeline.settings import MigrationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import model_of, planted_households

QUICK = settings(max_examples=40, deadline=None)
SETTINGS = MigrationSettings(step_days=28, look_back_days=56)
SHARES = (0.2, 0.3)


def periods_of(*rows: tuple[int, int, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["window", "household_key", "segment", "spend"]).astype({"segment": "str"})


def windows_of(n: int, look_back: int = 56, step: int = 28) -> pd.DataFrame:
    index_day = 100 + step * np.arange(n)
    return pd.DataFrame({"window": range(n), "first_day": index_day - look_back, "index_day": index_day})


# ------------------------------------------------------------------------------------------------------------ periods


def test_periods_end_on_the_last_day_and_step_back() -> None:
    windows = migration_windows(11, 150, SETTINGS)
    assert windows["window"].tolist() == [0, 1, 2, 3]
    assert windows["index_day"].tolist() == [67, 95, 123, 151]
    assert windows["first_day"].tolist() == [11, 39, 67, 95]
    assert windows.dtypes.astype(str).tolist() == ["int64", "int32", "int32"]
    assert len(migration_windows(12, 150, SETTINGS)) == 3
    assert period_pairs(windows) == [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    # Periods as long as a step: neighbours share no day, and are compared once.
    assert period_pairs(windows_of(3, look_back=28)) == [(0, 1), (1, 2)]
    with pytest.raises(MigrationError, match=r"need 84 days, found 83 days, 1 to 83; shorten them"):
        migration_windows(1, 83, SETTINGS)
    assert len(migration_windows(1, 84, SETTINGS)) == 2


def test_an_assignment_must_give_everyone_a_segment() -> None:
    features = pd.DataFrame({"window": [0, 0, 1], "household_key": [1, 2, 1], "monetary_sales": [3.0, 4.0, 5.0]})
    found = assign_periods(features, lambda rows: pd.Series(["gold", "lead", "gold"], index=rows.index))
    assert found.to_numpy().tolist() == [[0, 1, "gold", 3.0], [0, 2, "lead", 4.0], [1, 1, "gold", 5.0]]
    with pytest.raises(MigrationError, match="gave 2 segments to 3 households and periods"):
        assign_periods(features, lambda rows: pd.Series(["gold", None, "gold"]))


# -------------------------------------------------------------------------------------------------------------- flows

MOVED = periods_of(
    (0, 1, "gold", 90.0),
    (0, 2, "gold", 80.0),
    (0, 3, "lead", 9.0),
    (0, 4, "lead", 8.0),
    (1, 1, "gold", 91.0),
    (1, 2, "silver", 40.0),
    (1, 3, "lead", 9.0),
    (1, 5, "lead", 7.0),
)


def test_a_planted_mover_a_leaver_and_a_newcomer() -> None:
    flows = segment_migration(MOVED, [(0, 1)])
    n = flows.set_index(["from_segment", "to_segment"])["n"]
    assert n[n > 0].to_dict() == {
        ("gold", "gold"): 1,
        ("gold", "silver"): 1,
        ("lead", "lead"): 1,
        ("lead", ABSENT): 1,
        (ABSENT, "lead"): 1,
    }
    assert set(flows["from_segment"]) == {"gold", "lead", ABSENT}
    summary = migration_summary(flows, windows_of(2), period_tiers(MOVED, (0.3, 0.3))).iloc[0]
    assert summary[["from_period", "to_period", "from_day", "to_day", "shared_days"]].tolist() == [0, 1, 99, 127, 28]
    assert summary[["n", "n_left", "n_joined"]].tolist() == [3, 1, 1]
    assert summary["share_staying"] == pytest.approx(2 / 3)
    assert summary["ari"] == pytest.approx(adjusted_rand_score(["g", "g", "l"], ["g", "s", "l"]))
    # By spend among the households of the period; of four, three tenths are part of two.
    tiers = period_tiers(MOVED, (0.3, 0.3))
    assert tiers[0].dropna().to_dict() == {1: "high", 2: "high", 3: "mid", 4: "low"}
    assert tiers[1].dropna().to_dict() == {1: "high", 2: "high", 3: "mid", 5: "low"}
    assert migration_summary(flows, windows_of(2), tiers).iloc[0]["share_staying_tier"] == 1.0
    fallen = MOVED.assign(spend=MOVED["spend"].where(~((MOVED["window"] == 1) & (MOVED["household_key"] == 2)), 1.0))
    lower = migration_summary(flows, windows_of(2), period_tiers(fallen, (0.3, 0.3))).iloc[0]
    assert lower["share_staying_tier"] == pytest.approx(1 / 3)


states = st.lists(st.tuples(*[st.sampled_from(["gold", "silver", "lead", None])] * 3), min_size=1, max_size=30)


@QUICK
@given(states.filter(lambda rows: all(any(row[period] for row in rows) for period in range(3))))
def test_transition_rows_sum_to_one_and_nobody_is_lost(rows: list[tuple[str | None, ...]]) -> None:
    periods = periods_of(
        *((window, key, segment, 1.0) for key, row in enumerate(rows) for window, segment in enumerate(row) if segment)
    )
    pairs = [(0, 1), (1, 2), (0, 2)]
    flows = segment_migration(periods, pairs)
    shares = flows.groupby(["from_period", "to_period", "from_segment"])["share"].sum()
    assert shares.to_numpy() == pytest.approx(np.ones(len(shares)))
    summary = migration_summary(flows, windows_of(3), period_tiers(periods, SHARES))
    assert list(zip(summary["from_period"], summary["to_period"], strict=True)) == pairs
    for pair in summary.itertuples():
        both = [(row[pair.from_period], row[pair.to_period]) for row in rows]
        assert pair.n + pair.n_left + pair.n_joined == sum(any(states) for states in both)
        known = [states for states in both if all(states)]
        assert pair.n == len(known)
        if len(known) > 1:
            before, after = zip(*known, strict=True)
            assert pair.ari == pytest.approx(adjusted_rand_score(before, after))
            assert pair.share_staying == pytest.approx(np.mean([old == new for old, new in known]))
        else:
            assert np.isnan(pair.ari)


# -------------------------------------------------------------------------------------------------------------- drift


def test_drift_of_features_and_of_the_mix() -> None:
    rng = np.random.default_rng(1)
    features = pd.DataFrame({"window": np.repeat([0, 1, 2], 200), "recency": rng.random(600)})
    features["frequency"] = rng.random(600) + (features["window"] == 2)
    periods = pd.DataFrame({"window": features["window"], "segment": np.where(rng.random(600) < 0.5, "gold", "lead")})
    periods.loc[periods["window"] == 2, "segment"] = "lead"
    drift = segment_drift(features, periods, [(0, 1), (1, 2)], ("recency", "frequency"))
    moved = drift.set_index(["from_period", "name"])["psi"]
    assert moved[[(0, "recency"), (0, "frequency"), (0, "segment"), (1, "recency")]].max() < 0.15
    assert moved[[(1, "frequency"), (1, "segment")]].min() > 0.5
    assert drift.groupby("kind").size().to_dict() == {"feature": 4, "segment": 4, "segment mix": 2}
    kinds = drift.set_index("from_period").groupby("kind")["psi"]
    parts = kinds.get_group("segment").groupby("from_period").sum()
    assert parts.tolist() == pytest.approx(kinds.get_group("segment mix").tolist())
    assert set(drift.loc[drift["kind"] == "segment", "name"]) == {"gold", "lead"}
    with pytest.raises(MigrationError, match="features lack tenure; found window, recency, frequency"):
        segment_drift(features, periods, [(0, 1)], ("tenure",))


# -------------------------------------------------------------------------------------------------------- all of it


def test_a_population_that_stands_still_stays_where_it_is() -> None:
    rng = np.random.default_rng(2)
    one = pd.DataFrame({"household_key": range(1, 61), "monetary_sales": rng.gamma(2.0, 50.0, 60)})
    windows = windows_of(5)
    features = pd.concat([one.assign(window=window) for window in windows["window"]], ignore_index=True)

    def by_spend(rows: pd.DataFrame) -> pd.Series:
        return pd.cut(rows["monetary_sales"], [0, 60, 120, 1e9], labels=["lead", "silver", "gold"]).astype(str)

    tables = migration_tables(features, windows, by_spend, drifting=("monetary_sales",), tier_shares=SHARES)
    assert (tables.migration_summary["ari"] == 1).all()
    assert (tables.migration_summary["share_staying"] == 1).all()
    assert tables.migration_summary["shared_days"].tolist() == [28, 28, 28, 28, 0, 0, 0]
    assert (tables.segment_drift["psi"] == 0).all()
    flows = tables.segment_migration
    assert (flows.loc[flows["from_segment"] != flows["to_segment"], "n"] == 0).all()
    with pytest.raises(MigrationError, match=r"nobody bought in the periods \[5\]"):
        migration_tables(features, windows_of(6), by_spend, drifting=("monetary_sales",), tier_shares=SHARES)


def test_the_fitted_segments_find_who_moved() -> None:
    households, planted = planted_households((20, 20, 20), seed=1)
    loadings = np.stack([(np.arange(len(FACTORED)) % 3 == kind).astype(float) for kind in range(3)])
    fitted = Segmentation(
        fit_scaling(households, FACTORED), Factors(FACTORED, loadings), Clusters(np.full((3, 3), 0.3) + 0.5 * np.eye(3))
    )
    model = model_of(fitted, ("gold", "silver", "lead"))
    later = households.copy()
    mover, exemplar = 3, 45
    later.loc[mover, list(FACTORED)] = households.loc[exemplar, list(FACTORED)] * 1.01
    features = pd.concat([households.assign(window=0), later.assign(window=1)], ignore_index=True)
    tables = migration_tables(
        features,
        windows_of(2),
        lambda rows: window_segments(rows, "window", model),
        drifting=model.features,
        tier_shares=SHARES,
    )
    moved = tables.segment_migration[lambda flows: (flows["from_segment"] != flows["to_segment"]) & (flows["n"] > 0)]
    assert moved[["from_segment", "to_segment", "n"]].to_numpy().tolist() == [["gold", "lead", 1]]
    assert tables.migration_summary.at[0, "share_staying"] == pytest.approx(59 / 60)
    assert set(planted) == {0, 1, 2}
