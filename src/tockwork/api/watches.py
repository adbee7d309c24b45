"""Who is followed live: what must not stand in a stream's address is posted before, and goes by a random text there."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

TAGS: Final = ["Events"]
MOST: Final = 500
TICKET_BYTES: Final = 16
MAX_ID: Final = 500


class Watches:
    """The people that streams follow, in memory alone: after a restart there are none. The oldest go where there are
    too many."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, str] = OrderedDict()

    def add(self, user: str) -> str:
        """What this userId or anonymousId goes by from now on."""
        watch = secrets.token_urlsafe(TICKET_BYTES)
        self._users[watch] = user
        while len(self._users) > MOST:
            self._users.popitem(last=False)
        return watch

    def user(self, watch: str) -> str | None:
        return self._users.get(watch)


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to follow: a userId or an anonymousId, in full."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What the person goes by in a stream's address, until the server stops."""

    watch: str


@post("/events/watch", tags=TAGS, status_code=200)
async def watch(data: JSONBody[Person], watches: NamedDependency[Watches]) -> Watch:
    """Name a person whose events a stream is to show, without their id in its address."""
    return Watch(watch=watches.add(data.user))


ROUTES: Final[list[ControllerRouterHandler]] = [watch]
