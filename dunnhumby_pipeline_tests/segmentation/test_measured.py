"""Movement with the noise taken out, from features to tables: planted change is found, and bad histories are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.orchestration.checks.contract import schema_and_keys
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError, fit_scaling
from dunnhumby_pipeline.segmentation.movement import measured
from dunnhumby_pipeline.segmentation.movement.halves import interleaved_halves, measured_pairs
from dunnhumby_pipeline.segmentation.movement.measured import MeasuredTables, movement_measures, read
from dunnhumby_pipeline.segmentation.movement.periods import migration_windows
from dunnhumby_pipeline.segmentation.segments.clusters import Clusters, Segmentation
from dunnhumby_pipeline.segmentation.segments.model_store import SegmentModel
from dunnhumby_pipeline.settings import MigrationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import model_of, planted_households

SHARES = (0.2, 0.3)
SLUGS = ("gold", "silver", "lead")


def fitted() -> SegmentModel:
    households, _ = planted_households((40, 40, 40), seed=1)
    loadings = np.stack([(np.arange(len(FACTORED)) % 3 == kind).astype(float) for kind in range(3)])
    scaling, factors = fit_scaling(households, FACTORED), Factors(FACTORED, loadings)
    return model_of(Segmentation(scaling, factors, Clusters(np.full((3, 3), 0.3) + 0.5 * np.eye(3))), SLUGS)


def history(n: int, days: int, noise: float, changing: float, seed: int, absent: float = 0.0, **more: object):
    """(features of periods, windows, features of halves, pairs, settings): households of three types, of whom a share
    `changing` is of another at random from each period that shares no day to the next, measured with `noise`."""
    rng = np.random.default_rng(seed)
    settings = MigrationSettings(**more)
    windows = migration_windows(1, days, settings)
    steps = settings.look_back_days // settings.step_days
    kind = rng.integers(0, 3, n)
    kinds = []
    for period in range(len(windows)):
        # In the month after the period that the last one is compared with.
        if period % steps == 1:
            kind = np.where(rng.random(n) < changing, (kind + rng.integers(1, 3, n)) % 3, kind)
        kinds.append(kind)

    def features(truth: np.ndarray, window: int) -> pd.DataFrame:
        high = (np.arange(len(FACTORED)) % 3)[None, :] == truth[:, None]
        shift = noise * rng.normal(size=(n, 3))[:, np.arange(len(FACTORED)) % 3]
        frame = pd.DataFrame(np.where(high, 0.7, 0.3) + shift + 0.02 * rng.normal(size=high.shape), columns=FACTORED)
        frame.insert(0, "household_key", np.arange(n) + 1)
        frame["monetary_sales"] = 100 * np.exp(truth + noise * rng.normal(size=n))
        frame["frequency"] = rng.integers(1, 30, n)
        return frame[rng.random(n) >= absent].assign(window=window)

    pairs = interleaved_halves(windows, measured_pairs(windows, settings.noise_pairs)).pairs
    periods = pd.concat([features(kinds[window], window) for window in range(len(windows))], ignore_index=True)
    halved = pd.concat(
        [features(kinds[int(pair.from_period)], int(pair.window)) for pair in pairs.itertuples()], ignore_index=True
    )
    return periods, windows, halved, pairs, settings


def measures(periods, windows, halved, pairs, settings, needs_of=None, seed: int = 3) -> MeasuredTables:
    model = fitted()
    seen, dealt = (read(features, model, SHARES, needs_of and needs_of(features)) for features in (periods, halved))
    return movement_measures(seen, windows, dealt, pairs, model, settings, 0.95, seed)


def told(tables: MeasuredTables, label: str, apart: bool = True) -> pd.DataFrame:
    noise = tables.movement_noise
    return noise[(noise["label"] == label) & (noise["apart"] == apart)].set_index("measure")


def keeps_contracts(tables: MeasuredTables, folder: Path) -> None:
    for name, frame in vars(tables).items():
        path = folder / f"{name}.parquet"
        frame.to_parquet(path, index=False)
        found = schema_and_keys(table(name), path)
        assert found.passed, f"{name}: {found.message}"


@pytest.mark.parametrize("changing", [0.0, 0.15])
def test_planted_change_is_told_from_noise(changing: float, tmp_path: Path) -> None:
    tables = measures(*history(500, 84 * 6, noise=0.25, changing=changing, seed=5))
    segment = told(tables, "segment")["estimate"]
    assert segment["staying"] < 0.85 - changing / 2
    assert segment["staying_true"] == pytest.approx(1 - changing, abs=0.06)
    assert segment["staying_true_any"] == pytest.approx(1 - changing, abs=0.06)
    ends = told(tables, "segment").loc["staying_true", ["ci_lower", "ci_upper"]]
    assert ends.iloc[0] - 0.02 <= 1 - changing <= ends.iloc[1] + 0.02 and np.ptp(ends) < 0.15
    assert segment["noise_share"] > (0.9 if changing == 0 else 0.4)
    smoothed = told(tables, "smoothed segment")["estimate"]
    assert smoothed["staying"] > segment["staying"]
    assert smoothed["moved_by_noise"] < 0.05
    if changing:
        assert smoothed["moved"] > 2 * smoothed["moved_by_noise"]
    else:
        assert smoothed["moved"] < 0.05
    keeps_contracts(tables, tmp_path)


def test_rates_stand_beside_ceilings_of_the_same_households() -> None:
    periods, windows, halved, pairs, settings = history(200, 84 * 4, 0.2, 0.1, seed=6, absent=0.1)
    tables = measures(periods, windows, halved, pairs, settings)
    rates = tables.stay_rates
    assert set(rates["label"]) == {"segment", "value tier"}
    assert len(rates) == 2 * len(pairs) / 2
    row = rates[(rates["label"] == "value tier") & (rates["shared_days"] == 0)].iloc[0]
    own = pairs[(pairs["from_period"] == row["from_period"]) & (pairs["to_period"] == row["to_period"])]
    here = [set(halved.loc[halved["window"] == window, "household_key"]) for window in own["window"]]
    here += [set(periods.loc[periods["window"] == row[name], "household_key"]) for name in ("from_period", "to_period")]
    assert row["n_households"] == len(set.intersection(*here)) < 200
    assert told(tables, "segment")["n_pairs"].max() == 4
    # What neighbours share, no ratio takes out.
    assert "staying_true" not in told(tables, "segment", apart=False).index
    assert len(tables.household_membership) == periods["household_key"].nunique()
    first = tables.smoothed_migration.groupby(["from_period", "to_period"])["n"].sum()
    assert first.max() <= 200


def test_tables_are_the_same_again() -> None:
    given = history(150, 84 * 3, 0.2, 0.1, seed=7)
    first, again = measures(*given), measures(*given)
    for name, frame in vars(first).items():
        pd.testing.assert_frame_equal(frame, getattr(again, name))
    other = measures(*given, seed=4)
    assert not other.movement_noise["ci_lower"].equals(first.movement_noise["ci_lower"])
    assert other.movement_noise.loc[0, "estimate"] == first.movement_noise.loc[0, "estimate"]


def test_needs_are_measured_where_they_are_known() -> None:
    given = history(120, 84 * 3, 0.2, 0.1, seed=8)

    def by_key(rows: pd.DataFrame) -> pd.Series:
        return pd.Series(np.where(rows["household_key"] % 2, "fresh", "baby"), index=rows.index)

    tables = measures(*given, by_key)
    need = told(tables, "need")["estimate"]
    assert need["staying"] == need["staying_ceiling"] == need["staying_true"] == 1
    assert set(tables.label_prediction["label"]) == {"segment", "value tier", "need", "smoothed segment"}
    nobody = measures(*given, lambda rows: pd.Series(NO_NEED, index=rows.index))
    assert "need" not in set(nobody.movement_noise["label"])


def test_a_history_without_periods_apart_says_what_it_can(tmp_path: Path) -> None:
    tables = measures(*history(60, 84 + 28, 0.2, 0.0, seed=9))
    assert not tables.movement_noise["apart"].any()
    assert told(tables, "segment", apart=False).loc["staying_ceiling", "estimate"] > 0.5
    assert tables.smoothing_weights.query("chosen")["weight"].tolist() == [1.0]
    membership = tables.household_membership
    assert membership["confidence"].isna().all() and not membership["moved"].any()
    assert tables.label_prediction.empty
    keeps_contracts(tables, tmp_path)


@pytest.mark.parametrize("absent", [0.0, 0.5])
def test_thirty_households_are_enough(absent: float, tmp_path: Path) -> None:
    tables = measures(*history(30, 84 * 3, 0.2, 0.1, seed=10, absent=absent))
    assert len(tables.household_membership) <= 30
    assert tables.household_membership["moved"].mean() < 0.5
    keeps_contracts(tables, tmp_path)


def test_households_who_are_in_no_two_periods_leave_nothing_to_compare(tmp_path: Path) -> None:
    periods, windows, halved, pairs, settings = history(60, 84 * 2, 0.2, 0.0, seed=11)
    alone = periods[periods["household_key"] % len(windows) == periods["window"]]
    none = halved[halved["household_key"] % 2 == halved["window"] % 2]
    tables = measures(alone, windows, none, pairs, settings)
    assert (tables.stay_rates["n_households"] == 0).all()
    assert tables.stay_rates[["share_staying", "share_staying_ceiling", "ari"]].isna().all(axis=None)
    assert told(tables, "segment")["estimate"].isna().all()
    assert not tables.household_membership["moved"].any()
    keeps_contracts(tables, tmp_path)


def test_of_many_households_noise_is_measured_on_some_and_all_are_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "MOST_MEASURED", 100)
    tables = measures(*history(150, 84 * 3, 0.2, 0.1, seed=12))
    assert tables.stay_rates["n_households"].max() == 100
    assert len(tables.household_membership) == 150


def test_a_missing_feature_is_named() -> None:
    periods, *rest = history(60, 84 * 2, 0.2, 0.0, seed=13)
    with pytest.raises(MatrixError, match="features are missing: recency"):
        measures(periods.drop(columns="recency"), *rest)
