"""A real browser for tests: found on this machine, driven by playwright, and what it complains of collected.

BROWSER = browser.needed()

@BROWSER
def test_a_page() -> None:
    with browser.opened() as chromium, browser.watched(chromium, PHONE) as (page, seen):
        page.goto(file.as_uri())
        assert not seen.complaints and not seen.requests_beyond(file.as_uri())
        assert not browser.violations(page)
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dunnhumby_pipeline.settings import BROWSER_VARIABLE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
DESKTOP, PHONE = (1280, 900), (390, 844)


class BrowserError(Exception):
    """There is no browser, or the variable names none: what was looked for, and what to do."""


@cache
def executable() -> Path:
    """The Chromium of this machine: what DUNNHUMBY_BROWSER names, else the first on the path, else playwright's own.

    Raises BrowserError when there is none, or the variable names what is no program.
    """
    if named := os.environ.get(BROWSER_VARIABLE):
        found = shutil.which(named)
        if found is None:
            raise BrowserError(
                f"{BROWSER_VARIABLE} is {named!r}, which is no program; expected the path of chromium or chrome, or "
                "its name on the path"
            )
        return Path(found)
    if found := next((path for name in NAMES if (path := shutil.which(name))), None):
        return Path(found)
    if find_spec("playwright") is not None:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            own = Path(driver.chromium.executable_path)
        if own.is_file():
            return own
    raise BrowserError(
        f"no browser: looked for {', '.join(NAMES)}, found none; install chromium, or name one in {BROWSER_VARIABLE}"
    )


def missing() -> str:
    """Why there is no browser to work with, and what to do; empty where there is one."""
    lacking = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
    if lacking:
        return f"no {' and no '.join(lacking)}: pip install 'dunnhumby-pipeline[browser]'"
    try:
        executable()
    except BrowserError as error:
        return str(error)
    return ""


def needed() -> pytest.MarkDecorator:
    """Marks a test that needs a browser: it is skipped, with one line that says why, where there is none."""
    why = missing()
    return pytest.mark.skipif(bool(why), reason=why)


@contextmanager
def opened() -> Iterator[Browser]:
    """A headless browser, closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # As root, as in most containers, Chromium starts only without its sandbox; these are pages of our own.
        started = driver.chromium.launch(
            executable_path=executable(), args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield started
        finally:
            started.close()


@dataclass
class Seen:
    """What happened on a page: messages of its console that are errors or warnings, and addresses it asked for."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def requests_beyond(self, *allowed: str) -> list[str]:
        """Addresses that were asked for and are none of those `allowed`, nor data within the page."""
        return [address for address in self.requests if address not in allowed and not address.startswith("data:")]


@contextmanager
def watched(browser: Browser, size: tuple[int, int] = DESKTOP) -> Iterator[tuple[Page, Seen]]:
    """A page of its own of that size (width, height in pixels), and what is seen on it."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height})
    page, seen = context.new_page(), Seen()
    page.on("console", lambda said: seen.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda asked: seen.requests.append(asked.url))
    try:
        yield page, seen
    finally:
        context.close()


def unfold(page: Page) -> None:
    """Open every fold of a page."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it stands, a line each: rule, impact, help, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}; "
        + "; ".join(str(node["target"]) for node in rule["nodes"][:5])
        + (f" and {len(rule['nodes']) - 5} more" if len(rule["nodes"]) > 5 else "")
        for rule in found["violations"]
    ]


def printed(page: Page, target: Path) -> int:
    """Print the page on A4 as PDF to `target`; how many pages it has."""
    page.pdf(path=target, prefer_css_page_size=True, format="A4", print_background=True)
    return len(re.findall(rb"/Type\s*/Page(?![a-zA-Z])", target.read_bytes()))
