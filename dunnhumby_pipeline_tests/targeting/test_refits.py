"""How often decisions change when households are drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.settings import EconomicsSettings
from dunnhumby_pipeline.targeting.answers import Question, Repeats, cost_tables
from dunnhumby_pipeline.targeting.economics import economics_of
from dunnhumby_pipeline.targeting.groups import divided
from dunnhumby_pipeline.targeting.refits import _bootstrapped, decision_refits
from dunnhumby_pipeline_tests.targeting.test_groups import RISING, N, trials

SURE = BiasAllowance(np.zeros(1), np.ones(1), 0)


def refits(cost: float, proven: bool = True, tells_apart: bool = False, again: bool = False):  # type: ignore[no-untyped-def]
    settings = EconomicsSettings(contact_cost=cost)
    data = trials(RISING)
    terms, today = economics_of(settings, 0.1), np.sort(RISING)[:1000]
    repeats = Repeats(data, data, 200, 50) if again else None
    question = Question(terms, data, data, SURE, RISING, tells_apart, today, np.empty(0), repeats)
    groups = cost_tables(question, 20, 4, 0.95)["decision_groups"]
    return groups, decision_refits(question, groups, 4, 0.95, proven, 20, 60, 3)


def test_a_decision_far_from_every_edge_holds_and_one_at_an_edge_does_not() -> None:
    groups, far = refits(1.0)
    assert far.loc[0, ["decision", "share_changed", "share_target"]].tolist() == [TARGET, 0.0, 1.0]
    # The cost at which the gain is just proven.
    edge = groups.at[0, "ci_lower"] + 1.0
    _, near = refits(float(edge) - 1e-6)
    assert near.at[0, "decision"] == TARGET and 0.3 < near.at[0, "share_changed"] < 0.7
    assert near[["share_target", "share_test", "share_leave"]].sum(axis=1).tolist() == pytest.approx([1.0])


def test_nobody_is_a_target_where_the_policy_is_not_proven() -> None:
    _, found = refits(1.0, proven=False)
    assert found.loc[0, ["decision", "share_target", "share_test"]].tolist() == [TEST, 0.0, 1.0]


def test_a_repeat_is_drawn_for_itself_and_asks_for_no_policy() -> None:
    groups, found = refits(1.0, proven=False, again=True)
    assert groups["contact"].tolist() == found["group"].map(groups.set_index("group")["contact"]).tolist()
    assert found["decision"].tolist() == [TEST, TARGET] and found.at[1, "n_households"] == 200
    assert found.at[1, "share_target"] == 1.0


def test_every_group_is_drawn_for_itself() -> None:
    groups, found = refits(10.0, tells_apart=True)
    assert found["group"].tolist() == [0, 1, 2, 3] and found["n_households"].tolist() == groups["n_households"].tolist()
    assert found["decision"].tolist() == groups["decision"].tolist()
    assert found.at[0, "decision"] == LEAVE and found.at[3, "decision"] == TARGET
    assert (found["share_changed"] < 0.2).all()


def test_bootstraps_spread_as_the_error_says() -> None:
    data = trials(RISING)
    division = divided(RISING, data, tells_apart=True, at_most=2)
    moved = _bootstrapped(data, division, 400, 1)
    for group in range(2):
        _, se = overlap_weighted(data, division.of_trial == group)
        assert moved[:, group].std() == pytest.approx(se, rel=0.15)
        assert abs(moved[:, group].mean()) < 0.2 * se
    assert moved.shape == (400, 2) and len(data.y) == N
