"""Tockwork gets an advertiser's events to TikTok: reliably, privately and provably.

    >>> import tockwork
    >>> connection = tockwork.connect("tiktok-conversions", {"accessToken": "…", "pixelCode": "…"})
    >>> outcomes = connection.transform([{"type": "track", "event": "Order Completed", "messageId": "m1"}])

What is listed in `__all__` is the public API; it is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tockwork.delivery.connection import Connection, connect
    from tockwork.model.errors import ConfigurationError, Problem, TockworkError
    from tockwork.model.outcome import Outcome, Status
    from tockwork.model.secret import Secret
    from tockwork.rules.mapping import Mapping, MappingError, ResolveError
    from tockwork.rules.trigger import Trigger, TriggerError
    from tockwork.sandbox.server import Sandbox

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "Connection",
    "Mapping",
    "MappingError",
    "Outcome",
    "Problem",
    "ResolveError",
    "Sandbox",
    "Secret",
    "Status",
    "TockworkError",
    "Trigger",
    "TriggerError",
    "connect",
]

_HOMES = {
    "ConfigurationError": "model.errors",
    "Connection": "delivery.connection",
    "Mapping": "rules.mapping",
    "MappingError": "rules.mapping",
    "Outcome": "model.outcome",
    "Problem": "model.errors",
    "ResolveError": "rules.mapping",
    "Sandbox": "sandbox.server",
    "Secret": "model.secret",
    "Status": "model.outcome",
    "TockworkError": "model.errors",
    "Trigger": "rules.trigger",
    "TriggerError": "rules.trigger",
    "connect": "delivery.connection",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tockwork' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tockwork.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
