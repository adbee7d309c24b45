"""TikTok Offline Conversions as a whole: people, personal data, settings and advice. Its cases show the rest."""

from __future__ import annotations

import json
import pickle
import random
import re
from functools import cache
from hashlib import sha256
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.offline_conversions import OFFLINE_CONVERSIONS, UPLOAD_WINDOW_S
from tockwork.model.errors import ConfigurationError
from tockwork.model.event import Envelope
from tockwork.model.outcome import Outcome, Status
from tockwork.model.reasons import REASONS

EVENT_SET: Final = "7676700000000000000"
NOW: Final = 1_795_176_000.0
VALID: Final = ("ada@example.com", " Ada@Example.com", "+14155550123", "(415) 555-0123", sha256(b"x@y.zz").hexdigest())
BLANK: Final[tuple[Any, ...]] = (None, "", " ", "\t", [], [""], [" ", None])
INVALID: Final[tuple[Any, ...]] = (
    "ada@",
    "12",
    "call me",
    "0" * 32,
    "a" * 40,
    "undefined",
    {"x": "ada@example.com"},
    ["ada@", "12"],
)


@cache
def connection(**settings: Any) -> Connection:
    return Connection(OFFLINE_CONVERSIONS, {"eventSetID": EVENT_SET, **settings})


def outcome(properties: dict[str, Any], user_id: Any = None, **settings: Any) -> Outcome:
    event = {"type": "track", "event": "Order Completed", "userId": user_id, "properties": properties}
    [found] = connection(**settings).outcomes(msgspec.json.encode(event), NOW)
    return found


def user(found: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(bytes(found.row))
    return row["user"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("blank", BLANK, ids=repr)
@pytest.mark.parametrize("other", BLANK, ids=repr)
def test_nothing_is_required(blank: Any, other: Any) -> None:
    found = outcome({"email": blank, "phone": other}, "u-1")
    assert (found.status, found.reason, found.row) == (Status.INVALID, "pii_required", None)


@pytest.mark.parametrize("invalid", INVALID, ids=repr)
@pytest.mark.parametrize("key", ["email", "phone"])
def test_what_is_invalid_is_named_and_never_sent(invalid: Any, key: str) -> None:
    found = outcome({key: invalid}, "u-1")
    assert (found.status, found.reason, found.row) == (Status.INVALID, "pii_invalid", None)
    field = {"email": "email_addresses", "phone": "phone_numbers"}[key]
    assert found.warnings[-1].startswith(f"{field}: ")
    assert "ada@" not in " ".join(found.warnings)


def test_the_reasons_are_documented() -> None:
    assert {"pii_required", "pii_invalid", "too_old"} <= REASONS.keys()


@given(
    st.lists(st.sampled_from([*VALID, "", " ", None, "ada@", "12", "undefined", "0" * 32]), max_size=4),
    st.lists(st.sampled_from([*VALID, "", " ", None, "ada@", "12", "undefined", "0" * 32]), max_size=4),
    st.sampled_from([None, "u-1", " ", 5]),
    st.booleans(),
)
def test_a_row_has_a_contact_or_is_none(emails: list[Any], phones: list[Any], user_id: Any, accept: bool) -> None:
    found = outcome({"email": emails, "phone": phones}, user_id, accept_external_id=accept)
    if found.status is Status.MAPPED:
        keys = user(found)
        hashes = [*keys.get("email", ()), *keys.get("phone", ()), *(keys.get("external_id", ()) if accept else ())]
        assert hashes
        assert all(re.fullmatch("[0-9a-f]{64}", text) for text in hashes)
    else:
        given_any = any(isinstance(value, str) and value.strip() for value in [*emails, *phones])
        assert found.reason == ("pii_invalid" if given_any else "pii_required")


def test_normalising_again_changes_nothing() -> None:
    pick = random.Random(7)
    for _ in range(300):
        first = user(outcome({"email": pick.choice(VALID), "phone": pick.choice(VALID[2:4])}, pick.choice([" U-1", 7])))
        again = user(outcome({"email": first.get("email"), "phone": first["phone"]}, first["external_id"]))
        assert again == first


def test_the_window_of_upload() -> None:
    event = {"type": "track", "event": "Order Completed", "properties": {"email": "ada@example.com"}}

    def at(seconds: float) -> Outcome:
        return connection().outcomes(msgspec.json.encode({**event, "timestamp": int(seconds)}), NOW)[0]

    fresh, last, old = at(NOW), at(NOW - UPLOAD_WINDOW_S), at(NOW - UPLOAD_WINDOW_S - 1)
    assert (fresh.expires_at, last.status) == (NOW + UPLOAD_WINDOW_S, Status.MAPPED)
    assert (old.status, old.reason, old.row) == (Status.INVALID, "too_old", None)
    assert UPLOAD_WINDOW_S == 28 * 24 * 3600


def test_the_envelope_of_a_request_without_rows() -> None:
    made = connection(test_event_code="TEST12345")
    assert OFFLINE_CONVERSIONS.envelope(made.settings) == Envelope("offline", EVENT_SET, "TEST12345")
    assert outcome({"email": "ada@example.com"}, test_event_code="TEST12345").envelope == Envelope(
        "offline", EVENT_SET, "TEST12345"
    )


def test_the_settings_say_where_to_get_their_values() -> None:
    by_key = {setting.key: setting for setting in OFFLINE_CONVERSIONS.settings}
    assert [key for key, setting in by_key.items() if setting.required] == ["eventSetID"]
    assert by_key["accessToken"].type == "secret"
    assert "Offline Event Set" in by_key["eventSetID"].help
    assert by_key["accept_external_id"].default is False
    assert all(setting.help and setting.label for setting in by_key.values())
    with pytest.raises(ConfigurationError, match="eventSetID: is required"):
        Connection(OFFLINE_CONVERSIONS, {})


@pytest.mark.parametrize(
    "name",
    ["", "reportOfflineEvent", "Report Offline Event", "Track Offline Conversion", "Report Web Event"],
)
def test_names_that_find_the_action(name: str) -> None:
    action = OFFLINE_CONVERSIONS.action(name)
    assert action is not None
    assert action.key == "reportOfflineEvent"


@pytest.mark.parametrize("title", ["Track Payment Offline Conversion", "Track Non Payment Offline Conversion"])
def test_the_deprecated_actions_have_the_same_fields(title: str) -> None:
    action = OFFLINE_CONVERSIONS.action(title)
    assert action is not None
    assert action.title == title
    assert action.fields == OFFLINE_CONVERSIONS.actions[0].fields
    assert action.help.startswith("Deprecated")


class TestAdvice:
    def advice(self, event_set: str = EVENT_SET, **fields: Any) -> list[str]:
        mapping = {"name": "Mine", "trigger": 'type = "track"', "fields": {"event": "Purchase", **fields}}
        return Connection(OFFLINE_CONVERSIONS, {"eventSetID": event_set}, [mapping]).advice

    def test_none_where_all_is_well(self) -> None:
        assert self.advice(currency="EUR") == []

    def test_custom_names_are_not_documented_for_offline(self) -> None:
        [found] = self.advice(event="tiktok_custom_event")
        assert "standard events only for offline event sets" in found

    def test_a_pixel_code_in_place_of_the_event_set(self) -> None:
        [found] = self.advice("C8E2OS3C77UABCDXYZ00")
        assert found.startswith("mappings[0].action: sends offline events, for which the Event Set ID looks unusual")

    def test_a_currency_that_tiktok_does_not_list(self) -> None:
        [found] = self.advice(currency="usd")
        assert found.endswith("Send USD.")


def test_a_copy_in_another_process_sends_the_same() -> None:
    copy = pickle.loads(pickle.dumps(connection()))
    entry = b'{"type": "track", "event": "Order Completed", "properties": {"email": "ada@example.com"}}'
    assert copy.outcomes(entry, NOW) == connection().outcomes(entry, NOW)
