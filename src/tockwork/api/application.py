"""The management API as an ASGI application."""

from __future__ import annotations

from itertools import chain
from typing import Final

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler, Message, Scope

from tockwork.api import (
    accounts,
    alerts,
    catalog,
    delivery,
    destinations,
    diagnostics,
    events,
    letters,
    mappings,
    privacy,
    sessions,
    sources,
    versions,
)
from tockwork.api.access import Gate
from tockwork.api.office import DEPENDENCIES, Office
from tockwork.api.problem import HANDLERS

VERSION: Final = "1"
MAX_BODY_BYTES: Final = 2_000_000
RESOURCES: Final = (
    sessions,
    accounts,
    sources,
    catalog,
    destinations,
    mappings,
    versions,
    events,
    delivery,
    letters,
    diagnostics,
    privacy,
    alerts,
)


def application(office: Office) -> Litestar:
    """The API on a data folder."""
    made = Litestar(
        path="/api",
        route_handlers=[_titled(each) for each in chain.from_iterable(resource.ROUTES for resource in RESOURCES)],
        dependencies=DEPENDENCIES,
        middleware=[Gate()],
        before_send=[_private],
        exception_handlers=HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=_described(),
        logging_config=None,
        debug=False,
    )
    made.state.office = office
    return made


def _titled(handler: ControllerRouterHandler) -> ControllerRouterHandler:
    """A handler whose docstring's first sentence is its title in the API's description."""
    if isinstance(handler, HTTPRouteHandler) and handler.summary is None:
        handler.summary = (handler.fn.__doc__ or "").partition(".")[0].partition(":")[0].replace("\n", " ").strip()
    return handler


async def _private(message: Message, _: Scope) -> None:
    """No answer is kept by browsers or proxies, or taken for what it is not."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        headers.setdefault("cache-control", "no-store")
        headers["x-content-type-options"] = "nosniff"


def _described() -> OpenAPIConfig:
    """The document alone: the pages that Litestar can show it with load their scripts from elsewhere."""
    token = SecurityScheme(type="http", scheme="bearer", description="An API token, which an owner makes.")
    return OpenAPIConfig(
        title="Tockwork",
        version=VERSION,
        path="/openapi.json",
        render_plugins=[JsonRenderPlugin(path="/")],
        components=Components(security_schemes={"token": token}),
        security=[{"token": []}],
        use_handler_docstrings=True,
    )
