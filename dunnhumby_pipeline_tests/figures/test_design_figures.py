"""Pictures of the design: every count in its box, every arrow downward, every design in its row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.transforms import Bbox

from dunnhumby_pipeline.figures.campaign import design
from dunnhumby_pipeline.figures.kit import layers
from dunnhumby_pipeline.figures.kit.boxes import Sheet
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline_tests.fakes.drawn import covered, labels, line, printed
from dunnhumby_pipeline_tests.fakes.results.campaign import causal_graph, design_comparison, trial_flow
from dunnhumby_pipeline_tests.fakes.results.customers import frame_of

DRAWINGS: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], Figure], str]] = {
    "trial_flow": (trial_flow, design.trial_flow, "n_excluded"),
    "causal_graph": (causal_graph, design.causal_graph, "meaning"),
    "design_comparison": (design_comparison, design.design_comparison, "ato_upper"),
}


@pytest.mark.parametrize("table", DRAWINGS)
def test_a_missing_column_is_named(table: str) -> None:
    make, draw, column = DRAWINGS[table]
    with pytest.raises(ValueError, match=rf"{table} lacks the column\(s\) {column}"):
        draw(make().drop(columns=column))


@pytest.mark.parametrize("table", DRAWINGS)
def test_an_empty_table_is_named(table: str) -> None:
    make, draw, _ = DRAWINGS[table]
    with pytest.raises(ValueError, match=f"{table} has no rows"):
        draw(make().iloc[:0])


def boxes(figure: Figure) -> list[Bbox]:
    return [patch.get_window_extent() for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def texts_outside_their_box(figure: Figure) -> list[str]:
    figure.draw_without_rendering()
    found, extents = [], boxes(figure)
    for text in figure.axes[0].texts:
        if text.get_text():
            extent = text.get_window_extent()
            inside = [
                box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0 and extent.y1 <= box.y1
                for box in extents
            ]
            if not any(inside):
                found.append(text.get_text())
    return found


def test_the_flow_has_who_is_left_who_leaves_and_the_arms() -> None:
    figure = design.trial_flow(trial_flow().sample(frac=1, random_state=4))
    said = [text.replace("\n", " ") for text in printed(figure.axes[0]) if text]
    assert said[0] == "Seen in the data by the end of the outcome window n = 9,876"
    for text in (
        "Not sent a campaign of the type before n = 6,323",
        "2,797 left out: sent a campaign of the type before",
        "Trials n = 6,323",
        "Treated n = 1,472",
        "Control n = 4,851",
    ):
        assert text in said
    # Counts of single campaigns stay out.
    assert not any("2,470" in text for text in said)
    (left_out,) = [text for text in said if "campaigns left out" in text]
    assert "2 campaigns left out" in left_out
    assert "Campaign 26, which lists 332 households: fewer than 28 days of data lie before its first day" in left_out


def test_no_text_of_the_flow_leaves_its_box_however_long_it_is() -> None:
    table = trial_flow()
    assert texts_outside_their_box(design.trial_flow(table)) == []
    long = table.assign(
        stage=table["stage"].replace("shopped in the look-back", "x" * 150),
        reason=table["reason"].str.cat(["so that " * 20] * len(table)),
    )
    figure = design.trial_flow(long)
    assert texts_outside_their_box(figure) == [] and covered(figure) == []
    extents = boxes(figure)
    assert not [one for place, one in enumerate(extents) if any(one.overlaps(other) for other in extents[:place])]


def test_a_flow_without_campaigns_left_out_or_arms_is_drawn() -> None:
    table = trial_flow()
    some = table.loc[(table["campaign"] == "all") & ~table["stage"].isin(["treated", "control"])]
    said = printed(design.trial_flow(some).axes[0])
    assert not any("campaigns left out" in text or "Treated" in text for text in said)
    with pytest.raises(ValueError, match="trial_flow has no row about all campaigns"):
        design.trial_flow(table.loc[table["campaign"] != "all"])


def test_a_stage_may_leave_out_households_for_several_reasons() -> None:
    table = pd.concat(
        [
            trial_flow(),
            frame_of("campaign step stage n n_excluded reason", [("all", 4, "trials", 6000, 323, "moved away")]),
        ]
    )
    said = printed(design.trial_flow(table).axes[0])
    assert "323 left out: moved away" in said


def test_the_graph_has_every_node_once_and_dashes_what_is_not_measured() -> None:
    table = causal_graph()
    figure = design.causal_graph(table)
    said = {text.replace("\n", " ") for text in printed(figure.axes[0])}
    assert said == {terms.spoken(name) for name in {*table["cause"], *table["effect"]}}
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    texts = [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]
    dashed = {text for text, patch in zip(texts, patches, strict=True) if patch.get_linestyle() != "-"}
    assert dashed == {"Needs and plans", "Earlier purchases", "Retailer's own knowledge"}
    bold = {text.get_text() for text in figure.axes[0].texts if text.get_fontweight() == "bold"}
    assert bold == {"Campaign", "Outcome"}
    assert texts_outside_their_box(figure) == []


def test_arrows_that_are_assumed_absent_are_crossed_out() -> None:
    table = causal_graph()
    absent = table["meaning"].str.startswith("Assumed absent:").sum()
    (axes,) = design.causal_graph(table).axes
    assert len(line(axes, "_absent")) == absent == 2
    without = table.loc[~table["meaning"].str.startswith("Assumed absent:") & table["observed"]]
    figure = design.causal_graph(without)
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["into the campaign", "into the outcome", "the effect studied"]


def test_lines_of_the_graph_pass_beside_the_boxes() -> None:
    figure = design.causal_graph(causal_graph())
    figure.draw_without_rendering()
    extents = [extent.padded(-2) for extent in boxes(figure)]
    (axes,) = figure.axes
    lines = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    assert len(lines) > len(causal_graph()) / 2
    for drawn in lines:
        path = drawn.get_transform().transform_path(drawn.get_path())
        (corners,) = path.to_polygons(closed_only=False)
        points = np.vstack([np.linspace(start, end, 6) for start, end in pairwise(corners)])
        assert not any(extent.count_contains(points) for extent in extents)


def test_a_graph_with_a_circle_is_refused() -> None:
    table = pd.concat(
        [causal_graph(), frame_of("cause effect observed meaning", [("outcome", "campaign", True, "no")])]
    )
    with pytest.raises(ValueError, match=r"arrows run in a circle: .*outcome"):
        design.causal_graph(table)


@st.composite
def graphs(draw: st.DrawFn) -> list[layers.Edge]:
    n = draw(st.integers(2, 9))
    pairs = [(cause, effect) for cause in range(n) for effect in range(cause + 1, n)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=20, unique=True))
    kinds = draw(st.lists(st.sampled_from(["measured", "hidden"]), min_size=len(chosen), max_size=len(chosen)))
    return [layers.Edge(f"n{cause}", f"n{effect}", kind) for (cause, effect), kind in zip(chosen, kinds, strict=True)]


@given(graphs())
@settings(max_examples=25, deadline=None)
def test_every_arrow_runs_down_to_its_node_and_nothing_in_a_row_overlaps(edges: list[layers.Edge]) -> None:
    layout = layers.layered(edges, node_width=1.5, sheet=9.0)
    nodes = [item for row in layout.rows for item in row if not item.lane]
    assert sorted(item.node for item in nodes) == sorted({end for edge in edges for end in (edge.cause, edge.effect)})
    following = {}
    for part in layout.segments:
        assert part.end.layer == part.start.layer + 1
        following[part.start, part.end.node, part.kind] = part.end
    for edge in edges:
        at = next(item for item in nodes if item.node == edge.cause)
        while at.node != edge.effect or at.lane:
            at = following[at, edge.effect, edge.kind]
    for row in layout.rows:
        widths = [layers.LANE if item.lane else 1.5 for item in row]
        middles = np.array([layout.x[item] for item in row])
        apart = np.diff(middles) - (np.array(widths[1:]) + np.array(widths[:-1])) / 2
        assert (apart >= layers.GAP - 1e-6).all()
        assert middles[0] - widths[0] / 2 >= 0 and middles[-1] + widths[-1] / 2 <= layout.width


def test_rows_are_put_in_an_order_without_crossings_where_there_is_one() -> None:
    pairs = [("a", "z"), ("b", "y"), ("c", "x")]
    layout = layers.layered([layers.Edge(*pair, "measured") for pair in pairs], 1.5, 9.0)
    upper, lower = ([item.node for item in row] for row in layout.rows)
    assert [dict(pairs)[node] for node in upper] == lower


def test_text_is_wrapped_to_its_measured_width() -> None:
    sheet = Sheet()
    text = sheet.wrap("Wide WWWWWWWW words and " + "unbreakable" * 5, 1.2)
    assert text.replace("\n", "").replace(" ", "") == "WideWWWWWWWWwordsand" + "unbreakable" * 5
    assert max(sheet.measure(part)[0] for part in text.split("\n")) <= 1.2
    assert sheet.height_of(text) > sheet.height_of("one line")


def test_designs_have_their_measures_and_the_one_in_use_is_shaded_and_bold() -> None:
    table = design_comparison()
    auc, inside, smd, size, effect = design.design_comparison(table).axes
    assert labels(auc) == ["Sequential trials", "First eligible campaign", "Never-targeted controls"]
    assert [text.get_text() for text in auc.get_yticklabels() if text.get_fontweight() == "bold"] == [labels(auc)[0]]
    assert line(auc, "_auc")[:, 0].tolist() == table["auc"].to_list() and printed(auc) == ["0.87", "0.79", "0.99"]
    assert printed(inside) == ["55%", "61%", "17%"] and printed(size) == ["1,081", "398", "61"]
    assert line(smd, "_max_smd_weighted")[:, 0].tolist() == [0.09, 0.11, 0.61]
    assert "3.40 \N{RIGHTWARDS ARROW} 0.61" in printed(smd)
    for axes in (auc, inside, smd, size, effect):
        (shade,) = [patch for patch in axes.patches if patch.get_label() == "_chosen"]
        assert shade.get_extents().contains(*axes.transData.transform((axes.get_xlim()[1] * 0.9, 0)))
    assert line(effect, "naive difference")[:, 0].tolist() == table["naive"].to_list()
    assert np.allclose(line(effect, "_interval")[:, 0], table[["ato_lower", "ato_upper"]].to_numpy().ravel())
    assert "$8 (\N{MINUS SIGN}13 to 29); naive $295" in printed(effect)
    assert "$" in effect.get_xlabel()


def test_what_is_not_known_of_a_design_or_without_bound_is_written_not_drawn() -> None:
    table = design_comparison()
    table.loc[2, ["auc", "ess_treated", "ato", "ato_lower", "ato_upper"]] = None
    table.loc[2, "max_smd"] = np.inf
    figure = design.design_comparison(table)
    auc, _, smd, size, effect = figure.axes
    assert printed(auc)[2] == printed(size)[2] == numbers.NOTHING
    assert printed(smd)[2] == f"{numbers.INFINITY} \N{RIGHTWARDS ARROW} 0.61"
    assert printed(effect)[2] == f"{numbers.NOTHING}; naive $402"
    assert covered(figure) == []


def test_one_design_alone_is_drawn() -> None:
    assert len(design.design_comparison(design_comparison().head(1)).axes) == 5
