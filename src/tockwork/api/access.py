"""Who calls, and what they may do."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from tockwork.api.problem import Refused
from tockwork.store.accounts import Accounts

PUBLIC: Final = {"public": True}
"""`opt` of the few routes that answer without credentials."""
COOKIE: Final = "tockwork_session"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""Its name behind TLS: browsers take it from this host alone, so that no neighbouring one can slip in a session."""
TOKEN_PREFIX: Final = "tw_"  # noqa: S105 (what all tokens begin with)
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE: Final = ("GET", "HEAD", "OPTIONS")
ELSEWHERE: Final = ("cross-site", "same-site")
"""What browsers say in `Sec-Fetch-Site` of a request that a page of another origin made. Other ports of a machine are
the same site."""

Connection = ASGIConnection[Any, Any, Any, Any]


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


def editor(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: for editors and owners."""
    _ensure(connection, Role.EDITOR)


def owner(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: for owners."""
    _ensure(connection, Role.OWNER)


def _ensure(connection: Connection, role: Role) -> None:
    if not connection.user.role.may(role):
        raise Refused(403, "forbidden", f"This needs the role {role}; yours is {connection.user.role}.")


class Gate(ASGIMiddleware):
    """Lets in who has a session's cookie or a token. Everybody else is refused, but for `PUBLIC` routes.

    Afterwards `request.user` is a `User` (None at a public route), and `request.auth` the session's number, None for a
    token.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET, ScopeType.ASGI)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        connection: Connection = ASGIConnection(scope)
        unsafe = scope.get("method", "GET") not in SAFE
        if unsafe and connection.headers.get("sec-fetch-site", "").lower() in ELSEWHERE:
            raise Refused(403, "cross_site", "A page elsewhere made this request.")
        if scope["route_handler"].opt.get("public", False):
            scope["user"], scope["auth"] = None, None
        else:
            scope["user"], scope["auth"] = await _known(connection, unsafe)
        await next_app(scope, receive, send)


async def _known(connection: Connection, unsafe: bool) -> tuple[User, int | None]:
    accounts: Accounts = connection.app.state.office.accounts
    if (given := connection.headers.get("authorization")) is not None:
        return await _program(accounts, given), None
    secret = connection.cookies.get(cookie_name(connection), "")
    session = await accounts.session(secret) if secret else None
    if session is None:
        raise _unknown()
    csrf = csrf_token(secret)
    if unsafe and not same(connection.headers.get(CSRF_HEADER, ""), csrf):
        what = f"The header {CSRF_HEADER} must have the `csrf` of this session: load the page again."
        raise Refused(403, "csrf", what)
    return User(name=session.name, role=Role(session.role), csrf=csrf), session.id


async def _program(accounts: Accounts, given: str) -> User:
    scheme, _, secret = given.partition(" ")
    known = scheme.lower() == "bearer" and secret.startswith(TOKEN_PREFIX)
    token = await accounts.token(secret) if known else None
    if token is None:
        raise _unknown()
    return User(name=f"token {token.name}", role=Role(token.role))


def _unknown() -> Refused:
    return Refused(401, "unauthorized", "Sign in, or send a token.", headers={"WWW-Authenticate": "Bearer"})


def is_secure(connection: Connection) -> bool:
    """Whether the browser speaks TLS. A proxy's word is taken without asking which proxy it is: whoever writes the
    header themselves only makes their own cookie stricter."""
    forwarded = connection.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in (connection.url.scheme, forwarded)


def cookie_name(connection: Connection) -> str:
    """What the session's cookie is called in this request and its answer."""
    return SECURE_COOKIE if is_secure(connection) else COOKIE


def csrf_token(secret: str) -> str:
    """What a session's unsafe requests bring along: nobody can tell it who does not know the session's secret."""
    made = hmac.digest(secret.encode("utf-8", "replace"), b"tockwork csrf", sha256)
    return urlsafe_b64encode(made).decode().rstrip("=")


def same(one: str, other: str) -> bool:
    """Compares in equal time, whatever the texts are."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
