"""Routes of the management API: events, one by one: found, followed live, explained, and tried again."""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from tockwork.api import watches as watching
from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.problem import Refused, invalid, not_found
from tockwork.api.watches import Watches
from tockwork.model import reasons
from tockwork.model.errors import Problem
from tockwork.model.outcome import Status
from tockwork.operations.life import Whole, decoded, ref, whole
from tockwork.operations.paths import Seen, paths
from tockwork.operations.premises import Premises
from tockwork.operations.trial import attempt
from tockwork.operations.veil import Veil
from tockwork.store.accounts import Accounts
from tockwork.store.fates import Fate
from tockwork.store.index import digest
from tockwork.store.lives import Lives
from tockwork.store.protocol import Key
from tockwork.store.search import Query, Search
from tockwork.store.tail import Batch, Filter, Full, Row, row_of

TAGS: Final = ["Events"]
SEARCH_S: Final = 0.08
PERSON_S: Final = 1.5
"""So long a search works until it answers with what it has; ids of people occur in few places, and need longer."""
BEAT_S: Final = 15.0
RETRY_MS: Final = 2000
MISSED: Final = 100
LATELY_S: Final = 60.0
PATHS_OF: Final = 200
MAX_TEXT: Final = 500
_REF: Final = re.compile(r"(\d{1,18})-(\d{1,6})", re.ASCII)
_encode: Final = msgspec.json.Encoder().encode

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
State = Literal[
    "", "undecided", "pending", "delivered", "filtered", "suppressed", "duplicate", "invalid", "rejected", "expired"
]
Call = Literal["", "track", "identify", "page", "screen", "group", "alias"]


class SearchFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for: all that is said must hold. `since` and `until` are Unix times of the acceptance; `name` is a
    track call's event, or a page's or screen's name; `user` a userId or an anonymousId, in full; `status` and `reason`
    hold at `destination`, or at any. `cursor` is the `next` of an earlier answer to the same search."""

    since: float | None = None
    until: float | None = None
    source: Text = ""
    type: Call = ""
    name: Text = ""
    destination: Text = ""
    status: State = ""
    reason: Text = ""
    message_id: Text = ""
    user: Text = ""
    cursor: Text = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event in a few words. `ref` is what it goes by in this API; `at` when it was accepted (Unix time); `person` is
    ``user`` where it has a userId, ``anonymous`` where it has only an anonymousId; `size` is in bytes; `fates` is what
    became of it so far."""

    ref: str
    at: float
    source: str
    type: str
    name: str
    message_id: str
    person: str
    size: int
    fates: Sequence[Fate] = ()


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Events that were found, the newest first. With `next` there may be more. Where `complete` is false there was no
    time to find them all: everything back to `searched_to` (Unix time) was looked at, and `next` goes on there."""

    events: list[EventRow]
    next: str | None
    complete: bool
    searched_to: float | None


class TestOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to send an event as a test event, and under which code: that of the platform's test page, or empty for the
    one among the destination's settings."""

    destination: Text
    test_event_code: Text = ""


class TestSent(msgspec.Struct, frozen=True, kw_only=True):
    """What one mapping made of the event and what the platform said of it; `taken` is whether it took the row. Where no
    row could be made, `warnings` say why. The request has no access token, and nothing personal."""

    mapping: str
    taken: bool
    status: str
    reason: str = ""
    meaning: str = ""
    mend: str = ""
    said: str = ""
    code: int | None = None
    http_status: int | None = None
    request_id: str = ""
    took_s: float = 0.0
    warnings: list[str] = []
    request: Any = None


@post("/events/search", tags=TAGS, status_code=200)
async def search(data: JSONBody[SearchFor], premises: NamedDependency[Premises]) -> SearchAnswer:
    """Search the events that are kept, the newest first."""
    before = None
    if data.cursor:
        before = _key(data.cursor)
        if before is None:
            raise invalid(Problem("cursor", "is none of ours", "Use the `next` of an earlier answer."))
    query = Query(
        since=data.since or 0.0,
        until=math.inf if data.until is None else data.until,
        source=data.source or None,
        type=data.type or None,
        name=data.name or None,
        destination=data.destination or None,
        status=data.status or None,
        reason=data.reason or None,
        message_id=data.message_id or None,
        user=data.user or None,
    )
    budget_s = PERSON_S if data.user else SEARCH_S
    found = await Search(premises.store.database).find(query, data.limit, budget_s, before)
    return SearchAnswer(
        events=[_row(row_of(hit.key, hit.at, hit.source, hit.entry), hit.fates) for hit in found.hits],
        next=None if found.before is None else ref(found.before),
        complete=found.complete,
        searched_to=found.searched_to,
    )


@get("/events/recent", tags=TAGS)
async def recent(
    premises: NamedDependency[Premises],
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 20,
    name: Annotated[str, QueryParameter(max_length=MAX_TEXT)] = "",
) -> list[EventRow]:
    """The newest events, of one event name if that is given."""
    return [_row(row) for row, _ in await Lives(premises.store.database).newest(limit, name or None)]


@get("/events/paths", tags=TAGS)
async def event_paths(
    premises: NamedDependency[Premises], name: Annotated[str, QueryParameter(max_length=MAX_TEXT)] = ""
) -> list[Seen]:
    """The paths that occur in the newest events, with an example of each: what a mapping may read."""
    found = await Lives(premises.store.database).newest(PATHS_OF, name or None)
    return paths(decoded(entry) for _, entry in found)


@get("/events/stream", tags=TAGS, media_type="text/event-stream")
async def stream(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    accounts: NamedDependency[Accounts],
    watches: NamedDependency[Watches],
    source: FromQuery[str] = "",
    type: FromQuery[str] = "",
    name: FromQuery[str] = "",
    destination: FromQuery[str] = "",
    status: FromQuery[str] = "",
    watch: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Stream:
    """Follow live what arrives and what becomes of it, as server-sent events.

    `watch` is of one person: what `POST /api/events/watch` answered.

    With `after`, the `ref` of the last event that is known (or a header `Last-Event-ID`, as browsers send it), the
    first one has what came since. Each is named ``events`` and has `events` (as a search finds them), `fates` of events
    that were sent before, by their `ref`, and `left_out`: how many events arrived that are not shown, since there were
    too many.
    """
    user = watches.user(watch) if watch else None
    if watch and user is None:
        raise not_found("watch of this name (any more): post the person again")
    only = Filter(source, type, name, destination, status, digest(user) if user else b"")
    since = _key(request.headers.get("last-event-id", "")) or _key(after)

    async def known() -> bool:
        """Whether whoever listens may still do so; it is no use of their session."""
        if request.auth is not None:
            return any(one.id == request.auth for one in await accounts.sessions(request.user.name))
        _, _, secret = request.headers.get("authorization", "").partition(" ")
        return await accounts.token(secret) is not None

    async def told() -> AsyncIterator[bytes]:
        checked = time.monotonic()
        try:
            with premises.tail.watch(only) as watched:
                yield b"retry: %d\n\n" % RETRY_MS
                if (missed := await _missed(premises, only, since, user)).rows:
                    premises.tail.adopt(watched, missed.rows)
                    yield _message(missed)
                while not watched.closed:
                    batch = await watched.next(max(0.1, BEAT_S - (time.monotonic() - checked)))
                    if batch is not None:
                        yield _message(batch)
                    if time.monotonic() - checked >= BEAT_S:
                        checked = time.monotonic()
                        if not await known():
                            yield b"event: signed-out\ndata: {}\n\n"
                            return
                        yield b": still here\n\n"
        except Full:  # another one was faster
            yield b"event: full\ndata: {}\n\n"

    if premises.tail.is_full:
        raise Refused(429, "too_many_streams", "As many live streams are open as may be: close one of them.")
    return Stream(told(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@get("/events/{reference:str}", tags=TAGS)
async def life(reference: FromPath[str], premises: NamedDependency[Premises]) -> Whole:
    """One event's whole life: how it came, what each destination made of it and why, and what became of that. What is
    personal stands as ``***``."""
    return await _whole(premises, reference, masked=True)


@post("/events/{reference:str}/unmask", tags=TAGS, guards=[editor], status_code=200)
async def unmask(
    request: Request[Any, Any, Any], reference: FromPath[str], premises: NamedDependency[Premises]
) -> Whole:
    """The same with everything personal in it. Who asked is written down."""
    found = await _whole(premises, reference, masked=False)
    await record(request, "event.unmasked", about=found.ref)
    return found


@post("/events/{reference:str}/send-test", tags=TAGS, guards=[editor], status_code=200)
async def send_test(
    request: Request[Any, Any, Any],
    reference: FromPath[str],
    data: JSONBody[TestOf],
    premises: NamedDependency[Premises],
) -> list[TestSent]:
    """Send an event again, as a test event: the platform shows it and counts it nowhere."""
    key = _existing(reference)
    found = await Lives(premises.store.database).find(key)
    if found is None:
        raise not_found("event with this reference")
    instance = premises.consumer(data.destination)
    veil = Veil(decoded(found.entry))
    sent: list[TestSent] = []
    for outcome in instance.connection.outcomes(found.entry, found.at or time.time()):
        warnings = [veil.text(warning) for warning in outcome.warnings]
        if outcome.status is not Status.MAPPED or outcome.envelope is None:
            sent.append(_untried(outcome.mapping or "", outcome.status, outcome.reason or "", warnings))
            continue
        code = data.test_event_code.strip() or outcome.envelope.test_event_code
        if not code:
            mend = "Copy it from the platform's page for test events."
            raise invalid(Problem("test_event_code", "is needed: without it the event would count", mend))
        envelope = msgspec.structs.replace(outcome.envelope, test_event_code=code)
        tried = await attempt(premises, data.destination, instance.connection, bytes(outcome.row), envelope)
        sent.append(
            TestSent(
                mapping=outcome.mapping or "",
                taken=tried.taken,
                status=tried.verdict.value,
                reason=tried.reason,
                meaning=tried.meaning,
                mend=tried.mend,
                said=tried.said,
                code=tried.code,
                http_status=tried.http_status,
                request_id=tried.request_id,
                took_s=tried.took_s,
                warnings=warnings,
                request=veil.value(msgspec.json.decode(tried.request)),
            )
        )
    await record(request, "event.sent_as_test", about=reference, detail={"destination": data.destination})
    return sent


def _untried(mapping: str, status: Status, reason: str, warnings: list[str]) -> TestSent:
    known = reasons.REASONS.get(reason)
    return TestSent(
        mapping=mapping,
        taken=False,
        status=status.value,
        reason=reason,
        meaning=known.meaning if known else "",
        mend=known.mend if known else "",
        warnings=warnings,
    )


async def _whole(premises: Premises, reference: str, *, masked: bool) -> Whole:
    found = await whole(premises, _existing(reference), masked=masked)
    if found is None:
        raise not_found("event with this reference (any more)")
    return found


def _existing(reference: str) -> Key:
    key = _key(reference)
    if key is None:
        raise not_found("event with this reference")
    return key


def _key(reference: str) -> Key | None:
    found = _REF.fullmatch(reference)
    return None if found is None else (int(found[1]), int(found[2]))


def _row(row: Row, fates: Sequence[Fate] = ()) -> EventRow:
    return EventRow(
        ref=ref(row.key),
        at=row.at,
        source=row.source,
        type=row.type,
        name=row.name,
        message_id=row.message_id,
        person=row.person,
        size=row.size,
        fates=fates,
    )


async def _missed(premises: Premises, only: Filter, since: Key | None, user: str | None) -> Batch:
    """What came after an event, and what came so lately that there may be news of it."""
    if since is None:
        return Batch()
    query = Query(
        source=only.source or None,
        type=only.type or None,
        name=only.name or None,
        destination=only.destination or None,
        status=only.status or None,
        user=user,
    )
    found = await Search(premises.store.database).find(query, MISSED, PERSON_S if user else SEARCH_S)
    lately = time.time() - LATELY_S
    hits = [hit for hit in reversed(found.hits) if hit.key > since or hit.at > lately]
    rows = [row_of(hit.key, hit.at, hit.source, hit.entry) for hit in hits]
    return Batch(rows, {hit.key: hit.fates for hit in hits})


def _message(batch: Batch) -> bytes:
    """A server-sent event; its id is the newest event's `ref`."""
    data = _encode(
        {
            "events": [_row(row, batch.fates.get(row.key, ())) for row in batch.rows],
            "fates": {ref(key): fates for key, fates in batch.fates.items()},
            "left_out": batch.left_out,
        }
    )
    last = b"id: %s\n" % ref(max(row.key for row in batch.rows)).encode() if batch.rows else b""
    return b"%sevent: events\ndata: %s\n\n" % (last, data)


ROUTES: Final[list[ControllerRouterHandler]] = [
    search,
    recent,
    event_paths,
    *watching.ROUTES,
    stream,
    life,
    unmask,
    send_test,
]
