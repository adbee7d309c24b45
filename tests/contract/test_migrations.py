"""A database of an older version is brought up to date by who finds it; one of a newer version is left alone."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.contract.books import checked
from tests.e2e.command import run
from tests.e2e.server import Server

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.sandbox.server import Sandbox
from tockwork.store.database import FILE, migrate
from tockwork.store.protocol import Tally
from tockwork.store.sqlite import SqliteStore
from tockwork.store.statements import migrations

OLDER: Final = Path(__file__).with_name("older")
KEY: Final = "older-secret-key-of-the-test"
DUMPED_AT: Final = 4_004_270_200.0
"""By the clock of the server that left the older database."""
WITHIN_S: Final = 20.0
TABLES: Final = ("chunk", "journal", "attempt", "state", "page", "tally", "retry", "dead", "configuration")


def restored(folder: Path) -> sqlite3.Connection:
    folder.mkdir(exist_ok=True)
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    connection.executescript((OLDER / "0001.sql").read_text())
    return connection


def rows(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """What the older version's tables hold, column by column as it knew them."""
    known = sqlite3.connect(":memory:", isolation_level=None)
    known.executescript((OLDER / "0001.sql").read_text())
    found = {}
    for table in TABLES:
        columns = ", ".join(row[0] for row in known.execute(f"SELECT name FROM pragma_table_info('{table}')"))
        found[table] = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
    known.close()
    return found


def shape(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """Tables, their columns and their indexes."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name").fetchall()
    return {
        name: [row[1:] for row in connection.execute(f"SELECT * FROM pragma_table_info('{name}')")]
        + connection.execute(f"SELECT name FROM pragma_index_info('{name}')").fetchall()
        for (name,) in names
    }


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_the_older_database_is_what_the_first_migration_makes(tmp_path: Path) -> None:
    made = sqlite3.connect(":memory:", isolation_level=None)
    script = migrations()[0][1]
    made.executescript(script)
    older = restored(tmp_path)
    assert version(older) == 1
    assert shape(older) == shape(made)
    for connection in (older, made):
        connection.close()


def test_an_older_database_becomes_what_a_new_one_is(tmp_path: Path) -> None:
    older, new = restored(tmp_path), sqlite3.connect(":memory:", isolation_level=None)
    before = rows(older)
    for connection in (older, new):
        migrate(connection)
    assert version(older) == version(new) == migrations()[-1][0] > 1
    assert shape(older) == shape(new)
    assert rows(older) == before
    for connection in (older, new):
        connection.close()


async def test_nothing_is_lost_and_the_books_go_on(tmp_path: Path) -> None:
    restored(tmp_path).close()
    async with SqliteStore.open(tmp_path) as store:
        tally = await store.database.read(lambda connection: checked(connection, "tiktok"))
        assert tally == Tally(
            11,
            5,
            5,
            {
                (Status.DELIVERED, None): 2,
                (Status.FILTERED, "no_trigger"): 1,
                (Status.INVALID, "field_type"): 1,
                (Status.PENDING, "retrying"): 2,
            },
        )
        await store.join("tiktok")
        begun, undecided = await store.read("tiktok", 0), await store.read("tiktok", 0)
        assert begun is not None
        assert undecided is not None
        assert (begun.version, len(begun.entries), begun.begun_at is None) == (1, 2, False)
        assert (undecided.version, len(undecided.entries)) == (None, 3)
        assert await store.read("tiktok", 0) is None
        assert await store.append([b"{}"]) == undecided.id + 1


async def test_a_server_delivers_all_that_an_older_one_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    restored(data).close()
    begun = json.loads((OLDER / "0001_begun.json").read_text())
    environment = {"TOCKWORK_DATA": str(data), "TOCKWORK_SECRET_KEY": KEY}
    async with Sandbox(clock=SimulatedClock(DUMPED_AT)).serve() as sandbox:
        async with Server(TOCKWORK_TIKTOK_URL=sandbox.url, **environment):
            await until(lambda: sandbox.stats().unique >= 7)
        arrived = {event.event_id: bytes(event.sent).decode() for event in sandbox.events}
        assert sandbox.stats().unique == sandbox.stats().accepted_rows == 7
    assert {event_id: arrived[event_id] for event_id in begun} == begun
    told = {event_id: json.loads(row)["properties"]["description"] for event_id, row in arrived.items()}
    assert told == {
        **dict.fromkeys(["begun-1", "begun-2", "retried-1", "retried-2"], "made by version 1"),
        **dict.fromkeys(["undecided-1", "undecided-2", "undecided-3"], "made by version 2"),
    }
    with sqlite3.connect(data / FILE) as connection:
        assert checked(connection, "tiktok").lines[Status.DELIVERED, None] == 9
    connection.close()


def test_a_crash_in_the_middle_of_a_migration_leaves_the_old_one(tmp_path: Path) -> None:
    connection = restored(tmp_path)
    before, old = rows(connection), shape(connection)
    connection.close()

    def stats(**variables: str) -> subprocess.CompletedProcess[bytes]:
        environment = {"TOCKWORK_DATA": str(tmp_path), "TOCKWORK_SECRET_KEY": KEY, **variables}
        return run(["stats", "--json"], b"", **environment)

    assert stats(TOCKWORK_CRASH="migration_written").returncode == -signal.SIGKILL
    connection = sqlite3.connect(tmp_path / FILE)
    assert (version(connection), rows(connection), shape(connection)) == (1, before, old)
    connection.close()
    found = stats()
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["destinations"][0]["accepted"] == 11
    connection = sqlite3.connect(tmp_path / FILE)
    assert (version(connection), rows(connection)) == (migrations()[-1][0], before)
    connection.close()


def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    connection = restored(tmp_path)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    file = tmp_path / FILE
    before = file.read_bytes()
    for words in (["serve", "--port", "0"], ["stats"]):
        refused = run(words, TOCKWORK_DATA=str(tmp_path), TOCKWORK_SECRET_KEY=KEY, TOCKWORK_ADMIN_PORT="0")
        assert refused.returncode == 2, refused.stderr
        said = refused.stderr.decode()
        assert f"{file}: was written by a newer version of Tockwork (schema 99; this one knows " in said
        assert "Run that version, or restore a backup" in said
        assert "Traceback" not in said
        assert file.read_bytes() == before
