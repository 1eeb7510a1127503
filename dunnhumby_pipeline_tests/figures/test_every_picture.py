"""Every picture of the page, drawn once: all of it lies inside, no text covers other text, and its page shows it."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import pytest
from PIL import Image

from dunnhumby_pipeline.report import pictures
from dunnhumby_pipeline.report.sections import sections
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.drawn import covered
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
    width, height = figure.get_size_inches()
    drawn = figure.get_tightbbox()
    assert drawn.x0 > -0.01 and drawn.x1 < width + 0.01
    assert drawn.y0 > -0.01 and drawn.y1 < height + 0.01
    assert picture.width <= 900
    kind, encoded = picture.source.split(",")
    assert kind == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    assert image.getpixel((0, 0)) == (255, 255, 255), "a picture is as white as the page"
