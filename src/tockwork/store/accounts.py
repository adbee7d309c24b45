"""Who may use the console and the management API: people and their sessions, tokens of programs, and set-up codes."""

from __future__ import annotations

import sqlite3
import unicodedata
from enum import Enum
from hashlib import sha256
from typing import Any, Final

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.store.database import Database
from tockwork.store.statements import Statements

ACCOUNTS: Final = Statements("accounts")
IDLE_S: Final = 12 * 3600.0
LONGEST_S: Final = 7 * 24 * 3600.0
"""A session ends after so long without use, and after so long in any case."""
NOTED_S: Final = 60.0
"""The last use of a session or token is written down as exactly as this: each time costs a commit."""
FIRST: Final = ""
"""The name that the first owner's code is for: whichever they choose."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person. `active` says whether they have set a password yet. Unix times; `used_at` of their latest session."""

    name: str
    role: str
    active: bool
    made_at: float
    used_at: float | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody signed in."""

    id: int
    name: str
    role: str


class OwnSession(msgspec.Struct, frozen=True, kw_only=True):
    """One of somebody's sessions: `agent` is what the browser says that it is. Unix times."""

    id: int
    agent: str
    made_at: float
    used_at: float


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a program signs in with. Unix times."""

    id: int
    name: str
    role: str
    made_by: str
    made_at: float
    used_at: float | None = None


class Code(msgspec.Struct, frozen=True):
    """What a code lets its bearer do: set the password of `name` (`FIRST` for one of their choice), and become `role`,
    None for what they are."""

    name: str
    role: str | None


class Outcome(Enum):
    """What became of a change."""

    DONE = "done"
    MISSING = "missing"
    LAST_OWNER = "last owner"  # nobody could sign in as an owner any more


class Accounts:
    """The accounts in a database. Several processes may change them; each change is whole or not made at all.

    Secrets (of sessions, tokens and codes) are random, so their plain SHA-256 is kept, and nothing else of them.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def has_owner(self) -> bool:
        """Whether somebody can sign in as an owner."""
        return bool(await self._read_one(ACCOUNTS.has_owner, {}))

    async def person(self, name: str) -> Account | None:
        """Somebody by name; None for a stranger."""
        wanted = key(name)
        return next((account for account in await self.people() if key(account.name) == wanted), None)

    async def people(self) -> list[Account]:
        rows = await self._database.read(lambda connection: connection.execute(ACCOUNTS.accounts).fetchall())
        return [
            Account(name=name, role=role, active=bool(active), made_at=made_at, used_at=used_at)
            for name, role, active, made_at, used_at in rows
        ]

    async def password(self, name: str) -> tuple[str, str] | None:
        """A person's name as it is written, and their password's hash, empty until they set one; None for nobody."""
        names = {"key": key(name)}
        row = await self._database.read(lambda connection: connection.execute(ACCOUNTS.account, names).fetchone())
        return None if row is None else (row[1], row[3])

    async def add(self, name: str, role: str) -> bool:
        """A new person, who has no password yet. False where the name is taken."""
        names = {"key": key(name), "name": name, "role": role, "now": self._clock.now()}
        return bool(await self._database.write(lambda connection: connection.execute(ACCOUNTS.make, names).rowcount))

    async def change_role(self, name: str, role: str) -> Outcome:
        names = {"key": key(name), "role": role}
        return await self._unless_last(names, role == "owner", [ACCOUNTS.set_role])

    async def remove(self, name: str) -> Outcome:
        """Removes a person, their sessions and codes."""
        names = {"key": key(name), "but": None, "now": self._clock.now()}
        return await self._unless_last(names, False, [ACCOUNTS.end_sessions, ACCOUNTS.forget_codes, ACCOUNTS.remove])

    async def set_password(self, name: str, hashed: str, but: int | None = None) -> None:
        """Sets a password, and ends all the person's sessions but one; codes for a new one are good no more."""
        names = {"key": key(name), "password": hashed, "but": but, "now": self._clock.now()}

        def work(connection: sqlite3.Connection) -> None:
            for statement in (ACCOUNTS.set_password, ACCOUNTS.end_sessions, ACCOUNTS.forget_codes):
                connection.execute(statement, names)

        await self._database.write(work)

    async def begin(self, name: str, secret: str, agent: str = "") -> None:
        """A new session of a person, known by its secret from now on."""
        names = {**self._ages(), "secret": digest(secret), "key": key(name), "agent": agent, "now": self._clock.now()}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(ACCOUNTS.forget_sessions, names)
            connection.execute(ACCOUNTS.begin_session, names)

        await self._database.write(work)

    async def session(self, secret: str) -> Session | None:
        """Whose session this is, if it has not ended; notes that it is used."""
        names = {**self._ages(), "secret": digest(secret)}
        row = await self._database.read(lambda connection: connection.execute(ACCOUNTS.session, names).fetchone())
        if row is None:
            return None
        await self._used(ACCOUNTS.use_session, row[0], row[3])
        return Session(id=row[0], name=row[1], role=row[2])

    async def sessions(self, name: str) -> list[OwnSession]:
        """A person's sessions, the one last used first."""
        names = {**self._ages(), "key": key(name)}
        rows = await self._database.read(lambda connection: connection.execute(ACCOUNTS.sessions, names).fetchall())
        return [OwnSession(id=row[0], agent=row[1], made_at=row[2], used_at=row[3]) for row in rows]

    async def end(self, name: str, number: int) -> bool:
        """Ends one session of a person; False where they have none of that number."""
        names = {"key": key(name), "id": number}
        work = ACCOUNTS.end_session
        return bool(await self._database.write(lambda connection: connection.execute(work, names).rowcount))

    async def end_others(self, name: str, but: int) -> int:
        """Ends all sessions of a person but one; returns how many."""
        names = {"key": key(name), "but": but}
        return await self._database.write(lambda connection: connection.execute(ACCOUNTS.end_sessions, names).rowcount)

    async def keep_code(
        self, code: str, name: str, role: str | None = None, lasts_s: float | None = None
    ) -> float | None:
        """Lets whoever has `code` set the password of `name` once; returns until when, None for ever. An earlier code
        for that name is good no more."""
        now = self._clock.now()
        expires_at = None if lasts_s is None else now + lasts_s
        kept = {"secret": digest(code), "name": name, "role": role, "expires_at": expires_at}
        names: dict[str, Any] = {**kept, "key": key(name), "now": now}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(ACCOUNTS.forget_codes, names)
            connection.execute(ACCOUNTS.keep_code, names)

        await self._database.write(work)
        return expires_at

    async def code(self, code: str) -> Code | None:
        """What a code is for; None for one that is good for nothing (any more)."""
        return await self._database.read(lambda connection: self._code(connection, code))

    async def redeem(self, code: str, name: str, hashed: str) -> Code | None:
        """Uses a code up: sets the password of its person (of `name` where it is the first owner's), who is made if
        they are not there, and whose sessions end. None where it is good for nothing, or there is an owner already."""

        def work(connection: sqlite3.Connection) -> Code | None:
            found = self._code(connection, code)
            if found is None:
                return None
            person = found.name or name
            role = found.role or "viewer"
            names: dict[str, Any] = {"key": key(person), "name": person, "role": role, "password": hashed, "but": None}
            names["now"] = self._clock.now()
            made = connection.execute(ACCOUNTS.make, names).rowcount
            if found.role is None and made:  # they were removed meanwhile
                connection.execute(ACCOUNTS.remove, names)
                return None
            if found.role is not None:
                connection.execute(ACCOUNTS.set_role, names)
            connection.execute(ACCOUNTS.set_password, names)
            connection.execute(ACCOUNTS.end_sessions, names)
            connection.execute(ACCOUNTS.forget_codes, {**names, "key": key(found.name)})
            return Code(connection.execute(ACCOUNTS.account, names).fetchone()[1], role)

        return await self._database.write(work)

    async def add_token(self, name: str, role: str, secret: str, by: str) -> int | None:
        """A new token's number; None where the name is taken."""
        names = {"name": name, "role": role, "secret": digest(secret), "by": by, "now": self._clock.now()}
        work = ACCOUNTS.make_token
        row = await self._database.write(lambda connection: connection.execute(work, names).fetchone())
        return None if row is None else int(row[0])

    async def token(self, secret: str) -> Session | None:
        """Which token this is; notes that it is used."""
        names = {"secret": digest(secret)}
        row = await self._database.read(lambda connection: connection.execute(ACCOUNTS.token, names).fetchone())
        if row is None:
            return None
        await self._used(ACCOUNTS.use_token, row[0], row[3])
        return Session(id=row[0], name=row[1], role=row[2])

    async def tokens(self) -> list[Token]:
        rows = await self._database.read(lambda connection: connection.execute(ACCOUNTS.tokens).fetchall())
        fields = Token.__struct_fields__
        return [Token(**dict(zip(fields, row, strict=True))) for row in rows]

    async def remove_token(self, number: int) -> str | None:
        """The name of the token that is no more; None where there was none."""
        names = {"id": number}
        work = ACCOUNTS.remove_token
        row = await self._database.write(lambda connection: connection.execute(work, names).fetchone())
        return None if row is None else str(row[0])

    def _code(self, connection: sqlite3.Connection, code: str) -> Code | None:
        names = {"secret": digest(code), "now": self._clock.now()}
        row = connection.execute(ACCOUNTS.code, names).fetchone()
        if row is None or (row[1] == FIRST and connection.execute(ACCOUNTS.has_owner).fetchone()[0]):
            return None
        return Code(row[1], row[2])

    async def _unless_last(self, names: dict[str, Any], stays_owner: bool, statements: list[str]) -> Outcome:
        def work(connection: sqlite3.Connection) -> Outcome:
            row = connection.execute(ACCOUNTS.account, names).fetchone()
            if row is None:
                return Outcome.MISSING
            owns = row[2] == "owner" and row[3]
            if owns and not stays_owner and not connection.execute(ACCOUNTS.other_owner, names).fetchone()[0]:
                return Outcome.LAST_OWNER
            for statement in statements:
                connection.execute(statement, names)
            return Outcome.DONE

        return await self._database.write(work)

    async def _used(self, statement: str, number: int, noted_at: float | None) -> None:
        now = self._clock.now()
        if noted_at is None or now - noted_at >= NOTED_S:
            names = {"id": number, "now": now}
            await self._database.write(lambda connection: connection.execute(statement, names))

    async def _read_one(self, statement: str, names: dict[str, Any]) -> Any:
        return await self._database.read(lambda connection: connection.execute(statement, names).fetchone()[0])

    def _ages(self) -> dict[str, float]:
        now = self._clock.now()
        return {"made_after": now - LONGEST_S, "used_after": now - IDLE_S}


def key(name: str) -> str:
    """What two ways to write a name have in common: whoever signs in as "ann" is Ann."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def digest(secret: str) -> bytes:
    """What is kept of a random secret."""
    return sha256(secret.encode("utf-8", "replace")).digest()
