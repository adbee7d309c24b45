"""The management API as an ASGI application."""

from __future__ import annotations

from itertools import chain
from typing import Final

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

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
from tockwork.api.description import description
from tockwork.api.office import DEPENDENCIES, Office
from tockwork.api.problem import HANDLERS

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
        route_handlers=list(chain.from_iterable(resource.ROUTES for resource in RESOURCES)),
        dependencies=DEPENDENCIES,
        middleware=[Gate()],
        before_send=[_private],
        exception_handlers=HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=description(RESOURCES),
        logging_config=None,
        debug=False,
    )
    made.state.office = office
    return made


async def _private(message: Message, _: Scope) -> None:
    """No answer is kept by browsers or proxies, or taken for what it is not."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        headers.setdefault("cache-control", "no-store")
        headers["x-content-type-options"] = "nosniff"
