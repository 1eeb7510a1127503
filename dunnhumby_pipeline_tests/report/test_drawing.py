"""Pictures of a page, drawn in two processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from dunnhumby_pipeline.report import drawing
from dunnhumby_pipeline.report.drawing import DrawingError, draw_together
from dunnhumby_pipeline.report.pictures import draw_picture
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings

SETTINGS, NO_TABLES = Settings(), StudyTables({})
needs_two = pytest.mark.skipif(not drawing.can_be_shared(8), reason="one processor, or processes are not copied here")


def section(number: int, folder: Path, at_work: str = "draw") -> Section:
    def draw(tables: StudyTables, settings: Settings) -> Figure:
        (folder / f"{number}").write_text(str(os.getpid()))
        if at_work == "fail":
            raise ValueError(f"picture {number} cannot be drawn")
        if at_work == "die":
            if multiprocessing_child():
                (folder / "dead").touch()
                os._exit(9)
            # Else all may be drawn before the other process has begun.
            while not (folder / "dead").exists():
                time.sleep(0.01)
        figure = Figure(figsize=(2 + number / 10, 1))
        figure.text(0.1, 0.5, f"picture {number}")
        return figure

    return Section(f"picture_{number}", "A picture", (), draw=draw, alt=lambda tables, settings: f"number {number}")


def multiprocessing_child() -> bool:
    return multiprocessing.parent_process() is not None


@needs_two
def test_two_processes_draw_what_one_draws(tmp_path: Path) -> None:
    sections = [section(number, tmp_path) for number in range(12)]
    picture_of = draw_together([(each, NO_TABLES) for each in sections], SETTINGS)
    drawn_by = {(tmp_path / f"{number}").read_text() for number in range(12)}
    assert str(os.getpid()) in drawn_by and len(drawn_by) <= 2
    for each in sections:
        assert picture_of(each, NO_TABLES, SETTINGS) == draw_picture(each, NO_TABLES, SETTINGS)


@needs_two
def test_what_a_drawing_raises_is_raised_whoever_drew_it(tmp_path: Path) -> None:
    sections = [section(number, tmp_path, "fail" if number == 11 else "draw") for number in range(12)]
    with pytest.raises(ValueError, match="picture 11 cannot be drawn"):
        draw_together([(each, NO_TABLES) for each in sections], SETTINGS)


@needs_two
def test_a_process_that_is_killed_is_named(tmp_path: Path) -> None:
    sections = [section(number, tmp_path, "die") for number in range(12)]
    with pytest.raises(DrawingError, match=r"ended with code 9; .*dunnhumby report"):
        draw_together([(each, NO_TABLES) for each in sections], SETTINGS)


def test_few_pictures_are_drawn_in_this_process(tmp_path: Path) -> None:
    sections = [section(number, tmp_path) for number in range(3)]
    draw_together([(each, NO_TABLES) for each in sections], SETTINGS)
    assert {(tmp_path / f"{number}").read_text() for number in range(3)} == {str(os.getpid())}


def test_a_text_that_is_measured_makes_no_new_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    from dunnhumby_pipeline.figures.kit import canvas
    from dunnhumby_pipeline.figures.kit.boxes import Sheet

    made: list[int] = []
    renderer = canvas.Renderer
    monkeypatch.setattr(canvas, "Renderer", lambda *size: made.append(1) or renderer(*size))
    sheet = Sheet()
    for word in ("one", "two", "three"):
        sheet.measure(word)
    assert len(made) == 1


@needs_two
def test_who_is_stopped_stops_the_other(tmp_path: Path) -> None:
    def stopped(tables: StudyTables, settings: Settings) -> Figure:
        if multiprocessing_child():
            time.sleep(60)
        raise KeyboardInterrupt

    sections = [
        Section(f"picture_{number}", "A picture", (), draw=stopped, alt=lambda tables, settings: "")
        for number in range(12)
    ]
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        draw_together([(each, NO_TABLES) for each in sections], SETTINGS)
    assert time.monotonic() - began < 30
    assert not multiprocessing.active_children()
