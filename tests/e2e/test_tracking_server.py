"""The embedded server over real sockets: listening, time limits, stopping."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tockwork.app.server import ASGI, RSGI, HttpServer
from tockwork.ingest.body import FREE_BYTES
from tockwork.ingest.intake import Intake
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import Source, Sources
from tockwork.ingest.tracking import Tracking
from tockwork.model.clock import SystemClock
from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret
from tockwork.store.memory import MemoryStore

LOCAL = "127.0.0.1"
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


async def plain(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with the body it got; /wait/N after N seconds."""
    if scope["path"].startswith("/wait/"):
        await asyncio.sleep(float(scope["path"].removeprefix("/wait/")))
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body or b"ok"})


@asynccontextmanager
async def running(
    application: Any = plain, interface: Any = ASGI, host: str = LOCAL, **options: Any
) -> AsyncIterator[int]:
    server = HttpServer(application, interface, host, 0, **options)
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop()


@asynccontextmanager
async def connected(port: int, host: str = LOCAL) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def ask(port: int, head: str, body: bytes = b"", within_s: float = 10, host: str = LOCAL) -> bytes:
    """Everything the server says until it closes the connection."""
    async with connected(port, host) as (reader, writer), asyncio.timeout(within_s):
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return await reader.read()


async def get(port: int, path: str = "/", within_s: float = 10) -> bytes:
    return await ask(port, f"GET {path} HTTP/1.1\nHost: x\nConnection: close", within_s=within_s)


class TestListening:
    async def test_port_0_is_a_free_port(self) -> None:
        async with running() as first, running() as second:
            assert first != second
            for port in (first, second):
                assert (await get(port)).endswith(b"ok")

    async def test_a_name_is_as_good_as_an_address(self) -> None:
        server = HttpServer(plain, ASGI, "localhost", 0)
        port = await server.start()
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")
        writer.close()
        await server.stop()

    async def test_a_port_in_use_is_an_error_and_not_shared(self) -> None:
        async with running() as port:
            with pytest.raises(ConfigurationError, match=f"{LOCAL}:{port}: .* in use"):
                await HttpServer(plain, ASGI, LOCAL, port).start()
            assert (await get(port)).endswith(b"ok")

    async def test_a_port_shared_by_another_program_is_not_joined(self) -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((LOCAL, 0))
            other.listen()
            with pytest.raises(ConfigurationError, match="in use"):
                await HttpServer(plain, ASGI, LOCAL, other.getsockname()[1]).start()

    async def test_an_address_that_is_not_ours(self) -> None:
        with pytest.raises(ConfigurationError, match=r"203\.0\.113\.1:8080: cannot listen there"):
            await HttpServer(plain, ASGI, "203.0.113.1", 8080).start()

    async def test_a_port_is_free_again_at_once(self) -> None:
        async with running() as port:
            assert (await get(port)).endswith(b"ok")
            reader, writer = await asyncio.open_connection(LOCAL, port)
        assert await reader.read() == b""
        writer.close()
        files = len(os.listdir("/dev/fd"))
        for _ in range(3):
            server = HttpServer(plain, ASGI, LOCAL, port)
            assert await server.start() == port
            assert (await get(port)).endswith(b"ok")
            await server.stop()
        assert len(os.listdir("/dev/fd")) <= files


class TestConnections:
    async def test_keep_alive_and_chunks(self) -> None:
        async with running() as port, connected(port) as (reader, writer):
            for _ in range(3):
                writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(5) == b"abcde"

    async def test_idle_connections_and_slow_headers_are_closed(self) -> None:
        async with running(idle_timeout_s=0.3) as port:
            started = time.monotonic()
            idle, slow, silent = await asyncio.gather(
                ask(port, "GET / HTTP/1.1\nHost: x"), self.half_a_request(port), self.nothing(port)
            )
            assert 0.2 < time.monotonic() - started < 5
        assert idle.endswith(b"ok")
        assert slow == silent == b""

    async def half_a_request(self, port: int) -> bytes:
        async with connected(port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
            return await reader.read()

    async def nothing(self, port: int) -> bytes:
        async with connected(port) as (reader, _):
            return await reader.read()

    async def test_half_open_connections_keep_nobody_waiting(self) -> None:
        async with running() as port:
            crowd = [await asyncio.open_connection(LOCAL, port) for _ in range(200)]
            for place, (_, writer) in enumerate(crowd):
                start = (
                    b"GET / HTTP/1.1\r\nHo"
                    if place % 2
                    else b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na"
                )
                writer.write(start)
            for _ in range(20):
                assert (await get(port, within_s=2)).endswith(b"ok")
            for _, writer in crowd:
                writer.close()

    @pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\r\n" * 100, b"A" * 300_000])
    async def test_garbage(self, garbage: bytes) -> None:
        async with running(idle_timeout_s=0.5) as port:
            async with connected(port) as (reader, writer), asyncio.timeout(10):
                writer.write(garbage)
                try:
                    answer = await reader.read()
                except ConnectionResetError:
                    answer = b""
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
            assert (await get(port)).endswith(b"ok")


class TestStopping:
    async def test_requests_under_way_are_finished_and_no_others_begin(self) -> None:
        server = HttpServer(plain, ASGI, LOCAL, 0)
        port = await server.start()
        async with connected(port) as (idle, _):
            waiting = asyncio.create_task(get(port, "/wait/0.5"))
            await asyncio.sleep(0.2)
            started = time.monotonic()
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0.1)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(LOCAL, port)
            assert await idle.read() == b""
            await stopping
            assert time.monotonic() - started < 2
        assert (await waiting).endswith(b"ok")

    async def test_what_takes_too_long_is_cut_off(self) -> None:
        server = HttpServer(plain, ASGI, LOCAL, 0, grace_s=0.2)
        port = await server.start()
        slow = asyncio.create_task(get(port, "/wait/60"))
        stalled = asyncio.create_task(ask(port, "POST / HTTP/1.1\nHost: x\nContent-Length: 9", b"a"))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await server.stop()
        assert time.monotonic() - started < 1
        for answer in await asyncio.gather(slow, stalled):
            assert not answer.startswith(b"HTTP/1.1 2")

    async def test_a_server_that_never_started(self) -> None:
        await HttpServer(plain, ASGI, LOCAL, 0).stop()

    async def test_waiting_for_the_end(self) -> None:
        server = HttpServer(plain, ASGI, LOCAL, 0)
        await server.start()
        closed = asyncio.create_task(server.wait_closed())
        await asyncio.sleep(0.1)
        assert not closed.done()
        await server.stop()
        await asyncio.wait_for(closed, 1)

    async def test_sigterm_loses_nothing_that_was_acknowledged(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "src"}
        )
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        acknowledged: set[str] = set()
        clients = [asyncio.create_task(send_forever(port, f"c{number}", acknowledged)) for number in range(8)]
        await asyncio.sleep(1)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, _ = await process.communicate()
        assert time.monotonic() - started < 10
        assert process.returncode == 0
        await asyncio.gather(*clients)
        kept = set(json.loads(rest))
        assert len(acknowledged) > 100
        assert acknowledged <= kept


class TestTracking:
    async def test_a_body_that_does_not_come(self) -> None:
        # Reads the answer alone: how the connection ends with half a body unread is a race.
        async with (
            tracking(body_deadline_s=0.3) as served,
            connected(served.port) as (reader, writer),
            asyncio.timeout(10),
        ):
            writer.write(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.splitlines() if line.startswith(b"content-length"))
            answer = await reader.readexactly(int(length.split()[1]))
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(answer)["code"] == "body_timeout"

    async def test_the_connection_outlives_a_refusal(self) -> None:
        async with tracking() as served, connected(served.port) as (reader, writer):
            for body, status in [(b"{}", b"401"), (b"nope", b"400"), (b'{"writeKey":"wk","event":"x"}', b"200")]:
                writer.write(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.split()[1] == status
                length = next(line for line in head.splitlines() if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split()[1]))

    async def test_a_client_that_waits_for_leave_to_send(self) -> None:
        head = "POST /v1/track HTTP/1.1\nHost: x\nExpect: 100-continue\nConnection: close\nContent-Length: 29"
        async with tracking() as served:
            answer = await ask(served.port, head, b'{"writeKey":"wk","event":"x"}')
        assert answer.startswith(b"HTTP/1.1 100")
        assert answer.endswith(b'{"success":true}')


class TestBodies:
    """What Granian does that RSGI's specification leaves open, and `ingest.body` relies on."""

    CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

    @pytest.mark.parametrize("size", [FREE_BYTES, FREE_BYTES + 1, 30_000])
    @pytest.mark.parametrize("chunked", [False, True])
    async def test_a_body_arrives_in_full(self, size: int, chunked: bool) -> None:
        event = b'{"event":"%b"}' % (b"x" * (size - 12))
        half, rest = event[: size // 2], event[size // 2 :]
        parts = [b"Content-Length: %d\r\n\r\n" % size + half, rest]
        if chunked:
            parts = [self.CHUNKED, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (half, rest)), b"0\r\n\r\n"]
        (kept,) = await self.kept(*parts, status=200)
        assert kept["event"] == "x" * (size - 12)

    @pytest.mark.parametrize("length", [b"", b"Content-Length: 3\r\n"])
    async def test_what_is_said_of_the_length_counts_for_nothing_beside_chunks(self, length: bytes) -> None:
        body = b"d\r\n" + b'{"event":"x"}' + b"\r\n0\r\n\r\n"
        assert len(await self.kept(length + self.CHUNKED, body, status=200)) == 1

    async def test_no_body(self) -> None:
        assert await self.kept(b"\r\n", status=400, code="invalid_json") == []

    @pytest.mark.parametrize(
        "end", [b"XX0\r\n\r\n", b"\r\nzz\r\n", b"\r\n0\r\nChecksum: 1\r\n\r\n"], ids=["end", "size", "trailer"]
    )
    async def test_chunks_that_break_off(self, end: bytes) -> None:
        assert await self.kept(self.CHUNKED, b'd\r\n{"event":"x"}' + end, status=400, code="incomplete_body") == []

    @pytest.mark.parametrize("size", [20, FREE_BYTES + 1])
    async def test_a_client_that_goes_before_its_body_is_complete(self, size: int) -> None:
        async with tracking() as served:
            async with connected(served.port) as (_, writer):
                writer.write(b'POST /v1/t HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{"event":"x"}' % size)
            async with asyncio.timeout(5):
                while served.application.counts.answers != {(400, "incomplete_body"): 1}:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

    async def kept(self, *parts: bytes, status: int, code: str = "") -> list[Any]:
        """The events kept of one request whose body, and what of its head is about that, come in `parts`."""
        async with tracking() as served:
            async with connected(served.port) as (reader, writer), asyncio.timeout(10):
                writer.write(b"POST /v1/t HTTP/1.1\r\nHost: x\r\nAuthorization: Basic d2s6\r\nConnection: close\r\n")
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(0.02)
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert int(head.split()[1]) == status
            assert json.loads(body).get("code", "") == code
            return served.events


class TestHeaders:
    async def test_an_address_and_who_calls(self) -> None:
        assert await self.context("User-Agent: Mozilla/5.0") == {"ip": LOCAL, "userAgent": "Mozilla/5.0"}

    async def test_what_is_not_ascii_is_left_out(self) -> None:
        assert await self.context("User-Agent: Jörg") == {"ip": LOCAL}

    async def test_proxies_say_their_part_in_lines_of_their_own(self) -> None:
        lines = "X-Forwarded-For: 198.51.100.5\nX-Forwarded-For: 10.0.0.1"
        assert await self.context(lines, proxies=Proxies([LOCAL, "10.0.0.0/8"])) == {"ip": "198.51.100.5"}

    async def test_an_ipv6_client(self) -> None:
        if not socket.has_ipv6:
            pytest.skip("this machine has no IPv6 address")
        assert await self.context("Accept: */*", host="::1") == {"ip": "::1"}

    async def context(self, lines: str, **options: Any) -> Any:
        """The context of an event that a page sends with further lines in its head."""
        body = b'{"writeKey":"wk","event":"x"}'
        head = f"POST /v1/t HTTP/1.1\nHost: x\nOrigin: https://shop.example\nConnection: close\n{lines}"
        async with tracking(**options) as served:
            answer = await ask(served.port, f"{head}\nContent-Length: {len(body)}", body, host=served.host)
            assert answer.endswith(b'{"success":true}')
            return served.events[0]["context"]


class Kept(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    async def append(self, entries: Sequence[bytes], *more: Any, **named: Any) -> int:
        self.events += map(msgspec.json.decode, entries)
        return await super().append(entries, *more, **named)


class Served(msgspec.Struct):
    """The tracking API where clients reach it, and what it kept."""

    host: str
    port: int
    application: Tracking
    events: list[Any]


@asynccontextmanager
async def tracking(host: str = LOCAL, **options: Any) -> AsyncIterator[Served]:
    journal = Kept()
    intake = Intake(journal, gather_s=0)
    await intake.start()
    application = Tracking(Sources([Source("s", Secret("wk"))]), intake, SystemClock(), **options)
    async with running(application, RSGI, host) as port:
        yield Served(host, port, application, journal.events)
    await intake.stop()


async def send_forever(port: int, name: str, acknowledged: set[str]) -> None:
    """Sends one event after the other until the server is gone."""
    number = 0
    try:
        async with connected(port) as (reader, writer):
            while True:
                number += 1
                body = json.dumps({"writeKey": "wk", "event": "x", "messageId": f"{name}-{number}"}).encode()
                writer.write(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                head = await reader.readuntil(b"\r\n\r\n")
                if await reader.readexactly(16) == b'{"success":true}' and head.startswith(b"HTTP/1.1 200"):
                    acknowledged.add(f"{name}-{number}")
    except (asyncio.IncompleteReadError, ConnectionError):
        return


SERVER = textwrap.dedent(
    """
    import asyncio, json
    from tockwork.app.server import RSGI, HttpServer, stop_signal
    from tockwork.ingest.intake import Intake
    from tockwork.ingest.source import Source, Sources
    from tockwork.ingest.tracking import Tracking
    from tockwork.model.clock import SystemClock
    from tockwork.model.secret import Secret

    class Journal:
        kept = []
        async def append(self, entries, message_ids, sources):
            await asyncio.sleep(0.005)
            self.kept += [json.loads(entry)["messageId"] for entry in entries]

    async def main():
        journal = Journal()
        intake = Intake(journal)
        await intake.start()
        tracking = Tracking(Sources([Source("s", Secret("wk"))]), intake, SystemClock())
        server = HttpServer(tracking, RSGI, "127.0.0.1", 0)
        print(await server.start(), flush=True)
        await stop_signal()
        await server.stop()
        await intake.stop()
        print(json.dumps(journal.kept))

    asyncio.run(main())
    """
)
