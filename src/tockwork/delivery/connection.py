"""The public face of a destination: transform events, or transform and send them, without a server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tockwork.delivery.batch import Row
from tockwork.delivery.link import Link
from tockwork.delivery.sender import BASE_URL, Sender
from tockwork.destinations import connection as pure
from tockwork.destinations.catalog import find
from tockwork.model.event import Event
from tockwork.model.fate import Fate
from tockwork.model.outcome import Outcome, Status
from tockwork.model.secret import Secret

URL_VARIABLE = "TOCKWORK_TIKTOK_URL"
"""Where requests go instead of TikTok: a sandbox, or a gateway of your own."""


def platform_url() -> str:
    """The base URL of TikTok's API, or what the environment puts in its place."""
    return os.environ.get(URL_VARIABLE) or BASE_URL


class Connection(pure.Connection):
    """A connected destination. Make one with `connect`."""

    def transform(self, events: Iterable[Event | bytes | str]) -> list[Outcome]:
        """What becomes of `events` (dicts, or JSON), in order, without sending: one outcome per triggered mapping, or
        one for an event that triggers none. `Outcome.row` is the element of TikTok's ``data[]`` as a dict."""
        now = time.time()
        return [_shown(outcome) for event in events for outcome in self._decided(event, now)]

    async def send(
        self,
        events: Iterable[Event | bytes | str],
        timeout: float = 60.0,  # noqa: ASYNC109 - what is not decided by then is pending, not cancelled
        *,
        base_url: str | None = None,
    ) -> list[Outcome]:
        """Transforms `events` and delivers the rows, retrying what can be retried for `timeout` seconds.

        What is not decided by then is pending; without a valid token it is pending for the reason ``blocked``. Never
        raises for what TikTok answers. `base_url` stands in for TikTok's.
        """
        now = time.time()
        outcomes = [outcome for event in events for outcome in self._decided(event, now)]
        async with Sender(base_url=base_url or platform_url()) as sender:
            await deliver(outcomes, self, sender, timeout)
        return [_shown(outcome) for outcome in outcomes]

    def send_sync(
        self, events: Iterable[Event | bytes | str], timeout: float = 60.0, *, base_url: str | None = None
    ) -> list[Outcome]:
        """`send` for code without an event loop."""
        return asyncio.run(self.send(events, timeout, base_url=base_url))

    def _decided(self, event: Event | bytes | str, now: float) -> list[Outcome]:
        if isinstance(event, bytes):
            return self.outcomes(event, now)
        try:
            entry = event.encode() if isinstance(event, str) else msgspec.json.encode(event)
        except (TypeError, ValueError, RecursionError) as error:
            return [Outcome(None, None, Status.INVALID, "not_json", [f"the event is no JSON: {type(error).__name__}"])]
        return self.outcomes(entry, now)

    def link(self, name: str, *, brake: bool = True) -> Link:
        """The way to TikTok for this destination's rows, under the instance's `name`."""
        destination = self.destination
        token: Secret | None = self.settings.get(destination.token)
        return Link(
            name, token=token, path=destination.path, read=destination.read, limits=destination.limits, brake=brake
        )


async def deliver(
    outcomes: Sequence[Outcome],
    connection: Connection,
    sender: Sender,
    timeout_s: float,
    report: Callable[[Fate], None] | None = None,
) -> None:
    """Sends the rows of `outcomes` and writes each one's fate into it. `report` is told of every fate as it comes."""
    mapped = [outcome for outcome in outcomes if outcome.status is Status.MAPPED and outcome.envelope is not None]
    rows = [Row(bytes(o.row), o.envelope, expires_at=o.expires_at) for o in mapped if o.envelope is not None]
    link = connection.link(connection.destination.key, brake=False)
    heard = (lambda _, fate: report(fate)) if report else None
    fates = await sender.deliver(rows, link, time.monotonic() + timeout_s, heard)
    for outcome, fate in zip(mapped, fates, strict=True):
        outcome.status, outcome.reason, outcome.detail = fate.status, fate.reason, fate.detail


def _shown(outcome: Outcome) -> Outcome:
    if outcome.row is not None:
        outcome.row = msgspec.json.decode(outcome.row)
    return outcome


def connect(
    kind: str,
    settings: Mapping[str, Any],
    mappings: Sequence[Mapping[str, Any]] | None = None,
    preset_pack: str | None = None,
    privacy: Mapping[str, Any] | None = None,
) -> Connection:
    """Connect a destination: its `kind` (such as ``tiktok-conversions``), its `settings`, and its `mappings`, or the
    presets of `preset_pack` when there are none. `privacy` is its consent gate, opt-outs and list of fields.

    Raises `ConfigurationError` with every problem at once, each with its place and how to mend it.
    """
    return Connection(find(kind), settings, mappings, preset_pack, privacy)
