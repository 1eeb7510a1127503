"""Needs from commodities: planted ones are found, named, kept, stored, and told as they stood before a day."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.features.windows import one_window
from dunnhumby_pipeline.segmentation.needs.evidence import need_evidence
from dunnhumby_pipeline.segmentation.needs.identity import on_goods
from dunnhumby_pipeline.segmentation.needs.layers import Layer, fit_layer, rarity_weights, tamed
from dunnhumby_pipeline.segmentation.needs.look_back import window_needs
from dunnhumby_pipeline.segmentation.needs.names import (
    NeedNamesError,
    known_need_names,
    load_need_names,
    names_by_rule,
    words_of,
)
from dunnhumby_pipeline.segmentation.needs.needs import household_needs, segment_needs
from dunnhumby_pipeline.segmentation.needs.purchases import Goods, bought_by_day, bought_in
from dunnhumby_pipeline.segmentation.needs.store import (
    NeedModelError,
    load_need_model,
    previous_needs,
    save_need_model,
)
from dunnhumby_pipeline.segmentation.needs.tables import NeedTables, find_needs
from dunnhumby_pipeline.segmentation.needs.validation import kappa, lifts_of, own_goods, quarter_windows
from dunnhumby_pipeline.settings import EngineSettings, NeedSettings, load_settings
from dunnhumby_pipeline_tests.fakes.planted_needs import KINDS, N_DAYS, PRODUCTS, lines_of, products_of, stored

ENGINE = EngineSettings()
# The names of the file hold at both levels or at one.
LABELS = {"baby": "baby", "fresh produce": "fresh produce", "pets": "pets, tobacco and household"}
QUICK = NeedSettings(n_refits=3, n_needs=4, n_tags=5, max_households=1000)
PLANTED = [kind for kind in KINDS for _ in range(30)]


def found_in(paths: dict[str, Path], settings: NeedSettings = QUICK, **more: object) -> NeedTables:
    evidence = need_evidence(paths, settings, ENGINE, 1)
    return find_needs(evidence, load_need_names(), settings, 1, **more)  # type: ignore[arg-type]


@cache
def planted() -> tuple[dict[str, Path], NeedTables]:
    paths = stored(Path(mkdtemp()), lines_of(PLANTED))
    return paths, found_in(paths)


def share_found(needs: pd.DataFrame) -> float:
    """The share of households whose need is the one most common among those of their kind, one to one."""
    table = pd.crosstab(pd.Series(PLANTED, name="kind"), needs.sort_values("household_key")["need"].to_numpy())
    assert table.idxmax(axis=1).nunique() == len(KINDS)
    return float(table.max(axis=1).sum() / len(PLANTED))


# ------------------------------------------------------------------------------------------------------ what is found


def test_planted_needs_are_found_named_and_hold_in_the_next_quarter() -> None:
    _, found = planted()
    assert share_found(found.household_needs) > 0.97
    labels = found.need_definitions[found.need_definitions["level"] == "label"]
    assert set(LABELS.values()) < set(labels["need"])
    strange = next(name for name in labels["need"] if name not in LABELS.values())
    assert {"zork", "blip", "quux"} >= set(strange.split(" and "))
    assert labels.set_index("need").at["baby", "named_by"] == "file of names"
    assert labels.set_index("need").at[strange, "named_by"] == "words of its commodities"
    own = found.need_commodities.query("level == 'label' and need == 'baby' and own").sort_values("lift_rank")
    assert set(own["commodity"].head(3)) == set(KINDS["baby"])
    assert (own["lift"].head(3) > 2).all() and own["lift"].is_monotonic_decreasing
    assert "FLUID MILK PRODUCTS" not in set(found.need_commodities.query("own")["commodity"])
    lift = found.need_lift.query("level == 'label'").groupby("need")["lift"].mean()
    assert (lift > 1.5).all() and len(lift) == 4
    assert found.need_agreement.query("level == 'label'")["kappa"].min() > 0.8
    stability = found.need_stability.query("level == 'label'").groupby("start")["ari"].mean()
    assert stability["cold"] > 0.9 and stability["warm"] > 0.9


def test_money_and_shares_of_the_tables_add_up() -> None:
    paths, found = planted()
    lines = pd.read_parquet(paths["transactions"])
    labels = found.need_definitions.query("level == 'label'")
    assert labels["n_households"].sum() == len(PLANTED) and labels["share"].sum() == pytest.approx(1)
    assert labels["revenue"].sum() == pytest.approx(lines["sales_value"].sum())
    baby = found.household_needs.query("need == 'baby'")["household_key"]
    sold = lines[lines["household_key"].isin(baby)].merge(PRODUCTS, on="product_id")
    by_hand = sold.groupby("commodity_desc")["sales_value"].sum()
    table = found.need_commodities.query("level == 'label' and need == 'baby'").set_index("commodity")
    assert table["sales"][by_hand.index].tolist() == pytest.approx(by_hand.tolist())
    whole = lines.merge(PRODUCTS, on="product_id").groupby("commodity_desc")["sales_value"].sum()
    lift = (by_hand / by_hand.sum()) / (whole / whole.sum())
    assert table["lift"][by_hand.index].tolist() == pytest.approx(lift[by_hand.index].tolist())
    tags = found.household_tags
    assert (tags["score"] >= QUICK.tag_from).all() and not tags.duplicated(["household_key", "tag"]).any()
    counted = tags["tag"].value_counts()
    named = found.need_definitions.query("level == 'tag'").set_index("need")["n_households"]
    assert counted.to_dict() == named[counted.index].to_dict()


def test_the_number_of_needs_is_chosen_by_stability() -> None:
    paths, _ = planted()
    settings = NeedSettings(n_refits=3, need_range=(3, 5), n_tags=5)
    found = found_in(paths, settings)
    scan = found.need_selection.query("level == 'label'").set_index("n_needs")
    assert scan["chosen"].to_dict() == {3: False, 4: True, 5: False}
    assert "stability of 0.8 or more" in scan.at[4, "reason"] and scan.at[4, "stability"] > 0.9
    assert found.need_selection.query("level == 'tag'")["reason"].tolist() == ["set"]


def test_the_same_data_give_the_same_needs() -> None:
    paths, found = planted()
    again = found_in(paths)
    pd.testing.assert_frame_equal(again.household_needs, found.household_needs)
    pd.testing.assert_frame_equal(again.need_commodities, found.need_commodities)


def test_of_more_households_than_are_fitted_all_are_scored() -> None:
    paths, _ = planted()
    few = found_in(paths, QUICK.model_copy(update={"max_households": 100}))
    assert len(few.household_needs) == len(PLANTED)
    assert share_found(few.household_needs) > 0.95


# -------------------------------------------------------------------------------------------------------------- names


def test_names_are_kept_across_refits_and_new_goods_join_them(tmp_path: Path) -> None:
    _, before = planted()
    # Next month: other lines, and a commodity that nobody knew.
    lines = lines_of(PLANTED, seed=2)
    products = pd.concat([PRODUCTS, products_of(("NOVELTY",)).assign(product_id=99)], ignore_index=True)
    bought = lines.sample(400, random_state=1).assign(product_id=99)
    paths = stored(tmp_path, pd.concat([lines, bought], ignore_index=True), products)
    after = found_in(paths, previous=before.model, without="")
    assert after.start_reason == "warm: from the needs of the run before"
    assert "NOVELTY" in after.model.goods.names and after.model.goods.names != before.model.goods.names
    table = after.need_definitions
    assert table["kept"].all() and (table["need"] == table["previous_need"]).all()
    assert (table["named_by"] == "the run before").all() and (table["similarity"] > 0.7).all()
    assert after.need_selection.query("chosen")["reason"].str.startswith("that of the run before").all()
    assert share_found(after.household_needs) > 0.97


def test_other_settings_start_cold_and_the_same_needs_keep_their_names() -> None:
    paths, before = planted()
    after = found_in(paths, QUICK.model_copy(update={"n_tags": 6}), previous=before.model, without="")
    assert after.start_reason.startswith("cold: settings or goods")
    labels = after.need_definitions.query("level == 'label'")
    assert labels["kept"].all()
    tags = after.need_definitions.query("level == 'tag'")
    assert len(tags) == 6 and tags["previous_need"].isna().sum() == 1


def test_a_file_of_names_that_changes_renames(tmp_path: Path) -> None:
    paths, before = planted()
    file = tmp_path / "needs.toml"
    file.write_text('[[needs]]\nname = "Little ones"\ncommodities = ["infant*", "baby*", "diapers*"]\n')
    evidence = need_evidence(paths, QUICK, ENGINE, 1)
    after = find_needs(evidence, load_need_names(file), QUICK, 1, before.model, "", "")
    table = after.need_definitions.query("level == 'label'").set_index("need")
    assert table.at["Little ones", "previous_need"] == "baby" and not table["kept"].any()
    assert "the file of names has changed" in table.at["Little ones", "reason"]
    kept = find_needs(evidence, load_need_names(file), QUICK, 1, after.model, "", "")
    assert kept.need_definitions["kept"].all() and "Little ones" in set(kept.need_definitions["need"])


def test_loadings_move_to_other_goods_by_their_names() -> None:
    moved = on_goods(np.array([[0.6, 0.8], [1.0, 0.0]]), ("A", "B"), ("B", "NEW"))
    assert moved.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_a_name_goes_to_one_need_and_only_at_its_level() -> None:
    names = load_need_names()
    cats = {"CAT FOOD": 3.0, "CAT LITTER": 3.0}
    found = names_by_rule([cats, {**cats, "SEAWEED": 1.1}], names, "tag", 0.25)
    assert [one.name for one in found] == ["pets", "cat food and cat litter"]
    assert names_by_rule([cats], names, "label", 0.25)[0].name == "pets, tobacco and household"
    assert names_by_rule([cats], names, "tag", 0.25, taken=["pets"])[0].name == "cat food and cat litter"
    assert names_by_rule([{"SEAWEED": 2.0, "CAT FOOD": 1.01}], names, "tag", 0.25)[0].by == "words of its commodities"
    assert names_by_rule([{}], names, "tag", 0.25)[0].name == "other"


@pytest.mark.parametrize(
    ("commodities", "used", "name"),
    [
        (["FRZN MEAT/MEAT DINNERS", "BEERS/ALES"], set(), "frzn meat and beers"),
        (["BEERS/ALES", "BEERS (CRAFT)", "SOUP"], set(), "beers and soup"),
        (["ZORK"], set(), "zork"),
        (["A", "B", "C"], {"a and b"}, "a, b and c"),
        (["A", "B"], {"a and b"}, "a and b 2"),
        (["   ", "none"], {"none"}, "none 2"),
        (["X" * 100, "Y"], set(), "X".lower() * 60),
    ],
)
def test_words_of_commodities_unknown_to_us(commodities: list[str], used: set[str], name: str) -> None:
    assert words_of(commodities, used) == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[needs]]\nname = "a"\ncommodities = ["X"]\ncolour = "red"\n', r"needs\.0\.colour: Extra inputs are not"),
        ('[[needs]]\nname = "a"\n', r"needs\.0\.commodities: Field required"),
        ('[[needs]]\nname = "a"\ncommodities = []\n', r"needs\.0\.commodities: .*at least 1"),
        ('[[needs]]\nname = "a"\ncommodities = [""]\n', r"needs\.0\.commodities\.0"),
        (
            '[[needs]]\nname = "a"\ncommodities = ["X"]\nlevels = ["segment"]\n',
            r"levels\.0: Input should be 'label' or",
        ),
        ('[[needs]]\nname = "a"\ncommodities = ["X"]\n' * 2, r"names of their own; found 'a' again"),
        ('[[needs]]\nname = "None"\ncommodities = ["X"]\n', r"no need is called 'none'"),
        ('[[needs]]\nname = " "\ncommodities = ["X"]\n', r"needs\.0\.name"),
        ("tags = 3\n", r"tags: Extra inputs are not permitted"),
        ("", r"needs: Field required"),
        ("[[needs\n", r"needs\.toml is not TOML"),
    ],
)
def test_a_file_of_names_that_is_wrong_says_where(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "needs.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NeedNamesError, match=complaint) as raised:
        load_need_names(file)
    assert str(file) in str(raised.value)


def test_a_file_of_names_that_is_not_there_is_no_packaged_one(tmp_path: Path) -> None:
    with pytest.raises(NeedNamesError, match=r"nowhere.toml: cannot be read"):
        load_need_names(tmp_path / "nowhere.toml")
    assert "baby" in known_need_names() and "pets" not in known_need_names(level="label")


# ----------------------------------------------------------------------------------------------- before an index day


def test_the_need_of_a_look_back_is_that_of_its_own_lines(tmp_path: Path) -> None:
    _, found = planted()
    kinds = list(KINDS)
    turned = [kinds[(kinds.index(kind) + 1) % 4] for kind in PLANTED]
    before = lines_of(PLANTED, seed=3, n_days=200)
    later = lines_of(turned, seed=4, n_days=200).assign(day=lambda f: (f["day"] + 200).astype("int32"))
    later["basket_id"] += 500
    paths = stored(tmp_path, pd.concat([before, later], ignore_index=True))
    rows = pd.DataFrame({"household_key": np.arange(1, 121), "campaign": 8})
    windows = one_window(1, 200).assign(window=8)

    def needs(rows: pd.DataFrame, windows: pd.DataFrame, lines: pd.DataFrame | Path) -> pd.Series:
        return window_needs(rows, "campaign", windows, found.model, lines, paths["products"], ENGINE)

    first = needs(rows, windows, paths["transactions"])
    assert (first.to_numpy() == found.household_needs["need"].to_numpy()).mean() > 0.97
    # Lines on or after the index day change nothing, and were others there.
    assert first.equals(needs(rows, windows, before))
    both = pd.concat([rows, rows.assign(campaign=9)], ignore_index=True).sample(frac=1, random_state=1)
    two = pd.concat([windows, one_window(201, 400).assign(window=9)], ignore_index=True)
    each = needs(both, two, paths["transactions"])
    assert each[both["campaign"] == 8].sort_index().tolist() == first.tolist()
    assert (each[both["campaign"] == 9].sort_index().to_numpy() != first.to_numpy()).mean() > 0.9
    stranger = pd.DataFrame({"household_key": [77_777], "campaign": [8]})
    assert needs(stranger, windows, before).tolist() == [NO_NEED]
    assert needs(rows.iloc[:0], windows, before).empty


def test_on_a_calendar_needs_are_of_the_days_that_it_moves_to_the_window(tmp_path: Path) -> None:
    _, found = planted()
    kinds = list(KINDS)
    turned = [kinds[(kinds.index(kind) + 1) % 4] for kind in PLANTED]
    later = lines_of(turned, seed=4, n_days=100).assign(day=lambda f: (f["day"] + 100).astype("int32"))
    later["basket_id"] += 500
    lines = pd.concat([lines_of(PLANTED, seed=3, n_days=100), later], ignore_index=True)
    paths = stored(tmp_path, lines)
    rows = pd.DataFrame({"household_key": np.arange(1, 121), "window": 0})

    def needs(windows: pd.DataFrame, lines: pd.DataFrame | Path, calendar: pd.DataFrame | None = None) -> list[str]:
        found_needs = window_needs(
            rows.assign(window=windows["window"].iloc[0]),
            "window",
            windows,
            found.model,
            lines,
            paths["products"],
            ENGINE,
            calendar,
        )
        return found_needs.tolist()

    # Every second day of either half, and one of the latter twice over, closed up from day 500.
    days = np.array([*range(1, 101, 4), *range(101, 201, 4), *[150] * 9])
    calendar = pd.DataFrame({"day": days, "new_day": 500 + np.arange(len(days)), "copy": 0, "n_copies": 1})
    moved = lines.merge(calendar[["day", "new_day"]], on="day").assign(day=lambda f: f["new_day"].astype("int32"))
    copies = moved.groupby(["household_key", "basket_id", "day"], sort=False).ngroup()
    moved = moved.drop(columns="new_day").assign(basket_id=copies.astype("int64"))
    whole, early = one_window(500, 600), one_window(500, 524)
    for window in (whole, early):
        assert needs(window, paths["transactions"], calendar) == needs(window, moved)
    assert needs(early, paths["transactions"], calendar) != needs(whole, paths["transactions"], calendar)
    assert set(needs(one_window(1, 200), paths["transactions"], calendar)) == {NO_NEED}


def test_a_basket_over_two_days_is_one_on_its_first(tmp_path: Path) -> None:
    lines = pd.DataFrame(
        {"household_key": 1, "basket_id": [1, 1, 1, 2], "day": [4, 5, 5, 5], "product_id": PRODUCTS["product_id"][0]}
    ).assign(sales_value=1.0)
    paths = stored(tmp_path, lines_of(PLANTED[:1]).head(4).assign(**lines))
    goods = Goods("commodities", (str(PRODUCTS["commodity_desc"][0]),), "set", 1.0)
    given = goods, paths["transactions"], paths["products"], ENGINE
    by_day = bought_by_day(*given)
    assert by_day[["day", "baskets"]].to_numpy().tolist() == [[4, 1], [5, 1]]
    # Kept, until the file is another.
    assert bought_by_day(*given) is by_day
    stored(tmp_path, lines_of(PLANTED[:1]).head(4).assign(**lines.assign(day=9)).iloc[:3])
    assert bought_by_day(*given)[["day", "baskets"]].to_numpy().tolist() == [[9, 1]]
    # Of many lines, those that the days of the windows can need.
    stored(tmp_path, lines_of(PLANTED[:1]).head(4).assign(**lines))
    few = (*given[:3], ENGINE.model_copy(update={"rows_at_once": 3}))
    for first, days in ((4, [4, 5]), (5, [5]), (6, [])):
        found = bought_by_day(*few, days=(first, 9))
        assert found.loc[found["day"] >= first, ["day", "baskets"]].to_numpy().tolist() == [[day, 1] for day in days]
    assert bought_by_day(*few, days=(4, 5))["day"].tolist() == [4]
    stored(tmp_path, lines_of(PLANTED[:1]).head(4).assign(**lines.assign(day=9)).iloc[:3])
    windows = pd.concat([one_window(1, 4), one_window(1, 9).assign(window=1)])
    both = bought_in(windows, *given)
    assert both[["window", "baskets", "sales"]].to_numpy().tolist() == [[1, 1, 3.0]]


# ---------------------------------------------------------------------------------------------------------- bad input


def test_without_commodities_departments_are_read_and_it_is_said(tmp_path: Path) -> None:
    departments = tuple(f"DEPT {place // 3}" for place in range(len(PRODUCTS)))
    products = products_of((None,) * len(PRODUCTS), departments)
    found = found_in(stored(tmp_path, lines_of(PLANTED), products), QUICK.model_copy(update={"n_tags": 4}))
    assert set(found.need_definitions["source"]) == {"departments"}
    assert "0 commodities with 0% of sales are too few" in found.need_definitions["source_reason"].iloc[0]
    assert share_found(found.household_needs) > 0.8


@pytest.mark.parametrize("commodities", [("ONLY",) * len(PRODUCTS), (None,) * len(PRODUCTS)])
def test_with_one_commodity_nobody_has_a_need_and_the_reason_is_told(
    tmp_path: Path, commodities: tuple[str | None, ...]
) -> None:
    found = found_in(stored(tmp_path, lines_of(PLANTED[::6]), products_of(commodities)))
    assert (found.household_needs["need"] == NO_NEED).all() and len(found.household_needs) == 20
    assert found.need_definitions.empty and found.household_tags.empty and found.need_lift.empty
    assert "commodities with" in found.start_reason and "departments with" in found.start_reason
    rows = pd.DataFrame({"household_key": [1], "campaign": [8]})
    none = window_needs(rows, "campaign", one_window(1, 9), found.model, Path("no"), Path("no"), ENGINE)
    assert none.tolist() == [NO_NEED]


def test_without_any_product_nobody_has_a_need(tmp_path: Path) -> None:
    found = found_in(stored(tmp_path, lines_of(PLANTED[::6]), PRODUCTS.iloc[:0]))
    assert (found.household_needs["need"] == NO_NEED).all()
    save_need_model(found.model, tmp_path / "m.npz")
    assert load_need_model(tmp_path / "m.npz").layers == {}


def test_thirty_households_and_three_weeks_of_history(tmp_path: Path) -> None:
    found = found_in(stored(tmp_path, lines_of(PLANTED[::4], n_days=21)), NeedSettings(n_refits=2))
    assert len(found.household_needs) == 30 and (found.household_needs["need"] != NO_NEED).all()
    assert found.need_agreement.empty and found.need_lift.empty
    few = found_in(stored(tmp_path / "few", lines_of(PLANTED[::10])), QUICK)
    assert (few.household_needs["need"] == NO_NEED).all() and "12 households" in few.start_reason


def test_a_household_without_known_goods_has_no_need(tmp_path: Path) -> None:
    lines = lines_of(PLANTED)
    lines.loc[lines["household_key"] == 7, "product_id"] = 98
    lines.loc[lines["household_key"] == 8, "sales_value"] = 0.0
    needs = found_in(stored(tmp_path, lines)).household_needs.set_index("household_key")["need"]
    assert (needs == NO_NEED).sum() == 2 and needs[[7, 8]].tolist() == [NO_NEED] * 2


def test_settings_of_needs_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs\.need_range must be two numbers from 2 to 20, the smaller first"):
        load_settings(needs={"need_range": (5, 3)})


# ---------------------------------------------------------------------------------------------------------- by hand


def test_taming_by_hand() -> None:
    baskets = csr_matrix(np.array([[4.0, 1.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    weights = rarity_weights(baskets, 2.0)
    expected = [(np.log(4 / 3) + 1) ** 2, (np.log(4 / 2) + 1) ** 2, (np.log(4) + 1) ** 2]
    assert weights.tolist() == pytest.approx(expected)
    assert rarity_weights(baskets, 0.0).tolist() == [1.0] * 3
    rows = tamed(baskets, np.array([1.0, 2.0, 5.0])).toarray()
    assert np.allclose(rows, [[0.5**0.5, 0.5**0.5, 0], [1, 0, 0], [0, 0, 0]])


def test_scores_are_the_least_squares_of_scipy() -> None:
    from scipy.optimize import nnls

    rng = np.random.default_rng(1)
    matrix, loadings = rng.random((40, 12)), rng.random((4, 12))
    found = Layer(loadings, np.ones(4)).raw_scores(csr_matrix(matrix))
    assert np.allclose(found, [nnls(loadings.T, row)[0] for row in matrix], atol=1e-5)
    scaled = Layer(loadings, np.array([1.0, 2.0, 1.0, 1.0])).scores(csr_matrix(matrix))
    assert np.allclose(scaled[:, 1], found[:, 1] / 2)
    with pytest.raises(ValueError, match="13 needs of 40 households and 12 kinds"):
        fit_layer(csr_matrix(matrix), 13, 1)


def test_leading_needs_by_hand() -> None:
    scores = np.array([[0.4, 0.1], [0.1, 0.3], [0.0, 0.0]])
    found = household_needs(np.array([1, 2, 3]), scores, ["fresh", "baby"])
    assert found["need"].tolist() == ["fresh", "baby", NO_NEED]
    assert found["need_margin"].tolist() == pytest.approx([0.3, 0.2, 0.0])
    nobody = household_needs(np.array([1, 2]), np.zeros((2, 0)), [])
    assert nobody["need"].tolist() == [NO_NEED] * 2
    segments = pd.DataFrame({"household_key": [1, 2, 3], "segment": ["a", "b", "b"]})
    assert segment_needs(found, segments) == {"a": "fresh", "b": "baby"}
    assert segment_needs(nobody, segments.head(2)) == {"a": NO_NEED, "b": NO_NEED}
    alike = pd.DataFrame({"household_key": range(100), "need": ["fresh", "baby"] * 50})
    halves = pd.DataFrame({"household_key": range(100), "segment": ["a"] * 50 + ["b"] * 50})
    assert segment_needs(alike, halves) == {"a": NO_NEED, "b": NO_NEED}


def test_lift_own_goods_and_kappa_by_hand() -> None:
    overall = np.array([50.0, 30.0, 19.99, 0.01, 0.0])
    lift = lifts_of(np.array([10.0, 30.0, 10.0, 0.005, 0.0]), overall)
    assert lift[:3].tolist() == pytest.approx([0.4, 2.0, 1.0], rel=1e-3) and lift[4] == 0
    assert own_goods(np.array([0.4, 2.0, 1.5, 9.0, 0.0]), overall, 3, 0.001).tolist() == [1, 2]
    assert own_goods(np.array([0.4, 2.0, 1.5, 9.0, 0.0]), overall, 1, 0.0).tolist() == [3]
    assert kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])) == pytest.approx(0.5)
    assert np.isnan(kappa(np.array([0, 0]), np.array([0, 0])))
    windows = quarter_windows(1, N_DAYS, 91)
    assert windows["index_day"].iloc[-1] == N_DAYS + 1 and len(windows) == 4
    assert (windows["index_day"] - windows["first_day"] == 91).all() and len(quarter_windows(1, 21, 91)) == 0


# ---------------------------------------------------------------------------------------------------------- the model


def test_a_model_is_stored_number_for_number_and_damage_is_told(tmp_path: Path) -> None:
    _, found = planted()
    path = tmp_path / "need_model.npz"
    assert previous_needs(path) == (None, "first run")
    save_need_model(found.model, path)
    again = load_need_model(path)
    assert again.goods == found.model.goods and again.names == found.model.names
    for level, layer in found.model.layers.items():
        assert np.array_equal(again.layers[level].loadings, layer.loadings)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NeedModelError, match="is no model of needs"):
        load_need_model(path)
    assert previous_needs(path)[0] is None and "no model of needs" in previous_needs(path)[1]
    broken = replace(found.model, weights=found.model.weights[:-1])
    save_need_model(broken, path)
    with pytest.raises(NeedModelError, match="does not fit together"):
        load_need_model(path)


def test_the_needs_that_a_simulated_retailer_plants_are_found(tmp_path: Path) -> None:
    from dunnhumby_pipeline.segmentation.segments.stability import adjusted_rand
    from dunnhumby_pipeline.simulate.plan import RetailerPlan
    from dunnhumby_pipeline.simulate.simulate import simulate

    raw = simulate(tmp_path / "raw", RetailerPlan(n_households=400, n_days=400, n_products=600, needs=8)).folder
    truth = pd.read_parquet(raw / "truth" / "households.parquet").sort_values("household_key")
    products = pd.read_csv(raw / "product.csv", dtype={"COMMODITY_DESC": "str"}).rename(columns=str.lower)
    lines = pd.read_csv(raw / "transaction_data.csv").rename(columns=str.lower)
    paths = stored(
        tmp_path / "tables", lines.astype(dict.fromkeys(("day", "week_no", "trans_time"), "int32")), products
    )
    found = found_in(paths, NeedSettings(n_refits=3, n_tags=6))
    needs = found.household_needs.set_index("household_key")["need"].reindex(truth["household_key"])
    codes = [pd.Categorical(each).codes.astype(np.int64) for each in (truth["need"], needs.to_numpy())]
    table = pd.crosstab(truth["need"].to_numpy(), needs.to_numpy())
    assert adjusted_rand(*codes) > 0.6, table
    for planted_need, named in (("baby", "baby"), ("natural and organic", "natural and organic")):
        assert table.loc[planted_need].idxmax() == named
    assert found.need_selection.query("level == 'label' and chosen")["n_needs"].tolist() == [4]
