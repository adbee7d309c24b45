"""The sandbox as a client meets it, over real HTTP: what is refused, and in which order."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.contract.posts import NOW, PIXEL, Json, body, row

from tockwork.model.clock import SimulatedClock
from tockwork.sandbox.profile import Profile
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens

PATH = "/open_api/v1.3/event/track/"
EVENT_SET = "7676700000000000000"
HOUR = 3600


class Client:
    """Posts to a sandbox; `clock` is the sandbox's clock."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, clock: SimulatedClock) -> None:
        self.sandbox, self.clock, self._session = sandbox, clock, session

    async def send(
        self, content: bytes | Any, method: str = "POST", path: str = PATH, **headers: str | None
    ) -> tuple[int, Json, aiohttp.ClientResponse]:
        """Status, body and response. Headers are named with underscores; None leaves one out."""
        sent = {"Access_Token": "token", "Content_Type": "application/json"} | headers
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with self._session.request(
            method,
            self.sandbox.url + path,
            data=io.BytesIO(data),
            headers={name.replace("_", "-"): value for name, value in sent.items() if value is not None},
            allow_redirects=False,
            skip_auto_headers=["Content-Type"],
        ) as response:
            return response.status, await response.json(), response

    async def refused(self, content: bytes | Any, **options: Any) -> tuple[int, int, str]:
        """HTTP status, code and message."""
        status, body, _ = await self.send(content, **options)
        return status, body["code"], body["message"]

    async def accepted(self, content: Any, **options: Any) -> None:
        status, body, _ = await self.send(content, **options)
        assert (status, body["code"], body["message"]) == (200, 0, "OK"), body


@asynccontextmanager
async def sandboxed(profile: str | Profile = "documented", **options: Any) -> AsyncIterator[Client]:
    clock = SimulatedClock(NOW)
    async with Sandbox(profile, clock=clock, **options).serve() as sandbox, aiohttp.ClientSession() as session:
        yield Client(sandbox, session, clock)


def without(name: str, **root: Any) -> Json:
    return {key: value for key, value in body(**root).items() if key != name}


async def test_a_good_request_gets_tiktoks_envelope() -> None:
    async with sandboxed() as client:
        status, answer, response = await client.send(body())
        assert status == 200
        assert response.headers["Content-Type"].startswith("application/json")
        request_id = answer.pop("request_id")
        assert re.fullmatch(r"20270115080000[0-9A-F]{20}", request_id)
        assert answer == {"code": 0, "message": "OK", "data": {}}


INVALID = "Invalid value for {}: {}."
SOURCE_TEXT = INVALID.format("event_source", "must be web, app or offline")
SOURCE_ID_TEXT = INVALID.format("event_source_id", "not a valid string")
JSON_TEXT = "Request body is not a valid JSON object."

ROOT_REFUSALS: list[tuple[Any, str]] = [
    (b"", JSON_TEXT),
    (b"{", JSON_TEXT),
    (b"[]", JSON_TEXT),
    (b'"text"', JSON_TEXT),
    (b'{"event_source": NaN}', JSON_TEXT),
    (b'{"event_source": "\xff"}', JSON_TEXT),
    (b'{"event_source": "\\ud800"}', JSON_TEXT),
    (b"\xef\xbb\xbf{}", JSON_TEXT),
    (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON_TEXT),
    (b'{"event_source": "web", "event_source_id": "P", "data": [{"event": 1e999}]}', JSON_TEXT),
    (without("event_source"), SOURCE_TEXT),
    (body(event_source="email"), SOURCE_TEXT),
    (body(event_source="WEB"), SOURCE_TEXT),
    (body(event_source=["web"]), SOURCE_TEXT),
    (without("event_source_id"), SOURCE_ID_TEXT),
    (without("event_source_id", pixel_code=PIXEL), SOURCE_ID_TEXT),
    (body(event_source_id=7676700000000000000), SOURCE_ID_TEXT),
    (body(event_source_id=""), SOURCE_ID_TEXT),
    (body(event_source="offline"), INVALID.format("event_source_id", "not an offline event set")),
    (body(partner_name="MyShop"), INVALID.format("partner_name", "not a registered partner")),
    (body(partner_name=["Segment"]), INVALID.format("partner_name", "not a registered partner")),
    (body(partner_name=None), INVALID.format("partner_name", "not a registered partner")),
    (body(test_event_code=12345), INVALID.format("test_event_code", "not a valid string")),
    (without("data"), INVALID.format("data", "must have 1 to 1000 events")),
    (body(data=[]), INVALID.format("data", "must have 1 to 1000 events")),
    (body(data=[{}] * 1001), INVALID.format("data", "must have 1 to 1000 events")),
    (body(data={"event": "Purchase"}), INVALID.format("data", "not a valid list")),
    (body(data=None), INVALID.format("data", "not a valid list")),
    (body(data="[]"), INVALID.format("data", "not a valid list")),
]


@pytest.mark.parametrize(("content", "message"), ROOT_REFUSALS)
async def test_a_root_that_is_wrong_is_refused_with_40002(content: Any, message: str) -> None:
    async with sandboxed() as client:
        assert await client.refused(content) == (400, 40002, message)
        assert client.sandbox.events == []


async def test_a_thousand_rows_pass_and_one_more_does_not() -> None:
    async with sandboxed() as client:
        rows = [row(event_id=str(number)) for number in range(1001)]
        await client.accepted(body(*rows[:1000]))
        status, code, _ = await client.refused(body(*rows))
        assert (status, code) == (400, 40002)
        assert client.sandbox.stats().accepted_rows == 1000


@pytest.mark.parametrize(
    ("rows", "path"),
    [
        ([row(), row(event_id=7)], "data.1.event_id"),
        ([row(), row(), row(event=""), row(event_id=7)], "data.2.event"),
        ([row(page={})], "data.0.page.url"),
        ([row(), "row"], "data.1"),
        ([row(), None], "data.1"),
        ([row(), row(properties={"contents": [{}, {"content_id": 9}]})], "data.1.properties.contents.1.content_id"),
    ],
)
async def test_one_bad_row_refuses_all_and_the_message_names_the_first(rows: list[Any], path: str) -> None:
    async with sandboxed() as client:
        status, code, message = await client.refused(body(*rows))
        assert (status, code) == (400, 40002)
        assert re.fullmatch(rf"Invalid value for {re.escape(path)}: [a-z ]+\.", message)
        assert client.sandbox.stats().accepted_rows == 0
        assert client.sandbox.events == []


async def test_a_message_never_repeats_a_value() -> None:
    async with sandboxed() as client:
        for bad in ({"jane@example.com": 1}, 213_373_4253, ["jane@example.com", 2133734253]):
            _, _, message = await client.refused(body(row(user={"email": bad})))
            assert "jane" not in message
            assert "213" not in message


async def test_app_crm_and_offline_events_pass_with_what_they_need() -> None:
    async with sandboxed() as client:
        plain = {key: value for key, value in row().items() if key != "page"}
        await client.accepted(body(plain | {"app": {"app_id": "1234"}}, event_source="app", event_source_id="1234"))
        await client.accepted(
            body(plain | {"lead": {"lead_id": EVENT_SET}}, event_source="crm", event_source_id=EVENT_SET)
        )
        await client.accepted(body(plain, event_source="offline", event_source_id=EVENT_SET))
        assert [event.event_source for event in client.sandbox.events] == ["app", "crm", "offline"]


async def test_the_access_token_stands_in_its_own_header() -> None:
    async with sandboxed() as client:
        assert await client.refused(body(), Access_Token=None) == (401, 40104, "Access token is empty.")
        assert await client.refused(body(), Access_Token=" ") == (401, 40104, "Access token is empty.")
        status, code, message = await client.refused(body(), Access_Token=None, Authorization="Bearer token")
        assert (status, code) == (401, 40104)
        assert "header Access-Token" in message


async def test_tokens_can_be_revoked_limited_or_unknown() -> None:
    tokens = Tokens(allowed={"narrow": ["OTHER00000000000000"]}, revoked=frozenset({"dead"}))
    dead = (401, 40105, "Access token is incorrect or has been revoked.")
    async with sandboxed(tokens=tokens) as client:
        await client.accepted(body(), Access_Token="whatever")
        assert await client.refused(body(), Access_Token="dead") == dead
        status, code, message = await client.refused(body(), Access_Token="narrow")
        assert (status, code) == (400, 40001)
        assert message == (
            f"No permission to operate pixel code: {PIXEL}."
            " You must be an admin or operator of this advertiser account."
        )
        await client.accepted(body(event_source_id="OTHER00000000000000"), Access_Token="narrow")
    async with sandboxed(tokens=Tokens(allowed={"wide": []}, only_allowed=True)) as client:
        await client.accepted(body(), Access_Token="wide")
        assert await client.refused(body(), Access_Token="whatever") == dead


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_the_body_must_be_declared_as_json(content_type: str | None) -> None:
    async with sandboxed() as client:
        answer = await client.refused(body(), Content_Type=content_type)
        assert answer == (400, 40002, "Content-Type must be application/json.")
        await client.accepted(body(), Content_Type="Application/JSON; charset=utf-8")


async def test_a_compressed_body_is_refused() -> None:
    async with sandboxed() as client:
        content = gzip.compress(json.dumps(body()).encode())
        answer = await client.refused(content, Content_Encoding="gzip")
        assert answer == (400, 40002, "Content-Encoding is not supported.")


async def test_bodies_up_to_the_limit_pass() -> None:
    async with sandboxed(body_limit=2000) as client:
        frame = len(json.dumps(body(row(description=""))))
        await client.accepted(body(row(description="x" * (2000 - frame))))
        answer = await client.refused(body(row(description="x" * (2001 - frame))))
        assert answer == (400, 40002, "Request body is larger than 2000 bytes.")


async def test_a_body_without_a_length_is_limited_too() -> None:
    async with sandboxed(body_limit=2000) as client, aiohttp.ClientSession() as session:

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b" " * 100
                await asyncio.sleep(0)

        headers = {"Access-Token": "token", "Content-Type": "application/json"}
        async with session.post(client.sandbox.url + PATH, data=chunks(), headers=headers) as response:
            assert (await response.json())["message"] == "Request body is larger than 2000 bytes."


async def test_five_megabytes_are_the_default_limit() -> None:
    async with sandboxed() as client:
        padding = "x" * (5 * 1024 * 1024)
        await client.accepted(body(row(description=padding[:-1000])))
        status, code, _ = await client.refused(body(row(description=padding)))
        assert (status, code) == (400, 40002)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_405(method: str) -> None:
    async with sandboxed() as client:
        status, answer, response = await client.send(b"", method=method)
        assert status == 405
        assert response.headers["Allow"] == "POST"
        assert set(answer) == {"code", "message", "request_id", "data"}


@pytest.mark.parametrize(
    "path", ["/open_api/v1.2/event/track/", "/open_api/v2.0/event/track/", "/open_api/v1.3/pixel/track/", "/nowhere"]
)
async def test_other_paths_are_404_in_the_envelope(path: str) -> None:
    async with sandboxed() as client:
        assert await client.refused(body(), path=path) == (404, 40007, "The requested path does not exist.")


async def test_without_its_slash_the_path_is_served_with_a_diagnostic() -> None:
    async with sandboxed() as client:
        await client.accepted(body(), path=PATH.rstrip("/"))
        assert "path_without_slash" in [remark.code for remark in client.sandbox.events[0].diagnostics]


async def test_the_strict_profile_redirects_to_the_slash() -> None:
    async with sandboxed("strict-docs") as client:
        status, _, response = await client.send(body(), path=PATH.rstrip("/"))
        assert status == 301
        assert response.headers["Location"] == PATH
        assert client.sandbox.events == []


ORDER: list[tuple[int, Any, Json]] = [
    # Each request is wrong in the way that is named and in all the later ones.
    (40104, b"{", {"Access_Token": None}),
    (40105, b"{", {"Access_Token": "dead"}),
    (40002, b"{", {"Access_Token": "narrow"}),
    (40002, body(event_source="email", event_source_id=5, data=[]), {"Access_Token": "narrow"}),
    (40002, body(event_source_id=5, data=[]), {"Access_Token": "narrow"}),
    (40002, body(partner_name="x", data=[]), {"Access_Token": "narrow"}),
    (40001, body(data=[]), {"Access_Token": "narrow"}),
    (40002, body(data=[]), {"Access_Token": "spent"}),
    (40002, body(row(event="")), {"Access_Token": "spent"}),
    (40100, body(), {"Access_Token": "spent"}),
    (50000, body(), {}),
]


@pytest.mark.parametrize(("code", "content", "headers"), ORDER)
async def test_the_first_rule_that_is_broken_answers(code: int, content: Any, headers: Json) -> None:
    tokens = Tokens(allowed={"narrow": ["OTHER"]}, revoked=frozenset({"dead"}))
    faults = [{"after": 1, "action": {"kind": "answer", "code": 50000}}]
    async with sandboxed(tokens=tokens, faults=faults, requests_per_second=1) as client:
        await client.accepted(body(), Access_Token="spent")
        assert (await client.refused(content, **headers))[1] == code


async def test_the_rate_limit_is_a_thousand_requests_a_second_for_each_token() -> None:
    async with sandboxed() as client:
        content = json.dumps(body()).encode()

        async def burst(count: int, token: str) -> list[int]:
            answers = await asyncio.gather(*(client.refused(content, Access_Token=token) for _ in range(count)))
            return [code for _, code, _ in answers]

        assert sorted(await burst(1003, "a")) == [0] * 1000 + [40100] * 3
        assert await client.refused(content, Access_Token="a") == (
            401,
            40100,
            "Too many requests. Please retry in some time.",
        )
        assert await burst(5, "b") == [0] * 5
        await client.clock.advance(0.01)
        assert sorted(await burst(12, "a")) == [0] * 10 + [40100] * 2


async def test_requests_are_counted_by_code() -> None:
    async with sandboxed() as client:
        await client.accepted(body())
        await client.refused(b"{")
        await client.refused(body(), Access_Token=None)
        stats = client.sandbox.stats()
        assert (stats.requests, stats.rejected_requests) == (3, 2)
        assert stats.by_code == {"0": 1, "40002": 1, "40104": 1}
        assert [request.code for request in client.sandbox.requests] == [0, 40002, 40104]
        assert [request.http_status for request in client.sandbox.requests] == [200, 400, 401]
