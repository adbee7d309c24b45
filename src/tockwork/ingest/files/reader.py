"""A file's records as events ready for the journal, a portion at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tockwork.ingest.files.block import BLOCK_BYTES, OWN, Block, Blocks, Refused, Whole
from tockwork.ingest.files.delimited import Delimited
from tockwork.ingest.files.engine import Frame
from tockwork.ingest.files.events import Events, Stamped, digest
from tockwork.ingest.files.layout import Layout, layout
from tockwork.ingest.files.lines import Lines
from tockwork.ingest.files.names import Names
from tockwork.ingest.files.table import Table
from tockwork.ingest.files.times import Times
from tockwork.ingest.parse import MAX_EVENT_BYTES, parse
from tockwork.ingest.stamp import Arrival, iso
from tockwork.model import reasons
from tockwork.model.errors import ConfigurationError, EventError, Problem

FORMATS: Final = {
    "csv": (".csv", ".txt"),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
}
"""Formats, and the extensions that mean them; ``.gz`` may follow, but for Parquet."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read: all that its events depend on beside its content."""

    format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    columns: dict[str, str] = {}
    event: str = ""
    times: Times = Times()
    decimal_comma: bool = False


class Portion(msgspec.Struct):
    """Some records, in order: events as JSON, their messageIds, the line of each and which of the file's records it
    is, and what was refused. `read` is how many records the file has up to the end of the portion, `block` what it was
    made of."""

    entries: list[bytes]
    message_ids: list[str]
    lines: Sequence[int]
    records: Sequence[int]
    refused: list[Refused]
    block: Block

    @property
    def read(self) -> int:
        return self.block.read


def opened(path: Path, reading: Reading) -> Blocks:
    """The reader of the file. Raises `ConfigurationError` when it cannot be read."""
    kind = reading.format or _format(path)
    if kind == "parquet":
        return Table(path)
    if kind == "jsonl":
        return Lines(path, reading.encoding)
    return Delimited(path, reading.delimiter or ("\t" if kind == "tsv" else None), reading.encoding)


class Reader:
    """Reads one file. `received_at` is Unix time; `name` is the file's, and stands in each event. messageIds that are
    made here depend on `salt`.

    Raises `ConfigurationError` when the columns do not make events.
    """

    def __init__(
        self, blocks: Blocks, reading: Reading, names: Names, received_at: float, name: str, salt: str = ""
    ) -> None:
        self.blocks = blocks
        self.layout = Layout((), ())
        self._reading = reading
        self._names = names
        self._arrival = Arrival(received_at)
        self._name = name
        self._salt = salt
        self._events: dict[tuple[str, ...], Events] = {}
        reading.times.check()
        if blocks.header:
            self._events_of(tuple(blocks.header))

    def portions(self, after: int = 0, block_bytes: int = BLOCK_BYTES) -> Iterator[Portion]:
        """The file without its first `after` records."""
        for block in self.blocks.blocks(block_bytes):
            if block.read > after:
                yield self._portion(block, after)

    def _portion(self, block: Block, after: int) -> Portion:
        skipped = sum(record <= after for record in block.records) if block.records and block.records[0] <= after else 0
        cells, lines, records = block.cells[skipped:], block.lines[skipped:], block.records[skipped:]
        portion = Portion([], [], lines, records, list(block.refused), block)
        if cells.height:
            events = self._events_of(block.header)
            if events.event is not None and not self._reading.event:
                cells, portion = self._named(cells, events.event, portion)
            portion.entries, portion.message_ids = events(cells, portion.lines)
        whole = [one for one in block.whole if one.record > after]
        if whole:
            portion = self._with(portion, whole)
        return _fitting(portion)

    def _named(self, cells: Frame, index: int, portion: Portion) -> tuple[Frame, Portion]:
        """Without the rows that do not name their event."""
        named = cells[str(index)].str.strip_chars() != ""
        if named.all():
            return cells, portion
        kept = named.to_list()
        for line, good in zip(portion.lines, kept, strict=True):
            if not good:
                portion.refused.append(Refused(line, reasons.MISSING_EVENT_NAME, "has no event name"))
        portion.lines = [line for line, good in zip(portion.lines, kept, strict=True) if good]
        portion.records = [record for record, good in zip(portion.records, kept, strict=True) if good]
        return cells.filter(named), portion

    def _events_of(self, header: tuple[str, ...]) -> Events:
        if header not in self._events:
            reading = self._reading
            strict = not isinstance(self.blocks, Lines)
            self.layout = layout(header, reading.columns, strict=strict, named=bool(reading.event))
            stamped = Stamped(iso(self._arrival.received_at), self._name, self._salt)
            self._events[header] = Events(
                self.layout, self._names, reading.times, stamped, decimal_comma=reading.decimal_comma
            )
        return self._events[header]

    def _with(self, portion: Portion, whole: Sequence[Whole]) -> Portion:
        """The portion with records that are events already, checked and completed as over HTTP."""
        made = list(zip(portion.records, portion.lines, portion.entries, portion.message_ids, strict=True))
        for one in whole:
            event = {key: value for key, value in one.event.items() if key not in OWN}
            context = event.get("context")
            if context is None or type(context) is dict:
                event["context"] = {**(context or {}), "file": {"name": self._name, "line": one.line}}
            try:
                body = msgspec.json.encode(event)
                parsed = parse(body, event["type"], self._arrival, partial(digest, self._salt + one.raw.decode()))
            except EventError as error:
                portion.refused.append(Refused(one.line, error.code, str(error)))
                continue
            for refusal in parsed.refusals:
                portion.refused.append(Refused(one.line, refusal.code, refusal.message))
            for entry, message_id in zip(parsed.entries, parsed.message_ids, strict=True):
                made.append((one.record, one.line, entry, message_id))
        made.sort()
        portion.records = [record for record, _, _, _ in made]
        portion.lines = [line for _, line, _, _ in made]
        portion.entries = [entry for _, _, entry, _ in made]
        portion.message_ids = [message_id for _, _, _, message_id in made]
        return portion


def _fitting(portion: Portion) -> Portion:
    """Without events that are larger than an event may be."""
    if max(map(len, portion.entries), default=0) <= MAX_EVENT_BYTES:
        return portion
    fits = [len(entry) <= MAX_EVENT_BYTES for entry in portion.entries]
    refused = [
        Refused(line, reasons.EVENT_TOO_LARGE, f"makes an event of more than {MAX_EVENT_BYTES >> 10} KB")
        for line, good in zip(portion.lines, fits, strict=True)
        if not good
    ]
    kept = [n for n, good in enumerate(fits) if good]
    return Portion(
        [portion.entries[n] for n in kept],
        [portion.message_ids[n] for n in kept],
        [portion.lines[n] for n in kept],
        [portion.records[n] for n in kept],
        [*portion.refused, *refused],
        portion.block,
    )


def _format(path: Path) -> str:
    """The format that the file's name says."""
    name = path.name.lower().removesuffix(".gz")
    for kind, extensions in FORMATS.items():
        if name.endswith(extensions):
            return kind
    raise ConfigurationError(
        [Problem(str(path), "has a name that does not say its format", f"Add --format {' or '.join(FORMATS)}.")]
    )
