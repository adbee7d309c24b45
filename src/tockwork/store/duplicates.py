"""Decides which events of a chunk are duplicates, in the transaction that appends it."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from tockwork.model.crash import crash_point
from tockwork.model.errors import StoreFull
from tockwork.store.ledger import JOURNAL
from tockwork.store.recent import WINDOW_S, Id, Recent, digests, ids
from tockwork.store.statements import Statements

DUPLICATES: Final = Statements("duplicates")
STEP: Final = 100
"""So many chunks at once when all are gone through."""

_OLD_BYTES: Final = 4
"""Of a fingerprint before schema 3."""
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[int]).decode
_unpack_entries: Final = msgspec.msgpack.Decoder(list[bytes]).decode


class Duplicates:
    """Works inside the writing thread, which has the turn to write.

    What a transaction appends is kept apart until it is committed; only then is it in the tables. So these may be
    behind the journal (when a process was killed just then) but never ahead, and whoever comes next makes up for it
    from the chunks.
    """

    def __init__(self, folder: Path) -> None:
        self._recent = Recent(folder)
        self._opened = False
        self._new: dict[Id, int] = {}
        self._last: tuple[int, float] = (0, 0.0)
        """The last chunk that is in the tables or among the new, and its time. Id 0: to be looked up."""

    def open(self, connection: sqlite3.Connection, now: float) -> None:
        """Makes the tables what the chunks say, all of them committed. Raises `StoreFull` or `OSError`."""
        if not self._opened:
            self._open(connection, connection.execute(JOURNAL.last_id).fetchone()[0], now)

    def claim(self, connection: sqlite3.Connection, chunk_id: int, content: bytes, at: float) -> bytes | None:
        """Which events of a chunk that is about to be appended at Unix time `at` are duplicates, as `read` takes it.

        `content` is the digests of its messageIds; the chunk before is the one with the next smaller id.
        """
        if not self._opened:
            self._open(connection, chunk_id - 1, at)
        with _errors_of_the_disk():
            self._catch_up(connection, chunk_id - 1, at)
            now, claimed = int(at), ids(content)
            known = self._known(claimed, now)
            new: dict[Id, int] = dict.fromkeys(claimed, now)
            indexes: list[int] = []
            if known or len(new) < len(claimed):
                new = {}
                for index, each in enumerate(claimed):
                    if each in known or each in new:
                        indexes.append(index)
                    else:
                        new[each] = now
            self._recent.make_room(len(self._new) + len(new), now)
        self._new |= new
        self._last = (chunk_id, at)
        return _pack(indexes) if indexes else None

    def committed(self) -> None:
        """What was claimed is in the journal."""
        if self._last[0] and self._opened:
            crash_point("append_unindexed")
            self._recent.put(self._new, *self._last)
        self.forget()  # what comes next may be another process's

    def forget(self) -> None:
        """What was claimed may not be in the journal."""
        self._new, self._last = {}, (0, 0.0)

    def close(self) -> None:
        self._recent.close()
        self._opened = False

    def _known(self, claimed: Sequence[Id], now: int) -> set[Id]:
        known = self._recent.find(claimed, now)
        if self._new and not self._new.keys().isdisjoint(claimed):
            known |= {each for each in claimed if self._new.get(each, now - WINDOW_S) > now - WINDOW_S}
        return known

    def _open(self, connection: sqlite3.Connection, last_id: int, now: float) -> None:
        with _errors_of_the_disk():
            if not self._recent.open() or self._ahead(connection, last_id):
                self._recent.clear()
            self._rebuild(connection, last_id, now)
        self._opened = True

    def _catch_up(self, connection: sqlite3.Connection, last_id: int, now: float) -> None:
        if self._last[0] < self._recent.last_id:  # others have appended, or nothing is known
            self._new, self._last = {}, (self._recent.last_id, self._recent.last_at)
        if self._last[0] > last_id:  # the journal is an older one, restored under our feet
            self._recent.clear()
            self._rebuild(connection, last_id, now)
            self._new, self._last = {}, (self._recent.last_id, self._recent.last_at)
        if self._last[0] < last_id:
            for _, at, new in _chunks(connection, self._last[0], last_id, now):
                self._new.update(dict.fromkeys(new, int(at)))
            self._last = (last_id, _appended_at(connection, last_id))

    def _ahead(self, connection: sqlite3.Connection, last_id: int) -> bool:
        """Whether the tables are of another journal than this one: of one that a backup has replaced, say."""
        known = self._recent.last_id
        return known > last_id or _appended_at(connection, known) not in (0.0, self._recent.last_at)

    def _rebuild(self, connection: sqlite3.Connection, last_id: int, now: float) -> None:
        """Adds what the chunks up to `last_id` have that the tables have not."""
        chunks = _chunks(connection, self._recent.last_id, last_id, now)
        while some := list(islice(chunks, STEP)):
            new = {each: int(at) for _, at, added in some for each in added}
            self._recent.make_room(len(new), int(some[-1][1]))
            self._recent.put(new, some[-1][0], some[-1][1])
        if self._recent.last_id < last_id:
            self._recent.put({}, last_id, _appended_at(connection, last_id))


def read(content: bytes | None) -> frozenset[int]:
    """The indexes of a chunk's duplicates."""
    return frozenset(_unpack(content)) if content else frozenset()


@contextmanager
def _errors_of_the_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("the disk is full: make room, or deliver what waits") from None
        raise


def _appended_at(connection: sqlite3.Connection, chunk_id: int) -> float:
    """0 for a chunk that is gone."""
    found = connection.execute(DUPLICATES.appended_at, {"id": chunk_id}).fetchone()
    return 0.0 if found is None else float(found[0])


def _chunks(
    connection: sqlite3.Connection, after: int, last_id: int, now: float
) -> Iterator[tuple[int, float, list[Id]]]:
    """Chunks of the window before `now`, in order: id, time, and the messageIds that were new."""
    names = {"after": after, "last_id": last_id, "since": now - WINDOW_S - 1}
    for chunk_id, at, events, content, duplicates in connection.execute(DUPLICATES.chunks, names):
        found = _of_old(connection, chunk_id) if len(content) == events * _OLD_BYTES else ids(content)
        if duplicates:
            old = read(duplicates)
            found = [each for index, each in enumerate(found) if index not in old]
        yield chunk_id, at, found


class _Id(msgspec.Struct):
    messageId: Any = None  # noqa: N815 (Segment's name)


def _of_old(connection: sqlite3.Connection, chunk_id: int) -> list[Id]:
    """The messageIds of a chunk from before there were digests."""
    (entries,) = connection.execute(DUPLICATES.content, {"id": chunk_id}).fetchone()
    decode = msgspec.json.Decoder(_Id).decode
    return ids(digests(str(decode(entry or b"{}").messageId) for entry in _unpack_entries(entries)))
