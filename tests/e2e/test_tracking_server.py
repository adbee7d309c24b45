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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tockwork.app.server import ASGI, RSGI, HttpServer
from tockwork.ingest.intake import Intake
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
async def running(application: Any = plain, interface: Any = ASGI, **options: Any) -> AsyncIterator[int]:
    server = HttpServer(application, interface, LOCAL, 0, **options)
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def ask(port: int, head: str, body: bytes = b"", within_s: float = 10) -> bytes:
    """Everything the server says until it closes the connection."""
    async with connected(port) as (reader, writer), asyncio.timeout(within_s):
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
        async with tracking(body_deadline_s=0.3) as port, connected(port) as (reader, writer), asyncio.timeout(10):
            writer.write(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.splitlines() if line.startswith(b"content-length"))
            answer = await reader.readexactly(int(length.split()[1]))
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(answer)["code"] == "body_timeout"

    async def test_the_connection_outlives_a_refusal(self) -> None:
        async with tracking() as port, connected(port) as (reader, writer):
            for body, status in [(b"{}", b"401"), (b"nope", b"400"), (b'{"writeKey":"wk","event":"x"}', b"200")]:
                writer.write(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.split()[1] == status
                length = next(line for line in head.splitlines() if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split()[1]))

    async def test_a_client_that_waits_for_leave_to_send(self) -> None:
        head = "POST /v1/track HTTP/1.1\nHost: x\nExpect: 100-continue\nConnection: close\nContent-Length: 29"
        async with tracking() as port:
            answer = await ask(port, head, b'{"writeKey":"wk","event":"x"}')
        assert answer.startswith(b"HTTP/1.1 100")
        assert answer.endswith(b'{"success":true}')


@asynccontextmanager
async def tracking(**options: Any) -> AsyncIterator[int]:
    intake = Intake(MemoryStore(), gather_s=0)
    await intake.start()
    application = Tracking(Sources([Source("s", Secret("wk"))]), intake, SystemClock(), **options)
    async with running(application, RSGI) as port:
        yield port
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
