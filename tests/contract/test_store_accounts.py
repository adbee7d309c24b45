"""People, sessions, tokens, codes and the audit log in a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tockwork.model.clock import SimulatedClock
from tockwork.store import audit
from tockwork.store.accounts import IDLE_S, LONGEST_S, NOTED_S, Accounts, Code, Outcome, key
from tockwork.store.audit import KEPT_S, REFUSED, Audit
from tockwork.store.database import Database


class Kept:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SimulatedClock()
        self.accounts = Accounts(database, self.clock)
        self.audit = Audit(database, self.clock)

    async def everything(self) -> str:
        """All that is in the tables, as text."""
        tables = ("account", "account_session", "account_code", "account_token", "audit")
        reads = [self.database.read(lambda c, t=table: c.execute(f"SELECT * FROM {t}").fetchall()) for table in tables]  # type: ignore[misc]
        return str(await asyncio.gather(*reads))


@pytest_asyncio.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    database = Database(tmp_path)
    yield Kept(database)
    database.close()


@pytest_asyncio.fixture
async def accounts(kept: Kept) -> Accounts:
    """With an owner, Ann, who has a password."""
    await kept.accounts.keep_code("first", "", "owner")
    assert await kept.accounts.redeem("first", "Ann", "hash") == Code("Ann", "owner")
    return kept.accounts


async def roles(accounts: Accounts) -> dict[str, str]:
    return {person.name: person.role for person in await accounts.people()}


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann", "ann"), ("ANN", " ann "), ("Zo\u00eb", "zoe\u0308"), ("ﬁn", "FIN"), ("Straße", "STRASSE")],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert key(one) == key(other)


async def test_there_is_no_owner_until_one_has_a_password(kept: Kept) -> None:
    assert not await kept.accounts.has_owner()
    await kept.accounts.add("Ann", "owner")
    assert not await kept.accounts.has_owner()
    await kept.accounts.set_password("ann", "hash")
    assert await kept.accounts.has_owner()


async def test_two_requests_at_a_time_make_one_first_owner(kept: Kept) -> None:
    await kept.accounts.keep_code("first", "", "owner")
    found = await asyncio.gather(*(kept.accounts.redeem("first", f"Nr {n}", f"hash {n}") for n in range(8)))
    assert sum(one is not None for one in found) == 1
    assert len(await kept.accounts.people()) == 1


async def test_the_first_code_is_good_for_nothing_once_there_is_an_owner(kept: Kept) -> None:
    await kept.accounts.keep_code("first", "", "owner")
    await kept.accounts.add("Bob", "owner")
    await kept.accounts.set_password("Bob", "hash")
    assert await kept.accounts.code("first") is None
    assert await kept.accounts.redeem("first", "Eve", "hash") is None
    assert await roles(kept.accounts) == {"Bob": "owner"}


async def test_a_new_first_code_takes_the_place_of_the_one_before(kept: Kept) -> None:
    await kept.accounts.keep_code("one", "", "owner")
    await kept.accounts.keep_code("two", "", "owner")
    assert await kept.accounts.code("one") is None
    assert await kept.accounts.code("two") == Code("", "owner")


async def test_a_code_is_good_once_and_for_a_time(kept: Kept, accounts: Accounts) -> None:
    await accounts.add("Bob", "viewer")
    await accounts.keep_code("bob", "Bob", lasts_s=60)
    await accounts.begin("Bob", "session")
    assert await accounts.redeem("bob", "", "hash of Bob") == Code("Bob", "viewer")
    assert await accounts.password("BOB") == ("Bob", "hash of Bob")
    assert await accounts.session("session") is None
    assert await accounts.redeem("bob", "", "other") is None
    await accounts.keep_code("late", "Bob", lasts_s=60)
    await kept.clock.advance(61)
    assert await accounts.code("late") is None
    assert await accounts.redeem("late", "", "other") is None


async def test_a_code_of_somebody_who_was_removed_makes_nobody(accounts: Accounts) -> None:
    await accounts.add("Bob", "viewer")
    await accounts.keep_code("bob", "Bob", lasts_s=60)
    assert await accounts.remove("Bob") is Outcome.DONE
    assert await accounts.redeem("bob", "Bob", "hash") is None
    assert await roles(accounts) == {"Ann": "owner"}


async def test_a_code_with_a_role_makes_or_promotes_its_person(accounts: Accounts) -> None:
    await accounts.add("Bob", "viewer")
    for name in ("Bob", "Cem"):
        await accounts.keep_code(name, name, "owner", 60)
        assert await accounts.redeem(name, "", "hash") == Code(name, "owner")
    assert await roles(accounts) == {"Ann": "owner", "Bob": "owner", "Cem": "owner"}


async def test_a_name_is_taken_once(accounts: Accounts) -> None:
    assert not await accounts.add(" aNN", "viewer")
    assert await roles(accounts) == {"Ann": "owner"}


async def test_the_last_owner_stays_one(accounts: Accounts) -> None:
    await accounts.add("Bob", "owner")  # who has no password yet
    assert await accounts.remove("Ann") is Outcome.LAST_OWNER
    assert await accounts.change_role("Ann", "editor") is Outcome.LAST_OWNER
    assert await accounts.change_role("Ann", "owner") is Outcome.DONE
    assert await accounts.remove("Eve") is Outcome.MISSING
    assert await accounts.change_role("Eve", "editor") is Outcome.MISSING
    await accounts.set_password("Bob", "hash")
    assert await accounts.change_role("Ann", "editor") is Outcome.DONE
    assert await roles(accounts) == {"Ann": "editor", "Bob": "owner"}


async def test_two_owners_cannot_remove_each_other_at_the_same_time(accounts: Accounts) -> None:
    await accounts.add("Bob", "owner")
    await accounts.set_password("Bob", "hash")
    found = await asyncio.gather(accounts.remove("Ann"), accounts.remove("Bob"))
    assert sorted(one.value for one in found) == ["done", "last owner"]
    assert len(await accounts.people()) == 1


async def test_a_session_ends_when_it_is_not_used(kept: Kept, accounts: Accounts) -> None:
    await accounts.begin("Ann", "secret", "Firefox")
    for _ in range(3):
        await kept.clock.advance(IDLE_S - 1)
        session = await accounts.session("secret")
        assert session is not None
        assert (session.name, session.role) == ("Ann", "owner")
    await kept.clock.advance(IDLE_S + 1)
    assert await accounts.session("secret") is None
    assert await accounts.sessions("Ann") == []


async def test_a_session_ends_after_a_week_in_any_case(kept: Kept, accounts: Accounts) -> None:
    await accounts.begin("Ann", "secret")
    hours = 0.0
    while hours * 3600 + 3600 < LONGEST_S:
        await kept.clock.advance(3600)
        hours += 1
        assert await accounts.session("secret") is not None
    await kept.clock.advance(3600)
    assert await accounts.session("secret") is None


async def test_the_last_use_is_noted_once_a_minute(kept: Kept, accounts: Accounts) -> None:
    start = kept.clock.now()
    await accounts.begin("Ann", "secret")
    for passed, noted in ((NOTED_S - 1, 0.0), (1, NOTED_S), (1, NOTED_S)):
        await kept.clock.advance(passed)
        await accounts.session("secret")
        assert [one.used_at - start for one in await accounts.sessions("Ann")] == [noted]


async def test_sessions_end_one_by_one_and_together(accounts: Accounts) -> None:
    await accounts.add("Bob", "viewer")
    await accounts.begin("Bob", "other")
    for secret in ("one", "two", "three"):
        await accounts.begin("Ann", secret, secret)
    numbers = {one.agent: one.id for one in await accounts.sessions("ann")}
    assert not await accounts.end("Bob", numbers["one"])  # is not Bob's
    assert await accounts.end("Ann", numbers["one"])
    assert not await accounts.end("Ann", numbers["one"])
    assert await accounts.end_others("Ann", numbers["two"]) == 1
    assert [one.agent for one in await accounts.sessions("Ann")] == ["two"]
    assert await accounts.session("other") is not None


async def test_a_new_password_ends_the_other_sessions(accounts: Accounts) -> None:
    for secret in ("here", "there"):
        await accounts.begin("Ann", secret)
    here = await accounts.session("here")
    assert here is not None
    await accounts.set_password("Ann", "new", but=here.id)
    assert await accounts.session("here") is not None
    assert await accounts.session("there") is None


async def test_a_new_role_counts_at_once_and_a_removed_person_is_out(accounts: Accounts) -> None:
    await accounts.add("Bob", "editor")
    await accounts.begin("Bob", "secret")
    await accounts.change_role("Bob", "viewer")
    session = await accounts.session("secret")
    assert session is not None
    assert session.role == "viewer"
    await accounts.remove("Bob")
    assert await accounts.session("secret") is None
    await accounts.add("Bob", "owner")
    assert await accounts.session("secret") is None


async def test_nobody_has_a_session_without_an_account(accounts: Accounts) -> None:
    await accounts.begin("Eve", "secret")
    assert await accounts.session("secret") is None


async def test_tokens_have_names_of_their_own_and_can_be_removed(kept: Kept, accounts: Accounts) -> None:
    number = await accounts.add_token("CI", "editor", "tw_secret", "Ann")
    assert number is not None
    assert await accounts.add_token("CI", "owner", "tw_other", "Ann") is None
    assert await accounts.token("tw_other") is None
    token = await accounts.token("tw_secret")
    assert token is not None
    assert (token.name, token.role) == ("CI", "editor")
    [known] = await accounts.tokens()
    assert (known.made_by, known.used_at) == ("Ann", kept.clock.now())
    assert await accounts.remove_token(number) == "CI"
    assert await accounts.remove_token(number) is None
    assert await accounts.token("tw_secret") is None


async def test_no_secret_is_kept(kept: Kept, accounts: Accounts) -> None:
    await accounts.begin("Ann", "secret-of-a-session")
    await accounts.add_token("CI", "owner", "tw_secret-of-a-token", "Ann")
    await accounts.keep_code("secret-of-a-code", "Ann", lasts_s=60)
    assert "secret-of" not in await kept.everything()


async def test_any_text_may_be_tried(accounts: Accounts) -> None:
    for text in ("", "\ud800", "\0", "é" * 10_000, "'; DROP TABLE account; --"):
        assert await accounts.session(text) is None
        assert await accounts.token(text) is None
        assert await accounts.code(text) is None


async def test_the_audit_log_is_read_in_pages_and_by_who_and_what(kept: Kept) -> None:
    for number in range(5):
        await kept.audit.add("Ann" if number % 2 else "Bob", f"thing.{number % 2}", f"{number}", {"n": number})
    page = await kept.audit.page(3)
    assert [note.about for note in page] == ["4", "3", "2"]
    assert [note.about for note in await kept.audit.page(3, page[-1].id)] == ["1", "0"]
    assert [note.detail for note in await kept.audit.page(9, who="Ann")] == [{"n": 3}, {"n": 1}]
    assert [note.about for note in await kept.audit.page(9, action="thing.0")] == ["4", "2", "0"]
    assert await kept.audit.known() == (["Ann", "Bob"], ["thing.0", "thing.1"])


async def test_the_audit_log_forgets_what_is_old(kept: Kept) -> None:
    await kept.audit.add("Ann", "thing.done", "old", {})
    await kept.clock.advance(KEPT_S + 1)
    await kept.audit.add("Ann", "thing.done", "new", {})
    assert [note.about for note in await kept.audit.page(9)] == ["new"]


async def test_strangers_do_not_fill_the_log(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_REFUSED", 3)
    await kept.audit.add("Ann", "source.added", "web", {})
    for number in range(5):
        await kept.audit.add("", REFUSED, str(number), {})
        await kept.audit.add("Ann", "source.changed", str(number), {})
    notes = await kept.audit.page(100)
    assert [note.about for note in notes if note.action == REFUSED] == ["4", "3", "2"]
    assert len([note for note in notes if note.who == "Ann"]) == 6
