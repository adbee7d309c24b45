"""One order has one event_id, whoever reports it; and what is not the same order never has it."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.delivery.connection import Connection, connect
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.model.outcome import Outcome, Status

PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
EVENT_SET: Final = "7" * 19
NAMES: Final = ("Order Completed", "Order Placed", "Checkout Started", "Payment Info Entered")
KINDS: Final = [kind for kind, one in DESTINATIONS.items() if one.device is None]
few = settings(max_examples=30)  # for each kind of destination
by_kind = pytest.mark.parametrize("kind", KINDS)

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
order_ids = st.one_of(
    st.integers(1, 10**15),
    st.from_regex(r"[A-Z]{1,3}[-.#/]\d{1,6}(\.[A-Z])?", fullmatch=True),
    texts.filter(lambda text: text.strip() != "" and text.strip().lower() not in ("null", "none", "nan", "undefined")),
)
orders = st.tuples(st.sampled_from(NAMES), order_ids)
moments = st.integers(1_794_000_000, 1_795_000_000)


@cache
def connected(kind: str, pack: str | None = None, event_id: str = "order") -> Connection:
    keys = {setting.key for setting in DESTINATIONS[kind].settings}
    assert "event_id" in keys
    source = {"pixelCode": PIXEL, "eventSetID": EVENT_SET}
    own = {key: value for key, value in source.items() if key in keys}
    return connect(kind, {**own, "event_id": event_id}, preset_pack=pack)


def reported(order: tuple[str, Any], message_id: str, at: int) -> dict[str, Any]:
    name, order_id = order
    return {
        "type": "track",
        "event": name,
        "messageId": message_id,
        "timestamp": at,
        "receivedAt": "2026-11-20T12:00:00Z",
        "properties": {"order_id": order_id, "email": "ann@shop.example", "value": 25},
    }


def backend(order: tuple[str, Any], at: int) -> dict[str, Any]:
    return {**reported(order, f"backend-{at}", at), "userId": "u-1"}


def browser(order: tuple[str, Any], at: int) -> dict[str, Any]:
    page = {"page": {"url": "https://shop.example/done?ttclid=E.C.P.1"}, "ip": "203.0.113.24"}
    return {**reported(order, f"ajs-next-{at}", at), "anonymousId": "a-1", "context": page}


def from_file(order: tuple[str, Any], at: int) -> dict[str, Any]:
    """A line of a file: all text, and no user."""
    name, order_id = order
    return {**reported((name, str(order_id)), f"file-{at}", at), "context": {"file": {"line": 2}}}


def row(connection: Connection, event: dict[str, Any]) -> dict[str, Any]:
    (outcome,) = connection.transform([event])
    assert outcome.status is Status.MAPPED, outcome
    found: dict[str, Any] = outcome.row
    return found


@by_kind
@few
@given(order=orders, times=st.tuples(moments, moments, moments))
def test_backend_browser_and_file_agree(kind: str, order: tuple[str, Any], times: tuple[int, int, int]) -> None:
    connection = connected(kind)
    legs = [backend(order, times[0]), browser(order, times[1]), from_file(order, times[2])]
    keys = {(made["event"], made["event_id"]) for made in (row(connection, leg) for leg in legs)}
    assert len(keys) == 1
    ((event, event_id),) = keys
    assert event_id == f"{event}.{order[1]}"


@given(order=orders, at=moments)
def test_every_destination_agrees_where_the_event_has_one_name(order: tuple[str, Any], at: int) -> None:
    rows = [row(connected(kind), backend(order, at)) for kind in KINDS]
    assert len({(one["event"], one["event_id"]) for one in rows}) == 1


@by_kind
@few
@given(several=st.lists(orders, min_size=2, max_size=12, unique_by=lambda order: (order[0], str(order[1]))), at=moments)
def test_different_orders_and_different_events_never_agree(kind: str, several: list[Any], at: int) -> None:
    rows = [row(connected(kind), backend(order, at)) for order in several]
    assert len({(one["event"], one["event_id"]) for one in rows}) == len(several)


@by_kind
@few
@given(order=orders, at=moments)
def test_message_ids_stay_what_they_were_without_the_setting(kind: str, order: tuple[str, Any], at: int) -> None:
    assert row(connected(kind, None, "message-id"), backend(order, at))["event_id"] == f"backend-{at}"


@by_kind
@pytest.mark.parametrize("order_id", [None, "", "  ", "undefined", "null"])
def test_an_order_without_an_id_keeps_its_message_id(kind: str, order_id: Any) -> None:
    assert row(connected(kind), backend(("Order Completed", order_id), 1_794_000_000))["event_id"] == (
        "backend-1794000000"
    )


def test_a_renamed_event_is_another_one() -> None:
    event = backend(("Order Completed", "O-1"), 1_794_000_000)
    renamed = row(connected("tiktok-conversions", "purchase-2025"), event)
    assert (renamed["event"], renamed["event_id"]) == ("Purchase", "Purchase.O-1")
    assert row(connected("tiktok-conversions"), event)["event_id"] == "CompletePayment.O-1"


# --- transform keeps nothing from one event to the next --------------------------------------------------------------


def events_of(several: list[tuple[tuple[str, Any], int, str]]) -> list[dict[str, Any]]:
    legs = {"backend": backend, "browser": browser, "file": from_file}
    made = [legs[leg](order, at) for order, at, leg in several]
    return [{**event, "receivedAt": None} if index % 3 else event for index, event in enumerate(made)]


batches = st.lists(st.tuples(orders, moments, st.sampled_from(["backend", "browser", "file"])), max_size=10)


@by_kind
@few
@given(several=batches, data=st.data())
def test_any_order_and_any_split_give_the_same_outcomes(kind: str, several: list[Any], data: st.DataObject) -> None:
    connection, events = connected(kind), events_of(several)
    whole = connection.transform(events)
    assert len(whole) == len(events)
    shuffled = data.draw(st.permutations(range(len(events))))
    cut = data.draw(st.integers(0, len(events)))
    parts = [connection.transform([events[i] for i in part]) for part in (shuffled[:cut], shuffled[cut:])]
    apart: list[Outcome] = [*parts[0], *parts[1]]
    assert [apart[shuffled.index(index)] for index in range(len(events))] == whole


@by_kind
@few
@given(several=batches)
def test_a_pickled_copy_gives_the_same_outcomes(kind: str, several: list[Any]) -> None:
    events = events_of(several)
    assert copies(kind).transform(events) == connected(kind).transform(events)


@cache
def copies(kind: str) -> Connection:
    copy: Connection = pickle.loads(pickle.dumps(connected(kind)))
    return copy


@by_kind
def test_a_pickled_copy_leaves_the_secret_behind_and_takes_the_privacy_along(kind: str) -> None:
    given_ = {key: value for key, value in connected(kind).settings.items() if key in ("pixelCode", "eventSetID")}
    privacy = {"consent": {"categories": ["Advertising"]}}
    connection = Connection(DESTINATIONS[kind], {**given_, "accessToken": "tok-3f1b8c2d"}, None, None, privacy)
    content = pickle.dumps(connection)
    assert b"tok-3f1b8c2d" not in content
    copy = pickle.loads(content)
    assert "accessToken" not in copy.settings
    refused = {
        **backend(("Order Completed", "O-1"), 1_794_000_000),
        "context": {"consent": {"categoryPreferences": {}}},
    }
    agreed = {**refused, "context": {"consent": {"categoryPreferences": {"Advertising": True}}}}
    assert copy.transform([refused, agreed]) == connection.transform([refused, agreed])
    assert [outcome.status for outcome in copy.transform([refused, agreed])] == [Status.SUPPRESSED, Status.MAPPED]
