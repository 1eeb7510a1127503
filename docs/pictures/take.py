"""Pictures of the documents, in a headless browser: of the UI, the brief, the report and a mail, on a finished study.

python docs/pictures/take.py --home data [--raw FOLDER] [--campaign-type TypeA] [--cost 2.5] [--to docs/pictures]

Works on a copy of the home: the job `decision` is launched in it at another cost, by the same steps in the same browser
as the end-to-end test takes (dunnhumby_pipeline_tests/fakes/desk.py), and the daemon mails what that changed to a
mail server of this script. Needs chromium or chrome (DUNNHUMBY_BROWSER, or one of the usual names) and the extra
`browser`. What comes out depends on the study and on the fonts of the machine. A picture in which a path or name of
this machine could be read is not taken.
"""

from __future__ import annotations

import argparse
import getpass
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from dunnhumby_pipeline.orchestration.pages import reply_to
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Home, SettingsError, load_settings
from dunnhumby_pipeline_tests.fakes import browser
from dunnhumby_pipeline_tests.fakes.desk import Desk, DeskError, seated, served
from dunnhumby_pipeline_tests.fakes.receivers import MailServer

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Route

BRIEF, REPORT = "campaign_brief.html", "campaign_report.html"
# The sheets of the brief, by what is hidden on each: the template puts the second one into a section of this class.
SHEETS = {
    "brief": ".second { display: none; }",
    "brief_page_2": "main > :not(.second) { display: none; }",
}
GROUP, TABLE, JUDGED, CHECK = "decision/targeting", "segments/segments", "doubts/influence", "one_household"
SHARPNESS, SHEET_WIDTH, MARGIN = 1.25, 900, 10
# Flat colours and grey edges of letters: more colours make files larger, and no one sees them.
COLOURS = 96
_UI_ADDRESS = "https://desk.example"
_MAIL_SECONDS = 180


class PictureError(Exception):
    """There is no finished study, or what was to be seen did not appear."""


@dataclass
class Camera:
    """Takes the pictures of one study into a folder; `taken`: what it has."""

    desk: Desk
    study: Study
    campaign_type: str
    cost: float
    to: Path
    mails: MailServer
    taken: list[Path] = field(default_factory=list)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no picture may show: places and names of this machine."""
        user = getpass.getuser()
        own = (str(self.study.home.root), str(Path.home()), tempfile.gettempdir(), socket.gethostname())
        return tuple(word for word in (*own, *(() if user == "root" else (user,))) if len(word) > 2)

    def take(self, name: str, part: FloatRect | None = None) -> None:
        """A picture of the page as it is, in few colours."""
        self.desk.page.wait_for_load_state("networkidle")
        target = self.to / f"{name}.png"
        self.desk.picture(target, part, self.secrets)
        Image.open(target).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
        self.taken.append(target)

    def size(self, width: int, height: int) -> None:
        self.desk.page.set_viewport_size({"width": width, "height": height})

    def graphs(self) -> None:
        self.size(1440, 900)
        self.take("asset_graph", _around(self.desk.graph()))
        self.size(1440, 1120)
        self.take("group", _around(self.desk.graph(GROUP)))

    def table(self) -> None:
        """A table with its columns and its verdict."""
        self.size(1280, 1600)
        page = self.desk.page
        page.goto(f"{self.desk.url}/assets/{TABLE}")
        page.get_by_role("cell", name="verdict", exact=True).wait_for()
        page.locator("td img").first.evaluate("image => image.decode()")
        place = page.get_by_role("cell", name="picture", exact=True).bounding_box()
        assert place is not None
        self.take("table", {"x": 0, "y": 0, "width": 1280, "height": place["y"] + place["height"]})

    def failed_check(self) -> None:
        self.size(1100, 715)
        self.desk.check(JUDGED, CHECK)
        self.take("failed_check")

    def automation(self) -> None:
        self.size(1100, 620)
        self.desk.page.goto(f"{self.desk.url}/automation")
        self.desk.page.get_by_text("weekly_study").first.wait_for()
        self.take("automation")

    def another_cost(self) -> None:
        """The launchpad, and the run that was launched from it."""
        self.size(1100, 760)
        self.desk.open()
        self.desk.job("decision")
        self.desk.launchpad(self.campaign_type)
        self.desk.say("contact_cost", "null", f"{self.cost:g}")
        self.take("launchpad")
        self.desk.launch()
        if (ended := self.desk.wait_for_end()) != "Success":
            raise PictureError(f"the run of `decision` ended as {ended}: {self.desk.text[-2000:]}")
        # Its steps over time; the events below them name processes and folders.
        self.size(1280, 1700)
        self.desk.page.get_by_text("RUN_SUCCESS").first.wait_for()
        below = self.desk.page.get_by_role("button", name="stdout").bounding_box()
        assert below is not None
        self.take("run", {"x": 0, "y": 0, "width": 1280, "height": below["y"] - MARGIN})

    def mail(self) -> None:
        """What the daemon mails of that run, after the summary of its first look."""
        began = time.monotonic()
        while len(self.mails.mails) < 2:
            if time.monotonic() - began > _MAIL_SECONDS:
                raise PictureError(f"no mail of the run within {_MAIL_SECONDS} seconds: {self.mails.subjects}")
            self.desk.page.wait_for_timeout(500)
        mail = self.mails.mails[1]
        body = mail.get_body(("plain",))
        assert body is not None
        self.size(SHEET_WIDTH, 900)
        self.desk.page.set_content(
            "<body style='font: 15px/1.5 sans-serif; margin: 24px'><p>From: desk@example.com<br>"
            f"To: team@example.com<br>Subject: <b>{escape(str(mail['subject']))}</b></p><hr>"
            f"<pre style='font: inherit; white-space: pre-wrap'>{escape(body.get_content().strip())}</pre>"
        )
        self.take("alert", self._written())

    def sheets(self) -> None:
        self.size(SHEET_WIDTH, 3000)
        for name, style in SHEETS.items():
            self._page(BRIEF)
            self.desk.page.add_style_tag(content=style)
            self.take(name, self._written())

    def report(self) -> None:
        self.size(1100, 800)
        self._page(REPORT)
        self.take("report")

    def _page(self, name: str) -> None:
        self.desk.page.goto((self.study.home.warehouse / self.campaign_type / name).as_uri())

    def _written(self) -> FloatRect:
        """The window down to the last line."""
        width = (self.desk.page.viewport_size or {"width": SHEET_WIDTH})["width"]
        height = self.desk.page.evaluate(
            "Math.max(...[...document.body.querySelectorAll('*')].map(e => e.getBoundingClientRect().bottom))"
        )
        return {"x": 0, "y": 0, "width": width, "height": float(height) + MARGIN}

    def pages(self, route: Route) -> None:
        """Answers for the pages' server: pictures in the UI are of this study, wherever the settings say it is."""
        address = self.study.settings.desk.pages_url
        found = reply_to(self.study, route.request.url.removeprefix(address))
        route.fulfill(status=found.status, content_type=found.kind, body=found.content)


def _around(part: FloatRect) -> FloatRect:
    return {
        "x": part["x"] - MARGIN,
        "y": part["y"] - MARGIN,
        "width": part["width"] + 2 * MARGIN,
        "height": part["height"] + 2 * MARGIN,
    }


# In this order: what the settings decided is seen before another cost has changed it.
TOUR: dict[Callable[[Camera], None], tuple[str, ...]] = {
    Camera.sheets: tuple(SHEETS),
    Camera.report: ("report",),
    Camera.graphs: ("asset_graph", "group"),
    Camera.table: ("table",),
    Camera.failed_check: ("failed_check",),
    Camera.automation: ("automation",),
    Camera.another_cost: ("launchpad", "run"),
    Camera.mail: ("alert",),
}
NAMES = tuple(name for names in TOUR.values() for name in names)


def take_all(home: Path, raw: Path | None, campaign_type: str, cost: float, to: Path) -> list[Path]:
    """Take the pictures of the study in a home, and give where they are.

    Raises PictureError or DeskError with what is missing or did not appear; BrowserError without a browser.
    """
    if missing := browser.missing():
        raise PictureError(missing)
    for name in (BRIEF, REPORT):
        page = home / "warehouse" / campaign_type / name
        if not page.is_file():
            raise PictureError(f"{page}: expected a finished study's page here, found none; run `dunnhumby run` first")
    from playwright.sync_api import Error as PlaywrightError

    mails = MailServer().start()
    variables = {
        "DUNNHUMBY_ALERTS__UI_URL": _UI_ADDRESS,
        "DUNNHUMBY_ALERTS__SECONDS_BETWEEN_LOOKS": "1",
        "DUNNHUMBY_ALERT_URLS": f"mailto://127.0.0.1:{mails.port}?from=desk@example.com&to=team@example.com",
    }
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Home(Path(folder) / "study")
            shutil.copytree(home, copy.root)
            shutil.rmtree(copy.alerts, ignore_errors=True)
            study = Study(load_settings(copy), copy)
            if study.warehouse != copy.warehouse:
                raise PictureError(
                    f"warehouse is {study.warehouse}; expected tables in HOME/warehouse, of which a copy can be made: "
                    "a run at another cost would change them there"
                )
            with (
                browser.opened() as chromium,
                served(copy.root, raw, Path(folder) / "ui.txt", **variables) as url,
                seated(chromium, url, pictured=True, sharpness=SHARPNESS) as desk,
            ):
                camera = Camera(desk, study, campaign_type, cost, to, mails)
                desk.page.route(f"{study.settings.desk.pages_url}/**", camera.pages)
                for take, names in TOUR.items():
                    try:
                        take(camera)
                    except PlaywrightError as error:
                        raise PictureError(f"{' and '.join(names)}: {error.message} at {desk.page.url}") from error
                return camera.taken
    finally:
        mails.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures: 0, or 1 with what is missing."""
    parser = argparse.ArgumentParser(description="Take the pictures of the documents.")
    parser.add_argument("--home", type=Path, default=Path("data"), help="home of a finished study")
    parser.add_argument("--raw", type=Path, help="raw files of the study; default: as `dunnhumby ui` finds them")
    parser.add_argument("--campaign-type", default="TypeA")
    parser.add_argument("--cost", type=float, default=2.5, help="$ a contact, for the run that is launched")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="folder of the pictures")
    given = parser.parse_args(arguments)
    try:
        for picture in take_all(given.home, given.raw, given.campaign_type, given.cost, given.to):
            print(f"{picture}: {picture.stat().st_size:,} bytes")
    except (PictureError, DeskError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
