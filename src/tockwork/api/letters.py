"""Routes of the management API: dead letters, and trying them again."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.delivery import delivered
from tockwork.api.letter import Letter, LetterLine, Replayed, Rest, exported, inspected, key_of, line_of, replayed
from tockwork.api.problem import invalid, not_found
from tockwork.model.errors import Problem
from tockwork.model.outcome import Status
from tockwork.operations.premises import Premises
from tockwork.operations.replay import BREATH_S, PART, Selection, replay
from tockwork.store.letters import Letters, Mark, Sought
from tockwork.store.protocol import DEAD

MOST: Final = 200
MOST_REFS: Final = 1000
TAGS: Final = ["Dead letters"]
LINES: Final = "application/x-ndjson"

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Code = Annotated[int, Meta(ge=-(2**31), lt=2**31)]
Moment = Annotated[float, Meta(ge=0, le=1e11)]
"""Unix seconds."""


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters: `status` is invalid, rejected or expired, `code` what the platform answered; times are Unix
    seconds, and `until` is not included. What is left out lets all pass."""

    status: Status | None = None
    reason: Text | None = None
    mapping: Text | None = None
    code: Code | None = None
    message_id: Text | None = None
    since: Moment | None = None
    until: Moment | None = None


class LetterSearch(LetterFilter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter, and which part of what it finds: `cursor` is the last answer's."""

    cursor: Annotated[str, Meta(max_length=100)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 50


class LettersFound(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, the newest first. `cursor` is where to go on, null at the end: it may follow an answer with few
    letters or none, since one answer looks at a limited number."""

    letters: list[LetterLine]
    cursor: str | None


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try again: the letters named by `refs`, else all that the filter lets pass.

    `dry_run` changes nothing and says what would become of them. `include_delivered` takes delivered ones too, which is
    for events that the platform lost. `force` sends even what the platform would count twice: letters of rows that
    perhaps arrived, once the time is over in which it drops repeats.

    It ends after `within_s` seconds or little more, and says what is left; without, when all is done. What is done
    stays done, so it may be repeated if it broke off.
    """

    refs: Annotated[list[Text], Meta(max_length=MOST_REFS)] | None = None
    filter: LetterFilter = LetterFilter()
    dry_run: bool = True
    include_delivered: bool = False
    force: bool = False
    within_s: Annotated[float, Meta(ge=0.1, le=3600)] | None = None


@post("/letters/{destination:str}/search", tags=TAGS, status_code=200)
async def search(
    premises: NamedDependency[Premises], destination: FromPath[str], data: JSONBody[LetterSearch]
) -> LettersFound:
    """Find a destination's dead letters."""
    name = delivered(premises, destination)
    _check(data)
    found = await Letters(premises.store).search(name, _sought(data), _mark(data.cursor), data.limit)
    cursor = None if found.following is None else f"{found.following[0]!r},{found.following[1]}"
    return LettersFound(letters=[line_of(letter) for letter in found.letters], cursor=cursor)


@get("/letters/{destination:str}/export", tags=TAGS, guards=[editor], media_type=LINES)
async def export(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    destination: FromPath[str],
    status: FromQuery[Status | None] = None,
    reason: FromQuery[str | None] = None,
    mapping: FromQuery[str | None] = None,
    code: Annotated[int | None, QueryParameter(ge=-(2**31), lt=2**31)] = None,
    since: FromQuery[float | None] = None,
    until: FromQuery[float | None] = None,
    unmasked: FromQuery[bool] = False,
) -> Stream:
    """Download a destination's dead letters as JSON Lines, the oldest first. With `unmasked`, events are as they came,
    with personal data: the audit log says so."""
    name = delivered(premises, destination)
    wanted = LetterFilter(status=status, reason=reason, mapping=mapping, code=code, since=since, until=until)
    _check(wanted)
    await record(request, "letters.exported", about=name, detail={**_told(wanted), "unmasked": unmasked})
    lines = _lines(premises, name, _selection(Replay(filter=wanted)), masked=not unmasked)
    headers = {"content-disposition": 'attachment; filename="dead-letters.jsonl"'}
    return Stream(lines, media_type=LINES, headers=headers)


@get("/letters/{destination:str}/{ref:str}", tags=TAGS)
async def inspect(premises: NamedDependency[Premises], destination: FromPath[str], ref: FromPath[str]) -> Letter:
    """One dead letter with its event, and what would become of it now. What is personal stands as ``***``."""
    return await _inspected(premises, delivered(premises, destination), ref, unmasked=False)


@post("/letters/{destination:str}/{ref:str}/unmask", tags=TAGS, guards=[editor], status_code=200)
async def unmask(
    request: Request[Any, Any, Any], premises: NamedDependency[Premises], destination: FromPath[str], ref: FromPath[str]
) -> Letter:
    """The same with everything personal in it. Who asked is written down."""
    name = delivered(premises, destination)
    found = await _inspected(premises, name, ref, unmasked=True)
    await record(request, "letter.unmasked", about=name, detail={"ref": found.letter.ref})
    return found


@post("/letters/{destination:str}/replay", tags=TAGS, status_code=200, guards=[editor])
async def again(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    destination: FromPath[str],
    data: JSONBody[Replay],
) -> Replayed:
    """Try dead letters again, by the newest configuration."""
    name = delivered(premises, destination)
    _check(data.filter, "filter.")
    selection = _selection(data)
    until, rest = min(selection.until, time.time()), None
    ends_at = math.inf if data.within_s is None else time.monotonic() + data.within_s

    def enough(at: float) -> bool:
        nonlocal rest
        if over := time.monotonic() >= ends_at:
            rest = Rest(at, until)
        return over

    became = await replay(
        premises.store,
        premises.consumer(name),
        msgspec.structs.replace(selection, until=until),
        dry_run=data.dry_run,
        enough=enough,
    )
    answer = replayed(
        became, dry_run=data.dry_run, include_delivered=data.include_delivered, force=data.force, rest=rest
    )
    if not data.dry_run:
        chosen = _told(data.filter) if data.refs is None else {"refs": len(data.refs)}
        numbers = {str(one.outcome): one.number for one in answer.outcomes}
        extra = {"include_delivered": data.include_delivered, "force": data.force, "outcomes": numbers}
        await record(request, "letters.replayed", about=name, detail={**chosen, **extra})
    return answer


ROUTES: Final[list[ControllerRouterHandler]] = [search, export, inspect, unmask, again]


async def _inspected(premises: Premises, name: str, ref: str, *, unmasked: bool) -> Letter:
    """Raises `Refused` where there is no such letter."""
    key = key_of(ref)
    found = [] if key is None else await Letters(premises.store).at(name, [key])
    if not found:
        raise not_found("such dead letter: it may have been replayed, or deleted by retention")
    return inspected(found[0], premises.consumer(name), time.time(), unmasked=unmasked)


async def _lines(premises: Premises, name: str, selection: Selection, *, masked: bool) -> AsyncIterator[bytes]:
    async for some in Letters(premises.store).dead(name, selection.since, selection.until):
        wanted = [letter for letter in some if selection.takes(letter)]
        for start in range(0, len(wanted), PART):
            yield b"".join(exported(letter, masked=masked) for letter in wanted[start : start + PART])
            await asyncio.sleep(BREATH_S)  # a client that reads fast makes nothing wait


def _check(wanted: LetterFilter, place: str = "") -> None:
    """Raises `Refused` for a filter that lets nothing pass."""
    if wanted.status is not None and wanted.status not in DEAD:
        what = f"expected one of {', '.join(sorted(DEAD))}, found {wanted.status}"
        raise invalid(Problem(f"{place}status", what, "Only these are dead letters."))
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise invalid(Problem(f"{place}until", "is not after `since`"))


def _mark(cursor: str | None) -> Mark | None:
    """Raises `Refused` for a cursor that no answer had."""
    if cursor is None:
        return None
    try:
        at, row = cursor.split(",")
        mark = float(at), int(row)
    except ValueError:
        mark = math.nan, 0
    if not (math.isfinite(mark[0]) and 0 <= mark[1] < 2**63):
        raise invalid(Problem("cursor", "is none that an answer had", "Begin without one."))
    return mark


def _sought(wanted: LetterFilter) -> Sought:
    return Sought(
        status=wanted.status,
        reason=wanted.reason,
        mapping=wanted.mapping,
        code=wanted.code,
        message_id=wanted.message_id,
        since=wanted.since or 0.0,
        until=math.inf if wanted.until is None else wanted.until,
    )


def _selection(wanted: Replay) -> Selection:
    """Raises `Refused` for refs that are none, or that stand beside what they do not go with."""
    sought = _sought(wanted.filter)
    keys = None
    if wanted.within_s is not None and wanted.include_delivered:
        what = "goes with dead letters alone: what was delivered again meanwhile would be sent once more"
        raise invalid(Problem("within_s", what, "Leave it out, or `include_delivered`."))
    if wanted.refs is not None:
        found = [key_of(ref) for ref in wanted.refs]
        problems = [
            Problem(f"refs[{place}]", "is no dead letter's ref", "Take them from a search.")
            for place, key in enumerate(found)
            if key is None
        ]
        if wanted.include_delivered:
            problems.append(Problem("include_delivered", "goes with a filter alone", "Leave out `refs`."))
        if problems:
            raise invalid(*problems)
        keys = frozenset(key for key in found if key is not None)
    return Selection(
        sought.status,
        sought.reason,
        sought.mapping,
        sought.message_id,
        sought.since,
        sought.until,
        wanted.include_delivered,
        wanted.force,
        sought.code,
        keys,
    )


def _told(wanted: LetterFilter) -> Mapping[str, Any]:
    """A filter for the audit log: what it says, and of a messageId only that there was one."""
    said = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    return said | ({"message_id": True} if "message_id" in said else {})
