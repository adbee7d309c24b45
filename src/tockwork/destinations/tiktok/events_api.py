"""From a record of fields to a row of TikTok's Events API 2.0: the one row encoder of all cloud destinations.

Rules: `reference` pages of the destinations, TikTok's "Parameters" and "Set up external_id", "Send TikTok click id".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tockwork.destinations.declare import RowEncoder
from tockwork.destinations.tiktok import user as person
from tockwork.destinations.tiktok.hashing import LONGEST_PLACEHOLDER, is_placeholder
from tockwork.destinations.tiktok.rows import Address, Content, Fields, Lead, Page, Properties, Row, User
from tockwork.destinations.tiktok.standard_events import KNOWN_NAMES, check_name
from tockwork.destinations.tiktok.timestamp import event_time
from tockwork.destinations.tiktok.verticals import travel_properties, vehicle_properties
from tockwork.model.event import Envelope
from tockwork.rules.fields import FieldError

ENDPOINT = "/open_api/v1.3/event/track/"
"""Source: TikTok, "Report App, Web, Offline, or CRM Events"; the trailing slash belongs to it."""

Warnings = list[str]
Normaliser = Callable[[str], str | None]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance's settings decide about its rows."""

    source_id: str
    test_event_code: str = ""
    partner_name: str = ""
    region: str = "US"
    zone: tzinfo = UTC
    compute_value: bool = True
    order_event_ids: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any], source_id: str) -> Policy:
        """The policy of validated settings; `source_id` is the key of the setting that holds event_source_id."""
        return cls(
            source_id=settings[source_id],
            test_event_code=settings.get("test_event_code", ""),
            partner_name=settings.get("partner_name", ""),
            region=settings.get("default_region", "US"),
            zone=ZoneInfo(settings["timezone"]) if settings.get("timezone", "UTC") != "UTC" else UTC,
            compute_value=settings.get("compute_value", True),
            order_event_ids=settings.get("event_id") == "order",
        )


def web_encoder(policy: Policy) -> RowEncoder:
    """The encoder for ``event_source`` web and crm."""
    usual = Envelope("web", policy.source_id, policy.test_event_code, policy.partner_name)

    def phone(value: str) -> str | None:
        return person.phone(value, policy.region)

    def encode(f: Fields, now: float, warnings: Warnings) -> tuple[Row, Envelope]:
        source = f.event_source or "web"
        user = _user(f, phone, warnings)
        lead = None if f.lead is None and f.lead_id is None and source == "web" else _lead(f, source, warnings)
        if user.external_id is None and lead is None and user in (_NOBODY, User(locale=user.locale)):
            warnings.append("no match key: TikTok cannot match this event to a person (send email, phone, ttclid, …)")
        if f.event not in KNOWN_NAMES:
            warnings += [f"event: {note}" for note in check_name(f.event) if note.level == "warning"]
        event_id, order_id = f.event_id, f.order_id
        if event_id is not None and len(event_id) <= LONGEST_PLACEHOLDER:
            event_id = _known(event_id, "event_id", warnings)
        if order_id is not None and len(order_id) <= LONGEST_PLACEHOLDER:
            order_id = _known(order_id, "order_id", warnings)
        row = Row(
            f.event,
            int(now) if f.timestamp is None else event_time(f.timestamp, now, policy.zone),
            user,
            _properties(f, order_id, source, policy.compute_value, warnings),
            f.limited_data_use is True,
            f"{f.event}.{order_id}" if policy.order_event_ids and order_id else event_id,
            None if f.url is None and f.referrer is None else Page(f.url, f.referrer),
            lead,
        )
        if source == "web" and f.test_event_code is None:
            return row, usual
        test_event_code = f.test_event_code or policy.test_event_code
        return row, Envelope(source, policy.source_id, test_event_code, policy.partner_name)

    return encode


_NOBODY = User()
_NOTHING = Content()


def _user(f: Fields, phone: Normaliser, warnings: Warnings) -> User:
    """``user``: normalised and hashed match keys; a click id in the page's URL wins over a supplied one."""
    click_id = None if f.url is None else person.click_id(f.url)
    if click_id is None and f.ttclid is not None:
        click_id = person.ttclid(f.ttclid) or _lost("ttclid", f.ttclid, warnings)
    user = User(
        None if f.external_id is None else _hashes(f.external_id, person.external_id, "external_id", warnings),
        None if f.phone is None else _hashes(f.phone, phone, "phone", warnings),
        None if f.email is None else _hashes(f.email, person.email, "email", warnings),
        click_id,
        None if f.ttp is None else person.plain(f.ttp) or _lost("ttp", f.ttp, warnings),
        None if f.ip is None else person.ip(f.ip) or _lost("ip", f.ip, warnings),
        None if f.user_agent is None else person.plain(f.user_agent) or _lost("user_agent", f.user_agent, warnings),
        None if f.locale is None else person.plain(f.locale) or _lost("locale", f.locale, warnings),
        None if f.first_name is None else person.name(f.first_name) or _lost("first_name", f.first_name, warnings),
        None if f.last_name is None else person.name(f.last_name) or _lost("last_name", f.last_name, warnings),
    )
    if f.address is not None:
        _add_address(user, f.address, warnings)
    return user


def _add_address(user: User, address: Address, warnings: Warnings) -> None:
    city, state, country, zip_code = address.city, address.state, address.country, address.zip_code
    if city is not None:
        user.city = person.city(city) or _lost("city", city, warnings)
    if state is not None:
        user.state = person.state(state) or _lost("state", state, warnings)
    if country is not None:
        user.country = person.country(country) or _lost("country", country, warnings)
        if user.country is not None and not person.is_country(user.country):
            warnings.append(f"country: {person.problem('country', country)}; sent as it is")
    if zip_code is not None:
        user.zip_code = person.zip_code(zip_code, user.country) or _lost("zip_code", zip_code, warnings)


def _lost(key: str, value: str, warnings: Warnings) -> str | None:
    """Nothing, in place of `value`; says why it is left out, except of a blank one."""
    problem = person.problem(key, value)
    if problem is not None:
        warnings.append(f"{key}: {problem}; left out")
    return None


def _known(value: str | None, key: str, warnings: Warnings) -> str | None:
    """An id as it is; None, and a word about it, for a placeholder."""
    return _lost(key, value, warnings) if value is not None and is_placeholder(value) else value


def _all_known(values: Sequence[str], key: str, warnings: Warnings) -> list[str] | None:
    return [value for value in values if _known(value, key, warnings) is not None] or None


def _hashes(values: Sequence[str], hashed: Normaliser, key: str, warnings: Warnings) -> list[str] | None:
    if len(values) == 1 and (only := hashed(values[0])):
        return [only]
    found = dict.fromkeys(hashed(value) or _lost(key, value, warnings) for value in values)
    return [digest for digest in found if digest is not None] or None


def _lead(f: Fields, source: str, warnings: Warnings) -> Lead | None:
    """``lead``; the flat field stands in for the object, on the web too. Raises `FieldError` for crm without either."""
    flat = _known(f.lead_id, "lead_id", warnings)
    if source == "web":
        if flat is not None:
            warnings.append("lead_id: sent as lead.lead_id, which TikTok documents for CRM events only")
        return None if flat is None else Lead(flat)
    if f.lead is None and flat is None:
        raise FieldError(
            "field_missing", "lead_fields: required when event_source is crm, but the event gave no value for it"
        )
    lead = f.lead or Lead()
    lead_id = flat or _known(lead.lead_id, "lead_id", warnings)
    return Lead(lead_id, lead.lead_event_source) if lead_id else None


def _properties(
    f: Fields, order_id: str | None, source: str, compute: bool, warnings: Warnings
) -> Properties | dict[str, Any]:
    contents = None if f.contents is None else _contents(f.contents, warnings)
    num_items, value = f.num_items, f.value
    if value is None and compute:
        value = f.total
        if value is None and f.contents:
            value = contents_value(f.contents)
            if value is not None:
                warnings.append("value: the event gave none; computed as price × quantity of contents")
    if num_items.__class__ is float:
        num_items = whole(num_items, "num_items", warnings)
    query, search_string = f.query, f.search_string
    if f.event == "Search":
        query, search_string = query or search_string, search_string or query
    properties = Properties(
        contents,
        f.content_type,
        None if f.content_ids is None else _all_known(f.content_ids, "content_ids", warnings),
        num_items,  # type: ignore[arg-type]
        f.currency,
        value,
        f.description,
        query,
        search_string,
        order_id,
        None if f.shop_id is None else _known(f.shop_id, "shop_id", warnings),
        f.delivery_category,
        f.predicted_ltv,
    )
    if f.event_spec_type is not None and source == "web":
        if f.event_spec_type == "travel_fields" and f.travel:
            return {**_members(properties), **travel_properties(f.travel)}
        if f.event_spec_type == "vehicle_fields" and f.vehicle:
            return {**_members(properties), **vehicle_properties(f.vehicle)}
    return properties


def _contents(contents: list[Content], warnings: Warnings) -> list[Content] | None:
    """`contents` with whole quantities and without placeholder ids. A constant's items are shared: never changed."""
    for content in contents:
        content_id = content.content_id
        if content.quantity.__class__ is float or (content_id is not None and is_placeholder(content_id)):
            return [mended for one in contents if (mended := _mended(one, warnings)) != _NOTHING] or None
    return contents


def _mended(content: Content, warnings: Warnings) -> Content:
    quantity = content.quantity
    if quantity.__class__ is float:
        quantity = whole(quantity, "contents.quantity", warnings)
    content_id = _known(content.content_id, "contents.content_id", warnings)
    return msgspec.structs.replace(content, quantity=quantity, content_id=content_id)


def _members(properties: Properties) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(properties).items() if value is not None}


def contents_value(contents: Sequence[Content]) -> int | float | None:
    """Σ price × quantity over the items that have a price (quantity 1 unless given); None when none has, or when it is
    more than a number can hold."""
    try:
        priced = [c.price * (1 if c.quantity is None else c.quantity) for c in contents if c.price is not None]
        total = round(math.fsum(priced), 6)
    except OverflowError:
        return None
    if not priced or not math.isfinite(total):
        return None
    return int(total) if total.is_integer() else total


def whole(value: float | None, key: str, warnings: Warnings) -> int | None:
    """`value` rounded to a whole number, which is all that TikTok takes here; said in the warnings."""
    if value is None:
        return None
    warnings.append(f"{key}: TikTok takes whole numbers only; rounded")
    return round(value)
