"""Coercion of fields against Segment's own action kit, on random values.

What is different on purpose: blank text, null and objects without parts count as absent everywhere. Segment makes ""
or 0 of some, keeps others and refuses the rest. And a number's text beyond all numbers is refused, where Segment
sends null. Those cases are told apart by `is_meant`.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import msgspec
import pytest
from harness import Case, answers
from random_events import Events

from tockwork.rules.coercion import Coercion
from tockwork.rules.fields import Field, FieldError, FieldType

TYPES: tuple[FieldType, ...] = ("string", "number", "integer", "boolean")
PARTS = tuple(Field(key=kind, label="", help="", type=kind) for kind in TYPES)
CHOICES = ("a", "1", "true")
FIELDS = (
    *PARTS,
    *(Field(key=f"{kind}_list", label="", help="", type=kind, multiple=True) for kind in TYPES),
    Field(key="choice", label="", help="", choices=CHOICES),
    Field(key="object", label="", help="", type="object", properties=PARTS),
    Field(key="objects", label="", help="", type="object", multiple=True, properties=PARTS),
)
RECORD = msgspec.defstruct("Record", [(field.key, Any, None) for field in FIELDS])

TEXTS = """
    a 1 -1 +1 1.5 .5 5. 1e3 1e400 0x10 0X1f 0b11 0o17 0x -0x1 1_000 1,5 $5 Infinity -Infinity NaN true false True 0 007
    9007199254740993 1e21 123456789012345678901234567890 ١ 1e 1e+2 12px null undefined []
""".split()
NUMBERS = [0, 1, -1, 2.5, 10.0, -0.0, 1e21, 1e20, 1e-7, 2**53 + 1, -(2**60), 10**21, 10**30, 0.1 + 0.2]


class Values:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.events = Events(rng)

    def scalar(self) -> Any:
        roll = self.rng.random()
        if roll < 0.45:
            return self.rng.choice(TEXTS)
        if roll < 0.5:
            return self.rng.choice(" \t\n\u00a0") + self.rng.choice(TEXTS) + " "
        if roll < 0.8:
            return self.rng.choice([*NUMBERS, True, False, None, "", " "])
        return self.events.scalar()

    def value(self, field: Field) -> Any:
        roll = self.rng.random()
        if roll < 0.06:
            return self.events.wild(2)
        if roll < 0.1:
            return [[self.scalar()]]
        if field.properties and roll < 0.9:
            value: Any = {part.key: self.value(part) for part in field.properties if self.rng.random() < 0.5}
            if self.rng.random() < 0.2:
                value["unknown"] = self.scalar()
        else:
            value = self.rng.choice([*CHOICES, self.scalar()]) if field.choices else self.scalar()
        if self.rng.random() < (0.6 if field.multiple else 0.15):
            value = [value, *(self.scalar() for _ in range(self.rng.choice([0, 0, 1, 2])))]
        return value


def schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    """The fields as the kit declares them."""
    found: dict[str, Any] = {}
    for field in fields:
        found[field.key] = {"type": field.type, "label": "", "description": "", "multiple": field.multiple}
        if field.choices:
            found[field.key]["choices"] = list(field.choices)
        if field.properties:
            found[field.key]["properties"] = schema(field.properties)
    return found


def own_answer(field: Field, value: Any) -> dict[str, Any]:
    try:
        record = Coercion([field], RECORD).apply({field.key: value}, [])
    except FieldError as error:
        return {"error": str(error)}
    found = getattr(record, field.key)
    return {"ok": {} if found is None else {field.key: found}}


def is_meant(value: Any) -> bool:
    """Whether the value holds what counts as absent here and as something to Segment, or what is infinite."""
    if isinstance(value, dict):
        return not value or any(map(is_meant, value.values()))
    if isinstance(value, list):
        return not value or any(map(is_meant, value))
    if isinstance(value, str):
        return not value.strip() or "Infinity" in value or value.strip() == "1e400"
    return value is None or (isinstance(value, int) and abs(value) > 10**308)


def same(own: dict[str, Any], theirs: dict[str, Any]) -> bool:
    if "error" in own or "error" in theirs:
        return "error" in own and "error" in theirs
    return json.dumps(own["ok"]) == json.dumps(comparable(theirs["ok"]))


def comparable(value: Any) -> Any:
    """The oracle's answer without objects that have no part, and with JavaScript's floats where Python reads an int."""
    if isinstance(value, dict):
        return {key: part for key, member in value.items() if (part := comparable(member)) not in ({}, [])}
    if isinstance(value, list):
        return [part for item in value if (part := comparable(item)) != {}]
    return float(value) if isinstance(value, int) and abs(value) >= 10**21 else value


def compare(count: int) -> tuple[int, int]:
    """How many values were compared, and how many of them were coerced."""
    seed = int(os.environ.get("TOCKWORK_SEED") or random.SystemRandom().randrange(10**9))
    values = Values(random.Random(seed))
    chosen = [(field := values.rng.choice(FIELDS), values.value(field)) for _ in range(count)]
    kept = [(field, value) for field, value in chosen if not is_meant(value)]
    cases: list[Case] = [{"fields": schema((field,)), "payload": {field.key: value}} for field, value in kept]
    coerced = 0
    for (field, value), theirs in zip(kept, answers(cases, "fields_oracle.cjs"), strict=True):
        own = own_answer(field, value)
        coerced += "ok" in own
        if not same(own, theirs):
            pytest.fail(
                f"TOCKWORK_SEED={seed} repeats this:\n{field.key} of {json.dumps(value)}\n"
                f"Segment:  {theirs}\nTockwork: {own}",
                pytrace=False,
            )
    return len(kept), coerced


def test_random_values_are_coerced_as_segment_does() -> None:
    compared, coerced = compare(3_000)
    assert compared > 1_500
    assert compared * 0.2 < coerced < compared * 0.9


@pytest.mark.faults
def test_many_random_values_are_coerced_as_segment_does() -> None:
    compare(50_000)


@pytest.mark.parametrize(
    ("key", "value", "ours", "segments"),
    [
        ("string", None, {}, {}),
        ("string", "", {}, {}),
        ("object", {"string": ""}, {}, {"object": {"string": ""}}),
        ("object", {}, {}, {"object": {}}),
        ("string_list", [""], {}, {"string_list": [""]}),
        ("string", [None], {}, {"string": ""}),
        ("number", [None], {}, {"number": 0}),
        ("number", " ", {}, {"number": 0}),
        ("boolean", [None], {}, {"boolean": False}),
        ("string", 10**400, {}, {"string": "Infinity"}),
    ],
)
def test_what_is_blank_counts_as_absent_here(key: str, value: Any, ours: Any, segments: Any) -> None:
    field = next(field for field in FIELDS if field.key == key)
    assert own_answer(field, value) == {"ok": ours}
    assert list(answers([{"fields": schema((field,)), "payload": {key: value}}], "fields_oracle.cjs")) == [
        {"ok": segments}
    ]
