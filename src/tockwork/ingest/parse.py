"""Turns the body of a tracking call into journal entries: reads it, checks each event, and has it stamped. Pure.

Source: Segment, "HTTP Tracking API" (calls, batch, limits).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sized
from typing import Any, Final

import msgspec

from tockwork.ingest.decode import MAX_DEPTH, check_depth, check_utf8, decode, loosely, too_deep
from tockwork.ingest.stamp import Arrival, Shared, Stamp
from tockwork.model.errors import EventError
from tockwork.model.event import CALLS, Event

BATCH: Final = "batch"
MAX_EVENT_BYTES: Final = 32 * 1024
MAX_BATCH_BYTES: Final = 500 * 1024
MAX_BATCH_EVENTS: Final = 5000
"""Ours, not Segment's: ten times what its libraries send, while 500 KB of tiny events would keep others waiting."""
MAX_SHARED_BYTES: Final = 8 * 1024 * 1024
"""What a batch's own `context` and `integrations` may add up to, once copied into each of its events."""

_OBJECTS: Final = ("properties", "context", "traits", "integrations")


class Refusal(msgspec.Struct, frozen=True):
    """An event that was not accepted: its place in the batch (0 for a single call), a reason code, and what to mend.

    The message names fields and types, never a value."""

    index: int
    code: str
    message: str


class Parsed(msgspec.Struct):
    """A body that was read. `entries` are the accepted events, JSON bytes each, and `message_ids` theirs; `write_key`
    is the body's own, if it has one; `nulled` counts numbers read as null (NaN, Infinity, beyond a double)."""

    write_key: str | None
    entries: list[bytes]
    message_ids: list[str]
    refusals: list[Refusal]
    nulled: int


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    context: dict[str, Any] | None = None
    integrations: dict[str, Any] | None = None
    sentAt: Any = None  # noqa: N815 (Segment's name)
    writeKey: Any = None  # noqa: N815 (Segment's name)


class _Body(msgspec.Struct):
    """A request's events, decoded (or why one cannot be), and each as it was sent."""

    events: list[Any]
    raws: list[bytes]
    write_key: Any
    nulled: int
    shared: Shared = Shared()
    shared_size: int = 0


_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder()
_batch_decoder = msgspec.json.Decoder(_Batch)


def parse(
    body: bytes,
    call: str,
    arrival: Arrival,
    new_id: Callable[[], str],
    identify: Callable[[Event, float], None] | None = None,
) -> Parsed:
    """Reads the body of one request.

    `call` is one of Segment's six calls, or ``batch``; `new_id` makes a messageId for an event without one; `identify`
    adds to an event what is known of its person (`ingest.identity`). Events
    are refused one by one in `Parsed.refusals`. Raises `EventError` when the whole body is refused: it is no JSON, is
    nested beyond what can be read, is not the object that the call wants, or is too large.
    """
    if len(body) > max_bytes(call):
        raise too_large(call)
    check_utf8(body)
    content = _read_batch(body) if call == BATCH else _read_event(body, call)
    stamp = Stamp(arrival, content.shared, new_id)
    entries: list[bytes] = []
    message_ids: list[str] = []
    refusals: list[Refusal] = []
    for index, event in enumerate(content.events):
        try:
            _check(event, content.raws[index], content.shared_size)
        except EventError as problem:
            refusals.append(Refusal(index, problem.code, str(problem)))
        else:
            message_ids.append(stamp(event))
            if identify is not None:
                identify(event, arrival.received_at)
            entries.append(_encoder.encode(event))
    write_key = content.write_key if type(content.write_key) is str else None
    return Parsed(write_key, entries, message_ids, refusals, content.nulled)


def max_bytes(call: str) -> int:
    """The largest body of a call, in uncompressed bytes."""
    return MAX_BATCH_BYTES if call == BATCH else MAX_EVENT_BYTES


def too_large(call: str) -> EventError:
    """The error for a body of more than `max_bytes`."""
    if call == BATCH:
        return EventError(
            "batch_too_large", f"expected a batch of at most {MAX_BATCH_BYTES} bytes uncompressed: split it"
        )
    return EventError("event_too_large", f"expected an event of at most {MAX_EVENT_BYTES} bytes uncompressed")


def _read_event(body: bytes, call: str) -> _Body:
    event, nulled = decode(_event_decoder, body)
    if type(event) is not dict:
        raise _not_an_object(event)
    event["type"] = call
    return _Body([event], [body], event.get("writeKey"), nulled)


def _read_batch(body: bytes) -> _Body:
    batch, raws, nulled = _split(body)
    events: list[Any] = []
    for raw in raws:
        try:
            if len(raw) > MAX_EVENT_BYTES:
                raise too_large("event")
            event, more = decode(_event_decoder, raw)
        except EventError as problem:
            event, more = problem, 0
        events.append(event)
        nulled += more
    fields = {name: value for name in ("context", "integrations") if (value := getattr(batch, name))}
    size = len(_encoded(fields)) if fields else 0
    if size * len(raws) > MAX_SHARED_BYTES:
        raise EventError("batch_too_large", "the batch's context is too large for this many events: send it with each")
    check_depth(fields)
    sent_at = batch.sentAt if type(batch.sentAt) is str else None
    return _Body(events, raws, batch.writeKey, nulled, Shared(fields, sent_at), size)


def _split(body: bytes) -> tuple[_Batch, list[bytes], int]:
    """A batch, the text of each of its events, and how many numbers were read as null."""
    try:
        batch = _batch_decoder.decode(body)
        _check_number(batch.batch)
        return batch, [bytes(raw) for raw in batch.batch], 0
    except RecursionError:
        raise too_deep() from None
    except msgspec.DecodeError as problem:
        code = "invalid_batch" if isinstance(problem, msgspec.ValidationError) else "invalid_json"
        reason = EventError(code, str(problem))
    content, nulled = loosely(body, reason)
    try:
        events = msgspec.convert(content["batch"], list[Any])
        batch = msgspec.convert({**content, "batch": []}, _Batch)
    except (TypeError, KeyError, UnicodeEncodeError, msgspec.ValidationError):
        raise reason from None
    _check_number(events)
    return batch, [_escaped(event) for event in events], nulled


def _check_number(events: Sized) -> None:
    if len(events) > MAX_BATCH_EVENTS:
        raise EventError("batch_too_large", f"expected at most {MAX_BATCH_EVENTS} events in a batch: split it")


def _escaped(event: Any) -> bytes:
    """As JSON. A lone surrogate stays the escape that it was, so that it costs its own event alone."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace")


def _encoded(fields: dict[str, Any]) -> bytes:
    try:
        return _encoder.encode(fields)
    except UnicodeEncodeError:
        raise EventError("invalid_json", "the batch's context or integrations have a lone surrogate") from None


def _check(event: Any, raw: bytes, shared_size: int) -> None:
    """Raises `EventError` when this one event cannot be accepted. `raw` is the event as it was sent."""
    if isinstance(event, EventError):
        raise event
    if len(raw) + shared_size > MAX_EVENT_BYTES:
        raise too_large("event")
    if type(event) is not dict:
        raise _not_an_object(event)
    kind = event.get("type")
    if kind not in CALLS:
        found = "another string" if type(kind) is str else _name(kind)
        raise EventError("unknown_type", f"type: expected one of {', '.join(CALLS)}, found {found}")
    if kind == "track":
        name = event.get("event")
        if type(name) is not str or not name:
            found = "an empty string" if name == "" else _name(name)
            raise EventError("missing_event_name", f"event: expected the event's name, found {found}")
    for field in _OBJECTS:
        value = event.get(field)
        if value is not None and type(value) is not dict:
            raise EventError("field_type", f"{field}: expected an object, found {_name(value)}")
    # Counting brackets is cheap, and almost every event has too few of them to be deep.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        check_depth(event)


def _not_an_object(value: Any) -> EventError:
    return EventError("invalid_event", f"expected an event, a JSON object, found {_name(value)}")


def _name(value: Any) -> str:
    """The JSON type of `value`, for error messages; never the value."""
    names = {"NoneType": "nothing", "dict": "an object", "list": "a list", "str": "a string", "bool": "a boolean"}
    return names.get(type(value).__name__, "a number")
