"""TikTok's conditions, each over traffic in which it holds and in which it does not; and the estimate of matches."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any

import pytest
from tests.unit.diagnostics_cases import CASES, HASH, NOW, PIXEL, USER, row, rows, sample, seen

from tockwork.delivery.connection import connect
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.diagnosis import Basis, Condition, Hits, Place, Sample, Severity
from tockwork.destinations.tiktok.diagnostics.declared import CLOUD, CONDITIONS, IN_BROWSER
from tockwork.destinations.tiktok.diagnostics.keys import MATCH_KEYS
from tockwork.doctor.quality import coverages, estimate, qualities
from tockwork.model.outcome import Status

BY_CODE = {condition.code: condition for condition in CONDITIONS}


def hits(code: str, traffic: Sample) -> Hits | None:
    return BY_CODE[code].hits(traffic)


class TestConditions:
    @pytest.mark.parametrize("code", CASES)
    def test_holds_where_it_should(self, code: str) -> None:
        found = hits(code, CASES[code][0])
        assert found is not None
        assert 0 < found.count <= found.of

    @pytest.mark.parametrize("code", CASES)
    def test_holds_nowhere_else(self, code: str) -> None:
        assert hits(code, CASES[code][1]) is None

    def test_every_condition_has_its_cases(self) -> None:
        assert set(CASES) == set(BY_CODE)
        assert len(CONDITIONS) == len(BY_CODE)

    @pytest.mark.parametrize("condition", CONDITIONS, ids=[one.code for one in CONDITIONS])
    def test_is_declared_in_full(self, condition: Condition) -> None:
        assert re.fullmatch(r"[a-z_]{5,40}", condition.code)
        assert isinstance(condition.level, Severity)
        assert isinstance(condition.basis, Basis)
        assert (condition.check is None) != (condition.sample is None)
        assert condition.title
        assert not condition.title.endswith(".")
        assert condition.meaning.endswith(".")
        assert condition.fix.endswith(".")

    @pytest.mark.parametrize("code", BY_CODE)
    def test_says_nothing_of_no_traffic(self, code: str) -> None:
        assert hits(code, sample()) is None

    def test_nothing_is_wrong_with_a_row_as_it_should_be(self) -> None:
        assert [one.code for one in CONDITIONS if one.hits(rows(row(), row("Lead", event_id="m-2")))] == []

    @pytest.mark.parametrize("condition", CONDITIONS, ids=[one.code for one in CONDITIONS])
    def test_what_a_pixel_does_not_send_is_not_missed(self, condition: Condition) -> None:
        """Whatever is in a row, checks do not fail."""
        strange: list[dict[str, Any]] = [
            {"event": "Purchase", "user": None, "properties": None, "event_time": "soon", "page": []},
            {"event": 5, "user": [], "properties": {"contents": {}, "value": "12", "content_ids": {}}, "lead": 1},
            {"event": "AddToCart", "properties": {"contents": [None, {"price": float("nan")}], "value": float("nan")}},
            {"event": "Purchase", "user": {"ip": 5, "email": [None], "ttclid": []}, "properties": {"currency": 7}},
            {"event": "x" * 5000, "properties": {"order_id": [], "content_type": {}}, "event_time": 10**30},
        ]
        found = condition.hits(rows(*strange))
        assert found is None or found.count <= found.of

    @pytest.mark.parametrize(
        ("made", "words"),
        [
            (sample(seen(reason="field_type", warnings=['value: expected number, got "12,50"'])), "value_invalid"),
            (sample(seen(reason="bad_timestamp", warnings=["timestamp: expected"])), "event_time_invalid"),
            (sample(seen(reason="too_old", warnings=["timestamp: old"])), "event_too_old"),
            (sample(seen(reason="pii_invalid", warnings=["email: is no e-mail address; left out"])), "email_malformed"),
        ],
    )
    def test_deliveries_that_were_refused_count_too(self, made: Sample, words: str) -> None:
        found = hits(words, made)
        assert found is not None
        assert found.count == 1

    def test_hits_say_of_how_many_and_where(self) -> None:
        made = rows(row(without="value"), row(), row("Lead", without="value"), row("AddToCart", without="value"))
        found = hits("value_missing", made)
        assert found is not None
        assert (found.count, found.of) == (2, 3)
        assert found.names == {"Purchase": 1, "AddToCart": 1}
        assert found.mappings == {"Order": 2}

    def test_swings_are_told_by_mapping(self) -> None:
        found = hits("volume_swing", CASES["volume_swing"][0])
        assert found is not None
        assert found.notes == ["Order: -50 %"]
        assert found.exact


class TestDeclarations:
    @pytest.mark.parametrize("kind", DESTINATIONS)
    def test_every_destination_declares_its_diagnostics(self, kind: str) -> None:
        declared = DESTINATIONS[kind].diagnostics
        assert declared is not None
        assert len(declared.conditions) > 30
        assert declared.condition("event_name_legacy") is not None
        assert declared.condition("nonsense") is None

    @pytest.mark.parametrize("kind", DESTINATIONS)
    def test_what_a_condition_names_is_there(self, kind: str) -> None:
        destination = DESTINATIONS[kind]
        assert destination.diagnostics is not None
        settings = {setting.key for one in DESTINATIONS.values() for setting in one.settings}
        fields = {field.name for one in DESTINATIONS.values() for action in one.actions for field in action.fields}
        for condition in destination.diagnostics.conditions:
            known = settings if condition.place is Place.SETTINGS else fields | {"useExistingPixel"}
            assert not condition.field or condition.field in known, condition.code
        for key in destination.diagnostics.keys:
            assert set(key.fields) <= fields

    def test_connections_can_still_be_sent_to_other_processes(self) -> None:
        connection = connect("tiktok-conversions", {"pixelCode": PIXEL})
        copy = pickle.loads(pickle.dumps(connection)).destination.diagnostics
        assert [one.code for one in copy.conditions] == [one.code for one in CLOUD.conditions]

    def test_a_pixels_calls_are_read_as_reports(self) -> None:
        connection = connect("tiktok-pixel", {"pixelCode": PIXEL}, preset_pack="purchase-2025")
        event = {
            "type": "track",
            "event": "Order Completed",
            "messageId": "m-1",
            "userId": "u-1",
            "properties": {"order_id": "O-1", "total": 5, "currency": "EUR", "products": [{"product_id": "1"}]},
        }
        (outcome,) = connection.transform([event])
        assert outcome.status is Status.MAPPED
        (report,) = IN_BROWSER.read(outcome.row)
        assert (report["event"], report["event_id"]) == ("Purchase", "m-1")
        assert report["user"] == {"external_id": "u-1"}
        made = [seen(report, event_source="pixel", in_browser=True)]
        assert [one.code for one in IN_BROWSER.conditions if one.hits(sample(*made))] == []


class TestRealRows:
    """Conditions over what the encoder makes of events."""

    def codes(self, event: dict[str, Any], **settings: Any) -> set[str]:
        connection = connect("tiktok-conversions", {"pixelCode": PIXEL, **settings}, preset_pack="purchase-2025")
        found = []
        for outcome in connection.outcomes(json.dumps(event).encode(), NOW):
            made = json.loads(bytes(outcome.row)) if outcome.row is not None else {}
            reason = outcome.reason or ""
            found.append(seen(made, warnings=outcome.warnings, reason=reason, event=event))
        return {one.code for one in CONDITIONS if one.hits(sample(*found))}

    def event(self, properties: Any = None, traits: Any = None, **context: Any) -> dict[str, Any]:
        goods = {"total": 10, "currency": "EUR", "order_id": "O-1", "products": [{"product_id": "1", "price": 10}]}
        person = {"email": "jane@example.com", **(traits or {})}
        around = {"ip": "93.184.216.34", "userAgent": "Mozilla/5.0", "page": {"url": "https://shop.example/"}}
        return {
            "type": "track",
            "event": "Order Completed",
            "messageId": "m-1",
            "userId": "u-1",
            "properties": {**goods, **(properties or {})},
            "context": {**around, "traits": person, **context},
        }

    def test_nothing(self) -> None:
        assert self.codes(self.event()) == set()

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"traits": {"email": "jane at example"}}, "email_malformed"),
            ({"traits": {"phone": "12"}}, "phone_malformed"),
            ({"traits": {"email": HASH[:32]}}, "hash_weak"),
            ({"traits": {"email": "undefined"}}, "placeholder"),
            ({"ip": "192.168.1.7"}, "ip_private"),
            ({"userAgent": "curl/8.0"}, "user_agent_program"),
            ({"page": {}}, "page_url_missing"),
            ({"properties": {"currency": "eur"}}, "currency_lower_case"),
            ({"properties": {"currency": None}}, "currency_missing"),
            ({"properties": {"total": "12,50"}}, "value_invalid"),
            ({"properties": {"total": -5}}, "value_invalid"),
            ({"properties": {"products": []}}, "contents_missing"),
            ({"properties": {"products": [{"price": 10}]}}, "content_id_missing"),
        ],
    )
    def test_what_is_wrong_with_an_event_is_seen(self, given: dict[str, Any], code: str) -> None:
        assert code in self.codes(self.event(**given))


class TestQuality:
    def test_weights_add_up(self) -> None:
        assert sum(key.points for key in MATCH_KEYS if "web" in key.sources) == 10

    def test_every_key_makes_ten(self) -> None:
        whole = {**USER, "phone": [HASH], "external_id": [HASH], "ttclid": "E.C.P.x", "first_name": HASH}
        assert estimate(coverages(MATCH_KEYS, [seen(row(user=whole))])) == pytest.approx(10)

    def test_no_key_makes_nothing(self) -> None:
        keys = coverages(MATCH_KEYS, [seen(row(without="email ip user_agent ttp"))])
        assert estimate(keys) == 0
        assert sum(key.gain for key in keys) == pytest.approx(10)

    def test_by_event_and_what_would_raise_it(self) -> None:
        made = [seen(row()), seen(row(without="email")), seen(row("Lead")), seen(row("made up"))]
        found = qualities(CLOUD, made, lambda name: name if name != "made up" else "other", {}, {"Purchase": 5.0})
        assert [(one.name, one.rows, one.target, one.former) for one in found] == [
            ("Purchase", 2, 8.0, 5.0),
            ("Lead", 1, 6.5, None),
            ("other", 1, None, None),
        ]
        purchase = found[0]
        assert purchase.estimate == pytest.approx(1.25 + 1 + 0.75 + 0.25)
        gains = {key.key: key.gain for key in purchase.keys}
        assert gains == {
            "phone": 2.0,
            "ttclid": 2.0,
            "email": 1.25,
            "external_id": 1.0,
            "address": 0.5,
            "ttp": 0.0,
            "ip": 0.0,
            "user_agent": 0.0,
        }
        assert [key.gain for key in purchase.keys] == sorted(gains.values(), reverse=True)

    def test_offline_events_are_measured_by_what_they_can_have(self) -> None:
        keys = coverages(MATCH_KEYS, [seen(row(), event_source="offline")])
        assert {key.key for key in keys} == {"email", "phone", "external_id"}
        assert estimate(keys) == pytest.approx(10 * 2.5 / 5.5, abs=0.01)

    def test_crm_events_are_matched_by_their_lead(self) -> None:
        made = [seen(row(lead={"lead_id": "1"}), event_source="crm"), seen(row(), event_source="crm")]
        (key,) = coverages(MATCH_KEYS, made)
        assert (key.key, key.coverage, estimate([key])) == ("lead_id", 0.5, 5.0)

    def test_says_whether_a_mapping_fills_a_key(self) -> None:
        keys = {one.key: one.mapped for one in coverages(MATCH_KEYS, [seen()], {"Order": frozenset({"email", "url"})})}
        assert (keys["email"], keys["ttclid"], keys["phone"]) == (True, True, False)
