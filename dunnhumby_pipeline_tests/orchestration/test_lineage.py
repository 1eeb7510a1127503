"""Where columns come from: what the contracts say is upstream, shown in the UI's own words, and true of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.lineage import Source, sources_of, told
from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.contracts.table import ContractError, Table
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.engine.tables import TablePath, read_table
from dunnhumby_pipeline.orchestration.assets.lifetime import value_lifetimes
from dunnhumby_pipeline.orchestration.assets.segmentation import value_segments
from dunnhumby_pipeline.orchestration.assets.status import rate_households
from dunnhumby_pipeline.orchestration.assets.targeting import targeting_list
from dunnhumby_pipeline.orchestration.checks.gates import Gates
from dunnhumby_pipeline.orchestration.platform.history import AssetGraph
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import column_metadata
from dunnhumby_pipeline.settings import Home
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, quick_settings

# Same name, same meaning, in a table that the step reads: and yet made anew from something else, or not a column of a
# row. Whoever adds one says in the contract where it comes from, or here that it comes from elsewhere.
MADE_ANEW = {
    "segment_features": {"feature"},
    "reference_features": {"feature"},
    "design_comparison": {
        "n_trials",
        "n_treated",
        "n_control",
        "auc",
        "share_in_overlap",
        "ess_treated",
        "ess_control",
    },
    "effect_robustness": {"n_trials"},
    "campaign_dose": {"n_trials", "n_treated"},
    "negative_controls": {"campaign", "n_trials", "n_treated"},
    "influence": {"household_key"},
    "event_study": {"n_trials"},
    "campaign_types": {
        *("outcome", "n_trials", "n_households", "n_treated", "estimate", "se", "ci_lower", "ci_upper"),
    },
    "repeat_support": {
        *("campaign", "n_trials", "n_treated", "n_control", "share_in_overlap", "ess_treated", "ess_control"),
    },
    "cate_scoreboard": {"fold"},
    "certified_learners": {"fold"},
    "cate_validation": {"model"},
    "cate_agreement": {"model"},
    "gates": {"n_trials"},
    "effect_subgroups": {"n_trials"},
    "decision_by_cost": {"contact_cost"},
    "pays_by_margin": {"margin"},
    "targeting_list": {"interval_of"},
    "contact_plan": {"campaign_type"},
}
# Of the main tables, the columns that are counts, names or settings, or told in words: all others have sources.
WITHOUT = {
    "household_value_need": set(),
    "household_status": set(),
    "customer_lifetime_value": set(),
    "segment_lifetime_value": set(),
    "household_needs": set(),
    "segments": set(),
    "average_effects": {"outcome", "estimator", "estimand", "population", "primary", "identified", "reason"},
    "targeting_list": {
        *("interval_of", "reason", "without_suppression", "campaign_type_best", "profit_by_type"),
        *("arm", "arm_probability"),
    },
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> AssetGraph:
    return build_defs(home=Home(tmp_path_factory.mktemp("home"))).resolve_asset_graph()


def above(graph: AssetGraph, table: str) -> set[str]:
    """The tables, files and raw files that the step of a table reads."""
    key = dg.AssetKey([TABLES[table].group, table])
    return {parent.path[-1] for parent in graph.get(key).parent_keys}


# ----------------------------------------------------------------------------------------------------- what is said


def test_every_source_is_a_column_of_what_the_step_itself_reads(graph: AssetGraph) -> None:
    claims = {table.name: sources_of(table) for table in TABLES.values()}
    beside = {
        f"{name}.{column} from {source.table}"
        for name, columns in claims.items()
        for column, sources in columns.items()
        for source in sources
        if source.table not in above(graph, name)
    }
    assert beside == set()
    assert sum(map(len, claims.values())) > 700


def test_a_column_of_the_same_name_and_meaning_above_is_a_source_or_said_not_to_be(graph: AssetGraph) -> None:
    silent: dict[str, set[str]] = {}
    for table in TABLES.values():
        known = [TABLES[name] for name in above(graph, table.name) if name in TABLES]
        said = sources_of(table)
        alike = {
            column.name
            for column in table.columns
            if column.name not in said
            and any(other.name == column.name and other.meaning == column.meaning for t in known for other in t.columns)
        }
        if alike:
            silent[table.name] = alike
    assert silent == MADE_ANEW


@pytest.mark.parametrize("name", WITHOUT)
def test_the_main_tables_say_it_of_every_column_that_is_computed(name: str) -> None:
    assert {column.name for column in TABLES[name].columns} - set(sources_of(TABLES[name])) == WITHOUT[name]


def test_a_source_that_cannot_be_is_refused_with_what_there_is() -> None:
    of = TABLES["household_status"]

    def said(**sources: str) -> Table:
        return replace(of, sources=sources)

    for wrong, words in (
        (
            said(tier="segments"),
            r"household_status name the column\(s\) tier, which it has not; it has household_key, ",
        ),
        (said(lifecycle="features"), "household_status.lifecycle name 'features'; expected table.column, or a table"),
        (said(lifecycle="customer_features.age"), "has no column age; it has household_key, recency"),
        (said(lifecycle="raw_transactions.Day"), "raw_transactions.Day; expected a header of raw_transactions, "),
        (
            said(discount_share="need_commodities.share discount_share"),
            "name 'discount_share'; expected table.column, or a table of the study",
        ),
    ):
        with pytest.raises(ContractError, match=words):
            sources_of(wrong)
    with pytest.raises(
        ContractError, match=r"passed on from need_commodities, where it means .* not 'share of all hou"
    ):
        sources_of(replace(TABLES["value_need"], sources={"share": "need_commodities"}))


def test_sources_are_told_by_table() -> None:
    day, basket, brand = Source("transactions", "day"), Source("transactions", "basket_id"), Source("products", "brand")
    assert told(()) == ""
    assert told((day,)) == "From `transactions.day`."
    assert told((day, basket, brand)) == "From `transactions` (`day`, `basket_id`) and `products.brand`."
    assert told((Source("segment_model"), brand)) == "From `segment_model` and `products.brand`."
    assert told((Source("segments", "segment", passed=True),)) == "Passed on from `segments.segment`."


# ----------------------------------------------------------------------------------------------- what dagster is given


def test_the_definition_shows_sources_beside_meanings_and_gives_dagster_its_lineage(graph: AssetGraph) -> None:
    shown = graph.get(dg.AssetKey(["profiles", "household_value_need"])).metadata
    words = {column.name: column.description for column in shown["dagster/column_schema"].columns}
    assert words["discounts"] == (
        "retail and coupon discounts over the whole history ($)  \n"
        "From `customer_features` (`discount_rate`, `monetary_sales`)."
    )
    lineage = shown["dagster/column_lineage"].deps_by_column
    assert [(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["discounts"]] == [
        ("features/customer_features", "discount_rate"),
        ("features/customer_features", "monetary_sales"),
    ]
    for key in graph.get_all_asset_keys():
        found = graph.get(key).metadata.get("dagster/column_lineage")
        for dep in [dep for deps in (found.deps_by_column if found else {}).values() for dep in deps]:
            above_it = graph.get(dep.asset_key).metadata["dagster/column_schema"].columns
            assert dep.asset_key in graph.get(key).parent_keys and dep.column_name in {c.name for c in above_it}


def test_a_file_that_is_no_table_is_told_and_is_no_column(graph: AssetGraph) -> None:
    shown = column_metadata(TABLES["first_campaign_cohort"])
    words = {column.name: column.description for column in shown["dagster/column_schema"].columns}
    assert words["lookback_segment"] == "segment assigned from the look-back alone  \nFrom `segment_model`."
    assert "lookback_segment" not in shown["dagster/column_lineage"].deps_by_column


def test_a_table_whose_columns_come_from_none_has_no_lineage() -> None:
    assert set(column_metadata(TABLES["causal_graph"])) == {"dagster/column_schema"}


# ------------------------------------------------------------------------------------------------ what a study shows


@pytest.fixture(scope="module")
def study(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(quick_settings(), small.copy(tmp_path_factory.mktemp("lineage")).home)


def table(study: Study, name: str) -> pd.DataFrame:
    """Read once, whoever asks for it: nobody may change it."""
    return _read(study.table(name, "TypeA" if TABLES[name].partitioned else None))


@cache
def _read(path: TablePath) -> pd.DataFrame:
    return read_table(path)


def passed_on() -> Iterator[tuple[str, str, str]]:
    """Table, column and the table it is passed on from, where the rows of both can be told by a key of that table."""
    for each in TABLES.values():
        for column, sources in sources_of(each).items():
            for source in sources:
                key = TABLES[source.table].key if source.table in TABLES else ()
                if source.passed and column not in key and set(key) <= {c.name for c in each.columns}:
                    yield each.name, column, source.table


def test_what_is_passed_on_is_the_same_value(study: Study) -> None:
    n = 0
    for name, column, source in passed_on():
        key = list(TABLES[source].key)
        own = table(study, name)[[*key, column]]
        both = own.merge(table(study, source)[[*key, column]], on=key, suffixes=("", "_above"))
        assert len(both) == len(own), f"{name} has rows that {source} has not"
        if own[column].dtype == float:
            same = np.isclose(both[column], both[f"{column}_above"], rtol=1e-12, equal_nan=True)
        else:
            here, there = (both[each].astype("string").fillna("") for each in (column, f"{column}_above"))
            same = (here == there).to_numpy()
        assert same.all(), f"{name}.{column} is not {source}.{column}"
        n += len(both)
    assert n > 5_000


def test_keys_that_are_passed_on_name_rows_that_there_are(study: Study) -> None:
    for each in TABLES.values():
        for column, [first, *more] in sources_of(each).items():
            if first.passed and not more and column in TABLES[first.table].key:
                known = set(table(study, first.table)[column].astype(str))
                assert set(table(study, each.name)[column].astype(str)) <= known, (each.name, column)


Step = Callable[[dict[str, pd.DataFrame]], dict[str, pd.DataFrame]]


def carried_out(asset: dg.AssetsDefinition, study: Study, **more: Any) -> Step:
    """A step as a function of the tables that it loads."""

    def carry_out(given: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        context = () if "context" not in more else (more["context"],)
        rest = {name: value for name, value in more.items() if name != "context"}
        made = asset(*context, **{name: frame.copy() for name, frame in given.items()}, study=study, **rest)
        return {output.output_name: output.value for output in made}

    return carry_out


def differing(name: str, before: pd.DataFrame, after: pd.DataFrame) -> set[str]:
    """Columns of a table whose values are others, row by row of its key."""
    key = list(TABLES[name].key)
    both = before.set_index(key).sort_index(), after.set_index(key).sort_index()
    assert both[0].index.equals(both[1].index), name
    found = set()
    for column in both[0].columns:
        one, other = both[0][column], both[1][column]
        if one.dtype == float:
            same = bool(np.isclose(one, other.astype(float), rtol=1e-9, equal_nan=True).all())
        else:
            same = bool((one.astype("string").fillna("") == other.astype("string").fillna("")).all())
        found |= set() if same else {column}
    return found


def other_values(values: pd.Series) -> pd.Series:
    """The same values in other rows; numbers that are one and the same everywhere are others everywhere."""
    if values.dtype == float and values.nunique() < 2:
        return values.fillna(0.0) + 1.0
    places = np.random.default_rng(7).permutation(len(values))
    return pd.Series(values.to_numpy()[places], index=values.index, dtype=values.dtype)


@dataclass(frozen=True)
class Moving:
    """A step, and the tables of the study that it loads."""

    step: Step
    given: dict[str, pd.DataFrame]

    @cached_property
    def before(self) -> dict[str, pd.DataFrame]:
        """What it makes of the tables as they are."""
        return self.step(self.given)

    def by(self, source: str) -> dict[str, set[str]]:
        """What of each table it makes is another when one column that it loads has its values in other rows."""
        name, _, column = source.partition(".")
        altered = self.given | {name: self.given[name].assign(**{column: other_values(self.given[name][column])})}
        after = self.step(altered)
        return {made: differing(made, self.before[made], after[made]) for made in self.before if TABLES[made].is_table}


def declared(made: str, source: str) -> set[str]:
    name, _, column = source.partition(".")
    return {
        own
        for own, sources in sources_of(TABLES[made]).items()
        if (name, column) in [(s.table, s.column) for s in sources]
    }


STATUS = ("recency", "tenure", "days_between_purchases_avg", "discount_usage_pct", "transaction_count", "frequency")


@pytest.fixture(scope="module")
def status(study: Study) -> Moving:
    given = {name: table(study, name) for name in ("customer_features", "customer_lifetime_value")}
    return Moving(carried_out(rate_households, study), given)


@pytest.mark.parametrize("source", [*(f"customer_features.{n}" for n in STATUS), "customer_lifetime_value.value_tier"])
def test_household_status_comes_from_what_it_says(status: Moving, source: str) -> None:
    assert status.by(source) == {"household_status": declared("household_status", source)}


@pytest.fixture(scope="module")
def values(study: Study) -> Moving:
    names = ("customer_features", "segments", "customer_lifetime_value", "household_needs")
    return Moving(carried_out(value_segments, study), {name: table(study, name) for name in names})


@pytest.mark.parametrize(
    "source",
    [
        *(f"customer_lifetime_value.{n}" for n in ("clv", "value_tier", "probability_alive", "expected_trips_52w")),
        *(f"household_needs.{n}" for n in ("need", "need_margin", "need_score")),
        *(f"customer_features.{n}" for n in ("monetary_sales", "discount_rate", "frequency")),
        "segments.stability",
    ],
)
def test_values_of_segments_and_households_come_from_what_they_say(values: Moving, source: str) -> None:
    found = values.by(source)
    assert found == {made: declared(made, source) for made in found}


LIST = (
    *("segments.segment_name", "next_action.offer", "next_action.channel", "next_action.funder", "next_action.rule"),
    *("next_action.offer_form", "next_action.need", "next_action.value_tier", "next_action.kpi"),
    *("household_effects.cate_lower", "household_effects.cate_upper", "decision_groups.n_trials"),
)


@pytest.fixture(scope="module")
def listing(study: Study) -> Iterator[Moving]:
    loaded = sorted({key.path[-1] for key in targeting_list.keys_by_input_name.values()})
    given = {name: table(study, name) for name in loaded if TABLES[name].is_table}
    given = {name: frame for name, frame in given.items() if name in targeting_list.keys_by_input_name}
    with Laboratory(study.home, None).history() as instance:
        context = dg.build_asset_context(partition_key="TypeA", instance=instance)
        yield Moving(carried_out(targeting_list, study, context=context, gates=Gates(())), given)


@pytest.mark.parametrize("source", LIST)
def test_the_list_comes_from_what_it_says(listing: Moving, source: str) -> None:
    found = listing.by(source)
    assert found["targeting_list"] == declared("targeting_list", source)
    assert found["household_decisions"] == declared("household_decisions", source)


@pytest.fixture(scope="module")
def lifetimes(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Moving:
    """The step reads the lines itself, from where they lie."""
    there = Study(study.settings, Home(tmp_path_factory.mktemp("lifetimes")))

    def valued(given: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        for name, frame in given.items():
            there.table(name).parent.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(there.table(name))
        made = carried_out(value_lifetimes, there)({})
        return {"customer_lifetime_value": made["customer_lifetime_value"]}

    return Moving(valued, {name: table(study, name) for name in ("transactions", "products")})


@pytest.mark.parametrize("column", ["sales_value", "coupon_match_disc", "trans_time", "retail_disc"])
def test_lifetime_value_comes_from_what_it_says(lifetimes: Moving, column: str) -> None:
    found = lifetimes.by(f"transactions.{column}")["customer_lifetime_value"]
    assert found <= declared("customer_lifetime_value", f"transactions.{column}")
    # Scores, tiers and rules may stay as they were.
    certain = {"profit_rate", "clv_gross_profit"} if column == "coupon_match_disc" else {"clv", "mean_spend"}
    assert found >= (certain if column in ("sales_value", "coupon_match_disc") else set())
