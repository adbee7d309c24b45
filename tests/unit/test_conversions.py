"""TikTok Conversions as a whole: people in their thousands, packs, settings and advice."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Any, Final

import msgspec
import pytest

from tockwork.destinations.catalog import find
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.events_api import contents_value
from tockwork.destinations.tiktok.rows import Content
from tockwork.model.errors import ConfigurationError
from tockwork.model.outcome import Status
from tockwork.model.secret import Secret

PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
NOW: Final = 1_795_176_000.0
PEOPLE: Final = 10_000

NOTHING: Final = ("", " ", "undefined", "null", "nan", "Undefined", "NULL", "NaN", "None", "none", "(null)")
WORTHLESS: Final = {sha256(text.encode()).hexdigest() for text in ("", *NOTHING)}
FIRST: Final = "Ada Anne-Marie François Zoë José 太郎 Иван Søren O'Neil محمد Nguyễn İpek Straße ﬁ Ǆ".split()
CITIES: Final = (
    "São Paulo",
    "München",
    "New York",
    "İstanbul",
    "東京",
    "St. John's",
    "Łódź",
    "Winston-Salem",
    "'s-Hertogenbosch",
)
COUNTRIES: Final = (
    "US",
    "us",
    "USA",
    "United States",
    "DE",
    "Deutschland",
    "Côte d'Ivoire",
    "Atlantis",
    "GB",
    "日本",
    "XK",
)
ZIPS: Final = ("94107", "94107-1234", "941071234", "M5V 3L9", "SW1A 1AA", "01310-100", "〒100-0001", "1", "0")
PHONES: Final = (
    "+1415555{:04d}",
    "(415) 555-{:04d}",
    "1-415-555-{:04d}",
    "+49 30 12{:04d}",
    "+44 20 7946 {:04d}",
    "0{:04d}",
    "call {:04d}",
)
SIGNS: Final = "abcABCäößñçøşğİıΣ太郎иЯ0123456789 -'’.@+_\u0301\u00a0\u200d\u200f😀\ufeff\x00"


@cache
def connection(**settings: Any) -> Connection:
    return Connection(find("tiktok-conversions"), {"pixelCode": PIXEL, **settings})


def row(properties: dict[str, Any], user_id: Any = None, **settings: Any) -> dict[str, Any]:
    event = {"type": "track", "event": "Subscription Created", "userId": user_id, "properties": properties}
    [outcome] = connection(**settings).outcomes(msgspec.json.encode(event), NOW)
    assert outcome.status is Status.MAPPED, outcome
    found: dict[str, Any] = json.loads(bytes(outcome.row))
    return found


def people(count: int) -> Iterator[tuple[dict[str, Any], Any]]:
    """Properties and a userId: everyday people, people whose form was left half empty, and noise."""
    pick = random.Random(62)

    def some(*usual: str) -> Any:
        roll = pick.random()
        if roll < 0.1:
            return pick.choice(NOTHING)
        if roll < 0.2:
            return "".join(pick.choices(SIGNS, k=pick.randrange(12)))
        text = pick.choice(usual)
        return pick.choice([text, text.upper(), f" {text}\t", text.lower()])

    for number in range(count):
        email = f"{pick.choice(FIRST)}.{number}@Example.com"
        yield (
            {
                "email": [some(email), some(email)] if pick.random() < 0.1 else some(email),
                "phone": some(pick.choice(PHONES).format(number)),
                "first_name": some(*FIRST),
                "last_name": some(*FIRST),
                "address": {
                    "city": some(*CITIES),
                    "state": some("CA", "NY", "Baden-Württemberg", "São Paulo"),
                    "country": some(*COUNTRIES),
                    "postal_code": some(*ZIPS),
                },
            },
            some(f"User-{number}"),
        )


def test_hashing_is_idempotent_and_never_of_nothing() -> None:
    sent = dict.fromkeys("external_id phone email first_name last_name city state country zip_code".split(), 0)
    for properties, user_id in people(PEOPLE):
        user = row(properties, user_id)["user"]
        for key, value in user.items():
            sent[key] += 1
            for text in value if isinstance(value, list) else [value]:
                assert text not in WORTHLESS, (key, properties, user_id)
                assert text.strip().lower() not in NOTHING, (key, properties, user_id)
                hashed = re.fullmatch("[0-9a-f]{64}", text) is not None
                assert hashed == (key not in ("city", "state", "country")), (key, properties, user_id)
        again = {
            **{key: user[key] for key in ("email", "phone", "first_name", "last_name") if key in user},
            "address": {"postal_code": user.get("zip_code"), **{k: user.get(k) for k in ("city", "state", "country")}},
        }
        assert row(again, *user.get("external_id", ()))["user"] == user, (properties, user_id)
    assert min(sent.values()) > PEOPLE // 2, sent


@pytest.mark.parametrize("nothing", NOTHING)
def test_nothing_is_never_hashed(nothing: str) -> None:
    address = dict.fromkeys(("city", "state", "country", "postal_code"), nothing)
    everywhere = dict.fromkeys(("email", "phone", "first_name", "last_name", "ttclid", "ttp"), nothing)
    found = row({**everywhere, "address": address}, nothing)
    assert found["user"] == {}


def test_the_packs() -> None:
    assert set(CONVERSIONS.packs) == {"segment-2026", "documented-2023", "purchase-2025"}
    assert [mapping.name for mapping in connection().mappings] == [p.name for p in CONVERSIONS.packs["segment-2026"]]
    for pack in CONVERSIONS.packs:
        made = Connection(find("tiktok-conversions"), {"pixelCode": PIXEL}, preset_pack=pack)
        assert len(made.mappings) == len(CONVERSIONS.packs[pack])
    current = Connection(find("tiktok-conversions"), {"pixelCode": PIXEL}, preset_pack="current")
    assert [mapping.fields for mapping in current.mappings] == [mapping.fields for mapping in connection().mappings]


def test_the_settings_say_where_to_get_their_values() -> None:
    keys = "accessToken pixelCode test_event_code partner_name default_region timezone compute_value event_id ldu"
    assert [setting.key for setting in CONVERSIONS.settings] == keys.split()
    assert all(setting.help and setting.label for setting in CONVERSIONS.settings)
    assert [setting.key for setting in CONVERSIONS.settings if setting.required] == ["pixelCode"]
    by_key = {setting.key: setting for setting in CONVERSIONS.settings}
    assert by_key["accessToken"].type == "secret"
    assert "Assets > Events > Web Events" in by_key["accessToken"].help
    assert "Developer Mode" in by_key["pixelCode"].help
    assert "CRM Event Set ID" in by_key["pixelCode"].help
    defaults = {setting.key: setting.default for setting in CONVERSIONS.settings[3:]}
    assert defaults == {
        "partner_name": "",
        "default_region": "US",
        "timezone": "UTC",
        "compute_value": True,
        "event_id": "message-id",
        "ldu": False,
    }


def test_every_problem_of_the_settings_is_told_at_once_and_no_value() -> None:
    wrong = {"accessToken": 5, "default_region": "usa", "timezone": "Mars/Base", "compute_value": "si", "event_id": "x"}
    with pytest.raises(ConfigurationError) as caught:
        Connection(find("tiktok-conversions"), {**wrong, "pixelcode": PIXEL})
    assert {problem.where for problem in caught.value.problems} == {
        *(f"settings.{key}" for key in wrong),
        "settings.pixelcode",
        "settings.pixelCode",
    }
    assert "Mars" not in str(caught.value)
    assert "Did you mean 'pixelCode'?" in str(caught.value)


def test_the_token_is_a_secret() -> None:
    made = Connection(find("tiktok-conversions"), {"pixelCode": PIXEL, "accessToken": "plain-token"})
    assert made.settings["accessToken"] == Secret("plain-token")
    assert "plain-token" not in repr(made.settings)
    with pytest.raises(ConfigurationError) as caught:
        Connection(find("tiktok-conversions"), {"pixelCode": PIXEL, "accessToken": "plain-token\n"})
    assert "plain-token" not in str(caught.value)


def advice(pixel: str = PIXEL, **fields: Any) -> list[str]:
    mapping = {"name": "Mine", "trigger": 'type = "track"', "fields": {"event": "Purchase", **fields}}
    return Connection(find("tiktok-conversions"), {"pixelCode": pixel}, [mapping]).advice


class TestAdvice:
    def test_none_where_all_is_well(self) -> None:
        assert advice(event_source="web") == []
        assert advice("7676700000000000000", event_source="crm") == []
        assert advice("C8") == []  # no literal event source: nothing to judge by

    def test_an_unusual_pixel_code_is_no_refusal(self) -> None:
        for unusual in ("767670", "c8e2os3c77uabcdxyz00", "C8E2-OS3C-77UA-BCDX"):
            [found] = advice(unusual, event_source="web")
            assert found.startswith("mappings[0].fields.event_source: is web, for which the Pixel Code looks unusual")
            assert unusual not in found
        [found] = advice(event_source="crm")
        assert "a CRM Event Set ID has about 19 digits" in found

    def test_names(self) -> None:
        assert advice(event="QuoteRequested") == []
        for name in ("Checkout", "add to cart", "Quote requested", "A" * 51):
            assert len(advice(event=name)) == 1, name
        [renamed] = advice(event="CompletePayment")
        assert "has renamed CompletePayment to Purchase" in renamed
        [retiring] = advice(event="ClickButton")
        assert "until 2027" in retiring
        assert advice(event={"@path": "$.event"}) == []

    def test_a_field_that_does_not_exist(self) -> None:
        [found] = advice(emial={"@path": "$.properties.email"})
        assert "Did you mean 'email'?" in found


class TestRefusedMappings:
    @pytest.mark.parametrize(
        ("fields", "where"),
        [
            ({"event": ""}, "event"),
            ({"event": None}, "event"),
            ({"event": "Purchase", "event_source": "app"}, "event_source"),
            ({"event": "Purchase", "content_type": "thing"}, "content_type"),
            ({"event": "Purchase", "value": "a lot"}, "value"),
        ],
    )
    def test_a_constant_that_never_fits(self, fields: dict[str, Any], where: str) -> None:
        with pytest.raises(ConfigurationError, match=rf"mappings\[0\]\.fields\.{where}"):
            Connection(
                find("tiktok-conversions"),
                {"pixelCode": PIXEL},
                [{"name": "Mine", "trigger": 'type = "track"', "fields": fields}],
            )


def test_the_warnings_never_hold_a_value() -> None:
    planted = "Planted Person planted@example com"
    personal = {
        key: [planted, {"x": planted}] for key in ("email", "phone", "first_name", "last_name", "ttclid", "ttp")
    }
    address = {key: [planted, planted] for key in ("city", "state", "country", "postal_code")}
    for properties in (
        {**personal, "address": address},
        {"value": planted},
        {"delivery_category": planted},
        {"order_id": [planted, planted]},
        {"limited_data_use": planted},
    ):
        event = {"type": "track", "event": "Subscription Created", "properties": properties, "timestamp": None}
        for changed in (event, {**event, "timestamp": planted}):
            [outcome] = connection().outcomes(msgspec.json.encode(changed), NOW)
            assert outcome.warnings
            assert "lanted" not in " ".join([*outcome.warnings, str(outcome.reason), str(outcome.detail)])


def test_a_constant_item_is_never_changed() -> None:
    fields = {"event": "Purchase", "contents": [{"content_id": "undefined", "price": 2, "quantity": 1.5}]}
    made = Connection(
        find("tiktok-conversions"),
        {"pixelCode": PIXEL},
        [{"name": "Mine", "trigger": 'type = "track"', "fields": fields}],
    )
    first, second = (made.outcomes(b'{"type": "track", "event": "x"}', NOW)[0] for _ in range(2))
    assert first == second
    assert len(first.warnings) == 4  # the id, the quantity, the computed value, no match key
    assert json.loads(bytes(first.row))["properties"] == {"contents": [{"price": 2, "quantity": 2}], "value": 3}


@pytest.mark.parametrize(
    ("items", "value"),
    [
        ([], None),
        ([Content(quantity=3)], None),
        ([Content(price=0.1, quantity=3)], 0.3),
        ([Content(price=0.1), Content(price=0.2)], 0.3),
        ([Content(price=10, quantity=2), Content()], 20),
        ([Content(price=5, quantity=0)], 0),
        ([Content(price=1e308, quantity=10)], None),
        ([Content(price=10**400, quantity=0.5)], None),
        ([Content(price=1e308), Content(price=1e308)], None),
    ],
)
def test_the_value_of_contents(items: list[Content], value: float | None) -> None:
    assert contents_value(items) == value
