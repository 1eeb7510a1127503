"""Pictures of movement with the noise taken out: what is measured, its ceiling, what is left, and what labels tell."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from dunnhumby_pipeline.figures.customers import flows, migration, noise
from dunnhumby_pipeline_tests.fakes.drawn import columns, covered, labels, line, printed, shaded
from dunnhumby_pipeline_tests.fakes.results import customers
from dunnhumby_pipeline_tests.fakes.results import noise as results


def bars(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_each_label_has_its_rate_its_ceiling_and_what_is_left() -> None:
    figure = noise.stay_and_ceiling(results.movement_noise())
    (axes,) = figure.axes
    assert labels(axes) == ["Segment", "Value tier", "Need", "Smoothed segment"]
    assert line(axes, "measured between periods")[0, 0] == 0.6
    assert line(axes, "ceiling: nothing changes, only noise")[0, 0] == 0.64
    assert line(axes, "noise taken out")[0, 0] == 0.92
    assert printed(axes) == ["8% really change"] * 3 + ["4% moved beyond noise"]
    assert "shares no day" in axes.get_xlabel()
    assert covered(figure) == []


def test_of_neighbours_only_what_is_noise_is_said() -> None:
    (axes,) = noise.stay_and_ceiling(results.movement_noise().query("~apart")).axes
    assert set(printed(axes)) == {"90% of changes is noise"}
    assert axes.get_xlabel() == "Households with the same label in the next period (%)"


def test_what_is_not_known_is_left_out() -> None:
    unknown = results.movement_noise()
    unknown[["estimate", "ci_lower", "ci_upper"]] = np.nan
    (axes,) = noise.stay_and_ceiling(unknown).axes
    assert labels(axes)[0] == "Segment" and not axes.lines
    untested = results.smoothing_weights().assign(forecast_error=np.nan, r2_spend=np.nan)
    assert len(noise.smoothing_choice(untested).axes) == 3
    table = results.label_prediction()
    table.loc[table["label"] == "need", ["r2", "ci_lower", "ci_upper"]] = np.nan
    assert len(bars(noise.label_strength(table).axes[0])) == 3


def test_strength_of_labels_is_drawn_for_each_outcome() -> None:
    figure = noise.label_strength(results.label_prediction())
    spend, basket, discount = figure.axes
    assert [bar.get_width() for bar in bars(spend)] == [0.41, 0.48, 0.02, 0.4]
    assert printed(basket) == ["24%", "10%", "0.4%", "23%"]
    assert discount.get_title("left") == "Lines at a discount"
    assert covered(figure) == []


def test_the_weight_in_use_is_filled() -> None:
    figure = noise.smoothing_choice(results.smoothing_weights())
    error, staying, told = figure.axes
    assert line(error, "_chosen")[0, 0] == 0.33
    assert line(staying, "_share_staying")[:, 0].tolist() == [0.1, 0.2, 0.33, 0.5, 1.0]
    assert printed(told) == ["log spend", "$ per basket", "lines at a discount"]
    assert covered(figure) == []


def test_smoothed_segments_are_drawn_below_those_of_each_period() -> None:
    given = customers.segment_migration(), customers.migration_summary(), customers.segment_profiles()
    figure = flows.segment_flows(*given, results.smoothed_migration())
    alone, smoothed = figure.axes
    assert [axes.get_title("left") for axes in (alone, smoothed)] == list(flows.TITLES)
    assert columns(alone) == columns(smoothed) and labels(alone) == labels(smoothed)
    assert covered(figure) == []
    upper, lower = flows.flow_matrix(*given, results.smoothed_migration()).axes
    assert (np.diag(shaded(lower))[:-1] > np.diag(shaded(upper))[:-1]).all()
    assert upper.get_xlabel().endswith("segment of each period alone") and lower.get_xlabel().endswith(
        "smoothed segment"
    )
    assert len(flows.flow_matrix(*given, results.smoothed_migration().head(0)).axes) == 1


def test_ceilings_stand_above_the_rates_that_were_measured() -> None:
    figure = migration.consistency_over_periods(customers.migration_summary(), 0.4, results.stay_rates())
    index, staying = figure.axes
    assert set(line(index, "ceiling: halves of the same months")[:, 1]) == {0.32}
    assert set(line(staying, "_ceiling value tier")[:, 1]) == {0.85}
    assert covered(figure) == []


@pytest.mark.parametrize("label", ["segment", "smoothed segment"])
def test_one_label_is_enough(label: str) -> None:
    (axes,) = noise.stay_and_ceiling(results.movement_noise().query("label == @label")).axes
    assert labels(axes) == [noise.LABELS[label]]
