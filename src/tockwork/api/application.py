"""The management API as an ASGI application."""

from __future__ import annotations

from itertools import chain
from typing import Final

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig

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
    sources,
    versions,
)
from tockwork.api.problem import HANDLERS
from tockwork.operations.editing import Editor
from tockwork.operations.premises import Premises

VERSION: Final = "1"
MAX_BODY_BYTES: Final = 2_000_000
RESOURCES: Final = (
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


def application(premises: Premises) -> Litestar:
    """The API on a data folder."""

    async def newest() -> Premises:
        """The premises, with the configuration as it is now."""
        await premises.refresh()
        return premises

    editing = Editor(premises.versions, premises.applied)
    return Litestar(
        path="/api",
        route_handlers=list(chain.from_iterable(resource.ROUTES for resource in RESOURCES)),
        dependencies={
            "premises": Provide(newest),
            "editing": Provide(lambda: editing, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OpenAPIConfig(title="Tockwork", version=VERSION, path="/openapi", render_plugins=[]),
        logging_config=None,
        debug=False,
    )
