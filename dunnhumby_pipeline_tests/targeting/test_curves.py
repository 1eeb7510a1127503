"""Curves by the share targeted: by hand, and whether their bands hold everywhere as often as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.targeting import curves as curves_of_policies
from dunnhumby_pipeline.targeting.curves import COLUMNS, banded, policy_curves
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline_tests.targeting.test_policies import _evidence

COST = Economics(4.0, 0.5)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return _evidence()


@pytest.fixture(scope="module")
def curves(evidence: Evidence) -> pd.DataFrame:
    return policy_curves(evidence, COST, 20, 0.95, 1)


def _curve(curves: pd.DataFrame, name: str) -> pd.DataFrame:
    return curves.loc[curves["curve"] == name].set_index("share_targeted")


def test_the_curves_are_those_of_the_contract(curves: pd.DataFrame) -> None:
    assert curves.columns.tolist() == COLUMNS
    assert set(COLUMNS) == {column.name for column in registry.table("roi_curve").columns}
    assert not curves.duplicated(["curve", "share_targeted"]).any()
    assert set(curves["curve"]) == {"profit", "roi", "qini", "over_lot"}


def test_one_curve_follows_from_another(evidence: Evidence, curves: pd.DataFrame) -> None:
    profit, roi, qini, over = (_curve(curves, name) for name in ("profit", "roi", "qini", "over_lot"))
    everybody = (evidence.scores - 4.0).mean()
    assert profit.loc[1.0, "value"] == pytest.approx(everybody)
    np.testing.assert_allclose(profit["spent"], 4.0 * profit.index)
    np.testing.assert_allclose(roi["value"], (profit["value"] / profit["spent"])[roi.index])
    # Shares of folds are whole households.
    np.testing.assert_allclose(qini["value"], profit["value"] + qini["spent"], atol=0.01)
    np.testing.assert_allclose(over["value"], profit["value"] - everybody * over.index)
    assert 0.0 not in roi.index
    assert over.loc[[0.0, 1.0], ["value", "se", "band_lower", "band_upper"]].abs().to_numpy().max() < 1e-9
    # Half of the households have an effect that pays.
    assert 0.35 <= profit["value"].idxmax() <= 0.65


def test_bands_are_wider_than_intervals_and_the_same_for_a_seed(evidence: Evidence, curves: pd.DataFrame) -> None:
    varies = curves["se"] > 1e-9
    inner = (curves["ci_upper"] - curves["ci_lower"])[varies]
    outer = (curves["band_upper"] - curves["band_lower"])[varies]
    assert (outer / inner).min() > 1.2 and (outer / inner).max() < 1.7
    pd.testing.assert_frame_equal(policy_curves(evidence, COST, 20, 0.95, 1), curves)


def test_under_one_effect_for_all_there_is_no_curve(evidence: Evidence) -> None:
    alike = replace(evidence, cate=evidence.folds.astype(float))
    none = policy_curves(alike, COST, 20, 0.95, 1)
    assert none.empty and none.columns.tolist() == COLUMNS
    assert registry.table("roi_curve").may_be_empty


def test_where_contacts_cost_nothing_there_is_no_return_on_them(evidence: Evidence) -> None:
    free = policy_curves(evidence, Economics(0.0, 0.5), 5, 0.95, 1)
    assert set(free["curve"]) == {"profit", "qini", "over_lot"}
    assert (free["spent"] == 0).all()


def test_shares_of_too_few_households_are_left_out(evidence: Evidence) -> None:
    few = evidence.where(np.arange(len(evidence)) < 160)
    kept = _curve(policy_curves(few, COST, 20, 0.95, 1), "profit").index
    assert 0.0 in kept and 1.0 in kept and 0.05 not in kept


def test_bands_hold_for_all_shares_at_once_and_intervals_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 studies of 300 households with two trials each, whose rank is known: sup-t covers the whole curve."""
    # By chance a study's band is a little wider or narrower for it; over studies this is as good as even.
    monkeypatch.setattr(curves_of_policies, "N_MULTIPLIERS", 1000)
    rng = np.random.default_rng(4)
    n, shares = 600, np.linspace(0.05, 1, 20)
    household = np.arange(n) // 2
    weights = (np.arange(n)[:, None] < shares * n).astype(float)[rng.permutation(n)]
    effect = 3 * weights.sum(axis=1) / 20 - 1
    truth = (weights * effect[:, None]).mean(axis=0)
    together, alone = 0, 0
    for study in range(200):
        noise = rng.normal(0, 8, n // 2)[household] + rng.standard_t(5, n) * 6
        found = banded(weights * (effect + noise)[:, None], household, 0.95, study)
        # What does not vary between studies is no error: errors are of the means around the curve of each.
        together += bool(((found["band_lower"] <= truth) & (truth <= found["band_upper"])).all())
        alone += bool(((found["ci_lower"] <= truth) & (truth <= found["ci_upper"])).all())
    assert 0.93 <= together / 200 <= 0.98
    assert alone / 200 < 0.90


def test_errors_are_clustered() -> None:
    each = np.random.default_rng(0).normal(size=(40, 2))
    found = banded(np.repeat(each, 3, axis=0), np.repeat(np.arange(40), 3), 0.95, 0)
    np.testing.assert_allclose(found["se"], each.std(axis=0, ddof=1) / np.sqrt(40))
    still = banded(np.ones((9, 2)), np.arange(9), 0.95, 0)
    assert still["band_lower"].tolist() == still["band_upper"].tolist() == [1.0, 1.0]
