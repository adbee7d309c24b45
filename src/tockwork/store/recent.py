"""Which messageIds were accepted lately: hash tables in files that all processes of a data folder share.

Why it is built so: docs/decisions/0010-duplicates.md.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

WINDOW_S: Final = 48 * 3600
"""So long a messageId is known after it was accepted: as long as TikTok knows an event_id."""
DIGEST_BYTES: Final = 12
"""Of a messageId. Two ids in a thousand million have the same one with a chance of one in 10^11."""
FILE: Final = "recent.idx"
LEAST_PLACES: Final = 128 * 1024
MOST_PLACES: Final = 8 * 1024 * 1024
"""In one table, which is full when two thirds of them are taken. A place has 16 bytes."""
TABLE_S: Final = WINDOW_S // 2
"""A table takes new ids for so long, so that old ones can go with their table."""
RESIDENT_BYTES: Final = 2 * 1024 * 1024
RESIDENT_IDS: Final = 1024
"""Tables that are larger together leave this process's memory after so many ids: the system's cache has them."""

Id = tuple[int, int]
"""A messageId's digest, as two words."""

_MAGIC: Final = 0x746F636B_00000001
_CLEAN: Final = 1
_DIGEST: Final = struct.Struct("=QI")
_LOW: Final = 0xFFFF_FFFF


def digests(message_ids: Iterable[str]) -> bytes:
    """Twelve bytes for each messageId."""
    return b"".join([blake2b(each.encode(), digest_size=DIGEST_BYTES).digest() for each in message_ids])


def ids(content: bytes) -> list[Id]:
    """What `digests` put together, one by one."""
    return list(_DIGEST.iter_unpack(content))


class _Words:
    """A file as 64-bit words in memory, which all that have it open share."""

    def __init__(self, path: Path, size: int = 0) -> None:
        """Opens the file; with `size`, in bytes, makes it that large, zeros at first. Raises `OSError`."""
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if size else 0), 0o600)
        try:
            if size:
                _allocate(file, size)
            self._map = mmap.mmap(file, 0)
        except ValueError as error:
            raise OSError(f"{path.name} is empty") from error
        finally:
            os.close(file)
        self.words = memoryview(self._map).cast("Q")

    def flush(self) -> None:
        """Returns once it is on stable storage."""
        self._map.flush()

    def rest(self) -> None:
        """Lets the system have the memory; what is there stays."""
        self._map.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        self.words.release()
        self._map.close()


def _allocate(file: int, size: int) -> None:
    """Takes the room now: a full disk must say so here, and not when a page is written back."""
    os.ftruncate(file, size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    for start in range(0, size, 1 << 20):  # macOS
        os.pwrite(file, bytes(min(1 << 20, size - start)), start)


class Table(_Words):
    """Ids with the second they were accepted in. Open addressing, linear probing; nothing is ever taken out.

    Words 0 and 1 are the number of ids, and when the first (upper half) and the last one came; then two words for each
    place: the id's first word, or zero; its second word and the time.
    """

    def __init__(self, path: Path, places: int = 0) -> None:
        super().__init__(path, 16 * (places + 1) if places else 0)
        self.places = len(self.words) // 2 - 1
        if self.places < 1 or self.places & (self.places - 1):
            raise OSError(f"{path.name} has no size that a table has")

    @property
    def number(self) -> int:
        return self.words[0]

    @property
    def begun_at(self) -> int:
        return self.words[1] >> 32

    @property
    def last_at(self) -> int:
        return self.words[1] & _LOW

    def has_room(self, number: int) -> bool:
        return (self.number + number) * 3 <= self.places * 2

    def find(self, wanted: Iterable[Id], since: int) -> set[Id]:
        """Those of the ids that came later than `since`."""
        words, mask = self.words, self.places - 1
        found: set[Id] = set()
        for each in wanted:
            first, second = each
            word = 2 * (first & mask) + 2
            while known := words[word]:
                if known == (first or 1):
                    rest = words[word + 1]
                    if rest >> 32 == second:
                        if rest & _LOW > since:
                            found.add(each)
                        break
                word = word + 2 if word <= 2 * mask else 2
        return found

    def put(self, new: Mapping[Id, int]) -> None:
        """Ids with their times. There must be room."""
        words, mask, added = self.words, self.places - 1, 0
        for (first, second), at in new.items():
            word = 2 * (first & mask) + 2
            while known := words[word]:
                if known == (first or 1) and words[word + 1] >> 32 == second:
                    break
                word = word + 2 if word <= 2 * mask else 2
            else:
                added += 1
            words[word + 1] = second << 32 | at
            words[word] = first or 1  # last: an id that is there has its time
        words[1] = (self.begun_at or min(new.values())) << 32 | max(self.last_at, max(new.values()))
        words[0] += added


class Recent:
    """The tables in `folder`, oldest first. Whoever uses them has the turn to write, and `open`s them first.

    They hold what the journal's chunks up to `last_id` have; `last_at` is when that chunk was appended (Unix time).
    Nothing is synced before `close`: whether the files can be believed is known by the machine's start (`_boot`), since
    all that a process wrote is there until the power fails.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._header: _Words | None = None
        self._tables: dict[int, Table] = {}
        self._touched = 0

    def open(self) -> bool:
        """Whether what is there can be believed; else there is nothing. Raises `OSError`."""
        self._header = self._header or _Words(self._folder / FILE, 4096)
        words = self._header.words
        if words[0] == _MAGIC and words[1] in (_CLEAN, _boot()):
            with suppress(OSError):
                self._look()
                return True
        self.clear()
        return False

    @property
    def last_id(self) -> int:
        return self._words[2]

    @property
    def last_at(self) -> float:
        found: float = struct.unpack("d", struct.pack("Q", self._words[3]))[0]
        return found

    @property
    def tables(self) -> Sequence[Table]:
        return list(self._tables.values())

    def find(self, wanted: Iterable[Id], now: int) -> set[Id]:
        """Those of the ids that came within the window before `now`."""
        self._look()
        found: set[Id] = set()
        for table in reversed(self._tables.values()):
            if table.last_at > now - WINDOW_S:
                found |= table.find(wanted, now - WINDOW_S)
        return found

    def make_room(self, number: int, now: int) -> None:
        """For so many ids; lets go what is too old. Raises `OSError` when the disk has no room."""
        self._look()
        self._words[1] = _boot()
        while len(self._tables) > 1 and self.tables[0].last_at <= now - WINDOW_S:
            self._drop()
        newest = self.tables[-1] if self._tables else None
        if newest is None:
            self._add(LEAST_PLACES, number)
        elif not newest.has_room(number):
            self._add(min(2 * newest.places, MOST_PLACES), number)
        elif newest.begun_at and newest.begun_at <= now - TABLE_S:
            self._add(LEAST_PLACES, max(newest.number, number))

    def put(self, new: Mapping[Id, int], last_id: int, last_at: float) -> None:
        """Ids of chunks up to `last_id`, with their times. There must be room."""
        self._words[1] = _boot()
        if new:
            self.tables[-1].put(new)
            self._touched += len(new)
        self._words[3] = struct.unpack("Q", struct.pack("d", last_at))[0]
        self._words[2] = last_id
        if self._touched > RESIDENT_IDS:
            self._touched = 0
            if sum(table.places * 16 for table in self.tables) > RESIDENT_BYTES:
                for table in self.tables:
                    table.rest()

    def clear(self) -> None:
        """Nothing is left. Others that have the files open see that the tables are new."""
        words, self._touched = self._words, 0
        words[0], words[1], words[2], words[3] = _MAGIC, _boot(), 0, 0
        for path in self._folder.glob("recent-*.idx"):
            path.unlink(missing_ok=True)
        words[4] = words[5] = words[5] + 1
        self._look()

    def close(self) -> None:
        """Makes it last over the machine's next start."""
        if self._header is None:
            return
        with suppress(OSError):
            self._look()
            for table in self._tables.values():
                table.flush()
            self._words[1] = _CLEAN
            self._header.flush()
        for file in (*self._tables.values(), self._header):
            file.close()
        self._tables, self._header = {}, None

    @property
    def _words(self) -> memoryview[int]:
        if self._header is None:
            raise RuntimeError("the tables are not open")
        return self._header.words

    def _look(self) -> None:
        """Takes up the tables that there are now: another process may have added some. Raises `OSError`."""
        first, end = self._words[4], self._words[5]
        if [*self._tables] == list(range(first, end)):
            return
        for number in [*self._tables]:
            if not first <= number < end:
                self._tables.pop(number).close()
        for number in range(first, end):
            if number not in self._tables:
                self._tables[number] = Table(self._path(number))

    def _add(self, places: int, number: int) -> None:
        """A table with so many places, or as many as `number` ids want; a smaller one where the disk is short."""
        end, least = self._words[5], max(LEAST_PLACES, 1 << (2 * number - 1).bit_length())
        disk = os.statvfs(self._folder)
        most = disk.f_bavail * disk.f_frsize // 2 // 16
        while places > max(least, most):
            places //= 2
        places = max(places, least)
        try:
            self._path(end).unlink(missing_ok=True)
            self._tables[end] = Table(self._path(end), places)
        except OSError:
            self._path(end).unlink(missing_ok=True)
            raise
        self._words[5] = end + 1

    def _drop(self) -> None:
        first = self._words[4]
        self._words[4] = first + 1
        self._tables.pop(first).close()
        self._path(first).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"recent-{number}.idx"


def _boot() -> int:
    """A number that is another one after the machine's next start."""
    return _BOOT


def _read_boot() -> int:
    try:
        known = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:  # not Linux: whatever was not closed is not believed
        known = os.urandom(16)
    return int.from_bytes(blake2b(known, digest_size=7).digest()) + 2


_BOOT: Final = _read_boot()
