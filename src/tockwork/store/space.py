"""Whether there is room on the disk for more events, so that it never gets so full that nothing can be settled."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from tockwork.model.errors import StoreFull

RESERVE_BYTES: Final = 64 * 1024 * 1024


class Space:
    """The disk that holds `database`, of which `reserve_bytes` are left to what is already accepted.

    SQLite refuses even a DELETE once the disk is full: the write-ahead log needs room first.
    """

    def __init__(self, database: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._database = database
        self._log = database.with_name(database.name + "-wal")
        self.reserve_bytes = reserve_bytes
        self.unused_bytes = 0
        """Bytes inside the database that nothing uses; whoever commits says so."""

    @property
    def free_bytes(self) -> int:
        """Bytes free on the disk."""
        disk = os.statvfs(self._database.parent)
        return (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail) * disk.f_frsize

    @property
    def used_bytes(self) -> int:
        """Bytes that the database and its log have on the disk."""
        return sum(file.stat().st_size for file in (self._database, self._log) if file.exists())

    def look_inside(self, connection: sqlite3.Connection) -> None:
        """Learns how much of the database is unused."""
        (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        self.unused_bytes = pages * size

    @property
    def log_bytes(self) -> int:
        """Bytes that the write-ahead log has on the disk."""
        return self._log.stat().st_size if self._log.exists() else 0

    @property
    def tight(self) -> bool:
        """Whether the disk is nearly as full as it may get."""
        return self.free_bytes < 2 * self.reserve_bytes

    @property
    def short(self) -> bool:
        """Whether old events should make room now: a little before new ones are refused."""
        return self.tight and self.unused_bytes < self.reserve_bytes

    def check(self, size: int) -> None:
        """Raises `StoreFull` when `size` bytes more would use up the reserve."""
        free = self.free_bytes
        inside = self.unused_bytes >= 2 * size + self.reserve_bytes // 4  # the database need not grow
        if free < self.reserve_bytes + (0 if inside else 2 * size) and not (inside and free >= self.reserve_bytes // 2):
            mebibytes = self.reserve_bytes // (1024 * 1024)
            raise StoreFull(f"the disk has less than {mebibytes} MiB free, which are kept for delivering")
