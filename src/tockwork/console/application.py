"""The console as an ASGI application."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template.config import TemplateConfig
from litestar.types import ASGIApp

from tockwork.console import formats, static
from tockwork.console.desk import MAX_FORM_BYTES, Desk, User
from tockwork.console.door import Door, Refused
from tockwork.console.pages import (
    account,
    alerts,
    catalog,
    delivery,
    destinations,
    diagnostics,
    home,
    letters,
    live,
    mappings,
    privacy,
    sources,
    team,
    versions,
)

PAGES: Final = (
    account,
    team,
    home,
    sources,
    catalog,
    destinations,
    mappings,
    versions,
    live,
    delivery,
    letters,
    diagnostics,
    privacy,
    alerts,
)
SIGN_IN: Final = "/sign-in"
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
PRIVATE: Final = {"cache-control": "no-store"}
_DETOUR: Final = (
    '<!doctype html><html lang="en"><title>Tockwork</title><meta http-equiv="refresh" content="0;url={}"></html>'
)
"""For who follows a link from another site: browsers leave the session's cookie out of that request (SameSite=Strict),
and bring it along from a page of ours."""
_TEMPLATES: Final = Path(__file__).parent / "templates"
_log = structlog.get_logger(__name__)


def application(api: ASGIApp) -> Litestar:
    """The pages, for whoever the API knows."""

    async def desk(request: Request[Any, Any, Any]) -> Desk:
        """Raises `Refused` (401) unless somebody is signed in, or the page is for everybody."""
        door = Door(api, request)
        public = request.route_handler.opt.get("public", False)
        user = None if public else msgspec.convert(await door.get("/session"), User)
        return Desk(door, request, user)

    return Litestar(
        route_handlers=[static.static, *chain.from_iterable(page.ROUTES for page in PAGES)],
        dependencies={"desk": Provide(desk)},
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment())),
        exception_handlers={Refused: _refused, HTTPException: _missing, Exception: _failed},
        after_request=_secured,
        request_max_body_size=MAX_FORM_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def environment() -> Environment:
    """Jinja, with everything escaped."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static.STATIC.path
    made.filters.update(formats.FILTERS)
    return made


async def _secured(response: Response[Any]) -> Response[Any]:
    for name, value in {**PRIVATE, **HEADERS}.items():
        response.headers.setdefault(name, value)
    return response


def _refused(request: Request[Any, Any, Any], refused: Refused) -> Response[Any]:
    """A page that the API has nothing for. Without a session: to the door, and back here afterwards."""
    if refused.status == 401:
        if "hx-request" in request.headers:
            return _finished(Response(b"", status_code=200, headers={"HX-Redirect": SIGN_IN}))
        back = request.url.path if request.method == "GET" else "/"
        door = SIGN_IN if back == "/" else f"{SIGN_IN}?next={quote(back)}"
        if request.headers.get("sec-fetch-site") == "cross-site":
            return _finished(Response(_DETOUR.format(escape(door)), media_type="text/html"))
        return _finished(Redirect(door, status_code=303))
    return _error(request, refused.status, refused.detail)


def _missing(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    detail = "There is no such page." if error.status_code == 404 else error.detail
    return _error(request, error.status_code, detail)


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault of ours: its message could hold anything, so only its type is told, and only to the log."""
    _log.error("page failed", page=request.scope["path"].split("/")[1], error=type(error).__name__)
    return _error(request, 500, "The server failed at this page; its log says more.")


def _error(request: Request[Any, Any, Any], status: int, detail: str) -> Response[Any]:
    context = {"user": None, "path": request.url.path, "status": status, "detail": detail}
    return _finished(Template("error.html", context=context, status_code=status))


def _finished(response: Response[Any]) -> Response[Any]:
    response.headers.update({**PRIVATE, **HEADERS})
    return response


def names(pages: Sequence[Any] = PAGES) -> list[str]:
    """The parts of the console, by the names of their modules."""
    return [page.__name__.rpartition(".")[2] for page in pages]
