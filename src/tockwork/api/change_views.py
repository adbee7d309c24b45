"""Differences between configurations as the management API shows them."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from tockwork.configuration.changes import HIDDEN, Change, lines

_OF_MAPPING: Final = re.compile(r"mappings\[('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\d+)\](?:\.(.*))?", re.DOTALL)
"""Where a change of a mapping is: the mapping's name as Python writes it, and the member."""


class ChangeView(msgspec.Struct, kw_only=True):
    """One difference. `where` is the member of the source or destination `name`, empty for the whole of it; of one that
    is in a mapping, `mapping` is its name and `member` what is different there, empty for the whole mapping. `before`
    and `after` are null where there is none, and ``(secret)`` for secrets. `text` is all of it in one line."""

    action: Literal["added", "removed", "changed"]
    of: str
    name: str
    where: str
    mapping: str
    member: str
    before: Any
    after: Any
    secret: bool
    text: str


def views(found: Sequence[Change]) -> list[ChangeView]:
    """Changes as this API shows them."""
    return [_change_view(change) for change in found]


def _change_view(change: Change) -> ChangeView:
    without, now_without = change.before is msgspec.UNSET, change.after is msgspec.UNSET
    action = change.action
    if action == "changed" and without != now_without:
        action = "added" if without else "removed"
    (text,) = lines([change])
    in_mapping = _OF_MAPPING.fullmatch(change.where)
    return ChangeView(
        action=action,
        of=change.of,
        name=change.name,
        where=change.where,
        mapping=str(literal_eval(in_mapping[1])) if in_mapping else "",
        member=(in_mapping[2] or "") if in_mapping else "",
        before=None if without else change.before,
        after=None if now_without else change.after,
        secret=HIDDEN in (change.before, change.after),
        text=text,
    )
