"""Fault scripts: how they are read, and which requests they hit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tockwork.model.errors import ConfigurationError
from tockwork.model.event import Envelope
from tockwork.sandbox.faults import (
    Answer,
    Drip,
    Http,
    Partial,
    Plan,
    Refuse,
    Reset,
    Script,
    Truncate,
    decode_script,
    load_script,
    parse_script,
)

ENVELOPE = Envelope("web", "PIXEL")
ROWS: list[dict[str, Any]] = [
    {"event": "Purchase", "event_id": "good", "properties": {"contents": [{"content_id": "a"}]}},
    {"event": "Lead", "event_id": "poison", "properties": {"contents": [{"content_id": "b"}, {"content_id": "c"}]}},
    {"event": "Purchase", "event_id": "poison"},
]
BAD_GATEWAY = {"kind": "http", "status": 502}


def plan(script: Script, token: str = "t", envelope: Envelope = ENVELOPE, rows: Any = ROWS) -> Plan:
    return script.plan(token, envelope, rows)


def hit(script: Script, **request: Any) -> bool:
    return plan(script, **request).action is not None


def test_without_steps_nothing_happens() -> None:
    assert plan(Script()) == Plan()


@pytest.mark.parametrize(
    ("written", "action"),
    [
        ({"kind": "reset"}, Reset("before")),
        ({"kind": "reset", "when": "after"}, Reset("after")),
        ({"kind": "answer", "code": 40100}, Answer(40100)),
        (
            {"kind": "answer", "code": 40105, "status": 200, "message": "no", "retry_after": 2},
            Answer(40105, 200, "no", 2),
        ),
        ({"kind": "http", "status": 503}, Http(503)),
        (
            {"kind": "http", "status": 200, "body": "garbage", "retry_after": 1.5, "accept": True},
            Http(200, "garbage", 1.5, accept=True),
        ),
        ({"kind": "drip"}, Drip(3, 0.05)),
        ({"kind": "drip", "bytes": 1, "every": 0}, Drip(1, 0)),
        ({"kind": "truncate", "keep": 0}, Truncate(0)),
        ({"kind": "partial", "named": False}, Partial(named=False)),
        ({"kind": "refuse"}, Refuse(named=True)),
    ],
)
def test_every_kind_of_action_can_be_written(written: dict[str, Any], action: Any) -> None:
    assert plan(parse_script([{"action": written}])).action == action


def test_steps_run_out_one_after_another() -> None:
    script = parse_script(
        [
            {"times": 2, "action": BAD_GATEWAY},
            {"times": 1, "action": {"kind": "answer", "code": 40100}},
        ]
    )
    assert [plan(script).action for _ in range(4)] == [Http(502), Http(502), Answer(40100), None]


def test_a_step_can_leave_out_the_first_requests() -> None:
    script = parse_script([{"after": 2, "times": 2, "action": BAD_GATEWAY}])
    assert [hit(script) for _ in range(6)] == [False, False, True, True, False, False]


def test_latency_adds_up_and_lets_later_steps_act() -> None:
    script = parse_script(
        [
            {"action": {"kind": "latency", "seconds": 0.5}},
            {"times": 1, "action": {"kind": "latency", "seconds": 1}},
            {"times": 1, "action": BAD_GATEWAY},
        ]
    )
    first, second = plan(script), plan(script)
    assert (first.delay_s, first.action) == (1.5, Http(502))
    assert (second.delay_s, second.action, second.name) == (0.5, None, "latency")


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        ({}, (0,)),
        ({"token": "t"}, (0,)),
        ({"token": "other"}, None),
        ({"event_source": "web"}, (0,)),
        ({"event_source": "crm"}, None),
        ({"event_source_id": "PIXEL"}, (0,)),
        ({"event_source_id": "OTHER"}, None),
        ({"test": False}, (0,)),
        ({"test": True}, None),
        ({"event": "Lead"}, (1,)),
        ({"event": "Purchase"}, (0, 2)),
        ({"event": "Contact"}, None),
        ({"row": {"event_id": "poison"}}, (1, 2)),
        ({"event": "Purchase", "row": {"event_id": "poison"}}, (2,)),
        ({"row": {"properties.contents.1.content_id": "c"}}, (1,)),
        ({"row": {"properties.contents.7.content_id": "c"}}, None),
        ({"row": {"properties.value": None, "event_id": "good"}}, (0,)),
        ({"token": "other", "row": {"event_id": "poison"}}, None),
    ],
)
def test_conditions(match: dict[str, Any], hits: tuple[int, ...] | None) -> None:
    made = plan(parse_script([{"match": match, "action": {"kind": "refuse"}}]))
    assert (made.hits if made.action else None) == hits


def test_test_events_can_be_told_apart() -> None:
    script = parse_script([{"match": {"test": True}, "action": {"kind": "refuse"}}])
    assert hit(script, envelope=Envelope("web", "PIXEL", "TEST12345"))
    assert not hit(script)


def test_a_request_that_does_not_match_uses_up_nothing() -> None:
    script = parse_script([{"match": {"token": "t"}, "times": 1, "action": BAD_GATEWAY}])
    assert not hit(script, token="other")
    assert hit(script)
    assert not hit(script)


def test_chance_is_seeded_and_independent_of_other_steps() -> None:
    step = {"probability": 0.3, "action": BAD_GATEWAY}
    draws = [hit(script) for script in [parse_script({"seed": 7, "steps": [step]})] for _ in range(1000)]
    again = [hit(script) for script in [parse_script({"seed": 7, "steps": [step]})] for _ in range(1000)]
    other = [hit(script) for script in [parse_script({"seed": 8, "steps": [step]})] for _ in range(1000)]
    assert draws == again
    assert draws != other
    assert 230 < sum(draws) < 370
    assert not any(hit(parse_script([{"probability": 0, "action": BAD_GATEWAY}])) for _ in range(50))


def test_progress_counts_and_restarts() -> None:
    script = parse_script([{"after": 1, "times": 1, "action": BAD_GATEWAY}])
    for _ in range(3):
        plan(script)
    assert [(progress.seen, progress.done) for progress in script.progress] == [(3, 1)]
    script.restart()
    assert [hit(script) for _ in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    ("script", "where", "what"),
    [
        ({"steps": 5}, "steps", "Expected `array`"),
        ({}, "", "steps"),
        ("reset", "", "Expected `object`"),
        ([{"action": {"kind": "explode"}}], "steps[0].action.kind", "explode"),
        ([{"action": {}}], "steps[0].action", "kind"),
        ([{}], "steps[0]", "action"),
        ([{"action": {"kind": "latency"}}], "steps[0].action", "seconds"),
        ([{"action": {"kind": "latency", "seconds": -1}}], "steps[0].action.seconds", ">= 0"),
        ([{"action": {"kind": "http", "status": 99}}], "steps[0].action.status", ">= 200"),
        ([{"action": {"kind": "http", "status": 500, "body": "pdf"}}], "steps[0].action.body", "pdf"),
        ([{"action": {"kind": "drip", "bytes": 0}}], "steps[0].action.bytes", ">= 1"),
        ([{"action": {"kind": "reset", "wen": "after"}}], "steps[0].action", "wen"),
        ([{"action": BAD_GATEWAY, "times": -1}], "steps[0].times", ">= 0"),
        ([{"action": BAD_GATEWAY, "probability": 2}], "steps[0].probability", "<= 1"),
        ([{"action": BAD_GATEWAY, "match": {"rows": {}}}], "steps[0].match", "rows"),
    ],
)
def test_a_wrong_script_says_where_and_what(script: Any, where: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_script(script)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert what in problem.what


def test_all_wrong_steps_are_reported_together_with_the_kinds_there_are() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_script([{"action": {"kind": "no"}}, {"action": BAD_GATEWAY}, {"action": {"kind": "drip", "bytes": "x"}}])
    assert [problem.where for problem in caught.value.problems] == ["steps[0].action.kind", "steps[2].action.bytes"]
    assert "latency, reset" in caught.value.problems[0].mend


def test_scripts_from_files(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"action": BAD_GATEWAY}]))
    assert hit(load_script(path))

    path.write_text("[{]")
    with pytest.raises(ConfigurationError, match=r"faults\.json: no JSON"):
        load_script(path)

    path.write_text(json.dumps([{"action": {"kind": "no"}}]))
    with pytest.raises(ConfigurationError, match=r"faults\.json: steps\[0\]\.action\.kind"):
        load_script(path)

    with pytest.raises(ConfigurationError, match=r"missing\.json: the file cannot be read"):
        load_script(tmp_path / "missing.json")


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_a_configuration_error(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no JSON"):
        decode_script(text)
