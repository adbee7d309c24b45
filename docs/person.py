"""What becomes of a person's values, shown by sending examples through the destination itself."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec
from docs.markdown import code, table

from tockwork.delivery.connection import connect
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.rules.fields import Field

EXAMPLES: Final = (
    ("email", " Ann.Smith+shop@Example.COM ", "ann.smith+shop@example.com"),
    ("phone_number", "(415) 555-0123", "+14155550123"),
    ("phone_number", "+49 (0)30 901820", "+4930901820"),
    ("external_id", " U-1001 ", "u-1001"),
    ("first_name", "Anne-Marie", "annemarie"),
    ("last_name", "O'Neil", "oneil"),
    ("last_name", "Müller", "müller"),
    ("address.zip_code", "94103-1234", "94103"),
    ("address.zip_code", "M5V 3L9", "m5v3l9"),
    ("address.city", "São Paulo", "sãopaulo"),
    ("address.state", "New York", "newyork"),
    ("address.country", "Germany", "de"),
    ("ip", "203.0.113.24:51544", "203.0.113.24"),
    ("ttclid", "E.C.P.AbC-123", "E.C.P.AbC-123"),
    ("locale", "en-US", "en-US"),
)
"""A field, what an event gives, and what it counts as: checked against what is sent."""

UNUSABLE: Final = (
    ("email", "ann.smith at example.com"),
    ("email", "0c17ea1ba5d5b2d5c1c3b1a1d4e7f8a9"),
    ("email", sha256(b"").hexdigest()),
    ("phone_number", "555-01"),
    ("external_id", "undefined"),
    ("ip", "192.168.1.7"),
    ("first_name", "---"),
)
"""A field and what an event gives that is of no use."""


def normalisation() -> str:
    """Before and after, for each match key."""
    return table(("Match key", "Given", "Counts as", "Sent"), (_example(*example) for example in EXAMPLES))


def _example(key: str, given: str, counts_as: str) -> tuple[str, ...]:
    field = _field(key)
    sent, _ = _sent(key, given)
    whole = sha256(counts_as.encode()).hexdigest() if field.hashed else counts_as
    if sent != whole:
        raise AssertionError(f"{key}: {given!r} does not count as {counts_as!r}")
    return field.label, code(given), code(counts_as), code(f"{sent[:8]}…{sent[-4:]}" if field.hashed else sent)


def left_out() -> str:
    """What is of no use, and what the outcome's warnings say about it."""
    rows = []
    for key, given in UNUSABLE:
        sent, warnings = _sent(key, given)
        if sent is not None or not warnings:
            raise AssertionError(f"{key}: {given!r} is of use")
        rows.append((_field(key).label, code(f"{given[:24]}…" if len(given) > 30 else given), warnings[0]))
    return table(("Match key", "Given", "Warning"), rows)


def _field(key: str) -> Field:
    members: tuple[Field, ...] = CONVERSIONS.actions[0].fields
    *outer, last = key.split(".")
    for name in outer:
        members = next(field.properties for field in members if field.key == name)
    return next(field for field in members if field.key == last)


def _sent(key: str, given: str) -> tuple[Any, list[str]]:
    """The value in the row's ``user``, and the warnings."""
    outer, _, inner = key.partition(".")
    fields = {"event": "Purchase", "locale": "en", outer: {inner: given} if inner else given}
    mapping = {"name": "Example", "trigger": 'type = "track"', "fields": fields}
    event = {"type": "track", "timestamp": "2026-11-20T12:00:00Z", "receivedAt": "2026-11-20T12:00:00Z"}
    connection = connect(CONVERSIONS.key, {"pixelCode": "C0123456789ABCDEFGHI"}, [mapping])
    (outcome,) = connection.transform([msgspec.json.encode(event)])
    value = outcome.row["user"].get(_field(key).name)
    return value[0] if isinstance(value, list) else value, [
        text for text in outcome.warnings if "match key" not in text
    ]
