"""Pictures of the brief for the documents, taken in a headless browser: docs/pictures/brief.png and brief_page_2.png.

python docs/pictures/take.py --home data [--campaign-type TypeA] [--to docs/pictures]

Needs chromium or chrome (its path in BROWSER, or one of the usual names) and a finished study in the home. What comes
out depends on the study and on the fonts of the machine alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The sheets of the brief, by what is hidden on each: the template puts the second one into a section of this class.
SHEETS = {
    "brief.png": ".second { display: none; }",
    "brief_page_2.png": "main > :not(.second) { display: none; }",
}
_WIDTH, _TALLEST, _SCALE, _SECONDS = 900, 3000, 1.25, 60
# Flat colours and grey edges of letters: more colours make files larger, and no one sees them.
_COLOURS = 48
_MARGIN = 16


class PictureError(Exception):
    """There is no browser, no page, or the browser took no picture."""


def browser() -> str:
    """The browser to use. Raises PictureError when the machine has none, or BROWSER names none."""
    named = os.environ.get("BROWSER")
    for name in (named,) if named else BROWSERS:
        if found := shutil.which(name):
            return found
    looked = f"BROWSER is {named!r}, which is no program" if named else f"looked for {', '.join(BROWSERS)}, found none"
    raise PictureError(f"{looked}; install chromium, or set BROWSER to the path of chromium or chrome")


def take(page: Path, picture: Path, style: str = "") -> None:
    """Write a picture of an HTML file, with `style` added to it, down to its last line.

    Raises PictureError when the page is missing, or the browser takes no picture.
    """
    if not page.is_file():
        raise PictureError(f"{page}: expected a finished study's page here, found no file; run `dunnhumby run` first")
    with tempfile.TemporaryDirectory() as folder:
        copy, raw = Path(folder) / "page.html", Path(folder) / "raw.png"
        text = page.read_text(encoding="utf-8")
        copy.write_text(text.replace("</head>", f"<style>{style}</style></head>", 1), encoding="utf-8")
        command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--force-device-scale-factor={_SCALE}", f"--window-size={_WIDTH},{_TALLEST}"]
        command += [f"--user-data-dir={folder}/profile", f"--screenshot={raw}", copy.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise PictureError(f"the browser took no picture of {page} within {_SECONDS} seconds") from None
        if not raw.is_file():
            raise PictureError(f"the browser took no picture of {page}: {done.stderr.strip()[-300:]}")
        _without_margin(Image.open(raw).convert("RGB")).save(picture, optimize=True)


def _without_margin(image: Image.Image) -> Image.Image:
    """The picture without the empty paper below its last line, in few colours."""
    white = Image.new("RGB", image.size, "white")
    box = ImageChops.difference(image, white).getbbox()
    bottom = min(image.height, (box[3] if box else image.height) + _MARGIN)
    return image.crop((0, 0, image.width, bottom)).quantize(_COLOURS, dither=Image.Dither.NONE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures: 0, or 1 with what is missing."""
    parser = argparse.ArgumentParser(description="Take the pictures of the documents.")
    parser.add_argument("--home", type=Path, default=Path("data"), help="home of a finished study")
    parser.add_argument("--campaign-type", default="TypeA")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="folder of the pictures")
    given = parser.parse_args(arguments)
    page = given.home / "warehouse" / given.campaign_type / "campaign_brief.html"
    try:
        for name, style in SHEETS.items():
            take(page, given.to / name, style)
            print(f"{given.to / name}: {(given.to / name).stat().st_size:,} bytes")
    except PictureError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
