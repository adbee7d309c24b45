"""Live streams of a real server: they follow what arrives, and none holds up its end."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.request
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.e2e.server import Server

STREAMS: Final = 20
STOP_S: Final = 10.0
LINK: Final = "Set up the console: "


def test_a_stop_with_twenty_open_streams_takes_no_ten_seconds(tmp_path: Path) -> None:
    with Server() as server:
        admin, cookie = signed_in(server)
        streams = [opened(admin, cookie) for _ in range(STREAMS)]
        try:
            key = server.said("The write key of the source 'first' is ").rstrip(".")
            send(server.url, key, {"type": "track", "event": "Order Completed", "anonymousId": "a"})
            for stream in streams:
                assert b"Order Completed" in until(stream, b"Order Completed")
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began <= STOP_S
            for stream in streams:
                rest(stream)  # ends, and does not just stand still
        finally:
            for stream in streams:
                stream.close()


def signed_in(server: Server) -> tuple[str, str]:
    """The console's address, and the cookie of an owner who was just set up."""
    link = urlsplit(server.said(LINK))
    admin = f"{link.scheme}://{link.netloc}"
    body = {"code": link.fragment, "name": "Olive", "password": "a rather long password 42"}
    request = urllib.request.Request(
        f"{admin}/api/setup", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return admin, answer.headers["Set-Cookie"].partition(";")[0]


def opened(admin: str, cookie: str) -> socket.socket:
    address = urlsplit(admin)
    stream = socket.create_connection((address.hostname, address.port or 80), timeout=10)
    head = f"GET /api/events/stream HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookie}\r\n\r\n"
    stream.sendall(head.encode())
    assert b"retry:" in until(stream, b"retry:")
    return stream


def until(stream: socket.socket, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        piece = stream.recv(65536)
        assert piece, found
        found += piece
    return found


def rest(stream: socket.socket) -> bytes:
    found = b""
    while piece := stream.recv(65536):
        found += piece
    return found


def send(url: str, key: str, event: dict[str, Any]) -> None:
    address = urlsplit(url)
    basic = b64encode(f"{key}:".encode()).decode()
    with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)) as connection:
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/track", json.dumps(event), headers)
        assert connection.getresponse().status == 200
