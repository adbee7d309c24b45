"""The browser's leg: a stand-in for TikTok's events.js, and for what that posts to.

TikTok publishes neither. Paths and the shape of a post (event, event_id, context with pixel, page and user, properties)
are what integrators saw in browsers; the rest of the shape is the stand-in's own. The hashes are made in the page.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from ipaddress import ip_address
from typing import Any, Final

import msgspec
from aiohttp import web

from tockwork.sandbox.record import Leg, Request
from tockwork.sandbox.refusal import INVALID, Refused
from tockwork.sandbox.reply import Reply, enveloped, message_of
from tockwork.sandbox.state import State
from tockwork.sandbox.wire import response

SCRIPT: Final = "/i18n/pixel/events.js"
POSTS: Final = "/api/v2/pixel"
_OK: Final = 0
_HEADERS: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


class _Code(msgspec.Struct, frozen=True):
    code: str


class _Context(msgspec.Struct, frozen=True):
    pixel: _Code
    page: dict[str, Any] = {}
    user: dict[str, Any] = {}
    ad: dict[str, Any] = {}


class Post(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the script posts for one event."""

    event: str
    context: _Context
    event_id: str = ""
    properties: dict[str, Any] = {}
    limited_data_use: bool = False

    def row(self, now: float, address: str, agent: str) -> dict[str, Any]:
        """The event as a row of the Events API: `address` and `agent` are those of the browser that posted it."""
        user = {"phone" if name == "phone_number" else name: value for name, value in self.context.user.items()}
        found = {"ttclid": self.context.ad.get("callback"), "ip": _public(address), "user_agent": agent}
        return {
            "event": self.event,
            "event_time": int(now),
            **({"event_id": self.event_id} if self.event_id else {}),
            "user": {**user, **{name: value for name, value in found.items() if value}},
            "page": self.context.page,
            "properties": self.properties,
            "limited_data_use": self.limited_data_use,
        }


class Pixel:
    """The handlers. Scripted faults are the Events API's alone."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._script = (files(__package__) / "events.js").read_bytes()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(SCRIPT, self.script),
            web.post(POSTS, self.receive),
            web.post(f"{POSTS}/act", self.receive),
        ]

    async def script(self, http: web.Request) -> web.Response:
        return web.Response(body=self._script, content_type="text/javascript", headers=_HEADERS)

    async def receive(self, http: web.Request) -> web.Response:
        body, state = await http.read(), self._state
        api = state.api
        request = api.record.open(http.method, http.path, http.headers, len(body), state.clock.now())
        request.leg = Leg.BROWSER
        try:
            post = _decoded(body)
            row = post.row(request.received_at, http.remote or "", http.headers.get("User-Agent", ""))
            api.accept(api.examine_pixel(post.context.pixel.code, msgspec.json.encode(row), request), request)
            reply = self._reply(_OK, message_of(_OK))
        except Refused as refusal:
            reply = self._reply(refusal.code, refusal.message)
        _note(request, reply)
        api.record.close(request)
        return response(reply)

    def _reply(self, code: int, message: str) -> Reply:
        status = HTTPStatus.OK if code == _OK else HTTPStatus.BAD_REQUEST
        return enveloped(status, code, message, self._state.clock.now(), headers=_HEADERS)


def _decoded(body: bytes) -> Post:
    try:
        return msgspec.json.decode(body, type=Post)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's own message may quote a key, and that may be personal data.
        raise Refused(INVALID, "Expected a JSON object with event and context.pixel.code.") from None


def _note(request: Request, reply: Reply) -> None:
    request.http_status, request.code = reply.status, reply.code
    request.message, request.request_id = reply.message, reply.request_id


def _public(address: str) -> str:
    """The address if it tells where a shopper is: that of this machine tells nothing."""
    try:
        return address if ip_address(address).is_global else ""
    except ValueError:
        return ""
