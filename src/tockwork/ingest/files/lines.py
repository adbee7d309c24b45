"""JSON lines: each one an event of Segment's spec, or an object whose members are columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tockwork.ingest.files.block import BLOCK_BYTES, MAX_RECORD_BYTES, Block, Refused, Whole
from tockwork.ingest.files.engine import engine
from tockwork.ingest.files.text import UTF_8, Text
from tockwork.model import reasons
from tockwork.model.event import CALLS


class Lines:
    """A file of JSON lines. Its columns are the members that its objects have so far, but for those of events."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path, self._encoding = path, encoding
        self._text = Text(path, encoding)
        self.size = self._text.size
        self._text.close()
        self.header: list[str] = []

    @property
    def done(self) -> int:
        return self._text.done

    def close(self) -> None:
        self._text.close()

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        self._text = Text(self._path, self._encoding)
        line = record = 0
        for content in self._text.blocks(block_bytes):
            found = _Found(record)
            for text in content.removesuffix(b"\n").split(b"\n"):
                line += 1
                if text and not text.isspace():
                    found.take(line, text)
            record = found.record
            self.header += [name for name in found.members if name not in self.header]
            yield found.block(self.header)


class _Found:
    """What a block of lines holds. `record` counts the file's records."""

    def __init__(self, record: int) -> None:
        self.record = record
        self.members: dict[str, None] = {}
        self._rows: list[dict[str, Any]] = []
        self._lines: list[int] = []
        self._records: list[int] = []
        self._refused: list[Refused] = []
        self._whole: list[Whole] = []

    def take(self, line: int, text: bytes) -> None:
        self.record += 1
        if len(text) > MAX_RECORD_BYTES:
            return self._refuse(line, text[:100], f"has more than {MAX_RECORD_BYTES >> 10} KB")
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            what = "is not UTF-8" if isinstance(error, UnicodeError) else f"is no JSON: {error}"
            return self._refuse(line, text, what)
        if type(value) is not dict:
            return self._refuse(line, text, "is no JSON object")
        if value.get("type") in CALLS:
            self._whole.append(Whole(self.record, line, value, text))
            return None
        self.members.update(dict.fromkeys(value))
        self._rows.append(value)
        self._lines.append(line)
        self._records.append(self.record)
        return None

    def block(self, header: list[str]) -> Block:
        pl = engine()
        columns = [
            pl.Series(str(place), [_cell(row.get(name)) for row in self._rows], pl.String)
            for place, name in enumerate(header)
        ]
        return Block(
            tuple(header), pl.DataFrame(columns), self._lines, self._records, self.record, self._refused, self._whole
        )

    def _refuse(self, line: int, text: bytes, what: str) -> None:
        fields = [text.decode(UTF_8, "backslashreplace")]
        self._refused.append(Refused(line, reasons.UNREADABLE_LINE, what, fields))


def _cell(value: Any) -> str:
    """A member as a CSV file would have it."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
