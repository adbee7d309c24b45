"""What tests of stores put into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from tockwork.model.clock import SimulatedClock
from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.protocol import DEAD, NO_DELIVERY, Chunk, Key, Line, Retry, Settled, Store, place_of

LEASE_S: Final = 60.0
DELIVERED: Final = Status.DELIVERED
PENDING: Final = Status.PENDING
INVALID: Final = Status.INVALID
REJECTED: Final = Status.REJECTED
EXPIRED: Final = Status.EXPIRED
WEB: Final = Envelope("web", "C8E2OS3C77UABCDXYZ00", "TEST1")
REASONS: Final = {
    Status.FILTERED: "no_trigger",
    Status.SUPPRESSED: "suppressed_user",
    Status.DUPLICATE: "duplicate_message",
    Status.PENDING: "retrying",
    Status.DELIVERED: None,
    Status.INVALID: "field_type",
    Status.REJECTED: "bad_parameter",
    Status.EXPIRED: "retry_exhausted",
}

Opened = Callable[[SimulatedClock, Path], AbstractAsyncContextManager[Store]]
"""Opens the store in a folder, a new one if there is none, with leases of `LEASE_S`."""

deliveries = st.sampled_from(sorted({Status.PENDING, Status.DELIVERED, *DEAD}))
events = st.one_of(
    st.sampled_from(sorted(NO_DELIVERY)).map(lambda status: [status]), st.lists(deliveries, min_size=1, max_size=3)
)
"""The states of one event's lines."""


def line(key: Key, status: Status, reason: str | None = None) -> Line:
    return Line(key, f"m-{key[0]}-{key[1]}", "Add to Cart", status, reason or REASONS[status], "said so", 40002)


def retry(key: Key, at: float = 0.0, history: History = History()) -> Retry:  # noqa: B008 (a value, never changed)
    return Retry(key, at, b'{"event":"A"}', WEB, history, f"m-{key[0]}-{key[1]}", "Add to Cart", 9999.0)


def settled(chunk: Chunk, *states: Sequence[Status], at: float = 0.0) -> Settled:
    """The chunk with the states of each event's lines; what is pending waits until `at`."""
    lines = [
        line((chunk.id, place_of(event, nth)), status)
        for event, own in enumerate(states)
        for nth, status in enumerate(own)
    ]
    return Settled(chunk, lines, [retry(each.key, at) for each in lines if each.status is Status.PENDING])
