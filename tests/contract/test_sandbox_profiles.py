"""What the profiles refuse and answer differently, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.contract.posts import NOW, Json, body, row

from tockwork.model.clock import SimulatedClock
from tockwork.sandbox.catalogue import CATALOGUE
from tockwork.sandbox.profile import PROFILES, Profile
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens

PATH = "/open_api/v1.3/event/track/"
EVENT_SET = "7676700000000000000"
HOUR = 3600


class Client:
    """Posts to a sandbox."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox, self._session = sandbox, session

    async def refused(self, content: bytes | Any, token: str | None = "token") -> tuple[int, int, str]:
        """HTTP status, code and message."""
        headers = {"Content-Type": "application/json"} | ({} if token is None else {"Access-Token": token})
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with self._session.post(self.sandbox.url + PATH, data=data, headers=headers) as response:
            answer = await response.json()
            return response.status, answer["code"], answer["message"]

    async def accepted(self, content: Any, token: str = "token") -> None:
        assert await self.refused(content, token) == (200, 0, "OK")


@asynccontextmanager
async def sandboxed(profile: str | Profile = "documented", **options: Any) -> AsyncIterator[Client]:
    clock = SimulatedClock(NOW)
    async with Sandbox(profile, clock=clock, **options).serve() as sandbox, aiohttp.ClientSession() as session:
        yield Client(sandbox, session)


STATUSES = {
    "documented": {40001: 400, 40002: 400, 40100: 401, 40104: 401, 40105: 401, 50000: 200},
    "always-200": {40001: 200, 40002: 200, 40100: 200, 40104: 200, 40105: 200, 50000: 200},
    "strict-docs": {40001: 400, 40002: 400, 40100: 401, 40104: 401, 40105: 401, 50000: 200},
    "lenient": {40001: 400, 40002: 400, 40100: 401, 40104: 401, 40105: 401, 50000: 200},
}


@pytest.mark.parametrize("profile", PROFILES)
async def test_each_profile_has_its_http_statuses(profile: str) -> None:
    tokens = Tokens(allowed={"narrow": ["OTHER"]}, revoked=frozenset({"dead"}))
    faults = [{"after": 1, "action": {"kind": "answer", "code": 50000}}]
    async with sandboxed(profile, tokens=tokens, faults=faults, requests_per_second=1) as client:
        await client.accepted(body(), token="spent")
        answers = [
            await client.refused(body(), token="narrow"),
            await client.refused(b"{"),
            await client.refused(body(), token="spent"),
            await client.refused(body(), token=None),
            await client.refused(body(), token="dead"),
            await client.refused(body()),
        ]
        assert {code: status for status, code, _ in answers} == STATUSES[profile]


FORBIDDEN: list[tuple[Json, str]] = [
    ({"user": {"email": "jane@example.com"}}, "user.email"),
    ({"user": {"phone": ["+12133734253"]}}, "user.phone.0"),
    ({"user": {"external_id": "user_123"}}, "user.external_id"),
    ({"user": {"email": "d41d8cd98f00b204e9800998ecf8427e"}}, "user.email"),
    ({"event": "Order Completed"}, "event"),
    ({"properties": {"content_type": "Apparel"}}, "properties.content_type"),
    ({"event_time": NOW + 25 * HOUR}, "event_time"),
    ({"page": {"url": "/thanks"}}, "page.url"),
]


@pytest.mark.parametrize(("changes", "path"), FORBIDDEN)
async def test_the_strict_profile_refuses_what_others_only_remark_on(changes: Json, path: str) -> None:
    async with sandboxed("strict-docs") as client:
        status, code, message = await client.refused(body(row(), row(**changes)))
        assert (status, code) == (400, 40002)
        assert message.startswith(f"Invalid value for data.1.{path}: ")
        await client.accepted(body(row()))
    async with sandboxed() as client:
        await client.accepted(body(row(**changes)))
        (event,) = client.sandbox.events
        assert path in [remark.path for remark in event.diagnostics]


async def test_the_strict_profile_asks_for_a_user_and_takes_no_empty_test_code() -> None:
    async with sandboxed("strict-docs") as client:
        bare = {key: value for key, value in row().items() if key != "user"}
        assert (await client.refused(body(bare)))[2].startswith("Invalid value for data.0.user: ")
        assert (await client.refused(body(test_event_code="")))[2].startswith("Invalid value for test_event_code: ")


async def test_the_strict_profile_takes_offline_events_of_28_days_and_standard_names() -> None:
    day = 24 * HOUR
    async with sandboxed("strict-docs") as client:

        def offline(**changes: Any) -> Json:
            return body(row(**changes), event_source="offline", event_source_id=EVENT_SET)

        await client.accepted(offline(event_time=NOW - 27 * day))
        assert (await client.refused(offline(event_time=NOW - 29 * day)))[1] == 40002
        assert (await client.refused(offline(event="Pageview")))[1] == 40002
        await client.accepted(body(row(event_time=NOW - 29 * day)))


async def test_the_lenient_profile_takes_what_was_never_seen_refused() -> None:
    async with sandboxed("lenient") as client:
        await client.accepted(
            body({"event": "Purchase", "event_time": str(NOW)}, event_source="web", partner_name="MyShop")
        )
        (event,) = client.sandbox.events
        assert {"event_time_text", "partner_name_present"} <= {remark.code for remark in event.diagnostics}


async def test_a_profile_of_ones_own() -> None:
    mine = Profile("mine", statuses={40002: 422}, required=frozenset(), refuses=frozenset({"value_missing"}))
    async with sandboxed(mine) as client:
        status, code, message = await client.refused(body({"event": "Purchase", "event_time": NOW}))
        assert (status, code) == (422, 40002)
        assert message == f"Invalid value for data.0.properties.value: {CATALOGUE['value_missing'].message}."
