"""Brief, report, lists and their pictures over HTTP, for links in the UI, which cannot open files.

Only what a study delivers is served, to be read, on this machine alone unless a proxy with authentication stands before
it (docs/operating.md). A request by another name than this machine's or the setting's is refused, so that no page of
another site can read a list through the browser of who works here.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.resources import Study

REPORT = "campaign_report"
# What is delivered to be read: the files that are no tables, of the lists and of the report.
SERVED = tuple(name for name, table in TABLES.items() if table.group in ("lists", "report") and not table.is_table)
# In the place of a campaign type: the report that was written last.
LATEST = "latest"
# Pictures as the report has them, and as wide as a column of the UI.
WHOLE, SMALL, SMALL_PIXELS = "pictures", "small", 460
LOCAL = ("localhost", "127.0.0.1", "::1")
_KINDS = {".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".zip": "application/zip"}
_PICTURE = re.compile(r'<img\s[^>]*src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
_ANCHOR = re.compile(r'\bid="([\w-]+)"')
_HEAD = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
    "content='width=device-width'><title>Brief, report and lists</title><style>body{font:16px/1.5 sans-serif;"
    "max-width:40rem;margin:2rem auto;padding:0 1rem}</style></head><body><h1>Brief, report and lists</h1>"
)
_NAMES = {
    "campaign_brief": "Brief, to decide by",
    "campaign_report": "Report, for the analyst",
    "targeting_list_csv": "Targeting list",
    "decision_summary_csv": "Decision summary",
}


def page_address(study: Study, name: str, campaign_type: str) -> str:
    """The address under which a file that is delivered is served."""
    return f"{study.settings.desk.pages_url}/{campaign_type}/{TABLES[name].file_name}"


def picture_address(study: Study, picture: str, campaign_type: str | None, *, small: bool = False) -> str:
    """The address of a picture of the report of a campaign type; None: of the report that was written last. `small`:
    as wide as a column of the UI.
    """
    folder = SMALL if small else WHOLE
    return f"{study.settings.desk.pages_url}/{campaign_type or LATEST}/{folder}/{picture}.png"


@dataclass(frozen=True)
class Reply:
    """What is answered: status, kind and content."""

    status: HTTPStatus
    kind: str
    content: bytes


def reply_to(study: Study, path: str) -> Reply:
    """What is served under a path of an address: the index, a file, a picture of a report; else why there is none."""
    path = urlsplit(path).path
    # A proxy may take the path of desk.pages_url away before it passes a request on, or leave it there.
    prefix = _prefix(study)
    if path == prefix or path.startswith(f"{prefix}/"):
        path = path.removeprefix(prefix)
    parts = [unquote(part) for part in path.split("/") if part]
    if not parts:
        return Reply(HTTPStatus.OK, _KINDS[".html"], _index(study).encode())
    campaign_type, *rest = parts
    if campaign_type == LATEST:
        campaign_type = _latest(study) or ""
    if campaign_type in CAMPAIGN_TYPES and len(rest) == 1 and rest[0] in _files():
        file = study.table(_files()[rest[0]], campaign_type)
        if file.is_file():
            return Reply(HTTPStatus.OK, _KINDS[file.suffix], file.read_bytes())
    if campaign_type in CAMPAIGN_TYPES and len(rest) == 2 and rest[0] in (WHOLE, SMALL) and rest[1].endswith(".png"):
        found = _picture(study.table(REPORT, campaign_type), rest[1].removesuffix(".png"))
        if found is not None:
            return Reply(HTTPStatus.OK, "image/png", found if rest[0] == WHOLE else _small(found))
    return Reply(HTTPStatus.NOT_FOUND, _KINDS[".html"], f"{_HEAD}<p>Not built yet, or no such page.</p>".encode())


def _prefix(study: Study) -> str:
    """The path at which pages begin: '/pages' of https://desk.example/pages."""
    return urlsplit(study.settings.desk.pages_url).path


def _files() -> dict[str, str]:
    return {TABLES[name].file_name: name for name in SERVED}


def _latest(study: Study) -> str | None:
    found = [(study.table(REPORT, each), each) for each in CAMPAIGN_TYPES]
    written = [(file.stat().st_mtime, each) for file, each in found if file.is_file()]
    return max(written)[1] if written else None


def _index(study: Study) -> str:
    rows, prefix = [], escape(_prefix(study), quote=True)
    for campaign_type in CAMPAIGN_TYPES:
        there = [name for name in SERVED if study.table(name, campaign_type).is_file()]
        if there:
            at = f"{prefix}/{campaign_type}"
            links = "".join(
                f"<li><a href='{at}/{TABLES[name].file_name}'>{escape(_NAMES.get(name, name))}</a></li>"
                for name in there
            )
            rows.append(f"<h2>{escape(campaign_type)}</h2><ul>{links}</ul>")
    return f"{_HEAD}{''.join(rows) or '<p>No study has run yet.</p>'}</body></html>"


def _picture(report: TablePath, name: str) -> bytes | None:
    """The picture that stands under the anchor `name` in a report, before the next anchor."""
    if not report.is_file():
        return None
    page = report.read_text(encoding="utf-8")
    anchors = list(_ANCHOR.finditer(page))
    place = next((place for place, found in enumerate(anchors) if found[1] == name), None)
    if place is None:
        return None
    end = anchors[place + 1].start() if place + 1 < len(anchors) else len(page)
    found = _PICTURE.search(page, anchors[place].end(), end)
    return base64.b64decode(found[1]) if found else None


def _small(picture: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as image:
        shrunk = image.convert("RGB")
    shrunk.thumbnail((SMALL_PIXELS, 4 * SMALL_PIXELS))
    file = io.BytesIO()
    shrunk.save(file, format="png")
    return file.getvalue()


def server_of(study: Study, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server of the pages, by default for this machine alone; `serve_forever` runs it. OSError: the port is taken."""
    known = {*LOCAL, (urlsplit(study.settings.desk.pages_url).hostname or "").lower()}

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "dunnhumby", ""

        def do_GET(self) -> None:
            self._answer(content=True)

        def do_HEAD(self) -> None:
            self._answer(content=False)

        def _answer(self, *, content: bool) -> None:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
            if host.lower() not in known:
                said = b"this name is not that of desk.pages_url in the settings"
                found = Reply(HTTPStatus.MISDIRECTED_REQUEST, "text/plain; charset=utf-8", said)
            else:
                found = reply_to(study, self.path)
            self.send_response(found.status)
            for name, value in _headers(found).items():
                self.send_header(name, value)
            self.end_headers()
            if content:
                self.wfile.write(found.content)

        def log_message(self, *_: object) -> None:
            """Nothing: who reads what is not kept."""

    return ThreadingHTTPServer((host, port), Handler)


def _headers(found: Reply) -> Mapping[str, str]:
    return {
        "Content-Type": found.kind,
        "Content-Length": str(len(found.content)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
