"""What arrived at the sandbox: requests, accepted events and exact counts, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from sys import intern
from typing import Any, Final

import msgspec

from tockwork.sandbox.catalogue import Diagnostic
from tockwork.sandbox.dedup import Verdict, filled
from tockwork.sandbox.diagnosis import diagnose

_SECRET_HEADER: Final = re.compile(r"token|authorization|cookie|secret|key", re.IGNORECASE)
_BYTES_PER_EVENT: Final = 4096
_LEAST_ROOM: Final = 16 * 1024 * 1024
_MOST_HEADERS: Final = 50
_NOTED: Final = 500  # characters that are kept of a header, a path or a message


class Leg(StrEnum):
    """The way an event came."""

    SERVER = "server"  # by the Events API
    BROWSER = "browser"  # by the pixel


class Request(msgspec.Struct, kw_only=True, gc=False):
    """One request, on either leg. `http_status` is None where the connection was reset, `code` where the answer had
    none. `headers` lack all credentials; `fault` names the scripted fault that hit the request."""

    id: int
    received_at: float
    method: str
    path: str
    headers: dict[str, str]
    bytes: int
    leg: Leg = Leg.SERVER
    event_source: str = ""
    event_source_id: str = ""
    test_event_code: str = ""
    rows: int = 0
    accepted_rows: int = 0
    http_status: int | None = None
    code: int | None = None
    message: str = ""
    request_id: str = ""
    fault: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def test(self) -> bool:
        return bool(self.test_event_code)


class StoredEvent(msgspec.Struct, kw_only=True, gc=False):
    """One accepted event. `sent` is the row's JSON as it arrived; `first_id` is the event it is a copy of; `copies`
    counts its own copies, and `filled` names the fields that they filled in. `pair_id` is the first of them that came
    on the other leg."""

    id: int
    received_at: float
    request: Request
    index: int
    event: str
    event_id: str
    verdict: Verdict
    sent: msgspec.Raw
    key: bytes | None = None
    first_id: int | None = None
    pair_id: int | None = None
    copies: int = 0
    filled: list[str] = []
    merged: bytes | None = None

    @property
    def weight(self) -> int:
        """Bytes of memory, about: a row keeps its share of the request's body alive."""
        return max(len(self.sent), self.request.bytes // self.request.rows)

    @property
    def row(self) -> dict[str, Any]:
        """The row, with what copies filled in."""
        row: dict[str, Any] = msgspec.json.decode(self.merged if self.merged is not None else self.sent)
        return row

    @property
    def test(self) -> bool:
        return self.request.test

    @property
    def leg(self) -> Leg:
        return self.request.leg

    @property
    def event_source(self) -> str:
        return self.request.event_source

    @property
    def event_source_id(self) -> str:
        return self.request.event_source_id

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What there is to say about the event as it was sent, the request's root included."""
        row = msgspec.json.decode(self.sent)
        return [*self.request.diagnostics, *diagnose(row, self.event_source, self.received_at)]


class RowCounts(msgspec.Struct):
    """accepted_rows = unique + merged + dropped. `both_legs` of the unique ones came on the other leg too."""

    accepted_rows: int = 0
    unique: int = 0
    merged: int = 0
    dropped: int = 0
    both_legs: int = 0

    def add(self, verdict: Verdict) -> None:
        self.accepted_rows += 1
        if verdict is Verdict.UNIQUE:
            self.unique += 1
        elif verdict is Verdict.MERGED:
            self.merged += 1
        else:
            self.dropped += 1


class Stats(RowCounts, kw_only=True):
    """Counts since the start or the last reset; they stay exact when events are let go.

    The row counts are those of live events; `test` has the same for test events. `rejected_requests` brought no row
    in. `by_code` counts answers by their `code` ("none" for an answer without one, or a reset). `kept_events` are in
    memory; `forgotten_ids` counts dedup keys let go before their 48 hours (0 means that every verdict was exact).
    """

    requests: int
    rejected_requests: int
    by_code: dict[str, int]
    test: RowCounts
    kept_events: int
    forgotten_ids: int


class Record:
    """The newest `keep` events and `keep` requests (of rows also at most `keep` x 4 KiB), and all counts."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._room = max(keep * _BYTES_PER_EVENT, _LEAST_ROOM)
        self._events: deque[StoredEvent] = deque()
        self._requests: deque[Request] = deque(maxlen=keep)
        self._firsts: dict[bytes, StoredEvent] = {}
        self._event_count = self._request_count = self._rejected = 0
        self._live, self._test = RowCounts(), RowCounts()
        self._by_code: Counter[str] = Counter()

    @property
    def events(self) -> deque[StoredEvent]:
        return self._events

    @property
    def requests(self) -> deque[Request]:
        return self._requests

    def open(self, method: str, path: str, headers: Mapping[str, str], size: int, now: float) -> Request:
        """A request that has just arrived; `close` takes it into the record."""
        self._request_count += 1
        # Clients repeat their headers from request to request: one copy of each is enough.
        shown = {
            intern(str(name)): intern(_noted(value))
            for name, value in islice(headers.items(), _MOST_HEADERS)
            if _SECRET_HEADER.search(name) is None
        }
        return Request(
            id=self._request_count,
            received_at=now,
            method=_noted(method),
            path=_noted(path),
            headers=shown,
            bytes=size,
        )

    def close(self, request: Request) -> None:
        request.message = _noted(request.message)
        request.event_source_id = _noted(request.event_source_id)
        request.test_event_code = _noted(request.test_event_code)
        self._requests.append(request)
        self._by_code["none" if request.code is None else str(request.code)] += 1
        self._rejected += request.accepted_rows == 0

    def add(
        self, request: Request, index: int, row: dict[str, Any], sent: msgspec.Raw, verdict: Verdict, key: bytes | None
    ) -> None:
        """Keeps an accepted row, and lets a copy fill in its first."""
        self._event_count += 1
        request.accepted_rows += 1
        counts = self._test if request.test else self._live
        counts.add(verdict)
        event = StoredEvent(
            id=self._event_count,
            received_at=request.received_at,
            request=request,
            index=index,
            event=row["event"],
            event_id=row.get("event_id") or "",
            verdict=verdict,
            sent=sent,
            key=key,
        )
        if key is not None:
            if verdict is Verdict.UNIQUE:
                self._firsts[key] = event
            elif (first := self._firsts.get(key)) is not None:
                counts.both_legs += first.pair_id is None and first.leg != event.leg
                _copied(event, first, row)
        self._events.append(event)
        self._room -= event.weight
        while len(self._events) > self._keep or (self._room < 0 and len(self._events) > 1):
            self._let_go(self._events.popleft())

    def _let_go(self, event: StoredEvent) -> None:
        self._room += event.weight
        if event.key is not None and self._firsts.get(event.key) is event:
            del self._firsts[event.key]

    def event(self, event_id: int) -> StoredEvent | None:
        """The event of that id, None when it never was or was let go. Ids are consecutive."""
        if not self._events or not 0 <= (place := event_id - self._events[0].id) < len(self._events):
            return None
        return self._events[place]

    def newest(self) -> Iterator[StoredEvent]:
        return reversed(self._events)

    def stats(self, forgotten_ids: int) -> Stats:
        return Stats(
            **msgspec.structs.asdict(self._live),
            requests=self._request_count,
            rejected_requests=self._rejected,
            by_code=dict(sorted(self._by_code.items())),
            test=msgspec.structs.replace(self._test),
            kept_events=len(self._events),
            forgotten_ids=forgotten_ids,
        )


def _copied(copy: StoredEvent, first: StoredEvent, row: dict[str, Any]) -> None:
    first.copies += 1
    copy.first_id = first.id
    if first.pair_id is None and first.leg != copy.leg:
        first.pair_id = copy.id
    if copy.verdict is Verdict.MERGED and copy.sent != first.sent:
        merged, paths = filled(first.row, row)
        if paths:
            first.merged = msgspec.json.encode(merged)
            first.filled = first.filled + paths


def _noted(text: str) -> str:
    """The beginning of a text, fit for UTF-8: HTTP heads may hold bytes that are not."""
    return text[:_NOTED].encode(errors="replace").decode()


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
