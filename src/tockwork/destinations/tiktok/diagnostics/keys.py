"""What people are matched by, and how much each counts in a local estimate of match quality.

TikTok shows its own (Event Match Quality) in Events Manager only, and publishes no weights. Sources: TikTok help
centre, "Monitor and diagnose" (the keys); vendors (their order); the points are a suggestion of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tockwork.destinations.diagnosis import MatchKey

EMAIL: Final = MatchKey(
    key="email",
    title="Email",
    points=2.5,
    members=("email",),
    fields=("email",),
    hint="Send `context.traits.email` (or `properties.email`) once the visitor signed in, subscribed or checked out.",
    sources=("web", "offline", "pixel"),
)
PHONE: Final = MatchKey(
    key="phone",
    title="Phone",
    points=2.0,
    members=("phone", "phone_number"),
    fields=("phone",),
    hint="Send `context.traits.phone` (or `properties.phone`) with + and country code, as the checkout asks for it.",
    sources=("web", "offline", "pixel"),
)
EXTERNAL_ID: Final = MatchKey(
    key="external_id",
    title="External id",
    points=1.0,
    members=("external_id",),
    fields=("external_id",),
    hint="Send `userId`, or at least `anonymousId`: the same on the page and on the server.",
    sources=("web", "offline", "pixel"),
)
ADDRESS: Final = MatchKey(
    key="address",
    title="Name and address",
    points=0.5,
    members=("first_name", "last_name", "city", "state", "country", "zip_code"),
    fields=("first_name", "last_name", "address"),
    hint="Send `context.traits.firstName`, `lastName` and `address` with orders and sign-ups.",
    sources=("web", "pixel"),
)
MATCH_KEYS: Final = (
    EMAIL,
    PHONE,
    MatchKey(
        key="ttclid",
        title="Click id (ttclid)",
        points=2.0,
        members=("ttclid",),
        fields=("ttclid", "url"),
        hint="Send `context.page.url` with its whole query, or keep the landing page's `ttclid` and send it as "
        "`properties.ttclid` until the order. Visitors who came another way have none.",
    ),
    EXTERNAL_ID,
    MatchKey(
        key="ttp",
        title="Cookie _ttp",
        points=1.0,
        members=("ttp",),
        fields=("ttp",),
        hint="Send the cookie `_ttp` as `properties.ttp`; Tockwork's own script on your domain does it by itself.",
    ),
    MatchKey(
        key="ip",
        title="IP address",
        points=0.75,
        members=("ip",),
        fields=("ip",),
        hint="Send the visitor's public address as `context.ip` from servers; pages bring theirs.",
    ),
    MatchKey(
        key="user_agent",
        title="User agent",
        points=0.25,
        members=("user_agent",),
        fields=("user_agent",),
        hint="Send the visitor's browser as `context.userAgent` from servers; pages bring theirs.",
    ),
    ADDRESS,
    MatchKey(
        key="lead_id",
        title="TikTok's lead id",
        points=10.0,
        members=("lead_id",),
        fields=("lead_id", "lead"),
        hint="Send the id that TikTok exported with the lead as `properties.lead_id`.",
        sources=("crm",),
        within="lead",
    ),
)
"""Weights of the local estimate: those of a web event add up to 10. TikTok publishes none; vendors put the click id
first, then email and phone, external id, the cookie, and IP address with user agent."""
PIXEL_KEYS: Final = (EMAIL, PHONE, EXTERNAL_ID, ADDRESS)
TARGETS: Final[Mapping[str, float]] = {
    "Purchase": 8.0,
    "CompletePayment": 8.0,
    "Lead": 6.5,
    "SubmitForm": 6.5,
    "ViewContent": 4.0,
}
"""What people in the field aim at. Secondary sources."""
