"""Each picture draws the numbers it is given, names its axes with units, and says which column is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dunnhumby_pipeline.figures import causal, frames, segmentation, targeting, words
from dunnhumby_pipeline_tests import invented_tables as invented


def labels(axes: Axes) -> list[str]:
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def printed(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def line(axes: Axes, label: str) -> np.ndarray:
    """The drawn points, (x, y), of the line whose label begins with `label`."""
    found = [drawn for drawn in axes.get_lines() if str(drawn.get_label()).startswith(label)]
    assert found, [drawn.get_label() for drawn in axes.get_lines()]
    return np.vstack([np.asarray(drawn.get_xydata()) for drawn in found])


DRAWINGS: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], Figure], str]] = {
    "factor_loadings": (invented.factor_loadings, segmentation.factor_loadings_heatmap, "loading"),
    "segments": (invented.segments, segmentation.segment_sizes, "segment_name"),
    "factor_selection": (invented.factor_selection, segmentation.factor_selection_curve, "centred_r2"),
    "segment_stability": (invented.segment_stability, segmentation.stability_distribution, "ari"),
    "propensity": (invented.propensity, causal.propensity_overlap, "propensity"),
    "covariate_balance": (invented.covariate_balance, lambda frame: causal.love_plot(frame, 0.1), "smd"),
    "average_effects": (invented.average_effects, causal.effects_forest, "ci_lower"),
    "roi_curve": (invented.roi_curve, targeting.roi_curve, "share_targeted"),
    "policy_value": (invented.policy_value, targeting.policy_comparison, "claimed_value"),
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


@pytest.mark.parametrize("table", DRAWINGS)
def test_everything_drawn_lies_inside_the_picture(table: str) -> None:
    make, draw, _ = DRAWINGS[table]
    figure = draw(make())
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    drawn = figure.get_tightbbox()
    assert drawn.x0 > -0.01 and drawn.x1 < width + 0.01
    assert drawn.y0 > -0.01 and drawn.y1 < height + 0.01


def test_drawing_leaves_the_process_as_it_was() -> None:
    # Reading the backend would choose one, and so load pyplot.
    code = (
        "import sys, matplotlib\n"
        "keys = set(matplotlib.rcParams) - {'backend'}\n"
        "def state(): return {key: matplotlib.rcParams[key] for key in keys}\n"
        "before = state()\n"
        "from dunnhumby_pipeline_tests import invented_tables as invented\n"
        "from dunnhumby_pipeline.figures import targeting\n"
        "targeting.roi_curve(invented.roi_curve())\n"
        "assert 'matplotlib.pyplot' not in sys.modules and state() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_loadings_are_shaded_and_printed_under_their_factor() -> None:
    loadings = pd.DataFrame(
        [
            ("factor_1", "baskets", 0.05),
            ("factor_1", "spend_fresh", 1.0),
            ("factor_2", "baskets", 1.0),
            ("factor_2", "spend_fresh", 0.25),
            ("factor_10", "baskets", 0.4),
            ("factor_10", "spend_fresh", 0.0),
        ],
        columns=["factor", "feature", "loading"],
    )
    (axes,) = segmentation.factor_loadings_heatmap(loadings).axes
    assert np.allclose(np.asarray(axes.get_images()[0].get_array()), [[1.0, 0.25, 0.0], [0.05, 1.0, 0.4]])
    assert labels(axes) == ["Spend fresh", "Baskets"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["Factor 1", "Factor 2", "Factor 10"]
    assert sorted(printed(axes)) == ["0.25", "0.40", "1.00", "1.00"]
    assert "Factor" in axes.get_xlabel() and axes.get_ylabel() == "Feature"


def test_segment_bars_have_the_households_largest_first() -> None:
    (axes,) = segmentation.segment_sizes(invented.segments()).axes
    sizes = [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]
    assert sizes == [524, 509, 339, 318, 318, 299, 193]
    assert labels(axes)[0] == "Light grocery"
    assert printed(axes)[0] == "524  (21%)"
    assert axes.get_xlabel() == "Households" and axes.get_ylabel() == "Segment"


def test_a_name_is_never_read_as_mathematics() -> None:
    named = invented.segments().assign(segment="all", segment_name="between $5 and $10")
    (axes,) = segmentation.segment_sizes(named).axes
    assert labels(axes) == ["between $5 and $10"]
    assert not axes.get_yticklabels()[0].get_parse_math()


def test_the_factor_curve_has_both_variances_and_the_error() -> None:
    scan = invented.factor_selection()
    explained, error = segmentation.factor_selection_curve(scan, chosen=5).axes
    assert np.allclose(line(explained, "pooled")[:, 1], scan["pooled_r2"])
    assert np.allclose(line(explained, "column-centred")[:, 1], scan["centred_r2"])
    assert np.allclose(error.get_lines()[0].get_ydata(), scan["reconstruction_error"])
    assert line(explained, "in use: 5")[0, 0] == 5
    assert "%" in explained.get_ylabel() and "error" in error.get_ylabel()


def test_stability_has_a_point_a_refit_and_the_mean_of_each_start() -> None:
    refits = invented.segment_stability()
    (axes,) = segmentation.stability_distribution(refits, {"warm": 0.5, "cold": 0.4}).axes
    assert sorted(line(axes, "_refits")[:, 0]) == pytest.approx(sorted(refits["ari"]))
    assert labels(axes) == ["Warm start", "Cold start"]
    warm = refits.loc[refits["start"] == "warm", "ari"].mean()
    assert any(text.startswith(f"mean {warm:.2f}") for text in printed(axes))
    assert {"floor 0.50", "floor 0.40"} <= set(printed(axes))
    assert "Adjusted Rand index" in axes.get_xlabel()


def test_propensities_are_mirrored_shares_of_each_arm() -> None:
    scores = invented.propensity()
    whole, *waves = causal.propensity_overlap(scores, (0.2, 0.8)).axes
    treated, control = whole.containers
    for bars, arm, side in ((treated, 1, 1), (control, 0, -1)):
        values = scores.loc[scores["treated"] == arm, "propensity"]
        heights = [bar.get_height() for bar in bars]
        assert sum(heights) == pytest.approx(side)
        assert heights[0] == pytest.approx(side * (values < 0.025).mean())
    outside = (~scores["propensity"].between(0.2, 0.8)).mean()
    named = [str(patch.get_label()) for patch in whole.patches]
    assert f"outside 0.2 to 0.8: {words.percent(outside)} of trials" in named
    assert len(waves) == len(invented.WAVES) and waves[0].get_title("left").startswith("Wave 8: ")
    assert "Propensity" in whole.get_xlabel() and "%" in whole.get_ylabel()


def test_one_wave_needs_no_small_panels() -> None:
    scores = invented.propensity()
    assert len(causal.propensity_overlap(scores.loc[scores["campaign"] == 8]).axes) == 1


def test_the_love_plot_has_the_worst_covariates_and_the_ceiling() -> None:
    balance = invented.covariate_balance()
    (axes,) = causal.love_plot(balance, ceiling=0.1, max_rows=5).axes
    raw = balance.loc[balance["weighting"] == "none"].set_index("covariate")["smd"].abs()
    worst = raw.sort_values(ascending=False).head(5)
    assert np.allclose(line(axes, "unweighted")[:, 0], worst)
    assert np.allclose(line(axes, "overlap weights")[:, 0], 0.06 * worst)
    assert np.allclose(line(axes, "entropy balancing")[:, 0], 0.002 * worst)
    assert labels(axes) == [words.spoken(covariate) for covariate in worst.index]
    assert line(axes, "ceiling 0.1")[0, 0] == 0.1
    assert f"{len(raw) - 5} more covariates" in axes.get_xlabel()


def test_a_covariate_over_the_ceiling_is_drawn_whatever_its_unweighted_difference() -> None:
    balance = invented.covariate_balance()
    spoilt = (balance["covariate"] == "age_unknown") & (balance["weighting"] == "overlap")
    balance.loc[spoilt, "smd"] = -3.0
    (axes,) = causal.love_plot(balance, ceiling=0.1, max_rows=5).axes
    assert "Age unknown" in labels(axes)


def test_the_forest_has_every_estimator_and_every_wave() -> None:
    effects = invented.average_effects()
    whole, waves = causal.effects_forest(effects).axes
    spend = effects.loc[effects["outcome"] == "purchase_amount"]
    assert np.allclose(line(whole, "_estimate")[:, 0], spend.loc[spend["wave"] == "all", "estimate"])
    bounds = spend.loc[spend["wave"] == "all", ["ci_lower", "ci_upper"]].to_numpy().ravel()
    assert np.allclose(line(whole, "_interval")[:, 0], bounds)
    assert np.allclose(line(waves, "_estimate")[:, 0], [48, 57, 66, 75, 84])
    assert labels(whole)[0] == "Naive difference (association)"
    assert labels(waves) == ["Wave 8", "Wave 13", "Wave 18", "Wave 26", "Wave 30"]
    assert "$66 (35 to 97)" in printed(whole)
    assert waves.get_xlabel() == "Effect on spend ($ per household)"


def test_an_estimate_without_an_interval_is_a_point_alone() -> None:
    effects = invented.average_effects().assign(ci_lower=np.nan)
    whole, _ = causal.effects_forest(effects).axes
    assert not [drawn for drawn in whole.get_lines() if drawn.get_label() == "_interval"]
    assert "$66.3" in printed(whole)


def test_the_roi_curve_starts_at_zero_and_shows_targeting_at_random() -> None:
    curve = invented.roi_curve()
    (axes,) = targeting.roi_curve(curve, chosen_share=0.58).axes
    drawn = line(axes, "largest estimated effects first")
    assert tuple(drawn[0]) == (0, 0)
    assert np.allclose(drawn[1:], curve[["share_targeted", "value"]])
    assert np.allclose(line(axes, "at random"), [[0, 0], [1, curve["value"].iloc[-1]]])
    assert line(axes, "policy in use: 58%")[0, 0] == 0.58
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert band[:, 1].max() == pytest.approx(curve["ci_upper"].max())
    assert band[:, 1].min() == pytest.approx(curve["ci_lower"].min())
    assert "%" in axes.get_xlabel() and "$" in axes.get_ylabel()


def test_random_targeting_is_unknown_when_the_curve_stops_short() -> None:
    (axes,) = targeting.roi_curve(invented.roi_curve().iloc[:-1]).axes
    assert "at random" not in [drawn.get_label() for drawn in axes.get_lines()]


def test_policies_show_the_honest_value_beside_the_claimed_one() -> None:
    policies = invented.policy_value()
    (axes,) = targeting.policy_comparison(policies).axes
    assert np.allclose(line(axes, "value claimed by the model")[:, 0], policies["claimed_value"])
    honest = np.vstack([line(axes, "honest value"), line(axes, "_estimate")])
    assert np.allclose(honest[:, 0], policies["value"])
    assert "$6.1 (3.6 to 8.6), claimed $12.4" in printed(axes)
    bold = [tick.get_text() for tick in axes.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["Effect above breakeven (58%)"]
    assert "$" in axes.get_xlabel()


@pytest.mark.parametrize(
    ("estimate", "lower", "upper", "written"),
    [
        (66.3, 35.3, 97.3, "$66 (35 to 97)"),
        (66.3, -119.7, 252.4, "$66 (-120 to 252)"),
        (15260, 8881.1, 21618.9, "$15,300 (8,900 to 21,600)"),
        (2.414, 1.12, 3.70, "$2.4 (1.1 to 3.7)"),
        (-4657.2, -9000, -300, "-$4,660 (-9,000 to -300)"),
        (31.0, 0.3, 61.7, "$31.0 (0.3 to 61.7)"),
        (5.0, np.nan, np.nan, "$5.00"),
        (0.0, 0.0, 0.0, "$0"),
        (np.nan, 0.0, 1.0, words.NOTHING),
    ],
)
def test_intervals_are_as_precise_as_they_are_wide(estimate: float, lower: float, upper: float, written: str) -> None:
    assert words.interval(estimate, lower, upper, "$").replace(words.MINUS, "-") == written


def test_waves_stand_as_the_table_lists_them_after_all_of_them() -> None:
    waves = pd.DataFrame({"wave": ["30", "8", "all", "13"]})
    assert list(frames.in_wave_order(waves)["wave"]) == ["all", "30", "8", "13"]
