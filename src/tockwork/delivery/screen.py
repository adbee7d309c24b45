"""What must not be sent although a row was made: events of people who are suppressed or were deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tockwork.destinations.person import event_marks, row_marks
from tockwork.model import reasons
from tockwork.model.outcome import Outcome, Status
from tockwork.store.protocol import ERASED, Chunk, Retry
from tockwork.store.suppression import Blocklist, Suppression

SLICE: Final = 100
"""Events that are looked at before others of the process have their turn."""


class Screen:
    """One destination's. `region` is where phone numbers without "+" belong. All destinations share the `blocklist`."""

    def __init__(self, blocklist: Blocklist, suppression: Suppression, region: str = "US") -> None:
        self._blocklist = blocklist
        self._suppression = suppression
        self._regions = (region,)

    async def outcomes(self, consumer: str, chunk: Chunk, outcomes: Sequence[list[Outcome]]) -> list[list[Outcome]]:
        """The chunk's outcomes, event by event, without those of people of whom nothing may be sent."""
        await self._blocklist.refresh()
        if self._blocklist.is_empty(consumer):
            return list(outcomes)
        screened = []
        for index, (entry, made) in enumerate(zip(chunk.entries, outcomes, strict=True), 1):
            screened.append(await self._screened(consumer, chunk, entry, made))
            if index % SLICE == 0:
                await asyncio.sleep(0)
        return screened

    async def _screened(self, consumer: str, chunk: Chunk, entry: bytes, made: list[Outcome]) -> list[Outcome]:
        if made[0].status is Status.DUPLICATE:
            return made
        marks = event_marks(entry, self._regions)
        for outcome in made:
            if outcome.row is not None:
                marks |= row_marks(bytes(outcome.row))
        reason = self._blocklist.reason(marks, consumer)
        if reason is None:
            return made
        if reason == reasons.DELETED_USER:
            await self._suppression.soiled(self._blocklist.deleted(marks), chunk.id)
        return [Outcome(None, None, Status.SUPPRESSED, reason)]

    async def retries(self, consumer: str, due: Sequence[Retry]) -> list[str | None]:
        """For each row that waits, why it may not be sent; None where it may."""
        await self._blocklist.refresh()
        if self._blocklist.is_empty(consumer):
            return [None] * len(due)
        events = await self._suppression.events(consumer, [retry.key for retry in due])
        return [self._reason(consumer, retry, event) for retry, event in zip(due, events, strict=True)]

    def _reason(self, consumer: str, retry: Retry, event: bytes) -> str | None:
        if event == ERASED:
            return reasons.DELETED_USER
        return self._blocklist.reason(event_marks(event, self._regions) | row_marks(retry.row), consumer)


def without_erased(chunk: Chunk, outcomes: Sequence[list[Outcome]]) -> list[list[Outcome]]:
    """The chunk's outcomes, event by event, where those that were erased make no delivery."""
    if ERASED not in chunk.entries:
        return list(outcomes)
    return [
        [Outcome(None, None, Status.SUPPRESSED, reasons.DELETED_USER)] if entry == ERASED else made
        for entry, made in zip(chunk.entries, outcomes, strict=True)
    ]
