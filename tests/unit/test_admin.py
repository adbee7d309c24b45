"""The admin listener's answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import structlog

from tockwork.app.admin import GUARDS, PATHS, Admin, Message, Rooms, _Body
from tockwork.app.metrics import Metrics
from tockwork.ingest.tracking import Counts
from tockwork.operations.snapshot import Snapshot


async def snapshot() -> Snapshot:
    return Snapshot(at=0.0, accepting=True, ingest=Counts())


async def broken() -> Snapshot:
    raise RuntimeError("ann@shop.example")


async def nothing() -> Message:
    """What of a request comes after its headers."""
    return {"type": "http.request", "body": b""}


async def ask(
    admin: Admin, path: str, method: str = "GET", host: str | None = "127.0.0.1:8081"
) -> tuple[int, Any, str]:
    """Status, headers and body."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    await admin({"type": "http", "path": path, "method": method, "headers": headers}, nothing, send)
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


@pytest.mark.parametrize(("path", "host"), [("/health", "127.0.0.1"), ("/x", "127.0.0.1"), ("/", "evil.example")])
async def test_no_answer_is_kept_shown_in_a_page_or_run(path: str, host: str) -> None:
    _, headers, _ = await ask(admin(), path, host=host)
    assert GUARDS.items() <= headers.items()


async def test_what_a_room_says_itself_stays() -> None:
    async def room(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Cache-Control", b"max-age=1"), (b"content-security-policy", b"script-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    _, headers, _ = await ask(admin(rooms=lambda: Rooms(api=room, console=room)), "/")
    assert (headers[b"Cache-Control"], headers[b"content-security-policy"]) == (b"max-age=1", b"script-src 'self'")
    assert b"cache-control" not in headers
    assert headers[b"x-frame-options"] == b"DENY"


async def test_a_body_that_never_ends_is_over_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tockwork.app.admin.BODY_S", 0.05)
    messages: list[Message] = [{"type": "http.request", "body": b"a", "more_body": True}]

    async def slow() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    body = _Body(slow)
    assert [(await body())["type"] for _ in range(3)] == ["http.request", "http.disconnect", "http.disconnect"]


async def test_who_has_sent_all_may_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tockwork.app.admin.BODY_S", 0.0)
    messages: list[Message] = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"a"}]

    async def there() -> Message:
        await asyncio.sleep(0)
        return messages.pop()

    body = _Body(there)
    body._until += 60
    assert (await body())["type"] == "http.request"
    body._until -= 120
    assert (await body())["type"] == "http.disconnect"
    assert messages == []
