"""The fields of a web event, with Segment's labels and default mappings.

Sources: seed documents (labels, types), Segment's TikTok Conversions destination (defaults), TikTok's "Parameters".
Where a default accepts more places than Segment's does, Segment's come first, so that a value Segment would send wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tockwork.destinations.tiktok.rows import Address, Content, Lead
from tockwork.destinations.tiktok.verticals import TRAVEL, TRAVEL_PARTS, VEHICLE, VEHICLE_PARTS, WEB
from tockwork.rules.expressions import unless_blank
from tockwork.rules.fields import Field, When


def path(where: str) -> dict[str, Any]:
    return {"@path": where}


def first(*places: str) -> dict[str, Any]:
    """The directive for the first of the places that exists (an empty string does exist)."""
    head, *rest = places
    if not rest:
        return path(head)
    return {"@if": {"exists": path(head), "then": path(head), "else": first(*rest)}}


def filled(*places: str) -> dict[str, Any]:
    """The directive for the first of the places that holds more than nothing and space."""
    head, *rest = places
    return unless_blank(head.removeprefix("$."), filled(*rest)) if rest else path(head)


def derived(base: Sequence[Field], *changed: Field, without: str = "") -> tuple[Field, ...]:
    """`base` without the named keys; the `changed` take the place of those of the same slot, else come last."""
    slots, left_out = {field.name: field for field in changed}, without.split()
    kept = [slots.pop(field.name, field) for field in base if field.key not in left_out]
    return (*kept, *slots.values())


def either(key: str, *spellings: str) -> dict[str, Any]:
    """`key` in the event's properties, else in its context's traits; then the same for other spellings."""
    return first(*(f"{root}.{k}" for k in (key, *spellings) for root in ("$.properties", "$.context.traits")))


EVENT_SOURCE: Final = Field(
    key="event_source",
    label="Event Source",
    help="Where the events come from: a website (web) or a CRM (crm). For crm, put the CRM Event Set ID in Pixel Code.",
    default="web",
    choices=("web", "crm"),
)
EVENT_SPEC_TYPE: Final = Field(
    key="event_spec_type",
    label="Additional Fields",
    help="Send the extra fields of travel or vehicle ads.",
    choices=("travel_fields", "vehicle_fields"),
    depends_on=WEB,
)
EVENT: Final = Field(
    key="event",
    label="Event Name",
    help="The conversion's name at TikTok: a standard event such as Purchase, or a custom name of your own.",
    required=True,
)
EVENT_ID: Final = Field(
    key="event_id",
    label="Event ID",
    help="Identifies this one action. TikTok drops a second event with the same name and id within 48 hours, so the "
    "pixel must send the same id.",
    default=path("$.messageId"),
)
TIMESTAMP: Final = Field(
    key="timestamp",
    label="Event Timestamp",
    help="When the event took place: ISO 8601, or Unix seconds or milliseconds. Without one, the time of receipt.",
    default=path("$.timestamp"),
)
PHONE: Final = Field(
    key="phone_number",
    slot="phone",
    label="Phone Number",
    help="Phone number of the person, best in E.164 (+14150000000). Hashed before it is sent.",
    multiple=True,
    personal=True,
    hashed=True,
    default=either("phone"),
)
EMAIL: Final = Field(
    key="email",
    label="Email",
    help="E-mail address of the person. Hashed before it is sent.",
    multiple=True,
    personal=True,
    hashed=True,
    default=either("email"),
)
FIRST_NAME: Final = Field(
    key="first_name",
    label="First Name",
    help="First name of the person. Hashed before it is sent.",
    personal=True,
    hashed=True,
    default=either("first_name", "firstName"),
)
LAST_NAME: Final = Field(
    key="last_name",
    label="Last Name",
    help="Last name of the person. Hashed before it is sent.",
    personal=True,
    hashed=True,
    default=either("last_name", "lastName"),
)
ADDRESS: Final = Field(
    key="address",
    label="Address",
    help="Where the person lives. The postal code is hashed before it is sent, the rest is not.",
    type="object",
    personal=True,
    record=Address,
    properties=(
        Field(key="city", label="City", help="City.", personal=True, default=either("address.city")),
        Field(
            key="country",
            label="Country",
            help="Country, by name or code.",
            personal=True,
            default=either("address.country"),
        ),
        Field(
            key="zip_code",
            label="Zip Code",
            help="Postal code; for the US the first five digits count.",
            personal=True,
            hashed=True,
            default=either(
                "address.postal_code", "address.postalCode", "address.zip", "address.zipCode", "address.zip_code"
            ),
        ),
        Field(
            key="state",
            label="State",
            help="State, province or region.",
            personal=True,
            default=either("address.state"),
        ),
    ),
)
ORDER_ID: Final = Field(
    key="order_id", label="Order ID", help="Order id of the transaction.", default=path("$.properties.order_id")
)
SHOP_ID: Final = Field(
    key="shop_id", label="Shop ID", help="Shop id of the transaction.", default=path("$.properties.shop_id")
)
EXTERNAL_ID: Final = Field(
    key="external_id",
    label="External ID",
    help="Your own id of the person, the same one that the pixel sends. Hashed before it is sent.",
    multiple=True,
    personal=True,
    hashed=True,
    default=first("$.userId", "$.anonymousId"),
)
TTCLID: Final = Field(
    key="ttclid",
    label="TikTok Click ID",
    help="The ttclid that TikTok adds to the landing page's address. One in the Page URL wins over this.",
    personal=True,
    default=first("$.properties.ttclid", "$.integrations.TikTok Conversions.ttclid"),
)
TTP: Final = Field(
    key="ttp",
    label="TikTok Cookie ID",
    help="The value of the _ttp cookie, which the TikTok Pixel sets.",
    personal=True,
    default=first("$.properties.ttp", "$.integrations.TikTok Conversions.ttp"),
)
LEAD: Final = Field(
    key="lead_fields",
    slot="lead",
    label="CRM Fields",
    help="The lead as TikTok knows it. Required when Event Source is crm.",
    type="object",
    record=Lead,
    depends_on=When({"event_source": ("crm",)}),
    properties=(
        Field(
            key="lead_id",
            label="TikTok Lead ID",
            help="Id of the lead, as exported from TikTok.",
            default=path("$.properties.lead_id"),
        ),
        Field(
            key="lead_event_source",
            label="TikTok Lead Event Source",
            help="The CRM that the event comes from, such as HubSpot.",
            default=path("$.properties.lead_event_source"),
        ),
    ),
)
LEAD_ID: Final = Field(
    key="lead_id",
    label="TikTok Lead ID",
    help="Id of the lead, as exported from TikTok. The same as CRM Fields > TikTok Lead ID, for older mappings.",
)
LOCALE: Final = Field(
    key="locale",
    label="Locale",
    help="Language and region of the person, such as en-US.",
    personal=True,
    default=path("$.context.locale"),
)
URL: Final = Field(
    key="url",
    label="Page URL",
    help="Address of the page where the event took place, with its query.",
    default=path("$.context.page.url"),
)
REFERRER: Final = Field(
    key="referrer",
    label="Page Referrer",
    help="Address of the page that led there.",
    default=path("$.context.page.referrer"),
)
IP: Final = Field(
    key="ip",
    label="IP Address",
    help="Public IP address of the person's browser. Private addresses are left out.",
    personal=True,
    default=path("$.context.ip"),
)
USER_AGENT: Final = Field(
    key="user_agent",
    label="User Agent",
    help="User agent of the person's browser.",
    personal=True,
    default=path("$.context.userAgent"),
)
CONTENTS: Final = Field(
    key="contents",
    label="Contents",
    help="The products that the event is about.",
    type="object",
    multiple=True,
    record=Content,
    properties=(
        Field(key="price", label="Price", help="Price of one item.", type="number"),
        Field(key="quantity", label="Quantity", help="How many of the item.", type="number"),
        Field(key="content_category", label="Content Category", help="Category of the product."),
        Field(key="content_id", label="Content ID", help="Id of the product in your catalogue."),
        Field(key="content_name", label="Content Name", help="Name of the product."),
        Field(key="brand", label="Brand", help="Brand of the product."),
    ),
)
CONTENT_IDS: Final = Field(
    key="content_ids",
    label="Content IDs",
    help="Ids of products in your catalogue, where contents are not sent.",
    multiple=True,
    default=path("$.properties.content_ids"),
)
NUM_ITEMS: Final = Field(
    key="num_items",
    label="Number of Items",
    help="How many items were checked out.",
    type="number",
    default=path("$.properties.num_items"),
)
CONTENT_TYPE: Final = Field(
    key="content_type",
    label="Content Type",
    help="What the content ids name: products, or groups of them.",
    default="product",
    choices=("product", "product_group"),
)
CURRENCY: Final = Field(
    key="currency",
    label="Currency",
    help="Currency of the value, as ISO 4217 code.",
    default=path("$.properties.currency"),
)
VALUE: Final = Field(
    key="value",
    label="Value",
    help="Value of the order or of the items.",
    type="number",
    default=first("$.properties.value", "$.properties.revenue"),
)
TOTAL: Final = Field(
    key="total",
    label="Total",
    help="Stands in for the value where the event gives none.",
    type="number",
    default=path("$.properties.total"),
    implied_by="value",
)
DESCRIPTION: Final = Field(key="description", label="Description", help="A description of the event.")
QUERY: Final = Field(
    key="query", label="Query", help="The text that was searched for.", default=path("$.properties.query")
)
SEARCH_STRING: Final = Field(
    key="search_string",
    label="Search String",
    help="The text that was searched for, under TikTok's newer name.",
    default=path("$.properties.search_string"),
    depends_on=When({"event": ("Search",)}),
)
LIMITED_DATA_USE: Final = Field(
    key="limited_data_use",
    label="Limited Data Use",
    help="Ask TikTok to limit what it does with the event (US states with opt-out laws).",
    type="boolean",
    default=path("$.properties.limited_data_use"),
)
TEST_EVENT_CODE: Final = Field(
    key="test_event_code",
    label="Test Event Code",
    help="Marks the events as tests. Copy it from Events Manager > your pixel > Test Events; remove it for real ones.",
)
DELIVERY_CATEGORY: Final = Field(
    key="delivery_category",
    label="Delivery Category",
    help="How the order is handed over.",
    default=path("$.properties.delivery_category"),
    choices=("in_store", "curbside", "home_delivery"),
)
PREDICTED_LTV: Final = Field(
    key="predicted_ltv",
    label="Predicted Lifetime Value",
    help="What you expect the person to spend in all.",
    type="number",
    default=path("$.properties.predicted_ltv"),
)
VEHICLE_FIELDS: Final = Field(
    key="vehicle_fields",
    slot="vehicle",
    label="Vehicle Fields",
    help="The vehicle, for automotive ads.",
    type="object",
    properties=VEHICLE_PARTS,
    depends_on=VEHICLE,
)
TRAVEL_FIELDS: Final = Field(
    key="travel_fields",
    slot="travel",
    label="Travel Fields",
    help="The journey, for travel ads.",
    type="object",
    properties=TRAVEL_PARTS,
    depends_on=TRAVEL,
)

WEB_FIELDS: Final = (
    EVENT_SOURCE,
    EVENT_SPEC_TYPE,
    EVENT,
    EVENT_ID,
    TIMESTAMP,
    PHONE,
    EMAIL,
    FIRST_NAME,
    LAST_NAME,
    ADDRESS,
    ORDER_ID,
    SHOP_ID,
    EXTERNAL_ID,
    TTCLID,
    TTP,
    LEAD,
    LEAD_ID,
    LOCALE,
    URL,
    REFERRER,
    IP,
    USER_AGENT,
    CONTENTS,
    CONTENT_IDS,
    NUM_ITEMS,
    CONTENT_TYPE,
    CURRENCY,
    VALUE,
    TOTAL,
    DESCRIPTION,
    QUERY,
    SEARCH_STRING,
    LIMITED_DATA_USE,
    TEST_EVENT_CODE,
    DELIVERY_CATEGORY,
    PREDICTED_LTV,
    VEHICLE_FIELDS,
    TRAVEL_FIELDS,
)
"""All fields of *Report Web Event*, in the order of the form."""
