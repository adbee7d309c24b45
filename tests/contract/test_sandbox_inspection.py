"""The sandbox's own API, what it logs, and how it starts and stops."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tockwork.model.clock import SimulatedClock
from tockwork.model.errors import ConfigurationError
from tockwork.sandbox.server import Options, Sandbox, run

PATH = "/open_api/v1.3/event/track/"
PIXEL = "C8E2OS3C77UABCDXYZ00"
NOW = 1_800_000_000

Json = dict[str, Any]


class Visitor:
    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox, self._session = sandbox, session

    async def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self._session.request(method, self.sandbox.url + path, **options) as response:
            return response.status, await response.text(), response

    async def json(self, path: str, method: str = "GET", **options: Any) -> tuple[int, Any]:
        status, text, _ = await self.ask(path, method, **options)
        return status, json.loads(text)

    async def send(self, *rows: Json, token: str = "s3cret-token", **root: Any) -> None:
        body = {"event_source": "web", "event_source_id": PIXEL, "data": list(rows) or [row()]} | root
        headers = {
            "Access-Token": token,
            "User-Agent": "shop/1.0",
            "X-Trace": "abc",
            "Authorization": f"Bearer {token}",
        }
        await self.ask(PATH, "POST", json=body, headers=headers)


@asynccontextmanager
async def sandboxed(**options: Any) -> AsyncIterator[Visitor]:
    clock = SimulatedClock(NOW)
    async with Sandbox(clock=clock, **options).serve() as sandbox, aiohttp.ClientSession() as session:
        yield Visitor(sandbox, session)


def row(**changes: Any) -> Json:
    return {
        "event": "Purchase",
        "event_time": NOW,
        "event_id": "o-1",
        "user": {"email": "jane@example.com", "ip": "8.8.8.8"},
        "page": {"url": "https://shop.example/"},
    } | changes


# -- /sandbox/ -------------------------------------------------------------------------------------------------------


async def test_health() -> None:
    async with sandboxed() as visitor:
        assert await visitor.json("/sandbox/health") == (200, {"status": "ok", "profile": "documented"})


async def test_an_event_is_shown_with_all_that_is_known_about_it() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(), row(user={"email": "jane@example.com", "phone": "f" * 64}))
        _, answer = await visitor.json("/sandbox/events")
        first, copy = answer["events"]
        assert answer["next"] == 2
        assert (first["id"], first["event"], first["event_id"], first["index"]) == (1, "Purchase", "o-1", 0)
        assert (first["event_source"], first["event_source_id"], first["test"]) == ("web", PIXEL, False)
        assert first["received_at"] == "2027-01-15T08:00:00.000Z"
        assert (first["verdict"], first["copy_of"], first["copies"]) == ("unique", None, 1)
        assert (copy["verdict"], copy["copy_of"]) == ("merged", 1)
        assert first["filled"] == ["user.phone"]
        assert first["row"] == row()
        assert first["merged_row"]["user"]["phone"] == "f" * 64
        assert copy["merged_row"] is None
        assert {"level": "error", "code": "email_raw", "path": "user.email", "message": "a plain e-mail address"} in (
            first["diagnostics"]
        )
        assert first["request"]["headers"]["User-Agent"] == "shop/1.0"
        assert first["request"]["headers"]["X-Trace"] == "abc"
        assert (first["request"]["http_status"], first["request"]["code"], first["request"]["rows"]) == (200, 0, 2)
        assert await visitor.json("/sandbox/events/1") == (200, first)
        assert (await visitor.json("/sandbox/events/3"))[0] == 404


async def test_the_access_token_is_shown_nowhere() -> None:
    async with sandboxed() as visitor:
        await visitor.send()
        await visitor.send(row(event_id=5))
        fault = {"match": {"token": "s3cret-token"}, "action": {"kind": "reset"}}
        await visitor.ask("/sandbox/faults", "PUT", json=[fault])
        for path in ("/", "/requests", "/events/1", "/sandbox/events", "/sandbox/requests", "/sandbox/faults"):
            status, text, _ = await visitor.ask(path)
            assert status == 200
            assert "s3cret" not in text


async def ids(visitor: Visitor, query: str) -> list[int]:
    _, answer = await visitor.json(f"/sandbox/events?{query}")
    return [event["id"] for event in answer["events"]]


async def test_events_can_be_filtered_and_paged() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(), row(event="PageView", event_id="p-1"))
        await visitor.send(row(event_id="o-2"), test_event_code="TEST12345")
        await visitor.send(row(event_id="o-3"), event_source_id="OTHER")
        assert await ids(visitor, "") == [1, 2, 3, 4]
        assert await ids(visitor, "event=Purchase") == [1, 3, 4]
        assert await ids(visitor, "event=Pageview") == [2]
        assert await ids(visitor, "event_id=o-2") == [3]
        assert await ids(visitor, "event_source_id=OTHER") == [4]
        assert await ids(visitor, "test=true") == [3]
        assert await ids(visitor, "test=false&event=Purchase") == [1, 4]
        assert await ids(visitor, "limit=2") == [1, 2]
        assert await ids(visitor, "after=2&limit=1") == [3]
        assert await ids(visitor, "after=4") == []
        assert (await visitor.json("/sandbox/events?after=4"))[1]["next"] == 4


@pytest.mark.parametrize("query", ["test=maybe", "limit=0x", "limit=9999", "after=-1"])
async def test_a_query_that_cannot_be_read_is_a_400(query: str) -> None:
    async with sandboxed() as visitor:
        for path in ("/sandbox/events", "/sandbox/requests"):
            status, answer = await visitor.json(f"{path}?{query}")
            assert (status, answer["error"].split()[0]) == (400, query.partition("=")[0])
        assert (await visitor.ask(f"/?{query}"))[0] == 400


async def test_requests_are_listed_the_refused_ones_too() -> None:
    async with sandboxed(faults=[{"times": 1, "action": {"kind": "http", "status": 502}}]) as visitor:
        await visitor.send()
        await visitor.send(row(event_id=5))
        await visitor.ask("/open_api/v1.2/event/track/", "POST")
        _, answer = await visitor.json("/sandbox/requests")
        gateway, refused, lost = answer["requests"]
        assert (gateway["http_status"], gateway["code"], gateway["fault"]) == (502, None, "HTTP 502 html")
        assert (gateway["rows"], gateway["accepted_rows"]) == (1, 0)
        assert (refused["code"], refused["message"]) == (
            40002,
            "Invalid value for data.0.event_id: not a valid string.",
        )
        assert (lost["http_status"], lost["path"]) == (404, "/open_api/v1.2/event/track/")
        assert [
            request["id"] for request in (await visitor.json("/sandbox/requests?after=1&limit=1"))[1]["requests"]
        ] == [2]


async def test_bytes_that_are_no_utf8_in_a_header_can_be_shown() -> None:
    async with sandboxed() as visitor:
        host, port = visitor.sandbox.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /open_api/%ff HTTP/1.1\r\nHost: x\r\nX-Odd: \xff\r\nContent-Length: 0\r\n\r\n")
        answer = await reader.read(4096)
        writer.close()
        assert b"40007" in answer
        for path in ("/sandbox/requests", "/requests"):
            assert (await visitor.ask(path))[0] == 200


async def test_stats() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(), row())
        await visitor.send(row(), test_event_code="TEST12345")
        await visitor.send(row(event_id=5))
        assert await visitor.json("/sandbox/stats") == (
            200,
            {
                "requests": 3,
                "rejected_requests": 1,
                "accepted_rows": 2,
                "unique": 1,
                "merged": 1,
                "dropped": 0,
                "both_legs": 0,
                "test": {"accepted_rows": 1, "unique": 1, "merged": 0, "dropped": 0, "both_legs": 0},
                "by_code": {"0": 2, "40002": 1},
                "kept_events": 3,
                "forgotten_ids": 0,
            },
        )


async def test_counts_stay_exact_when_events_are_let_go() -> None:
    async with sandboxed(keep=3) as visitor:
        for number in range(5):
            await visitor.send(row(event_id=str(number)))
        await visitor.send(row(event_id="0"))
        _, stats = await visitor.json("/sandbox/stats")
        assert (stats["unique"], stats["merged"], stats["kept_events"]) == (5, 1, 3)
        assert await ids(visitor, "") == [4, 5, 6]
        assert (await visitor.json("/sandbox/events/6"))[1]["copy_of"] is None
        status, text, _ = await visitor.ask("/events/6")
        assert status == 200
        assert "one let go since" in text


async def test_reset() -> None:
    async with sandboxed() as visitor:
        await visitor.send()
        assert await visitor.json("/sandbox/reset", "POST") == (200, {"status": "ok"})
        assert (await visitor.json("/sandbox/stats"))[1]["requests"] == 0
        assert await ids(visitor, "") == []


async def test_faults_can_be_set_seen_and_cleared_at_run_time() -> None:
    async with sandboxed() as visitor:
        script = {"seed": 7, "steps": [{"times": 1, "action": {"kind": "answer", "code": 50000}}]}
        assert (await visitor.ask("/sandbox/faults", "PUT", json=script))[0] == 200
        await visitor.send()
        await visitor.send()
        _, seen = await visitor.json("/sandbox/faults")
        assert seen["seed"] == 7
        assert [(step["seen"], step["done"]) for step in seen["steps"]] == [(2, 1)]
        assert seen["steps"][0]["step"]["action"]["kind"] == "answer"
        assert await visitor.json("/sandbox/faults", "DELETE") == (200, {"seed": 0, "steps": []})
        await visitor.send()
        assert [request.code for request in visitor.sandbox.requests] == [50000, 0, 0]


async def test_a_wrong_script_is_refused_with_its_problems_and_changes_nothing() -> None:
    async with sandboxed(faults=[{"action": {"kind": "answer", "code": 50000}}]) as visitor:
        status, answer = await visitor.json("/sandbox/faults", "PUT", json=[{"action": {"kind": "no"}}, {}])
        assert status == 400
        assert [problem["where"] for problem in answer["problems"]] == ["steps[0].action.kind", "steps[1]"]
        status, answer = await visitor.json("/sandbox/faults", "PUT", data=b"[")
        assert (status, answer["problems"][0]["what"].split(":")[0]) == (400, "no JSON")
        assert len((await visitor.json("/sandbox/faults"))[1]["steps"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/sandbox/nothing", 404),
        ("GET", "/sandbox/reset", 405),
        ("POST", "/sandbox/faults", 405),
        ("POST", "/", 405),
    ],
)
async def test_what_there_is_not_is_answered_in_json(method: str, path: str, status: int) -> None:
    async with sandboxed() as visitor:
        found, answer = await visitor.json(path, method)
        assert found == status
        assert set(answer) == {"code", "message", "request_id", "data"}


# -- Logs, the process -----------------------------------------------------------------------------------------------


async def test_neither_bodies_nor_tokens_are_ever_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "CANARY7canary"
    async with sandboxed() as visitor:
        await visitor.send(row(event=canary, user={"email": f"{canary}@example.com"}), token=canary)
        await visitor.send(row(event_id=5), token=canary, **{canary: canary})
        host, port = visitor.sandbox.url.removeprefix("http://").split(":")
        for broken in (
            f"POST {PATH} HTTP/1.1\r\nAccess-Token {canary}\r\n\r\n",
            f"{canary} {canary}\r\n\r\n",
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAccess-Token: {canary}\r\nContent-Length: 100\r\n\r\n{canary}",
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{canary}\r\n",
        ):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(broken.encode())
            writer.write_eof()
            await reader.read()
            writer.close()
        assert visitor.sandbox.events
    out, err = capfd.readouterr()
    for text in (caplog.text, out, err):
        assert canary not in text


async def test_a_mistake_of_ours_is_logged_by_kind_and_place_alone(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandboxed() as visitor:

        def stumble(*_: Any) -> None:
            raise RuntimeError("CANARY")

        monkeypatch.setattr(visitor.sandbox._state.api, "accept", stumble)
        headers = {"Access-Token": "t"}
        body = {"event_source": "web", "event_source_id": PIXEL, "data": [row()]}
        status, answer = await visitor.json(PATH, "POST", json=body, headers=headers)
        assert (status, answer["code"]) == (500, 50000)
    out, err = capfd.readouterr()
    assert "RuntimeError" in out + err
    assert "CANARY" not in out + err


async def test_run_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"action": {"kind": "answer", "code": 50000}}]')
    tokens = tmp_path / "tokens.json"
    tokens.write_text('{"revoked": ["dead"]}')
    for number in (signal.SIGTERM, signal.SIGINT):
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        options = Options(port=0, profile="always-200", faults=faults, tokens=tokens)
        running = asyncio.create_task(run(options, ready.set_result))
        url = await asyncio.wait_for(ready, 5)
        async with aiohttp.ClientSession() as session:
            body = {"event_source": "web", "event_source_id": PIXEL, "data": [row()]}
            codes = []
            for token in ("alive", "dead"):
                async with session.post(url + PATH, json=body, headers={"Access-Token": token}) as response:
                    assert response.status == 200
                    codes.append((await response.json())["code"])
            assert codes == [50000, 40105]
        os.kill(os.getpid(), number)
        await asyncio.wait_for(running, 5)


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with Sandbox().serve() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            await run(Options(port=port))


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
async def test_ipv6() -> None:
    async with Sandbox().serve(host="::1") as sandbox, aiohttp.ClientSession() as session:
        assert sandbox.url.startswith("http://[::1]:")
        async with session.get(sandbox.url + "/sandbox/health") as response:
            assert response.status == 200


@pytest.mark.timeout(60)
async def test_a_thousand_rows_are_taken_quickly() -> None:
    """A floor far below what a quiet machine does, so that only a slip in the hot path fails it."""
    rows = [row(event_id=str(number), properties={"description": "x" * 700}) for number in range(1000)]
    body = json.dumps({"event_source": "web", "event_source_id": PIXEL, "data": rows}).encode()
    headers = {"Access-Token": "t", "Content-Type": "application/json"}
    async with sandboxed() as visitor:
        best = 60.0
        for _ in range(5):
            began = time.perf_counter()
            status, _, _ = await visitor.ask(PATH, "POST", data=body, headers=headers)
            best = min(best, time.perf_counter() - began)
            assert status == 200
        assert best < 0.25
