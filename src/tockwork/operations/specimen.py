"""Events that are made up, to try a connection with: of the kind that its triggers ask for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tockwork.delivery.connection import Connection
from tockwork.model.outcome import Outcome, Status
from tockwork.rules.index import conditions

PERSON: Final = {
    "email": "test@example.com",
    "phone": "+12025550142",
    "first_name": "Test",
    "last_name": "Person",
}
"""Nobody: example.com and 555-01xx belong to documentation (RFC 2606, NANPA)."""
PRODUCT: Final = {"product_id": "test-1", "name": "Test product", "category": "Test", "price": 1.0, "quantity": 1}
PAGE: Final = {"url": "https://shop.example/test", "referrer": "https://shop.example/", "title": "Test"}
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"


def specimen(connection: Connection, message_id: str, now: float) -> Outcome:
    """The outcome of the first made-up event of which `connection` makes a row; else that of the last one, which says
    why not. `now` is Unix time."""
    outcome = Outcome(message_id, None, Status.FILTERED, "no_trigger")
    for event in _events(connection, message_id, now):
        for outcome in connection.outcomes(msgspec.json.encode(event), now):
            if outcome.status is Status.MAPPED:
                return outcome
    return outcome


def _events(connection: Connection, message_id: str, now: float) -> Iterator[dict[str, Any]]:
    """One for each type and name that the enabled mappings ask for."""
    heads: dict[str, dict[str, Any]] = {}
    for mapping in connection.mappings:
        if not mapping.enabled:
            continue
        found = conditions(mapping.trigger.root)
        asked = {one.kind: one.value for one in found if isinstance(one.value, str)}
        head = {"type": asked.get("event-type", "track" if "event" in asked else "page")}
        if "event" in asked:
            head["event"] = asked["event"]
        heads.setdefault(f"{head}", head)
    consent = connection.privacy.consent
    agreed = dict.fromkeys(consent.categories, True) if consent else {}
    for head in heads.values():
        yield {
            **head,
            "messageId": message_id,
            "anonymousId": "test-visitor",
            "userId": "test-user",
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
            "properties": {
                **PERSON,
                **PRODUCT,
                **PAGE,
                "order_id": message_id,
                "value": 1.0,
                "revenue": 1.0,
                "total": 1.0,
                "currency": "USD",
                "query": "test",
                "products": [PRODUCT],
            },
            "traits": PERSON,
            "context": {
                "ip": "203.0.113.24",
                "userAgent": AGENT,
                "locale": "en-US",
                "page": PAGE,
                "traits": PERSON,
                "consent": {"categoryPreferences": agreed},
            },
        }
