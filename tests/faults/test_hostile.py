"""Hostile input against the real server: no 5xx, no memory taken, nobody kept waiting, no restart, nothing lost."""

from __future__ import annotations

import asyncio
import gzip
import json
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import pytest
from tests.faults.json_suite.cases import cases
from tests.faults.mutation import Call, Mutations
from tests.faults.target import AUTHORIZED, Probe, Target, post, probe, statuses, target

MEMORY_BYTES: Final = 20_000_000
CONNECTIONS: Final = 8
SOCKETS: Final = 500
HEADERS_S: Final = 20
BODY_S: Final = 30
DEPTH: Final = 100_000

NULLED: Final = {"n_number_NaN", "n_number_infinity", "n_number_minus_infinity"}
"""What Python's clients write, and is read as null."""

Attack = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("hostile")) as found:
        yield found


@pytest.fixture
async def unharmed(server: Target) -> AsyncIterator[Target]:
    """The server, which after the test must be as it was before."""
    yield server
    ids = await server.greet()
    await server.settled()
    assert server.alive
    assert set(ids) <= server.arrived()
    assert await server.metric("tockwork_requests_total", 'status="5xx"') == 0
    assert "Traceback" not in server.log
    assert "internal_error" not in server.log
    growth = server.resident_bytes - server.calm_bytes
    assert growth < MEMORY_BYTES, f"resident memory grew by {growth / 1e6:.1f} MB"


async def ask_all(server: Target, requests: list[bytes]) -> list[int]:
    """The status of each; 0 for none."""
    gate = asyncio.Semaphore(CONNECTIONS)

    async def ask(request: bytes) -> int:
        async with gate:
            return await server.status(request)

    return await asyncio.gather(*map(ask, requests))


# Bodies that are no JSON, or too much of it


async def test_json_suite(unharmed: Target) -> None:
    suite = cases()
    raw = await ask_all(unharmed, [post("/v1/page", text) for text in suite.values()])
    inside = [b'{"properties": {"v": %b}}' % text for text in suite.values()]
    single = await ask_all(unharmed, [post("/v1/page", text) for text in inside])
    page = b'{"type": "page"}'
    batches = [
        b'{"batch": [%b, {"type": "page", "properties": {"v": %b}}, %b]}' % (page, text, page)
        for text in suite.values()
    ]
    batched = await ask_all(unharmed, [post("/v1/batch", text) for text in batches])
    wrong = []
    for (name, text), *found in zip(suite.items(), raw, single, batched, strict=True):
        an_object = text.strip().startswith(b"{")
        expected = {
            "y": [[200] if an_object else [400], [200], [200]],
            "n": [[400], [400], [400]],
            "i": [[200, 400]] * 3,
        }[name[0]]
        if name in NULLED:
            expected = [[400], [200], [200]]
        if not all(status in allowed for status, allowed in zip(found, expected, strict=True)):
            wrong.append((name, found))
    assert wrong == []


async def test_surrogates(unharmed: Target) -> None:
    for surrogate in [rb"\ud83d", rb"\udc00", rb"\ud83d\ud83d", rb"\udc00\ud83d", b"\xed\xa0\x80"]:
        places = [
            b'{"event": "%b"}',
            b'{"event": "x", "%b": 1}',
            b'{"event": "x", "messageId": "a%b"}',
            b'{"event": "x", "properties": {"a": [NaN, "%b"]}}',
        ]
        found = await ask_all(unharmed, [post("/v1/track", place % surrogate) for place in places])
        assert found == [400] * len(places)
        accepted = await unharmed.metric("tockwork_events_accepted_total")
        bad = b'{"type": "page", "name": "%b"}' % surrogate
        batch = b'{"batch": [{"type": "page"}, %b, {"type": "screen"}]}' % bad
        escaped = surrogate.startswith(b"\\")
        assert await ask_all(unharmed, [post("/v1/batch", batch)]) == [200 if escaped else 400]
        assert await unharmed.metric("tockwork_events_accepted_total") == accepted + (2 if escaped else 0)


async def test_deep_nesting(unharmed: Target) -> None:
    requests = []
    for opening, closing in [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")]:
        for path, limit in [("/v1/batch", 499_000), ("/v1/page", 32_000)]:
            # As deep as fits: a hundred thousand levels of the longest kind are more than a body may be.
            open_depth, depth = (min(DEPTH, limit // len(one)) for one in (opening, opening + closing))
            for value in (opening * open_depth, opening * depth + b"1" + closing * depth):
                inside = b'{"type": "page", "properties": {"n": NaN, "a": %b}}' % value
                requests += [post(path, text) for text in (value, inside, b'{"batch": [%b]}' % value)]
    assert set(await ask_all(unharmed, requests)) == {400}


async def test_gzip_bombs(unharmed: Target) -> None:
    bombs = [
        gzip.compress(b" " * 100_000_000, 1),
        gzip.compress(b"[" * 50_000_000, 1),
        gzip.compress(gzip.compress(b'{"batch": []}' + b" " * 50_000_000, 1)),
        gzip.compress(b'{"batch": [' + b'{"type": "page"},' * 3_000_000, 1),
        gzip.compress(b" " * 10_000) * 1000,
        gzip.compress(b"{}")[:-4] + b"\xff" * 100_000,
    ]
    encoded = {"Content-Encoding": "gzip"}
    found = await ask_all(
        unharmed, [post(path, bomb, encoded) for bomb in bombs for path in ("/v1/batch", "/v1/t")] * 4
    )
    assert set(found) == {400}


# Requests that are no HTTP, or half of it

EVENT: Final = b'{"event": "x"}'
HEAD: Final = b"POST /v1/track HTTP/1.1\r\n" + AUTHORIZED


def chunked(body: bytes) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body


WIRE: Final = {
    "length too short": (HEAD + b"Content-Length: 5\r\n\r\n" + EVENT, [400]),
    "length too long": (HEAD + b"Content-Length: 99\r\n\r\n" + EVENT, []),
    "length of nothing": (HEAD + b"Content-Length: 0\r\n\r\n" + EVENT, [400]),
    "length negative": (HEAD + b"Content-Length: -1\r\n\r\n" + EVENT, [400]),
    "length no number": (HEAD + b"Content-Length: many\r\n\r\n" + EVENT, [400]),
    "length signed": (HEAD + b"Content-Length: +14\r\n\r\n" + EVENT, [400]),
    "length hexadecimal": (HEAD + b"Content-Length: 0xe\r\n\r\n" + EVENT, [400]),
    "length beyond 64 bits": (HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n" + EVENT, [400]),
    "length twice, different": (HEAD + b"Content-Length: 14\r\nContent-Length: 3\r\n\r\n" + EVENT, [400]),
    "length listed, different": (HEAD + b"Content-Length: 14, 3\r\n\r\n" + EVENT, [400]),
    "length and chunks": (
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + EVENT + b"\r\n0\r\n\r\n",
        [200, 400],
    ),
    "chunks": (chunked(b"e\r\n" + EVENT + b"\r\n0\r\n\r\n"), [200]),
    "chunks of one byte": (chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in EVENT) + b"0\r\n\r\n"), [200]),
    "chunk size no number": (chunked(b"zz\r\n" + EVENT), [400]),
    "chunk size huge": (chunked(b"f" * 17 + b"\r\n" + EVENT), [400]),
    "chunk size negative": (chunked(b"-1\r\n" + EVENT), [400]),
    "chunk without its end": (chunked(b"e\r\n" + EVENT + b"XX0\r\n\r\n"), [400]),
    "chunk with an endless extension": (
        chunked(b"e;" + b"a" * 200_000 + b"\r\n" + EVENT + b"\r\n0\r\n\r\n"),
        [200, 400],
    ),
    "endless trailers": (chunked(b"e\r\n" + EVENT + b"\r\n0\r\n" + b"a: b\r\n" * 50_000 + b"\r\n"), [200, 400]),
    "chunks unknown": (HEAD + b"Transfer-Encoding: gzip\r\n\r\n" + EVENT, [400]),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), [400]),
    "no version": (b"POST /v1/track\r\n\r\n", [400]),
    "version 9": (b"POST /v1/track HTTP/9.9\r\n\r\n", [400]),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []),
    "NUL in a header": (HEAD + b"A: b\x00c\r\n\r\n", [400]),
    "bytes in a path": (b"POST /v1/track\xff%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [400, 404]),
    "a long path": (b"POST /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", [400, 404, 414, 431]),
    "many headers": (HEAD + b"A: b\r\n" * 10_000 + b"\r\n", [400, 431]),
    "a long header": (HEAD + b"A: " + b"b" * 300_000 + b"\r\n\r\n", [400, 431]),
    "a folded header": (HEAD + b"A: b\r\n c\r\n\r\n", [400]),
    "an unknown method": (b"BREW /v1/track HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [405]),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [400, 404, 405]),
    "an upgrade": (
        b"GET /v1/track HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n",
        [400, 405],
    ),
    "expecting wonders": (HEAD + b"Expect: wonders\r\nContent-Length: 14\r\n\r\n" + EVENT, [200, 417]),
    "a hundred in a row": (post("/v1/track", EVENT, close=False) * 100, [200]),
    "good, bad, good in a row": (
        (post("/v1/track", EVENT, close=False) + post("/v1/track", b"{", close=False)) * 10,
        [200, 400],
    ),
    "good, then garbage": (post("/v1/track", EVENT, close=False) + b"\x00\xff" * 500, [200, 400]),
}
"""Bytes by name, and the statuses that they may be answered with (none: no answer yet)."""


async def test_wire(unharmed: Target) -> None:
    said = await asyncio.gather(*(unharmed.ask(data, within_s=1.5) for data, _ in WIRE.values()))
    wrong = {}
    for (name, (_, allowed)), answer in zip(WIRE.items(), said, strict=True):
        found = statuses(answer)
        if not set(found) <= set(allowed) or bool(found) != bool(allowed):
            wrong[name] = found
    assert wrong == {}


async def test_every_answer_of_a_row_is_in_its_place(unharmed: Target) -> None:
    row = [(EVENT, 200), (b"{", 400), (b'{"event": ""}', 400), (EVENT, 200)] * 20
    data = b"".join(post("/v1/track", body, close=False) for body, _ in row)
    assert statuses(await unharmed.ask(data, within_s=2)) == [status for _, status in row]


# Sockets that never finish


def slow_starts() -> list[bytes]:
    """What a slow client sends before it falls silent."""
    batch = b"POST /v1/batch HTTP/1.1\r\n" + AUTHORIZED
    zipped = gzip.compress(bytes(2_000_000))
    return [
        b"",
        b"POST /v1/tr",
        HEAD + b"A: " + b"b" * 2_000,
        HEAD + b"A: " + b"b" * 30_000,
        HEAD + b"Content-Length: 500\r\n\r\n{",
        batch + b"Content-Length: 500000\r\n\r\n" + b'{"batch": [' + b" " * 250_000,
        batch + b"Content-Length: 10000000000\r\n\r\n" + b'{"batch": [' + b" " * 100_000,
        batch + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b" " * 1000,
        batch + b"Content-Encoding: gzip\r\nContent-Length: 900000\r\n\r\n" + zipped[: len(zipped) // 5],
        HEAD.replace(b"d2st", b"AAAA") + b"Content-Length: 10000000000\r\n\r\n" + b" " * 50_000,
    ]


@asynccontextmanager
async def slow_sockets(server: Target) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Five hundred connections, each silent after its beginning, for as long as the block lasts."""
    opened = await asyncio.gather(*(asyncio.open_connection(server.host, server.port) for _ in range(SOCKETS)))
    starts = slow_starts()
    for place, (_, writer) in enumerate(opened):
        writer.write(starts[place % len(starts)])
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def slowdown(honest: Probe, attack: Attack, rounds: int, window_s: float = 0.7) -> float:
    """How many times longer the honest client's slowest hundredth takes under the attack: the median of quiet windows
    and of windows under attack, taken in turn, so that a machine that is busy by itself slows both."""
    quiet, hostile, failures = [], [], []
    for _ in range(rounds):
        quiet.append((await honest.measure(window_s)).p99)
        async with attack():
            window = await honest.measure(window_s)
        hostile.append(window.p99)
        failures += window.failures
    assert failures == []
    return statistics.median(hostile) / statistics.median(quiet)


async def assert_not_slowed(server: Target, attack: Attack, rounds: int) -> None:
    async with probe(server) as honest:
        await honest.measure(0.5)
        found = await slowdown(honest, attack, rounds)
    assert found < 2, f"the honest client waits {found:.1f} times as long"


async def check_slow_sockets(server: Target, rounds: int) -> None:
    @asynccontextmanager
    async def attack() -> AsyncIterator[None]:
        async with slow_sockets(server):
            await asyncio.sleep(0.3)
            yield

    await assert_not_slowed(server, attack, rounds)


async def test_slow_sockets_slow_nobody_else(unharmed: Target) -> None:
    await check_slow_sockets(unharmed, rounds=3)


@pytest.mark.faults
async def test_slow_sockets_slow_nobody_else_in_full(unharmed: Target) -> None:
    await check_slow_sockets(unharmed, rounds=15)


@pytest.mark.faults
async def test_slow_sockets_are_closed_in_time(unharmed: Target) -> None:
    async def closed(reader: asyncio.StreamReader) -> list[int]:
        try:
            return statuses(await reader.read())
        except ConnectionError:
            return []

    async with slow_sockets(unharmed) as readers, asyncio.timeout(HEADERS_S + BODY_S):
        most = 0
        closing = asyncio.gather(*map(closed, readers))
        while not closing.done():
            most = max(most, unharmed.resident_bytes - unharmed.calm_bytes)
            await asyncio.wait([closing], timeout=0.2)
        found = Counter(status for answers in await closing for status in answers)
    assert set(found) <= {400, 401, 408, 429, 431}
    assert found[408] > 0
    assert most < MEMORY_BYTES, f"resident memory grew by {most / 1e6:.1f} MB"


# Everything at once


async def send(server: Target, calls: Iterator[Call], answers: Counter[int]) -> None:
    """Over one connection after the other, as fast as the server answers."""
    for call in calls:
        path = f"{call.path}?writeKey=wk-shop"
        answers[await server.status(post(path, call.body, call.headers))] += 1


async def check_mutations(server: Target, events: int, seed: int) -> None:
    answers: Counter[int] = Counter()
    calls = Mutations(seed).calls(events)
    await asyncio.gather(*(send(server, calls, answers) for _ in range(CONNECTIONS)))
    assert set(answers) == {200, 400}, answers
    assert answers[200] > answers.total() / 10
    assert answers[400] > answers.total() / 10


async def test_mutated_events(unharmed: Target) -> None:
    await check_mutations(unharmed, 3_000, seed=1)


@pytest.mark.faults
async def test_mutated_events_in_full(unharmed: Target) -> None:
    await check_mutations(unharmed, 100_000, seed=2)


async def check_flood(server: Target, rounds: int) -> None:
    """Mutated events, bombs and deep nesting, a steady stream of them, beside five hundred silent sockets."""
    bomb = post("/v1/batch", gzip.compress(b" " * 50_000_000, 9), {"Content-Encoding": "gzip"})
    deep = post("/v1/batch", b'{"batch": [' + b"[" * DEPTH)
    calls = Mutations(3).calls(10**9)

    async def stream() -> None:
        while True:
            for request in (
                bomb,
                deep,
                *(post(c.path, c.body, c.headers) for c, _ in zip(calls, range(20), strict=False)),
            ):
                assert await server.status(request) in (200, 400, 401, 429)
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def attack() -> AsyncIterator[None]:
        async with slow_sockets(server):
            streaming = asyncio.create_task(stream())
            await asyncio.sleep(0.3)
            yield
            streaming.cancel()
            (ended,) = await asyncio.gather(streaming, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended

    await assert_not_slowed(server, attack, rounds)


async def test_a_flood_slows_nobody_else(unharmed: Target) -> None:
    await check_flood(unharmed, rounds=3)


@pytest.mark.faults
async def test_a_flood_slows_nobody_else_in_full(unharmed: Target) -> None:
    await check_flood(unharmed, rounds=15)


def test_the_suite_is_complete() -> None:
    kinds = Counter(name[0] for name in cases())
    assert kinds["y"] >= 90
    assert kinds["n"] >= 180
    assert kinds["i"] >= 30
    for name, text in cases().items():
        if name[0] == "y":
            json.loads(text)
