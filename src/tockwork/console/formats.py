"""How values are shown on pages."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tockwork.console import mends
from tockwork.model.names import segment


def number(value: float) -> str:
    """12,345"""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def share(part: float, whole: float) -> str:
    """Of `whole`, in per cent: 99.3 %, and never 100 where something is missing."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if part < whole:
        percent = min(percent, 99.9)
    return f"{percent:.1f} %".replace(".0 %", " %")


def moment(seconds: float | None) -> str:
    """2026-11-21 10:15:02 UTC"""
    if seconds is None:
        return "–"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float | None) -> str:
    """350 ms, 4.2 s, 3 min, 5 h, 2 d"""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    sizes = ((60, "min", 60.0), (3600, "h", 48.0), (86400, "d", math.inf))
    size, unit = next((size, unit) for size, unit, most in sizes if seconds < size * most)
    return f"{seconds / size:.0f} {unit}"


def pretty(value: Any) -> str:
    """JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "number": number,
    "share": share,
    "moment": moment,
    "duration": duration,
    "pretty": pretty,
    "segment": segment,
    "mended_at": mends.place,
}
"""Jinja filters, by name."""
