"""Errors that a user can mend.

TockworkError
├── ConfigurationError   settings, mappings or a file are wrong: every problem at once, each with its place
├── EventError           an event cannot be read
└── StoreFull            no room for more events, for now
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (a path such as ``mappings[2].trigger``), what, and how to mend it."""

    where: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.mend}" if self.mend else text


class TockworkError(Exception):
    """The root of every error that Tockwork raises on purpose."""


class ConfigurationError(TockworkError):
    """Everything that is wrong with a configuration, reported together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class EventError(TockworkError):
    """An event that is no JSON object, or is too large. `code` is from the list of reason codes."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class StoreFull(TockworkError):  # noqa: N818 (says what is so, and is nobody's mistake)
    """There is no room for these events now; nothing of the call that raised it was kept. Worth trying again later."""
