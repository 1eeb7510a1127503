"""Real receivers of alerts on this machine: an HTTP endpoint and an SMTP server, which can go down and return."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Endpoint:
    """Takes JSON posts at any path, answers with `status`; `got`: the moment, path and content of each."""

    port: int = field(default_factory=free_port)
    status: int = 200
    got: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> Endpoint:
        seen = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                seen.got.append((time(), self.path, content))
                self.send_response(seen.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def titles(self) -> list[str]:
        return [str(content["title"]) for _, _, content in self.got]


@dataclass
class MailServer:
    """Takes mail without asking who sends it; `got`: the moment, subject and text of each; `mails`: as they came."""

    port: int = field(default_factory=free_port)
    got: list[tuple[float, str, str]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    _controller: Controller | None = None

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        body = mail.get_body(("plain", "html"))
        self.got.append((time(), str(mail["subject"]), body.get_content() if body is not None else ""))
        return "250 OK"

    def start(self) -> MailServer:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    @property
    def subjects(self) -> list[str]:
        return [subject for _, subject, _ in self.got]
