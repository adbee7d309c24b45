"""What every request passes: errors become TikTok's envelope, and strangers stay out of the inspection pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address
from traceback import extract_tb
from typing import Final
from urllib.parse import SplitResult, urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from tockwork.model.clock import Clock
from tockwork.sandbox.pixel import POSTS, SCRIPT
from tockwork.sandbox.refusal import INVALID, NOT_FOUND
from tockwork.sandbox.reply import enveloped, message_of
from tockwork.sandbox.wire import response

_INTERNAL: Final = 50000
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


def middlewares(host: str, clock: Clock) -> list[Middleware]:
    """Those of a sandbox that listens on `host`."""
    local_only = _is_loopback(host)

    @web.middleware
    async def errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            code = NOT_FOUND if error.status == HTTPStatus.NOT_FOUND else INVALID
            message = message_of(code) if code == NOT_FOUND else f"{error.reason}."
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return response(enveloped(error.status, code, message, clock.now(), headers=allow))
        except ConnectionError:
            raise
        except Exception as error:  # its message may hold a part of the request, so only kind and place are logged
            place = extract_tb(error.__traceback__)[-1]
            log.error("sandbox_failed", error=type(error).__name__, file=place.filename, line=place.lineno)
            return response(enveloped(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL, message_of(_INTERNAL), clock.now()))

    def is_welcome(page: SplitResult, request: web.Request) -> bool:
        """The sandbox's own pages, and for what the pixel's script posts those of shops on this machine."""
        if page.netloc != request.host and request.path.startswith((SCRIPT, POSTS)):
            return not local_only or _is_loopback(page.hostname or "")
        return page.netloc == request.host

    @web.middleware
    async def neighbours(request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Web pages of other origins can neither read (DNS rebinding) nor change what the sandbox holds."""
        if not request.path.startswith("/open_api/"):
            origin = request.headers.get("Origin")
            foreign_page = origin is not None and not is_welcome(urlsplit(origin), request)
            foreign_name = local_only and not _is_loopback(urlsplit(f"//{request.host}").hostname or "")
            if foreign_page or foreign_name:
                raise web.HTTPForbidden
        return await handler(request)

    return [errors, neighbours]


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
