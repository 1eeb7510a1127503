"""Every pixel is as matplotlib draws it on its own canvas."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dunnhumby_pipeline.figures.kit.canvas import Canvas

KINDS: dict[str, dict[str, object]] = {
    "as pictures are drawn": {"text.hinting": "no_hinting"},
    "with hinting": {"text.hinting": "default"},
    "another font": {"font.family": ["DejaVu Serif"], "text.hinting": "no_hinting"},
    "without smoothing": {"text.antialiased": False},
}


def drawn(canvas: type[FigureCanvasAgg], dots: int) -> np.ndarray:
    figure = Figure(figsize=(5, 4), layout="constrained", dpi=dots)
    on = canvas(figure)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1, 2], [3, 1, 2], label="a line")
    left.legend(title="What it is")
    left.set(title="Two\nlines, gjpqÅ", xlabel="slanted, $x^2 / \\sqrt{n}$", ylabel="turned")
    left.tick_params(axis="x", labelrotation=35)
    right.barh(range(4), [1, 2, 3, 4])
    right.set_yticks(range(4), labels=["one", "two\nthree", "four", ""])
    right.text(1, 2, "bold, turned back", rotation=-71.5, fontweight="bold", linespacing=1.7, alpha=0.4)
    right.text(2, 1, "spoken softly", style="italic", fontsize=7.3, color="#66717d")
    on.draw()
    # Another size asks for another renderer.
    figure.set_dpi(dots + 31)
    on.draw()
    return np.asarray(on.buffer_rgba()).copy()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_drawn_as_on_a_canvas_of_matplotlib(kind: str) -> None:
    with matplotlib.rc_context(KINDS[kind]):
        ours, theirs = drawn(Canvas, 100), drawn(FigureCanvasAgg, 100)
    assert len(np.unique(theirs.reshape(-1, 4), axis=0)) > 5
    np.testing.assert_array_equal(ours, theirs)
