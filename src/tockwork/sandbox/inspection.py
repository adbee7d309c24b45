"""The sandbox's own API, under /sandbox/: what arrived, counts, faults, reset."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec
from aiohttp import web

from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret
from tockwork.sandbox.faults import Progress, Script, decode_script
from tockwork.sandbox.query import BadQuery, EventQuery
from tockwork.sandbox.record import Request, StoredEvent, timestamp
from tockwork.sandbox.state import State

_REDACTED: Final = str(Secret(""))


class Inspection:
    """The handlers. They answer JSON; a mistake of the caller is a 400 with `error` or `problems`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sandbox/health", self.health),
            web.get("/sandbox/stats", self.stats),
            web.get("/sandbox/events", self.events),
            web.get(r"/sandbox/events/{id:\d{1,18}}", self.event),
            web.get("/sandbox/requests", self.requests),
            web.post("/sandbox/reset", self.reset),
            web.get("/sandbox/faults", self.faults),
            web.put("/sandbox/faults", self.set_faults),
            web.delete("/sandbox/faults", self.clear_faults),
        ]

    async def health(self, http: web.Request) -> web.Response:
        return _json({"status": "ok", "profile": self._state.profile.name})

    async def stats(self, http: web.Request) -> web.Response:
        return _json(self._state.stats())

    async def events(self, http: web.Request) -> web.Response:
        try:
            query = EventQuery.read(http.query)
        except BadQuery as error:
            return _json({"error": str(error)}, 400)
        page = list(islice(filter(query.wants, self._state.record.events), query.limit))
        return _json({"events": [event_view(event) for event in page], "next": page[-1].id if page else query.after})

    async def event(self, http: web.Request) -> web.Response:
        event = self._state.record.event(int(http.match_info["id"]))
        if event is None:
            return _json({"error": "there is no such event, or it was let go"}, 404)
        return _json(event_view(event))

    async def requests(self, http: web.Request) -> web.Response:
        try:
            query = EventQuery.read(http.query)
        except BadQuery as error:
            return _json({"error": str(error)}, 400)
        found = (request for request in self._state.record.requests if request.id > query.after)
        page = list(islice(found, query.limit))
        last = page[-1].id if page else query.after
        return _json({"requests": [request_view(request) for request in page], "next": last})

    async def reset(self, http: web.Request) -> web.Response:
        self._state.reset()
        return _json({"status": "ok"})

    async def faults(self, http: web.Request) -> web.Response:
        return _json(_script_view(self._state.script))

    async def set_faults(self, http: web.Request) -> web.Response:
        try:
            self._state.script = decode_script(await http.read())
        except ConfigurationError as error:
            return _json({"problems": error.problems}, 400)
        return _json(_script_view(self._state.script))

    async def clear_faults(self, http: web.Request) -> web.Response:
        self._state.script = Script()
        return _json(_script_view(self._state.script))


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def event_view(event: StoredEvent) -> dict[str, Any]:
    """An event as JSON: see docs/reference/sandbox.md."""
    return {
        "id": event.id,
        "received_at": timestamp(event.received_at),
        "event": event.event,
        "event_id": event.event_id or None,
        "leg": event.leg,
        "event_source": event.event_source,
        "event_source_id": event.event_source_id,
        "test": event.test,
        "verdict": event.verdict,
        "copy_of": event.first_id,
        "pair": event.pair_id,
        "copies": event.copies,
        "filled": event.filled,
        "row": event.sent,
        "merged_row": None if event.merged is None else msgspec.Raw(event.merged),
        "diagnostics": event.diagnostics,
        "index": event.index,
        "request": request_view(event.request),
    }


def request_view(request: Request) -> dict[str, Any]:
    view: dict[str, Any] = msgspec.to_builtins(request)
    return {**view, "received_at": timestamp(request.received_at)}


def _script_view(script: Script) -> dict[str, Any]:
    return {"seed": script.seed, "steps": [_step_view(progress) for progress in script.progress]}


def _step_view(progress: Progress) -> dict[str, Any]:
    view: dict[str, Any] = msgspec.to_builtins(progress)
    if progress.step.match.token is not None:
        view["step"]["match"]["token"] = _REDACTED
    return view
