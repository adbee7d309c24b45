"""For each condition of TikTok's diagnostics: traffic in which it holds, and traffic in which it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tockwork.destinations.diagnosis import Legs, Sample, Seen, Volume

HASH: Final = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
EMPTY_HASH: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
NOW: Final = 1_800_000_000.0
CLICK: Final = "E.C.P.Abc" + "x" * 30
ITEM: Final = {"content_id": "1", "price": 5, "quantity": 2}
PROPERTIES: Final = {"value": 10, "currency": "EUR", "order_id": "O-1", "contents": [ITEM], "content_type": "product"}
USER: Final = {"email": [HASH], "ip": "93.184.216.34", "user_agent": "Mozilla/5.0", "ttp": "2abc"}


def row(name: str = "Purchase", *, user: Any = None, without: str = "", **members: Any) -> dict[str, Any]:
    """A row with nothing wrong in it, changed: `user` and ``properties`` are added to what there is, and the names in
    `without` left out of both and of the row."""
    made: dict[str, Any] = {
        "event": name,
        "event_time": int(NOW),
        "event_id": "m-1",
        "page": {"url": "https://shop.example/"},
        **members,
        "user": {**USER, **(user or {})},
        "properties": {**PROPERTIES, **members.get("properties", {})},
    }
    for part in (made, made["user"], made["properties"]):
        for key in without.split():
            part.pop(key, None)
    return made


def seen(made: dict[str, Any] | None = None, **members: Any) -> Seen:
    """One delivery; of an event that was refused where there is no row and a reason."""
    given = row() if made is None and "reason" not in members else made or {}
    return Seen(**{"ref": "1-0", "at": NOW, "source_id": PIXEL, "mapping": "Order", "row": given, **members})


def sample(*deliveries: Seen, **members: Any) -> Sample:
    return Sample(**{"seen": list(deliveries), "events": len(deliveries), "sends": frozenset({"Purchase"}), **members})


def rows(*made: dict[str, Any], **members: Any) -> Sample:
    return sample(*(seen(one, **members) for one in made))


def refused(reason: str, *warnings: str) -> Sample:
    return sample(seen(reason=reason, warnings=list(warnings)))


def warned(*warnings: str, **members: Any) -> Sample:
    return sample(seen(row(**members), warnings=list(warnings)))


def offline(*made: dict[str, Any], **members: Any) -> Sample:
    return rows(*made, **{"event_source": "offline", "source_id": "7000000000000000000", **members})


def people(number: int, **members: Any) -> list[Seen]:
    """As many deliveries, each of somebody else; `event` and ``made`` may be functions of the number."""
    return [
        seen(**{key: part(at) if callable(part) else part for key, part in members.items()}) for at in range(number)
    ]


def compared(differences: Sequence[str] = (), **members: Any) -> Sample:
    legs = Legs(**{"events": 30, "both": 30, "reports": 40, "shared": 30, "browser_events": 30, **members})
    legs.differences = {code: ["1-0", "1-1"] for code in differences}
    return sample(events=100, legs=legs)


def visitor(at: int, user: dict[str, Any], url: str = "https://shop.example/") -> Seen:
    event = {"anonymousId": f"a-{at % 5}", "context": {"page": {"url": url}}}
    return seen(row(user=user), event=event)


LANDING: Final = f"https://shop.example/?ttclid={CLICK}"
FINE: Final = rows(row())

CASES: Final[dict[str, tuple[Sample, Sample]]] = {
    # Identity
    "source_id_unusual": (rows(row(), source_id="my-pixel"), FINE),
    "source_refused": (sample(seen(), blocked="no_permission"), sample(seen(), blocked="token_expired")),
    "id_is_no_text": (rows(row(event_id=12)), FINE),
    "event_time_invalid": (rows(row(event_time=int(NOW) * 1000)), FINE),
    "page_url_missing": (rows(row(without="page")), offline(row(without="page"))),
    "tests_among_real_events": (sample(seen(is_test=True), seen()), sample(seen(is_test=True), seen(is_test=True))),
    "only_tests": (sample(seen(is_test=True)), sample(seen(is_test=True), seen())),
    "partner_name_set": (sample(seen(), settings={"partner_name": "Acme"}), sample(seen(), settings={})),
    "event_id_used_again": (
        rows(row(), row(properties={"order_id": "O-2"})),
        rows(row(), row(), row("AddToCart", properties={"order_id": "O-2"})),
    ),
    "event_ahead": (rows(row(event_time=int(NOW) + 400)), rows(row(event_time=int(NOW) + 200))),
    "event_late": (rows(row(event_time=int(NOW) - 4000)), offline(row(event_time=int(NOW) - 4000))),
    "event_too_old": (rows(row(event_time=int(NOW) - 29 * 86_400)), rows(row(event_time=int(NOW) - 27 * 86_400))),
    # Names
    "event_name_missing": (refused("field_missing", "event: required"), refused("field_missing", "lead_fields: ...")),
    "event_name_invalid": (rows(row("Order #1")), rows(row("order-1"))),
    "event_name_reserved": (rows(row("Checkout")), rows(row("InitiateCheckout"))),
    "event_name_legacy": (rows(row("CompletePayment")), FINE),
    "event_name_retiring": (rows(row("PlaceAnOrder")), FINE),
    "event_name_misspelt": (rows(row("purchase")), FINE),
    "event_name_custom": (rows(row("QuizDone")), rows(row("SubmitForm"))),
    "event_name_custom_offline": (offline(row("QuizDone")), rows(row("QuizDone"))),
    "order_counted_as_two_events": (
        rows(row(), row("PlaceAnOrder")),
        rows(row(), row("PlaceAnOrder", properties={"order_id": "O-2"})),
    ),
    # People
    "email_malformed": (warned("email: is no e-mail address: expected name@domain; left out"), FINE),
    "phone_malformed": (
        warned("phone: is no possible phone number: expected E.164; left out"),
        warned("phone: is a placeholder, such as undefined or null, and no value; left out"),
    ),
    "hash_of_nothing": (
        rows(row(user={"email": [EMPTY_HASH]})),
        warned("email: looks like an MD5 or SHA-1 hash: send the plain value or its SHA-256; left out"),
    ),
    "hash_weak": (
        warned("email: looks like an MD5 or SHA-1 hash: send the plain value or its SHA-256; left out"),
        warned("email: is the hash of an empty value or of a placeholder: mend it; left out"),
    ),
    "not_hashed": (rows(row(user={"phone": ["+4930123456"]})), rows(row(user={"city": "berlin"}))),
    "personal_data_exposed": (
        rows(row(page={"url": "https://shop.example/?login=jane.doe%40example.com"})),
        rows(row(page={"url": "https://shop.example/@jane"})),
    ),
    "placeholder": (warned("event_id: is a placeholder, such as undefined or null, and no value; left out"), FINE),
    "no_match_key": (warned("no match key: TikTok cannot match this event to a person"), FINE),
    "ip_private": (
        warned("ip: is a private or reserved address, which no person has; left out", without="ip"),
        warned("ip: is no IP address; left out", without="ip"),
    ),
    "user_agent_program": (rows(row(user={"user_agent": "node-fetch/1.0"})), FINE),
    "ttclid_cut_off": (rows(row(user={"ttclid": "E.C.P." + "A" * 249})), rows(row(user={"ttclid": CLICK}))),
    "ttclid_lower_case": (rows(row(user={"ttclid": CLICK.lower()})), rows(row(user={"ttclid": CLICK}))),
    "ttclid_is_a_cookie": (rows(row(user={"ttclid": "01HX.tt.1"})), rows(row(user={"ttclid": CLICK}))),
    "limited_without_ip": (rows(row(without="ip", limited_data_use=True)), rows(row(limited_data_use=True))),
    # Many people together
    "cookies_off": (
        sample(*people(20, made=row(without="ttp"), in_browser=True)),
        sample(*people(20, made=row(without="ttp")), *people(20, in_browser=True)),
    ),
    "contact_rare": (
        sample(*people(18), *people(2, made=row(without="email"))),
        sample(*people(19), *people(1, made=row(without="email"))),
    ),
    "click_id_lost": (
        sample(visitor(0, {"ttclid": CLICK}, LANDING), *(visitor(5 * at, {}) for at in range(20))),
        sample(visitor(0, {"ttclid": CLICK}, LANDING), *(visitor(1, {}) for _ in range(40))),
    ),
    "cookie_rare": (
        sample(*people(17, made=row("ViewContent")), *people(3, made=row("ViewContent", without="ttp"))),
        sample(*people(18, made=row("ViewContent")), *people(2, made=row("ViewContent", without="ttp"))),
    ),
    "ip_shared": (
        sample(*people(10, event=lambda at: {"userId": f"u-{at}"})),
        sample(*people(40, event=lambda at: {"userId": f"u-{at % 9}"})),
    ),
    "user_agent_shared": (
        sample(*people(50, event=lambda at: {"userId": f"u-{at}"})),
        sample(
            *people(
                50, made=lambda at: row(user={"user_agent": f"Mozilla/{at % 3}"}), event=lambda at: {"userId": f"{at}"}
            )
        ),
    ),
    # Goods
    "value_missing": (rows(row(without="value")), rows(row("Lead", without="value"))),
    "currency_missing": (rows(row(without="currency")), rows(row("Lead", without="currency"))),
    "value_invalid": (rows(row(properties={"value": -1})), rows(row(properties={"value": 0}))),
    "currency_unknown": (rows(row(properties={"currency": "XAU"})), rows(row(properties={"currency": "eur"}))),
    "currency_lower_case": (rows(row(properties={"currency": "eur"})), rows(row(properties={"currency": "XAU"}))),
    "currency_differs": (
        rows(row(), row(), row(properties={"currency": "USD"})),
        sample(seen(source="de"), seen(row(properties={"currency": "USD"}), source="us")),
    ),
    "value_does_not_add_up": (
        rows(row(properties={"value": 1000})),
        sample(
            seen(row(properties={"value": 12.9})),
            seen(row(properties={"value": 30}), event={"properties": {"shipping": 20}}),
        ),
    ),
    "contents_missing": (rows(row(without="contents")), rows(row("Lead", without="contents"))),
    "content_id_missing": (rows(row(properties={"contents": [{"price": 5}]})), rows(row(without="contents"))),
    "content_id_without_value": (rows(row(without="value")), rows(row(without="value contents"))),
    "content_type_missing": (rows(row(without="content_type")), rows(row(without="content_type contents"))),
    "content_ids_disagree": (
        rows(row(properties={"content_ids": ["SKU-1"]})),
        rows(row(properties={"content_ids": ["1"]})),
    ),
    "content_types_mixed": (
        rows(row(), row(properties={"content_type": "product_group"})),
        rows(row(), row(properties={"content_type": "product_group", "contents": [{"content_id": "2"}]})),
    ),
    # Legs
    "pages_silent": (compared(browser_events=0), compared()),
    "pixel_of_the_page": (compared(useless_pixel=True), compared()),
    "event_id_missing": (compared(["event_id_missing"]), compared(["event_id_differs"])),
    "event_id_differs": (compared(["event_id_differs"]), compared()),
    "event_name_differs": (compared(["event_name_differs"]), compared()),
    "one_leg_only": (compared(["one_leg_only"]), compared()),
    "currency_differs_between_legs": (compared(["currency_differs_between_legs"]), compared()),
    "values_differ_between_legs": (compared(["values_differ_between_legs"]), compared()),
    "order_counted_twice": (compared(["order_counted_twice"]), compared()),
    "overlap_low": (compared(shared=23), compared(shared=24)),
    "overlap_high": (compared(shared=37), compared(shared=36)),
    # Traffic
    "no_recent_activity": (
        sample(volumes={"Order": Volume(silent=True), "Cart": Volume(5, 5)}),
        sample(volumes={"Order": Volume(0, 5)}),
    ),
    "volume_swing": (
        sample(volumes={"Order": Volume(300, 600)}),
        sample(volumes={"Order": Volume(500, 600), "Cart": Volume(10, 40), "New": Volume(900, 0)}),
    ),
    "match_swing": (
        sample(quality={"Purchase": 4.0}, former_quality={"Purchase": 6.0}),
        sample(quality={"Purchase": 5.0}, former_quality={"Purchase": 6.0, "Lead": 3.0}),
    ),
    "more_orders_than_checkouts": (
        sample(*people(40), sends=frozenset({"Purchase", "InitiateCheckout"})),
        sample(
            *people(40), *people(38, made=row("InitiateCheckout")), sends=frozenset({"Purchase", "InitiateCheckout"})
        ),
    ),
}
