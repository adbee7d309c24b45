"""One SQLite database: a thread that writes, in groups with one commit each, and one that reads."""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from tockwork.model.crash import crash_point
from tockwork.model.errors import ConfigurationError, Problem, StoreFull
from tockwork.store.duplicates import Duplicates
from tockwork.store.statements import migrations

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

FILE: Final = "tockwork.db"
TURN_FILE: Final = "write.lock"
GROUP: Final = 64
"""So many jobs share one commit at most."""
CACHE_KIB: Final = 2048
LOG_BYTES: Final = 4 * 1024 * 1024
PAGE_BYTES: Final = 4096
LEAST_PAGES: Final = 64
BUSY_S: Final = 30.0
TRIM_MS: Final = 200
SYNCHRONOUS_VARIABLE: Final = "TOCKWORK_SYNCHRONOUS"
"""For tests alone: ``normal`` commits without waiting for the disk, and so loses events when the power fails."""

_STOP: Final = object()


class _Job:
    """Work for a thread, and the future that waits for it."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: Exception | None = None

    def tell(self) -> None:
        if self.done.done():  # whoever waited was cancelled
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)


class _Worker(threading.Thread):
    """Takes jobs in order, and hands them in groups to `run`."""

    def __init__(self, name: str, run: Callable[[list[_Job]], None], group: int) -> None:
        super().__init__(name=name, daemon=True)
        self._run = run
        self._group = group
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.open = 0

    async def do(self, work: Work[T]) -> T:
        job = _Job(work)
        self.open += 1
        self._jobs.put(job)
        try:
            result: T = await asyncio.shield(job.done)
        finally:
            self.open -= 1
        return result

    def run(self) -> None:
        stopping = False
        while not stopping:
            jobs = [self._jobs.get()]
            with suppress(queue.Empty):
                while len(jobs) < self._group:
                    jobs.append(self._jobs.get_nowait())
            stopping = _STOP in jobs
            jobs = [job for job in jobs if job is not _STOP]
            if jobs:
                self._run(jobs)
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    jobs[0].loop.call_soon_threadsafe(_tell, jobs)

    def stop(self) -> None:
        self._jobs.put(_STOP)
        self.join()


def _tell(jobs: list[_Job]) -> None:
    for job in jobs:
        job.tell()


class Database:
    """The database in `folder`, which is made if there is none, and migrated if it is old.

    Several processes may have it open; they write in turn. What is in the log goes into the file whenever that has
    grown by `log_bytes`. `rolled_back` functions are called (in the writing thread) whenever work was undone, and
    `duplicates` are for work that appends. Raises `ConfigurationError` when the file cannot be opened, is damaged, or
    was made by a newer version.
    """

    def __init__(self, folder: Path, log_bytes: int = LOG_BYTES) -> None:
        self.path = folder / FILE
        self._log_bytes = log_bytes
        self.duplicates = Duplicates(folder)
        self.rolled_back: list[Callable[[], None]] = [self.duplicates.forget]
        self._distrusted = self._trimming = self._trimmed = False
        self._synchronous = os.environ.get(SYNCHRONOUS_VARIABLE, "full")
        self._turn_file = os.open(folder / TURN_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # for nobody else's eyes
        try:
            check_version(self.path)
            self._writing = self._connect()
            with self._turn():
                migrate(self._writing)
            self._reading = self._connect()
        except sqlite3.Error as error:
            os.close(self._turn_file)
            raise unusable(self.path, error) from None
        except ConfigurationError:
            os.close(self._turn_file)
            raise
        self._writer = _Worker("store writer", self._write, GROUP)
        self._reader = _Worker("store reader", self._read, 1)
        self._writer.start()
        self._reader.start()

    @property
    def busy(self) -> bool:
        """Whether work is under way."""
        return bool(self._writer.open or self._reader.open)

    async def write(self, work: Work[T]) -> T:
        """Runs `work` in a transaction; returns what it returned once that is on stable storage.

        All of it or nothing. Raises what `work` raised, `StoreFull` when the disk is full, else `sqlite3.Error`.
        """
        return await self._writer.do(work)

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on what is committed now, one moment for all that it reads."""
        return await self._reader.do(work)

    async def trim(self) -> bool:
        """Gives the log's room back to the disk, and returns whether nothing is left in it: someone may be reading it
        just now."""
        self._trimming, self._trimmed = True, False
        with suppress(sqlite3.Error, StoreFull):
            await self._writer.do(lambda connection: None)
        return self._trimmed

    def close(self) -> None:
        """Ends what is under way."""
        self._writer.stop()
        self._reader.stop()
        self._reading.close()
        self._writing.close()
        with self._turn():
            self.duplicates.close()
        os.close(self._turn_file)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            # By Debian's default whatever is deleted goes into the log as zeros: a full disk could not be emptied.
            "secure_delete = FAST",
            f"cache_size = -{CACHE_KIB}",
            f"wal_autocheckpoint = {max(LEAST_PAGES, self._log_bytes // PAGE_BYTES)}",
            f"journal_size_limit = {2 * self._log_bytes}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Processes wait for each other here, in order: SQLite's own waiting is sleeping and trying again."""
        fcntl.flock(self._turn_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn_file, fcntl.LOCK_UN)

    def _write(self, jobs: list[_Job]) -> None:
        try:
            if self._distrusted:
                self._reconnect()
            with self._turn():
                self._writing.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    self._apart(job)
                self._writing.execute("COMMIT")
                self.duplicates.committed()
                if self._trimming:
                    with suppress(sqlite3.Error):  # what was committed stays so
                        self._empty_log()
                    self._trimming = False
        except Exception as error:
            self._undone(jobs, error)

    def _empty_log(self) -> None:
        """Waits little for those who read it, since others wait to write meanwhile."""
        self._writing.execute(f"PRAGMA busy_timeout = {TRIM_MS}")
        try:
            busy, _, _ = self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._trimmed = not busy
        finally:
            self._writing.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")

    def _apart(self, job: _Job) -> None:
        """Runs one job so that its failure undoes nothing of the others'. Raises when all is undone."""
        self._writing.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._writing)
        except Exception as error:
            job.error = error
            if not self._writing.in_transaction:  # a full disk, or one that fails, undoes everything
                raise
            self._writing.execute("ROLLBACK TO job")
            self._forget()
        self._writing.execute("RELEASE job")

    def _undone(self, jobs: list[_Job], error: Exception) -> None:
        for job in jobs:
            job.error = full(error) or error
        with suppress(sqlite3.Error):
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        self._forget()
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_IOERR:
            self._distrusted = True

    def _reconnect(self) -> None:
        """After the disk failed: what the connection has in memory may not be what the disk has."""
        with suppress(sqlite3.Error):
            self._writing.close()
        self._writing = self._connect()
        self._distrusted = False

    def _forget(self) -> None:
        for forget in self.rolled_back:
            forget()

    def _read(self, jobs: list[_Job]) -> None:
        for job in jobs:
            try:
                self._reading.execute("BEGIN")
                job.result = job.work(self._reading)
            except Exception as error:
                job.error = error
            finally:
                with suppress(sqlite3.Error):
                    if self._reading.in_transaction:
                        self._reading.execute("COMMIT")


def check_version(path: Path) -> None:
    """Raises `ConfigurationError` for a file of a newer version, of which nothing is changed."""
    connection = sqlite3.connect(path, timeout=BUSY_S)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()
    newest = migrations()[-1][0]
    if found > newest:
        what = f"was written by a newer version of Tockwork (schema {found}; this one knows {newest})"
        raise ConfigurationError([Problem(str(path), what, "Run that version, or restore a backup of this one's.")])


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the schema up to date, in one transaction."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    missing = [(version, script) for version, script in migrations() if version > found]
    if not missing:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version, script in missing:
            for statement in _split(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        crash_point("migration_written")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _split(script: str) -> Iterator[str]:
    """The statements of a script (`executescript` would commit by itself)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def full(error: Exception) -> StoreFull | None:
    """`StoreFull` for an error of a full disk."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StoreFull("the disk is full: make room, or deliver what waits")
    return None


def unusable(path: Path, error: sqlite3.Error) -> ConfigurationError:
    mend = "Check that the folder can be written to, and that the file is Tockwork's."
    return ConfigurationError([Problem(str(path), f"cannot be used: {error}", mend)])
