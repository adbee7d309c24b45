"""Every scripted fault, seen from the other end of a real socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import pytest

from tockwork.model.clock import SimulatedClock
from tockwork.sandbox.server import Sandbox

PATH = "/open_api/v1.3/event/track/"
PIXEL = "C8E2OS3C77UABCDXYZ00"

Json = dict[str, Any]


def request_bytes(*event_ids: str, token: str = "token") -> bytes:
    rows = [
        {
            "event": "Purchase",
            "event_time": int(time.time()),
            "event_id": event_id,
            "page": {"url": "https://a.example/"},
        }
        for event_id in event_ids or ("o-1",)
    ]
    body = json.dumps({"event_source": "web", "event_source_id": PIXEL, "data": rows}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: sandbox\r\nAccess-Token: {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Answer(NamedTuple):
    """What a raw socket saw: the head, the body bytes, when each piece came, and how the connection ended."""

    status: int
    headers: dict[str, str]
    body: bytes
    pieces: int
    seconds: float
    ended: str  # "whole": all announced bytes came; "short": closed before; "reset": TCP reset

    @property
    def json(self) -> Json:
        value: Json = json.loads(self.body)
        return value


async def ask(sandbox: Sandbox, *event_ids: str, token: str = "token") -> Answer:
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    began, pieces, received, ended = time.monotonic(), 0, b"", "short"
    try:
        writer.write(request_bytes(*event_ids, token=token))
        await writer.drain()
        while piece := await reader.read(65536):
            pieces += 1
            received += piece
            if _is_whole(received):
                ended = "whole"
                break
    except ConnectionResetError:
        ended = "reset"
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    status = int(lines[0].split()[1]) if received else 0
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    return Answer(status, headers, body, pieces, time.monotonic() - began, ended)


def _is_whole(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return bool(found) and len(body) == lengths[0]


@asynccontextmanager
async def faulty(*steps: Json, profile: str = "documented", **options: Any) -> AsyncIterator[Sandbox]:
    async with Sandbox(profile, faults=list(steps), **options).serve() as sandbox:
        yield sandbox


def once(**action: Any) -> Json:
    return {"times": 1, "action": action}


def accepted_ids(sandbox: Sandbox) -> list[str]:
    return [event.event_id for event in sandbox.events]


async def test_latency_delays_the_answer_and_changes_nothing_else() -> None:
    async with faulty(once(kind="latency", seconds=0.3)) as sandbox:
        slow, fast = await ask(sandbox), await ask(sandbox, "o-2")
        assert slow.seconds >= 0.3
        assert fast.seconds < 0.3
        assert (slow.json["code"], fast.json["code"]) == (0, 0)
        assert sandbox.requests[0].fault == "latency"
        assert accepted_ids(sandbox) == ["o-1", "o-2"]


async def test_latency_waits_on_the_sandboxs_own_clock() -> None:
    clock = SimulatedClock(time.time())
    async with faulty(once(kind="latency", seconds=3600), clock=clock) as sandbox:
        asking = asyncio.create_task(ask(sandbox))
        await asyncio.sleep(0.1)
        assert not asking.done()
        assert sandbox.stats().accepted_rows == 0
        await clock.advance(3600)
        assert (await asking).json["code"] == 0


async def test_reset_before_acceptance_loses_the_rows() -> None:
    async with faulty(once(kind="reset", when="before")) as sandbox:
        answer = await ask(sandbox)
        assert (answer.ended, answer.body) == ("reset", b"")
        assert accepted_ids(sandbox) == []
        assert (sandbox.requests[0].http_status, sandbox.requests[0].code) == (None, None)
        assert sandbox.stats().by_code == {"none": 1}
        assert (await ask(sandbox)).json["code"] == 0
        assert [str(event.verdict) for event in sandbox.events] == ["unique"]


async def test_reset_after_acceptance_keeps_the_rows_and_a_repeat_is_a_copy() -> None:
    async with faulty(once(kind="reset", when="after")) as sandbox:
        answer = await ask(sandbox)
        assert (answer.ended, answer.body) == ("reset", b"")
        assert accepted_ids(sandbox) == ["o-1"]
        assert (await ask(sandbox)).json["code"] == 0
        assert [str(event.verdict) for event in sandbox.events] == ["unique", "merged"]
        assert sandbox.stats().rejected_requests == 0


async def test_a_client_library_sees_a_reset_as_a_broken_connection() -> None:
    async with faulty({"action": {"kind": "reset"}}) as sandbox, aiohttp.ClientSession() as session:
        headers = {"Access-Token": "t", "Content-Type": "application/json"}
        body = request_bytes().partition(b"\r\n\r\n")[2]
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(sandbox.url + PATH, data=body, headers=headers)


async def test_too_many_requests_with_retry_after() -> None:
    async with faulty(once(kind="http", status=429, retry_after=2, body="empty")) as sandbox:
        answer = await ask(sandbox)
        assert (answer.status, answer.headers["Retry-After"], answer.body) == (429, "2", b"")
        assert accepted_ids(sandbox) == []


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"code": 40100}, 401),
        ({"code": 40100, "status": 200}, 200),
        ({"code": 40100, "status": 429, "retry_after": 0.5}, 429),
        ({"code": 40105}, 401),
        ({"code": 40001}, 400),
        ({"code": 50000}, 200),
        ({"code": 51305, "message": "try later"}, 200),
        ({"code": 49999}, 200),
    ],
)
async def test_any_code_with_any_status(action: Json, status: int) -> None:
    async with faulty(once(kind="answer", **action)) as sandbox:
        answer = await ask(sandbox)
        assert (answer.status, answer.json["code"]) == (status, action["code"])
        assert answer.json["message"] == action.get("message", answer.json["message"]) != ""
        assert answer.headers.get("Retry-After") == ("0.5" if "retry_after" in action else None)
        assert set(answer.json) == {"code", "message", "request_id", "data"}
        assert accepted_ids(sandbox) == []


async def test_in_the_always_200_profile_scripted_codes_come_with_200_too() -> None:
    async with faulty(once(kind="answer", code=40100), profile="always-200") as sandbox:
        assert (await ask(sandbox)).status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_gateway_errors_are_html(status: int) -> None:
    async with faulty(once(kind="http", status=status)) as sandbox:
        answer = await ask(sandbox)
        assert (answer.status, answer.ended) == (status, "whole")
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.body.startswith(b"<html>")


async def test_garbage_with_200() -> None:
    async with faulty(once(kind="http", status=200, body="garbage")) as sandbox:
        answer = await ask(sandbox)
        assert (answer.status, answer.ended) == (200, "whole")
        with pytest.raises(ValueError, match=r"(?i)decode|invalid|control"):
            json.loads(answer.body)


async def test_json_without_a_code() -> None:
    async with faulty(once(kind="http", status=200, body="json")) as sandbox:
        assert "code" not in (await ask(sandbox)).json


async def test_a_useless_answer_may_hide_that_the_rows_arrived() -> None:
    async with faulty(once(kind="http", status=504, accept=True)) as sandbox:
        assert (await ask(sandbox)).status == 504
        assert accepted_ids(sandbox) == ["o-1"]


async def test_a_slow_drip_sends_the_whole_answer_a_few_bytes_at_a_time() -> None:
    async with faulty(once(kind="drip", bytes=20, every=0.03)) as sandbox:
        answer = await ask(sandbox)
        assert answer.ended == "whole"
        assert answer.json["code"] == 0
        assert answer.pieces >= 4
        assert answer.seconds >= 0.1
        assert accepted_ids(sandbox) == ["o-1"]


async def test_a_client_may_leave_during_a_drip() -> None:
    async with faulty(once(kind="drip", bytes=1, every=0.01)) as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes())
        await reader.read(1)
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert (await ask(sandbox, "o-2")).json["code"] == 0


@pytest.mark.parametrize("keep", [0, 10])
async def test_a_truncated_answer_announces_more_than_it_brings(keep: int) -> None:
    async with faulty(once(kind="truncate", keep=keep)) as sandbox:
        answer = await ask(sandbox)
        assert (answer.status, answer.ended) == (200, "short")
        assert len(answer.body) == keep < int(answer.headers["Content-Length"])
        assert accepted_ids(sandbox) == ["o-1"]


POISON = {"match": {"row": {"event_id": "poison"}}}


async def test_a_poison_row_is_named() -> None:
    async with faulty(POISON | {"action": {"kind": "refuse"}}) as sandbox:
        answer = await ask(sandbox, "a", "b", "poison", "c", "poison")
        assert (answer.status, answer.json["code"]) == (400, 40002)
        assert answer.json["message"].startswith("Invalid value for data.2: ")
        assert accepted_ids(sandbox) == []
        assert (await ask(sandbox, "a", "b", "c")).json["code"] == 0
        assert (await ask(sandbox, "poison")).json["message"].startswith("Invalid value for data.0: ")


async def test_a_poison_row_is_not_named() -> None:
    async with faulty(POISON | {"action": {"kind": "refuse", "named": False}}) as sandbox:
        answer = await ask(sandbox, "a", "poison")
        assert answer.json["code"] == 40002
        assert not any(char.isdigit() for char in answer.json["message"])


async def test_partial_success_names_the_rows_left_out() -> None:
    async with faulty(POISON | {"action": {"kind": "partial"}}) as sandbox:
        answer = await ask(sandbox, "poison", "a", "b", "poison")
        assert (answer.status, answer.json["code"]) == (200, 20001)
        assert [failed["index"] for failed in answer.json["data"]["failed_rows"]] == [0, 3]
        assert "data.0" in answer.json["message"]
        assert "data.3" in answer.json["message"]
        assert accepted_ids(sandbox) == ["a", "b"]
        assert sandbox.requests[0].accepted_rows == 2


async def test_partial_success_without_names() -> None:
    async with faulty(POISON | {"action": {"kind": "partial", "named": False}}) as sandbox:
        answer = await ask(sandbox, "a", "poison")
        assert (answer.json["code"], answer.json["data"]) == (20001, {})
        assert not any(char.isdigit() for char in answer.json["message"])
        assert accepted_ids(sandbox) == ["a"]


async def test_a_dead_token_is_dead_until_the_script_changes() -> None:
    script = {"match": {"token": "dying"}, "action": {"kind": "answer", "code": 40105}}
    async with faulty(script) as sandbox:
        assert (await ask(sandbox, token="dying")).json["code"] == 40105
        assert (await ask(sandbox, token="other")).json["code"] == 0
        sandbox.set_faults(None)
        assert (await ask(sandbox, token="dying")).json["code"] == 0


async def test_faults_hit_only_what_would_have_been_accepted() -> None:
    async with faulty(once(kind="answer", code=50000)) as sandbox:
        refused = await ask(sandbox, token="")
        assert refused.json["code"] == 40104
        assert (await ask(sandbox)).json["code"] == 50000
        assert (await ask(sandbox)).json["code"] == 0


async def test_a_reset_of_the_sandbox_begins_the_script_again() -> None:
    async with faulty(once(kind="answer", code=50000)) as sandbox:
        codes = [(await ask(sandbox)).json["code"] for _ in range(2)]
        sandbox.reset()
        codes += [(await ask(sandbox)).json["code"] for _ in range(2)]
        assert codes == [50000, 0, 50000, 0]


async def test_a_storm_is_the_same_storm_each_time() -> None:
    storm = {"probability": 0.5, "action": {"kind": "answer", "code": 40100}}
    seen = []
    for _ in range(2):
        async with Sandbox(faults={"seed": 3, "steps": [storm]}).serve() as sandbox:
            seen.append([(await ask(sandbox, str(number))).json["code"] for number in range(20)])
    assert seen[0] == seen[1]
    assert set(seen[0]) == {0, 40100}


async def test_stopping_does_not_wait_for_sleepers() -> None:
    async with faulty({"action": {"kind": "latency", "seconds": 600}}) as sandbox:
        asking = asyncio.create_task(ask(sandbox))
        await asyncio.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert (await asking).ended in ("short", "reset")
