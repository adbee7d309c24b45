"""What tests of the sandbox post: a row that it takes, and the body of a request."""

from __future__ import annotations

from typing import Any

PIXEL = "C8E2OS3C77UABCDXYZ00"
NOW = 1_800_000_000

Json = dict[str, Any]


def row(**changes: Any) -> Json:
    return {
        "event": "Purchase",
        "event_time": NOW,
        "event_id": "o-1",
        "user": {"ip": "8.8.8.8"},
        "page": {"url": "https://shop.example/"},
    } | changes


def body(*rows: Any, **root: Any) -> Json:
    return {"event_source": "web", "event_source_id": PIXEL, "data": list(rows) or [row()]} | root
