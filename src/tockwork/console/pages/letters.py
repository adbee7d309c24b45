"""Pages: dead letters. Find them, see why they died and what would become of them now, try them again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import CSRF_HEADER, Problem, Refused
from tockwork.model.names import named, segment

SHOWN: Final = 50
WITHIN_S: Final = 20
"""So long one request replays; proxies give up on longer ones. Whoever wants goes on with the rest."""
IN_ADDRESSES: Final = ("status", "reason", "mapping", "code", "since", "until")
"""Filters that may stand in a page's address: a messageId may not."""
FILTERS: Final = (*IN_ADDRESSES, "message_id")


class Place:
    """A destination's letters: its name, the page of its delivery, and the letters in the API."""

    def __init__(self, destination: str) -> None:
        self.name = named(destination)
        self.delivery = f"/delivery/{segment(self.name)}"
        self.api = f"/letters/{segment(self.name)}"


@get("/delivery/{destination:str}/letters")
async def listed(desk: NamedDependency[Desk], destination: FromPath[str]) -> Template:
    if desk.user is not None:  # a search changes nothing, and yet is POSTed
        desk.door.headers[CSRF_HEADER] = desk.user.csrf
    return await _list(desk, Place(destination), {key: desk.request.query_params.get(key, "") for key in IN_ADDRESSES})


@post("/delivery/{destination:str}/letters", status_code=200)
async def sought(desk: NamedDependency[Desk], destination: FromPath[str]) -> Template:
    form = await desk.form()
    return await _list(desk, Place(destination), _typed(form), str(form.get("cursor") or "") or None)


@post("/delivery/{destination:str}/letters/replay", status_code=200)
async def replayed(desk: NamedDependency[Desk], destination: FromPath[str]) -> Template:
    """First what would become of them; once that was seen, for real."""
    place, form = Place(destination), await desk.form()
    typed = _typed(form)
    refs = [str(ref) for ref in form.getall("ref", [])] if form.get("which") != "all" else None
    asked = {name: form.get(name) == "true" for name in ("include_delivered", "force")}
    sure = form.get("sure") == "true"
    if refs == []:
        nothing = Refused(422, "nothing_chosen", "Tick the letters that you want to replay.", [])
        return await _list(desk, place, typed, refused=nothing)
    try:
        wanted = {} if refs else _filter(typed) | _rest(form)
        body: dict[str, Any] = {"refs": refs, "filter": wanted, "dry_run": not sure, **asked}
        if refs is None and not asked["include_delivered"]:
            body["within_s"] = WITHIN_S
        became = await desk.door.post(f"{place.api}/replay", body)
    except Refused as refused:
        if refused.status != 422:
            raise
        return await _list(desk, place, typed, refused=refused)
    return desk.show("delivery/replay.html", place=place, typed=typed, refs=refs, became=became, sure=sure, **asked)


@get("/delivery/{destination:str}/letters/{ref:str}")
async def letter(desk: NamedDependency[Desk], destination: FromPath[str], ref: FromPath[str]) -> Template:
    return await _one(desk, Place(destination), ref, unmasked=False)


@post("/delivery/{destination:str}/letters/{ref:str}", status_code=200)
async def unmasked(desk: NamedDependency[Desk], destination: FromPath[str], ref: FromPath[str]) -> Template:
    """With personal data, which is written down."""
    await desk.form()
    return await _one(desk, Place(destination), ref, unmasked=True)


ROUTES: Final[list[ControllerRouterHandler]] = [listed, sought, replayed, letter, unmasked]


async def _one(desk: Desk, place: Place, ref: str, *, unmasked: bool) -> Template:
    where = f"{place.api}/{segment(ref)}"
    found = await (desk.door.post(f"{where}/unmask") if unmasked else desk.door.get(where))
    return desk.show("delivery/letter.html", place=place, found=found, it=found["letter"])


async def _list(
    desk: Desk, place: Place, typed: Mapping[str, str], cursor: str | None = None, refused: Refused | None = None
) -> Template:
    """The page with what was found; with nothing found and the problems at their fields where something is wrong."""
    found: dict[str, Any] = {"letters": [], "cursor": None}
    problem = refused
    try:
        wanted = _filter(typed) | {"limit": SHOWN} | ({"cursor": cursor} if cursor else {})
        found = await desk.door.post(f"{place.api}/search", wanted)
    except Refused as wrong:
        if wrong.status not in (400, 422):
            raise
        problem = refused or wrong
    kept = {key: typed[key] for key in IN_ADDRESSES if typed.get(key)}
    values: dict[str, Any] = {
        "place": place,
        "typed": {key: typed.get(key, "") for key in FILTERS},
        "found": found,
        "further": cursor is not None,
        "export": _export(kept),
        "link": f"{place.delivery}/letters?{urlencode(kept)}" if kept else f"{place.delivery}/letters",
    }
    if problem is None:
        return desk.show("delivery/letters.html", errors={}, **values)
    shown = Refused(problem.status, problem.code, problem.detail, [_at_field(each) for each in problem.problems])
    return desk.refused("delivery/letters.html", shown, *FILTERS, **values)


def _at_field(problem: Problem) -> Problem:
    return Problem(problem.where.removeprefix("filter."), problem.what, problem.mend)


def _export(kept: Mapping[str, str]) -> dict[str, str]:
    """The filter as the API's own addresses have it; empty for one that cannot be read."""
    try:
        return {key: str(value) for key, value in _filter(kept).items()}
    except Refused:
        return {}


def _typed(form: FormMultiDict) -> dict[str, str]:
    return {key: str(form.get(key) or "").strip() for key in FILTERS}


def _rest(form: FormMultiDict) -> dict[str, float]:
    """Where a replay that took long enough is taken up again. Raises `Refused` for what is no time."""
    given = {key: form.get(f"rest_{key}") for key in ("since", "until")}
    try:
        return {key: float(str(value)) for key, value in given.items() if value}
    except ValueError:
        raise Refused(422, "invalid", "There is no such rest: replay all once more.", []) from None


def _filter(typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as the API has it. Raises `Refused` for times and codes that are none."""
    problems: list[Problem] = []
    wanted: dict[str, Any] = {key: typed[key] for key in FILTERS if typed.get(key)}
    for key in ("since", "until"):
        if key in wanted:
            try:
                wanted[key] = datetime.fromisoformat(wanted[key]).replace(tzinfo=UTC).timestamp()
            except (ValueError, OverflowError):
                problems.append(Problem(key, "is no time", "Write it as 2026-11-20T14:30, in UTC."))
    if "code" in wanted:
        try:
            wanted["code"] = int(wanted["code"])
        except ValueError:
            problems.append(Problem("code", "is no number", "The platform's codes are numbers such as 40002."))
    if problems:
        raise Refused(422, "invalid", "; ".join(map(str, problems)), problems)
    return wanted
