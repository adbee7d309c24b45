"""Random events: what a storefront sends, some with parts that no storefront sends."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

Json = Any

FRAGMENTS: dict[str, Any] = json.loads((Path(__file__).parent / "fragments.json").read_text(encoding="utf-8"))
"""Strings, numbers, keys and paths that have fooled someone before."""


class Events:
    """Storefront events, some of them with parts that no storefront sends."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def event(self) -> dict[str, Json]:
        rng = self.rng
        if rng.random() < 0.04:
            return dict(self.wild_object(3))
        event = {
            "type": rng.choice(["track", "track", "track", "page", "identify", "screen", "group", "alias", "Track"]),
            "event": rng.choice(["Order Completed", "Product Added", "order completed", "Signed Up", "", "Größe 😀"]),
            "name": rng.choice(["Home", "Checkout", None, "home page"]),
            "messageId": f"m-{rng.randrange(10**6)}",
            "userId": rng.choice(["u1", "42", 42, None, "", "ada@example.com", True]),
            "anonymousId": "a-1",
            "timestamp": "2026-03-01T12:34:56.789Z",
            "receivedAt": "2026-03-01T12:34:57.001Z",
            "properties": self.properties(),
            "traits": self.traits(),
            "context": self.context(),
        }
        for key in list(event):
            if rng.random() < 0.08:
                del event[key]
            elif rng.random() < 0.05:
                event[key] = self.wild(2)
        return event

    def properties(self) -> dict[str, Json]:
        rng = self.rng
        products = [self.product() for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        found = {
            "total": rng.choice([0, 45.5, 12, "12.50", "", None, 10.0, -1]),
            "value": self.number(),
            "currency": rng.choice(["EUR", "usd", None, ""]),
            "order_id": rng.choice(["o-1", 100023, 9007199254740993, None]),
            "products": products,
            "coupon": rng.choice(["SALE", "Sale 10%", False, True, None]),
            "quantity": rng.choice([1, 2, "3", 0]),
            "tags": [self.scalar() for _ in range(rng.randrange(4))],
            "json": rng.choice(FRAGMENTS["json_texts"]),
            "nested": {"a": {"b": {"c": self.scalar()}}, "list": [[1, [2, None]], {"k": self.scalar()}]},
        }
        found = {key: value for key, value in found.items() if rng.random() < 0.75}
        for _ in range(rng.choice([0, 0, 1, 3])):
            found[rng.choice(FRAGMENTS["keys"])] = self.wild(2)
        return found

    def product(self) -> Json:
        rng = self.rng
        if rng.random() < 0.08:
            return self.wild(1)
        known = {"sku": "s-1", "price": self.number(), "quantity": 2, "name": self.string(), "category": None}
        return {key: value for key, value in known.items() if rng.random() < 0.8}

    def traits(self) -> dict[str, Json]:
        known = {"email": "Ada@Example.com", "phone": "+1 555 0100", "age": self.number(), "vip": True, "plan": None}
        known |= {"name": self.string(), "address": {"city": "Köln", "zip": "50667"}}
        return {key: value for key, value in known.items() if self.rng.random() < 0.6}

    def context(self) -> dict[str, Json]:
        known = {"ip": "203.0.113.5", "userAgent": "Mozilla/5.0", "locale": "de-DE", "traits": self.traits()}
        known |= {"page": {"url": "https://shop.example/?ttclid=x", "title": self.string(), "referrer": None}}
        return {key: value for key, value in known.items() if self.rng.random() < 0.7}

    def string(self) -> str:
        rng = self.rng
        if rng.random() < 0.15:
            return "".join(rng.choice(FRAGMENTS["strings"]) for _ in range(2))
        return str(rng.choice(FRAGMENTS["strings"]))

    def number(self) -> Json:
        rng = self.rng
        if rng.random() < 0.3:
            return round(rng.uniform(-1000, 1000), rng.randrange(12))
        if rng.random() < 0.1:
            return rng.random() * 10.0 ** rng.randrange(-30, 30)
        return rng.choice([*FRAGMENTS["numbers"], 10**400])

    def scalar(self) -> Json:
        return self.rng.choice([self.string(), self.number(), None, True, False])

    def wild(self, depth: int) -> Json:
        roll = self.rng.random()
        if depth <= 0 or roll < 0.5:
            return self.scalar()
        if roll < 0.75:
            return self.wild_object(depth)
        return [self.wild(depth - 1) for _ in range(self.rng.randrange(4))]

    def wild_object(self, depth: int) -> dict[str, Json]:
        return {self.rng.choice(FRAGMENTS["keys"]): self.wild(depth - 1) for _ in range(self.rng.randrange(5))}
