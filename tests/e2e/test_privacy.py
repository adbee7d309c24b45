"""Personal data and secrets: planted in events of every kind, then looked for in everything that comes out."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import zipfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import structlog
from aiohttp import web
from tests.e2e.command import run
from tests.e2e.server import Server

import tockwork
from tockwork.app import logs
from tockwork.app.wire import running
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox

TOKEN: Final = "tok-9f3c1b7a-planted-access-token"
OTHER_TOKEN: Final = "evt-7c1e44d0-planted-in-events"
WRITE_KEY: Final = "wk-planted-write-key"
PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
DESTINATIONS: Final = ("Shop", "Odd mappings")
PLANTED: Final = re.compile(
    "zebulonia|quackenbush|quack@planted|415[-.) ]*555[-. ]*0177|tok-9f3c1b7a|evt-7c1e44d0|wk-planted", re.IGNORECASE
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


ODD: Final = [
    track("Order Completed", {MAIL: {PERSON["phone"]: OTHER_TOKEN}, "order_id": OTHER_TOKEN}, messageId=MAIL),
    track(
        "Order Completed",
        {"value": 1},
        messageId=OTHER_TOKEN,
        context={"page": {"url": f"https://s.example/?e={MAIL}"}},
    ),
    track("Order Completed", context={"page": {"url": f"https://s.example/?token={OTHER_TOKEN}"}, MAIL: MAIL}),
    track(f"{MAIL} (415) 555-0177", {OTHER_TOKEN: OTHER_TOKEN}),
    track("Order Completed", {"value": [MAIL], "currency": OTHER_TOKEN}, messageId=f"{MAIL}-2"),
    track("Note Taken", {"note": {MAIL: [OTHER_TOKEN]}}, anonymousId=OTHER_TOKEN, **{MAIL: OTHER_TOKEN}),
    {"type": "screen", "name": MAIL, "userId": OTHER_TOKEN, "properties": {MAIL: MAIL}},
    {"type": "alias", "previousId": MAIL, "userId": OTHER_TOKEN},
    {"type": "group", "groupId": MAIL, "traits": PERSON},
]
"""The person and a token where nobody would look: in keys, names, ids and URLs."""
LITERALS: Final[dict[str, Any]] = {
    "name": "Literals",
    "trigger": f'event = "Named" and userId = "{MAIL}" or contains(properties.phone, "415-555-0177")',
    "fields": {
        "event": {"@if": {"exists": {"@path": "$.properties.name"}, "then": "Zebulonia", "else": "Quackenbush"}},
        "email": MAIL,
        "phone": PERSON["phone"],
        "description": {"@template": "Zebulonia Quackenbush {{properties.name}}"},
        "external_id": {"@literal": OTHER_TOKEN},
        "first_name": {"@liquid": "{% if a %}Zebulonia{% endif %}"},
    },
}


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
        before, hook, handlers = structlog.get_config(), sys.excepthook, list(logging.getLogger().handlers)
        logs.configure("debug")
        structlog.get_logger("test").debug("a line of ours")
        with caplog.at_level(logging.DEBUG):
            yield
        structlog.configure(**before)
        sys.excepthook, logging.getLogger().handlers[:] = hook, handlers
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


async def get(url: str, path: str, **headers: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url + path, headers=headers) as answer:
        return f"{answer.status} {dict(answer.headers)} {await answer.text()}"


def holds_no_token(data: Path) -> None:
    """The access token is in none of the files, the database, its log and copies of it among them."""
    files = {path.name: path.read_bytes() for path in data.iterdir()}
    assert "tockwork.db" in files
    assert b"Order Completed" in b"".join(files.values()), "events are kept as they came"
    assert [name for name, content in files.items() if TOKEN.encode() in content] == []


async def wrong_requests(url: str) -> list[str]:
    """What a server answers to bodies, keys and paths that are wrong."""
    said = [await post(url, "/v1/batch", body) for body in BAD_BODIES]
    said.append(await post(url, "/v1/track", json.dumps({**track("x"), "event": 5}).encode()))
    said.append(await post(url, "/v1/track", json.dumps(track("x")).encode(), key=MAIL))
    said.append(await post(url, "/v1/track", json.dumps(track("x", writeKey=OTHER_TOKEN)).encode(), key=""))
    said.append(await post(url, f"/v1/{MAIL}?token={TOKEN}", b"{}"))
    assert not [answer for answer in said if answer.startswith("5")]
    return said


async def wrong_visits(admin_url: str) -> list[str]:
    """What the admin listener answers to paths and hosts that are wrong."""
    said = [await get(admin_url, f"/{MAIL.strip()}?token={TOKEN}"), await get(admin_url, "/", Host=f"{TOKEN}.example")]
    assert [answer[:3] for answer in said] == ["404", "421"]
    return said


async def through_the_server(platform: Platform, data: Path, drain_s: float) -> str:
    """Sends every kind of event through a server; returns all that it says about them, headers, ledger and metrics
    included."""
    said: list[str] = []
    settings = Settings(data=data, port=0, admin_port=0, tiktok_url=platform.url, log_level="debug")
    async with running(settings, configuration({"accessToken": TOKEN, "pixelCode": PIXEL})) as server:
        batch = {"batch": numbered([*VALID, *INVALID, *FILTERED])}
        said.append(await post(server.url, "/v1/batch", json.dumps(batch).encode()))
        assert said[0].startswith("200")
        said += await wrong_requests(server.url)
        assert server.workers is not None
        for name, worker in server.workers.by_name.items():
            await worker.drain(drain_s)
            said.append(repr((worker.link, worker.link.standing, await worker.tally())))
            said += [repr(line) for line in await server.store.exceptions(name, 1000)]
        assert server.tracking is not None
        said.append(repr((server.tracking.refusals, server.tracking.counts, await server.snapshot())))
        said.append(await get(server.admin_url, "/metrics"))
        assert "tockwork_destination_deliveries" in said[-1]
        said += await wrong_visits(server.admin_url)
        holds_no_token(data)
    holds_no_token(data)
    return "\n".join(said)


async def test_nothing_personal_leaves_the_server(collected: Collected, tmp_path: Path) -> None:
    with collected():
        async with Sandbox().serve() as sandbox, Platform(upstream=sandbox.url).serve() as platform:
            said = await through_the_server(platform, tmp_path / "data", drain_s=20)
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
async def test_what_the_platform_repeats_stays_out_of_the_servers_words(
    answer: str, collected: Collected, tmp_path: Path
) -> None:
    with collected():
        async with Platform(ANSWERS[answer]).serve() as platform:
            said = await through_the_server(platform, tmp_path / "data", drain_s=1)
        assert platform.bodies
        clean(said)
        assert platform.tokens == {TOKEN}
        for text in [*platform.heads, *(body.decode() for body in platform.bodies)]:
            clean(text)


async def settled(admin_url: str) -> str:
    """The metrics once no event is undecided."""
    async with asyncio.timeout(30):
        while True:
            text = await get(admin_url, "/metrics")
            if not re.search(r'state="undecided"} [1-9]', text):
                return text
            await asyncio.sleep(0.1)


async def command(*words: str, **variables: str) -> tuple[int, str]:
    """A command's exit code, and all that it printed."""
    done = await asyncio.to_thread(run, words, b"", **variables)
    return done.returncode, (done.stdout + done.stderr).decode()


WORDS: Final = (["stats"], ["stats", "--json"], ["doctor", "--json"], ["doctor"])


@pytest.fixture
def odd_file(tmp_path: Path) -> Path:
    """A configuration with the person and the token in literals and settings."""
    settings = {"accessToken": TOKEN, "pixelCode": PIXEL, "partner_name": "Some Agency"}
    shop, odd = ({"kind": "tiktok-conversions", "name": name, "settings": settings} for name in DESTINATIONS)
    content = {
        "sources": [{"name": "web shop", "write_key": WRITE_KEY}],
        "destinations": [shop, {**odd, "mappings": [*ODD_MAPPINGS, LITERALS]}],
    }
    file = tmp_path / "tockwork.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize("answer", ["", "the token is revoked"])
async def test_nothing_personal_in_what_an_operator_sees(answer: str, odd_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with (
        Sandbox("lenient").serve() as sandbox,
        Platform(ANSWERS.get(answer), sandbox.url).serve() as platform,
    ):
        variables = {
            "TOCKWORK_TIKTOK_URL": platform.url,
            "TOCKWORK_LOG_LEVEL": "debug",
            "TOCKWORK_DATA": str(data),
            "NO_PROXY": "127.0.0.1",
        }
        async with Server("--config", str(odd_file), **variables) as server:
            admin_url = server.said("Metrics at ").removesuffix("/metrics")
            batch = {"batch": [*numbered([*VALID, *INVALID, *FILTERED]), *ODD]}
            said = [await post(server.url, "/v1/batch", json.dumps(batch).encode())]
            assert said[0].startswith("200")
            said += await wrong_requests(server.url)
            if "token" not in answer:
                said.append(await settled(admin_url))
            said.append(await get(admin_url, "/metrics"))
            said += await wrong_visits(admin_url)
            for words in WORDS if not answer else WORDS[-1:]:
                code, text = await command(*words, **variables)
                assert code == int("doctor" in words and "token" in answer), text
                assert DESTINATIONS[0] in text
                said.append(text)
            said += await bundles(tmp_path, variables)
            code, text = await command("backup", str(data / "copy.db"), **variables)
            assert code == 0, text
            holds_no_token(data)
            await asyncio.to_thread(server.stop)
            said += [server.errors, server.log]
        holds_no_token(data)
    assert '"level": "info"' in said[-1] + said[-2]
    for text in said:
        clean(text)


def test_nothing_secret_in_the_errors_of_a_wrong_file(odd_file: Path, tmp_path: Path) -> None:
    content = json.loads(odd_file.read_text())
    shop, odd = content["destinations"]
    content["sources"].append({"name": "twice", "write_key": WRITE_KEY})
    content["sources"].append({"name": "spaced", "write_key": f"{WRITE_KEY} {MAIL}"})
    shop["settings"] = {"accessToken": f"{TOKEN}\n", "pixelCode": [TOKEN], "timezone": MAIL, "event_id": TOKEN}
    odd["mappings"][0] |= {"trigger": f'userId = "{MAIL}" and', "enabled": MAIL}
    odd["mappings"][1] |= {"fields": {"event": {"@if": MAIL}, "email": {"@template": "{{" + MAIL}}}
    odd_file.write_text(json.dumps(content))
    for words in (["check", str(odd_file)], ["serve", "--config", str(odd_file)]):
        done = run(words, TOCKWORK_DATA=str(tmp_path / "data"))
        text = (done.stdout + done.stderr).decode()
        assert done.returncode == 2, text
        assert "write_key" in text
        clean(text)


async def bundles(folder: Path, variables: dict[str, str]) -> list[str]:
    """What is in a bundle, and what is printed beside it."""
    file = folder / "report.zip"
    _, text = await command("doctor", "--bundle", str(file), **variables)
    assert file.exists(), text
    with zipfile.ZipFile(file) as archive:
        packed = "\n".join(f"{name}\n{archive.read(name).decode()}" for name in archive.namelist())
    assert "$.properties.note" in packed, "paths stay"
    assert PIXEL not in packed
    return [text, packed]


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
