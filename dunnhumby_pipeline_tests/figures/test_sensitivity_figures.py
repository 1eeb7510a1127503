"""Pictures of doubt draw their tables, say where nothing can be drawn, and keep their texts apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.doubts.bounds import MONOTONE_BOTH
from dunnhumby_pipeline.causal.doubts.sensitivity import UPPER_BOUND
from dunnhumby_pipeline.figures.campaign import influence, sensitivity
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import terms
from dunnhumby_pipeline.words.numbers import MINUS
from dunnhumby_pipeline_tests.fakes.drawn import covered, labels, line, printed
from dunnhumby_pipeline_tests.fakes.results.campaign import average_effects
from dunnhumby_pipeline_tests.fakes.results.doubts import (
    GROUPS,
    confounder_benchmarks,
    confounding_contour,
    event_study,
    negative_controls,
    rosenbaum_bounds,
)
from dunnhumby_pipeline_tests.fakes.results.doubts import influence as influence_table
from dunnhumby_pipeline_tests.fakes.results.doubts import sensitivity as sensitivity_table

DRAWINGS: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], Figure], str]] = {
    "event_study": (event_study, sensitivity.event_study, "n_trials"),
    "negative_controls": (negative_controls, lambda frame: sensitivity.negative_controls(frame, 20.0), "n_days"),
    "influence": (influence_table, lambda frame: influence.influence(frame, 0.95, 0.25), "change_in_se"),
    "confounding_contour": (
        confounding_contour,
        lambda frame: sensitivity.confounding_contour(frame, confounder_benchmarks()),
        "limit",
    ),
    "confounder_benchmarks": (
        confounder_benchmarks,
        lambda frame: sensitivity.confounding_contour(confounding_contour(), frame),
        "group",
    ),
    "rosenbaum_bounds": (rosenbaum_bounds, sensitivity.rosenbaum, "hodges_lehmann_upper"),
    "sensitivity": (
        sensitivity_table,
        lambda frame: sensitivity.true_bounds(frame, average_effects(proven=False)),
        "quantity",
    ),
}


@pytest.mark.parametrize("table", DRAWINGS)
def test_a_missing_column_is_named(table: str) -> None:
    make, draw, column = DRAWINGS[table]
    with pytest.raises(ValueError, match=rf"{table} lacks the column\(s\) {column}"):
        draw(make().drop(columns=column))


@pytest.mark.parametrize("table", [table for table in DRAWINGS if table != "confounder_benchmarks"])
def test_an_empty_table_is_named(table: str) -> None:
    make, draw, _ = DRAWINGS[table]
    with pytest.raises(ValueError, match=f"{table} has no rows"):
        draw(make().iloc[:0])


def test_weeks_before_are_hollow_and_the_index_day_stands_between_the_phases() -> None:
    table = event_study()
    axes, sizes = sensitivity.event_study(table.sample(frac=1, random_state=3)).axes
    before, after = (found for found in axes.get_lines() if "the index day" in str(found.get_label()))
    assert np.allclose(before.get_xydata(), table.loc[table["week"] < 0, ["week", "estimate"]])
    assert np.allclose(after.get_xydata(), table.loc[table["week"] >= 0, ["week", "estimate"]])
    assert (before.get_markerfacecolor(), after.get_markerfacecolor()) == ("white", style.BLUE)
    assert line(axes, "index day")[0, 0] == -0.5
    ends = np.vstack([np.array(drawn.get_segments())[:, :, 1] for drawn in axes.collections])  # type: ignore[attr-defined]
    assert np.allclose(ends, table[["ci_lower", "ci_upper"]])
    assert axes.get_ylabel().replace("\n", " ") == "Effect on spend ($ per household and week)"
    assert [part[1, 1] for part in sizes.collections[0].get_segments()] == table["n_trials"].to_list()  # type: ignore[attr-defined]


def test_an_event_study_of_one_phase_is_drawn() -> None:
    table = event_study()
    axes, _ = sensitivity.event_study(table.loc[table["week"] >= 0].assign(ci_lower=np.nan)).axes
    assert len(line(axes, "after the index day")) == 12


def test_controls_have_a_panel_each_with_all_campaigns_first_and_what_excludes_zero_in_another_colour() -> None:
    table = negative_controls().iloc[::-1]
    campaign, outcome = sorted(sensitivity.negative_controls(table, 20.0).axes, key=lambda axes: axes.get_title("left"))
    assert labels(outcome) == [
        *("All campaigns (4,278 trials, 84 days)", "Campaign 18 (1,072 trials, 84 days)"),
        *("Campaign 13 (1,223 trials, 84 days)", "Campaign 8 (1,983 trials, 84 days)"),
    ]
    assert len(labels(campaign)) == 5 and labels(campaign)[0] == "All campaigns (6,101 trials, 56 days)"
    colours = {
        str(drawn.get_color())
        for axes in (outcome, campaign)
        for drawn in axes.get_lines()
        if drawn.get_label() == "_estimate" and float(np.asarray(drawn.get_xdata())[0]) > 25
    }
    assert colours == {style.VERMILION}
    assert {str(drawn.get_color()) for drawn in outcome.get_lines() if drawn.get_label() == "_estimate"} == {style.BLUE}
    assert "$32 (17 to 46)" in printed(campaign)
    assert "over the outcome window; under $20 shaded" in campaign.get_xlabel() + outcome.get_xlabel()
    for axes in (outcome, campaign):
        (band,) = axes.patches
        assert [band.get_x(), band.get_x() + band.get_width()] == pytest.approx([-20, 20])


def test_each_number_has_a_panel_with_and_without_the_households_that_move_it_most() -> None:
    figure = influence.influence(influence_table(), 0.95, 0.25)
    ato, ate, outcome, campaign = figure.axes
    assert ato.get_title("left") == "ATO: 14 effective of 2,404 households, ten carry 34% of the variance"
    assert labels(ato)[:2] == ["All households", "Without 1023 (26% of the variance)"] and len(labels(ato)) == 4
    assert f"$17 ({MINUS}7 to 41)" in printed(ato) and "$23 (2 to 45)" in printed(ato)
    assert len(labels(outcome)) == 3 and len(labels(ate)) == len(labels(campaign)) == 4
    for axes, n_beyond in ((ato, 1), (ate, 1), (outcome, 0), (campaign, 1)):
        drawn = [line for line in axes.get_lines() if line.get_label() == "_estimate"]
        assert sum(str(line.get_color()) == style.VERMILION for line in drawn) == n_beyond


def test_the_contour_marks_every_group_where_it_stands_in_roots() -> None:
    table = confounder_benchmarks()
    (axes,) = sensitivity.confounding_contour(confounding_contour(), table).axes
    drawn = line(axes, "as strong as")
    assert np.allclose(drawn, np.sqrt(table[["gain_treatment", "outcome_bound"]]))
    texts = {text.replace("\n", " ") for text in printed(axes)}
    assert {terms.spoken(group) for group in GROUPS} <= texts
    assert "includes zero already" in axes.get_title("left")


def test_the_zero_contour_lies_where_nothing_is_left() -> None:
    (axes,) = sensitivity.confounding_contour(confounding_contour(), confounder_benchmarks()).axes
    (zero,) = [drawn for drawn in axes.collections if np.allclose(drawn.get_linewidths(), 2.6)]
    across, up = np.vstack([path.vertices for path in zero.get_paths()]).T ** 2
    left = 14.7 - 320 * np.sqrt(up * across / (1 - across))
    assert np.abs(left).max() < 0.3


def test_an_interval_that_excludes_zero_is_not_said_to_include_it() -> None:
    # What is left at no confounding is the interval's limit, not the estimate.
    (axes,) = sensitivity.confounding_contour(confounding_contour(start=4.0), confounder_benchmarks(22.0)).axes
    assert axes.get_title("left") == ""


@pytest.mark.parametrize(
    ("start", "slope", "said"),
    [
        (-2.0, -100.0, "Nothing is left even without a confounder"),
        (40.0, -10.0, "No confounder of these strengths takes all of the effect"),
        # Of an effect below zero a confounder takes away upward.
        (-40.0, 10.0, "No confounder of these strengths takes all of the effect"),
        (3.0, 100.0, "Nothing is left even without a confounder"),
    ],
)
def test_a_picture_without_a_zero_contour_says_why(start: float, slope: float, said: str) -> None:
    (axes,) = sensitivity.confounding_contour(confounding_contour(start, slope), confounder_benchmarks()).axes
    assert axes.get_title("left").startswith(said)
    assert "nothing is left of the effect" not in [str(drawn.get_label()) for drawn in axes.get_lines()]


def test_a_contour_needs_no_benchmarks_and_survives_endless_limits() -> None:
    grid = confounding_contour()
    grid.loc[grid["gain_treatment"] > 0.085, "limit"] = -np.inf
    (axes,) = sensitivity.confounding_contour(grid, confounder_benchmarks().iloc[:0]).axes
    assert axes.get_title("left") == ""
    assert "as strong as" not in "".join(str(drawn.get_label()) for drawn in axes.get_lines())
    level = confounding_contour(start=5.0, slope=0.0)
    assert covered(sensitivity.confounding_contour(level, confounder_benchmarks(5.0))) == []


def test_a_group_beyond_the_grid_stands_at_the_edge() -> None:
    table = confounder_benchmarks()
    table.loc[table["group"] == "recency", "gain_treatment"] = 0.7
    (axes,) = sensitivity.confounding_contour(confounding_contour(), table).axes
    assert np.allclose(line(axes, "stronger"), [[np.sqrt(0.09), np.sqrt(0.041)]])
    assert len(line(axes, "as strong as")) == len(GROUPS) + 1


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_groups_stay_apart_wherever_they_fall(seed: int) -> None:
    random = np.random.default_rng(seed)
    table = confounder_benchmarks().assign(
        outcome_bound=random.exponential(0.004, len(GROUPS) + 2),
        gain_treatment=random.exponential(0.004, len(GROUPS) + 2),
    )
    assert covered(sensitivity.confounding_contour(confounding_contour(furthest=0.05), table)) == []


def test_rosenbaum_bounds_say_where_p_passes_the_line() -> None:
    table = rosenbaum_bounds()
    axes, effect = sensitivity.rosenbaum(table).axes
    # 0.004 exp(14 (gamma - 1)) = 0.05.
    crossing = 1 + np.log(0.05 / 0.004) / 14
    assert axes.get_title("left") == f"p passes 5% at gamma {crossing:.2f}"
    assert np.allclose(line(axes, "upper bound of p")[:, 1], table["p_value_upper"])
    assert line(axes, "lower bound of p")[:, 1].min() == sensitivity.LEAST_P
    assert line(axes, "5%")[0, 1] == 0.05
    assert np.allclose(line(effect, "_effect")[: len(table), 1], table["hodges_lehmann_lower"])
    assert "1,371 pairs" in effect.get_title("left") and "$" in effect.get_ylabel()


@pytest.mark.parametrize(
    ("start", "said"), [(0.31, "p is 0.31 without any hidden bias"), (1e-20, "p stays under 5% to gamma 3")]
)
def test_rosenbaum_bounds_that_never_pass_say_so(start: float, said: str) -> None:
    axes, _ = sensitivity.rosenbaum(rosenbaum_bounds(start)).axes
    assert axes.get_title("left") == said


def test_pairs_that_do_not_differ_leave_nothing_to_draw() -> None:
    figure = sensitivity.rosenbaum(rosenbaum_bounds().assign(p_value_lower=np.nan, p_value_upper=np.nan))
    assert not figure.axes and "nothing to explain" in figure.texts[0].get_text()


def test_bounds_are_ranges_below_the_estimates_and_far_ends_are_cut() -> None:
    (axes,) = sensitivity.true_bounds(sensitivity_table(), average_effects(proven=False)).axes
    assert labels(axes) == [
        "AIPW (ATE)",
        "Overlap weighted (ATO)",
        "No assumption",
        "Being targeted lowers nobody's spend",
        "Those targeted would have had at least as much as the others anyway",
        "Both assumptions",
    ]
    assert line(axes, "_estimate")[:, 0].tolist() == [14.7, 8.0]
    ranges = line(axes, "_range").reshape(4, 2, 2)
    assert np.allclose(ranges[3, :, 0], [0.0, 295.0]) and ranges[3, 0, 1] == 5
    assert (ranges[0, :, 0] > axes.get_xlim()[0]).all() and axes.get_xlim()[0] > -1000
    arrows = [(drawn.get_marker(), float(np.asarray(drawn.get_ydata())[0])) for drawn in axes.get_lines()]
    assert {arrow for arrow in arrows if arrow[0] in "<>"} == {("<", 2.0), (">", 2.0), (">", 3.0), ("<", 4.0)}
    assert "\N{MINUS SIGN}$1,890 to $2,640" in printed(axes)


def test_doubts_of_another_outcome_have_its_unit() -> None:
    table = sensitivity_table()
    (axes,) = sensitivity.true_bounds(table, average_effects(proven=False), "purchase_count").axes
    assert labels(axes)[:2] == ["AIPW (ATE)", "Overlap weighted (ATO)"] and len(labels(axes)) == 6
    _, effect = sensitivity.rosenbaum(rosenbaum_bounds(), outcome="purchase_count").axes
    (left,) = sensitivity.confounding_contour(confounding_contour(), confounder_benchmarks(), "purchase_count").axes
    for panel, said in ((axes, axes.get_xlabel()), (effect, effect.get_ylabel()), (left, left.get_ylabel())):
        assert "visits" in said and "$" not in "".join([said, *printed(panel)])
    (left,) = sensitivity.confounding_contour(
        confounding_contour(0.147, -3.2), confounder_benchmarks(0.147), "redeemed"
    ).axes
    assert "includes zero already" in left.get_title("left") and "12" in printed(left)


def test_bounds_stand_alone_without_estimates() -> None:
    (axes,) = sensitivity.true_bounds(sensitivity_table()).axes
    assert len(labels(axes)) == 4


def test_bounds_that_contradict_each_other_say_so() -> None:
    table = sensitivity_table()
    table.loc[(table["analysis"] == MONOTONE_BOTH) & (table["quantity"] == UPPER_BOUND), "estimate"] = -40.0
    (axes,) = sensitivity.true_bounds(table).axes
    assert printed(axes)[-1] == "$0 to \N{MINUS SIGN}$40.0: contradicted"


def test_a_table_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="sensitivity has no bounds of the average effect"):
        sensitivity.true_bounds(sensitivity_table().head(1))
