"""What figures are drawn on: matplotlib's own canvas, which works out once what is the same for every text.

A test holds that each pixel is as matplotlib draws it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg, get_hinting_flag
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.ft2font import RenderMode
from numpy.typing import NDArray

_POINTS_PER_INCH = 72
# Of a pixel, in which FreeType says where a glyph stands.
_SUBPIXELS = 0x40
# What a font says of its heights, by the name of the table that says it, as far as it has one.
_HEIGHTS = (
    ("OS/2", "sTypoAscender", "sTypoDescender", "sTypoLineGap"),
    ("hhea", "ascent", "descent", "lineGap"),
)


class Renderer(RendererAgg):
    """Draws the same pixels. Matplotlib asks a renderer for heights, where it can say them, before it looks into the
    font for each text that is measured: 18,000 times for a report.
    """

    def _get_font_height_metrics(self, font: FontProperties) -> tuple[float | None, float | None, float | None]:
        """Ascent, descent and gap between lines in pixels; None each where the font does not say them."""
        found = _heights(font.copy())
        if found is None:
            return None, None, None
        per_em, ascent, descent, gap = found
        # In the order in which matplotlib multiplies, so that not even the last digit differs.
        scale = 1 / per_em * font.get_size_in_points() * self.dpi / _POINTS_PER_INCH
        return ascent * scale, -descent * scale, gap * scale

    def _draw_text_glyphs_and_boxes(
        self, gc: Any, x: float, y: float, angle: float, glyphs: Iterable[Any], boxes: Sequence[Any]
    ) -> None:
        """Glyphs as matplotlib draws them, one by one; how they are turned is worked out once for all."""
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        smooth, flags = gc.get_antialiased(), get_hinting_flag()
        mode = RenderMode.NORMAL if smooth else RenderMode.MONO
        for font, size, glyph, slant, extend, right, up in glyphs:
            font.set_size(size, self.dpi)
            font._set_transform(
                _turned(cos, sin, slant, extend),
                [
                    round(_SUBPIXELS * (x + right * cos - up * sin)),
                    round(_SUBPIXELS * (self.height - y + right * sin + up * cos)),
                ],
            )
            bitmap = font._render_glyph(glyph, flags, mode)
            buffer = bitmap.buffer
            if not smooth:
                buffer *= 0xFF
            top = int(self.height) - bitmap.top + buffer.shape[0]
            self._renderer.draw_text_image(buffer, bitmap.left, top, 0, gc)
        if boxes:
            super()._draw_text_glyphs_and_boxes(gc, x, y, angle, (), boxes)


class Canvas(FigureCanvasAgg):
    """The canvas of every figure of the study."""

    def get_renderer(self) -> Any:
        width, height = self.get_width_height(physical=True)
        key = width, height, self.figure.dpi
        if getattr(self, "_lastKey", None) != key:
            self.renderer: Any = Renderer(width, height, self.figure.dpi)
            self._lastKey: Any = key
        return self.renderer


@lru_cache(maxsize=256)
def _turned(cos: float, sin: float, slant: float, extend: float) -> NDArray[np.int64]:
    """The matrix of a turn and of what a font does to its glyphs, as FreeType has numbers: in parts of 65,536."""
    turn = 0x10000 * np.array([[cos, -sin], [sin, cos]])
    return (turn @ [[extend, extend * slant], [0, 1]]).round().astype(int)


@lru_cache(maxsize=256)
def _heights(font: FontProperties) -> tuple[int, int, int, int] | None:
    """Units of an em, and in these ascent, descent and gap between lines."""
    face: Any = get_font(fontManager._find_fonts_by_props(font))
    for table, ascent, descent, gap in _HEIGHTS:
        said = face.get_sfnt_table(table)
        if said is not None:
            return face.get_sfnt_table("head")["unitsPerEm"], said[ascent], said[descent], said[gap]
    return None
