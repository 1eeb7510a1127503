"""Ports of this machine that a server of ours is to listen on."""

from __future__ import annotations

import errno
import ipaddress
import socket

from dunnhumby_pipeline.command.work import refuse

LOCALHOST = "127.0.0.1"


def require_free(host: str, port: int, named: str) -> None:
    """Exit, saying which, when the address that a server is to listen on cannot be had; `named`: what says the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the web server does: a port that was in use a moment ago can be had.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        refuse(f"--host is {host!r}; expected an address of this machine, found: {error.strerror}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            refuse(
                f"port {port} of {host} is in use by another program, perhaps a UI that is open already; end that one, "
                f"or name another port ({named})"
            )
        if error.errno == errno.EACCES:
            refuse(f"port {port} may be used by the system alone; name one above 1023 ({named})")
        refuse(f"{host} and port {port} ({named}) cannot be listened on: {error.strerror}; expected {LOCALHOST}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
