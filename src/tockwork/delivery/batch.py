"""Packs rows into requests. Pure.

Source of the limits and the root fields: TikTok, "Report App, Web, Offline, or CRM Events"; the byte limit is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from tockwork.destinations.declare import Limits
from tockwork.model.event import Envelope
from tockwork.model.fate import History

_TAIL = b"]}"


class Row(msgspec.Struct, frozen=True):
    """One element of a request's ``data``: its JSON bytes, the envelope that it needs, and what was tried with it.

    `expires_at` is the Unix time from which the platform takes it no more.
    """

    body: bytes
    envelope: Envelope
    history: History = History()
    expires_at: float | None = None


class Batch(msgspec.Struct, frozen=True):
    """Rows that fit into one request: their places in the packed sequence, in order, and its body's size in bytes."""

    envelope: Envelope
    places: tuple[int, ...]
    size: int


def pack(rows: Sequence[Row], limits: Limits) -> tuple[list[Batch], list[int]]:
    """Batches within `limits`, and the places of rows that are too large even alone.

    Each row is in exactly one of the two. Batches are in the order of their first row; rows of one envelope keep
    their order.
    """
    batches: list[tuple[Envelope, list[int]]] = []
    sizes: list[int] = []
    open_batches: dict[Envelope, int] = {}
    oversized: list[int] = []
    for place, row in enumerate(rows):
        alone = len(_head(row.envelope)) + len(row.body) + len(_TAIL)
        if alone > limits.bytes:
            oversized.append(place)
            continue
        at = open_batches.get(row.envelope)
        grown = len(row.body) + 1  # with the comma
        if at is None or len(batches[at][1]) >= limits.rows or sizes[at] + grown > limits.bytes:
            open_batches[row.envelope] = len(batches)
            batches.append((row.envelope, [place]))
            sizes.append(alone)
        else:
            batches[at][1].append(place)
            sizes[at] += grown
    packed = [Batch(envelope, tuple(places), size) for (envelope, places), size in zip(batches, sizes, strict=True)]
    return packed, oversized


def body(envelope: Envelope, rows: Iterable[bytes]) -> bytes:
    """The request's JSON: the envelope's fields, empty ones left out, and ``data`` made of `rows` as they are."""
    return _head(envelope) + b",".join(rows) + _TAIL


@lru_cache(maxsize=1024)
def _head(envelope: Envelope) -> bytes:
    root = {key: value for key, value in msgspec.structs.asdict(envelope).items() if value}
    return msgspec.json.encode({**root, "data": []})[: -len(_TAIL)]
