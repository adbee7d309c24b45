"""Segment's tracking API over HTTP: a bare RSGI application.

Source: Segment, "HTTP Tracking API"; the short paths and headers are those of analytics-next. No body, header value or
query string ever reaches a log, a count or an error message.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count
from typing import Final
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
import structlog

from tockwork.ingest.answer import (
    ANY_ORIGIN,
    JSON,
    Answer,
    bad_request,
    body_timeout,
    incomplete_body,
    not_found,
    overloaded,
    unavailable,
    unknown_key,
    wrong_method,
)
from tockwork.ingest.body import BadGzip, Body, ClientGone, Deadlines, NoRoom, Room, TooLarge
from tockwork.ingest.identity import Identity
from tockwork.ingest.intake import Intake, Overloaded, Stopping
from tockwork.ingest.parse import BATCH, Parsed, Refusal, max_bytes, parse, too_large
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.rsgi import Exchange, Fields, Headers, Scope
from tockwork.ingest.source import Source, Sources
from tockwork.ingest.stamp import Arrival
from tockwork.ingest.website import Website
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

_PREFLIGHT: Final[Fields] = [
    ANY_ORIGIN,
    ("access-control-allow-methods", "POST, OPTIONS"),
    ("access-control-allow-headers", "Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId"),
    ("access-control-max-age", "86400"),
]
_TAKEN: Final = (200, "success")
_SERVED: Final = "website"
_JSON_FOR_ALL: Final = [JSON, ANY_ORIGIN]
_log = structlog.get_logger(__name__)


class Counts(msgspec.Struct):
    """What came in since the start. `accepted` counts events, `refused` events by reason code, `answers` requests by
    status and code, `nulled` numbers that were read as null."""

    accepted: int = 0
    nulled: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    answers: Counter[tuple[int, str]] = msgspec.field(default_factory=Counter)


class Tracking:
    """The RSGI application. `sources` may be replaced at any time; `counts` and `refusals` are for reading.

    `clock` gives receivedAt, `new_id` a messageId for events without one, `proxies` whose ``X-Forwarded-For`` counts,
    `website` answers what browsers ask for beside sending events, `identity` gives events the ids of their people.
    `refusals` are the last hundred refused events: Unix time in seconds, the source's name, and why.
    """

    def __init__(
        self,
        sources: Sources,
        intake: Intake,
        clock: Clock,
        *,
        proxies: Proxies | None = None,
        website: Website | None = None,
        identity: Identity | None = None,
        new_id: Callable[[], str] | None = None,
        body_deadline_s: float = BODY_DEADLINE_S,
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        self.sources = sources
        self.website = website
        self.identity = identity
        self.counts = Counts()
        self.refusals: deque[tuple[float, str, Refusal]] = deque(maxlen=100)
        self._intake = intake
        self._clock = clock
        self._proxies = proxies or Proxies()
        self._new_id = new_id or unique_ids().__next__
        self._deadlines = Deadlines(body_deadline_s)
        self._room = Room(room_bytes)

    async def __call__(self, scope: Scope, exchange: Exchange) -> None:
        path, headers = scope.path, scope.headers
        call = CALL_BY_PATH.get(path)
        body = Body(exchange, _length(headers), self._room, self._deadlines)
        try:
            if call is not None and scope.method == "POST":
                await self._take(call, scope, headers, body)
                self.counts.answers[_TAKEN] += 1
                exchange.response_bytes(200, _JSON_FOR_ALL, b'{"success":true}')
            else:
                await self._answer_other(scope, headers, body, exchange)
        except ClientGone:
            self._refuse(incomplete_body(), exchange)
        except Answer as problem:
            # Not its traceback: that would keep what was received for as long as the rest is drained.
            answer = problem.with_traceback(None)
            answer.__context__ = None
            await self._hear_out(body, answer, exchange)
        except Exception as problem:
            # Its message or its traceback could show what the client sent.
            _log.error("request failed", error=type(problem).__name__, call=call)
            await self._hear_out(body, Answer(500, "internal_error", "the server failed at this request"), exchange)

    async def _hear_out(self, body: Body, answer: Answer, exchange: Exchange) -> None:
        try:
            await body.drain()
        except ClientGone:
            answer = incomplete_body()
        self._refuse(answer, exchange)

    def _refuse(self, answer: Answer, exchange: Exchange) -> None:
        """A client that is gone gets its answer too: it may still be there, having sent chunks that are garbage."""
        self.counts.answers[answer.status, answer.code] += 1
        answer.send(exchange)

    async def _answer_other(self, scope: Scope, headers: Headers, body: Body, exchange: Exchange) -> None:
        """Answers what brings no events."""
        path, method = scope.path, scope.method
        if path in CALL_BY_PATH:
            if method != "OPTIONS":
                raise wrong_method("POST, OPTIONS")
            exchange.response_empty(204, _PREFLIGHT)
        elif path in ("/health", "/ready"):
            if method not in ("GET", "HEAD"):
                raise wrong_method("GET, HEAD")
            if path == "/ready" and not self._intake.ready:
                raise unavailable("not_ready", "the server takes no events now")
            exchange.response_bytes(200, [JSON], b'{"status":"ok"}')
        elif not await self._browse(scope, headers, body, exchange):
            raise not_found()

    async def _browse(self, scope: Scope, headers: Headers, body: Body, exchange: Exchange) -> bool:
        """Answers what only browsers ask for; false for anything else."""
        if self.website is None:
            return False
        try:
            status = await self.website.answer(scope, headers, body, exchange, self.sources)
        except TimeoutError:
            raise body_timeout(self._deadlines.seconds) from None
        except NoRoom:
            raise overloaded("too much is being sent at once") from None
        if status is not None:
            self.counts.answers[status, _SERVED] += 1
        return status is not None

    async def _take(self, call: str, scope: Scope, headers: Headers, body: Body) -> None:
        """Returns once the request's events are on stable storage; raises `Answer` for anything else."""
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

    async def _read(self, call: str, scope: Scope, headers: Headers, body: Body) -> Parsed:
        try:
            content = await body.read(max_bytes(call), gzip=_is_gzip(headers.get("content-encoding")))
            arrival = self._arrival(scope, headers)
            identify = self.identity.reader(content, browser=arrival.browser) if self.identity is not None else None
            return parse(content, call, arrival, self._new_id, identify)
        except EventError as problem:
            raise bad_request(problem) from None
        except TooLarge:
            raise bad_request(too_large(call)) from None
        except BadGzip:
            raise Answer(400, "invalid_gzip", "expected a complete gzip stream, as Content-Encoding says") from None
        except TimeoutError:
            raise body_timeout(self._deadlines.seconds) from None
        except NoRoom:
            raise overloaded("too much is being sent at once") from None

    def _arrival(self, scope: Scope, headers: Headers) -> Arrival:
        peer, _, _ = scope.client.rpartition(":")
        return Arrival(
            received_at=self._clock.now(),
            browser="origin" in headers,
            ip=self._proxies.client(peer.strip("[]"), headers.get_all("x-forwarded-for")),
            user_agent=headers.get("user-agent") or "",
            gpc=headers.get("sec-gpc") == "1",
        )

    def _note(self, parsed: Parsed, source: Source) -> None:
        self.counts.nulled += parsed.nulled
        for refusal in parsed.refusals:
            self.counts.refused[refusal.code] += 1
            self.refusals.append((self._clock.now(), source.name, refusal))


def unique_ids() -> Iterator[str]:
    """Ids that nobody else makes: one UUID for all of them, and a number. A UUID for each costs ten times as much."""
    ours = str(uuid4())
    return (f"{ours}-{number}" for number in count(1))


def _length(headers: Headers) -> int | None:
    """How long the body is, None when it comes in chunks. Granian refuses a length that is no number, and leaves it out
    when there are chunks."""
    length = headers.get("content-length")
    if length is not None:
        return int(length)
    return None if "transfer-encoding" in headers else 0


def _key_in_head(scope: Scope, headers: Headers) -> str | None:
    """The write key of a request's headers, or for the beacon of its URL.

    A bearer token (analytics-python with OAuth) is not looked at: such a client has its key in the body too.
    """
    authorization = headers.get("authorization")
    if scope.path != BEACON:
        return _basic_user(authorization) if authorization else None
    keys = parse_qs(scope.query_string).get("writeKey", [])
    return keys[0] if keys else None


@lru_cache(maxsize=128)
def _basic_user(authorization: str) -> str | None:
    """The user of an HTTP Basic header; None when it is another. The password is not looked at."""
    if authorization[:6].lower() != "basic ":
        return None
    try:
        return base64.b64decode(authorization[6:], validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        raise unknown_key() from None


def _is_gzip(encoding: str | None) -> bool:
    if encoding is None or encoding == "identity":
        return False
    if encoding.lower() in ("gzip", "x-gzip"):
        return True
    raise Answer(415, "unsupported_encoding", "Content-Encoding: expected gzip or none")
