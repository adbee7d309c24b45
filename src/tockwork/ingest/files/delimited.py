"""CSV: records of text, divided by a sign.

Two roads. The fast one gives Polars a whole block with a mark at the end of each line, and takes its answer where each
line made one record with the mark in its place: then nothing is cut off, filled up or run together. Any other block
goes record by record through Python's reader, which says of each line what is wrong with it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tockwork.ingest.files.block import BLOCK_BYTES, MAX_RECORD_BYTES, Block, Refused, Unreadable
from tockwork.ingest.files.engine import Frame, engine
from tockwork.ingest.files.text import UTF_8, Text
from tockwork.model import reasons
from tockwork.model.errors import ConfigurationError, Problem

DELIMITERS: Final = ",;\t|"
_MARK: Final = "~"
_SAVE: Final = "Save it as UTF-8, or name its encoding, such as --encoding cp1252 for one that Excel wrote."


class Delimited:
    """A CSV file. `delimiter` is the one of ``, ; tab |`` that the header has most of, unless given."""

    def __init__(self, path: Path, delimiter: str | None = None, encoding: str | None = None) -> None:
        self._path, self._encoding = path, encoding
        self._text = Text(path, encoding)
        self.size = self._text.size
        first = next(self._text.blocks(1), b"")
        self._text.close()
        if b"\x00" in first:
            raise self._wrong("has zero bytes, as UTF-16 does", "Name its encoding: --encoding utf-16.")
        self.delimiter = delimiter or max(DELIMITERS, key=lambda sign: first.count(sign.encode()))
        records = _Records(self.delimiter, 0, 0)
        rows = records.read(next(self._blocks(), b""), last=True, most=1)
        if records.refused or not rows:
            what = records.refused[0].message if records.refused else "is empty"
            raise self._wrong(f"its header {what}" if records.refused else what, "The first line names the columns.")
        (self.header,) = rows
        self._begin = records.line
        _check_header(self.header, self._path)
        self._names = [str(place) for place in range(len(self.header))]

    @property
    def done(self) -> int:
        return self._text.done

    def close(self) -> None:
        self._text.close()

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        records = _Records(self.delimiter, len(self.header), self._begin)
        skipped = self._begin
        for content in self._blocks(block_bytes):
            while skipped and content:  # the header's lines
                skipped, content = skipped - 1, content[content.index(b"\n") + 1 :] if b"\n" in content else b""
            if content:
                yield self._block(content, records)
        if records.rest:
            yield self._slow(b"", records, last=True)

    def _blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        self._text = Text(self._path, self._encoding)
        yield from self._text.blocks(block_bytes)

    def _block(self, content: bytes, records: _Records) -> Block:
        cells = None if records.rest else self._fast(content)
        if cells is None:
            return self._slow(content, records)
        line, record = records.line + 1, records.number + 1
        records.line += cells.height
        records.number += cells.height
        return Block(
            tuple(self.header),
            cells,
            range(line, line + cells.height),
            range(record, record + cells.height),
            records.number,
        )

    def _fast(self, content: bytes) -> Frame | None:
        """The block's cells; None where one of its lines may not be exactly one record."""
        pl = engine()
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n")
            if b"\r" in content:
                return None
        if not content.endswith(b"\n"):
            content += b"\n"
        lines = content.count(b"\n")
        marked = content.replace(b"\n", f"{self.delimiter}{_MARK}\n".encode())
        try:
            cells: Frame = pl.read_csv(
                marked,
                has_header=False,
                schema=dict.fromkeys([*self._names, _MARK], pl.String),
                separator=self.delimiter,
                quote_char='"' if b'"' in content else None,
                empty_string_is_null=False,
                glob=False,
            )
        except pl.exceptions.PolarsError:
            return None
        if cells.height != lines or not (cells[_MARK] == _MARK).all():
            return None
        return cells.drop(_MARK)

    def _slow(self, content: bytes, records: _Records, *, last: bool = False) -> Block:
        pl = engine()
        records.begin()
        rows = records.read(content, last=last)
        columns = zip(*rows, strict=True) if rows else [()] * len(self.header)
        cells = pl.DataFrame(
            [pl.Series(name, list(column), pl.String) for name, column in zip(self._names, columns, strict=True)]
        )
        return Block(tuple(self.header), cells, records.lines, records.numbers, records.number, records.refused)

    def _wrong(self, what: str, mend: str) -> ConfigurationError:
        return ConfigurationError([Problem(str(self._path), what, mend)])


class _Records:
    """Reads record by record. `line` and `number` count lines and records read; `rest` is the beginning of a record
    that goes on in the next block. A record has `width` fields, any number for 0."""

    def __init__(self, delimiter: str, width: int, line: int) -> None:
        self.line = line
        self.number = 0
        self.rest = b""
        self._delimiter = delimiter
        self._width = width
        self.begin()

    def begin(self) -> None:
        """Forgets what was found so far."""
        self.lines: list[int] = []
        self.numbers: list[int] = []
        self.refused: list[Refused] = []

    def read(self, content: bytes, *, last: bool, most: int | None = None) -> list[list[str]]:
        """The records in `content`, after the rest of the block before. Those that are none go to `refused`."""
        pending = _lines(self.rest + content)
        rows: list[list[str]] = []
        self.rest, place = b"", 0
        while place < len(pending) and (most is None or len(rows) + len(self.refused) < most):
            taken = _Taken(pending, place)
            try:
                row = next(csv.reader(taken, delimiter=self._delimiter, strict=True))
                count = taken.count
                if row:  # else a blank line
                    self._keep(rows, row)
            except (csv.Error, StopIteration, Unreadable) as error:
                if taken.ended and not last:
                    self.rest = b"".join(pending[place:])
                    return rows
                count = 1  # an open quote says nothing of the lines that follow
                self._refuse(_words(error, taken), _fields(pending[place], self._delimiter))
            self.line += count
            place += count
        return rows

    def _keep(self, rows: list[list[str]], row: list[str]) -> None:
        if self._width:
            while len(row) > self._width and not row[-1]:
                row.pop()
            if len(row) != self._width:
                return self._refuse(f"has {len(row)} fields, the header has {self._width}", row)
        self.number += 1
        self.lines.append(self.line + 1)
        self.numbers.append(self.number)
        rows.append(row)
        return None

    def _refuse(self, message: str, fields: Sequence[str]) -> None:
        self.number += 1
        self.refused.append(Refused(self.line + 1, reasons.UNREADABLE_LINE, message, fields))


class _Taken:
    """Lines from `place` on, decoded as the reader asks for them, up to as much as a record may have."""

    def __init__(self, lines: Sequence[bytes], place: int) -> None:
        self.count = 0
        self.ended = False  # the reader wanted more than there was
        self._lines = lines
        self._place = place
        self._bytes = 0

    def __iter__(self) -> _Taken:
        return self

    def __next__(self) -> str:
        if self._bytes > MAX_RECORD_BYTES:
            raise StopIteration
        if self._place + self.count == len(self._lines):
            self.ended = True
            raise StopIteration
        line = self._lines[self._place + self.count]
        self._bytes += len(line)
        if len(line) > MAX_RECORD_BYTES:
            raise Unreadable(f"has more than {MAX_RECORD_BYTES >> 10} KB")
        try:
            text = line.decode(UTF_8)
        except UnicodeDecodeError:
            raise Unreadable(f"is not UTF-8. {_SAVE}") from None
        self.count += 1
        return text


def _lines(content: bytes) -> list[bytes]:
    return [line + b"\n" for line in content.removesuffix(b"\n").split(b"\n")] if content else []


def _words(error: Exception, taken: _Taken) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    if "unexpected end" in str(error) or isinstance(error, StopIteration):
        return "opens a quote that is not closed"
    if "expected after" in str(error):
        return "has text behind a closing quote"
    return f"is no record: {error}"


def _fields(line: bytes, delimiter: str) -> list[str]:
    return line.decode(UTF_8, "backslashreplace").rstrip("\r\n").split(delimiter)


def _check_header(header: Sequence[str], path: Path) -> None:
    problems: list[Problem] = []
    seen: set[str] = set()
    for place, name in enumerate(header, start=1):
        if not name.strip():
            problems.append(Problem(str(path), f"column {place} has no name", "The first line names the columns."))
        elif name in seen:
            problems.append(Problem(str(path), f"two columns are called {name!r}", "Rename one of them."))
        seen.add(name)
    if problems:
        raise ConfigurationError(problems)
