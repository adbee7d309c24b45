"""Our Liquid engine against Segment's, on random templates.

`TOCKWORK_SEED` repeats a run; a failure prints its seed.
"""

from __future__ import annotations

import functools
import json
import os
import random
import sys
import unicodedata

import pytest
from harness import Answer, Case, answers
from liquid_templates import event, template
from liquid_values import DISABLED_FILTERS, FILTERS

from tockwork.rules import liquid
from tockwork.rules.liquid import filters

BATCH = 2_000
TAGS = "assign block break capture comment cycle decrement echo else elsif if increment liquid raw unless #"


def own_answer(case: Case) -> Answer:
    try:
        return {"ok": liquid.compile(case["template"]).render(case["event"])}
    except liquid.LiquidError as error:
        return {"error": str(error)}


@functools.cache
def newer_letters() -> dict[int, str]:
    """Letters whose other case only the younger of two Unicode versions knows, Node's and Python's: all one sign.

    Their number depends on the versions at hand, so that they say nothing of Tockwork.
    """
    known = [
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")
    ]
    found: dict[int, str] = {}
    for change, own in (("upcase", str.upper), ("downcase", str.lower)):
        cases = [
            {"template": f"{{{{ text | {change} }}}}", "event": {"text": "|".join(known[start : start + 1_000])}}
            for start in range(0, len(known), 1_000)
        ]
        theirs = [letter for answer in answers(cases, "liquid_oracle.cjs") for letter in answer["ok"].split("|")]
        for letter, other in zip((each for each in known if each != "|"), filter(None, theirs), strict=True):
            if own(letter) != other:
                found |= dict.fromkeys(map(ord, own(letter) + other), "\N{REPLACEMENT CHARACTER}")
    return found


def told(answer: Answer) -> str | None:
    text = answer.get("ok")
    return text if text is None else str(text).translate(newer_letters())


def compare(count: int) -> None:
    seed = int(os.environ.get("TOCKWORK_SEED") or random.SystemRandom().randrange(10**9))
    rng = random.Random(seed)
    for _ in range(0, count, BATCH):
        cases = [{"template": template(rng), "event": event(rng)} for _ in range(min(count, BATCH))]
        for case, wanted in zip(cases, answers(cases, "liquid_oracle.cjs"), strict=True):
            found = own_answer(case)
            if wanted.get("ok") != found.get("ok") and told(wanted) != told(found):
                report = f"TOCKWORK_SEED={seed}\n{json.dumps(case)}\nSegment: {wanted}\nTockwork: {found}"
                pytest.fail(report, pytrace=False)


def test_random_templates() -> None:
    compare(4_000)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_many_random_templates() -> None:
    compare(50_000)


def test_most_random_templates_render_and_some_are_refused() -> None:
    rng = random.Random(5)
    found = [own_answer({"template": template(rng), "event": event(rng)}) for _ in range(1_000)]
    assert 500 < sum("ok" in answer for answer in found) < 950
    assert len({answer.get("ok") for answer in found}) > 400


def test_random_templates_use_every_tag_and_filter() -> None:
    rng = random.Random(6)
    text = "\n".join(template(rng) for _ in range(3_000))
    assert [name for name in TAGS.split() if f"{name} " not in text] == []
    assert [name for name in DISABLED_FILTERS + FILTERS if name not in text] == []
    assert {name for name in filters.FILTERS if name not in FILTERS} == filters.DISABLED | {"sample"}
