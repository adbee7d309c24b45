"""The tracking API as its clients see it, spoken to over ASGI; tests/e2e speak HTTP to the same."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from tockwork.ingest import body as body_module
from tockwork.ingest import tracking as tracking_module
from tockwork.ingest.body import DRAINED_BYTES
from tockwork.ingest.intake import Intake
from tockwork.ingest.parse import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import Source, Sources
from tockwork.ingest.tracking import CALL_BY_PATH, Tracking, unique_ids
from tockwork.model.clock import SystemClock
from tockwork.model.errors import StoreFull
from tockwork.model.secret import Secret
from tockwork.store.memory import MemoryStore
from tockwork.store.protocol import Part

NOW = 1_795_132_800.0
ROOT = Path(__file__).parents[2]
SECRETS = ("jane@example.com", "wk-web", "wk-wrong")
SINGLE = ["track", "identify", "page", "screen", "group", "alias"]
TRACK = {"event": "Ping", "userId": "jane@example.com"}
ZIPPED = gzip.compress(b"{}", mtime=0)


class Journal(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.entries: list[bytes] = []
        self.message_ids: list[str] = []
        self.sources: list[tuple[str, int]] = []
        self.problem: Exception | None = None

    async def append(
        self,
        entries: Sequence[bytes],
        message_ids: Sequence[str] = (),
        sources: Sequence[tuple[str, int]] = (),
        *,
        part: Part | None = None,
    ) -> int:
        if self.problem is not None:
            raise self.problem
        self.entries += entries
        self.message_ids += message_ids
        self.sources += sources
        return 1


class Clock(SystemClock):
    def now(self) -> float:
        return NOW


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[int, str]:
        assert self.headers["content-type"] == "application/json"
        assert self.headers["access-control-allow-origin"] == "*"
        content = json.loads(self.body)
        assert set(content) == {"code", "message"}
        assert content["message"]
        return self.status, content["code"]

    @property
    def success(self) -> bool:
        return (self.status, self.body) == (200, b'{"success":true}')


class Headers(dict[str, str]):
    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class Scope:
    client = "203.0.113.7:50000"

    def __init__(self, method: str, path: str, query: str, headers: dict[str, str]) -> None:
        self.method = method
        self.path = path
        self.query_string = query
        self.headers: Any = Headers({name.lower(): value for name, value in headers.items()})
        if "content-length" not in self.headers:
            self.headers["transfer-encoding"] = "chunked"


class Exchange:
    """A body that comes in chunks, and then ends, stalls, or breaks off because its client leaves."""

    def __init__(self, client: Client, chunks: Iterable[bytes], *, stalls: bool, leaves: bool) -> None:
        self.reply: Reply | None = None
        self._client = client
        self._chunks = iter(chunks)
        self._stalls = stalls
        self._leaves = leaves

    async def __call__(self) -> bytes:
        content = b"".join([chunk async for chunk in self])
        if self._leaves:
            raise RuntimeError
        return content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in filter(None, self._chunks):
            self._client.received += len(chunk)
            yield chunk
        if self._stalls:
            await asyncio.Event().wait()
        yield b""
        if self._leaves:
            yield b""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.reply = Reply(status, dict(headers), b"")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.reply = Reply(status, dict(headers), body)


class Client:
    """Speaks RSGI. `received` counts the bytes that the application took of the last request's body."""

    def __init__(self, application: Tracking, journal: Journal) -> None:
        self.application = application
        self.journal = journal
        self.received = 0
        self.logs: list[Any] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(entry) for entry in self.journal.entries]

    async def request(
        self,
        method: str,
        path: str,
        chunks: Iterable[bytes] = (b"",),
        headers: dict[str, str] | None = None,
        *,
        query: str = "",
        stalls: bool = False,
        leaves: bool = False,
    ) -> Reply | None:
        scope = Scope(method, path, query, headers or {})
        exchange = Exchange(self, chunks, stalls=stalls, leaves=leaves)
        self.received = 0
        await self.application(scope, exchange)
        return exchange.reply

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None, **options: Any) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        pieces = [content[place : place + 60_000] for place in range(0, len(content), 60_000)]
        reply = await self.request("POST", path, pieces, {**basic("wk-web"), **(headers or {})}, **options)
        assert reply is not None
        return reply


def basic(write_key: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{write_key}:{password}".encode()).decode()}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    journal = Journal()
    intake = Intake(journal, gather_s=0)
    await intake.start()
    sources = Sources([Source("web", Secret("wk-web")), Source("old", Secret("wk-old"), enabled=False)])
    application = Tracking(sources, intake, Clock(), new_id=lambda: "new-id", body_deadline_s=0.05)
    with structlog.testing.capture_logs() as logs:
        client = Client(application, journal)
        client.logs = logs
        yield client
    await intake.stop()
    seen = f"{logs}{application.counts}{application.refusals}"
    assert not [secret for secret in SECRETS if secret in seen]


class TestCalls:
    @pytest.mark.parametrize("call", SINGLE)
    @pytest.mark.parametrize("short", [False, True])
    async def test_single_calls(self, client: Client, call: str, short: bool) -> None:
        reply = await client.post(f"/v1/{call[0] if short else call}", {**TRACK, "messageId": "m-1"})
        assert reply.success
        assert reply.headers == {"content-type": "application/json", "access-control-allow-origin": "*"}
        assert client.events == [
            {
                **TRACK,
                "type": call,
                "messageId": "m-1",
                "timestamp": "2026-11-20T00:00:00.000Z",
                "receivedAt": "2026-11-20T00:00:00.000Z",
            }
        ]

    @pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import"])
    async def test_batches(self, client: Client, path: str) -> None:
        events = [{"type": call, **TRACK} for call in SINGLE]
        assert (await client.post(path, {"batch": events})).success
        assert [event["type"] for event in client.events] == SINGLE
        assert client.application.counts.accepted == 6

    async def test_a_bad_event_in_a_batch_is_refused_alone(self, client: Client) -> None:
        reply = await client.post("/v1/batch", {"batch": [{"type": "page"}, {"type": "track"}, {"type": "screen"}]})
        assert reply.success
        assert [event["type"] for event in client.events] == ["page", "screen"]
        assert client.application.counts.refused == {"missing_event_name": 1}
        ((when, source, refusal),) = client.application.refusals
        assert (when, source, refusal.index, refusal.code) == (NOW, "web", 1, "missing_event_name")

    async def test_a_bad_single_call(self, client: Client) -> None:
        reply = await client.post("/v1/track", {"userId": "jane@example.com"})
        assert reply.error == (400, "missing_event_name")
        assert client.application.counts.refused == {"missing_event_name": 1}
        assert client.events == []

    async def test_not_a_number_is_taken_as_null_and_counted(self, client: Client) -> None:
        reply = await client.post("/v1/track", b'{"event": "x", "properties": {"value": NaN}}')
        assert reply.success
        assert client.events[0]["properties"] == {"value": None}
        assert client.application.counts.nulled == 1

    async def test_an_empty_batch(self, client: Client) -> None:
        assert (await client.post("/v1/batch", {"batch": []})).success

    @pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "application/json", ""])
    async def test_any_content_type(self, client: Client, content_type: str) -> None:
        assert (await client.post("/v1/t", TRACK, {"Content-Type": content_type})).success

    @pytest.mark.parametrize("body", [b"", b"nope", b'{"event": "\xff"}', b'{"event": "\\ud800"}', b"[" * 30_000])
    async def test_no_json(self, client: Client, body: bytes) -> None:
        assert (await client.post("/v1/track", body)).error[0] == 400
        assert client.events == []


class TestBrowsers:
    async def test_an_origin_gets_its_address(self, client: Client) -> None:
        await client.post("/v1/t", TRACK, {"Origin": "https://shop.example", "User-Agent": "Mozilla/5.0"})
        assert client.events[0]["context"] == {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}

    async def test_a_backend_does_not(self, client: Client) -> None:
        await client.post("/v1/t", TRACK, {"User-Agent": "analytics-python/2.4.0"})
        assert "context" not in client.events[0]

    async def test_a_trusted_proxy_is_believed(self, client: Client) -> None:
        headers = {"Origin": "https://shop.example", "X-Forwarded-For": "198.51.100.5"}
        await client.post("/v1/t", TRACK, headers)
        client.application._proxies = Proxies(["203.0.113.0/24"])
        await client.post("/v1/t", TRACK, headers)
        assert [event["context"]["ip"] for event in client.events] == ["203.0.113.7", "198.51.100.5"]

    @pytest.mark.parametrize("path", ["/v1/t", "/v1/batch", "/v1/import"])
    async def test_preflight(self, client: Client, path: str) -> None:
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization,x-retry-count"}
        reply = await client.request("OPTIONS", path, headers=asked)
        assert reply is not None
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["access-control-allow-origin"] == "*"
        allowed = reply.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-type", "x-retry-count"} <= set(allowed)
        assert "POST" in reply.headers["access-control-allow-methods"]
        assert int(reply.headers["access-control-max-age"]) >= 600

    async def test_a_browser_may_read_when_to_come_back(self, client: Client) -> None:
        client.journal.problem = StoreFull("the disk is full")
        reply = await client.post("/v1/t", TRACK, {"Origin": "https://shop.example"})
        assert reply.headers["access-control-expose-headers"] == "Retry-After"


class TestWriteKeys:
    async def send(self, client: Client, body: dict[str, Any], headers: dict[str, str], query: str = "") -> Reply:
        reply = await client.request("POST", "/v1/track", [json.dumps(body).encode()], headers, query=query)
        assert reply is not None
        return reply

    @pytest.mark.parametrize(
        ("headers", "key"),
        [
            (basic("wk-web"), None),
            (basic("wk-web", "password"), None),
            ({"Authorization": basic("wk-web")["Authorization"].replace("Basic", "basic")}, None),
            ({}, "wk-web"),
            (basic("wk-web"), "wk-web"),
            (basic("wk-web"), "wk-wrong"),
            (basic(""), "wk-web"),
            ({"Authorization": "Bearer abc"}, "wk-web"),
        ],
    )
    async def test_known(self, client: Client, headers: dict[str, str], key: str | None) -> None:
        assert (await self.send(client, {**TRACK, "writeKey": key}, headers)).success
        assert "writeKey" not in client.events[0]

    @pytest.mark.parametrize(
        ("headers", "key"),
        [
            ({}, None),
            ({}, ""),
            ({}, "wk-wrong"),
            ({}, "wk-old"),
            (basic("wk-wrong"), None),
            (basic("wk-wrong"), "wk-web"),
            (basic("wk-old"), None),
            ({"Authorization": "Basic !!!"}, "wk-web"),
            ({"Authorization": "Basic /w=="}, "wk-web"),
            ({"Authorization": "Bearer wk-web"}, None),
        ],
    )
    async def test_unknown(self, client: Client, headers: dict[str, str], key: str | None) -> None:
        assert (await self.send(client, {**TRACK, "writeKey": key}, headers)).error == (401, "invalid_write_key")
        assert client.events == []

    async def test_a_beacon_has_its_key_in_the_url(self, client: Client) -> None:
        body = [json.dumps({"batch": [{"type": "page"}]}).encode()]
        for query, expected in [("writeKey=wk-web", 200), ("a=%ff&writeKey=wk%2Dweb", 200), ("writeKey=wk-wrong", 401)]:
            reply = await client.request("POST", "/beacon/v1/batch", body, query=query)
            assert reply is not None
            assert reply.status == expected
        assert [event["type"] for event in client.events] == ["page", "page"]

    async def test_a_key_in_the_url_is_not_looked_at(self, client: Client) -> None:
        assert (await self.send(client, TRACK, {}, "writeKey=wk-web")).error == (401, "invalid_write_key")

    async def test_sources_can_change_while_running(self, client: Client) -> None:
        client.application.sources = Sources([Source("new", Secret("wk-new"))])
        assert (await self.send(client, TRACK, basic("wk-web"))).error[0] == 401
        assert (await self.send(client, TRACK, basic("wk-new"))).success


class TestSizes:
    @pytest.mark.parametrize("zipped", [False, True])
    async def test_limits_are_of_the_uncompressed_body(self, client: Client, zipped: bool) -> None:
        def packed(body: bytes) -> bytes:
            return gzip.compress(body) if zipped else body

        headers = {"Content-Encoding": "gzip"} if zipped else {}
        for path, limit, code in [
            ("/v1/track", MAX_EVENT_BYTES, "event_too_large"),
            ("/v1/batch", MAX_BATCH_BYTES, "batch_too_large"),
        ]:
            body = json.dumps({"event": "x"} if path == "/v1/track" else {"batch": []}).encode()
            fits = body + b" " * (limit - len(body))
            assert (await client.post(path, packed(fits), headers)).success
            assert (await client.post(path, packed(fits + b" "), headers)).error == (400, code)

    async def test_the_client_is_heard_out_so_that_it_reads_the_answer(self, client: Client) -> None:
        body = b" " * (MAX_BATCH_BYTES + 1_000_000)
        assert (await client.post("/v1/batch", body)).error == (400, "batch_too_large")
        assert client.received == len(body)
        for path, headers, status in [("/v1/batch", basic("wk-wrong"), 401), ("/v1/nowhere", {}, 404)]:
            assert (await client.post(path, body, headers)).error[0] == status
            assert client.received == len(body)

    async def test_but_not_forever(self, client: Client) -> None:
        endless = (b" " * 60_000 for _ in range(10_000))
        reply = await client.request("POST", "/v1/batch", endless, basic("wk-web"))
        assert reply is not None
        assert reply.error == (400, "batch_too_large")
        assert client.received < MAX_BATCH_BYTES + DRAINED_BYTES + 200_000

    async def test_a_gzip_bomb_is_never_unpacked(self, client: Client) -> None:
        bomb = gzip.compress(b" " * 300_000_000, 1)
        tracemalloc.start()
        reply = await client.post("/v1/batch", bomb, {"Content-Encoding": "gzip"})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert reply.error == (400, "batch_too_large")
        assert peak < len(bomb) + 4 * MAX_BATCH_BYTES


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
    async def test_gzip(self, client: Client, encoding: str) -> None:
        body = gzip.compress(json.dumps({"batch": [{"type": "page"}]}).encode())
        assert (await client.post("/v1/batch", body, {"Content-Encoding": encoding})).success
        assert len(client.events) == 1

    async def test_gzip_in_single_bytes(self, client: Client) -> None:
        body = gzip.compress(json.dumps(TRACK).encode())
        pieces = [bytes([byte]) for byte in body]
        reply = await client.request("POST", "/v1/track", pieces, {**basic("wk-web"), "Content-Encoding": "gzip"})
        assert reply is not None
        assert reply.success

    @pytest.mark.parametrize("body", [b"", b"plain", ZIPPED[:-3], ZIPPED + b"more", b"\x1f\x8b" + b"\xff" * 50])
    async def test_bad_gzip(self, client: Client, body: bytes) -> None:
        reply = await client.post("/v1/track", body, {"Content-Encoding": "gzip"})
        assert reply.error == (400, "invalid_gzip")

    async def test_identity(self, client: Client) -> None:
        assert (await client.post("/v1/track", TRACK, {"Content-Encoding": "identity"})).success

    @pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
    async def test_others(self, client: Client, encoding: str) -> None:
        reply = await client.post("/v1/track", TRACK, {"Content-Encoding": encoding})
        assert reply.error == (415, "unsupported_encoding")


class TestSlowAndGone:
    async def test_a_body_that_does_not_come(self, client: Client) -> None:
        reply = await client.request("POST", "/v1/track", [b'{"event"'], basic("wk-web"), stalls=True)
        assert reply is not None
        assert reply.error == (408, "body_timeout")
        assert reply.headers["connection"] == "close"

    async def test_a_refused_body_that_does_not_come(self, client: Client) -> None:
        reply = await client.request("POST", "/v1/track", [b'{"event"'], basic("wk-wrong"), stalls=True)
        assert reply is not None
        assert reply.error == (401, "invalid_write_key")

    @pytest.mark.parametrize("headers", [basic("wk-web"), basic("wk-wrong")])
    async def test_a_client_that_leaves(self, client: Client, headers: dict[str, str]) -> None:
        reply = await client.request("POST", "/v1/track", [b'{"event"'], headers, leaves=True)
        assert reply is not None
        assert reply.error == (400, "incomplete_body")
        assert client.application.counts.answers == {(400, "incomplete_body"): 1}
        assert client.logs == []
        assert client.events == []

    async def test_many_slow_bodies_do_not_fill_the_memory(self, client: Client) -> None:
        room = client.application._room
        room.free = 100_000
        piece = b" " * 30_000
        slow = [
            asyncio.create_task(client.request("POST", "/v1/batch", [piece], basic("wk-web"), stalls=True))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        reply = await client.post("/v1/batch", piece)
        assert reply.error == (429, "overloaded")
        assert int(reply.headers["retry-after"]) > 0
        assert (await client.post("/v1/track", TRACK)).success, "a plain event needs no room"
        replies = await asyncio.gather(*slow)
        assert [reply and reply.error for reply in replies] == [(408, "body_timeout")] * 3
        assert room.free == 100_000

    async def test_who_sends_for_longest_gives_way(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body_module, "PATIENCE_S", 0.0)
        room = client.application._room
        room.free = 100_000
        client.application._deadlines.seconds = 10
        piece = b" " * 30_000
        slow = [
            asyncio.create_task(client.request("POST", "/v1/batch", [piece], basic("wk-web"), stalls=True))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        assert (await client.post("/v1/batch", b'{"batch": []}' + b" " * 80_000)).success
        async with asyncio.timeout(5):
            replies = await asyncio.gather(*slow)
        assert [reply and reply.error for reply in replies] == [(429, "overloaded")] * 3
        assert room.free == 100_000

    async def test_crumbs_take_no_more_memory_than_their_bytes(self, client: Client) -> None:
        tracemalloc.start()
        crumbs = (b"  " for _ in range(MAX_BATCH_BYTES // 2))
        reply = await client.request("POST", "/v1/batch", crumbs, basic("wk-web"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert reply is not None
        assert reply.error == (400, "invalid_json")
        assert peak < 4 * MAX_BATCH_BYTES


class TestStore:
    @pytest.mark.parametrize(
        ("problem", "code"),
        [(StoreFull("the disk is full"), "store_full"), (OSError("jane@example.com"), "store_failed")],
    )
    async def test_what_is_not_kept_is_not_acknowledged(self, client: Client, problem: Exception, code: str) -> None:
        client.journal.problem = problem
        reply = await client.post("/v1/track", TRACK)
        assert reply.error == (503, code)
        assert int(reply.headers["retry-after"]) > 0
        assert client.application.counts.accepted == 0
        # A full store is counted; one that fails is news.
        assert [log["event"] for log in client.logs] == (["events could not be kept"] if code == "store_failed" else [])
        client.journal.problem = None
        assert (await client.post("/v1/track", TRACK)).success

    async def test_a_fault_of_ours_shows_nothing(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("jane@example.com")

        monkeypatch.setattr(tracking_module, "parse", fail)
        reply = await client.post("/v1/track", TRACK)
        assert reply.error == (500, "internal_error")
        assert b"jane" not in reply.body
        assert [(log["event"], log["error"]) for log in client.logs] == [("request failed", "RuntimeError")]


class TestOtherPaths:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("path", ["/health", "/ready"])
    async def test_health(self, client: Client, method: str, path: str) -> None:
        reply = await client.request(method, path)
        assert reply is not None
        assert reply.status == 200

    async def test_not_ready_is_still_alive(self, client: Client) -> None:
        client.journal.problem = OSError("disk on fire")
        await client.post("/v1/track", TRACK)
        ready, health = await client.request("GET", "/ready"), await client.request("GET", "/health")
        assert ready is not None
        assert ready.error == (503, "not_ready")
        assert health is not None
        assert health.status == 200

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", "/v1/track", "POST, OPTIONS"),
            ("PUT", "/v1/b", "POST, OPTIONS"),
            ("POST", "/health", "GET, HEAD"),
            ("DELETE", "/ready", "GET, HEAD"),
        ],
    )
    async def test_wrong_methods(self, client: Client, method: str, path: str, allowed: str) -> None:
        reply = await client.request(method, path)
        assert reply is not None
        assert reply.error == (405, "method_not_allowed")
        assert reply.headers["allow"] == allowed

    @pytest.mark.parametrize(
        "path", ["/", "/v1", "/v1/", "/v1/buy", "/v2/track", "/v1/track/", "/V1/TRACK", "//v1/batch"]
    )
    async def test_unknown_paths(self, client: Client, path: str) -> None:
        assert (await client.post(path, TRACK)).error == (404, "not_found")


def test_ids_are_nobody_elses() -> None:
    ours, others = ([next(ids) for _ in range(1000)] for ids in (unique_ids(), unique_ids()))
    assert len({*ours, *others}) == 2000
    assert not {each[:36] for each in ours} & {each[:36] for each in others}, "each process has a UUID of its own"


class TestReference:
    REFERENCE = (ROOT / "docs/reference/tracking-api.md").read_text()

    @pytest.mark.parametrize("path", [*CALL_BY_PATH, "/health", "/ready"])
    def test_every_path_is_documented(self, path: str) -> None:
        assert f"`{path}`" in self.REFERENCE or f" {path}`" in self.REFERENCE

    def test_every_code_is_documented_and_no_other(self) -> None:
        source = "".join(path.read_text() for path in (ROOT / "src/tockwork/ingest").glob("*.py"))
        codes = re.findall(r'(?:EventError\(|Answer\(\d+, |unavailable\()"(\w+)"', source)
        codes += re.findall(r'code = "(\w+)" if .* else "(\w+)"', source)[0]
        rows = re.findall(r"^\| [45]\d\d \| (.*?) \|", self.REFERENCE, re.MULTILINE)
        assert set(codes) == {code for row in rows for code in re.findall(r"`(\w+)`", row)}
