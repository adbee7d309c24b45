"""What TikTok's answers mean: the response table and its reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.destinations.tiktok import responses
from tockwork.model.outcome import Answer, Verdict
from tockwork.model.reasons import REASONS

NOW = 1_795_132_800.0  # 2026-11-20T00:00:00Z

VERDICTS = {
    Verdict.DELIVERED: [0],
    Verdict.THROTTLED: [40016, 40100, 40132, 40133],
    Verdict.BLOCKED: [40001, 40007, 40101, 40102, 40103, 40104, 40105, 40107, 40110, 40113, 40131],
    Verdict.AT_FAULT: [40000, 40002, 40062],
    Verdict.TOO_LARGE: [40061],
    Verdict.PARTIAL: [20001],
    Verdict.RETRY: [50000, 50001, 50002, 51001, 51021, 51065, 51305, 59999, 60001],
    Verdict.UNKNOWN: [-1, 1, 200, 20000, 20002, 40003, 40063, 40099, 40106, 41000, 42900, 49999, 60000, 60002, 70000],
}
CODES = [(code, verdict) for verdict, codes in VERDICTS.items() for code in codes]


def read(
    answer: Any,
    *,
    status: int | None = 200,
    headers: Mapping[str, str] | None = None,
    rows: int = 1000,
) -> Answer:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return responses.read(status, headers or {}, body, rows, lambda text: text, NOW)


def said(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": "202303141300390EF6F5D96D1798201C51", "data": {}}


@pytest.mark.parametrize(("code", "verdict"), CODES)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 429, 500, 503])
def test_the_code_decides_whatever_the_status(code: int, verdict: Verdict, status: int) -> None:
    answer = read(said(code, "OK"), status=status)
    assert answer.verdict is verdict
    assert (answer.code, answer.http_status) == (code, status)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, Verdict.UNKNOWN) for status in (200, 204, 301, 400, 401, 404, 499, 600)),
        *((status, Verdict.RETRY) for status in (500, 502, 599)),
        (429, Verdict.THROTTLED),
    ],
)
@pytest.mark.parametrize("body", [{}, {"code": None}, {"code": "0"}, {"code": True}, {"code": 0.5}, [0], 0, "OK", None])
def test_without_a_code_the_status_decides_and_never_for_success(status: int, verdict: Verdict, body: Any) -> None:
    assert read(body, status=status).verdict is verdict


@pytest.mark.parametrize("status", [None, 200, 301, 400, 401, 403, 404, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code": 0', b'{"code": 0}}', b"\xff\xfe", b"[" * 200_000, b"NaN"])
def test_no_json_is_retried(status: int | None, body: bytes) -> None:
    answer = read(body, status=status)
    assert answer.verdict is Verdict.RETRY
    assert answer.ambiguous
    assert answer.reason in ("unreadable_answer", "platform_error")


def test_no_json_with_429_is_throttled() -> None:
    answer = read(b"<html>slow down</html>", status=429, headers={"Retry-After": "7"})
    assert (answer.verdict, answer.retry_after_s) == (Verdict.THROTTLED, 7.0)


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ("Too many requests. Please retry in some time.", Verdict.THROTTLED),
        ("Requests made too frequently", Verdict.THROTTLED),
        ("", Verdict.THROTTLED),
        ("Access Token is wrong", Verdict.BLOCKED),
        ("Your authorization EXPIRED", Verdict.BLOCKED),
        ("invalid credentials", Verdict.BLOCKED),
        ("tokenized requests are too many", Verdict.THROTTLED),
    ],
)
def test_40100_is_throttling_unless_the_message_speaks_of_the_token(message: str, verdict: Verdict) -> None:
    assert read(said(40100, message), status=401).verdict is verdict


def test_which_answers_leave_open_whether_rows_arrived() -> None:
    ambiguous = {code for code, _ in CODES if read(said(code, "")).ambiguous}
    certain = {0, 40016, 40100, 40132, 40133, 60001, *VERDICTS[Verdict.BLOCKED], *VERDICTS[Verdict.AT_FAULT], 40061}
    assert ambiguous == {code for code, _ in CODES} - certain
    assert read(b"", status=504).ambiguous
    assert not read({}, status=429).ambiguous


@pytest.mark.parametrize(
    ("message", "rows"),
    [
        ("Invalid value for data.3.event_id: not a valid string.", (3,)),
        ("Invalid value for data[3].event_id: not a valid string.", (3,)),
        ("Batch.3.properties.contents.0.content_id: Not a valid string", (3,)),
        ("Invalid value for data.3: refused.", (3,)),
        ("data.3.a and data[1] and data.3.b", (3, 1)),
        ("Invalid value for data.999.event_id", (999,)),
        ("Invalid value for data.0.event_id", (0,)),
        ("Invalid value for data.1000.event_id", ()),
        ("Invalid value for data.99999999999999999999.event_id", ()),
        ("Invalid value for data.-1.event_id", ()),
        ("Invalid value for metadata.3.event_id", ()),
        ("Invalid value for data.3rd.event_id", ()),
        ("Invalid value for event_source_id: not a valid string.", ()),
    ],
)
@pytest.mark.parametrize("code", [40002, 20001])
def test_rows_that_a_message_names(message: str, rows: tuple[int, ...], code: int) -> None:
    assert set(read(said(code, message)).rows) == set(rows)


def test_rows_named_by_other_answers_do_not_count() -> None:
    assert read(said(50000, "data.3.event_id")).rows == ()


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ({"failed_rows": [{"index": 4, "message": "…"}, {"index": 2}]}, {4, 2}),
        ([{"index": 0, "code": 0}, {"index": 1, "code": 40002}], {1}),
        ({"errors": ["Invalid value for data.7.event: …"]}, {7}),
        ({"index": 10}, set()),
        ([{"index": -1}, {"index": 0}, {"index": 1}], {0, 1}),
        ({"index": True, "row": "3"}, set()),
        (None, set()),
        ("text", set()),
    ],
)
def test_rows_that_the_data_names(data: Any, rows: set[int]) -> None:
    assert set(read({"code": 20001, "message": "Partial success.", "data": data}, rows=10).rows) == rows


def test_an_echoed_value_does_not_pose_as_an_index() -> None:
    body = json.dumps(said(40002, "Invalid value for event_id: data.7.x")).encode()
    answer = responses.read(400, {}, body, 10, lambda text: text.replace("data.7.x", "***"), NOW)
    assert answer.rows == ()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("999999", responses.RETRY_AFTER_CAP_S),
        ("Fri, 20 Nov 2026 00:01:00 GMT", 60.0),
        ("Friday, 20-Nov-26 00:01:00 GMT", 60.0),
        ("Thu, 19 Nov 2026 00:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 00:00:00 GMT", responses.RETRY_AFTER_CAP_S),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("1" * 5000, None),
        ("Fri, 99 Nov 2026 00:01:00 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert read(said(40100, "slow down"), headers={"retry-AFTER": value}).retry_after_s == seconds


def test_the_message_is_masked_and_made_one_short_line() -> None:
    body = json.dumps(said(40002, "a\r\nb\x1b[31m\x00 secret " + "x" * 5000)).encode()
    message = responses.read(400, {}, body, 1, lambda text: text.replace("secret", "***"), NOW).message
    assert message.startswith("a b [31m *** xxx")
    assert len(message) == responses.MESSAGE_CHARS


def test_ok_is_not_worth_masking() -> None:
    def mask(text: str) -> str:
        raise AssertionError("the rows of a delivered request are not looked at")

    assert responses.read(200, {}, json.dumps(said(0, "OK")).encode(), 1, mask, NOW).message == ""


@pytest.mark.parametrize("request_id", [None, 3, "with space", "x" * 65, "line\nbreak", "ünï"])
def test_a_strange_request_id_is_dropped(request_id: Any) -> None:
    assert read({"code": 0, "message": "OK", "request_id": request_id}).request_id == ""


def test_the_request_id_is_kept() -> None:
    assert read(said(0, "OK")).request_id == "202303141300390EF6F5D96D1798201C51"


@given(
    status=st.none() | st.integers(100, 599),
    body=st.binary()
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps({"code": value, "message": value, "data": value}).encode()
    ),
    header=st.text(),
)
def test_reading_never_raises_and_code_0_alone_is_success(status: int | None, body: bytes, header: str) -> None:
    answer = responses.read(status, {"Retry-After": header}, body, 5, lambda text: text, NOW)
    assert (answer.verdict is Verdict.DELIVERED) == (answer.code == 0)


def test_every_rule_tells_users_what_to_do() -> None:
    table = responses.TABLE
    for rule in (*table.code, *table.status, table.unreadable, table.unknown):
        assert rule.cause.endswith(".")
        if rule.verdict is not Verdict.DELIVERED:
            assert rule.mend.endswith(".")
            assert rule.reason in REASONS


def test_a_dead_token_is_explained() -> None:
    rule = responses.explain(40105)
    assert "revoked" in rule.cause
    assert "Events Manager" in rule.mend
