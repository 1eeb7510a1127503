"""Values in all, and carried to households that differ from those of the trials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.settings import PolicySettings
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.in_all import COLUMNS, carried_to, value_in_all
from dunnhumby_pipeline.targeting.policies.registry import policies
from dunnhumby_pipeline.targeting.value import valued
from dunnhumby_pipeline_tests.fakes.known_truth import Array
from dunnhumby_pipeline_tests.targeting.test_policies import _evidence

COST = Economics(4.0, 0.5)


def _study(n: int = 4000) -> Evidence:
    """The effect of a contact grows with the third covariate: $6 + $4 x."""
    rng = np.random.default_rng(8)
    base = _evidence(n)
    effect = 6 + 4 * base.covariates[:, 2]
    return replace(base, scores=effect + rng.normal(0, 6, n), cate=effect)


def _today(m: int = 1500, shift: float = 0.8, seed: int = 3) -> Array:
    x = np.random.default_rng(seed).normal(size=(m, 4))
    x[:, 2] += shift
    return x


def _table(evidence: Evidence, today: Array) -> pd.DataFrame:
    known = valued(policies(PolicySettings(top_shares=(0.2,))), evidence, COST)
    keys = np.arange(len(today)) + 10_000
    return value_in_all(known, evidence, today, keys, 0.95, 1)


def test_over_the_trials_it_is_the_value_times_their_number() -> None:
    evidence = _study(1200)
    table = _table(evidence, _today())
    assert table.columns.tolist() == COLUMNS
    assert set(COLUMNS) == {column.name for column in registry.table("policy_in_all").columns}
    trials = table.loc[table["population"] == "trials"].set_index("policy")
    assert not trials["carried"].any()
    everybody = trials.loc["treat_all"]
    assert everybody["value"] == pytest.approx((evidence.scores - 4).mean())
    assert everybody["total"] == pytest.approx((evidence.scores - 4).sum())
    assert everybody["effective_trials"] == 1200
    assert trials.loc["treat_none", ["total", "total_lower", "total_upper"]].tolist() == [0.0, 0.0, 0.0]
    assert (table["total_lower"] <= table["total"]).all() and (table["total"] <= table["total_upper"]).all()


def test_what_is_carried_is_what_other_households_bring() -> None:
    table = _table(_study(), _today()).set_index(["policy", "population"])
    trials, today = (table.loc[("treat_all", name)] for name in ("trials", "today"))
    # $6 + $4 x 0.8 - $4 a contact.
    assert trials["value"] == pytest.approx(2.0, abs=0.4)
    assert today["value"] == pytest.approx(5.2, abs=0.6)
    assert today["ci_lower"] < 5.2 < today["ci_upper"]
    assert today["carried"] and today["n_households"] == 1500
    assert today["effective_trials"] < 0.8 * 4000
    assert today["largest_difference"] < 0.15
    # Targeted is who gains: more of today's are.
    gain = table["share_targeted"].unstack().loc["effect_above_break_even"]
    assert gain["today"] > gain["trials"] + 0.1


def test_what_was_done_is_no_rule_for_today_and_lots_are_left_out() -> None:
    table = _table(_study(1200), _today())
    policies_of = table.groupby("population")["policy"].agg(set)
    assert policies_of["trials"] - policies_of["today"] == {"current_practice"}
    alike = replace(_study(1200), cate=np.full(1200, 6.0))
    assert "top_20%" not in set(_table(alike, _today())["policy"])


@pytest.mark.parametrize("m", [0, 19])
def test_to_too_few_households_nothing_is_carried(m: int) -> None:
    assert set(_table(_study(1200), _today(m))["population"]) == {"trials"}


def test_like_households_need_hardly_any_weights_and_the_campaign_is_none_of_them() -> None:
    evidence = replace(_study(), covariate_names=("campaign_8", "b", "c", "d"))
    alike = _today(shift=0.0)
    # Today's households carry the latest campaign, all of them.
    alike[:, 0] = 9.0
    carried = carried_to(evidence, alike, np.arange(len(alike)) + 10_000, 1)
    assert carried.weights.mean() == pytest.approx(1.0)
    assert carried.effective_trials > 0.95 * len(evidence)
    again = carried_to(evidence, alike, np.arange(len(alike)) + 10_000, 1)
    np.testing.assert_array_equal(carried.weights, again.weights)
