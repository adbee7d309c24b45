"""The floor: what any program must spend on an event, decoding it, hashing six values, and encoding its row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

SIX = (b"user_123456", b"+14155550123", b"ann.smith@example.com", b"ann", b"smith", b"94107")


def spend(lines: Sequence[bytes], rows: Sequence[Any]) -> None:
    """`lines` are events as JSON, `rows` the plain objects of each one's row."""
    decode, encode, sha256 = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode, hashlib.sha256
    one, two, three, four, five, six = SIX
    for line, row in zip(lines, rows, strict=True):
        decode(line)
        sha256(one).hexdigest()
        sha256(two).hexdigest()
        sha256(three).hexdigest()
        sha256(four).hexdigest()
        sha256(five).hexdigest()
        sha256(six).hexdigest()
        encode(row)
