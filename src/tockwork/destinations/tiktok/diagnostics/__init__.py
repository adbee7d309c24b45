"""What Tockwork has to say about a configuration or a row that TikTok would take without a word.

A diagnostic never refuses anything. `info` is worth knowing once; a `warning` costs money or data until it is mended.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding: a stable code, what was found and what it leads to, and how to mend it."""

    level: Level
    code: str
    message: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.message}. {self.mend}" if self.mend else self.message
