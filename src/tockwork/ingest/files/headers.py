"""Where the columns of a file belong in an event: TikTok's own names, those of Segment's spec, and everyday ones.

Source of TikTok's names: its help centre, "About Events API for offline" (template), and "Parameters".
"""

from __future__ import annotations

from typing import Final

EVENT: Final = "event"
MESSAGE_ID: Final = "messageId"
TIMESTAMP: Final = "timestamp"
ITEM: Final = "properties.products[]"
"""A row's one product."""
ITEMS: Final = "properties.products"
"""All products of a row, as JSON."""

PLACES: Final[dict[str, tuple[str, ...]]] = {
    EVENT: ("event", "event type", "event name", "action"),
    MESSAGE_ID: ("message id", "event id"),
    TIMESTAMP: ("timestamp", "event time", "event timestamp", "time", "date", "conversion time", "event date"),
    "userId": ("user id", "external id", "customer id", "external ids"),
    "anonymousId": ("anonymous id",),
    "context.traits.email": ("email", "e-mail", "email address", "emails", "email addresses", "customer email"),
    "context.traits.phone": ("phone", "phone number", "phones", "phone numbers", "mobile", "telephone"),
    "context.traits.first_name": ("first name", "given name"),
    "context.traits.last_name": ("last name", "family name", "surname"),
    "context.traits.address.city": ("city",),
    "context.traits.address.state": ("state", "province", "region"),
    "context.traits.address.country": ("country", "country code"),
    "context.traits.address.postal_code": ("zip", "zip code", "postal code", "postcode"),
    "context.ip": ("ip", "ip address"),
    "context.userAgent": ("user agent",),
    "context.locale": ("locale",),
    "context.page.url": ("url", "page url"),
    "context.page.referrer": ("referrer", "page referrer"),
    "properties.value": ("value", "amount", "price total", "conversion value"),
    "properties.revenue": ("revenue",),
    "properties.total": ("total", "order total"),
    "properties.currency": ("currency", "currency code"),
    "properties.order_id": ("order id", "order number", "transaction id"),
    "properties.shop_id": ("shop id", "store id"),
    "properties.event_channel": ("event channel", "channel"),
    "properties.lead_id": ("lead id",),
    "properties.lead_event_source": ("lead event source",),
    "properties.ttclid": ("ttclid",),
    "properties.ttp": ("ttp",),
    "properties.query": ("query",),
    "properties.search_string": ("search string",),
    "properties.description": ("description",),
    "properties.content_type": ("content type",),
    "properties.num_items": ("num items", "number of items"),
    "properties.limited_data_use": ("limited data use",),
    "properties.predicted_ltv": ("predicted ltv",),
    "properties.delivery_category": ("delivery category",),
    ITEMS: ("contents", "products"),
    f"{ITEM}.product_id": ("content id", "product id", "sku", "item id", "content ids"),
    f"{ITEM}.name": ("content name", "product name", "item name"),
    f"{ITEM}.category": ("content category", "product category", "category"),
    f"{ITEM}.price": ("price", "unit price", "item price"),
    f"{ITEM}.quantity": ("quantity",),
    f"{ITEM}.brand": ("brand",),
}
"""Each place in an event, and the headers that lead there; capitals, spaces, ``_`` and ``-`` do not count."""

NUMBERS: Final = frozenset(
    {
        *("properties.value", "properties.revenue", "properties.total", "properties.num_items"),
        *("properties.predicted_ltv", f"{ITEM}.price", f"{ITEM}.quantity"),
    }
)
"""Places of numbers."""


def letters(text: str) -> str:
    """What of a header or a name counts."""
    return "".join(filter(str.isalnum, text)).lower()


_KNOWN: Final = {letters(name): place for place, names in PLACES.items() for name in names}


def place_of(header: str) -> str | None:
    """The place in an event for a column with this header; None for one that is not known."""
    return _KNOWN.get(letters(header))
