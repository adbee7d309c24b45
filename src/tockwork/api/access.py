"""Who calls, and what they may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from tockwork.api.problem import Refused

PUBLIC: Final = {"public": True}
"""`opt` of the few routes that answer without credentials."""


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    def may(self, role: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(role)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever calls: a person with a session, or a program with a token. `csrf` is what a session's unsafe requests
    bring along in `X-CSRF-Token`, empty for a token."""

    name: str
    role: Role
    csrf: str = ""


def editor(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: for editors and owners."""
    _ensure(connection, Role.EDITOR)


def owner(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: for owners."""
    _ensure(connection, Role.OWNER)


def _ensure(connection: ASGIConnection[Any, Any, Any, Any], role: Role) -> None:
    if not connection.user.role.may(role):
        raise Refused(403, "forbidden", f"This needs the role {role}; yours is {connection.user.role}.")
