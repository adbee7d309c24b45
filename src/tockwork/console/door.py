"""The management API, as whoever asked for a page may use it: the console has no other way to anything."""

from __future__ import annotations

from typing import Any, Final

import httpx
import msgspec
from litestar import Request
from litestar.types import ASGIApp

CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
_HERE: Final = "http://console"
_PASSED_ON: Final = (
    "cookie",
    "x-csrf-token",
    "user-agent",
    "origin",
    "sec-fetch-site",
    "host",
    "x-forwarded-for",
    "x-forwarded-proto",
)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with what was sent: where, what, and how to mend it."""

    where: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.what}. {self.mend}".rstrip() if self.mend else self.what


class Refused(Exception):  # noqa: N818 (says what is so)
    """The API's answer with an error: its status, code, words, and problems by their place."""

    def __init__(self, status: int, code: str, detail: str, problems: list[Problem]) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = problems
        super().__init__(detail)

    def at(self, *places: str) -> dict[str, str]:
        """What a form shows at its fields: the problems whose place is one of `places` or below it, by that place. The
        rest stands under the empty text."""
        found: dict[str, list[str]] = {}
        for problem in self.problems:
            place = next((p for p in places if problem.where == p or problem.where.startswith((f"{p}.", f"{p}["))), "")
            text = str(problem) if place or not problem.where else f"{problem.where}: {problem}"
            found.setdefault(place, []).append(text)
        if not self.problems:
            found[""] = [self.detail]
        return {place: " ".join(texts) for place, texts in found.items()}


class _Details(msgspec.Struct):
    code: str = ""
    detail: str = ""
    problems: list[Problem] = []


class Door:
    """Calls the API for one request of a page. Paths are below `/api`; what comes back is decoded JSON.

    Every call raises `Refused` for an answer that is no success.
    """

    def __init__(self, api: ASGIApp, request: Request[Any, Any, Any]) -> None:
        address = request.client.host if request.client else ""
        self._transport = httpx.ASGITransport(api, raise_app_exceptions=False, client=(address, 0))  # type: ignore[arg-type]
        self.headers = {name: ", ".join(found) for name in _PASSED_ON if (found := request.headers.getall(name, []))}
        self.cookies: list[str] = []
        """Cookies that the API set, for the page's answer."""

    async def get(self, path: str, **query: Any) -> Any:
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: Any = None) -> Any:
        return await self.call("PUT", path, body)

    async def patch(self, path: str, body: Any = None) -> Any:
        return await self.call("PATCH", path, body)

    async def delete(self, path: str) -> Any:
        return await self.call("DELETE", path)

    async def call(self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        headers = self.headers if content is None else {**self.headers, "content-type": "application/json"}
        asked = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        request = httpx.Request(method, f"{_HERE}/api{path}", content=content, headers=headers, params=asked)
        answer = await self._transport.handle_async_request(request)
        read = await answer.aread()
        self.cookies += answer.headers.get_list("set-cookie")
        if answer.is_success:
            return _decoded(answer.headers.get("content-type", ""), read)
        try:
            details = msgspec.json.decode(read, type=_Details)
        except msgspec.DecodeError:
            details = _Details(detail="The server failed at this request; its log says more.")
        raise Refused(answer.status_code, details.code, details.detail, details.problems)


def _decoded(kind: str, content: bytes) -> Any:
    if not content:
        return None
    return msgspec.json.decode(content) if "json" in kind else content
