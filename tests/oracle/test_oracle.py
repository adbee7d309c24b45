"""Tockwork's triggers and mappings against Segment's own code, on random cases.

`TOCKWORK_SEED` repeats a run; a failure prints its seed.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator

import comparison
import pytest
from comparison import differences, own_answer, report
from exceptions import DIFFERENCES
from generators import mapping_cases, trigger_cases
from harness import Case, answers

from tockwork.rules.directives import DIRECTIVES

Generator = Callable[[random.Random, int], Iterator[Case]]

KINDS = pytest.mark.parametrize("generate", [mapping_cases, trigger_cases])
BATCH = 2_000


def seed() -> int:
    return int(os.environ.get("TOCKWORK_SEED") or random.SystemRandom().randrange(10**9))


def compare(generate: Generator, count: int) -> None:
    number = seed()
    rng = random.Random(number)
    for _ in range(0, count, BATCH):
        for case in differences(list(generate(rng, min(count, BATCH)))):
            pytest.fail(f"TOCKWORK_SEED={number} repeats this:\n{report(case)}", pytrace=False)


@KINDS
def test_random_cases(generate: Generator) -> None:
    compare(generate, 2_000)


@KINDS
@pytest.mark.faults
@pytest.mark.timeout(600)
def test_many_random_cases(generate: Generator) -> None:
    compare(generate, 20_000)


def test_a_difference_is_seen_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "own_answer", lambda case: {"ok": True})
    cases = list(trigger_cases(random.Random(7), 50))
    found = list(differences(cases))
    assert 10 < len(found) < 50
    assert 'case: {"kind": "trigger", "trigger": "", "event": {}}' in report(found[0])


def test_the_oracle_speaks_as_agreed() -> None:
    track = {"kind": "trigger", "event": {"type": "track"}}
    mapping = {"kind": "mapping", "event": {"type": "track"}}
    cases: list[Case] = [
        {**track, "trigger": 'type = "track"'},
        {**track, "trigger": "type ="},
        {**mapping, "mapping": {"a": {"@path": "$.type"}}},
        {**mapping, "mapping": {"@path": "$.missing"}},
    ]
    assert list(answers(cases)) == [{"ok": True}, {"ok": False}, {"ok": {"a": "track"}}, {}]
    refused: list[Case] = [{**mapping, "mapping": {"@path": 1}}, {**mapping, "mapping": {"a": [{"@path": 1}]}}]
    assert [answer["refused"] for answer in answers(refused)] == [True, False]


def test_random_mappings_cover_every_directive_and_liquid_often() -> None:
    texts = [json.dumps(case["mapping"]) for case in mapping_cases(random.Random(3), 1_000)]
    for name in DIRECTIVES:
        assert sum(f'"{name}"' in text for text in texts) > 50, name
    assert sum('"@liquid"' in text for text in texts) > 150


def test_random_cases_are_neither_all_right_nor_all_wrong() -> None:
    rng = random.Random(3)
    found = [own_answer(case) for case in [*mapping_cases(rng, 500), *trigger_cases(rng, 500)]]
    failed = sum("error" in answer for answer in found)
    assert 100 < failed < 500
    assert sum(answer.get("ok") is True for answer in found) > 50


def test_the_differences_are_few() -> None:
    assert len(DIFFERENCES) <= 8
