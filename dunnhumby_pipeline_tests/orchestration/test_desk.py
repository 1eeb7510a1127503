"""What the UI shows beside each asset: chapters and groups, who owns it, tags, kinds, words and columns."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts.chapters import CHAPTERS, chapter_of, place_of
from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.assets.trials import COMPARABLE
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.history import AssetGraph
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.settings import Home, Settings, SettingsError, load_settings

MOST_IN_A_GROUP = 12


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_defs(home=Home(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def graph(defs: dg.Definitions) -> AssetGraph:
    return defs.resolve_asset_graph()


def test_a_group_holds_a_dozen_assets_at_most_and_ten_chapters_hold_the_groups(graph: AssetGraph) -> None:
    sizes = Counter(graph.get(key).group_name for key in graph.get_all_asset_keys())
    assert {group: n for group, n in sizes.items() if n > MOST_IN_A_GROUP} == {}
    assert len({str(group).split("/")[0] for group in sizes}) == len(CHAPTERS) == 10
    assert set(sizes) == {place_of(group) for chapter in CHAPTERS for group in chapter.groups}


def test_no_group_is_in_two_chapters_or_in_none() -> None:
    groups = [group for chapter in CHAPTERS for group in chapter.groups]
    assert len(groups) == len(set(groups))
    assert {"raw", *(table.group for table in TABLES.values())} == set(groups)
    assert place_of("experiments") == "experiments" and place_of("doubts") == "effects/doubts"
    with pytest.raises(KeyError, match="'mystery' is in no chapter; there are raw, journey"):
        chapter_of("mystery")


def test_every_asset_has_owners_tags_kinds_words_and_columns(graph: AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node, name = graph.get(key), key.path[-1]
        assert node.owners == ["team:customer-insights"], key
        assert node.kinds and len(node.kinds) <= 3, key
        assert node.tags["chapter"] == chapter_of(key.path[0]).name
        assert node.tags["of"] == ("campaign_type" if node.is_partitioned else "all_types")
        assert node.tags["personal_data"] in ("yes", "no")
        assert node.description
        if name.startswith("raw_") or TABLES[name].is_table:
            assert node.metadata["dagster/column_schema"].columns, key


def test_personal_data_are_marked(graph: AssetGraph) -> None:
    marked = {key.path[-1]: graph.get(key).tags["personal_data"] for key in graph.get_all_asset_keys()}
    yes = ("transactions", "raw_transactions", "targeting_list", "targeting_list_csv", "rejected_rows", "design_matrix")
    no = ("segment_profiles", "raw_products", "decision_summary", "decision_summary_csv", "campaign_brief", "economics")
    assert [name for name in yes if marked[name] != "yes"] == []
    assert [name for name in no if marked[name] != "no"] == []


def test_tags_and_groups_select(graph: AssetGraph) -> None:
    of_chapter = dg.AssetSelection.from_string("tag:chapter=effects").resolve(graph)
    assert {key.path[0] for key in of_chapter} == {"effects", "doubts", "repeats"}
    assert dg.AssetSelection.from_string('group:"effects/*"').resolve(graph) == of_chapter


def test_owners_are_a_setting(tmp_path: Path) -> None:
    settings = load_settings(Home(tmp_path), desk={"owners": ["team:crm-2", "desk@retail.example"]})
    graph = build_defs(home=Home(tmp_path), settings=settings).resolve_asset_graph()
    assert {tuple(graph.get(key).owners) for key in graph.get_all_asset_keys()} == {
        ("team:crm-2", "desk@retail.example")
    }


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        (["crm"], "desk.owners are 'crm'; expected team:NAME"),
        (["team:customer insights"], "'team:customer insights'"),
        (["team:", "desk@nowhere"], "'team:', 'desk@nowhere'"),
        (["team:crm", "team:crm"], "desk.owners names team:crm more than once"),
        ([], "desk.owners"),
    ],
)
def test_owners_that_dagster_would_refuse_are_refused_at_once(tmp_path: Path, owners: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(Home(tmp_path), desk={"owners": owners})


def test_owners_make_nothing_stale(tmp_path: Path) -> None:
    home = Home(tmp_path)
    versions = [
        {key: graph.get(key).code_version for key in graph.materializable_asset_keys}
        for graph in (
            build_defs(home=home, settings=Settings(desk={"owners": owners})).resolve_asset_graph()
            for owners in (["team:a"], ["team:b"])
        )
    ]
    assert versions[0] == versions[1]


# What a campaign's gates are made of, and what takes no time beside it.
BEFORE_THE_GATES = {
    *("enrol_trials", "trial_protocol", "draw_causal_graph", "fit_nuisances", "propensity", "diagnose_overlap"),
    *("covariate_balance", "compare_arms", "weigh_plausibility", "coupon_costs", "economics"),
    *("experiment_result", "experiment_looks"),
}


def test_what_takes_long_waits_for_the_gates_that_would_stop_it(graph: AssetGraph) -> None:
    gates = {asset_key(name) for name in COMPARABLE}
    early = set()
    for key in graph.materializable_asset_keys:
        table = TABLES[key.path[-1]]
        if table.partitioned and not gates <= dg.AssetSelection.assets(key).upstream().resolve(graph):
            early.add(table.made_by)
    assert early == BEFORE_THE_GATES
    # The cohort's own gates stand before the first fit.
    cohort = dg.AssetSelection.assets(asset_key("nuisances")).upstream().resolve(graph)
    assert asset_key("first_campaign_cohort") in cohort
    judged = {check.table for check in CHECKS if check.blocks}
    assert {"first_campaign_cohort", "nuisances", "propensity", *COMPARABLE} <= judged
