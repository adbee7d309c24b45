"""What commands share: options, exit codes, and how they read process settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations import settings

FAILED = 1
MISUSED = 2

Data = Annotated[Path | None, typer.Option("--data", help="The data folder (TOCKWORK_DATA).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


def process(**given: object) -> settings.Settings:
    """The process settings, with those of the command line (None where not given) in their place."""
    return msgspec.structs.replace(settings.read(), **{key: value for key, value in given.items() if value is not None})


def moment(text: str | None, where: str) -> float:
    """The Unix time that an option names, now if it is not given. Raises `ConfigurationError`."""
    if text is None:
        return time.time()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError([Problem(where, "expected ISO 8601, such as 2026-11-20T00:00:00Z")]) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
