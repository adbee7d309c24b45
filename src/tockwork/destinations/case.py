"""Cases: an event, and exactly what becomes of it. They are test and documentation at once, ours and a user's own.

A file of cases is one JSON object: a connection (``destination``, ``settings``, ``preset_pack`` or ``mappings``), a
``title``, a ``doc``, and ``cases``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tockwork.destinations.catalog import find
from tockwork.destinations.connection import Connection
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.outcome import Outcome

DEFAULT_NOW = "2026-11-20T12:00:00Z"


class Expectation(msgspec.Struct, forbid_unknown_fields=True):
    """One expected outcome. What is not given is not compared; `row` is compared whole.

    `envelope` is what stands at the root of the request beside ``data``, without what is left out there.
    """

    status: str
    mapping: str | msgspec.UnsetType | None = msgspec.UNSET
    reason: str | msgspec.UnsetType | None = msgspec.UNSET
    warnings: list[str] | msgspec.UnsetType = msgspec.UNSET
    row: Any = msgspec.UNSET
    envelope: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """`event` in, `expect` out, in order. `now` counts where the event has no `receivedAt`."""

    name: str
    event: dict[str, Any]
    expect: list[Expectation]
    doc: str = ""
    now: str = DEFAULT_NOW

    @property
    def seconds(self) -> float:
        """`now` in Unix seconds; UTC where it names no zone. Raises `ValueError`."""
        moment = datetime.fromisoformat(self.now)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class CaseFile(msgspec.Struct, forbid_unknown_fields=True):
    """A connection and the cases that hold for it."""

    title: str
    destination: str
    cases: list[Case]
    doc: str = ""
    settings: dict[str, Any] = {}
    preset_pack: str | None = None
    mappings: list[dict[str, Any]] | None = None

    def connect(self) -> Connection:
        """The connection that the file describes. Raises `ConfigurationError`."""
        return Connection(find(self.destination), self.settings, self.mappings, self.preset_pack)


def read_cases(content: bytes, where: str = "") -> CaseFile:
    """A file's cases; `where` names the file in errors. Raises `ConfigurationError` with all that is wrong."""
    try:
        file = msgspec.json.decode(content, type=CaseFile)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigurationError([Problem(where, f"is no file of cases: {error}")]) from None
    problems = []
    names: set[str] = set()
    for place, case in enumerate(file.cases):
        at = f"{where}: cases[{place}]".removeprefix(": ")
        if case.name in names:
            problems.append(Problem(f"{at}.name", f"{case.name!r} is taken", "Give every case its own name."))
        names.add(case.name)
        try:
            case.seconds  # noqa: B018 - asked for its error
        except ValueError:
            problems.append(Problem(f"{at}.now", "expected ISO 8601", f"For example: {DEFAULT_NOW}"))
    if problems:
        raise ConfigurationError(problems)
    return file


def differences(case: Case, connection: Connection) -> Iterator[str]:
    """What is otherwise than the case expects, one line each; nothing when it holds."""
    try:
        now = case.seconds
    except ValueError:
        yield f"now: expected ISO 8601, such as {DEFAULT_NOW}"
        return
    outcomes = connection.outcomes(msgspec.json.encode(case.event), now)
    if len(outcomes) != len(case.expect):
        found = ", ".join(f"{o.status}" + (f" ({o.reason})" if o.reason else "") for o in outcomes)
        yield f"expected {len(case.expect)} outcomes, found {len(outcomes)}: {found}"
        return
    for place, (expected, outcome) in enumerate(zip(case.expect, outcomes, strict=True)):
        for member, wanted in msgspec.structs.asdict(expected).items():
            if wanted is not msgspec.UNSET:
                yield from _compared(f"expect[{place}].{member}", wanted, _member(outcome, member))


def _member(outcome: Outcome, member: str) -> Any:
    value = getattr(outcome, member)
    if value is None:
        return None
    match member:
        case "row":
            return msgspec.json.decode(value)
        case "envelope":
            return {key: text for key, text in msgspec.structs.asdict(value).items() if text}
    return value


def _compared(where: str, wanted: Any, found: Any) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            place = f"{where}.{key}"
            if key not in found:
                yield f"{place}: expected {_shown(wanted[key])}, found nothing"
            elif key not in wanted:
                yield f"{place}: expected nothing, found {_shown(found[key])}"
            else:
                yield from _compared(place, wanted[key], found[key])
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for position, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _compared(f"{where}[{position}]", one, other)
    elif wanted != found or isinstance(wanted, bool) != isinstance(found, bool):
        yield f"{where}: expected {_shown(wanted)}, found {_shown(found)}"


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
