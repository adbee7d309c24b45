"""What the readers of all formats hand on: some records of a file, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from tockwork.ingest.files.engine import Frame
from tockwork.model.errors import TockworkError

BLOCK_BYTES: Final = 1 << 20
MAX_RECORD_BYTES: Final = 1 << 16
"""Twice what an event may have."""
OWN: Final = ("tockwork_line", "tockwork_reason")
"""Columns of a file of rejected lines that say why; an import does not look at them."""


class Unreadable(TockworkError):  # noqa: N818 (says what is so)
    """A line that is no record. The text says what was expected and found, without the line's own text."""


class Refused(msgspec.Struct, frozen=True):
    """A record that makes no event: its first line, a reason code and what is wrong. `fields` is what stands there."""

    line: int
    reason: str
    message: str
    fields: Sequence[str] = ()


class Whole(msgspec.Struct, frozen=True):
    """A record that is an event already."""

    record: int
    line: int
    event: dict[str, Any]
    raw: bytes


class Block(msgspec.Struct):
    """Records of a file with the columns `header`.

    `cells` has a column of text for each of them, empty text where there is nothing; `lines` and `records` say of each
    row on which line it begins and which of the file's records it is, both from 1. `read` is how many records the file
    has up to the end of this block.
    """

    header: tuple[str, ...]
    cells: Frame
    lines: Sequence[int]
    records: Sequence[int]
    read: int
    refused: list[Refused] = []
    whole: list[Whole] = []

    @property
    def last_line(self) -> int:
        """The last line on which a record of the block begins, 0 for an empty one."""
        lasts = [self.lines[-1]] if self.lines else []
        lasts += [part[-1].line for part in (self.refused, self.whole) if part]
        return max(lasts, default=0)


class Blocks(Protocol):
    """A reader of one file. `header` are its columns, `size` its bytes, and `done` how many of them are read."""

    size: int

    @property
    def header(self) -> Sequence[str]: ...

    @property
    def done(self) -> int: ...

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        """The file from its beginning, about `block_bytes` at a time."""
        ...

    def close(self) -> None: ...
