"""A small disk in memory, that fills up in no time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.faults.programs import program

_BLOCK: Final = bytes(64 * 1024)


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A disk of that size, mounted at a folder inside of `folder`. Needs root, be it that of a user namespace."""
    place = folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def run_as_root(request: pytest.FixtureRequest) -> bool:
    """Where this user may not mount, runs the test once more in a user namespace in which it may, and returns true.
    Raises `RuntimeError` when that cannot be had either."""
    if os.geteuid() == 0:
        return False
    inside = [program("util-linux", "unshare"), "--user", "--map-root-user", "--mount"]
    if subprocess.run([*inside, "true"]).returncode != 0:
        raise RuntimeError("this test mounts a small disk: run it as root, or where unprivileged user namespaces work")
    again = [sys.executable, "-m", "pytest", "-q", "-m", "faults or not faults", request.node.nodeid]
    subprocess.run([*inside, *again], check=True, cwd=request.config.rootpath)
    return True


def fill(disk: Path) -> Path:
    """Leaves not a byte free; returns the file that has it all."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (_BLOCK, b"\0"):
            try:
                while file.write(block):
                    pass
            except OSError:
                continue
    return filler


def free_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bfree * found.f_frsize
