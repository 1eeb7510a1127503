"""The UI as an analyst works with it: the real `dunnhumby ui` on a home, and a browser that clicks in it.

The same steps are the end-to-end test and the pictures of the documents (docs/pictures/take.py).
What is looked for on its pages are roles and texts of the pinned version of dagster; every wait is for one of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dunnhumby_pipeline_tests.fakes.receivers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page

ROOT = Path(__file__).parents[2]
WINDOW = {"width": 1440, "height": 900}
# A machine with much else to do; a wait ends as soon as what it waits for is there.
PATIENCE, A_RUN = 180_000, 900_000
_MOST_SECONDS_TO_START = 300
# The bar of the UI's pages is on each of them, and takes a sixth of a window.
_AS_PICTURED = "localStorage.setItem('dagster-nav-collapsed', 'true')"
# Chapters side by side are wider than they are readable; tables of one group have more to say when they are.
_DIRECTION = "direction => localStorage.setItem('asset-graph-direction', JSON.stringify(direction))"
# The text that is to be seen in a part of the page, as a reader of the picture sees it.
_TEXT_WITHIN = """([x, y, width, height]) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
    const found = [];
    while (walker.nextNode()) {
        range.selectNodeContents(walker.currentNode);
        const box = range.getBoundingClientRect();
        let left = Math.max(box.left, x), right = Math.min(box.right, x + width);
        let top = Math.max(box.top, y), bottom = Math.min(box.bottom, y + height);
        // Of a list that is scrolled, rows lie above and below it, and are not to be seen.
        for (let of = walker.currentNode.parentElement; of && of !== document.body; of = of.parentElement) {
            if (getComputedStyle(of).overflow === 'visible') continue;
            const shown = of.getBoundingClientRect();
            left = Math.max(left, shown.left), right = Math.min(right, shown.right);
            top = Math.max(top, shown.top), bottom = Math.min(bottom, shown.bottom);
        }
        if (right > left && bottom > top) found.push(walker.currentNode.textContent);
    }
    return found.join(' ');
}"""


class DeskError(Exception):
    """The UI did not start: what it said."""


@contextmanager
def served(home: Path, raw: Path | None, said: Path, **variables: str) -> Iterator[str]:
    """The address of `dunnhumby ui` on a home, ended with all its processes; what it says is written to `said`."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "dunnhumby_pipeline", "ui", "--home", home, "--port", str(port)]
    command += [] if raw is None else ["--raw", raw]
    pages = {"DUNNHUMBY_DESK__PAGES_URL": f"http://localhost:{free_port()}"}
    url = f"http://127.0.0.1:{port}"
    with said.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=os.environ | pages | variables,
            start_new_session=True,
        )
    try:
        _wait_until_served(url, process, said)
        yield url
    finally:
        _end(process)


def _wait_until_served(url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    began = time.monotonic()
    while time.monotonic() - began < _MOST_SECONDS_TO_START:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=30):
                return
        except OSError:
            time.sleep(0.5)
    raise DeskError(f"the UI is not served at {url}: {said.read_text(encoding='utf-8')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the UI, its daemon and its code server: they are one group of processes, ours alone."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(60)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def seated(browser: Browser, url: str, *, pictured: bool = False, sharpness: float = 1) -> Iterator[Desk]:
    """A window of the browser on the UI; `pictured`: laid out for pictures, at `sharpness` dots a pixel."""
    context = browser.new_context(
        viewport=WINDOW, timezone_id="UTC", locale="en-GB", device_scale_factor=sharpness, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    if pictured:
        context.add_init_script(_AS_PICTURED)
    try:
        yield Desk(context.new_page(), url)
    finally:
        context.close()


@dataclass
class Desk:
    """A page of the UI at `url`; each step waits until what it asked for is to be seen. `clicks` counts them."""

    page: Page
    url: str
    clicks: int = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def open(self) -> None:
        """The first page of the UI."""
        self.page.goto(self.url)
        self._jobs.wait_for()
        self.page.get_by_text("Timeline").first.wait_for()

    def job(self, name: str) -> None:
        """From any page to the page of a job."""
        self.click(self._jobs)
        self.click(self.page.locator(f"a[href$='/jobs/{name}']").first)
        self.page.get_by_role("button", name="Materialize all").wait_for()

    def launchpad(self, campaign_type: str) -> None:
        """The launchpad of a job, filled for a campaign type."""
        self.page.goto(f"{self.page.url}/playground")
        self.clicks += 1
        self.page.get_by_role("button", name="Launch Run").wait_for()
        self.page.get_by_text("No errors").wait_for()
        choice = self.page.get_by_role("menuitem", name=campaign_type)
        while not choice.count():
            # What is still being drawn swallows a click.
            self.page.get_by_placeholder("Partition").click()
            self.page.wait_for_timeout(1000)
        self.clicks += 1
        self.click(choice)
        self.page.locator(".CodeMirror-line").get_by_text("contact_cost").first.wait_for()

    @property
    def config(self) -> str:
        """What the launchpad says."""
        return "".join(
            self.page.evaluate("[...document.querySelectorAll('.CodeMirror')].map(each => each.CodeMirror.getValue())")
        )

    def say(self, term: str, before: str, value: str) -> None:
        """Change a term of the launchpad from what is `before`, by a double click and typing."""
        line = self.page.locator(".CodeMirror-line").filter(has_text=f"{term}:")
        line.get_by_text(before, exact=True).dblclick()
        self.clicks += 1
        self.page.keyboard.type(value)
        self.page.get_by_text("No errors").first.wait_for()

    def launch(self) -> None:
        """Launch what the launchpad says; the page is that of the run."""
        self.click(self.page.get_by_role("button", name="Launch Run"))
        self.page.wait_for_url("**/runs/*")
        self.page.get_by_text("Executing", exact=False).first.wait_for()

    def wait_for_end(self) -> str:
        """How the run ended whose page is open: Success, Failure or Canceled."""
        ends = self.page.get_by_text("Success", exact=True).or_(self.page.get_by_text("Failure", exact=True))
        ended = ends.or_(self.page.get_by_text("Canceled", exact=True)).first
        ended.wait_for(timeout=A_RUN)
        return ended.inner_text()

    def table(self, key: str) -> str:
        """What the page of a table says; its key as group/name."""
        self.page.goto(f"{self.url}/assets/{key}")
        self.page.get_by_text("Latest materialization").first.wait_for()
        self.page.get_by_text("row_count").first.wait_for()
        return self.text

    def check(self, key: str, name: str) -> str:
        """What the page of a check says; the key of its table as group/name."""
        self.page.goto(f"{self.url}/assets/{key}?view=checks&checkDetail={name}")
        self.page.get_by_text("Evaluation result").first.wait_for()
        return self.text

    def graph(self, group: str | None = None) -> FloatRect:
        """The graph of all chapters, or of the tables of one group (CHAPTER/GROUP); where they are on the page."""
        chosen = ""
        if group is not None:
            chapter = group.split("/")[0]
            selection, unfolded = f'group:"{group}"', f"global@global:{chapter},global@global:{group}"
            chosen = f"~{quote(selection, safe='')}/?expanded={quote(unfolded, safe='')}"
        if not self.page.url.startswith(self.url):
            self.page.goto(f"{self.url}/server_info")
        self.page.evaluate(_DIRECTION, "vertical" if group is None else "horizontal")
        self.page.goto(f"{self.url}/asset-groups{chosen}")
        nodes = self.page.locator("foreignObject")
        nodes.first.wait_for()
        self.page.wait_for_load_state("networkidle")
        boxes = [box for node in nodes.all() if (box := node.bounding_box()) is not None]
        left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
        right = max(box["x"] + box["width"] for box in boxes)
        bottom = max(box["y"] + box["height"] for box in boxes)
        return {"x": left, "y": top, "width": right - left, "height": bottom - top}

    def picture(self, target: Path, part: FloatRect | None = None, secrets: Sequence[str] = ()) -> None:
        """A picture of the window, or of a part of it. Raises DeskError when one of `secrets` is to be read in it."""
        size = self.page.viewport_size or WINDOW
        part = part or {"x": 0, "y": 0, "width": size["width"], "height": size["height"]}
        seen = str(self.page.evaluate(_TEXT_WITHIN, [part["x"], part["y"], part["width"], part["height"]]))
        if found := [secret for secret in secrets if secret and secret in seen]:
            raise DeskError(f"{target.name} would show {', '.join(map(repr, found))}, which are of this machine alone")
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=target, animations="disabled", clip=part)

    @property
    def text(self) -> str:
        return self.page.locator("body").inner_text()

    @property
    def _jobs(self) -> Locator:
        return self.page.locator("a[href='/jobs']").first
