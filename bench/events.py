"""A shop's events as analytics.js and a backend send them: seeded, so that every run measures the same ones.

The members are those that analytics-next adds by itself, and the properties that Segment's Ecommerce Spec v2 lists for
each event. No person comes twice, so that nothing can be remembered from one event to the next.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec

FIRST = "Ann Ben Chiara Dilek Emma François Grace Hiro Inés João Kim Lena Mia Noah Olga Priya Søren Tom Uma Zoë".split()
LAST = "Smith Müller O'Neil García Nguyễn Kowalski Rossi Tanaka Silva Andersson Haddad Okafor Jones-Lee Brown".split()
CITIES = [
    ("San Francisco", "CA", "US", "94107"),
    ("New York", "NY", "US", "10001-1234"),
    ("Berlin", "Berlin", "DE", "10115"),
    ("São Paulo", "SP", "BR", "01310-100"),
    ("Toronto", "Ontario", "CA", "M5V 3L9"),
    ("London", "England", "GB", "SW1A 1AA"),
]
PHONES = [
    "+1415555{:04d}",
    "+1212555{:04d}",
    "+4930123{:04d}",
    "+442079460{:03d}",
    "(415) 555-{:04d}",
    "+55119876{:05d}",
]
PRODUCTS = [
    ("Trail Shoe", "Shoes", "Tockwell", 89.9),
    ("Rain Jacket", "Jackets", "Nordhem", 129),
    ("Wool Socks", "Socks", "Tockwell", 12.5),
    ("Head Torch", "Camping", "Lumo", 34.95),
    ("Day Pack", "Bags", "Nordhem", 74),
    ("Water Bottle", "Camping", "Lumo", 18),
]
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = [
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/141.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
]
BRANDS = [
    {"brand": "Google Chrome", "version": "141"},
    {"brand": "Not?A_Brand", "version": "8"},
    {"brand": "Chromium", "version": "141"},
]
MIX = [
    ("page", None, 22),
    ("track", "Product Viewed", 20),
    ("track", "Product Clicked", 8),
    ("track", "Products Searched", 7),
    ("track", "Product Added", 10),
    ("track", "Product Added to Wishlist", 3),
    ("track", "Checkout Started", 6),
    ("track", "Payment Info Entered", 5),
    ("track", "Order Placed", 3),
    ("track", "Order Completed", 4),
    ("track", "Signed Up", 2),
    ("track", "Form Submitted", 1),
    ("track", "Subscription Created", 1),
    ("track", "Cart Viewed", 4),
    ("identify", None, 4),
]
"""(type, event, weight); the last two trigger no preset."""


class Shop:
    """Makes events, each a plain dict."""

    def __init__(self, seed: int = 1, mapped_only: bool = False) -> None:
        self._random = random.Random(seed)
        self._mix = MIX[:-2] if mapped_only else MIX
        self._weights = [weight for _, _, weight in self._mix]

    def events(self, count: int) -> Iterator[dict[str, Any]]:
        for number in range(count):
            call, name, _ = self._random.choices(self._mix, self._weights)[0]
            yield self._event(number, call, name)

    def lines(self, count: int) -> list[bytes]:
        return [msgspec.json.encode(event) for event in self.events(count)]

    def _event(self, number: int, call: str, name: str | None) -> dict[str, Any]:
        pick = self._random
        browser = pick.random() < 0.8
        known = pick.random() < 0.6
        minute, second = pick.randrange(60), pick.randrange(60)
        stamp = f"2026-11-20T{pick.randrange(24):02d}:{minute:02d}:{second:02d}.{pick.randrange(1000):03d}Z"
        page = self._page(name)
        event: dict[str, Any] = {
            "anonymousId": f"a{pick.getrandbits(96):024x}",
            "channel": "client" if browser else "server",
            "context": self._context(browser, known, page),
            "integrations": {},
            "messageId": f"ajs-next-{1_763_680_000_000 + number}-{pick.getrandbits(128):032x}",
            "originalTimestamp": stamp,
            "receivedAt": "2026-11-20T23:59:59.500Z",
            "sentAt": stamp,
            "timestamp": stamp,
            "type": call,
            "userId": f"user_{pick.randrange(10**6)}" if known else None,
        }
        if call == "identify":
            event["traits"] = event["context"].pop("traits", {})
        else:
            event["properties"] = self._properties(call, name, page)
        if browser:
            event["_metadata"] = {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []}
        if name:
            event["event"] = name
        elif call == "page":
            event["name"] = page["title"]
        return event

    def _page(self, name: str | None) -> dict[str, Any]:
        slug = (name or "home").lower().replace(" ", "-")
        campaign = "utm_source=tiktok&utm_medium=cpc&utm_campaign=autumn&utm_content=video-3&utm_term=shoes"
        click = f"?{campaign}&ttclid=E.C.P.{self._random.getrandbits(256):x}" if self._random.random() < 0.15 else ""
        url = f"https://shop.example/{slug}{click}"
        return {
            "path": f"/{slug}",
            "referrer": "https://www.tiktok.com/" if click else "https://shop.example/",
            "search": click,
            "title": f"{slug} – Example Shop",
            "url": url,
        }

    def _context(self, browser: bool, known: bool, page: dict[str, Any]) -> dict[str, Any]:
        pick = self._random
        context: dict[str, Any] = {
            "library": {"name": "analytics.js", "version": "npm:next-1.81.0"}
            if browser
            else {"name": "analytics-python", "version": "2.4.0"},
            "ip": f"{pick.randrange(11, 100)}.{pick.randrange(256)}.{pick.randrange(256)}.{pick.randrange(1, 255)}",
        }
        if browser:
            context |= {
                "locale": pick.choice(["en-US", "de-DE", "pt-BR"]),
                "page": page,
                "timezone": "Europe/Berlin",
                "sessionId": f"{1_763_680_000_000 + pick.randrange(10**9)}",
                "screen": {"width": 1512, "height": 982, "density": 2},
                "consent": {"categoryPreferences": {"Advertising": True, "Analytics": True, "Functional": True}},
                "userAgent": pick.choice(AGENTS),
                "userAgentData": {"brands": BRANDS, "mobile": False, "platform": "macOS"},
                "campaign": {
                    "name": "autumn",
                    "source": "tiktok",
                    "medium": "cpc",
                    "content": "video-3",
                    "term": "shoes",
                },
            }
        if known:
            context["traits"] = self._person()
        return context

    def _person(self) -> dict[str, Any]:
        pick = self._random
        first, last = pick.choice(FIRST), pick.choice(LAST)
        city, state, country, postcode = pick.choice(CITIES)
        return {
            "email": f"{first}.{last}{pick.randrange(1000)}@example.com".replace("'", ""),
            "phone": pick.choices(PHONES, [6, 4, 3, 3, 1, 2])[0].format(pick.randrange(1000)),
            "first_name": first,
            "last_name": last,
            "createdAt": "2025-03-02T08:11:40.000Z",
            "plan": "free",
            "language": "en",
            "address": {
                "street": "12 Market Street",
                "city": city,
                "state": state,
                "country": country,
                "postal_code": postcode,
            },
        }

    def _properties(self, call: str, name: str | None, page: dict[str, Any]) -> dict[str, Any]:
        pick = self._random
        if call == "page":
            return dict(page)
        if name in ("Checkout Started", "Payment Info Entered", "Order Placed", "Order Completed", "Cart Viewed"):
            return self._order(name)
        if name == "Products Searched":
            return {"query": pick.choice(["rain jacket", "trail shoes", "wool", "torch"])}
        if name in ("Signed Up", "Form Submitted", "Subscription Created"):
            return {"form_name": "newsletter", "plan": "free", "location": "footer"}
        product = self._product()
        return {**product, "currency": "USD", "value": product["price"], "cart_id": f"{pick.getrandbits(64):x}"}

    def _order(self, name: str) -> dict[str, Any]:
        pick = self._random
        products = [self._product() for _ in range(pick.choices([1, 2, 3, 4, 5], [4, 3, 3, 2, 1])[0])]
        subtotal = round(sum(p["price"] * p["quantity"] for p in products), 2)
        order: dict[str, Any] = {
            "checkout_id": f"{pick.getrandbits(64):x}",
            "order_id": f"O-{pick.randrange(10**7)}",
            "affiliation": "Online Shop",
            "subtotal": subtotal,
            "total": round(subtotal + 9.2, 2),
            "shipping": 5,
            "tax": 4.2,
            "discount": 0,
            "coupon": "AUTUMN",
            "currency": "USD",
            "products": products,
        }
        if name == "Order Completed":
            order["revenue"] = subtotal
        if name == "Payment Info Entered":
            order |= {"step": 3, "shipping_method": "standard", "payment_method": "card"}
        return order

    def _product(self) -> dict[str, Any]:
        pick = self._random
        name, category, brand, price = pick.choice(PRODUCTS)
        number: Any = pick.randrange(10**6)
        return {
            "product_id": str(number) if pick.random() < 0.8 else number,
            "sku": f"G-{number}",
            "name": name,
            "brand": brand,
            "category": category,
            "variant": pick.choice(["black", "blue", "42", "XL"]),
            "position": pick.randrange(1, 20),
            "coupon": "AUTUMN",
            "price": price,
            "quantity": pick.choice([1, 1, 1, 2, 3]),
            "description": f"{name} by {brand}, in many sizes and colours, delivered within two days",
            "availability": "in_stock",
            "compare_at_price": price,
            "on_sale": False,
            "weight": 0.8,
            "vendor": brand,
            "url": f"https://shop.example/p/{number}",
            "image_url": f"https://cdn.shop.example/p/{number}.jpg",
        }
