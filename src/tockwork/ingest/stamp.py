"""Fills in what an accepted event lacks: ids, times, a batch's shared fields, a browser's address. Pure.

Source: Segment, "HTTP Tracking API" (batch) and "Spec: Common fields" (messageId, timestamps).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from tockwork.model.event import Event

MAX_USER_AGENT: Final = 1024


class Arrival(msgspec.Struct, frozen=True):
    """What the server knows of a request beside its body. `received_at` is Unix time in seconds; `browser` is true when
    the request carried an ``Origin`` header; `ip` and `user_agent` are empty when unknown; `gpc` is true where the
    browser said ``Sec-GPC: 1``."""

    received_at: float
    browser: bool = False
    ip: str = ""
    user_agent: str = ""
    gpc: bool = False


class Shared(msgspec.Struct, frozen=True):
    """What a batch says once for all of its events. `fields` are merged into each (the event's own keys win)."""

    fields: dict[str, dict[str, Any]] = {}
    sent_at: str | None = None


class Stamp:
    """Completes the events of one request, in place. `new_id` makes a messageId."""

    def __init__(self, arrival: Arrival, shared: Shared, new_id: Callable[[], str]) -> None:
        self._arrival = arrival
        self._shared = shared
        self._new_id = new_id
        self._received_at = iso(arrival.received_at)

    def __call__(self, event: Event) -> str:
        """Returns the event's messageId. Expects an event that was checked: `context` and `integrations` are objects,
        null or absent."""
        for name, value in self._shared.fields.items():
            event[name] = {**value, **(event.get(name) or {})}
        event.pop("writeKey", None)
        message_id = event["messageId"] = self._message_id(event)
        if self._shared.sent_at is not None and event.get("sentAt") is None:
            event["sentAt"] = self._shared.sent_at
        event["receivedAt"] = self._received_at
        if not event.get("timestamp"):
            event["timestamp"] = self._timestamp(event)
        if self._arrival.browser or _is_analytics_js(event):
            self._fill_client(event)
        return message_id

    def _message_id(self, event: Event) -> str:
        said = event.get("messageId")
        if type(said) is str and said:
            return said
        return str(said) if type(said) is int else self._new_id()

    def _timestamp(self, event: Event) -> str:
        """Source: Segment, "Spec: Common fields": timestamp = receivedAt - (sentAt - originalTimestamp)."""
        happened, sent = _instant(event.get("originalTimestamp")), _instant(event.get("sentAt"))
        if happened is None:
            return self._received_at
        skew = 0.0 if sent is None else self._arrival.received_at - sent
        try:
            return iso(happened + skew)
        except (OverflowError, ValueError):  # a clock that is off by millennia
            return self._received_at

    def _fill_client(self, event: Event) -> None:
        if event.get("context") is None:
            event["context"] = {}
        if self._arrival.ip:
            event["context"].setdefault("ip", self._arrival.ip)
        if self._arrival.user_agent:
            # Anyone may send a header of many kilobytes, and a batch would repeat it in each of its events.
            event["context"].setdefault("userAgent", self._arrival.user_agent[:MAX_USER_AGENT])
        if self._arrival.gpc:
            # Whatever the page says: the person's browser has the last word (W3C, "Global Privacy Control").
            consent = event["context"].get("consent")
            event["context"]["consent"] = {**(consent if type(consent) is dict else {}), "gpc": True}


def _is_analytics_js(event: Event) -> bool:
    context = event.get("context")
    library = context.get("library") if context else None
    return type(library) is dict and library.get("name") == "analytics.js"


def _instant(value: Any) -> float | None:
    """Unix seconds of an ISO 8601 string (UTC when it names no zone); None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 with milliseconds, UTC."""
    whole, millionths = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{millionths // 1000:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")
