"""Compares Tockwork with Segment on many cases, and makes a difference small enough to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from exceptions import is_meant
from harness import Answer, Case, answers

from tockwork.rules.directives import ROOT
from tockwork.rules.mapping import Mapping, MappingError, ResolveError
from tockwork.rules.trigger import Trigger, TriggerError

ROUNDS = 60  # of making a difference smaller
CANDIDATES = 400  # looked at in each


def own_answer(case: Case) -> Answer:
    """What Tockwork makes of a case, in the oracle's words."""
    try:
        if case["kind"] == "trigger":
            return {"ok": Trigger.parse(case["trigger"]).matches(case["event"])}
        return {"ok": Mapping.parse(case["mapping"]).resolve(case["event"])}
    except (TriggerError, MappingError, ResolveError) as error:
        return {"error": str(error), "refused": isinstance(error, MappingError)}


def agree(case: Case, own: Answer, theirs: Answer) -> bool:
    """Whether two answers are the same: JSON for JSON, the order of keys included, or a failure at the same moment.

    The oracle cannot tell the moment where the mapping's root is a directive.
    """
    if "error" in own or "error" in theirs:
        same_moment = own.get("refused") == theirs.get("refused") or ROOT in case.get("mapping", ())
        return "error" in own and "error" in theirs and same_moment
    return json.dumps(own["ok"]) == json.dumps(theirs.get("ok"))


def differences(cases: Sequence[Case]) -> Iterator[Case]:
    """The cases that Tockwork and Segment answer differently, those that are meant to be aside."""
    for case, theirs in zip(cases, answers(cases), strict=True):
        if not agree(case, own_answer(case), theirs) and not is_meant(case):
            yield case


def report(case: Case) -> str:
    """A differing case made small, and both answers to it."""
    small = smaller(case)
    (theirs,) = answers([small])
    parts = {"case": small, "Segment": theirs, "Tockwork": own_answer(small)}
    return "\n".join(f"{label}: {json.dumps(part)}" for label, part in parts.items())


def smaller(case: Case) -> Case:
    """The smallest case that still differs, as far as leaving parts out gets."""
    for _ in range(ROUNDS):
        candidates = sorted((part for part in _reduced(case) if _size(part) < _size(case)), key=_size)
        found = next(differences(_spread(candidates)), None)
        if found is None:
            return case
        case = found
    return case


def _size(value: Any) -> int:
    return len(str(value))


def _spread(candidates: list[Case]) -> list[Case]:
    return candidates[:: len(candidates) // CANDIDATES + 1]


def _reduced(value: Any) -> Iterator[Any]:
    """Every value that is `value` with one part left out, or replaced by a part of its own."""
    if isinstance(value, dict):
        yield from _reduced_object(value)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            before, after = value[:position], value[position + 1 :]
            yield from ([*before, *after], item)
            yield from ([*before, part, *after] for part in _reduced(item))
    elif isinstance(value, str) and value:
        middle = len(value) // 2
        yield from (value[:middle], value[middle:])
        yield from (value[:at] + value[at + 1 :] for at in range(min(len(value), 200)))


def _reduced_object(value: dict[str, Any]) -> Iterable[Any]:
    is_case = "kind" in value
    for key in value:
        if not is_case:
            yield {other: part for other, part in value.items() if other != key}
            yield value[key]
        if key != "kind":
            same_type = type(value[key])
            yield from ({**value, key: part} for part in _reduced(value[key]) if not is_case or type(part) is same_type)
