"""When somebody is to be told that something is wrong, and where: the member ``alerts`` of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from tockwork.model.errors import Problem
from tockwork.model.secret import Secret
from tockwork.rules.scalars import describe

MAX_URL: Final = 2000
Format = Literal["cloudevents", "slack"]


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A destination is blocked, or was paused because its answers looked wrong, for more than so many minutes."""

    enabled: bool = True
    minutes: int = 1


class SuccessRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Less than `percent` of a destination's deliveries of the last `minutes` succeeded, of at least so many."""

    enabled: bool = True
    percent: float = 95.0
    minutes: int = 15
    deliveries: int = 50


class VolumeDrop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source sent less than `percent` of what it sent in the same hour of a week ago, or of yesterday where it is not
    known for that long; at least `events` would have been expected."""

    enabled: bool = True
    percent: float = 50.0
    events: int = 100


class Backlog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A destination's oldest undecided event has waited for more than so many minutes."""

    enabled: bool = True
    minutes: int = 10


class Disk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The disk has less room than so many times the reserve, or events are not accepted."""

    enabled: bool = True
    reserves: int = 2


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is watched."""

    held: Held = Held()
    success_rate: SuccessRate = SuccessRate()
    volume_drop: VolumeDrop = VolumeDrop()
    backlog: Backlog = Backlog()
    disk: Disk = Disk()


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`webhook` is a URL that alerts are posted to in this `format`, as a `Secret`, since whoever knows it can post
    there; empty for none. It may be in a `private_network`, without TLS even, only where that is said."""

    enabled: bool = True
    webhook: Any = ""
    format: Format = "cloudevents"
    private_network: bool = False
    rules: Rules = Rules()

    def __post_init__(self) -> None:
        if isinstance(self.webhook, str) and self.webhook:
            msgspec.structs.force_setattr(self, "webhook", Secret(self.webhook))
        elif not self.webhook:
            msgspec.structs.force_setattr(self, "webhook", "")


BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "minutes": (0, 1440),
    "percent": (1, 100),
    "deliveries": (1, 1_000_000),
    "events": (1, 10_000_000),
    "reserves": (1, 1000),
}
"""The least and the most that a figure of a rule may be, by its name."""


def wrong(given: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the values in `alerts`; of what has the wrong shape nothing is said."""
    rules = given.get("rules")
    for rule, figures in rules.items() if isinstance(rules, dict) else ():
        for name, value in figures.items() if isinstance(figures, dict) else ():
            least, most = BOUNDS.get(name, (0, 0))
            if name in BOUNDS and isinstance(value, int | float) and not least <= value <= most:
                yield Problem(f"alerts.rules.{rule}.{name}", f"expected a number from {least:g} to {most:,.0f}")
    webhook = given.get("webhook") or ""
    if not isinstance(webhook, str | Secret):
        yield Problem("alerts.webhook", f"expected text, got {describe(webhook)}")
    elif webhook:
        text = webhook.reveal() if isinstance(webhook, Secret) else webhook
        if found := wrong_url(text, given.get("private_network") is True):
            yield Problem("alerts.webhook", *found)


def wrong_url(text: str, private_network: bool) -> tuple[str, str] | None:
    """What is wrong with a webhook's URL, and how to mend it, without a part of it; None when it will do."""
    mend = "Write an address such as https://hooks.example/alerts."
    if len(text) > MAX_URL or not text.isprintable() or " " in text:
        return "is too long, or has spaces or control characters", mend
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "is no URL", mend
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "is no URL", mend
    if parts.scheme == "http" and not private_network:
        return "would be posted to without encryption", "Write https, or say that it is in a private network."
    return None
