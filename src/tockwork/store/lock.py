"""One process for each role in a data folder: two that append, or deliver, would each be right and together wrong."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from tockwork.model.errors import ConfigurationError, Problem


class Role(StrEnum):
    INGEST = "ingest"  # accepts events
    DELIVERY = "delivery"  # delivers them
    CONSOLE = "console"  # shows and changes things


@contextmanager
def held(folder: Path, role: Role) -> Iterator[None]:
    """Holds `role` in `folder`, as long as this process lives. Raises `ConfigurationError` when another one does."""
    file = os.open(folder / f"{role}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(file):
            what = f"another process holds the role {role} there"
            mend = "Stop that server, or give this one a data folder of its own (--data)."
            raise ConfigurationError([Problem(str(folder), what, mend)])
        yield
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    """Tries for a moment, since `is_held` holds a lock for that long."""
    for _ in range(5):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def is_held(folder: Path, role: Role) -> bool:
    """Whether some process holds `role` in `folder`."""
    try:
        with held(folder, role):
            return False
    except ConfigurationError:
        return True
