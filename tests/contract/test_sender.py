"""Rows on their way to TikTok, over real HTTP: to the sandbox, and to servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import base64
import datetime
import gzip
import ipaddress
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tockwork.delivery.batch import Row
from tockwork.delivery.exchange import ANSWER_BYTES
from tockwork.delivery.link import Link
from tockwork.delivery.sender import Sender
from tockwork.delivery.standing import Condition
from tockwork.destinations.declare import Limits
from tockwork.destinations.tiktok import responses
from tockwork.model.errors import ConfigurationError
from tockwork.model.event import Envelope
from tockwork.model.fate import Fate, History
from tockwork.model.outcome import Status
from tockwork.model.secret import Secret
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens

PATH = "/open_api/v1.3/event/track/"
TOKEN = "act.secret-token-0123456789"
WEB = Envelope("web", "C8E2OS3C77UABCDXYZ00")


class FastClock:
    """Real time, so many times faster."""

    def __init__(self, factor: float = 200.0) -> None:
        self.factor = factor
        self._start = time.monotonic()

    def now(self) -> float:
        return 1_795_132_800.0 + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._start) * self.factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.factor)


def link(token: str = TOKEN, name: str = "shop", **more: Any) -> Link:
    return Link(name, token=Secret(token), path=PATH, read=responses.read, **more)


def row(number: int, envelope: Envelope = WEB, **more: Any) -> Row:
    event = {
        "event": "Purchase",
        "event_time": 1_795_132_000,
        "event_id": f"order-{number}",
        "user": {"email": ["848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"]},
        "page": {"url": f"https://shop.example/thanks?n={number}"},
        "properties": {"value": 1000.5 + number, "currency": "EUR"},
    }
    return Row(json.dumps(event | more).encode(), envelope)


def rows(number: int, **bad: Any) -> list[Row]:
    return [row(n, **bad.get(f"row{n}", {})) for n in range(number)]


def states(fates: Sequence[Fate]) -> list[tuple[Status, str | None]]:
    return [(fate.status, fate.reason) for fate in fates]


DELIVERED = (Status.DELIVERED, None)
RETRYING = (Status.PENDING, "retrying")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def ok() -> web.Response:
    return web.json_response({"code": 0, "message": "OK", "request_id": "1", "data": {}})


async def answer_ok(request: web.Request) -> web.Response:
    await request.read()
    return ok()


@asynccontextmanager
async def served(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The base URL of a server that gives every request to `handler`."""
    application = web.Application(client_max_size=10_000_000)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def sandboxed(clock: FastClock | None = None, **options: Any) -> AsyncIterator[tuple[Sandbox, Sender]]:
    async with (
        Sandbox(**options).serve() as sandbox,
        Sender(base_url=sandbox.url, clock=clock or FastClock(), random=Random(1)) as sender,
    ):
        yield sandbox, sender


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# Delivering


async def test_rows_arrive_with_the_bytes_they_have() -> None:
    async with sandboxed() as (sandbox, sender):
        sent = rows(2500)
        assert states(await sender.deliver(sent, link())) == [DELIVERED] * 2500
        assert sorted(bytes(event.sent) for event in sandbox.events) == sorted(row.body for row in sent)
        assert [request.rows for request in sandbox.requests] == [1000, 1000, 500]


async def test_the_request_is_as_documented() -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        seen.append(request)
        response = ok()
        response.set_cookie("session", "1")
        return response

    async with served(handler) as url, Sender(base_url=url + "/") as sender:
        await sender.deliver([row(1)], link())
        await sender.deliver([row(2)], link())
    assert [(request.method, request.path) for request in seen] == [("POST", PATH)] * 2
    headers = seen[1].headers
    assert headers["Access-Token"] == TOKEN
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("tockwork/")
    assert "Cookie" not in headers
    assert "Authorization" not in headers


async def test_envelopes_do_not_mix() -> None:
    test, offline = Envelope("web", WEB.event_source_id, "TEST12345"), Envelope("offline", "7676700000000000000")
    async with sandboxed() as (sandbox, sender):
        mixed = [row(n, (WEB, test, offline)[n % 3]) for n in range(9)]
        assert states(await sender.deliver(mixed, link())) == [DELIVERED] * 9
        assert {(r.event_source, r.test_event_code, r.rows) for r in sandbox.requests} == {
            ("web", "", 3),
            ("web", "TEST12345", 3),
            ("offline", "", 3),
        }


async def test_a_row_larger_than_a_request_may_be_is_never_sent() -> None:
    async with sandboxed() as (sandbox, sender):
        big = row(1, pad="x" * 2000)
        fates = await sender.deliver([row(0), big, row(2)], link(limits=Limits(bytes=2000)))
        assert states(fates) == [DELIVERED, (Status.INVALID, "row_too_large"), DELIVERED]
        assert "2000 bytes" in str(fates[1].detail)
        assert len(sandbox.events) == 2


# Bad rows


@pytest.mark.parametrize("place", [0, 371, 999])
@pytest.mark.parametrize("profile", ["documented", "always-200"])
async def test_one_bad_row_in_a_thousand_that_the_message_names(place: int, profile: str) -> None:
    async with sandboxed(profile=profile) as (sandbox, sender):
        sent = rows(1000, **{f"row{place}": {"event_id": 4711}})
        fates = await sender.deliver(sent, link())
        assert fates[place].status is Status.REJECTED
        assert (fates[place].reason, fates[place].code) == ("bad_parameter", 40002)
        assert fates[place].detail == "answered 40002: Invalid value for data.0.event_id: not a valid string."
        assert states(fates).count(DELIVERED) == len(sandbox.events) == 999
        assert len(sandbox.requests) - 1 == 2


@pytest.mark.parametrize("place", [0, 371, 999])
async def test_one_bad_row_in_a_thousand_that_nobody_names(place: int) -> None:
    refuse = {"action": {"kind": "refuse", "named": False}, "match": {"row": {"event_id": f"order-{place}"}}}
    async with sandboxed(faults=[refuse]) as (sandbox, sender):
        fates = await sender.deliver(rows(1000), link())
        assert (fates[place].status, fates[place].code) == (Status.REJECTED, 40002)
        assert states(fates).count(DELIVERED) == len(sandbox.events) == 999
        assert len(sandbox.requests) - 1 <= 21


async def test_several_bad_rows_of_several_kinds() -> None:
    async with sandboxed() as (sandbox, sender):
        bad = {"row3": {"event_id": 1}, "row4": {"event_time": "now"}, "row700": {"page": {}}, "row999": {"event": ""}}
        fates = await sender.deliver(rows(1000, **bad), link())
        assert [n for n, fate in enumerate(fates) if fate.status is Status.REJECTED] == [3, 4, 700, 999]
        assert states(fates).count(DELIVERED) == len(sandbox.events) == 996
        assert len(sandbox.requests) - 1 <= 4 * 21


@pytest.mark.parametrize(("named", "extra"), [(True, 2), (False, 20)])
async def test_a_partial_success(named: bool, extra: int) -> None:
    partial = {"action": {"kind": "partial", "named": named}, "match": {"row": {"event_id": "order-5"}}}
    async with sandboxed(faults=[partial]) as (sandbox, sender):
        fates = await sender.deliver(rows(1000), link())
        assert states(fates)[5] == (Status.REJECTED, "partly_refused")
        assert states(fates).count(DELIVERED) == 999
        assert len(sandbox.requests) - 1 <= extra
        assert "order-5" not in {event.event_id for event in sandbox.events}
        if named:
            assert len(sandbox.events) == 999  # no good row was sent twice


async def test_a_batch_that_is_too_large_for_the_platform_is_split() -> None:
    async def handler(request: web.Request) -> web.Response:
        number = len((await request.json())["data"])
        return ok() if number <= 300 else web.json_response({"code": 40061, "message": "batch too large"})

    async with served(handler) as url, Sender(base_url=url) as sender:
        assert states(await sender.deliver(rows(1000), link())) == [DELIVERED] * 1000


async def test_the_brake_pauses_instead_of_rejecting_everything() -> None:
    async with sandboxed() as (sandbox, sender):
        broken = link()
        with structlog.testing.capture_logs() as logs:
            fates = await sender.deliver([row(n, event_id=n) for n in range(1000)], broken)
        counts = {state: states(fates).count(state) for state in set(states(fates))}
        assert counts == {(Status.REJECTED, "bad_parameter"): 50, (Status.PENDING, "paused"): 950}
        assert broken.standing.condition is Condition.PAUSED
        assert [(log["event"], log["reason"]) for log in logs] == [("destination_paused", "many_rejected")]
        assert len(sandbox.requests) < 200


# Retrying, blocking


async def test_failures_that_pass_are_retried_with_the_same_bytes() -> None:
    faults = [
        {"action": {"kind": "answer", "code": 50000}, "times": 1},
        {"action": {"kind": "http", "status": 502}, "times": 1},
        {"action": {"kind": "http", "status": 200, "body": "garbage"}, "times": 1},
        {"action": {"kind": "reset", "when": "before"}, "times": 1},
        {"action": {"kind": "answer", "code": 40100, "retry_after": 5}, "times": 1},
    ]
    async with sandboxed(faults=faults) as (sandbox, sender):
        fates = await sender.deliver([row(1)], link())
        assert states(fates) == [DELIVERED]
        assert fates[0].history.retries == 5
        assert len(sandbox.requests) == 6
        assert [bytes(event.sent) for event in sandbox.events] == [row(1).body]


@pytest.mark.parametrize("action", [{"kind": "reset", "when": "after"}, {"kind": "truncate", "keep": 5}])
async def test_rows_that_arrived_unknown_to_us_are_sent_again_and_counted_once(action: dict[str, Any]) -> None:
    async with sandboxed(faults=[{"action": action, "times": 1}]) as (sandbox, sender):
        fates = await sender.deliver(rows(10), link())
        assert states(fates) == [DELIVERED] * 10
        assert all(fate.history.ambiguous_at is not None for fate in fates)
        assert (sandbox.stats().accepted_rows, sandbox.stats().unique) == (20, 10)


async def test_what_is_not_decided_by_the_deadline_is_pending() -> None:
    clock = FastClock(50.0)
    async with sandboxed(clock, faults=[{"action": {"kind": "answer", "code": 50000}}]) as (sandbox, sender):
        started = clock.monotonic()
        (fate,) = await sender.deliver([row(1)], link(), deadline=started + 60)
        assert (fate.status, fate.reason, fate.code) == (Status.PENDING, "retrying", 50000)
        assert "answered 50000: internal error" in str(fate.detail)
        assert clock.monotonic() - started < 90
        assert 2 <= len(sandbox.requests) <= 15


async def test_a_request_under_way_ends_at_the_deadline() -> None:
    async with sandboxed(FastClock(1.0), faults=[{"action": {"kind": "latency", "seconds": 5}}]) as (_, sender):
        started = time.monotonic()
        (fate,) = await sender.deliver([row(1)], link(), deadline=0.5)
        assert time.monotonic() - started < 2
        assert states([fate]) == [RETRYING]
        assert fate.history.ambiguous_at is not None


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        (Tokens(revoked=frozenset({TOKEN})), "token_revoked"),
        (Tokens(allowed={TOKEN: ["ANOTHERPIXEL00000000"]}), "no_permission"),
    ],
)
async def test_a_dead_token_blocks_after_one_request(tokens: Tokens, reason: str) -> None:
    async with sandboxed(tokens=tokens) as (sandbox, sender):
        dead = link()
        with structlog.testing.capture_logs() as logs:
            fates = await sender.deliver(rows(3000), dead)
        assert set(states(fates)) == {(Status.PENDING, "blocked")}
        assert len(sandbox.requests) == 1
        assert all(str(fate.detail).startswith(f"{reason}: answered 40") for fate in fates)
        assert [(log["event"], log["reason"], log["log_level"]) for log in logs] == [
            ("destination_blocked", reason, "warning")
        ]
        assert TOKEN not in str(logs)
        # Another token, and the same rows are delivered without a restart.
        assert set(states(await sender.deliver(rows(3000), link("act.another")))) == {DELIVERED}


async def test_without_a_token_nothing_is_sent() -> None:
    async with sandboxed() as (sandbox, sender):
        for token in (None, Secret("")):
            none = Link("shop", token=token, path=PATH, read=responses.read)
            (fate,) = await sender.deliver([row(1)], none)
            assert states([fate]) == [(Status.PENDING, "blocked")]
            assert str(fate.detail).startswith("no_token: ")
        assert sandbox.requests == []


async def test_the_same_unknown_answer_three_times_pauses() -> None:
    async with sandboxed(faults=[{"action": {"kind": "answer", "code": 40999, "message": "what?"}}]) as (
        sandbox,
        sender,
    ):
        strange = link()
        fates = await sender.deliver([row(1)], strange)
        assert states(fates) == [(Status.PENDING, "paused")]
        assert fates[0].detail == "unknown_answer: answered 40999: what?"
        assert len(sandbox.requests) == 3


async def test_an_api_that_is_down_is_asked_now_and_then_and_drained_when_it_is_back() -> None:
    clock = FastClock(400.0)
    async with sandboxed(clock, faults=[{"action": {"kind": "http", "status": 503}}]) as (sandbox, sender):
        tasks = [asyncio.create_task(sender.deliver(rows(5000), link()))]
        await clock.sleep(600)
        down = len(sandbox.requests)
        assert 4 <= down <= 130  # at most one in five seconds, after the first few
        sandbox.set_faults(None)
        assert set(states(await tasks[0])) == {DELIVERED}
        assert len(sandbox.requests) - down <= 8


async def test_throttling_slows_the_token_and_leaves_others_alone() -> None:
    clock = FastClock(20.0)
    throttled = {"action": {"kind": "answer", "code": 40100, "retry_after": 30}, "match": {"token": TOKEN}, "times": 1}
    async with sandboxed(clock, faults=[throttled]) as (sandbox, sender):
        slow, same, other = link(), link(name="same token"), link("act.other")
        started = clock.monotonic()
        first = asyncio.create_task(sender.deliver([row(1)], slow))
        while not sandbox.requests or sender.wait_s(same) < 1:  # noqa: ASYNC110 - nothing to wait for tells
            await asyncio.sleep(0.001)
        assert states(await sender.deliver([row(2)], other)) == [DELIVERED]
        assert clock.monotonic() - started < 20
        assert states(await sender.deliver([row(3)], same)) == [DELIVERED]
        assert clock.monotonic() - started >= 30
        assert states(await first) == [DELIVERED]


async def test_report_tells_each_fate_as_it_comes() -> None:
    async with sandboxed() as (_, sender):
        told: dict[int, Fate] = {}
        fates = await sender.deliver(rows(2000, row7={"event_id": 7}), link(), report=told.__setitem__)
        assert [told[place] for place in range(2000)] == fates


async def test_time_runs_out_for_a_row_that_may_have_arrived() -> None:
    clock = FastClock()
    now = clock.now()
    async with sandboxed(clock) as (sandbox, sender):
        late = msgspec.structs.replace(row(1), history=History(3, now - 10, now - 48 * 3600, "answered 50000: x"))
        tired = msgspec.structs.replace(row(2), history=History(3, now - 25 * 3600, None, "answered 50000: y"))
        past = msgspec.structs.replace(row(3), expires_at=now - 1)
        fates = await sender.deliver([late, tired, past, row(4)], link())
        assert states(fates) == [
            (Status.EXPIRED, "dedup_window_passed"),
            (Status.EXPIRED, "retry_exhausted"),
            (Status.EXPIRED, "too_old"),
            DELIVERED,
        ]
        assert fates[1].detail == "answered 50000: y"
        assert [event.event_id for event in sandbox.events] == ["order-4"]


# Answers and connections that misbehave


async def attempted(url: str, **options: Any) -> Fate:
    async with Sender(base_url=url, **options) as sender:
        (fate,) = await sender.attempt([row(1)], link())
        return fate


async def test_a_refused_connection_is_not_ambiguous() -> None:
    async with served(answer_ok) as url:
        pass
    fate = await attempted(url)
    assert states([fate]) == [RETRYING]
    assert fate.history.ambiguous_at is None
    assert fate.detail == "the connection was refused (ClientConnectorError)"


async def test_a_host_that_cannot_be_found_is_not_ambiguous() -> None:
    fate = await attempted("http://nowhere.invalid")
    assert states([fate]) == [RETRYING]
    assert fate.history.ambiguous_at is None


async def test_silence_after_the_request_is_ambiguous() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return ok()

    async with served(handler) as url:
        started = time.monotonic()
        fate = await attempted(url, timeout_s=0.2)
    assert time.monotonic() - started < 2
    assert states([fate]) == [RETRYING]
    assert fate.history.ambiguous_at is not None
    assert str(fate.detail).startswith("no answer in time")


async def test_redirects_are_not_followed() -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with served(handler) as url:
        assert states([await attempted(url)]) == [RETRYING]
    assert paths == [PATH]


async def test_a_packed_answer_is_read() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b'{"code": 0}'), headers={"Content-Encoding": "gzip"})

    async with served(handler) as url:
        assert states([await attempted(url)]) == [DELIVERED]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b" " * (ANSWER_BYTES + 1), "identity"),
        (gzip.compress(b" " * 300_000_000, 1), "gzip"),
        (b'{"code": 0}', "br"),
        (b"not gzip", "gzip"),
        (gzip.compress(b'{"code": 0}')[:-12], "gzip"),
    ],
    ids=["too large", "bomb", "unknown packing", "broken packing", "cut packing"],
)
async def test_an_answer_that_cannot_be_read_is_retried(body: bytes, encoding: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with served(handler) as url:
        fate = await attempted(url)
    assert states([fate]) == [RETRYING]
    assert fate.history.ambiguous_at is not None


async def test_a_stream_without_end_is_cut_off() -> None:
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            ended.set()

    async with served(handler) as url:
        assert states([await attempted(url)]) == [RETRYING]
        await asyncio.wait_for(ended.wait(), 5)


async def test_nothing_personal_gets_out() -> None:
    """TikTok's message repeats a value and the token: neither is in a fate, a log or a repr."""

    async def handler(request: web.Request) -> web.Response:
        data = (await request.json())["data"][0]
        message = f"bad {data['event_id']} {data['user']['email'][0]} {request.headers['Access-Token']} at data.0.user"
        return web.json_response({"code": 40002, "message": message})

    async with served(handler) as url, Sender(base_url=url) as sender:
        own = link()
        with structlog.testing.capture_logs() as logs:
            (fate,) = await sender.deliver([row(1)], own)
    assert fate.detail == "answered 40002: bad *** *** *** at data.0.user"
    assert TOKEN not in f"{logs} {own!r} {vars(own)!r} {vars(sender)!r}"


# The way there: proxies and certificates


@asynccontextmanager
async def proxy(refuses: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that passes bytes on, for plain HTTP and CONNECT alike, and the request lines and credentials it saw."""
    seen: list[str] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        seen.extend([line, *(h.decode() for h in head.split(b"\r\n") if h.lower().startswith(b"proxy-authorization"))])
        if refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        host = line.split()[1].removeprefix("http://").split("/")[0]
        name, port = host.split(":")
        up_reader, up_writer = await asyncio.open_connection(name, int(port))
        if line.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            up_writer.write(head)
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def test_a_plain_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sandboxed() as (sandbox, _), proxy() as (address, seen):
        monkeypatch.setenv("HTTP_PROXY", f"http://jane:s3cret@{address}")
        assert states([await attempted(sandbox.url)]) == [DELIVERED]
        credentials = base64.b64encode(b"jane:s3cret").decode()
        assert seen == [f"POST {sandbox.url}{PATH} HTTP/1.1", f"Proxy-Authorization: Basic {credentials}"]


async def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sandboxed() as (sandbox, _), proxy() as (address, seen):
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert states([await attempted(sandbox.url)]) == [DELIVERED]
        assert seen == []


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the file with the authority that signed it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, private = folder / "ca.pem", folder / "key.pem"
    bundle.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return context, bundle


async def test_an_unknown_authority_is_refused_and_says_how_to_mend_it(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    async with served(answer_ok, context) as url:
        fate = await attempted(url)
    assert states([fate]) == [RETRYING]
    assert fate.history.ambiguous_at is None
    assert "SSL_CERT_FILE" in str(fate.detail)


@pytest.mark.parametrize("way", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "ca_bundle"])
async def test_a_ca_bundle_is_honoured(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, bundle = certificate(tmp_path)
    options = {"ca_bundle": str(bundle)} if way == "ca_bundle" else {}
    if not options:
        monkeypatch.setenv(way, str(bundle))
    async with served(answer_ok, context) as url:
        assert states([await attempted(url, **options)]) == [DELIVERED]


async def test_https_goes_through_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, bundle = certificate(tmp_path)
    async with served(answer_ok, context) as url, proxy() as (address, seen):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        assert states([await attempted(url, ca_bundle=str(bundle))]) == [DELIVERED]
        assert seen == [f"CONNECT {url.removeprefix('https://')} HTTP/1.1"]


async def test_a_proxy_that_refuses_is_not_ambiguous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, bundle = certificate(tmp_path)
    async with served(answer_ok, context) as url, proxy(refuses=True) as (address, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:s3cret@{address}")
        fate = await attempted(url, ca_bundle=str(bundle))
    assert states([fate]) == [RETRYING]
    assert fate.history.ambiguous_at is None
    assert fate.detail == "the proxy refused the connection (HTTP 407) (ClientHttpProxyError)"


@pytest.mark.parametrize("options", [{"base_url": "business-api.tiktok.com"}, {"ca_bundle": "/nowhere/ca.pem"}])
async def test_unusable_settings_are_said_at_once(options: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Sender(**options)  # type: ignore[arg-type]
