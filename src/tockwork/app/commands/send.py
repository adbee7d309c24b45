"""``tockwork send``: transform events and deliver the rows straight away, without a server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from tockwork.app.commands.events import Source
from tockwork.app.commands.transform import outcomes
from tockwork.delivery.connection import Connection, deliver
from tockwork.delivery.sender import Sender
from tockwork.model.outcome import Outcome, Status
from tockwork.operations.settings import Settings

AT_ONCE: Final = 20_000
"""Rows that are under way together: memory stays bounded for files of any size."""

Tally = Counter[tuple[str, str]]
"""Outcomes by status and reason."""


class Sent(msgspec.Struct):
    """One outcome as ``--json`` prints it."""

    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None
    warnings: list[str]
    detail: str | None


async def send(
    connection: Connection,
    source: Source,
    settings: Settings,
    *,
    now: float,
    timeout_s: float,
    told: Callable[[Outcome], None],
    moved: Callable[[int, int], None],
) -> Tally:
    """Deliver the events in `source`; what is not decided after `timeout_s` seconds is pending.

    `told` gets every outcome, `moved` how many outcomes are known and decided so far.
    """
    tally: Tally = Counter()
    end = time.monotonic() + timeout_s
    known = 0
    async with Sender(base_url=settings.tiktok_url, ca_bundle=settings.ca_bundle) as sender:
        waiting: list[Outcome] = []

        async def flush() -> None:
            await deliver(waiting, connection, sender, max(0.0, end - time.monotonic()))
            for outcome in waiting:
                tally[outcome.status, outcome.reason or ""] += 1
                told(outcome)
            waiting.clear()
            moved(known, tally.total())

        for found in outcomes(connection, source, now):
            waiting += found
            known += len(found)
            moved(known, tally.total())
            if len(waiting) >= AT_ONCE:
                await flush()
        await flush()
    return tally
