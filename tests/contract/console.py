"""The management API and the console on a store in a folder, with somebody signed in: for tests of both."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from litestar import Litestar

from tockwork.api import application as api
from tockwork.api.access import COOKIE, CSRF_HEADER, TOKEN_PREFIX, csrf_token
from tockwork.api.office import Office
from tockwork.configuration.entries import Configuration
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.versions import Versions
from tockwork.console import application as pages
from tockwork.model.clock import Clock, SystemClock
from tockwork.operations.premises import Premises
from tockwork.operations.settings import Settings
from tockwork.store.control import Control
from tockwork.store.sqlite import SqliteStore

URL = "http://console"
HASHED = "none"
"""Stands for the password of people who never sign in with it."""


_FREE: Final[list[tuple[Litestar, Litestar]]] = []
"""Applications that no house uses: putting both together takes most of a second."""


class Desk:
    """Somebody at the console. `api` asks the management API (paths below ``/api``), `pages` the console; both bring
    the session's cookie, `api` its CSRF token too."""

    def __init__(self, house: House, name: str, secret: str, address: str = "127.0.0.1") -> None:
        self.house = house
        self.name = name
        self.secret = secret
        self.csrf = csrf_token(secret) if secret else ""
        cookie = {"Cookie": f"{COOKIE}={secret}"} if secret else {}
        token = {CSRF_HEADER: self.csrf} if secret else {}
        self.api = _client(house.api, f"{URL}/api", {**cookie, **token}, address)
        self.pages = _client(house.console, URL, cookie, address)

    @property
    def store(self) -> SqliteStore:
        return self.house.premises.store

    @property
    def premises(self) -> Premises:
        return self.house.premises

    async def submit(self, path: str, **fields: Any) -> httpx.Response:
        """Sends a form of a page, with its CSRF token."""
        return await self.pages.post(path, data={"csrf": self.csrf, **fields})

    async def audited(self) -> list[dict[str, Any]]:
        """The audit log, newest first."""
        found = await self.house.owner.api.get("/audit", params={"limit": 200})
        notes: list[dict[str, Any]] = found.json()["notes"]
        return notes

    async def as_role(self, role: str) -> Desk:
        """Somebody else with that role, who is signed in as well."""
        return await self.house.sign_in(f"{role.capitalize()} {secrets.token_hex(3)}", role)

    def stranger(self, address: str = "127.0.0.1") -> Desk:
        """Somebody who is not signed in."""
        return Desk(self.house, "", "", address)

    async def token(self, role: str = "owner") -> str:
        """A new API token with that role."""
        secret = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
        await self.house.accounts.add_token(f"test {secrets.token_hex(3)}", role, secret, self.name)
        return secret


class House:
    """What all desks share. `owner` is the first one's."""

    def __init__(self, premises: Premises, clock: Clock) -> None:
        self.premises = premises
        self.office = Office(premises, clock)
        self.accounts = self.office.accounts
        self.api, self.console = _FREE.pop() if _FREE else _applications(self.office)
        self.api.state.office = self.office
        self.owner: Desk

    def leave(self) -> None:
        """Leaves the applications to the next one."""
        del self.api.state.office
        _FREE.append((self.api, self.console))

    async def sign_in(self, name: str, role: str) -> Desk:
        """Somebody new."""
        await self.accounts.add(name, role)
        await self.accounts.set_password(name, HASHED)
        return await self.sign_in_again(name)

    async def sign_in_again(self, name: str) -> Desk:
        """Another session of somebody."""
        secret = secrets.token_urlsafe(32)
        await self.accounts.begin(name, secret, "test")
        return Desk(self, name, secret)


def _applications(office: Office) -> tuple[Litestar, Litestar]:
    management = api.application(office)
    return management, pages.application(management)


def _client(app: Litestar, url: str, headers: dict[str, str], address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=url, headers=headers)


@asynccontextmanager
async def console(
    folder: Path, configuration: Configuration | None = None, *, clock: Clock | None = None, settings: Any = None
) -> AsyncIterator[Desk]:
    """The owner's desk, on a store in `folder` with `configuration` as its first version. Nothing delivers."""
    clock = clock or SystemClock()
    settings = settings or Settings(data=folder)
    async with SqliteStore.open(folder) as store:
        versions = Versions(Control(store.database), Keyring.load(folder, {}))
        if configuration is not None:
            await versions.keep(configuration)
        premises = Premises(store, versions, settings)
        await premises.refresh()
        house = House(premises, clock)
        house.owner = await house.sign_in("Olive Owner", "owner")
        try:
            yield house.owner
        finally:
            house.leave()
