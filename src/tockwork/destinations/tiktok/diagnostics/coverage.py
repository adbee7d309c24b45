"""Conditions that many deliveries together show of their people: keys that are too rare, and addresses that many share.

Sources: TikTok, Pixel Helper 2.0 (cookies); the marks of coverage are what integrators aim at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tockwork.destinations.diagnosis import Basis, Condition, Hits, Place, Sample, Seen, Severity
from tockwork.destinations.tiktok.click_id import PARAMETER
from tockwork.destinations.tiktok.diagnostics.names import PURCHASES

ENOUGH: Final = 20
"""Below so many rows, no rate is worth a word."""
CONTACT_SHARE: Final = 0.95
CLICK_SHARE: Final = 0.95
COOKIE_SHARE: Final = 0.90
SHARED_BY: Final = 10
SHARED_SHARE: Final = 0.2
AGENT_SHARED_BY: Final = 50
AGENT_SHARE: Final = 0.9


def _below(rows: list[Seen], lacking: Iterable[Seen], share: float) -> Hits | None:
    """The rows that lack something, where fewer than a `share` of all have it."""
    without = list(lacking)
    if len(rows) < ENOUGH or len(rows) - len(without) >= share * len(rows):
        return None
    return Hits.among(without, len(rows))


def _contact_rare(sample: Sample) -> Hits | None:
    rows = sample.named(PURCHASES, ("web", "offline"))
    return _below(rows, (one for one in rows if not (one.user.get("email") or one.user.get("phone"))), CONTACT_SHARE)


def _click_lost(sample: Sample) -> Hits | None:
    """Later events of people who came by an ad, as the address of one of their pages says."""
    people: dict[str, list[Seen]] = defaultdict(list)
    for one in sample.rows:
        who = one.event.get("anonymousId") or one.event.get("userId")
        if one.event_source == "web" and isinstance(who, str):
            people[who].append(one)
    rows = [one for found in people.values() if any(map(_by_ad, found)) for one in found]
    return _below(rows, (one for one in rows if not one.user.get("ttclid")), CLICK_SHARE)


def _by_ad(seen: Seen) -> bool:
    page = _within(seen.event, "context", "page")
    return any(PARAMETER in text for key in ("url", "search", "referrer") if isinstance(text := page.get(key), str))


def _within(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _cookie_rare(sample: Sample) -> Hits | None:
    rows = sample.named(["ViewContent"], ["web"])
    without = [one for one in rows if not one.user.get("ttp")]
    return _below(rows, without, COOKIE_SHARE) if len(without) < len(rows) else None


def _no_cookies(sample: Sample) -> Hits | None:
    rows = [one for one in sample.rows if one.in_browser and one.event_source == "web"]
    if len(rows) < ENOUGH or any(one.user.get("ttp") for one in rows):
        return None
    return Hits.among(rows, len(rows))


def _shared(sample: Sample, member: str, by: int, share: float) -> Hits | None:
    """Rows with a value that many people have, and that is in a good share of all rows."""
    rows = [one for one in sample.rows if isinstance(one.user.get(member), str)]
    people: dict[str, set[str]] = defaultdict(set)
    for one in rows:
        who = one.event.get("userId") or one.event.get("anonymousId")
        people[one.user[member]].add(str(who or one.ref))
    counts = Counter(one.user[member] for one in rows)
    shared = {value for value, number in counts.items() if len(people[value]) >= by and number >= share * len(rows)}
    return Hits.among((one for one in rows if one.user[member] in shared), len(rows))


def _ip_shared(sample: Sample) -> Hits | None:
    return _shared(sample, "ip", SHARED_BY, SHARED_SHARE)


def _agent_shared(sample: Sample) -> Hits | None:
    return _shared(sample, "user_agent", AGENT_SHARED_BY, AGENT_SHARE)


COVERAGE: Final = (
    Condition(
        code="cookies_off",
        level=Severity.ERROR,
        title="No page sends the cookie _ttp",
        meaning="Not one event of a browser has it: first-party cookies are switched off for the pixel, the pixel is "
        "missing, or the cookie is not passed on. It recognises visitors whom nothing else does.",
        fix="Switch first-party cookies on in Events Manager (your pixel, Settings), and load Tockwork's script from "
        "your own domain, which passes the cookie on.",
        basis=Basis.OFFICIAL,
        place=Place.PLATFORM,
        field="ttp",
        sample=_no_cookies,
    ),
    Condition(
        code="contact_rare",
        level=Severity.WARNING,
        title="Purchases without email and phone",
        meaning="Fewer than 95 % of purchases have an email address or a phone number; checkouts ask for one.",
        fix="Send context.traits.email and phone with the order.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="email",
        sample=_contact_rare,
    ),
    Condition(
        code="click_id_lost",
        level=Severity.WARNING,
        title="The click id gets lost on the way",
        meaning="People came by an ad, and fewer than 95 % of their events have the click id: it stays on the landing "
        "page.",
        fix="Keep ttclid in a cookie of your own for 28 days and send it with every event; Tockwork's script and its "
        "servers do that for events of one visitor.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="ttclid",
        sample=_click_lost,
    ),
    Condition(
        code="cookie_rare",
        level=Severity.WARNING,
        title="Product views without the cookie _ttp",
        meaning="Fewer than 90 % of ViewContent events have it.",
        fix="Send the cookie _ttp as properties.ttp with every event of a page.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="ttp",
        sample=_cookie_rare,
    ),
    Condition(
        code="ip_shared",
        level=Severity.WARNING,
        title="Many people behind one IP address",
        meaning="At least ten people and a fifth of the events share one address: that of a proxy, or of your own "
        "server. TikTok matches nobody by it, or the wrong ones.",
        fix="Pass the visitor's address on: name your proxies in TOCKWORK_TRUSTED_PROXIES, and send context.ip from "
        "servers.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="ip",
        sample=_ip_shared,
    ),
    Condition(
        code="user_agent_shared",
        level=Severity.WARNING,
        title="Many people with one user agent",
        meaning="Nine tenths of the events, of at least fifty people, have the same: that of your server's library or "
        "of a proxy.",
        fix="Send the visitor's own as context.userAgent.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="user_agent",
        sample=_agent_shared,
    ),
)
