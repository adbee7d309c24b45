"""A real shopping session as a shop's clients would send it: what ``tockwork demo`` replays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

SHOPPER: Final = {
    "email": " Ann.Smith@Example.com ",
    "phone": "(415) 555-0132",
    "first_name": "Ann",
    "last_name": "Smith",
    "address": {"city": "San Francisco", "state": "CA", "country": "United States", "postal_code": "94107-1234"},
}
SHOE: Final = {
    "product_id": "SHOE-42",
    "name": "Trail Shoe",
    "brand": "Tockwell",
    "category": "Shoes",
    "price": 89.9,
    "quantity": 1,
}
SOCKS: Final = {
    "product_id": 7001,
    "name": "Wool Socks",
    "brand": "Tockwell",
    "category": "Socks",
    "price": "12.50",
    "quantity": 2,
}
ORDER: Final = {"order_id": "O-1001", "currency": "USD", "products": [SHOE, SOCKS]}

STEPS: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    ("page", "", "/?ttclid=E.C.P.demo-click", {}),
    ("track", "Products Searched", "/search?q=trail+shoe", {"query": "trail shoe"}),
    ("track", "Product Viewed", "/p/trail-shoe", {**SHOE, "currency": "USD"}),
    ("track", "Product Added", "/p/trail-shoe", {**SHOE, "currency": "USD"}),
    ("track", "Cart Viewed", "/cart", {"products": [SHOE, SOCKS]}),  # nobody maps it
    ("track", "Checkout Started", "/checkout", ORDER),
    ("track", "Payment Info Entered", "/checkout/payment", ORDER),
    ("track", "Order Completed", "/checkout/done", {**ORDER, "revenue": 114.9}),
    ("track", "Signed Up", "/account", {"plan": "free"}),
    ("track", "Form Submitted", "/newsletter", {"form_name": "newsletter"}),
    ("track", "Product Clicked", "/p/wool-socks", {**SOCKS, "price": "12,50"}),  # a price that is no number
    ("track", "Order Completed", "/checkout/done", {**ORDER, "revenue": 114.9}),  # sent twice by mistake
)
"""Call, event name, path and properties, in order."""


def events() -> list[dict[str, Any]]:
    """The session's events. The last one repeats the order's messageId, as a client does that retries."""
    start = datetime.now(UTC).timestamp() - len(STEPS)
    made = []
    for place, (call, name, path, properties) in enumerate(STEPS):
        url = f"https://shop.example{path}"
        made.append(
            {
                "type": call,
                **({"event": name} if name else {"name": "Home"}),
                "messageId": f"demo-{place:02d}",
                "anonymousId": "anon-7f3a",
                "timestamp": datetime.fromtimestamp(start + place, UTC).isoformat().replace("+00:00", "Z"),
                "properties": {"url": url, **properties} if call == "page" else properties,
                "context": {
                    "ip": "203.0.113.24",
                    "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1",
                    "locale": "en-US",
                    "page": {"url": url, "referrer": "https://www.tiktok.com/"},
                    "traits": SHOPPER,
                },
            }
        )
    order = next(place for place, step in enumerate(STEPS) if step[1] == "Order Completed")
    made[-1]["messageId"] = made[order]["messageId"]
    return made
