"""Pictures of the UI for the documents, from the home of a finished study: docs/pictures/ui_*.png and report.png.

python docs/pictures/desk.py --home data [--raw FOLDER] [--campaign-type TypeA] [--cost 5] [--to docs/pictures]

Works on a copy of the home: the job `decision` is launched in it at another cost, by the same steps in the same browser
as the tests take (dunnhumby_pipeline_tests/fakes/desk.py). Needs chromium or chrome, and the extra `browser`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from dunnhumby_pipeline_tests.fakes import browser
from dunnhumby_pipeline_tests.fakes.desk import Desk, DeskError, seated, served

LIST, ECONOMICS = "targeting/targeting_list", "targeting/economics"
# Flat colours and grey edges of letters: more colours make files larger, and no one sees them.
_COLOURS = 64


def tour(desk: Desk, home: Path, campaign_type: str, cost: float, to: Path) -> list[Path]:
    """The pictures, in the order in which an analyst would see the pages."""
    taken: list[Path] = []

    def picture(name: str) -> None:
        target = to / f"{name}.png"
        # Rows and lines are drawn a moment after their text.
        desk.page.wait_for_load_state("networkidle")
        desk.picture(target)
        Image.open(target).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
        taken.append(target)

    desk.open()
    picture("ui_first_page")
    desk.page.goto(f"{desk.url}/jobs")
    desk.page.locator("a[href$='/jobs/decision']").first.wait_for()
    picture("ui_jobs")
    desk.graph()
    picture("ui_graph")
    desk.graph("decision", "decision/targeting")
    picture("ui_group")
    desk.open()
    desk.job("decision")
    desk.launchpad(campaign_type)
    desk.say("contact_cost", "null", f"{cost:g}")
    picture("ui_launchpad")
    desk.launch()
    if (ended := desk.wait_for_end()) != "Success":
        raise DeskError(f"the run ended as {ended}: {desk.page.url}")
    picture("ui_run")
    desk.table(LIST)
    desk.page.get_by_text("verdict").first.scroll_into_view_if_needed()
    picture("ui_targeting_list")
    desk.check(ECONOMICS, "terms_of_settings")
    picture("ui_check")
    desk.page.goto((home / "warehouse" / campaign_type / "campaign_report.html").as_uri())
    picture("report")
    desk.page.goto((home / "warehouse" / campaign_type / "campaign_brief.html").as_uri())
    picture("brief_on_screen")
    return taken


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures: 0, or 1 with what is missing."""
    parser = argparse.ArgumentParser(description="Take the pictures of the UI.")
    parser.add_argument("--home", type=Path, default=Path("data"), help="home of a finished study")
    parser.add_argument("--raw", type=Path, help="raw files of the study; default: as `dunnhumby ui` finds them")
    parser.add_argument("--campaign-type", default="TypeA")
    parser.add_argument("--cost", type=float, default=5.0, help="$ a contact, for the run that is launched")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="folder of the pictures")
    given = parser.parse_args(arguments)
    missing = browser.missing()
    if not missing and not (given.home / "warehouse" / given.campaign_type / "campaign_brief.html").is_file():
        missing = f"{given.home}: expected a finished study of {given.campaign_type}; run `dunnhumby run` first"
    if missing:
        print(missing, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        home, said = Path(folder) / "home", Path(folder) / "ui.txt"
        shutil.copytree(given.home, home)
        try:
            with (
                browser.opened() as chromium,
                served(home, given.raw, said) as url,
                seated(chromium, url) as desk,
            ):
                for picture in tour(desk, home, given.campaign_type, given.cost, given.to):
                    print(f"{picture}: {picture.stat().st_size:,} bytes")
        except DeskError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
