"""Covariates binned for trees."""

from __future__ import annotations

import numpy as np
import pytest

from dunnhumby_pipeline.causal.nuisance import boosting
from dunnhumby_pipeline.causal.nuisance.boosting import binned, boost, stop_early


def test_covariates_are_binned_once_for_what_is_fitted_to_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    import xgboost

    made: list[int] = []
    matrix = xgboost.DMatrix
    monkeypatch.setattr(xgboost, "DMatrix", lambda x, **given: made.append(len(x)) or matrix(x, **given))
    boosting._KEPT.matrices.clear()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    assert binned(x) is binned(x.copy()) is binned(np.asfortranarray(x))
    assert made == [200]
    assert binned(x, 32) is not binned(x) and binned(x[:100]) is not binned(x)
    assert len(made) == 3
    for n_rows in range(100, 100 + boosting._MOST_KEPT):
        binned(x[:n_rows])
    assert len(boosting._KEPT.matrices) == boosting._MOST_KEPT


@pytest.mark.parametrize("bins", [32, 256])
def test_trees_are_those_of_bins_by_rows_of_one_weight(bins: int) -> None:
    import xgboost

    rng = np.random.default_rng(2)
    n = 900
    x = np.column_stack([rng.normal(size=(n, 3)), rng.integers(0, 2, n), rng.exponential(size=n).round(1)])
    y, weight = x[:, 0] + rng.normal(size=n), rng.exponential(size=n)
    parameters = {"max_bin": bins, "seed": 5}
    of_quantiles = xgboost.QuantileDMatrix(x, max_bin=bins, nthread=1)
    expected, found = (
        boost(matrix, y, 20, parameters, weight).booster.get_dump() for matrix in (of_quantiles, binned(x, bins))
    )
    assert found == expected


def test_what_was_fitted_to_the_same_rows_before_leaves_no_trace() -> None:
    rng = np.random.default_rng(1)
    x, weight = rng.normal(size=(300, 5)), rng.uniform(size=300)
    first, second = x[:, 0] + rng.normal(size=300), np.sign(x[:, 1])
    out = np.arange(300) % 4 == 0

    def squared(y: np.ndarray, said: np.ndarray) -> float:
        return float(((y - said) ** 2).mean())

    def fitted() -> tuple[float, list[float]]:
        stopped = stop_early(binned(x), second, [out], {"seed": 3}, squared)
        return stopped.loss, boost(binned(x), second, 5, {"seed": 3}).predict(x).tolist()

    boosting._KEPT.matrices.clear()
    alone = fitted()
    boost(binned(x), first, 7, {"seed": 2}, weight)
    stop_early(binned(x), first, [~out], {"seed": 2}, squared, weight)
    assert fitted() == alone
