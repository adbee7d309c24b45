"""What the routes of the management API work with, by the names under which they ask for it."""

from __future__ import annotations

from typing import Any, Final

from litestar.datastructures import State
from litestar.di import Provide

from tockwork.api.attempts import Attempts
from tockwork.api.passwords import Passwords
from tockwork.api.watches import Watches
from tockwork.doctor.clinic import Clinic
from tockwork.model.clock import Clock, SystemClock
from tockwork.operations.editing import Editor
from tockwork.operations.premises import Premises
from tockwork.store.accounts import Accounts
from tockwork.store.audit import Audit


class Office:
    """All that belongs to one data folder. It is the `office` of the application's state."""

    def __init__(self, premises: Premises, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self.premises = premises
        self.editing = Editor(premises.versions, premises.applied)
        self.accounts = Accounts(premises.store.database, clock)
        self.audit = Audit(premises.store.database, clock)
        self.attempts = Attempts(clock)
        self.passwords = Passwords()
        self.clinic = Clinic(premises)
        self.watches = Watches()


async def _premises(state: State) -> Premises:
    """With the configuration as it is now."""
    premises: Premises = state.office.premises
    await premises.refresh()
    return premises


def _part(name: str) -> Provide:
    def part(state: State) -> Any:
        return getattr(state.office, name)

    return Provide(part, sync_to_thread=False)


DEPENDENCIES: Final = {
    "premises": Provide(_premises),
    **{name: _part(name) for name in ("editing", "accounts", "audit", "attempts", "passwords", "clinic", "watches")},
}
