"""Routes of the management API: people, tokens of programs, and the audit log. All are for owners."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from tockwork.api.access import TOKEN_PREFIX, Role, User, owner
from tockwork.api.audit import record
from tockwork.api.problem import Refused, invalid, not_found
from tockwork.api.sessions import MAX_NUMBER, Number
from tockwork.model.errors import Problem
from tockwork.model.names import named
from tockwork.operations.admission import ensured, invitation
from tockwork.store.accounts import Account, Accounts, Outcome, Token
from tockwork.store.audit import Audit, Note

MAX_NOTES: Final = 200
"""In one answer."""


class NewPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who is to get an account."""

    name: str
    role: Role


class ChangedPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody may do from now on."""

    role: Role


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """The code that lets `name` choose a password, once, at ``/setup#code``. It is shown this once."""

    name: str
    role: Role
    code: str
    expires_at: float


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token for a program."""

    name: str
    role: Role


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token with its secret, which is shown this once: ``Authorization: Bearer tw_…``."""

    id: int
    name: str
    role: Role
    secret: str


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit log, newest first. `before` asks for the next page, None where this is the last one. `people`
    and `actions` are what can be asked for."""

    notes: list[Note]
    before: int | None
    people: list[str]
    actions: list[str]


@get("/users", tags=["Accounts"], guards=[owner])
async def people(accounts: NamedDependency[Accounts]) -> list[Account]:
    """Everybody who has an account."""
    return await accounts.people()


@post("/users", tags=["Accounts"], guards=[owner])
async def invite(
    request: Request[User, Any, Any], data: JSONBody[NewPerson], accounts: NamedDependency[Accounts]
) -> Invitation:
    """Make an account, and the code with which its person chooses a password."""
    name = ensured(data.name)
    if not await accounts.add(name, data.role):
        raise invalid(Problem("name", "is taken", "Choose another, or make a new code for that person."))
    await record(request, "user.invited", name, {"role": data.role})
    return await _invitation(accounts, name, data.role)


@post("/users/{name:str}/code", tags=["Accounts"], guards=[owner])
async def readmit(
    request: Request[User, Any, Any], name: FromPath[str], accounts: NamedDependency[Accounts]
) -> Invitation:
    """Make a new code for somebody who lost their password. Until it is used, the old password stays good."""
    known = await _known(accounts, name)
    await record(request, "user.code_made", known.name)
    return await _invitation(accounts, known.name, Role(known.role))


@patch("/users/{name:str}", tags=["Accounts"], guards=[owner])
async def change(
    request: Request[User, Any, Any],
    name: FromPath[str],
    data: JSONBody[ChangedPerson],
    accounts: NamedDependency[Accounts],
) -> Account:
    """Give somebody another role."""
    known = await _known(accounts, name)
    _ensure_done(await accounts.change_role(known.name, data.role))
    await record(request, "user.changed", known.name, {"role": data.role, "before": known.role})
    return await _known(accounts, name)


@delete("/users/{name:str}", tags=["Accounts"], guards=[owner])
async def remove(request: Request[User, Any, Any], name: FromPath[str], accounts: NamedDependency[Accounts]) -> None:
    """Remove somebody's account and sessions."""
    known = await _known(accounts, name)
    _ensure_done(await accounts.remove(known.name))
    await record(request, "user.removed", known.name, {"role": known.role})


@get("/tokens", tags=["Accounts"], guards=[owner])
async def tokens(accounts: NamedDependency[Accounts]) -> list[Token]:
    """All tokens, without their secrets."""
    return await accounts.tokens()


@post("/tokens", tags=["Accounts"], guards=[owner])
async def make_token(
    request: Request[User, Any, Any], data: JSONBody[NewToken], accounts: NamedDependency[Accounts]
) -> MadeToken:
    """Make a token. Its secret is in this answer alone."""
    name, secret = ensured(data.name), f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
    number = await accounts.add_token(name, data.role, secret, request.user.name)
    if number is None:
        raise invalid(Problem("name", "is taken", "Choose another, or remove that token first."))
    await record(request, "token.made", name, {"role": data.role})
    return MadeToken(id=number, name=name, role=data.role, secret=secret)


@delete("/tokens/{number:int}", tags=["Accounts"], guards=[owner])
async def remove_token(request: Request[User, Any, Any], number: Number, accounts: NamedDependency[Accounts]) -> None:
    """Remove a token: it is good for nothing from now on."""
    name = await accounts.remove_token(number)
    if name is None:
        raise not_found("token with this number")
    await record(request, "token.removed", name)


@get("/audit", tags=["Accounts"], guards=[owner])
async def notes(
    audit: NamedDependency[Audit],
    who: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    before: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_NOTES)] = 50,
) -> Notes:
    """What people did, newest first: by one of them, and of one kind, if asked for."""
    found = await audit.page(limit + 1, before, who, action)
    everybody, actions = await audit.known()
    more = found[limit - 1].id if len(found) > limit else None
    return Notes(notes=found[:limit], before=more, people=everybody, actions=actions)


async def _invitation(accounts: Accounts, name: str, role: Role) -> Invitation:
    code, expires_at = await invitation(accounts, name)
    return Invitation(name=name, role=role, code=code, expires_at=expires_at)


async def _known(accounts: Accounts, segment: str) -> Account:
    """Raises `Refused` (404)."""
    found = await accounts.person(named(segment))
    if found is None:
        raise not_found("account with this name")
    return found


def _ensure_done(outcome: Outcome) -> None:
    if outcome is Outcome.MISSING:
        raise not_found("account with this name")
    if outcome is Outcome.LAST_OWNER:
        raise Refused(409, "last_owner", "This is the last owner: nobody could manage accounts any more.")


ROUTES: Final[list[ControllerRouterHandler]] = [
    people,
    invite,
    readmit,
    change,
    remove,
    tokens,
    make_token,
    remove_token,
    notes,
]
