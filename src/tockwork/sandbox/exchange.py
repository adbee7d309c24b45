"""One request to the Events API and its answer, over HTTP: rules, then faults, then the wire."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from tockwork.sandbox.events_api import PATH, Arrival, Submission
from tockwork.sandbox.faults import Answer, Drip, Http, Partial, Plan, Refuse, Reset, Truncate
from tockwork.sandbox.record import Request
from tockwork.sandbox.refusal import INVALID, NOT_FOUND, Refused
from tockwork.sandbox.reply import GARBAGE, GATEWAY_PAGE, HTML, JSON, Reply, enveloped, message_of
from tockwork.sandbox.state import State
from tockwork.sandbox.wire import drip, reset, response, truncated

_OK: Final = 0
_PARTIAL: Final = 20001
_SCRIPTED: Final = "refused by the fault script"


class _Exchange:
    """Lives for one request. It keeps to the rules and the record that were there when the request came, so that a
    reset in between does not mix the two."""

    def __init__(self, http: web.Request, request: Request, state: State) -> None:
        self._http = http
        self._request = request
        self._api = state.api
        self._script = state.script
        self._profile = state.profile
        self._clock = state.clock

    async def answer(self, arrival: Arrival) -> web.StreamResponse:
        if (misdirected := self._misdirected()) is not None:
            return response(self._closed(misdirected))
        try:
            submission = self._api.examine(arrival, self._request, self._clock.monotonic())
        except Refused as refusal:
            return response(self._closed(self._coded(refusal.code, refusal.message)))
        plan = self._script.plan(submission.token, submission.envelope, submission.rows)
        self._request.fault = plan.name
        if plan.delay_s:
            await self._clock.sleep(plan.delay_s)
        return await self._act(submission, plan)

    async def _act(self, submission: Submission, plan: Plan) -> web.StreamResponse:
        match plan.action:
            case None:
                return response(self._accepted(submission))
            case Drip() as action:
                return await drip(self._http, self._accepted(submission), action, self._clock)
            case Truncate() as action:
                return await truncated(self._http, self._accepted(submission), action)
            case Reset(when=when):
                if when == "after":
                    self._api.accept(submission, self._request)
                self._api.record.close(self._request)
                return reset(self._http)
            case action:
                return response(self._closed(self._scripted(action, submission, plan.hits)))

    def _scripted(
        self, action: Answer | Http | Partial | Refuse, submission: Submission, hits: tuple[int, ...]
    ) -> Reply:
        match action:
            case Partial(named=named):
                self._api.accept(submission, self._request, except_rows=hits)
                return self._partial(hits, named)
            case Refuse(named=named):
                place = f"data.{hits[0]}" if named else "data"
                return self._coded(INVALID, f"Invalid value for {place}: {_SCRIPTED}.")
            case Http():
                if action.accept:
                    self._api.accept(submission, self._request)
                return _uncoded(action)
            case Answer(code=code, status=status, message=message):
                message = message_of(code, submission.envelope.event_source_id) if message is None else message
                return self._coded(code, message, status, headers=_retry_after(action.retry_after))

    def _misdirected(self) -> Reply | None:
        http = self._http
        if http.path not in (PATH, PATH.rstrip("/")):
            return self._coded(NOT_FOUND, message_of(NOT_FOUND), HTTPStatus.NOT_FOUND)
        if http.method != "POST":
            message = f"Method {http.method} is not allowed: use POST."
            return self._coded(INVALID, message, HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
        if http.path != PATH and self._profile.needs_slash:
            message = f"The path is {PATH}."
            return self._coded(NOT_FOUND, message, HTTPStatus.MOVED_PERMANENTLY, headers={"Location": PATH})
        return None

    def _accepted(self, submission: Submission) -> Reply:
        self._api.accept(submission, self._request)
        return self._closed(self._coded(_OK, message_of(_OK)))

    def _closed(self, reply: Reply) -> Reply:
        """Takes the request into the record together with its answer."""
        request = self._request
        request.http_status, request.code = reply.status, reply.code
        request.message, request.request_id = reply.message, reply.request_id
        self._api.record.close(request)
        return reply

    def _coded(
        self,
        code: int,
        message: str,
        status: int | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        status = self._profile.status(code) if status is None else status
        return enveloped(status, code, message, self._clock.now(), data, headers)

    def _partial(self, rows: tuple[int, ...], named: bool) -> Reply:
        if not named:
            return self._coded(_PARTIAL, message_of(_PARTIAL))
        reasons = [f"Invalid value for data.{row}: {_SCRIPTED}." for row in rows]
        failed = [{"index": row, "message": reason} for row, reason in zip(rows, reasons, strict=True)]
        return self._coded(_PARTIAL, " ".join([message_of(_PARTIAL), *reasons]), data={"failed_rows": failed})


async def exchange(http: web.Request, state: State, limit: int) -> web.StreamResponse:
    """Answers `http`, whose body may have `limit` bytes."""
    body = await _body(http, limit)
    size = len(body) if body is not None else http.content_length or limit + 1
    request = state.record.open(http.method, http.path, http.headers, size, state.clock.now())
    return await _Exchange(http, request, state).answer(Arrival(http.path, http.headers, body, limit))


async def _body(http: web.Request, limit: int) -> bytes | None:
    """The whole body, None when it is larger than `limit` bytes."""
    if http.content_length is not None and http.content_length > limit:
        return None
    try:
        return await http.read()
    except web.HTTPRequestEntityTooLarge:
        return None


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}


def _uncoded(action: Http) -> Reply:
    content_type, body = {
        "html": (HTML, GATEWAY_PAGE),
        "garbage": (JSON, GARBAGE),
        "json": (JSON, b'{"error":"no code here"}'),
        "empty": (JSON, b""),
    }[action.body]
    return Reply(action.status, body, content_type=content_type, headers=_retry_after(action.retry_after))
