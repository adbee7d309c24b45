"""CPU time and memory of whole processes, from the operating system's own accounts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, Self

START_S: Final = 60.0
STOP_S: Final = 30.0
LOOK_AGAIN_S: Final = 0.02
DISK: Final = "/var/tmp"
"""Where data folders are made: /tmp may be kept in memory, where an fdatasync costs nothing."""

_KIB: Final = 1024
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(command: Sequence[str], stdin: Path | None = None) -> float:
    """User and system seconds of one run of `command`. Raises `CalledProcessError` when it fails."""
    with open(stdin or os.devnull, "rb") as source:
        child = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(command))
    return usage.ru_utime + usage.ru_stime


def tockwork(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tockwork", *arguments]


class Service:
    """A process that runs while the block does, and then is stopped with SIGTERM.

    It has started once it wrote a line to standard error that begins with `ready`. Needs Linux's /proc.
    """

    def __init__(self, command: Sequence[str], ready: str, **variables: str) -> None:
        self._command = command
        self._ready = ready
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCKWORK_")}
        self._environment = {**kept, "NO_PROXY": "127.0.0.1", **variables}
        self._errors = TemporaryFile()  # noqa: SIM115 - closed with the block
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=self._errors, env=self._environment
        )
        try:
            self.said(self._ready)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def said(self, beginning: str) -> str:
        """The word that follows `beginning` in the first line on standard error that begins so. Raises `RuntimeError`
        when the process ends without it, or takes too long."""
        deadline = time.monotonic() + START_S
        while True:
            ended = self._process.poll() is not None or time.monotonic() > deadline
            text = os.pread(self._errors.fileno(), 1 << 20, 0).decode()
            for line in text.splitlines(keepends=True):
                if line.startswith(beginning) and line.endswith("\n"):
                    return line.removeprefix(beginning).split()[0].rstrip(";")
            if ended:
                raise RuntimeError(f"{' '.join(self._command)} did not say {beginning!r}:\n{text}")
            time.sleep(LOOK_AGAIN_S)

    @property
    def cpu(self) -> float:
        """User and system seconds so far, all threads."""
        text = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS_PER_S

    @property
    def memory(self) -> int:
        """Resident bytes now."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """The most resident bytes that it ever had."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) * _KIB
