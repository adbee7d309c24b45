"""Routes of the management API: signing in and out, setting an account up, and one's own password."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from tockwork.api.access import PUBLIC, Role, User, cookie_name, csrf_token, is_secure
from tockwork.api.attempts import Attempts
from tockwork.api.audit import plain, record, record_as
from tockwork.api.passwords import Passwords, ensure_good
from tockwork.api.problem import Refused, invalid, not_found
from tockwork.model.errors import Problem
from tockwork.operations.admission import ensured
from tockwork.operations.premises import Premises
from tockwork.store.accounts import FIRST, LONGEST_S, Accounts, key
from tockwork.store.audit import REFUSED

MAX_NUMBER: Final = 2**53
MAX_AGENT: Final = 200
MAX_NAME: Final = 200
MAX_PUBLIC_BYTES: Final = 20_000
"""Of a body that a stranger sends."""

Number = Annotated[int, PathParameter(ge=0, le=MAX_NUMBER)]


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody signs in with."""

    name: str
    password: str


class SetUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code from a set-up link, and the password of its bearer's choice. `name` may be empty where the code is
    somebody's own."""

    code: str
    password: str
    name: str = ""


class NewPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One's own password: the present one, and the next."""

    old: str
    new: str


class Needed(msgspec.Struct, frozen=True):
    """Whether there is no owner yet, so that the link is needed that the server prints when it starts."""

    first_owner: bool


class OwnSession(msgspec.Struct, frozen=True, kw_only=True):
    """One of one's sessions: `agent` is what its browser says that it is, `current` whether it made this request.
    Unix times."""

    id: int
    agent: str
    made_at: float
    used_at: float
    current: bool


class Ended(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


class Caller:
    """Where an attempt to sign in comes from."""

    def __init__(self, request: Request[Any, Any, Any], premises: Premises) -> None:
        forwarded = request.headers.getall("x-forwarded-for", [])
        peer = request.client.host if request.client else ""
        self.address = premises.settings.proxies.client(peer, forwarded)
        self.agent = plain(request.headers.get("user-agent", ""))[:MAX_AGENT]


@post("/session", tags=["Accounts"], opt=PUBLIC, request_max_body_size=MAX_PUBLIC_BYTES, raises=[])
async def sign_in(
    request: Request[Any, Any, Any],
    data: JSONBody[Credentials],
    premises: NamedDependency[Premises],
    accounts: NamedDependency[Accounts],
    attempts: NamedDependency[Attempts],
    passwords: NamedDependency[Passwords],
) -> Response[User]:
    """Sign in. The answer sets the session's cookie; unsafe requests bring its `csrf` along in `X-CSRF-Token`."""
    caller, typed = Caller(request, premises), key(data.name)[:MAX_NAME]
    attempts.take(caller.address, typed)
    name, kept = await accounts.password(data.name) or ("", "")
    if not await passwords.fits(data.password, kept):
        # What was typed as a name may be a password: only names that there are are written down.
        await record_as(request, "", REFUSED, name or "(a name that nobody has)")
        raise Refused(403, "wrong_credentials", "There is nobody with this name and password.")
    attempts.welcome(caller.address, typed)
    return await begun(request, caller, accounts, name, "session.begun")


@get("/session", tags=["Accounts"])
async def session(request: Request[User, Any, Any]) -> User:
    """Who is signed in."""
    return request.user


@delete("/session", tags=["Accounts"])
async def sign_out(request: Request[User, int | None, Any], accounts: NamedDependency[Accounts]) -> Response[None]:
    """Sign out."""
    number = _own(request)
    await accounts.end(request.user.name, number)
    await record(request, "session.ended")
    response: Response[None] = Response(None, status_code=204)
    response.cookies = [_cookie(request, "", 0)]
    return response


@put("/session/password", tags=["Accounts"], status_code=204)
async def change_password(
    request: Request[User, int | None, Any],
    data: JSONBody[NewPassword],
    premises: NamedDependency[Premises],
    accounts: NamedDependency[Accounts],
    attempts: NamedDependency[Attempts],
    passwords: NamedDependency[Passwords],
) -> None:
    """Change one's own password. All other sessions end."""
    number, name = _own(request), request.user.name
    attempts.take(Caller(request, premises).address, key(name))
    _, kept = await accounts.password(name) or ("", "")
    if not await passwords.fits(data.old, kept):
        await record(request, "password.refused", name)
        raise invalid(Problem("old", "is not your password"))
    ensure_good(data.new, name, "new")
    await accounts.set_password(name, await passwords.hashed(data.new), but=number)
    await record(request, "password.changed", name)


@get("/sessions", tags=["Accounts"])
async def sessions(request: Request[User, int | None, Any], accounts: NamedDependency[Accounts]) -> list[OwnSession]:
    """One's own sessions, the one last used first."""
    number = _own(request)
    return [
        OwnSession(id=one.id, agent=one.agent, made_at=one.made_at, used_at=one.used_at, current=one.id == number)
        for one in await accounts.sessions(request.user.name)
    ]


@delete("/sessions", tags=["Accounts"], status_code=200)
async def end_others(request: Request[User, int | None, Any], accounts: NamedDependency[Accounts]) -> Ended:
    """Sign out everywhere else."""
    ended = await accounts.end_others(request.user.name, _own(request))
    await record(request, "session.others_ended", detail={"sessions": ended})
    return Ended(ended)


@delete("/sessions/{number:int}", tags=["Accounts"])
async def end(request: Request[User, int | None, Any], number: Number, accounts: NamedDependency[Accounts]) -> None:
    """End one of one's own sessions."""
    _own(request)
    if not await accounts.end(request.user.name, number):
        raise not_found("session of yours with this number")
    await record(request, "session.ended")


@get("/setup", tags=["Accounts"], opt=PUBLIC)
async def needed(accounts: NamedDependency[Accounts]) -> Needed:
    """Whether there is nobody yet who could sign in."""
    return Needed(not await accounts.has_owner())


@post("/setup", tags=["Accounts"], opt=PUBLIC, request_max_body_size=MAX_PUBLIC_BYTES)
async def set_up(
    request: Request[Any, Any, Any],
    data: JSONBody[SetUp],
    premises: NamedDependency[Premises],
    accounts: NamedDependency[Accounts],
    attempts: NamedDependency[Attempts],
    passwords: NamedDependency[Passwords],
) -> Response[User]:
    """Choose a password, with a code that the server printed or an owner made; signs in."""
    caller = Caller(request, premises)
    attempts.take(caller.address)
    found = await accounts.code(data.code)
    if found is None:
        raise _used_up()
    if found.name != FIRST and data.name.strip() and key(data.name) != key(found.name):
        raise invalid(Problem("name", "is not the one that this code was made for"))
    name = found.name if found.name != FIRST else ensured(data.name)
    ensure_good(data.password, name)
    redeemed = await accounts.redeem(data.code, name, await passwords.hashed(data.password))
    if redeemed is None:  # somebody else was faster
        raise _used_up()
    return await begun(request, caller, accounts, redeemed.name, "account.set_up")


async def begun(
    request: Request[Any, Any, Any], caller: Caller, accounts: Accounts, name: str, action: str
) -> Response[User]:
    """A new session, in a cookie that scripts cannot read and other sites' pages do not send."""
    secret = secrets.token_urlsafe(32)
    await accounts.begin(name, secret, caller.agent)
    known = await accounts.session(secret)
    if known is None:  # removed since
        raise Refused(403, "wrong_credentials", "There is nobody with this name and password.")
    await record_as(request, known.name, action, known.name)
    user = User(name=known.name, role=Role(known.role), csrf=csrf_token(secret))
    response = Response(user, status_code=201)
    response.cookies = [_cookie(request, secret, int(LONGEST_S))]
    return response


def _cookie(request: Request[Any, Any, Any], secret: str, max_age: int) -> Cookie:
    return Cookie(
        key=cookie_name(request),
        value=secret,
        path="/",
        max_age=max_age,
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )


def _own(request: Request[User, int | None, Any]) -> int:
    """The session's number. Raises `Refused` for a program, which has none."""
    if request.auth is None:
        raise Refused(403, "no_session", "A token has no session and no password: this is for people.")
    return request.auth


def _used_up() -> Refused:
    mend = "Restart the server for a new one, or ask an owner, or run `tockwork owner`."
    return invalid(Problem("code", "is none that is good for anything (any more)", mend))


ROUTES: Final[list[ControllerRouterHandler]] = [
    sign_in,
    session,
    sign_out,
    change_password,
    sessions,
    end_others,
    end,
    needed,
    set_up,
]
