"""``tockwork transform``: events in, rows out, without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

import msgspec

from tockwork.app.commands.events import MAX_LINE_BYTES, TOO_LONG, Source, blocks
from tockwork.delivery.batch import Row, body, pack
from tockwork.destinations.connection import Connection
from tockwork.model import reasons
from tockwork.model.outcome import Outcome, Status

MAX_WAITING: Final = 50_000
"""Rows that may wait for their requests to fill up, over all envelopes."""


class Line(msgspec.Struct):
    """One line of output: an outcome as the command line shows it."""

    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None
    warnings: list[str]
    row: Any


def outcomes(connection: Connection, source: Source, now: float) -> Iterator[list[Outcome]]:
    """The outcomes of the events in `source`, block by block."""
    decide = connection.outcomes
    for lines in blocks(source):
        found: list[Outcome] = []
        for line in lines:
            found += decide(line, now) if line is not TOO_LONG else [_too_long()]
        yield found


def write_lines(connection: Connection, source: Source, target: BinaryIO, now: float) -> None:
    """One JSON line per outcome."""
    encode = msgspec.json.Encoder().encode
    for found in outcomes(connection, source, now):
        lines = [encode(Line(o.message_id, o.mapping, o.status, o.reason, o.warnings, o.row)) for o in found]
        if lines:
            lines.append(b"")
            target.write(b"\n".join(lines))


def write_requests(connection: Connection, source: Source, target: BinaryIO, now: float) -> None:
    """One JSON line per request body, as it would be sent. Rows wait until a request is full."""
    waiting: list[Row] = []
    limits = connection.destination.limits

    def flush(keep_last: bool) -> None:
        nonlocal waiting
        batches, _ = pack(waiting, limits)
        last_of = {batch.envelope: number for number, batch in enumerate(batches)}
        kept: list[Row] = []
        for number, batch in enumerate(batches):
            rows = [waiting[place] for place in batch.places]
            if keep_last and last_of[batch.envelope] == number:
                kept += rows
            else:
                target.write(body(batch.envelope, [row.body for row in rows]) + b"\n")
        waiting = kept

    for found in outcomes(connection, source, now):
        waiting += rows_of(found)
        flush(keep_last=len(waiting) < MAX_WAITING)
    flush(keep_last=False)


def rows_of(found: Sequence[Outcome]) -> list[Row]:
    return [Row(bytes(o.row), o.envelope) for o in found if o.envelope is not None and o.row is not None]


def _too_long() -> Outcome:
    text = f"the line has more than {MAX_LINE_BYTES} bytes"
    return Outcome(None, None, Status.INVALID, reasons.EVENT_TOO_LARGE, [text])
