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
from tockwork.destinations.tiktok.click_id import PARAMETER
from tockwork.destinations.tiktok.hashing import LONGEST_PLACEHOLDER, is_placeholder
from tockwork.destinations.tiktok.rows import Address, Content, Fields, Lead, Page, Properties, Row, User
from tockwork.destinations.tiktok.standard_events import CURRENCIES, KNOWN_NAMES, check_currency, check_name
from tockwork.destinations.tiktok.timestamp import event_time
from tockwork.destinations.tiktok.verticals import travel_properties, vehicle_properties
from tockwork.model.event import Envelope
from tockwork.rules.fields import FieldError

ENDPOINT = "/open_api/v1.3/event/track/"
"""Source: TikTok, "Report App, Web, Offline, or CRM Events"; the trailing slash belongs to it."""

Warnings = list[str]
Normaliser = Callable[[str], str | None]
ClickId = Callable[[Fields, Warnings], str | None]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination decides about its rows, whatever an instance's settings.

    `event_source` is the one that counts where no field says otherwise. With `supplied_click_id_first` a click id that
    came with the event wins over one in a URL. With `lead_in_user` the flat lead id goes to ``user.lead_id``. `contact`
    names the fields of which one must hold a valid e-mail or phone, in this order; none need where there are none. With
    `limited_only_when_true` the row says nothing about limited data use unless it is on.
    """

    event_source: str = "web"
    supplied_click_id_first: bool = False
    lead_in_user: bool = False
    contact: tuple[str, str] | None = None
    limited_only_when_true: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance's settings decide about its rows."""

    source_id: str
    test_event_code: str = ""
    partner_name: str = ""
    region: str = "US"
    zone: tzinfo = UTC
    compute_value: bool = True
    order_event_ids: bool = False
    accept_external_id: bool = False
    limited: bool = False

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
            accept_external_id=settings.get("accept_external_id", False),
            limited=settings.get("ldu", False),
        )

    def envelope(self, rules: Rules) -> Envelope:
        """What stands at the root of a request whose rows say nothing about it."""
        return Envelope(rules.event_source, self.source_id, self.test_event_code, self.partner_name)


def row_encoder(policy: Policy, rules: Rules) -> RowEncoder:
    """The encoder of one instance; raises `FieldError` for what may not be sent."""
    usual = policy.envelope(rules)
    usual_source = usual.event_source
    unasked = True if policy.limited else None if rules.limited_only_when_true else False
    click_id = _supplied_first if rules.supplied_click_id_first else _url_first
    user_of = _contact(*rules.contact, policy.accept_external_id) if rules.contact else _user
    lead_of = _lead_in_user if rules.lead_in_user else _lead

    def phone(value: str) -> str | None:
        return person.phone(value, policy.region)

    def encode(f: Fields, now: float, warnings: Warnings) -> tuple[Row, Envelope]:
        source = f.event_source or usual_source
        user = user_of(f, phone, click_id, warnings)
        usually = source == usual_source
        lead = None if usually and f.lead is None and f.lead_id is None else lead_of(f, user, source, warnings)
        if user.external_id is None and lead is None and user in (_NOBODY, User(locale=user.locale)):
            warnings.append("no match key: TikTok cannot match this event to a person (send email, phone, ttclid, …)")
        if f.event not in KNOWN_NAMES:
            warnings += [f"event: {note}" for note in check_name(f.event, source) if note.level == "warning"]
        if f.currency is not None and f.currency not in CURRENCIES:
            warnings += [f"currency: {note}" for note in check_currency(f.currency)]
        event_id, order_id = f.event_id, f.order_id
        if event_id is not None and len(event_id) <= LONGEST_PLACEHOLDER:
            event_id = known(event_id, "event_id", warnings)
        if order_id is not None and len(order_id) <= LONGEST_PLACEHOLDER:
            order_id = known(order_id, "order_id", warnings)
        row = Row(
            f.event,
            int(now) if f.timestamp is None else event_time(f.timestamp, now, policy.zone),
            user,
            properties_of(f, order_id, source, policy.compute_value, warnings),
            f.limited_data_use is True or unasked,
            f"{f.event}.{order_id}" if policy.order_event_ids and order_id else event_id,
            None if f.url is None and f.referrer is None else Page(f.url, f.referrer),
            lead,
        )
        if usually and f.test_event_code is None:
            return row, usual
        test_event_code = f.test_event_code or policy.test_event_code
        return row, Envelope(source, policy.source_id, test_event_code, policy.partner_name)

    return encode


_NOBODY = User()
_NOTHING = Content()


def _url_first(f: Fields, warnings: Warnings) -> str | None:
    url, given = f.url, f.ttclid
    if url is not None and PARAMETER in url and (found := person.click_id(url)):
        return found
    return None if given is None else person.ttclid(given) or lost("ttclid", given, warnings)


def _supplied_first(f: Fields, warnings: Warnings) -> str | None:
    if f.ttclid is not None and (supplied := person.ttclid(f.ttclid) or lost("ttclid", f.ttclid, warnings)):
        return supplied
    found = None if f.url is None else person.click_id(f.url)
    return found if found or f.landing_url is None else person.click_id(f.landing_url)


def _contact(
    email: str, phone: str, accept_external_id: bool
) -> Callable[[Fields, Normaliser, ClickId, Warnings], User]:
    """`_user` for a destination that takes nobody without an e-mail or a phone (an external id, where accepted)."""

    def user_of(f: Fields, normalised: Normaliser, click_id: ClickId, warnings: Warnings) -> User:
        user = _user(f, normalised, click_id, warnings)
        if user.email is None and user.phone is None and not (accept_external_id and user.external_id):
            raise _no_contact({"email": email, "phone": phone}, warnings)
        return user

    return user_of


def _no_contact(keys: Mapping[str, str], warnings: Warnings) -> FieldError:
    """Why there is neither e-mail nor phone: `warnings` name each value that was given and left out."""
    blamed = [key for start, key in keys.items() if any(text.startswith(start) for text in warnings)]
    if not blamed:
        text = f"{', '.join(keys.values())}: the destination takes no event without either, and the event gave neither"
        return FieldError("pii_required", text)
    return FieldError("pii_invalid", f"{', '.join(blamed)}: given, but nothing in it is valid, so nothing is sent")


def _user(f: Fields, phone: Normaliser, click_id: ClickId, warnings: Warnings) -> User:
    """``user``: normalised and hashed match keys."""
    ttclid = None if f.url is None and f.ttclid is None else click_id(f, warnings)
    user = User(
        None if f.external_id is None else _hashes(f.external_id, person.external_id, "external_id", warnings),
        None if f.phone is None else _hashes(f.phone, phone, "phone", warnings),
        None if f.email is None else _hashes(f.email, person.email, "email", warnings),
        ttclid,
        None if f.ttp is None else person.plain(f.ttp) or lost("ttp", f.ttp, warnings),
        None if f.ip is None else person.ip(f.ip) or lost("ip", f.ip, warnings),
        None if f.user_agent is None else person.plain(f.user_agent) or lost("user_agent", f.user_agent, warnings),
        None if f.locale is None else person.plain(f.locale) or lost("locale", f.locale, warnings),
        None if f.first_name is None else person.name(f.first_name) or lost("first_name", f.first_name, warnings),
        None if f.last_name is None else person.name(f.last_name) or lost("last_name", f.last_name, warnings),
    )
    if f.address is not None:
        _add_address(user, f.address, warnings)
    return user


def _add_address(user: User, address: Address, warnings: Warnings) -> None:
    city, state, country, zip_code = address.city, address.state, address.country, address.zip_code
    if city is not None:
        user.city = person.city(city) or lost("city", city, warnings)
    if state is not None:
        user.state = person.state(state) or lost("state", state, warnings)
    if country is not None:
        user.country = person.country(country) or lost("country", country, warnings)
        if user.country is not None and not person.is_country(user.country):
            warnings.append(f"country: {person.problem('country', country)}; sent as it is")
    if zip_code is not None:
        user.zip_code = person.zip_code(zip_code, user.country) or lost("zip_code", zip_code, warnings)


def lost(key: str, value: str, warnings: Warnings) -> str | None:
    """Nothing, in place of `value`; says why it is left out, except of a blank one."""
    problem = person.problem(key, value)
    if problem is not None:
        warnings.append(f"{key}: {problem}; left out")
    return None


def known(value: str | None, key: str, warnings: Warnings) -> str | None:
    """An id as it is; None, and a word about it, for a placeholder."""
    return lost(key, value, warnings) if value is not None and is_placeholder(value) else value


def _all_known(values: Sequence[str], key: str, warnings: Warnings) -> list[str] | None:
    return [value for value in values if known(value, key, warnings) is not None] or None


def _hashes(values: Sequence[str], hashed: Normaliser, key: str, warnings: Warnings) -> list[str] | None:
    if len(values) == 1 and (only := hashed(values[0])):
        return [only]
    found = dict.fromkeys(hashed(value) or lost(key, value, warnings) for value in values)
    return [digest for digest in found if digest is not None] or None


def _lead_in_user(f: Fields, user: User, source: str, warnings: Warnings) -> None:
    """No ``lead`` but a member of ``user``, as Segment sends it with offline events."""
    user.lead_id = known(f.lead_id, "lead_id", warnings)


def _lead(f: Fields, user: User, source: str, warnings: Warnings) -> Lead | None:
    """``lead``; the flat field stands in for the object, on the web too. Raises `FieldError` for crm without either."""
    flat = known(f.lead_id, "lead_id", warnings)
    if source == "web":
        if flat is not None:
            warnings.append("lead_id: sent as lead.lead_id, which TikTok documents for CRM events only")
        return None if flat is None else Lead(flat)
    if f.lead is None and flat is None:
        raise FieldError(
            "field_missing", "lead_fields: required when event_source is crm, but the event gave no value for it"
        )
    lead = f.lead or Lead()
    lead_id = flat or known(lead.lead_id, "lead_id", warnings)
    return Lead(lead_id, lead.lead_event_source) if lead_id else None


def properties_of(
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
        None if f.shop_id is None else known(f.shop_id, "shop_id", warnings),
        f.delivery_category,
        f.predicted_ltv,
        f.form_name,
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
    content_id = known(content.content_id, "contents.content_id", warnings)
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
