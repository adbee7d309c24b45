"""Made-up requests, well-formed and not, from the API's own description: each is answered, none with a server error."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from tests.contract.console import URL, Desk, console

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings

NAME: Final = "Probe"
"""What there is one of each kind of, so that half of the requests are about something."""
FULL: Final = [pytest.mark.faults, pytest.mark.timeout(900)]
ANSWER_S: Final = 20.0
NOWHERE: Final = "http://127.0.0.1:9"
UNENDING: Final = ("/api/events/stream",)
"""They answer for as long as somebody listens; what is wrong with a request they say at once."""
ORDER: Final = ("get", "post", "put", "patch", "delete")
"""What is there to be asked about goes last."""
WAYS: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def configuration() -> Configuration:
    own = {"accessToken": Secret("token"), "pixelCode": "CPROBE00000000000000"}
    fields = {"event": "Contact", "event_id": {"@path": "$.messageId"}, "timestamp": {"@path": "$.timestamp"}}
    mappings = [{"name": NAME, "trigger": 'type = "track"', "fields": fields}]
    return Configuration(
        sources=[SourceEntry(NAME, "write-key")],
        destinations=[DestinationEntry("tiktok-conversions", NAME, settings=own, mappings=mappings)],
    )


class Probe:
    """Sends made-up requests with an owner's token. `failed` are those that no client's error explains."""

    def __init__(self, desk: Desk, token: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.headers = {"Authorization": f"Bearer {token}"}
        self.client = desk.stranger().api
        self.failed: dict[str, str] = {}
        self.answers: Counter[int] = Counter()

    def send(self, case: Case[Any]) -> None:
        asyncio.run_coroutine_threadsafe(self._send(case), self.loop).result()

    async def _send(self, case: Case[Any]) -> None:
        try:
            made = requests.Request(**case.as_transport_kwargs(base_url=URL)).prepare()
            body: Any = made.body.encode() if isinstance(made.body, str) else made.body
            given = [(name, value) for name, value in made.headers.items() if name.lower() not in _OURS]
            request = httpx.Request(
                str(made.method),
                str(made.url),
                content=body,
                headers=[*given, *self.headers.items()],  # type: ignore[arg-type]
            )
        except (ValueError, UnicodeError, requests.RequestException, httpx.InvalidURL):
            return  # no client could send this
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self.client.send(request)
        except TimeoutError:
            self.failed[_told(case)] = "no answer"
            return
        self.answers[answer.status_code] += 1
        problem = answer.headers.get("content-type") == "application/problem+json"
        if answer.status_code >= 500 or (answer.status_code >= 400 and not problem):
            self.failed[_told(case)] = f"{answer.status_code} {answer.text[:300]}"


_OURS: Final = ("authorization", "cookie", "content-length", "transfer-encoding", "host", "connection", "expect")


def _told(case: Case[Any]) -> str:
    return f"{case.method} {case.formatted_path} {case.query} {case.body!r}"[:500]


def ask(operation: Any, probe: Probe, examples: int) -> None:
    """Sends examples of one operation: about what is there, and about anything."""
    known = {part.name: NAME for part in operation.path_parameters if part.name not in ("number", "other")}
    ways = [operation.as_strategy(generation_mode=way, **more) for way in WAYS for more in _about(known)]
    for way in ways:

        @settings(
            max_examples=examples,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=way)
        def send(case: Case[Any]) -> None:
            probe.send(case)

        with suppress(Unsatisfiable):  # a request without any part cannot be wrong
            send()


def _about(known: dict[str, str]) -> list[dict[str, Any]]:
    return [{}, {"path_parameters": known}] if known else [{}]


def ask_all(document: dict[str, Any], probe: Probe, examples: int) -> list[str]:
    """All operations, so many times in each way to make requests."""
    results = schemathesis.openapi.from_dict(document).get_all_operations()
    found: list[Any] = [result.ok() for result in results]  # type: ignore[union-attr]
    found = [operation for operation in found if operation.path not in UNENDING]
    found.sort(key=lambda each: (ORDER.index(each.method), "/tokens" in each.path))
    for operation in found:
        ask(operation, probe, examples)
    return [f"{operation.method} {operation.path}" for operation in found]


async def test_the_document_says_what_each_operation_does_and_how_it_fails(tmp_path: Path) -> None:
    async with console(tmp_path, configuration()) as desk:
        document = (await desk.api.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [one for each in document["paths"].values() for one in each.values() if isinstance(one, dict)]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for one in operations:
        name = one["operationId"]
        assert one["summary"], name
        assert one["description"], name
        assert len(one["tags"]) == 1, name
        assert tags.issuperset(one["tags"]), name
        errors = {status: said for status, said in one["responses"].items() if status >= "400"}
        assert "400" in errors, name
        assert ("401" in errors) != (one.get("security") == []), name
        for status, said in errors.items():
            assert said == {"$ref": f"#/components/responses/{status}"}, name
    for said in document["components"]["responses"].values():
        assert said["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
        }
    schemas = document["components"]["schemas"]
    assert [name for name, one in schemas.items() if "properties" in one and not one.get("description")] == []
    named = set(re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(document)))
    assert {name for kind, name in named if name not in document["components"][kind]} == set()


@pytest.mark.parametrize("examples", [2, pytest.param(25, marks=FULL)])
async def test_no_request_makes_the_server_fail(tmp_path: Path, examples: int) -> None:
    own = Settings(data=tmp_path, tiktok_url=NOWHERE)
    async with console(tmp_path, configuration(), settings=own) as desk:
        await desk.house.accounts.add(NAME, "viewer")
        probe = Probe(desk, await desk.token())
        document = (await desk.api.get("/openapi.json")).json()
        asked = await asyncio.to_thread(ask_all, document, probe, examples)
        assert len(asked) > 60
        assert probe.answers.total() > 3 * len(asked)
        assert probe.answers[401] < probe.answers.total() / 2  # they got past the door
        assert probe.answers[200] > len(asked)
        assert probe.failed == {}
