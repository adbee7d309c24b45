"""The admin listener's answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog

from tockwork.app.admin import PATHS, Admin
from tockwork.app.metrics import Metrics
from tockwork.ingest.tracking import Counts
from tockwork.operations.snapshot import Snapshot


async def snapshot() -> Snapshot:
    return Snapshot(at=0.0, accepting=True, ingest=Counts())


async def broken() -> Snapshot:
    raise RuntimeError("ann@shop.example")


async def ask(
    admin: Admin, path: str, method: str = "GET", host: str | None = "127.0.0.1:8081"
) -> tuple[int, Any, str]:
    """Status, headers and body."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    await admin({"type": "http", "path": path, "method": method, "headers": headers}, None, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"].decode()


def admin(ready: bool = True, **more: Any) -> Admin:
    return Admin(Metrics(snapshot), lambda: ready, **more)


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_all_is_well(path: str) -> None:
    status, headers, body = await ask(admin(), path)
    assert (status, headers[b"content-type"], json.loads(body)) == (200, b"application/json", {"status": "ok"})


async def test_a_server_that_is_not_ready_is_alive() -> None:
    assert (await ask(admin(ready=False), "/health"))[0] == 200
    status, headers, body = await ask(admin(ready=False), "/ready")
    assert (status, json.loads(body)["code"]) == (503, "not_ready")
    assert int(headers[b"retry-after"]) > 0


async def test_metrics_are_prometheus_text() -> None:
    status, headers, body = await ask(admin(), "/metrics")
    assert status == 200
    assert headers[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert "\ntockwork_accepting 1.0\n" in body


@pytest.mark.parametrize("path", PATHS)
async def test_head_has_no_body(path: str) -> None:
    status, _, body = await ask(admin(), path, "HEAD")
    assert (status, body) == (200, "")


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_are_refused(path: str) -> None:
    status, headers, body = await ask(admin(), path, "POST")
    assert (status, headers[b"allow"], json.loads(body)["code"]) == (405, b"GET, HEAD", "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/v1/track", "/ann@shop.example"])
async def test_other_paths_are_refused_and_not_repeated(path: str) -> None:
    status, headers, body = await ask(admin(), path)
    assert (status, headers[b"content-type"], json.loads(body)["code"]) == (404, b"application/json", "not_found")
    assert "ann" not in body
    assert b"access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8081", "[::1]:8081", "[::1]", "localhost:8081", "tockwork:8081", "10.1.2.3", None]
)
async def test_a_host_that_nobody_else_can_own_is_served(host: str | None) -> None:
    assert (await ask(admin(), "/metrics", host=host))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8081", "localhost.", "[::1", "1.2.3"])
async def test_a_page_elsewhere_cannot_reach_it_under_its_own_name(host: str) -> None:
    status, _, body = await ask(admin(), "/metrics", host=host)
    assert (status, json.loads(body)["code"]) == (421, "unknown_host")
    assert host not in body


async def test_a_name_of_its_own_is_served() -> None:
    assert (await ask(admin(names=["Metrics.Shop.example"]), "/metrics", host="metrics.shop.example:8081"))[0] == 200


async def test_a_failure_is_told_without_its_text() -> None:
    with structlog.testing.capture_logs() as lines:
        status, _, body = await ask(Admin(Metrics(broken), lambda: True), "/metrics")
    assert (status, json.loads(body)["code"]) == (500, "internal_error")
    assert lines == [{"event": "admin request failed", "error": "RuntimeError", "log_level": "error"}]
    assert "ann" not in body
