"""Every picture of the page, drawn once: all of it lies inside, no text covers other text, and its page shows it."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dunnhumby_pipeline.report import pictures
from dunnhumby_pipeline.report.sections import sections
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.drawn import covered, outside
from dunnhumby_pipeline_tests.fakes.results import study


@pytest.mark.parametrize("name", [section.name for section in sections() if section.draw])
def test_a_picture_lies_inside_its_frame_and_no_text_covers_other_text(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = pages.figure(name, study.study_tables())
    # As the page draws it, in the dots that matplotlib lays text out in.
    monkeypatch.setattr(pictures, "DOTS_PER_INCH", figure.dpi)
    made = replace(pages.section(name), draw=lambda tables, settings: figure)
    picture = pictures.draw_picture(made, study.study_tables(), pages.DEFAULTS)
    assert covered(figure, is_drawn=True) == []
    assert outside(figure) == []
    assert picture.width <= 900
    kind, encoded = picture.source.split(",")
    assert kind == "data:image/png;base64"
    dots = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
    # A picture is as white as the page, and what reaches beyond its frame would cross it.
    for edge in (dots[0], dots[-1], dots[:, 0], dots[:, -1]):
        assert (edge == 255).all()
