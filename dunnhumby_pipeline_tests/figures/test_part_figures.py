"""The picture of the effect by products and weeks."""

from __future__ import annotations

import numpy as np
import pytest

from dunnhumby_pipeline.figures.campaign.parts import effect_parts
from dunnhumby_pipeline_tests.fakes.drawn import covered, labels, line, printed
from dunnhumby_pipeline_tests.fakes.results.parts import effect_by_part

PRODUCTS = ["Products its coupons cover", "Other products", "All products"]


def test_every_period_has_a_panel_on_one_axis_with_its_three_parts() -> None:
    table = effect_by_part()
    figure = effect_parts(table)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "During the campaign (48 days)",
        "After it, to the window's end (28 days)",
        "The whole outcome window (76 days)",
        "In the weeks after the window (56 days)",
    ]
    assert {tuple(axes.get_xlim()) for axes in figure.axes} == {tuple(figure.axes[0].get_xlim())}
    for axes, (_, rows) in zip(figure.axes, table.groupby("period", sort=False), strict=True):
        assert labels(axes) == PRODUCTS
        assert line(axes, "_estimate")[:, 0].tolist() == pytest.approx(rows["estimate"].tolist())
    assert covered(figure) == []


def test_a_part_without_an_estimate_says_why_beside_its_label() -> None:
    table = effect_by_part()
    later = table["period"] == "later"
    table.loc[later, ["estimate", "se", "ci_lower", "ci_upper", "days"]] = np.nan
    table.loc[later, "reason"] = "the data have no days of it"
    figure = effect_parts(table)
    last = figure.axes[-1]
    assert last.get_title(loc="left") == "In the weeks after the window"
    assert labels(last) == PRODUCTS
    assert printed(last).count("the data have no days of it") == 3


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"effect_by_part lacks the column.* days"):
        effect_parts(effect_by_part().drop(columns="days"))
