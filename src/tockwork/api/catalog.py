"""Routes of the management API: catalog."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

ROUTES: Final[list[ControllerRouterHandler]] = []
