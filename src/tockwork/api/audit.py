"""The audit log: who did what, to what, and when."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request

from tockwork.store.audit import Audit

MAX_TEXT: Final = 300
MAX_PARTS: Final = 50
MAX_DEPTH: Final = 4
_UNSEEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of characters that move the cursor, turn the direction of writing or are not seen at all."""


async def record(
    request: Request[Any, Any, Any], action: str, about: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """Writes down what whoever makes `request` did: `action` such as ``destination.changed``, to what, and in `detail`
    whatever else is worth knowing, without secrets and personal data."""
    who = request.user.name if request.user is not None else ""
    await record_as(request, who, action, about, detail)


async def record_as(
    request: Request[Any, Any, Any], who: str, action: str, about: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """`record` for somebody who is not signed in (yet)."""
    audit: Audit = request.app.state.office.audit
    known = {plain(str(key)): neutral(value) for key, value in list((detail or {}).items())[:MAX_PARTS]}
    await audit.add(plain(who), plain(action), plain(about), known)


def neutral(value: Any, depth: int = 1) -> Any:
    """`value` as it may stand in the log: bounded, and with texts as `plain` makes them."""
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping() if depth < MAX_DEPTH:
            return {plain(str(key)): neutral(part, depth + 1) for key, part in list(value.items())[:MAX_PARTS]}
        case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
            return [neutral(part, depth + 1) for part in list(value)[:MAX_PARTS]]
        case _:
            return plain(str(value))


def plain(text: str) -> str:
    """`text` with a � for each character that could make a reader see something else, cut to `MAX_TEXT`."""
    cut = text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in _UNSEEN else each for each in cut)
