from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.ingest.decode import MAX_DEPTH
from tockwork.ingest.parse import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, Parsed, parse
from tockwork.ingest.stamp import MAX_USER_AGENT, Arrival
from tockwork.model.errors import EventError
from tockwork.model.event import CALLS

RECEIVED_AT = 1_795_132_800.25
RECEIVED_ISO = "2026-11-20T00:00:00.250Z"
BACKEND = Arrival(RECEIVED_AT)
BROWSER = Arrival(RECEIVED_AT, browser=True, ip="203.0.113.7", user_agent="Mozilla/5.0")


def read(body: Any, call: str = "track", arrival: Arrival = BACKEND) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    ids = (f"id-{number}" for number in itertools.count(1))
    return parse(raw, call, arrival, lambda: next(ids))


def accepted(body: Any, call: str = "track", arrival: Arrival = BACKEND) -> dict[str, Any]:
    parsed = read(body, call, arrival)
    assert parsed.refusals == []
    (entry,) = parsed.entries
    event: dict[str, Any] = json.loads(entry)
    assert parsed.message_ids == [event["messageId"]]
    return event


def batched(batch: dict[str, Any], arrival: Arrival = BACKEND) -> list[dict[str, Any]]:
    return [json.loads(entry) for entry in read(batch, "batch", arrival).entries]


def refusal(body: Any, call: str = "track") -> tuple[str, str]:
    """Code and message, whether the body or its one event was refused."""
    try:
        parsed = read(body, call)
    except EventError as problem:
        return problem.code, str(problem)
    assert parsed.entries == []
    (only,) = parsed.refusals
    return only.code, only.message


TRACK = {"event": "Order Completed", "userId": "u-1"}


class TestStamps:
    def test_a_bare_event_gets_all_it_lacks(self) -> None:
        assert accepted({"event": "Ping"}) == {
            "type": "track",
            "event": "Ping",
            "messageId": "id-1",
            "receivedAt": RECEIVED_ISO,
            "timestamp": RECEIVED_ISO,
        }

    def test_what_the_client_said_stays(self) -> None:
        sent = {
            **TRACK,
            "type": "track",
            "messageId": "m-1",
            "timestamp": "2020-01-01T00:00:00Z",
            "sentAt": "2020-01-01T00:00:05Z",
            "properties": {"total": 12.5, "nothing": None, "list": [1, "é", True]},
            "somethingNew": {"a": 1},
        }
        assert accepted(sent) == {**sent, "receivedAt": RECEIVED_ISO}

    def test_received_at_is_the_servers_to_say(self) -> None:
        assert accepted({**TRACK, "receivedAt": "1999-01-01T00:00:00Z"})["receivedAt"] == RECEIVED_ISO

    def test_the_write_key_is_read_and_not_kept(self) -> None:
        parsed = read({**TRACK, "writeKey": "wk-1"})
        assert parsed.write_key == "wk-1"
        assert b"wk-1" not in parsed.entries[0]
        parsed = read({"writeKey": "wk-2", "batch": [{**TRACK, "type": "track", "writeKey": "wk-3"}]}, "batch")
        assert parsed.write_key == "wk-2"
        assert b"wk-" not in parsed.entries[0]

    @pytest.mark.parametrize("write_key", [None, 7, {"a": 1}, ["wk"]])
    def test_a_write_key_that_is_no_string_is_none(self, write_key: Any) -> None:
        assert read({**TRACK, "writeKey": write_key}).write_key is None

    @pytest.mark.parametrize(
        ("sent", "kept"), [("m", "m"), ("", "id-1"), (None, "id-1"), (12, "12"), (True, "id-1"), ({}, "id-1")]
    )
    def test_message_ids(self, sent: Any, kept: str) -> None:
        assert accepted({**TRACK, "messageId": sent})["messageId"] == kept

    @pytest.mark.parametrize("call", CALLS)
    def test_the_endpoint_names_the_type(self, call: str) -> None:
        assert accepted({**TRACK, "type": "nonsense"}, call)["type"] == call


class TestTimestamps:
    """Segment, "Spec: Common fields": timestamp = receivedAt - (sentAt - originalTimestamp)."""

    def when(self, **fields: Any) -> str:
        timestamp: str = accepted({**TRACK, **fields})["timestamp"]
        return timestamp

    def test_a_wrong_clock_is_corrected_by_sent_at(self) -> None:
        # The client's clock is a year behind; it sent the event a minute after it happened.
        wrong = {"originalTimestamp": "2025-11-20T10:00:00.000Z", "sentAt": "2025-11-20T10:01:00.000Z"}
        assert self.when(**wrong) == "2026-11-19T23:59:00.250Z"

    def test_a_batchs_sent_at_counts_for_its_events(self) -> None:
        event = {**TRACK, "type": "track", "originalTimestamp": "2025-11-20T10:00:00+00:00"}
        late = {**event, "sentAt": "2025-11-20T10:00:10Z"}
        first, second = batched({"sentAt": "2025-11-20T11:01:00+01:00", "batch": [event, late]})
        assert (first["timestamp"], first["sentAt"]) == ("2026-11-19T23:59:00.250Z", "2025-11-20T11:01:00+01:00")
        assert (second["timestamp"], second["sentAt"]) == ("2026-11-19T23:59:50.250Z", "2025-11-20T10:00:10Z")

    def test_without_sent_at_the_clients_clock_is_believed(self) -> None:
        assert self.when(originalTimestamp="2026-11-01T12:00:00") == "2026-11-01T12:00:00.000Z"

    def test_sent_at_alone_says_nothing_of_the_event(self) -> None:
        assert self.when(sentAt="2025-11-20T10:01:00.000Z") == RECEIVED_ISO

    @given(st.integers(-2_000_000_000_000, 7_000_000_000_000))
    def test_milliseconds_are_exact(self, milliseconds: int) -> None:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
        text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert self.when(originalTimestamp=text) == text

    @pytest.mark.parametrize("timestamp", [None, ""])
    def test_an_empty_timestamp_is_a_missing_one(self, timestamp: Any) -> None:
        assert self.when(timestamp=timestamp) == RECEIVED_ISO

    @pytest.mark.parametrize("original", ["yesterday", 5, {}, "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z"])
    def test_an_unreadable_original_is_ignored(self, original: Any) -> None:
        assert self.when(originalTimestamp=original) == RECEIVED_ISO

    def test_a_clock_off_by_millennia_is_ignored(self) -> None:
        assert self.when(originalTimestamp="9999-12-31T00:00:00Z", sentAt="0002-01-01T00:00:00Z") == RECEIVED_ISO


class TestBrowsers:
    def test_an_origin_header_fills_in_the_client(self) -> None:
        context = accepted(TRACK, arrival=BROWSER)["context"]
        assert context == {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}

    def test_analytics_js_fills_in_the_client_without_a_header(self) -> None:
        arrival = msgspec.structs.replace(BROWSER, browser=False)
        event = {**TRACK, "context": {"library": {"name": "analytics.js", "version": "next-1"}}}
        assert accepted(event, arrival=arrival)["context"]["ip"] == "203.0.113.7"

    @pytest.mark.parametrize("library", [{"name": "analytics-node"}, "analytics.js", None, []])
    def test_a_backends_address_stands_for_no_shopper(self, library: Any) -> None:
        arrival = msgspec.structs.replace(BROWSER, browser=False)
        event = {**TRACK, "context": {"library": library}}
        assert accepted(event, arrival=arrival)["context"] == {"library": library}

    def test_what_the_browser_said_stays(self) -> None:
        said = {"ip": "0.0.0.0", "userAgent": None}
        assert accepted({**TRACK, "context": said}, arrival=BROWSER)["context"] == said

    def test_a_null_context_is_filled(self) -> None:
        assert accepted({**TRACK, "context": None}, arrival=BROWSER)["context"]["ip"] == "203.0.113.7"

    def test_nothing_is_made_up(self) -> None:
        assert accepted(TRACK, arrival=Arrival(RECEIVED_AT, browser=True))["context"] == {}

    def test_a_huge_user_agent_is_cut(self) -> None:
        arrival = Arrival(RECEIVED_AT, browser=True, user_agent="x" * 50_000)
        assert accepted(TRACK, arrival=arrival)["context"]["userAgent"] == "x" * MAX_USER_AGENT


class TestBatches:
    def test_shared_context_and_integrations_are_merged_and_the_events_own_win(self) -> None:
        batch = {
            "context": {"library": {"name": "shared"}, "ip": "192.0.2.1"},
            "integrations": {"All": False, "TikTok": True},
            "batch": [
                {**TRACK, "type": "track", "context": {"ip": "192.0.2.2", "locale": "en"}},
                {"type": "page", "integrations": {"All": True}, "context": None},
            ],
        }
        first, second = batched(batch)
        assert first["context"] == {"library": {"name": "shared"}, "ip": "192.0.2.2", "locale": "en"}
        assert first["integrations"] == {"All": False, "TikTok": True}
        assert second["context"] == {"library": {"name": "shared"}, "ip": "192.0.2.1"}
        assert second["integrations"] == {"All": True, "TikTok": True}

    def test_a_bad_event_is_refused_alone(self) -> None:
        events = [{**TRACK, "type": "track"}, {"type": "track"}, 7, {"type": "buy"}, {"type": "identify"}]
        parsed = read({"batch": events}, "batch")
        assert [json.loads(entry)["type"] for entry in parsed.entries] == ["track", "identify"]
        assert [(refused.index, refused.code) for refused in parsed.refusals] == [
            (1, "missing_event_name"),
            (2, "invalid_event"),
            (3, "unknown_type"),
        ]

    def test_an_empty_batch_is_no_error(self) -> None:
        assert read({"batch": []}, "batch") == Parsed(None, [], [], [], 0)

    @pytest.mark.parametrize("body", [{}, {"batch": None}, {"batch": {}}, [], 1, "x", {"batch": [], "context": 1}])
    def test_not_a_batch(self, body: Any) -> None:
        assert refusal(body, "batch")[0] == "invalid_batch"

    def test_a_shared_context_cannot_be_multiplied_into_gigabytes(self) -> None:
        context = {"junk": "x" * 15_000}
        batch = {"context": context, "batch": [{"type": "page"}] * 20_000}
        assert refusal(batch, "batch")[0] == "batch_too_large"

    def test_a_shared_context_counts_with_each_event(self) -> None:
        batch = {"context": {"a": "x" * 20_000}, "batch": [{"type": "page", "properties": {"b": "y" * 20_000}}]}
        assert refusal(batch, "batch")[0] == "event_too_large"


class TestValidation:
    @pytest.mark.parametrize("name", [None, "", 7, {"a": 1}])
    def test_a_track_call_needs_a_name(self, name: Any) -> None:
        assert refusal({"event": name})[0] == "missing_event_name"

    def test_the_other_calls_need_none(self) -> None:
        for call in CALLS:
            if call != "track":
                assert accepted({}, call)["type"] == call

    def test_ids_are_not_needed(self) -> None:
        assert "userId" not in accepted({"event": "Ping"})

    @pytest.mark.parametrize("field", ["properties", "context", "traits", "integrations"])
    @pytest.mark.parametrize(
        ("value", "found"), [("jane@example.com", "a string"), ([], "a list"), (True, "a boolean")]
    )
    def test_objects_must_be_objects(self, field: str, value: Any, found: str) -> None:
        assert refusal({**TRACK, field: value}) == ("field_type", f"{field}: expected an object, found {found}")

    @pytest.mark.parametrize("field", ["properties", "context", "traits", "integrations"])
    def test_null_is_as_good_as_absent(self, field: str) -> None:
        assert accepted({**TRACK, field: None})[field] is None

    @pytest.mark.parametrize(("kind", "found"), [("Track", "another string"), (None, "nothing"), (4.5, "a number")])
    def test_unknown_types(self, kind: Any, found: str) -> None:
        code, message = refusal({"batch": [{"type": kind, "event": "x"}]}, "batch")
        assert code == "unknown_type"
        assert message.endswith(found)

    @pytest.mark.parametrize("body", [[], 1, "x", None, True])
    def test_a_call_is_an_object(self, body: Any) -> None:
        assert refusal(body)[0] == "invalid_event"

    def test_messages_show_no_values(self) -> None:
        secret = "jane@example.com"
        bodies = [
            ("track", secret),
            ("track", {"event": "x", "properties": secret}),
            ("track", {"event": [secret]}),
            ("batch", {"batch": [{"type": secret}]}),
            ("batch", {"batch": secret}),
            ("track", f'{{"event": "{secret}" "x"}}'.encode()),
        ]
        for call, body in bodies:
            assert secret not in refusal(body, call)[1]


class TestSizes:
    def sized(self, size: int) -> bytes:
        body = json.dumps({"type": "track", "event": "x", "properties": {"a": ""}}).encode()
        return body.replace(b'"a": ""', b'"a": "' + b"x" * (size - len(body)) + b'"')

    def test_a_call_at_its_limit(self) -> None:
        assert accepted(self.sized(MAX_EVENT_BYTES))
        assert refusal(self.sized(MAX_EVENT_BYTES + 1))[0] == "event_too_large"

    def test_an_event_in_a_batch_at_its_limit(self) -> None:
        parsed = read(b'{"batch": [%b, %b]}' % (self.sized(MAX_EVENT_BYTES), self.sized(MAX_EVENT_BYTES + 1)), "batch")
        assert len(parsed.entries) == 1
        assert [(refused.index, refused.code) for refused in parsed.refusals] == [(1, "event_too_large")]

    def test_a_batch_at_its_limit(self) -> None:
        body = b'{"batch": [' + b",".join([self.sized(1000)] * 500) + b"]"
        body = body + b" " * (MAX_BATCH_BYTES - len(body) - 1) + b"}"
        assert len(read(body, "batch").entries) == 500
        assert refusal(body + b" ", "batch")[0] == "batch_too_large"


class TestMalformed:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"{",
            b"nope",
            b'{"event": "x",}',
            b"{'event': 'x'}",
            b'{"event": "x"} {}',
            b'{"event": 01}',
            b'{"event": "\x00"}',
            b'{"event": "tab\there"}',
            b'\xef\xbb\xbf{"event": "x"}',
            '{"event": "x"}'.encode("utf-16"),
            b'{"event": "\xff"}',
            b'{"event": "\xed\xa0\x80"}',
            b'{"event": "\xf4\x90\x80\x80"}',
            b'{"\xc3": 1, "event": "x"}',
            b'{"event": "\\ud800"}',
            b'{"event": "\\udc00"}',
            b'{"event": "\\ud800\\u0041"}',
            b'{"event": "\\ud800", "properties": {"a": NaN}}',
            b'{"event": "\\x"}',
            b'{"event": NotANumber}',
        ],
    )
    def test_no_json(self, body: bytes) -> None:
        assert refusal(body)[0] == "invalid_json"

    @pytest.mark.parametrize("bad", [b'"\xff"', b"01", b'"\x00"', b'"\\x"', b'"\\ud800', b"nul"])
    def test_a_batch_that_is_no_json_is_refused_whole(self, bad: bytes) -> None:
        body = b'{"batch": [{"type": "page"}, {"type": "page", "properties": {"a": %b}}]}' % bad
        assert refusal(body, "batch")[0] == "invalid_json"

    @pytest.mark.parametrize(
        "bad",
        [
            b'{"type": "page", "name": "\\ud83d"}',
            b'{"type": "page", "name": "\\udc00 \xe4\xb8\xad"}',
            b'{"type": "page", "\\ud83d": 1, "a": NaN}',
            b'"\\ud800"',
            b'{"type": "page", "messageId": "\\ud800"}',
        ],
    )
    @pytest.mark.parametrize(
        "good", [b'{"type": "page"}', b'{"type": "page", "a": NaN, "b": "\xe4\xb8\xad \\ud83d\\ude00"}']
    )
    def test_a_lone_surrogate_costs_its_own_event_alone(self, bad: bytes, good: bytes) -> None:
        parsed = read(b'{"sentAt": "x", "writeKey": "wk", "batch": [%b, %b, %b]}' % (good, bad, good), "batch")
        assert [(refused.index, refused.code) for refused in parsed.refusals] == [(1, "invalid_json")]
        assert parsed.write_key == "wk"
        for entry in parsed.entries:
            event = json.loads(entry)
            assert (event["sentAt"], event.get("b", "中 😀")) == ("x", "中 😀")
        assert len(parsed.entries) == 2

    @pytest.mark.parametrize(
        "beside", [b'"context": {"a": "\\ud800"}', b'"integrations": {"\\ud800": 1}', b'"\\ud800": 1']
    )
    def test_a_lone_surrogate_beside_the_events_costs_them_all(self, beside: bytes) -> None:
        assert refusal(b'{%b, "batch": [{"type": "page"}]}' % beside, "batch")[0] == "invalid_json"

    def test_a_write_key_with_a_lone_surrogate_is_no_key_of_ours(self) -> None:
        assert read(b'{"writeKey": "\\ud800", "batch": []}', "batch").write_key == "\ud800"

    def test_bad_utf8_in_what_is_skipped(self) -> None:
        assert refusal(b'{"batch": [], "other": "\xff"}', "batch")[0] == "invalid_json"

    @pytest.mark.parametrize(
        ("call", "opening", "closing", "depth"),
        [("batch", b"[", b"]", 200_000), ("batch", b'{"a":', b"}", 80_000), ("track", b"[", b"]", 16_000)],
    )
    @pytest.mark.parametrize(("number", "code"), [(b"1", "too_deep"), (b"NaN", "invalid_json")])
    def test_too_deep_to_read(
        self, call: str, opening: bytes, closing: bytes, depth: int, number: bytes, code: str
    ) -> None:
        event = b'{"type": "page", "properties": {"n": %b, "a": %b1%b}}' % (number, opening * depth, closing * depth)
        assert refusal(b'{"batch": [%b]}' % event if call == "batch" else event, call)[0] == code
        assert refusal(event[:30_000])[0] == code  # as if cut off on its way

    def test_deep_but_readable_is_refused_alone(self) -> None:
        def nested(depth: int) -> dict[str, Any]:
            value: Any = 1
            for _ in range(depth - 2):
                value = [value]
            return {"type": "page", "properties": {"a": value}}

        parsed = read({"batch": [nested(MAX_DEPTH), nested(MAX_DEPTH + 1), nested(500)]}, "batch")
        assert len(parsed.entries) == 1
        assert [(refused.index, refused.code) for refused in parsed.refusals] == [(1, "too_deep"), (2, "too_deep")]

    def test_as_many_events_as_a_batch_may_have(self) -> None:
        batch = {"batch": [{"type": "page"}] * MAX_BATCH_EVENTS}
        assert len(read(batch, "batch").entries) == MAX_BATCH_EVENTS
        batch["batch"].append({"type": "page"})
        assert refusal(batch, "batch")[0] == "batch_too_large"

    def test_a_deep_shared_context(self) -> None:
        context = json.loads('{"a":' * 200 + "1" + "}" * 200)
        assert refusal({"context": context, "batch": [{"type": "page"}]}, "batch")[0] == "too_deep"

    def test_many_flat_objects_are_not_deep(self) -> None:
        assert accepted({**TRACK, "properties": {"products": [{"id": n} for n in range(500)]}})


class TestNumbers:
    @pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999", "9" * 5000])
    def test_what_json_cannot_hold_is_read_as_null(self, literal: str) -> None:
        body = f'{{"event": "x", "properties": {{"a": {literal}, "b": 1.5, "c": "NaN", "d": [{literal}]}}}}'
        parsed = read(body.encode())
        assert json.loads(parsed.entries[0])["properties"] == {"a": None, "b": 1.5, "c": "NaN", "d": [None]}
        assert parsed.nulled == 2

    @pytest.mark.parametrize("literal", ["NaN", "1e400"])
    def test_in_a_batch(self, literal: str) -> None:
        event = f'{{"type": "page", "properties": {{"a": {literal}}}}}'
        parsed = read(f'{{"batch": [{event}, {event}, {{"type": "page"}}]}}'.encode(), "batch")
        assert len(parsed.entries) == 3
        assert parsed.nulled == 2

    @pytest.mark.parametrize("number", [2**53 + 1, 2**70, -(2**64), 0, 1e-320, 123456789.123456789])
    def test_other_numbers_stay_exact(self, number: float) -> None:
        assert accepted({**TRACK, "properties": {"a": number}})["properties"]["a"] == number


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)
stamped = ["messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "writeKey"]
keys = st.sampled_from(["type", "event", "batch", "context", "properties", "traits", "integrations", *stamped])
bodies = st.dictionaries(keys, json_values) | json_values


def finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: finite(child) for key, child in value.items()}
    if isinstance(value, list):
        return [finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def outcome(body: bytes, call: str) -> list[str] | Parsed:
    """What was read, or the code that the whole body was refused with."""
    try:
        return read(body, call, BROWSER)
    except EventError as problem:
        return [problem.code]


@given(bodies, st.sampled_from([*CALLS, "batch"]))
def test_any_json_is_accepted_or_refused_with_a_code(body: Any, call: str) -> None:
    parsed = outcome(json.dumps(body).encode(), call)
    if isinstance(parsed, list):
        assert set(parsed) <= {"invalid_event", "invalid_batch", "invalid_json"}
        return
    expected = 1 if call != "batch" else len(body["batch"])
    assert len(parsed.entries) + len(parsed.refusals) == expected
    for entry, message_id in zip(parsed.entries, parsed.message_ids, strict=True):
        event = json.loads(entry)
        assert event["type"] in CALLS
        assert event["messageId"] == message_id
        assert event["receivedAt"] == RECEIVED_ISO


@given(st.dictionaries(st.text(), json_values))
def test_properties_arrive_as_they_were_sent(properties: dict[str, Any]) -> None:
    assert accepted({**TRACK, "properties": properties})["properties"] == finite(properties)


@given(st.binary(max_size=200), st.sampled_from(["track", "batch"]))
def test_any_bytes_are_read_or_refused_with_a_code(body: bytes, call: str) -> None:
    parsed = outcome(body, call)
    if isinstance(parsed, list):
        assert set(parsed) <= {"invalid_event", "invalid_batch", "invalid_json"}
