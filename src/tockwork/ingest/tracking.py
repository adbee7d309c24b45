"""Segment's tracking API over HTTP: a bare ASGI application.

Source: Segment, "HTTP Tracking API"; the short paths and headers are those of analytics-next. No body, header value or
query string ever reaches a log, a count or an error message.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
import structlog

from tockwork.ingest.answer import (
    ANY_ORIGIN,
    JSON,
    Answer,
    Send,
    bad_request,
    body_timeout,
    incomplete_body,
    not_found,
    overloaded,
    reply,
    unavailable,
    unknown_key,
    wrong_method,
)
from tockwork.ingest.body import BadGzip, Body, ClientGone, NoRoom, Receive, Room, TooLarge
from tockwork.ingest.intake import Intake, Overloaded, Stopping
from tockwork.ingest.parse import BATCH, Parsed, Refusal, max_bytes, parse, too_large
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import Source, Sources
from tockwork.ingest.stamp import Arrival
from tockwork.model.clock import Clock
from tockwork.model.errors import EventError, StoreFull
from tockwork.model.event import CALLS

BODY_DEADLINE_S: Final = 30.0
ROOM_BYTES: Final = 4 * 1024 * 1024

CALL_BY_PATH: Final = {
    **{f"/v1/{call}": call for call in (*CALLS, BATCH)},
    **{f"/v1/{call[0]}": call for call in (*CALLS, BATCH)},
    "/v1/import": BATCH,
    (BEACON := "/beacon/v1/batch"): BATCH,
}
"""Paths and the call that each makes; ``import`` is Segment's older name for a batch of past events, ``beacon`` where
RudderStack's libraries send from a page that closes; a beacon has no headers of its own, so its key is in the URL."""

_PREFLIGHT: Final = [
    ANY_ORIGIN,
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId"),
    (b"access-control-max-age", b"86400"),
]
_TAKEN: Final = (200, "success")
_log = structlog.get_logger(__name__)

Scope = dict[str, Any]


class Counts(msgspec.Struct):
    """What came in since the start. `accepted` counts events, `refused` events by reason code, `answers` requests by
    status and code, `nulled` numbers that were read as null."""

    accepted: int = 0
    nulled: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    answers: Counter[tuple[int, str]] = msgspec.field(default_factory=Counter)


class Tracking:
    """The ASGI application. `sources` may be replaced at any time; `counts` and `refusals` are for reading.

    `clock` gives receivedAt, `new_id` a messageId for events without one, `proxies` whose ``X-Forwarded-For`` counts.
    `refusals` are the last hundred refused events: Unix time in seconds, the source's name, and why.
    """

    def __init__(
        self,
        sources: Sources,
        intake: Intake,
        clock: Clock,
        *,
        proxies: Proxies | None = None,
        new_id: Callable[[], str] = lambda: str(uuid4()),
        body_deadline_s: float = BODY_DEADLINE_S,
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        self.sources = sources
        self.counts = Counts()
        self.refusals: deque[tuple[float, str, Refusal]] = deque(maxlen=100)
        self._intake = intake
        self._clock = clock
        self._proxies = proxies or Proxies()
        self._new_id = new_id
        self._body_deadline_s = body_deadline_s
        self._room = Room(room_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with Body(receive, self._room, self._body_deadline_s) as body:
            try:
                await self._answer(scope, body, send)
            except ClientGone:
                # It may still be there: Granian says the same of a body whose chunks are garbage.
                answer = incomplete_body()
                self.counts.answers[answer.status, answer.code] += 1
                await answer.send(send)

    async def _answer(self, scope: Scope, body: Body, send: Send) -> None:
        try:
            await self._serve(scope, body, send)
            return
        except ClientGone:
            raise
        except Answer as problem:
            # Not its traceback: that would keep what was received for as long as the rest is drained.
            answer = problem.with_traceback(None)
            answer.__context__ = None
        except Exception as problem:
            # Its message or its traceback could show what the client sent.
            _log.error("request failed", error=type(problem).__name__, call=CALL_BY_PATH.get(scope["path"]))
            answer = Answer(500, "internal_error", "the server failed at this request")
        await body.drain()
        self.counts.answers[answer.status, answer.code] += 1
        await answer.send(send)

    async def _serve(self, scope: Scope, body: Body, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        call = CALL_BY_PATH.get(path)
        if call is not None:
            if method == "POST":
                await self._take(call, scope, body)
                self.counts.answers[_TAKEN] += 1
                await reply(send, 200, [JSON, ANY_ORIGIN], b'{"success":true}')
            elif method == "OPTIONS":
                await reply(send, 204, _PREFLIGHT, b"")
            else:
                raise wrong_method("POST, OPTIONS")
        elif path in ("/health", "/ready"):
            if method not in ("GET", "HEAD"):
                raise wrong_method("GET, HEAD")
            if path == "/ready" and not self._intake.ready:
                raise unavailable("not_ready", "the server takes no events now")
            await reply(send, 200, [JSON], b'{"status":"ok"}')
        else:
            raise not_found()

    async def _take(self, call: str, scope: Scope, body: Body) -> None:
        """Returns once the request's events are on stable storage; raises `Answer` for anything else."""
        headers = dict(scope["headers"])
        source = self._authorized(_key_in_head(scope, headers))
        parsed = await self._read(call, scope, headers, body)
        source = source or self.sources.find(parsed.write_key)
        if source is None:
            raise unknown_key()
        self._note(parsed, source)
        if call != BATCH and parsed.refusals:
            raise Answer(400, parsed.refusals[0].code, parsed.refusals[0].message)
        try:
            await self._intake.add(parsed.entries, parsed.message_ids, source.name)
        except Overloaded as problem:
            raise overloaded(str(problem)) from None
        except Stopping as problem:
            raise unavailable("not_ready", str(problem)) from None
        except StoreFull as full:
            raise unavailable("store_full", str(full)) from None
        except Exception as problem:
            _log.error("events could not be kept", error=type(problem).__name__, source=source.name)
            raise unavailable("store_failed", "the events could not be kept") from None
        self.counts.accepted += len(parsed.entries)

    def _authorized(self, write_key: str | None) -> Source | None:
        """The source that the request's head names; None where the write key can only be in the body."""
        if not write_key:
            return None
        source = self.sources.find(write_key)
        if source is None:
            raise unknown_key()
        return source

    async def _read(self, call: str, scope: Scope, headers: dict[bytes, bytes], body: Body) -> Parsed:
        try:
            content = await body.read(max_bytes(call), gzip=_is_gzip(headers.get(b"content-encoding")))
            return parse(content, call, self._arrival(scope, headers), self._new_id)
        except EventError as problem:
            raise bad_request(problem) from None
        except TooLarge:
            raise bad_request(too_large(call)) from None
        except BadGzip:
            raise Answer(400, "invalid_gzip", "expected a complete gzip stream, as Content-Encoding says") from None
        except TimeoutError:
            raise body_timeout(self._body_deadline_s) from None
        except NoRoom:
            raise overloaded("too much is being sent at once") from None

    def _arrival(self, scope: Scope, headers: dict[bytes, bytes]) -> Arrival:
        peer = scope["client"]
        forwarded_for = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
        return Arrival(
            received_at=self._clock.now(),
            browser=b"origin" in headers,
            ip=self._proxies.client(peer[0], forwarded_for) if peer else "",
            user_agent=headers.get(b"user-agent", b"").decode("utf-8", "replace"),
        )

    def _note(self, parsed: Parsed, source: Source) -> None:
        self.counts.nulled += parsed.nulled
        for refusal in parsed.refusals:
            self.counts.refused[refusal.code] += 1
            self.refusals.append((self._clock.now(), source.name, refusal))


def _key_in_head(scope: Scope, headers: dict[bytes, bytes]) -> str | None:
    """The write key of a request's headers, or for the beacon of its URL.

    A bearer token (analytics-python with OAuth) is not looked at: such a client has its key in the body too.
    """
    if scope["path"] != BEACON:
        return _basic_user(headers.get(b"authorization"))
    keys = parse_qs(scope["query_string"].decode("latin-1")).get("writeKey", [])
    return keys[0] if keys else None


def _basic_user(authorization: bytes | None) -> str | None:
    """The user of an HTTP Basic header; None when there is no such header. The password is not looked at."""
    if authorization is None or authorization[:6].lower() != b"basic ":
        return None
    try:
        return base64.b64decode(authorization[6:], validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        raise unknown_key() from None


def _is_gzip(encoding: bytes | None) -> bool:
    if encoding is None or encoding == b"identity":
        return False
    if encoding.lower() in (b"gzip", b"x-gzip"):
        return True
    raise Answer(415, "unsupported_encoding", "Content-Encoding: expected gzip or none")
