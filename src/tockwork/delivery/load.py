"""What a chunk's events became: lines for the ledger, rows to send, and rows to send again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tockwork.delivery.batch import Row
from tockwork.model.fate import Fate, History
from tockwork.model.outcome import Outcome, Status
from tockwork.store.protocol import Chunk, Key, Line, Retry, Settled, place_of


class Load:
    """A chunk with a ledger line for each of its `outcomes`, which come event by event, and the rows among them.

    Rows of a chunk that was begun before may have arrived then.
    """

    def __init__(self, chunk: Chunk, outcomes: Sequence[Sequence[Outcome]]) -> None:
        self.chunk = chunk
        self.lines: list[Line] = []
        self.rows: list[Row] = []
        self._indexes: list[int] = []  # of the lines that the rows belong to
        history = History(ambiguous_at=chunk.begun_at)
        for event, made in enumerate(outcomes):
            for nth, outcome in enumerate(made):
                if outcome.status is Status.MAPPED and outcome.envelope is not None:
                    self.rows.append(Row(bytes(outcome.row), outcome.envelope, history, outcome.expires_at))
                    self._indexes.append(len(self.lines))
                self.lines.append(line_of((chunk.id, place_of(event, nth)), outcome))

    def settled(self, fates: Sequence[Fate]) -> Settled:
        """The chunk with the rows' fates, and the rows to be sent again."""
        waiting: list[Retry] = []
        for index, row, fate in zip(self._indexes, self.rows, fates, strict=True):
            line = self.lines[index]
            if fate.status is Status.DELIVERED:
                self.lines[index] = Line(line.key, line.message_id, line.mapping, Status.DELIVERED)
                continue
            retry = Retry(
                line.key, 0.0, row.body, row.envelope, row.history, line.message_id, line.mapping, row.expires_at
            )
            self.lines[index] = line_after(retry, fate)
            if fate.status is Status.PENDING:
                waiting.append(retry_after(retry, fate))
        return Settled(self.chunk, self.lines, waiting)


def line_of(key: Key, outcome: Outcome) -> Line:
    """The ledger's line of an outcome before anything is sent."""
    detail = outcome.detail or "; ".join(outcome.warnings) or None
    return Line(
        key,
        outcome.message_id,
        outcome.mapping,
        outcome.status,
        outcome.reason,
        detail if outcome.status is Status.INVALID else outcome.detail,
    )


def line_after(retry: Retry, fate: Fate) -> Line:
    """The ledger's line of a row after an attempt."""
    return Line(retry.key, retry.message_id, retry.mapping, fate.status, fate.reason, fate.detail, fate.code)


def retry_after(retry: Retry, fate: Fate) -> Retry:
    """The row as it waits after an attempt; at once once the destination opens, where the fate names no time."""
    return msgspec.structs.replace(retry, at=fate.retry_at or 0.0, history=fate.history)
