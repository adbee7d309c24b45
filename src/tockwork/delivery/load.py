"""What a chunk's events became: lines for the ledger, rows to send, and rows to send again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tockwork.delivery.batch import Row
from tockwork.model.fate import Fate, History
from tockwork.model.outcome import Outcome, Status
from tockwork.store.protocol import Chunk, Line, Retry


class Load:
    """A chunk with a ledger line for each of its `outcomes`, and the rows among them.

    A chunk that is handed out again was perhaps sent before: its rows may have arrived when it was first handed out.
    """

    def __init__(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> None:
        self.chunk = chunk
        self.lines = [_line(chunk.id, place, outcome) for place, outcome in enumerate(outcomes)]
        history = History(ambiguous_at=chunk.since) if chunk.attempt > 1 else History()
        self.rows: list[Row] = []
        self._places: list[int] = []
        for place, outcome in enumerate(outcomes):
            if outcome.status is Status.MAPPED and outcome.envelope is not None:
                self.rows.append(Row(bytes(outcome.row), outcome.envelope, history, outcome.expires_at))
                self._places.append(place)

    def settle(self, fates: Sequence[Fate]) -> list[Retry]:
        """Writes the rows' fates into the lines; returns the rows to be sent again."""
        waiting: list[Retry] = []
        for place, row, fate in zip(self._places, self.rows, fates, strict=True):
            line = self.lines[place]
            retry = Retry(
                line.key, 0.0, row.body, row.envelope, row.history, line.message_id, line.mapping, row.expires_at
            )
            self.lines[place] = line_after(retry, fate)
            if fate.status is Status.PENDING:
                waiting.append(retry_after(retry, fate))
        return waiting


def _line(chunk_id: int, place: int, outcome: Outcome) -> Line:
    detail = outcome.detail or "; ".join(outcome.warnings) or None
    return Line(
        (chunk_id, place),
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


def interrupted(retry: Retry, now: float) -> Retry:
    """The row after an attempt of which nothing is known: it may have arrived."""
    at = retry.history.ambiguous_at
    return msgspec.structs.replace(
        retry, history=msgspec.structs.replace(retry.history, ambiguous_at=now if at is None else at)
    )
