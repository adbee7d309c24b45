"""What became of an event at a destination, and what TikTok answered."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from tockwork.model.event import Envelope


class Status(StrEnum):
    """The states of a delivery (event × destination × triggered mapping) and of an event that makes none."""

    MAPPED = "mapped"  # a row is ready; nothing was sent
    FILTERED = "filtered"  # nothing to send, for the named reason
    SUPPRESSED = "suppressed"
    DUPLICATE = "duplicate"
    PENDING = "pending"  # reason: waiting, retrying, blocked or paused
    DELIVERED = "delivered"
    INVALID = "invalid"  # refused by Tockwork before sending
    REJECTED = "rejected"  # refused by TikTok
    EXPIRED = "expired"


class Outcome(msgspec.Struct):
    """One delivery's state, or a filtered event's.

    `row` is the element of TikTok's ``data[]``: a dict in the public API, JSON bytes (`msgspec.Raw`) inside the engine,
    None unless a row was made. `expires_at` is the Unix time from which TikTok takes the row no more, None for never.
    `reason` is one of the documented reason codes. `warnings` and `detail` never hold
    personal data: they name fields, not values.
    """

    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None = None
    warnings: list[str] = []
    row: Any = None
    envelope: Envelope | None = None
    detail: str | None = None
    expires_at: float | None = None


class Verdict(StrEnum):
    """What an answer of TikTok means for the rows of its request (the response table names one for each code)."""

    DELIVERED = "delivered"
    THROTTLED = "throttled"  # retry, slow this access token down
    BLOCKED = "blocked"  # the destination cannot deliver until its settings change
    AT_FAULT = "at_fault"  # some row is wrong: isolate it
    TOO_LARGE = "too_large"  # split the batch
    PARTIAL = "partial"  # some rows arrived: isolate the others
    RETRY = "retry"
    UNKNOWN = "unknown"  # retry; three batches in a row with the same answer pause the destination


class Answer(msgspec.Struct, frozen=True):
    """One answer of TikTok, read.

    `reason` is a reason code; `rows` are the zero-based indexes of the rows at fault where the answer names them;
    `message` has the rows' own values masked; `retry_after_s` is in seconds; `ambiguous` is true where rows may have
    arrived all the same (the request went out, and no answer came back that denies it).
    """

    verdict: Verdict
    reason: str = ""
    code: int | None = None
    http_status: int | None = None
    message: str = ""
    request_id: str = ""
    rows: tuple[int, ...] = ()
    retry_after_s: float | None = None
    ambiguous: bool = False
