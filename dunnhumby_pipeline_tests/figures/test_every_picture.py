"""Every picture of the page, drawn once: all of it lies inside, and no text covers other text."""

from __future__ import annotations

import pytest

from dunnhumby_pipeline.report.sections import sections
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.drawn import covered
from dunnhumby_pipeline_tests.fakes.results import study


@pytest.mark.parametrize("name", [section.name for section in sections() if section.draw])
def test_a_picture_lies_inside_its_frame_and_no_text_covers_other_text(name: str) -> None:
    figure = pages.figure(name, study.study_tables())
    assert covered(figure) == []
    width, height = figure.get_size_inches()
    drawn = figure.get_tightbbox()
    assert drawn.x0 > -0.01 and drawn.x1 < width + 0.01
    assert drawn.y0 > -0.01 and drawn.y1 < height + 0.01
