"""``tockwork doctor --bundle``: a report to attach to a bug, with nothing in it that is anybody's business.

No event, e-mail address, phone number, token, write key or whole pixel code is in it, and no literal of a mapping.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from re import match
from typing import Any, Final

import msgspec

from tockwork.configuration.entries import Configuration
from tockwork.doctor.finding import Finding
from tockwork.doctor.redaction import Redaction, of_process
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations.settings import Settings
from tockwork.operations.snapshot import DestinationState, Snapshot

LOG_LINES: Final = 1000
LOG_MEMBERS: Final = (
    "timestamp level event destination source reason detail mend error logger where trace before events call".split()
)
"""What is kept of a log line; the rest may be anybody's."""

Parts = Mapping[str, Any]
"""File names and what is in the files: text, or values for JSON."""


def bundle(
    configuration: Configuration,
    settings: Settings,
    snapshot: Snapshot,
    findings: Sequence[Finding],
    metrics: bytes,
    logs: Iterable[str] = (),
) -> Parts:
    """The report's parts, redacted. `logs` are lines of a server's log, oldest first; the last thousand are taken."""
    redaction = Redaction(configuration)
    parts: dict[str, Any] = {
        "about.json": about(),
        "settings.json": of_process(settings),
        "configuration.json": redaction.configuration(),
        "findings.json": [msgspec.to_builtins(finding) for finding in findings],
        "destinations.json": [_state(state) for state in snapshot.destinations],
        "metrics.txt": metrics.decode(),
        "log.json": [line for line in map(_log_line, list(logs)[-LOG_LINES:]) if line],
    }
    return {name: redacted(redaction, part) for name, part in parts.items()}


def write(path: Path, parts: Parts) -> None:
    """Writes `parts` to one file that only its owner can read: a ZIP, or JSON if `path` ends so.

    Raises `ConfigurationError` for other names, and when the file cannot be written.
    """
    if path.suffix not in (".zip", ".json"):
        raise ConfigurationError([Problem(str(path), "expected a name that ends in .zip or .json")])
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            if path.suffix == ".json":
                file.write(_json(parts))
                return
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, part in parts.items():
                    archive.writestr(name, part if isinstance(part, str) else _json(part))
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"cannot be written: {error.strerror}")]) from None


def about() -> dict[str, Any]:
    """Versions of what runs, and of what it runs on."""
    names = sorted(found[0] for line in requires("tockwork") or () if (found := match(r"[\w.-]+", line)))
    return {
        "tockwork": version("tockwork"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: _version(name) for name in names},
    }


def redacted(redaction: Redaction, part: Any) -> Any:
    """`part` with every text in it redacted, keys too."""
    if isinstance(part, str):
        return redaction.text(part)
    if isinstance(part, dict):
        return {redaction.text(key): redacted(redaction, value) for key, value in part.items()}
    return [redacted(redaction, value) for value in part] if isinstance(part, list) else part


def _state(state: DestinationState) -> dict[str, Any]:
    tally = state.tally
    lines = [{"status": s, "reason": reason, "number": number} for (s, reason), number in tally.lines.items()]
    counts = {"accepted": tally.accepted, "undecided": tally.undecided, "matched": tally.matched, "lines": lines}
    plain: dict[str, Any] = msgspec.to_builtins({**msgspec.structs.asdict(state), "tally": counts})
    return plain


def _log_line(line: str) -> dict[str, Any]:
    """The members that we know; nothing of a line that is none of ours."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    if not isinstance(found, dict) or "event" not in found:
        return {}
    return {key: found[key] for key in LOG_MEMBERS if key in found}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
