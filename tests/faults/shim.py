"""A data folder on a disk that can lose its power or fail: what shim.c does inside the server, seen from the test."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from tests.faults.programs import program

_SOURCE: Final = Path(__file__).with_name("shim.c")


@cache
def library() -> Path:
    """The shim as a shared library, built once per test run."""
    compiler = program("gcc", "cc", "gcc", "clang")
    folder = Path(mkdtemp(prefix="tockwork-shim-"))
    atexit.register(shutil.rmtree, folder)
    built = folder / "shim.so"
    words = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(built), str(_SOURCE), "-ldl"]
    subprocess.run(words, check=True)
    return built


class Disk:
    """The folder `data`, of which `cut_power` leaves only what was synced. `folder` is for the disk's own files."""

    def __init__(self, folder: Path) -> None:
        self.data = folder.resolve() / "data"
        self._shadow = folder.resolve() / "shadow"
        self._failing = folder.resolve() / "failing"
        self.data.mkdir(mode=0o700)
        self._shadow.mkdir()
        self.variables = {
            "LD_PRELOAD": str(library()),
            "SHIM_FOLDER": str(self.data),
            "SHIM_SHADOW": str(self._shadow),
            "SHIM_FAILING": str(self._failing),
        }
        """For the server's environment."""

    def cut_power(self) -> int:
        """What was never synced is gone; no process may use the folder. Returns how many bytes had not been."""
        before = _size(self.data)
        shutil.rmtree(self.data)
        self.data.mkdir(mode=0o700)
        listing = self._shadow / "listing"
        for line in listing.read_text().splitlines() if listing.exists() else ():
            inode, name = line.split(" ", 1)
            kept = self._shadow / inode
            content = kept.read_bytes() if kept.exists() else b""
            (self.data / name).write_bytes(content)
            (self.data / name).chmod(0o600)
        self._begin_again()
        return before - _size(self.data)

    def _begin_again(self) -> None:
        """What survived is on the disk: it survives the next cut as well."""
        shutil.rmtree(self._shadow)
        self._shadow.mkdir()
        names = []
        for file in self.data.iterdir():
            inode = file.stat().st_ino
            names.append(f"{inode} {file.name}\n")
            shutil.copyfile(file, self._shadow / str(inode))
            os.link(file, self._shadow / f"held-{inode}")
        (self._shadow / "listing").write_text("".join(names))

    def fail(self) -> None:
        """From now on no write-ahead log can be synced."""
        self._failing.touch()

    def mend(self) -> int:
        """All is well again. Returns how many syncs failed meanwhile."""
        failures = self._failing.stat().st_size
        self._failing.unlink()
        return failures


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
