"""Personal data and secrets: planted in events of every kind, then looked for in everything that comes out."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final

import aiohttp
import pytest
import structlog
from aiohttp import web

import tockwork
from tockwork.app import logs
from tockwork.app.configuration import Configuration, DestinationEntry, SourceEntry
from tockwork.app.settings import Settings
from tockwork.app.wire import running
from tockwork.sandbox.server import Sandbox
from tockwork.store.memory import MemoryLedger

TOKEN: Final = "tok-9f3c1b7a-planted-access-token"
WRITE_KEY: Final = "wk-planted-write-key"
PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
DESTINATIONS: Final = ("Shop", "Odd mappings")
PLANTED: Final = re.compile(
    "zebulonia|quackenbush|quack@planted|415[-.) ]*555[-. ]*0177|tok-9f3c1b7a|wk-planted", re.IGNORECASE
)
"""The person's e-mail, phone and names in any spelling, and the secrets."""

MAIL: Final = " Zebulonia.Quack@Planted.Example "
PERSON: Final = {
    "email": MAIL,
    "phone": "(415) 555-0177",
    "first_name": "Zebulonia",
    "last_name": "Quackenbush",
    "address": {"city": "San Francisco", "country": "US", "postal_code": "94107"},
}
ODD_MAPPINGS: Final[list[dict[str, Any]]] = [
    {
        "name": "Decoded",
        "trigger": 'event = "Note Taken"',
        "fields": {
            "event": "Contact",
            "email": {"@path": "$.properties.email"},
            "description": {"@template": {"@path": "$.properties.note"}},
        },
    },
    {"name": "Named", "trigger": 'event = "Named"', "fields": {"event": {"@path": "$.properties.name"}}},
    {
        "name": "Lead",
        "trigger": 'event = "Lead Moved"',
        "fields": {"event": "Lead", "event_source": "crm", "email": {"@path": "$.properties.email"}},
    },
]


def track(name: str, properties: Any = None, **more: Any) -> dict[str, Any]:
    context = {"traits": PERSON, "ip": "93.184.216.34", "page": {"url": "https://shop.example/checkout"}}
    return {"type": "track", "event": name, "userId": MAIL, "context": context, "properties": properties or {}, **more}


VALID: Final = [
    track("Order Completed", {"order_id": "O-1", "value": 12.5, "currency": "USD", **PERSON}),
    track("Subscription Created", {"email": [MAIL, "nobody"], "phone": ["+14155550177", "415"]}),
    track("Signed Up", {"email": {"work": MAIL}, "phone": [["4155550177"], 7], "first_name": ["Zebulonia", "Q"]}),
    track(
        "Signed Up",
        {"email": "zebulonia quackenbush", "phone": "call 415-555-0177 x", "last_name": {"n": "Quackenbush"}},
    ),
    {
        "type": "page",
        "anonymousId": MAIL,
        "context": {"traits": PERSON, "page": {"url": "https://shop.example/"}},
        "properties": {},
    },
]
INVALID: Final = [
    track("Order Completed", {"value": MAIL, **PERSON}),  # field_type
    track("Order Completed", {"order_id": [MAIL, "+14155550177"]}),
    track("Order Completed", {"products": [{"price": "Zebulonia"}]}),
    track("Order Completed", {"limited_data_use": "Quackenbush"}),
    track("Order Completed", {"delivery_category": MAIL}),  # field_choice
    track("Order Completed", timestamp="Zebulonia Quackenbush"),  # bad_timestamp
    track("Order Completed", timestamp="2099-01-01T00:00:00Z"),
    track("Note Taken", {"note": [MAIL]}),  # mapping_error
    track("Named", {"name": ""}),  # field_missing
    track("Named", {"name": [MAIL, MAIL]}),
    track("Lead Moved", {"email": MAIL}),
]
FILTERED: Final = [
    track("Zebulonia Quackenbush"),
    track("Order Completed", PERSON, integrations={"All": False, MAIL: True}),
    {"type": "identify", "userId": MAIL, "traits": PERSON},
]
BAD_BODIES: Final = [
    b'{"type": "track", "event": "Zebulonia Quackenbush',
    json.dumps({"batch": MAIL}).encode(),
    json.dumps(
        {"batch": [MAIL, {"type": MAIL}, {"type": "track", "userId": MAIL, "event": {"q": "Quackenbush"}}]}
    ).encode(),
    json.dumps({"batch": [track("Order Completed", {"note": MAIL * 3000})]}).encode(),
    b"[" * 2000 + MAIL.encode() + b"]" * 2000,
    b"\xff" + MAIL.encode(),
]


Collected = Callable[[], AbstractContextManager[None]]


class Platform:
    """Stands where TikTok does. Records each request as it came and passes it on to `upstream`, or gives `answer`."""

    def __init__(self, answer: Callable[[str, bytes], tuple[int, str]] | None = None, upstream: str = "") -> None:
        self.answer = answer
        self.upstream = upstream
        self.url = ""
        self.bodies: list[bytes] = []
        self.heads: list[str] = []
        self.tokens: set[str] = set()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        token = request.headers["Access-Token"]
        self.tokens.add(token)
        others = {name: value for name, value in request.headers.items() if name != "Access-Token"}
        self.heads.append(f"{request.method} {request.path_qs} {others}")
        if self.answer is not None:
            status, text = self.answer(token, body)
            return web.Response(status=status, text=text, content_type="application/json")
        headers = {"Access-Token": token, "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.upstream + request.path_qs, data=body, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Platform]:
        application = web.Application(client_max_size=10_000_000)
        application.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


def echo(code: int, status: int = 200) -> Callable[[str, bytes], tuple[int, str]]:
    """An answer that repeats all it was sent: the body, the token, each row's values, and an address in clear."""

    def answer(token: str, body: bytes) -> tuple[int, str]:
        values = " ".join(re.findall(r'"([^"]+)"', body.decode()))
        message = f"data.0.user.email: invalid value {values} {MAIL} of {token}, got {body.decode()}"
        return status, json.dumps({"code": code, "message": message, "request_id": "r-1", "data": {}})

    return answer


ANSWERS: Final[dict[str, Callable[[str, bytes], tuple[int, str]]]] = {
    "a row is wrong": echo(40002),
    "the token is revoked": echo(40105, 401),
    "no permission": echo(40001, 403),
    "throttled": echo(40100, 429),
    "the platform fails": echo(50000, 500),
    "partly taken": echo(20001),
    "an unknown code": echo(49999),
    "no JSON": lambda token, body: (502, f"<html>{token} {MAIL} {body.decode()}</html>"),
    "all is well": echo(0),
}


def clean(text: str) -> None:
    found = PLANTED.search(text)
    assert found is None, text[max(0, found.start() - 200) : found.end() + 200]


@pytest.fixture
def collected(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Collected:
    """A context in which everything is logged from DEBUG on; at its end, what was logged and printed is looked at."""

    @contextmanager
    def collect() -> Iterator[None]:
        before = structlog.get_config()
        logs.configure("debug")
        structlog.get_logger("test").debug("a line of ours")
        with caplog.at_level(logging.DEBUG):
            yield
        structlog.configure(**before)
        out, err = capfd.readouterr()
        assert "a line of ours" in err, "structlog was not captured"
        for text in (out, err, *(str(vars(record)) for record in caplog.records)):
            clean(text)

    return collect


def configuration(settings: dict[str, Any]) -> Configuration:
    return Configuration(
        sources=[SourceEntry(name="web shop", write_key=WRITE_KEY)],
        destinations=[
            DestinationEntry(kind="tiktok-conversions", name=DESTINATIONS[0], settings=settings),
            DestinationEntry(kind="tiktok-conversions", name=DESTINATIONS[1], settings=settings, mappings=ODD_MAPPINGS),
        ],
    )


def numbered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"messageId": f"m-{number}", **event} for number, event in enumerate(events)]


async def post(url: str, path: str, body: bytes, key: str = WRITE_KEY) -> str:
    headers = {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode(), "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as client, client.post(url + path, data=body, headers=headers) as answer:
        return f"{answer.status} {dict(answer.headers)} {await answer.text()}"


async def through_the_server(platform: Platform, drain_s: float) -> str:
    """Sends every kind of event through a server; returns all that it says about them, headers and ledger included."""
    said: list[str] = []
    ledger = MemoryLedger()
    settings = Settings(port=0, tiktok_url=platform.url, log_level="debug")
    async with running(configuration({"accessToken": TOKEN, "pixelCode": PIXEL}), settings, ledger) as server:
        batch = {"batch": numbered([*VALID, *INVALID, *FILTERED])}
        said.append(await post(server.url, "/v1/batch", json.dumps(batch).encode()))
        said += [await post(server.url, "/v1/batch", body) for body in BAD_BODIES]
        said.append(await post(server.url, "/v1/track", json.dumps({**track("x"), "event": 5}).encode()))
        said.append(await post(server.url, "/v1/track", json.dumps(track("x")).encode(), key=MAIL))
        said.append(await post(server.url, f"/v1/{MAIL}?token={TOKEN}", b"{}"))
        assert said[0].startswith("200")
        for worker in server.workers.values():
            await worker.drain(drain_s)
            said.append(repr((worker.link, worker.link.standing, await worker.count())))
        said.append(repr((server.tracking.refusals, server.tracking.counts)))
        for name in DESTINATIONS:
            said += [repr(line) for line in await ledger.exceptions(name, 1000)]
            said.append(repr(await ledger.tally(name)))
    return "\n".join(said)


async def test_nothing_personal_leaves_the_server(collected: Collected) -> None:
    with collected():
        async with Sandbox().serve() as sandbox, Platform(upstream=sandbox.url).serve() as platform:
            said = await through_the_server(platform, drain_s=20)
            assert sandbox.stats().accepted_rows == len(VALID)
        clean(said)
        assert platform.tokens == {TOKEN}
        for text in [*platform.heads, *(body.decode() for body in platform.bodies)]:
            clean(text)
    reasons = ("field_type", "field_choice", "field_missing", "bad_timestamp", "mapping_error")
    assert all(f"'{reason}'" in said for reason in reasons), said
    hashed = "".join(body.decode() for body in platform.bodies)
    assert hashed.count('"email":["') >= len(VALID) - 2, "the e-mail was hashed, not lost"


@pytest.mark.parametrize("answer", ["a row is wrong", "the token is revoked", "an unknown code", "no JSON"])
async def test_what_the_platform_repeats_stays_out_of_the_servers_words(answer: str, collected: Collected) -> None:
    with collected():
        async with Platform(ANSWERS[answer]).serve() as platform:
            said = await through_the_server(platform, drain_s=1)
        assert platform.bodies
        clean(said)
        assert platform.tokens == {TOKEN}
        for text in [*platform.heads, *(body.decode() for body in platform.bodies)]:
            clean(text)


@pytest.mark.parametrize("answer", ANSWERS)
async def test_what_the_platform_repeats_stays_out_of_the_outcomes(answer: str, collected: Collected) -> None:
    connection = tockwork.connect("tiktok-conversions", {"accessToken": TOKEN, "pixelCode": PIXEL})
    clean(repr(connection.settings))
    clean(str(vars(connection)))
    with collected():
        async with Platform(ANSWERS[answer]).serve() as platform:
            outcomes = await connection.send(numbered([*VALID, *INVALID]), timeout=0.5, base_url=platform.url)
            await asyncio.sleep(0)
        assert platform.bodies
        clean(repr(outcomes))
        hashes = {text for body in platform.bodies for text in re.findall("[0-9a-f]{64}", body.decode())}
        assert hashes
        details = " ".join(str(outcome.detail) for outcome in outcomes)
        assert not [text for text in hashes if text[:12] in details]
        clean("".join(platform.heads))


async def test_nothing_personal_when_nobody_answers(collected: Collected) -> None:
    connection = tockwork.connect("tiktok-conversions", {"accessToken": TOKEN, "pixelCode": PIXEL})
    with collected():
        outcomes = await connection.send(numbered(VALID), timeout=0.3, base_url="http://127.0.0.1:9")
        clean(repr(outcomes))
        assert {outcome.status for outcome in outcomes} == {tockwork.Status.PENDING}


@pytest.mark.parametrize(
    ("settings", "mappings"),
    [
        ({"accessToken": TOKEN + "\n", "pixelCode": PIXEL}, None),
        ({"accessToken": TOKEN, "pixelCode": PIXEL, "timezone": MAIL}, None),
        ({"accessToken": TOKEN}, [{"name": "x", "trigger": "type =", "fields": {"event": "x"}}]),
    ],
)
def test_no_secret_in_the_errors_of_a_configuration(settings: dict[str, Any], mappings: Any) -> None:
    with pytest.raises(tockwork.ConfigurationError) as caught:
        tockwork.connect("tiktok-conversions", settings, mappings)
    clean(repr(caught.value))
    clean(str(caught.value))


@pytest.mark.parametrize(
    "text", [MAIL, "zebulonia.quack@planted.example", "+14155550177", "(415) 555-0177", "QUACKENBUSH", TOKEN]
)
def test_the_search_finds_what_is_planted(text: str) -> None:
    with pytest.raises(AssertionError):
        clean(f"value: {text}!")
