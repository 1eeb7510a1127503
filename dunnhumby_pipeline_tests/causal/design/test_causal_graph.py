"""The assumed graph and what it identifies, against dowhy, d-separation by networkx and small graphs by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_SEGMENT, covariate_columns
from dunnhumby_pipeline.causal.design.graph import (
    ASSUMED_ABSENT,
    MEASURED,
    OUTCOME,
    TREATMENT,
    IdentificationError,
    adjustment_set,
    causal_graph,
    directed_graph,
    identification,
    node_columns,
)
from dunnhumby_pipeline.settings import TrialSettings

# dowhy 0.14 warns of its own source where Python recompiles it.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")

GRAPH = causal_graph()
ABSENT = GRAPH.loc[GRAPH["meaning"].str.startswith(ASSUMED_ABSENT)]


def graph_of(*arrows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(arrows, columns=["cause", "effect"]).assign(observed=True, meaning="Simulated.")


def back_doors(graph: pd.DataFrame) -> nx.DiGraph:
    """The graph without arrows out of the treatment: what is left to connect it with the outcome is back doors."""
    directed = directed_graph(graph).copy()
    directed.remove_edges_from(list(directed.out_edges(TREATMENT)))
    return directed


def test_the_table_lists_each_arrow_once_and_says_what_is_measured() -> None:
    assert GRAPH.columns.tolist() == ["cause", "effect", "observed", "meaning"]
    assert not GRAPH.duplicated(["cause", "effect"]).any()
    assert GRAPH["meaning"].str.endswith(".").all()
    unmeasured = set(GRAPH.loc[~GRAPH["observed"], ["cause", "effect"]].to_numpy().ravel()) - set(MEASURED)
    assert unmeasured == {"needs and plans", "earlier purchases", "retailer's own knowledge"}
    assert not set(GRAPH.loc[GRAPH["observed"], "cause"]) & unmeasured


def test_the_adjustment_set_blocks_every_back_door_and_holds_nothing_that_the_campaign_moves() -> None:
    adjusted, without_treatment = set(adjustment_set(GRAPH)), back_doors(GRAPH)
    assert nx.is_d_separator(without_treatment, {TREATMENT}, {OUTCOME}, adjusted)
    assert not nx.is_d_separator(without_treatment, {TREATMENT}, {OUTCOME}, set())
    assert not adjusted & nx.descendants(directed_graph(GRAPH), TREATMENT)
    assert not adjusted & {"coupon redemption", "later campaigns"}
    # Maximal: all that is measured before the campaign.
    assert adjusted == set(MEASURED) - {TREATMENT, OUTCOME, "coupon redemption", "later campaigns"}


@pytest.mark.parametrize(
    "left_out", ["season and prices", "demographics", "shopping habits", "past purchases", "other campaigns"]
)
def test_each_confounder_is_needed(left_out: str) -> None:
    rest = set(adjustment_set(GRAPH)) - {left_out}
    assert not nx.is_d_separator(back_doors(GRAPH), {TREATMENT}, {OUTCOME}, rest)


def test_adjusting_for_a_coupon_would_close_part_of_the_effect_and_open_a_path() -> None:
    adjusted = set(adjustment_set(GRAPH))
    directed = directed_graph(GRAPH).copy()
    directed.remove_edge(TREATMENT, OUTCOME)
    directed.remove_edge(TREATMENT, "later campaigns")
    directed.remove_edge("coupon redemption", OUTCOME)
    # Without any effect, campaign and outcome are independent given the set, and no longer given redemption too.
    assert nx.is_d_separator(directed, {TREATMENT}, {OUTCOME}, adjusted)
    assert not nx.is_d_separator(directed, {TREATMENT}, {OUTCOME}, adjusted | {"coupon redemption"})


def found_by_dowhy(graph: pd.DataFrame) -> set[str] | None:
    """The largest adjustment set of dowhy; None where it finds that the effect is not identified."""
    from dowhy.causal_identifier.auto_identifier import BackdoorAdjustment, identify_backdoor

    directed = directed_graph(graph)
    measured = [name for name in MEASURED if name in directed]
    found = identify_backdoor(directed, [TREATMENT], [OUTCOME], measured, BackdoorAdjustment.BACKDOOR_MAX)
    return max((set(each.get_adjustment_variables()) for each in found), key=len, default=None)


def found_here(graph: pd.DataFrame) -> set[str] | None:
    try:
        return set(adjustment_set(graph))
    except IdentificationError:
        return None


def test_dowhy_finds_the_same_set_for_the_study() -> None:
    assert found_here(GRAPH) == found_by_dowhy(GRAPH) is not None


@pytest.mark.parametrize("seed", range(12))
def test_dowhy_finds_a_set_as_large_wherever_there_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = [*rng.permutation(["demographics", "shopping habits", "past purchases", "u", "v"]), TREATMENT, OUTCOME]
    # Some are moved by the campaign.
    nodes[4], nodes[5] = (nodes[5], nodes[4]) if seed % 3 == 0 else (nodes[4], nodes[5])
    pairs = [(a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :] if rng.random() < 0.4]
    graph = graph_of(*pairs, (TREATMENT, OUTCOME)).drop_duplicates(["cause", "effect"])
    ours, theirs = found_here(graph), found_by_dowhy(graph)
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert len(ours) == len(theirs)
        assert nx.is_d_separator(back_doors(graph), {TREATMENT}, {OUTCOME}, ours)


@pytest.mark.parametrize("cause", ABSENT["cause"].tolist())
def test_the_effect_is_lost_when_an_arrow_assumed_absent_is_there(cause: str) -> None:
    present = (GRAPH["cause"] == cause) & (GRAPH["effect"] == TREATMENT)
    feared = GRAPH.assign(meaning=GRAPH["meaning"].mask(present, "It is there."))
    with pytest.raises(IdentificationError) as caught:
        adjustment_set(feared)
    assert str(caught.value) == (
        f"the effect of campaign on outcome is not identified: its unmeasured causes ({cause}) leave a back-door path "
        "open, whatever is adjusted for; measure them, or remove the arrow and give the reason"
    )
    measured = set(MEASURED) - nx.descendants(directed_graph(feared), TREATMENT) - {TREATMENT}
    assert not nx.is_d_separator(back_doors(feared), {TREATMENT}, {OUTCOME}, measured)


def test_any_new_arrow_from_an_unmeasured_cause_of_both_is_found() -> None:
    feared = pd.concat([GRAPH, graph_of(("a local event", TREATMENT), ("a local event", OUTCOME))])
    with pytest.raises(IdentificationError, match=r"its unmeasured causes \(a local event\)"):
        adjustment_set(feared)
    harmless = pd.concat([GRAPH, graph_of(("a coin", TREATMENT))])
    assert adjustment_set(harmless) == adjustment_set(GRAPH)


def test_a_collider_of_unmeasured_causes_is_not_adjusted_for() -> None:
    # The M of Pearl: adjusting for demographics would open a path that is closed without it.
    m = graph_of(
        ("u", TREATMENT), ("u", "demographics"), ("v", "demographics"), ("v", OUTCOME),
        ("season and prices", TREATMENT), ("season and prices", OUTCOME), (TREATMENT, OUTCOME),
    )  # fmt: skip
    assert adjustment_set(m) == ("season and prices",)


def test_circles_and_graphs_without_an_effect_are_refused() -> None:
    with pytest.raises(IdentificationError) as caught:
        adjustment_set(graph_of(("season and prices", TREATMENT), (TREATMENT, OUTCOME), (OUTCOME, "season and prices")))
    assert str(caught.value).startswith("arrows run in a circle: ")
    only_causes = ("season and prices", TREATMENT), ("season and prices", OUTCOME)
    for arrows in (only_causes[1:], only_causes):
        with pytest.raises(IdentificationError) as caught:
            adjustment_set(graph_of(*arrows))
        assert str(caught.value) == "no arrows lead from campaign to outcome; expected at least one path"


@pytest.mark.parametrize("washout_days", [None, 90])
def test_the_nodes_adjusted_for_are_the_covariates_of_the_study(washout_days: int | None) -> None:
    covariates = [*covariate_columns("TypeB", washout_days), LOOK_BACK_SEGMENT, "campaign"]
    columns = [column for name in adjustment_set(GRAPH) for column in node_columns(name, covariates)]
    assert len(columns) == len(set(columns)), "no covariate belongs to two nodes"
    assert set(columns) == set(covariates)
    for name in set(MEASURED) - set(adjustment_set(GRAPH)):
        assert node_columns(name, covariates) == []


def test_the_grounds_are_put_in_words() -> None:
    told = identification(GRAPH, "TypeA", TrialSettings(outcome="purchase_count")).set_index("item")["text"]
    assert told.index.is_unique
    assert told.index.tolist()[:2] == ["estimand", "adjustment set"]
    assert "the effect on purchase_count" in told["estimand"]
    assert "a TypeA campaign, for households not sent one yet:" in told["estimand"]
    assert told["adjustment set"].startswith("season and prices, demographics, shopping habits, ")
    assert told["covariates: promotion exposure"].endswith("(display_exposure_rate, mailer_exposure_rate)")
    assert told["not adjusted for"].startswith("coupon redemption, later campaigns: ")
    assert told["not measured"] == "needs and plans, earlier purchases, retailer's own knowledge"
    assert told["assumed absent: earlier purchases -> campaign"].startswith("Given the look-back")
    assumptions = told[told.index.str.startswith("assumption: ")]
    assert len(assumptions) == 6
    assert assumptions.str.contains(r"Broken by: .+ Evidence: .+\.$").all()
    assert not any(item.startswith("design") for item in told.index)


def test_the_words_follow_the_settings_of_the_trial() -> None:
    trial = TrialSettings(design="never_targeted", washout_days=60)
    told = identification(GRAPH, "TypeA", trial).set_index("item")["text"]
    assert "not sent one in the 60 days before:" in told["estimand"]
    assert "received_typea" in told["covariates: other campaigns"]
    assert told["design: never_targeted"].endswith("'no look-ahead' does not hold.")
