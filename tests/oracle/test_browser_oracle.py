"""The browser's interpreter against Python: random mappings, triggers, connections and phone numbers, in Node."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import pytest
from browser.bundle import FOLDER
from generators import mapping_cases, trigger_cases
from harness import BATCH, Answer, Case
from random_connections import Configurations, Stream
from random_events import Events
from tests.node import run

from tockwork.destinations import program
from tockwork.destinations.connection import Connection
from tockwork.destinations.device import compiled
from tockwork.destinations.tiktok.dialling import dialling
from tockwork.destinations.tiktok.packs import defaults
from tockwork.destinations.tiktok.pixel import IDENTIFY, PIXEL
from tockwork.model.errors import ConfigurationError
from tockwork.rules.directives import unwrapped
from tockwork.rules.mapping import Mapping, MappingError, ResolveError
from tockwork.rules.trigger import Trigger, TriggerError

NOW: Final = 1795176000.0
SCALE: Final = [4, pytest.param(40, marks=[pytest.mark.faults, pytest.mark.timeout(1500)])]
SEED: Final = int(os.environ.get("TOCKWORK_SEED", "2026"))


def answers(asked: Sequence[Case]) -> list[Answer]:
    found: list[Answer] = []
    for start in range(0, len(asked), BATCH):
        lines = "\n".join(map(json.dumps, asked[start : start + BATCH])).encode()
        said = run(FOLDER, "test/answers.mjs", input=lines).decode().removesuffix("\n").split("\n")
        found += map(json.loads, said)
    assert len(found) == len(asked)
    return found


def without_liquid(cases: Iterator[Case]) -> Iterator[Case]:
    """The cases without Liquid, events whose ``__proto__`` only JSON texts can show, and members that JSON calls."""
    return (
        case
        for case in cases
        if not list(program.unfit(case["mapping"]))
        and "__proto__" not in json.dumps(case["event"])
        and "toJSON" not in json.dumps(case["mapping"])
        and '\\"__proto__' not in json.dumps(case["mapping"])
    )


@pytest.mark.parametrize("thousands", SCALE)
def test_mappings(thousands: int) -> None:
    asked, own = [], []
    for case in without_liquid(mapping_cases(random.Random(SEED), thousands * 1000)):
        try:
            mapping = Mapping.parse(case["mapping"])
        except MappingError:
            continue
        try:
            own.append({"ok": mapping.resolve(case["event"])})
        except ResolveError as error:
            if "values" in str(error) or "longer than" in str(error) or "nested" in str(error):
                continue  # our limits, which a page has no need of
            own.append({"error": True})
        asked.append({**case, "instruction": program.mapping(unwrapped(mapping.source))})
    assert len(asked) > thousands * 300
    for case, mine, theirs in zip(asked, own, answers(asked), strict=True):
        assert json.dumps(mine) == json.dumps(theirs), json.dumps(case)


@pytest.mark.parametrize("thousands", SCALE)
def test_triggers(thousands: int) -> None:
    asked, own = [], []
    for case in trigger_cases(random.Random(SEED + 1), thousands * 1000):
        try:
            trigger = Trigger.parse(case["trigger"])
        except TriggerError:
            continue
        own.append({"ok": trigger.matches(case["event"])})
        asked.append({**case, "instruction": program.trigger(trigger.root)})
    assert len(asked) > thousands * 500
    for case, mine, theirs in zip(asked, own, answers(asked), strict=True):
        assert mine == theirs, json.dumps(case)


def connection(rng: random.Random) -> Connection:
    while True:
        configurations = Configurations(rng)
        configurations.destination = PIXEL
        mappings = [_plain(configurations.mapping(number)) for number in range(rng.choice([1, 2, 3]))]
        if rng.random() < 0.5:
            presets = PIXEL.packs[rng.choice(list(PIXEL.packs))]
            mappings += [
                {"name": p.name, "trigger": p.trigger, "action": p.action, "fields": p.fields} for p in presets
            ]
        if rng.random() < 0.3:
            identify = {
                "name": "I",
                "trigger": 'type = "track"',
                "action": "identify",
                "fields": defaults(IDENTIFY.fields),
            }
            mappings.append(identify)
        settings = {
            "pixelCode": "C8E2OS3C77UABCDXYZ00",
            "compute_value": rng.random() < 0.8,
            "event_id": rng.choice(["order", "message-id"]),
            "default_region": rng.choice(["US", "DE", "IT", "BR", "AR"]),
        }
        try:
            found = Connection(PIXEL, settings, mappings)
            compiled(found)
        except (ConfigurationError, UnicodeEncodeError):
            continue  # half a character is in no configuration that was read from a file
        return found


def _plain(part: Any) -> Any:
    """`part` with a path in the place of Liquid, which is refused."""
    if isinstance(part, list):
        return [_plain(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "@liquid" in part:
        return {"@path": "$.properties.currency"}
    return {key: _plain(value) for key, value in part.items()}


@pytest.mark.parametrize("thousands", SCALE)
def test_connections(thousands: int) -> None:
    rng = random.Random(SEED + 2)
    asked, own = [], []
    for _ in range(thousands * 15):
        one = connection(rng)
        plain = compiled(one)
        stream = Stream(rng)
        for _ in range(10):
            event = stream.event() if rng.random() < 0.8 else Events(rng).event()
            found = one.outcomes_of(json.loads(json.dumps(event)), NOW)
            if any(outcome.reason == "transform_failed" for outcome in found):
                continue  # a whole number too large for the JSON of a row
            own.append({"ok": [_seen(outcome) for outcome in found]})
            asked.append({"kind": "outcomes", "program": plain, "event": event})
    mapped = sum(outcome["status"] == "mapped" for answer in own for outcome in answer["ok"])
    assert mapped > thousands * 30
    for case, mine, theirs in zip(asked, own, answers(asked), strict=True):
        assert _as_doubles(mine) == _as_doubles(theirs), json.dumps(case)


def _as_doubles(answer: Answer) -> Any:
    """Whole numbers beyond 2^53 have more than one spelling."""
    return json.loads(json.dumps(answer), parse_int=float)


def _seen(outcome: Any) -> dict[str, Any]:
    row = None if outcome.row is None else json.loads(bytes(outcome.row))
    return {"mapping": outcome.mapping, "status": str(outcome.status), "row": row}


def test_the_cases_hold_in_node_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", sys.executable)
    said = run(FOLDER, "node_modules/vitest/vitest.mjs", "run").decode()
    assert re.search(r"Tests\s+(?:\x1b\[\d+m)*\d{3} passed", re.sub(r"\x1b\[\d+m", "", said)), said


def test_the_browsers_code_has_types() -> None:
    assert run(FOLDER, "node_modules/typescript/bin/tsc") == b""


def test_phone_numbers() -> None:
    rng = random.Random(SEED + 3)
    asked: list[Case] = []
    for region in ("US", "DE", "IT", "FR", "GB", "BR", "AR", "RU", "JP"):
        plan = msgspec.to_builtins(dialling(region))
        for _ in range(200):
            digits = "".join(rng.choice("0123456789 -.()+") for _ in range(rng.randint(5, 14)))
            text = rng.choice(["", "0", "+", "00", plan["code"], f"+{plan['code']}", plan["trunk"]]) + digits
            asked.append({"kind": "phone", "text": text, "dialling": plan, "region": region})
    own = [{"ok": dialling(case["region"]).e164(case["text"])} for case in asked]
    assert sum(answer["ok"] is not None for answer in own) > 200
    assert answers(asked) == own
