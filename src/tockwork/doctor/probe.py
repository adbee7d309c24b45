"""Whether a destination's access token works: asked of the platform itself, with a request that can make no event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from tockwork.delivery.batch import body
from tockwork.delivery.connection import Connection
from tockwork.delivery.exchange import Exchange
from tockwork.delivery.mask import masker
from tockwork.delivery.standing import described
from tockwork.doctor.finding import Finding, Level
from tockwork.model import reasons
from tockwork.model.clock import Clock
from tockwork.model.event import Envelope
from tockwork.model.outcome import Answer, Verdict

WITHIN_S: Final = 10.0
CLOCK_WARNING_S: Final = 30.0
CLOCK_ERROR_S: Final = 300.0


class Probed(msgspec.Struct, frozen=True):
    """The platform's answer to a request without rows, and how far our clock is ahead of the platform's, in seconds
    (None where the answer has no date)."""

    answer: Answer
    ahead_s: float | None = None


def envelopes(connection: Connection) -> list[Envelope]:
    """What stands at the root of the requests of this connection: one envelope for each event source that its enabled
    mappings name. Test codes are left out."""
    usual = msgspec.structs.replace(connection.destination.envelope(connection.settings), test_event_code="")
    named = [mapping.fields.get("event_source") for mapping in connection.mappings if mapping.enabled]
    sources = dict.fromkeys(name if isinstance(name, str) else usual.event_source for name in named)
    return [msgspec.structs.replace(usual, event_source=source) for source in sources or [usual.event_source]]


async def probe(connection: Connection, envelope: Envelope, exchange: Exchange, clock: Clock) -> Probed:
    """Posts a request with no rows in it, which the platform can only refuse, or take without an event coming of it.

    A platform looks at the token before it looks for rows: it names what is wrong with the token, or misses the rows.
    Source of the order: integrators' reports on TikTok's Events API; TikTok itself has no call that tries a token.
    """
    link = connection.link("probe")
    token = link.token.reveal()
    reply = await exchange.post(link.path, {link.header: token}, body(envelope, []), WITHIN_S)
    now = clock.now()
    if isinstance(reply, Answer):
        return Probed(reply)
    mask = masker([], [token, envelope.event_source_id, envelope.partner_name])
    answer = link.read(reply.http_status, reply.headers, reply.body, 0, mask, now)
    return Probed(answer, _ahead_s(reply.headers, now))


def _ahead_s(headers: Mapping[str, str], now: float) -> float | None:
    """The Date header has whole seconds, cut: on average it lies half a second back."""
    try:
        moment = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
    return now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - 0.5


def token_finding(where: str, probed: Probed) -> Finding:
    """What the answer says about the access token."""
    answer = probed.answer
    reason, said = reasons.REASONS.get(answer.reason), described(answer)
    mend = reason.mend if reason else ""
    match answer.verdict:
        case Verdict.AT_FAULT if any(name in said for name in ("event_source", "partner_name")):
            mend = "Check the pixel code or event set ID, and leave the partner name empty unless you are a partner."
            return Finding(
                Level.WARNING, where, f"works, but the platform finds fault with the settings ({said})", mend
            )
        case Verdict.DELIVERED | Verdict.AT_FAULT:
            return Finding(Level.OK, where, "works")
        case Verdict.BLOCKED:
            return Finding(Level.ERROR, where, f"is refused ({said})", mend)
        case Verdict.RETRY if answer.reason != reasons.PLATFORM_ERROR:
            return Finding(Level.ERROR, where, f"could not be tried: {answer.reason} ({said})", mend)
        case _:
            return Finding(Level.WARNING, where, f"could not be tried: {answer.reason} ({said})", mend)


def clock_finding(ahead_s: float) -> Finding:
    """How far our clock may be from the platform's: rows with times ahead of theirs are lost."""
    off = abs(ahead_s)
    level = Level.ERROR if off > CLOCK_ERROR_S else Level.WARNING if off > CLOCK_WARNING_S else Level.OK
    if level is Level.OK:
        return Finding(level, "clock", "agrees with the platform's")
    way = "ahead of" if ahead_s > 0 else "behind"
    return Finding(level, "clock", f"is {off:.0f} s {way} the platform's", "Let the machine set its clock by NTP.")
