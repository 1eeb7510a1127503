"""Standardised mean differences: by hand under each weighting, and where an arm has no weight or no spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.overlap import overlap
from dunnhumby_pipeline.causal.overlap.balance import WEIGHTINGS, covariate_balance
from dunnhumby_pipeline.settings import OverlapSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, simulate_trials


def weighed(treated: list[int], **given: list[float]) -> pd.DataFrame:
    """A propensity table of these weights, 1 where not given."""
    columns = [column for column in WEIGHTINGS.values() if column]
    return pd.DataFrame({"treated": treated, **{column: given.get(column, 1.0) for column in columns}})


def test_standardised_differences_by_hand() -> None:
    x = np.array([[1.0, 7.0], [3.0, 7.0], [0.0, 7.0], [4.0, 7.0]])
    table = weighed(
        [1, 1, 0, 0],
        w_overlap=[3.0, 1.0, 1.0, 3.0],
        w_ipw=[1.0, 3.0, 1.0, 1.0],
        in_overlap=[True, False, True, True],
        w_balance=[0.0, 1.0, 1.0, 0.0],
        w_treated=[1.0, 1.0, 1.5, 0.5],
    )
    found = covariate_balance(x, ("spend", "flat"), table).set_index(["covariate", "weighting"])["smd"]
    pooled = np.sqrt((1.0 + 4.0) / 2)
    expected = {
        "none": 0.0,
        "overlap": -1.5 / pooled,
        "ipw": 0.5 / pooled,
        "trimmed": -1.0 / pooled,
        "entropy": 3.0 / pooled,
        "entropy_treated": 1.0 / pooled,
    }
    assert found["spend"].to_dict() == pytest.approx(expected)
    assert found["flat"].tolist() == [0.0] * 6


def test_every_weighting_balances_what_differed() -> None:
    known = simulate_trials(1200, seed=5, effect=lambda x: np.full(len(x), 2.0), n_campaigns=2)
    table = overlap.propensity_table(known.nuisances(), known.x, OverlapSettings(lower=0.3, upper=0.8))
    balance = overlap.covariate_balance(known.x, tuple("abcd"), table)
    assert balance.columns.tolist() == ["covariate", "weighting", "smd"]
    assert balance["weighting"].unique().tolist() == list(WEIGHTINGS)
    worst = balance.assign(smd=balance["smd"].abs()).groupby("weighting")["smd"].max()
    assert worst["none"] > 0.5
    assert 0.1 < worst["trimmed"] < worst["none"]
    assert worst["overlap"] < 0.1
    assert worst["ipw"] < 0.15
    assert worst["entropy"] < 0.003
    assert worst["entropy_treated"] < 0.003


def test_a_covariate_that_tells_the_arms_apart_is_not_balanced() -> None:
    treated = np.repeat([1, 0], 50)
    x = np.column_stack([treated, 1 - treated, np.ones(100)]).astype(float)
    smd = covariate_balance(x, ("only_treated", "only_control", "everybody"), weighed(treated.tolist()))
    by_name = smd.groupby("covariate")["smd"].unique()
    assert by_name["only_treated"].tolist() == [np.inf]
    assert by_name["only_control"].tolist() == [-np.inf]
    assert by_name["everybody"].tolist() == [0.0]


def test_a_constant_whose_mean_is_rounded_is_balanced() -> None:
    x = np.full((7 + 36, 1), 0.1)
    assert x[:7].mean() != x[7:].mean()
    smd = covariate_balance(x, ("flat",), weighed([1] * 7 + [0] * 36))["smd"]
    assert smd.tolist() == [0.0] * 6


@pytest.mark.parametrize("arm", [0, 1])
def test_an_arm_without_weight_has_no_difference(arm: int) -> None:
    x: Array = np.arange(8.0)[:, None] ** np.array([1, 0])
    treated = [1, 0] * 4
    nobody = [float(t != arm) for t in treated]
    smd = covariate_balance(x, ("rank", "one"), weighed(treated, in_overlap=nobody, w_balance=nobody))
    lost = smd.groupby("weighting")["smd"].agg(lambda values: values.isna().all())
    assert lost[lost].index.tolist() == ["entropy", "trimmed"]
    assert smd.loc[~smd["weighting"].isin(["entropy", "trimmed"]), "smd"].notna().all()
    assert not smd["smd"].abs().max(skipna=False) <= 0.1
