"""TikTok's ids of a visitor: the cookies that keep them, and what is learnt from events and given to others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.visitor import HOST, Browser, browsing

from tockwork.app.wire import running
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.connection import Connection
from tockwork.destinations.person import mark
from tockwork.ingest.assets import Assets
from tockwork.ingest.cookies import CLICK_S, VISITOR_S
from tockwork.ingest.identity import SKEW_S, Identity
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import Source
from tockwork.ingest.website import Website
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings
from tockwork.store.lock import Role
from tockwork.store.people import People, PeopleInMemory, Seen, newest
from tockwork.store.suppression import Suppression

ASSETS = Assets()
LONGEST = "E.C.P." + "x" * 994
TTP = "01JABCDEFGHJKMNPQRSTVWXYZ0_.tt.1"
NOW = 1_795_132_800.0
DAY = 86_400
OPEN = Source("web", Secret("wk-open"))
LISTED = Source(
    "listed", Secret("wk-listed"), allowed_origins=("https://shop.other.test", "https://a.example"), cookie_domain=""
)
WIDE = Source("wide", Secret("wk-wide"), cookie_domain="example")
SHOP = Source("shop", Secret("wk-shop"), cookie_domain="shop.example")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing(Website(ASSETS, Proxies()), OPEN, LISTED, WIDE, SHOP) as browser:
        browser.headers = {"Host": HOST, "Origin": "https://www.shop.example", "Content-Type": "text/plain"}
        yield browser


class TestCookies:
    async def test_both_are_set_for_the_shops_whole_domain(self, browser: Browser) -> None:
        reply = await browser.post("/v1/identity", {"writeKey": "wk-open", "ttclid": LONGEST, "ttp": TTP})
        assert (reply.status, reply.body) == (204, b"")
        where = "Path=/; Domain=shop.example; SameSite=Lax; Secure"
        assert reply.cookies == [
            f"ttclid={LONGEST}; Max-Age={28 * DAY}; {where}",
            f"_ttp={TTP}; Max-Age={395 * DAY}; {where}",
        ]
        assert reply.headers["access-control-allow-origin"] == "https://www.shop.example"
        assert reply.headers["access-control-allow-credentials"] == "true"
        assert reply.headers["vary"] == "Origin"
        assert reply.headers["cache-control"] == "no-store"

    async def test_only_what_is_said(self, browser: Browser) -> None:
        for claim, names in (({}, []), ({"ttp": TTP}, ["_ttp"]), ({"ttclid": "c", "ttp": None}, ["ttclid"])):
            reply = await browser.post("/v1/identity", {"writeKey": "wk-open", **claim})
            assert (reply.status, [cookie.partition("=")[0] for cookie in reply.cookies]) == (204, names)

    async def test_both_are_forgotten(self, browser: Browser) -> None:
        reply = await browser.post("/v1/identity", {"writeKey": "wk-open", "forget": True, "ttclid": "c"})
        assert [cookie.split("; ")[:2] for cookie in reply.cookies] == [
            ["ttclid=", "Max-Age=0"],
            ["_ttp=", "Max-Age=0"],
        ]
        assert all("Domain=shop.example" in cookie for cookie in reply.cookies)

    @pytest.mark.parametrize(
        ("write_key", "host", "origin", "domain"),
        [
            ("wk-open", HOST, "https://shop.example", "shop.example"),
            ("wk-open", HOST, "https://a.b.shop.example", "shop.example"),
            ("wk-open", "t.events.shop.example:8443", "https://www.events.shop.example:8443", "events.shop.example"),
            ("wk-open", "localhost:8080", "http://localhost:3000", ""),
            ("wk-open", "127.0.0.1:8080", "http://127.0.0.1:3000", ""),
            ("wk-open", "shop.example", "https://shop.example", ""),
            ("wk-open", HOST, "https://other.example", None),
            ("wk-open", HOST, "https://evilshop.example", None),
            ("wk-open", HOST, "https://shop.example.evil.test", None),
            ("wk-open", "10.0.0.1", "http://11.0.0.1", None),
            ("wk-open", HOST, "null", None),
            ("wk-open", HOST, "", None),
            ("wk-listed", "t.other.test", "https://shop.other.test", "other.test"),
            ("wk-listed", "t.other.test", "https://www.other.test", None),
            ("wk-listed", "t.a.example", "https://a.example", "a.example"),
            ("wk-shop", HOST, "https://www.shop.example", "shop.example"),
            ("wk-shop", HOST, "https://www.other.example", None),
            ("wk-shop", "events.other.example", "https://www.shop.example", None),
        ],
    )
    async def test_whose_pages_and_where(
        self, browser: Browser, write_key: str, host: str, origin: str, domain: str | None
    ) -> None:
        claim = {"writeKey": write_key, "ttclid": "c"}
        reply = await browser.post("/v1/identity", claim, Host=host, Origin=origin)
        if domain is None:
            assert (reply.status, reply.json["code"], reply.cookies) == (403, "origin_not_allowed", [])
        else:
            (cookie,) = reply.cookies
            assert [part for part in cookie.split("; ") if part.startswith("Domain=")] == (
                [f"Domain={domain}"] if domain else []
            )
            assert ("Secure" in cookie) == (origin.startswith("https") and "localhost" not in host)

    @pytest.mark.parametrize(
        "claim",
        [
            b"",
            b"{}",
            b"[1]",
            b"{\xff}",
            b'{"writeKey": "wk-open", "ttclid": 7}',
            *(
                msgspec.json.encode({"writeKey": "wk-open", name: value})
                for name in ("ttclid", "ttp")
                for value in ("", "a;b", "a b", 'a"b', "a,b", "a\\b", "a\r\nSet-Cookie: x", "ü", "x" * 1001)
            ),
            b" " * 4097,
        ],
    )
    async def test_what_a_cookie_cannot_hold_is_refused(self, browser: Browser, claim: bytes) -> None:
        reply = await browser.ask("POST", "/v1/identity", claim)
        assert (reply.status, reply.json["code"], reply.cookies) == (400, "invalid_identity", [])

    async def test_unknown_write_keys_and_methods(self, browser: Browser) -> None:
        assert (await browser.post("/v1/identity", {"writeKey": "wk-other", "ttclid": "c"})).status == 401
        assert (await browser.get("/v1/identity")).status == 405


def event(**members: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Ping", **members}


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class Person:
    """Events through `identity`, one by one."""

    def __init__(self, people: People | None = None) -> None:
        self.identity = Identity(people if people is not None else PeopleInMemory())

    def sends(self, when: float = NOW, **members: Any) -> dict[str, Any]:
        """The properties that the event has at last."""
        sent = event(**members)
        self.identity(sent, when)
        found: dict[str, Any] = sent.get("properties") or {}
        return found


VISITOR: dict[str, Any] = {"anonymousId": "a-1"}
USER: dict[str, Any] = {"userId": "u-1"}
BOTH = {**VISITOR, **USER}


class TestLearning:
    def test_from_a_browser_to_the_backend(self) -> None:
        person = Person()
        person.sends(**VISITOR, properties={"ttclid": "click", "ttp": TTP})
        assert person.sends(type="identify", **BOTH) == {}
        assert person.sends(**USER, properties={"order_id": "o"}) == {"order_id": "o", "ttclid": "click", "ttp": TTP}
        assert person.sends(userId="u-2") == {}

    @pytest.mark.parametrize(
        "carrier",
        [
            {"properties": {"ttclid": "click"}},
            {"integrations": {"TikTok Conversions": {"ttclid": "click"}}},
            {"context": {"page": {"url": "https://shop.example/?a=1&ttclid=click"}}},
            {
                "context": {"page": {"url": "https://shop.example/?ttclid=click"}},
                "properties": {"ttclid": "older"},
                "integrations": {"TikTok Conversions": {"ttclid": "oldest"}},
            },
        ],
    )
    def test_from_wherever_it_stands(self, carrier: dict[str, Any]) -> None:
        person = Person()
        person.sends(**BOTH, **carrier)
        assert person.sends(**USER) == {"ttclid": "click"}

    def test_the_events_own_always_win(self) -> None:
        person = Person()
        person.sends(**USER, properties={"ttclid": "known", "ttp": TTP})
        own = {"ttclid": "own"}
        assert person.sends(**USER, properties=own) == {**own, "ttp": TTP}
        elsewhere = {"TikTok Conversions": {"ttclid": "own"}}
        assert person.sends(**USER, integrations=elsewhere) == {"ttp": TTP}
        assert person.sends(**USER, properties={"ttp": "other"}) == {"ttclid": "own", "ttp": "other"}

    def test_the_newest_wins_whatever_arrives_last(self) -> None:
        person = Person()
        person.sends(**USER, properties={"ttclid": "second"}, timestamp=at(NOW - 60))
        person.sends(**USER, properties={"ttclid": "first"}, timestamp=at(NOW - 120))
        assert person.sends(**USER) == {"ttclid": "second"}

    def test_a_click_lives_for_28_days_from_the_click(self) -> None:
        person = Person()
        person.sends(NOW, **USER, properties={"ttclid": "click", "ttp": TTP})
        person.sends(NOW + 20 * DAY, **USER, properties={"ttclid": "click", "ttp": TTP})
        assert person.sends(NOW + CLICK_S, **USER) == {"ttclid": "click", "ttp": TTP}
        assert person.sends(NOW + CLICK_S + 1, **USER) == {"ttp": TTP}
        assert person.sends(NOW + 20 * DAY + VISITOR_S, **USER) == {"ttp": TTP}
        assert person.sends(NOW + 20 * DAY + VISITOR_S + 1, **USER) == {}

    def test_events_from_before_the_click_get_nothing(self) -> None:
        person = Person()
        person.sends(**USER, properties={"ttclid": "click"})
        assert person.sends(**USER, timestamp=at(NOW - SKEW_S - 1)) == {}
        assert person.sends(**USER, timestamp=at(NOW - SKEW_S)) == {"ttclid": "click"}

    def test_a_clock_ahead_does_not_hold_on_to_a_click(self) -> None:
        person = Person()
        person.sends(NOW, **USER, properties={"ttclid": "first"}, timestamp=at(NOW + 9 * DAY))
        person.sends(NOW + 60, **USER, properties={"ttclid": "second"})
        assert person.sends(NOW + 61, **USER) == {"ttclid": "second"}

    @pytest.mark.parametrize("value", ["", " ", "undefined", "null", 7, None, ["x"], "x" * 1001, "a b", "a;b"])
    def test_what_is_no_id_is_not_learnt(self, value: Any) -> None:
        person = Person()
        person.sends(**USER, properties={"ttclid": value})
        assert "ttclid" not in person.sends(**USER)

    def test_the_longest_is_never_cut(self) -> None:
        person = Person()
        person.sends(**USER, properties={"ttclid": LONGEST})
        assert person.sends(**USER) == {"ttclid": LONGEST}

    @pytest.mark.parametrize("type", ["identify", "group", "alias"])
    def test_calls_without_properties_get_none(self, type: str) -> None:
        person = Person()
        person.sends(**USER, properties={"ttclid": "click"})
        assert person.sends(**USER, type=type) == {}

    def test_nothing_of_those_who_denied(self) -> None:
        refused: dict[str, Any] = {
            "context": {"consent": {"categoryPreferences": {"Advertising": False, "Functional": False}}}
        }
        person = Person()
        person.sends(**USER, properties={"ttclid": "click"}, **refused)
        assert person.sends(**USER) == {}
        person.sends(**USER, properties={"ttclid": "click"})
        assert person.sends(**USER, **refused) == {}

    @pytest.mark.parametrize(
        "odd", [{"context": 7}, {"context": {"page": []}}, {"integrations": {"TikTok Conversions": True}}]
    )
    def test_odd_events_pass(self, odd: dict[str, Any]) -> None:
        assert Person().sends(**USER, **odd) == {}


class TestPeople:
    async def test_a_user_is_forgotten_with_what_was_learnt_of_the_visitor(self) -> None:
        people = PeopleInMemory()
        person = Person(people)
        person.sends(**BOTH, properties={"ttclid": "click"})
        person.sends(NOW + 60, **VISITOR, properties={"ttclid": "newer"})
        person.sends(userId="u-2", properties={"ttclid": "other"})
        await people.forget([found for name in ("u-1", "unknown") if (found := mark(name))])
        assert person.sends(**USER) == person.sends(**VISITOR) == {}
        assert person.sends(userId="u-2") == {"ttclid": "other"}

    def test_nothing_is_learnt_of_the_deleted_nor_of_who_comes_with_them(self) -> None:
        person = Person()
        person.identity.deleted = {found for name in ("u-1",) if (found := mark(name))}
        person.sends(**BOTH, properties={"ttclid": "click"})
        assert person.sends(**VISITOR) == {}
        person.sends(**VISITOR, properties={"ttclid": "click"})
        assert person.sends(**BOTH) == {}
        person.identity.deleted = frozenset()
        assert person.sends(**BOTH) == {"ttclid": "click"}

    def test_what_is_known_is_not_learnt_again(self) -> None:
        class Counting(PeopleInMemory):
            learnt = 0

            def learn(self, person: bytes, known: Any, other: Any = None) -> None:
                self.learnt += 1
                super().learn(person, known, other)

        people = Counting()
        person = Person(people)
        for minute in range(60):
            person.sends(NOW + 60 * minute, **BOTH, properties={"ttclid": "click", "ttp": TTP})
        assert people.learnt == 2, "once for the user, once for the visitor"
        person.sends(NOW + 2 * DAY, **BOTH, properties={"ttp": TTP})
        assert people.learnt == 4

    def test_names_are_not_kept(self) -> None:
        people = PeopleInMemory()
        Person(people).sends(userId="jane@example.com", properties={"ttclid": "click"})
        assert "jane" not in repr(vars(people))


seen = st.builds(Seen, st.sampled_from(["a", "b"]), st.integers(0, 5).map(float))
known = st.dictionaries(st.sampled_from(["ttclid", "ttp"]), seen)


@given(known, known)
def test_newest_is_of_the_two_and_no_older(one: Any, other: Any) -> None:
    merged = newest(one, other)
    assert merged.keys() == one.keys() | other.keys()
    for name, found in merged.items():
        both = [part[name] for part in (one, other) if name in part]
        assert found in both
        if name == "ttp" or len({part.value for part in both}) > 1:
            assert found.at == max(part.at for part in both)


class TestAllDestinations:
    @pytest.mark.parametrize("kind", [kind for kind, each in DESTINATIONS.items() if not each.device])
    def test_default_mappings_find_the_ids(self, kind: str) -> None:
        destination = DESTINATIONS[kind]
        values = {s.key: s.placeholder for s in destination.settings if s.required}
        connection = Connection(destination, values)
        person = Person()
        person.sends(**BOTH, properties={"ttclid": "click", "ttp": TTP})
        order = event(
            **{**USER, "event": "Order Completed", "messageId": "m", "timestamp": at(NOW)},
            properties={"order_id": "o", "currency": "EUR", "total": 5, "email": "jane@example.com"},
        )
        person.identity(order, NOW)
        rows = [outcome.row for outcome in connection.outcomes(msgspec.json.encode(order), NOW)]
        assert rows
        for row in rows:
            user = msgspec.json.decode(msgspec.json.encode(row))["user"]
            assert (user["ttclid"], user["ttp"]) == ("click", TTP)


async def test_the_deleted_are_forgotten(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0, admin_port=0)
    person = mark("u-1")
    assert person is not None
    async with running(settings, roles=[Role.INGEST]) as server:
        assert server.tracking is not None
        assert server.tracking.identity is not None
        people = server.tracking.identity.people
        people.learn(person, {"ttclid": Seen("click", NOW)})
        await server.erase()
        assert people.find(person)
        await Suppression(server.store.database).delete([person])
        await server.erase()
        assert not people.find(person)


async def test_the_journal_has_what_was_known(browser: Browser) -> None:
    page = {"type": "page", **BOTH, "context": {"page": {"url": "https://shop.example/?ttclid=click"}}}
    order = {"type": "track", "event": "Order Completed", **USER}
    key = {"Authorization": "Basic d2stb3Blbjo="}
    assert (await browser.post("/v1/batch", {"batch": [page]}, **key)).status == 200
    assert (await browser.post("/v1/batch", {"batch": [order]}, **key)).status == 200
    assert browser.events[-1]["properties"] == {"ttclid": "click"}
