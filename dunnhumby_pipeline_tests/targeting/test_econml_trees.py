"""Our policy tree beside econml's, on effects that only two questions together tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.estimators.clustered import weighted_mean_se
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.settings import PolicySettings
from dunnhumby_pipeline.targeting.econml_trees import COLUMNS, _dr_tree, _ours, _out_of_fold, _tree, tree_comparison
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.registry import policies
from dunnhumby_pipeline.targeting.value import policy_values
from dunnhumby_pipeline_tests.targeting.test_policies import _evidence

COST = Economics(4.0, 0.5)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return _evidence()


@pytest.fixture(scope="module")
def certified(evidence: Evidence) -> pd.DataFrame:
    return tree_comparison(evidence, COST, 0.95, True, 5)


def test_a_certificate_has_all_trees_and_a_study_none(evidence: Evidence, certified: pd.DataFrame) -> None:
    quick = tree_comparison(evidence, COST, 0.95, False, 5)
    assert quick.empty and certified["certified"].all()
    theirs = ["econml_policy_tree", "econml_policy_forest", "econml_dr_policy_tree"]
    assert certified["policy"].tolist() == ["policy_tree", *theirs]
    assert certified.columns.tolist() == COLUMNS == quick.columns.tolist()
    assert set(COLUMNS) == {column.name for column in registry.table("certified_policies").columns}


def test_our_tree_is_the_policy_of_that_name_and_the_reference(evidence: Evidence, certified: pd.DataFrame) -> None:
    values = policy_values(evidence, COST, policies(PolicySettings()), "policy_tree", 0.95).set_index("policy")
    ours = certified.set_index("policy").loc["policy_tree"]
    assert ours["value"] == pytest.approx(values.at["policy_tree", "value"])
    assert ours["value_se"] == pytest.approx(values.at["policy_tree", "value_se"])
    assert ours["agreement"] == 1.0 and np.isnan(ours["difference"])


def test_an_exact_search_finds_what_a_greedy_one_misses(certified: pd.DataFrame) -> None:
    """No single question of the two gains anything, so that a greedy root is chosen by noise."""
    table = certified.set_index("policy")
    greedy = table.loc["econml_policy_tree"]
    assert greedy["difference"] == pytest.approx(greedy["value"] - table.at["policy_tree", "value"])
    assert greedy["difference_upper"] < 0
    # Many deep trees together find it.
    assert table.at["econml_policy_forest", "value"] > 0.5


def test_differences_are_paired_and_clustered() -> None:
    known = _evidence(seed=2)
    table = tree_comparison(known, COST, 0.9, True, 1).set_index("policy").loc["econml_policy_tree"]
    half = table["difference_upper"] - table["difference"]
    assert half == pytest.approx(1.644854 * table["difference_se"])
    # The same trials twice over, as one household each, tell no more.
    pair = np.repeat(np.arange(len(known)), 2)
    twice = weighted_mean_se(known.scores[pair], np.ones(len(pair)), known.households[pair])
    assert twice[1] == pytest.approx(weighted_mean_se(known.scores, np.ones(len(known)), known.households)[1])


def test_econml_learns_from_the_other_folds_alone(evidence: Evidence) -> None:
    """Scores of a fold do not change what is decided in it."""
    own = evidence.folds == 0
    other = replace(evidence, scores=np.where(own, -50.0, evidence.scores))
    for method in (_ours, _tree, _dr_tree):
        before, after = (
            _out_of_fold(method, each, profit, COST, 5)
            for each, profit in ((evidence, evidence.outcome), (other, np.where(own, 99.0, evidence.outcome)))
        )
        np.testing.assert_array_equal(before[own], after[own])
        assert (before[~own] != after[~own]).any()
