"""A drawn figure as part of a page: a PNG inside it, with words for who cannot see it."""

from __future__ import annotations

import base64
import gc
import io
from dataclasses import dataclass

import matplotlib
from PIL import Image

from dunnhumby_pipeline.figures.kit.canvas import Canvas
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings

# More than the page shows, so that print and sharp screens show clean lines.
DOTS_PER_INCH = 144
PAGE_PIXELS_PER_INCH = 100
# A chart has few colours: a palette of them takes a third of the space.
COLOURS = 256
COMPRESSION = 6


@dataclass(frozen=True)
class Picture:
    """An image as a data address, its alternative text, and its size on the page in pixels."""

    source: str
    alt: str
    width: int
    height: int


def draw_picture(section: Section, tables: StudyTables, settings: Settings) -> Picture:
    """The picture of a section whose tables were built."""
    assert section.draw is not None and section.alt is not None
    # A figure is many small objects: for them the collector would walk through all that the process holds.
    frozen_before = gc.get_freeze_count()
    if not frozen_before:
        gc.freeze()
    try:
        # Fitting glyphs to pixels costs a tenth of the time and shows only at fewer dots.
        with matplotlib.rc_context({"text.hinting": "no_hinting"}):
            figure = section.draw(tables, settings)
            figure.set_dpi(DOTS_PER_INCH)
            canvas = Canvas(figure)
            # `savefig` would lay out and draw twice, the first time for the layout alone.
            canvas.draw()
    finally:
        # What the process itself has set aside stays so.
        if not frozen_before:
            gc.unfreeze()
    file = io.BytesIO()
    _in_few_colours(canvas).save(file, format="png", compress_level=COMPRESSION)
    width, height = (round(inches * PAGE_PIXELS_PER_INCH) for inches in figure.get_size_inches())
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{encoded}", section.alt(tables, settings), width, height)


def _in_few_colours(canvas: Canvas) -> Image.Image:
    drawn = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    flat = drawn.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # The background has become the mean of all that is nearly white: as white as the page again.
    palette, background = flat.getpalette(), flat.getpixel((0, 0))
    assert palette is not None and isinstance(background, int)
    palette[3 * background : 3 * background + 3] = [255, 255, 255]
    flat.putpalette(palette)
    return flat
