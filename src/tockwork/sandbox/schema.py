"""The fields of a request to TikTok, their JSON types and what TikTok says about each.

One table serves the refusals, the diagnostics and the page of recognised parameters. Sources: Events API, "Report App,
Web, Offline, or CRM Events" and "Parameters"; help centre, "About parameters". The vertical fields (travel, vehicles)
and the extra keys are those that TikTok's own tags and plug-ins send.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec


class Kind(Enum):
    """A JSON type as TikTok names it in a refusal (the text after the colon)."""

    STRING = "not a valid string"
    STRINGS = "not a valid list of strings"
    STRING_OR_STRINGS = "not a valid string or list of strings"
    NUMBER = "not a valid number"
    INTEGER = "not a valid integer"
    BOOLEAN = "not a valid boolean"
    OBJECT = "not a valid object"
    OBJECTS = "not a valid list of objects"
    ANY = ""


class Field(msgspec.Struct, frozen=True):
    """One field: its type, whether its value is a SHA-256 hash, the event sources that use it (none named: all of
    them), and the values it may have (none named: any)."""

    kind: Kind = Kind.STRING
    hashed: bool = False
    sources: tuple[str, ...] = ()
    listed: frozenset[str] = frozenset()


SOURCES: Final = ("web", "app", "offline", "crm")

_WEB: Final = ("web",)
_APP: Final = ("app",)
_WEB_APP: Final = ("web", "app")


def _plain(kind: Kind, names: str) -> dict[str, Field]:
    return {name: Field(kind) for name in names.split()}


ROOT: Final = {
    "event_source": Field(),
    "event_source_id": Field(),
    "data": Field(Kind.OBJECTS),
    "test_event_code": Field(),
    "partner_name": Field(),
}

ROW: Final = {
    "event": Field(),
    "event_time": Field(Kind.INTEGER),
    "event_id": Field(),
    "user": Field(Kind.OBJECT),
    "properties": Field(Kind.OBJECT),
    "page": Field(Kind.OBJECT),
    "app": Field(Kind.OBJECT),
    "ad": Field(Kind.OBJECT),
    "lead": Field(Kind.OBJECT),
    "limited_data_use": Field(Kind.BOOLEAN, sources=_WEB_APP),
    "device": Field(Kind.ANY),
}

USER: Final = {
    "email": Field(Kind.STRING_OR_STRINGS, hashed=True),
    "phone": Field(Kind.STRING_OR_STRINGS, hashed=True),
    "external_id": Field(Kind.STRING_OR_STRINGS, hashed=True, sources=("web", "crm")),
    "ttclid": Field(sources=_WEB),
    "ttp": Field(sources=_WEB),
    "ip": Field(sources=_WEB_APP),
    "user_agent": Field(sources=_WEB_APP),
    "locale": Field(sources=_WEB_APP),
    "first_name": Field(hashed=True, sources=_WEB),
    "last_name": Field(hashed=True, sources=_WEB),
    "zip_code": Field(hashed=True, sources=_WEB),
    "city": Field(sources=_WEB),
    "state": Field(sources=_WEB),
    "country": Field(sources=_WEB),
    "idfa": Field(sources=_APP),
    "idfv": Field(sources=_APP),
    "gaid": Field(sources=_APP),
    "att_status": Field(
        sources=_APP,
        listed=frozenset({"AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE"}),
    ),
    "lead_id": Field(sources=("offline",)),
}

PROPERTIES: Final = {
    "contents": Field(Kind.OBJECTS),
    "content_ids": Field(Kind.STRINGS),
    "content_type": Field(listed=frozenset({"product", "product_group"})),
    "value": Field(Kind.NUMBER),
    "predicted_ltv": Field(Kind.NUMBER),
    "num_items": Field(Kind.INTEGER),
    "quantity": Field(Kind.INTEGER),
    "customer_type": Field(listed=frozenset({"new", "returning"}), sources=_WEB_APP),
    "delivery_category": Field(listed=frozenset({"in_store", "curbside", "home_delivery"})),
    **_plain(Kind.STRING, "currency search_string query description order_id shop_id status content_id"),
    **_plain(Kind.ANY, "gtm_version event_trigger_source"),
    **_plain(
        Kind.ANY,
        "city region country checkin_date checkout_date num_adults num_children num_infants suggested_hotels"
        " departing_departure_date departing_arrival_date returning_departure_date returning_arrival_date"
        " origin_airport destination_airport destination_ids travel_class user_score preferred_num_stops travel_start"
        " travel_end suggested_destinations",
    ),
    **_plain(
        Kind.ANY,
        "postal_code make model year state_of_vehicle mileage exterior_color interior_color transmission body_style"
        " fuel_type drivetrain preferred_price_range trim vin condition_of_vehicle viewcontent_type search_type"
        " registration_type",
    ),
}

CONTENT: Final = {
    "price": Field(Kind.NUMBER),
    "quantity": Field(Kind.INTEGER),
    **_plain(Kind.STRING, "content_id content_name content_category brand content_type description"),
    **_plain(
        Kind.ANY,
        "availability sale_price on_sale review_count average_rating weight weight_unit status",
    ),
}

PAGE: Final = _plain(Kind.STRING, "url referrer")
APP: Final = _plain(Kind.STRING, "app_id app_name app_version")
AD: Final = {
    **_plain(Kind.STRING, "callback campaign_id ad_id creative_id attribution_type attribution_provider"),
    **_plain(Kind.BOOLEAN, "is_retargeting attributed"),
    **_plain(Kind.NUMBER, "attribution_share"),
    **_plain(Kind.ANY, "attribution_value attribution_method"),
}
LEAD: Final = _plain(Kind.STRING, "lead_id lead_event_source")

PARTS: Final = {"user": USER, "properties": PROPERTIES, "page": PAGE, "app": APP, "ad": AD, "lead": LEAD}
"""The objects of a row and the fields of each."""
