"""TikTok Pixel: web events, from the shopper's browser (Segment's destination of that name).

A row is the list of calls that the plugin makes on the pixel (``ttq``), each a method's name and its arguments:
``["identify", person]`` and ``["track", event, properties, {"event_id": id}]``. The plugin in ``browser/`` makes the
same calls of the same event; the cases hold for both. Sources: seed documents (TikTok Pixel), TikTok's pixel pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from tockwork.destinations.declare import Action, Destination, Device, Preset, RowEncoder, Setting, Wording
from tockwork.destinations.tiktok import fields, packs, responses, settings
from tockwork.destinations.tiktok import user as person
from tockwork.destinations.tiktok.address import bare_zip
from tockwork.destinations.tiktok.countries import COUNTRIES
from tockwork.destinations.tiktok.diagnostics.declared import IN_BROWSER
from tockwork.destinations.tiktok.dialling import Dialling, dialling
from tockwork.destinations.tiktok.events_api import Policy, known, lost, properties_of
from tockwork.destinations.tiktok.hashing import PLACEHOLDERS, WORTHLESS, given_hash, is_any_hash
from tockwork.destinations.tiktok.names import NO_WORDS, bare
from tockwork.destinations.tiktok.naming import naming
from tockwork.destinations.tiktok.rows import Address, Fields
from tockwork.destinations.tiktok.standard_events import CURRENCIES, KNOWN_NAMES, PAGE_VIEW, check_currency, check_name
from tockwork.model.event import Envelope
from tockwork.rules.fields import Field, FieldError

Warnings = list[str]

SOURCE: Final = "pixel"
"""What stands for ``event_source`` in an outcome's envelope, where nothing is ever posted."""

_NOT_IN_A_PAGE: Final = (
    "event_source timestamp ttclid ttp lead_fields lead_id locale url referrer ip user_agent limited_data_use "
    "test_event_code delivery_category predicted_ltv"
)
"""Fields of a web event that the pixel finds out by itself, or has no place for."""

REPORT: Final = Action(
    key="reportWebEvent",
    title="Report Web Event",
    help="Report an event of the page to TikTok, together with who the person is, where that is known.",
    fields=fields.derived(
        fields.WEB_FIELDS,
        replace(
            fields.EVENT_ID,
            help="Identifies this one action. TikTok drops a second event with the same name and id within 48 hours, "
            "so the server must send the same id.",
        ),
        without=_NOT_IN_A_PAGE,
    ),
)


def _of_traits(field: Field) -> Field:
    """The field, found in an identify call's traits before it is looked for where other events have it."""
    parts = tuple(map(_of_traits, field.properties))
    default = field.default and msgspec.json.decode(
        msgspec.json.encode(field.default).replace(b"$.properties.", b"$.traits.")
    )
    return replace(field, properties=parts, default=default)


IDENTIFY: Final = Action(
    key="identify",
    title="Identify",
    help="Tell the pixel who the person is, for the events that follow (manual advanced matching).",
    fields=tuple(
        field if field is fields.EXTERNAL_ID else _of_traits(field)
        for field in (
            fields.PHONE,
            fields.EMAIL,
            fields.FIRST_NAME,
            fields.LAST_NAME,
            fields.ADDRESS,
            fields.EXTERNAL_ID,
        )
    ),
)
_IDENTIFY_PRESET: Final = Preset(
    name="Identify", trigger='type = "identify"', fields=packs.defaults(IDENTIFY.fields), action=IDENTIFY.key
)

LDU: Final = replace(
    settings.LDU,
    help="Load the pixel so that TikTok limits what it does with the data (US states with opt-out laws). It is on by "
    "itself for people whose browser sends Global Privacy Control.",
)
AUTO_PAGE_VIEW: Final = Setting(
    key="autoPageView",
    label="Page View on Load",
    type="boolean",
    default=True,
    help="Let the pixel count a page view by itself when it is loaded. A mapping that sends Pageview takes its place, "
    "since its page views carry an event id.",
)
USE_EXISTING_PIXEL: Final = Setting(
    key="useExistingPixel",
    label="Use Existing Pixel (deprecated)",
    type="boolean",
    default=False,
    help="Load nothing, and wait for a pixel that the page loads by other means. Rather remove the other pixel.",
)


class Calls(list[list[Any]]):
    """The calls of one event. `person` and `properties` are the arguments that hold its data."""

    __struct_fields__ = ("person", "properties")

    def __init__(self, person: dict[str, str], properties: dict[str, Any], track: list[Any] | None) -> None:
        self.person = person
        self.properties = properties
        is_known = any(key in person for key in ("email", "phone_number", "external_id"))
        super().__init__([*([["identify", person]] if is_known else []), *([track] if track else [])])


def encoder(policy: Policy) -> RowEncoder:
    """The encoder of one instance. Raises `FieldError` for an identify call that tells nothing of anybody."""
    plan = dialling(policy.region)
    envelope = Envelope(SOURCE, policy.source_id, "", policy.partner_name)

    def encode(f: Fields, _: float, warnings: Warnings) -> tuple[Calls, Envelope]:
        who = _person(f, plan, warnings)
        if not f.event:
            calls = Calls(who, {}, None)
            if not calls:
                text = "identify: expected a valid email, phone_number or external_id, and the event gave none"
                raise FieldError("field_missing", text)
            return calls, envelope
        event_id, order_id = known(f.event_id, "event_id", warnings), known(f.order_id, "order_id", warnings)
        if policy.order_event_ids and order_id:
            event_id = f"{f.event}.{order_id}"
        made = properties_of(f, order_id, "web", policy.compute_value, warnings)
        properties = msgspec.to_builtins(made)
        warnings += _noted(f.event, properties)
        track = ["track", f.event, properties, *([{"event_id": event_id}] if event_id else [])]
        return Calls(who, properties, track), envelope

    return encode


def _noted(event: str, properties: Mapping[str, Any]) -> list[str]:
    notes = []
    if event not in KNOWN_NAMES:
        notes += [f"event: {note}" for note in check_name(event) if note.level == "warning"]
    currency = properties.get("currency")
    if currency is None and "value" in properties:
        notes.append("currency: the event gave none for its value, and none is made up")
    elif currency is not None and currency not in CURRENCIES:
        notes += [f"currency: {note}" for note in check_currency(currency)]
    return notes


def _person(f: Fields, plan: Dialling, warnings: Warnings) -> dict[str, str]:
    """The argument of ``identify``: normalised values, which the pixel hashes, or hashes, which it passes on. Of
    several values the first that is valid counts."""
    address = f.address or Address()
    found: dict[str, str] = {}
    given: list[tuple[str, str, list[str] | None, Callable[[str], str | None]]] = [
        ("email", "email", f.email, _email),
        ("phone_number", "phone", f.phone, lambda value: plan.e164(value) or given_hash(value.strip().lower())),
        ("external_id", "external_id", f.external_id, _external_id),
        ("first_name", "first_name", _alone(f.first_name), _name),
        ("last_name", "last_name", _alone(f.last_name), _name),
        ("city", "city", _alone(address.city), person.city),
        ("state", "state", _alone(address.state), person.state),
        ("country", "country", _alone(address.country), _country),
        ("zip_code", "zip_code", _alone(address.zip_code), lambda value: _zip(value, found)),
    ]
    for key, field, values, normal in given:
        for value in values or ():
            text = normal(value)
            if text:
                found[key] = text
                break
            if key == "country" and person.problem(field, value):
                warnings.append("country: the pixel takes a two-letter code; left out")
            else:
                lost(field, value, warnings)
    return found


def _alone(value: str | None) -> list[str] | None:
    return None if value is None else [value]


def _email(value: str) -> str | None:
    return None if person.email(value) is None else value.strip().lower()


def _external_id(value: str) -> str | None:
    return None if person.external_id(value) is None else value.strip().lower()


def _name(value: str) -> str | None:
    text = bare(value)
    if text in NO_WORDS:
        return None
    return given_hash(text) if is_any_hash(text) else text


def _country(value: str) -> str | None:
    text = value.strip().lower()
    return text if text in COUNTRIES else None


def _zip(value: str, found: Mapping[str, str]) -> str | None:
    text = bare_zip(value, found.get("country"))
    return given_hash(text) if text is not None and is_any_hash(text) else text


def _policy(values: Mapping[str, Any]) -> Policy:
    return Policy.of(values, settings.PIXEL_CODE.key)


def _for_device(values: Mapping[str, Any], sent: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What the plugin must know beside the mappings; `sent` are the fields of those that are enabled."""
    policy = _policy(values)
    return {
        "code": policy.source_id,
        "page": values["autoPageView"] and not any(mapping.get("event") == PAGE_VIEW for mapping in sent),
        "compute": policy.compute_value,
        "orderIds": policy.order_event_ids,
        "dialling": dialling(policy.region),
        "placeholders": sorted(PLACEHOLDERS),
        "worthless": sorted(WORTHLESS),
        "countries": "".join(sorted(COUNTRIES)),
    }


def _advice(values: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[str]:
    name, currency = mapping.get("event"), mapping.get("currency")
    notes = [f"fields.event: {note}" for note in check_name(name)] if isinstance(name, str) else []
    if isinstance(currency, str):
        notes += [f"fields.currency: {note}" for note in check_currency(currency)]
    return notes


PIXEL: Final = Destination(
    key="tiktok-pixel",
    title="TikTok Pixel",
    help="Loads the TikTok Pixel in the shopper's browser and makes its calls there. Tockwork's server sends nothing "
    "for it, so only sources of kind browser reach it.",
    settings=(
        settings.PIXEL_CODE,
        LDU,
        AUTO_PAGE_VIEW,
        USE_EXISTING_PIXEL,
        settings.PARTNER_NAME,
        settings.DEFAULT_REGION,
        settings.COMPUTE_VALUE,
        settings.EVENT_ID,
    ),
    actions=(REPORT, IDENTIFY),
    envelope=lambda values: Envelope(SOURCE, values[settings.PIXEL_CODE.key]),
    record=Fields,
    row=lambda values: encoder(_policy(values)),
    path="",
    read=responses.read,
    token="",
    integrations=("TikTok Pixel",),
    packs={
        name: (*packs.load(name, REPORT.key, REPORT.fields), _IDENTIFY_PRESET)
        for name in ("segment-2026", "purchase-2025", "chord")
    },
    default_pack="segment-2026",
    advice=_advice,
    wording=Wording(begin="Add Destination", connect="Save Changes"),
    naming=naming(),
    diagnostics=IN_BROWSER,
    device=Device(
        factory="tockworkTiktokPixel",
        asset="tiktok-pixel.js",
        public=("pixelCode", "ldu", "useExistingPixel", "partner_name"),
        facts=_for_device,
    ),
)
