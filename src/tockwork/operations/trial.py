"""One row sent as a test event, and what the platform says of it: no retry, no ledger, nothing is counted."""

from __future__ import annotations

import time

import msgspec

from tockwork.configuration.entries import DestinationEntry
from tockwork.delivery.batch import body
from tockwork.delivery.connection import Connection
from tockwork.delivery.exchange import Exchange
from tockwork.delivery.mask import masker
from tockwork.delivery.standing import described
from tockwork.model import reasons
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.event import Envelope
from tockwork.model.outcome import Answer, Verdict
from tockwork.operations.premises import Premises

WITHIN_S = 10.0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `request` is the body as it was sent; the access token is in a header, and never here.

    `verdict` and `reason` are how Tockwork reads the answer, `said` is what the platform said, with the row's own
    values masked; `meaning` and `mend` are what to think of it and do about it. `took_s` is in seconds.
    """

    request: msgspec.Raw
    verdict: Verdict
    reason: str = ""
    code: int | None = None
    http_status: int | None = None
    said: str = ""
    request_id: str = ""
    meaning: str = ""
    mend: str = ""
    took_s: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the platform took the row."""
        return self.verdict is Verdict.DELIVERED


def address(premises: Premises, entry: DestinationEntry) -> str:
    """Where the requests of a destination go. Raises `ConfigurationError` for a sandbox that no server here runs, and
    for a destination that the browser delivers to."""
    if entry.in_browser:
        what = f"{entry.name!r} is delivered to by the browser: the server sends it nothing"
        raise ConfigurationError([Problem("destination", what, "Try it on your website, in the browser.")])
    if not entry.sandbox:
        return premises.settings.tiktok_url
    if not premises.sandbox_url:
        what = "the sandbox runs in the process that delivers, and this one does not"
        raise ConfigurationError([Problem("destination", what, "Start `tockwork serve` without --only.")])
    return premises.sandbox_url


async def attempt(premises: Premises, name: str, connection: Connection, row: bytes, envelope: Envelope) -> Tried:
    """Sends one row under `envelope`, which should hold a test event code, as the destination `name` would.

    `connection` is the destination's own, or one with other mappings. Raises `ConfigurationError` where `address` does,
    and where there is no access token.
    """
    instance = premises.instance(name)
    link = connection.link(name)
    if not link.token:
        reason = reasons.REASONS[reasons.NO_TOKEN]
        raise ConfigurationError([Problem("destination", reason.meaning, reason.mend)])
    token = link.token.reveal()
    sent = body(envelope, [row])
    exchange = Exchange(address(premises, instance.entry), premises.settings.ca_bundle)
    try:
        begun = time.monotonic()
        reply = await exchange.post(link.path, {link.header: token}, sent, WITHIN_S)
        took_s = time.monotonic() - begun
    finally:
        await exchange.close()
    if isinstance(reply, Answer):
        return _told(sent, reply, took_s)
    mask = masker([row], [token])
    answer = link.read(reply.http_status, reply.headers, reply.body, 1, mask, time.time())
    return _told(sent, answer, took_s)


def _told(sent: bytes, answer: Answer, took_s: float) -> Tried:
    reason = reasons.REASONS.get(answer.reason)
    meaning = reason.meaning if reason else ""
    return Tried(
        request=msgspec.Raw(sent),
        verdict=answer.verdict,
        reason=answer.reason,
        code=answer.code,
        http_status=answer.http_status,
        said=described(answer),
        request_id=answer.request_id,
        meaning="The platform took the event." if answer.verdict is Verdict.DELIVERED else meaning,
        mend=reason.mend if reason else "",
        took_s=took_s,
    )
