"""HTML that is escaped because of how it is built: text goes in as `str`, and only `tag` makes `Html`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

_VOID: Final = frozenset({"input", "link", "meta"})


class Html(str):
    """Markup that is safe to send."""

    __slots__ = ()


Child = str | Html | Iterable["Child"] | None


def tag(element: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """An element. A plain `str` is escaped, None and an attribute of None or False are left out; a trailing underscore
    makes an attribute of a Python keyword (`class_`), others become dashes (`aria_label`)."""
    opening = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if element in _VOID:
        return Html(f"<{element}{opening}>")
    return Html(f"<{element}{opening}>{join(children)}</{element}>")


def join(children: Child) -> Html:
    if children is None:
        return Html()
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(escape(children, quote=True))
    return Html("".join(join(child) for child in children))


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'
