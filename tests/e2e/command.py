"""Runs commands ``tockwork``, each a process of its own."""

from __future__ import annotations

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Final, Protocol

TIMEOUT_S = 90
LOOK_AGAIN_S: Final = 0.02
AT_START: Final = {"TOCKWORK_CRASH", "LD_PRELOAD"}
"""Variables that count when the program is loaded."""

_HOST: Final = """
import json, os, signal, sys
from tockwork.app import cli

running = set()
for line in sys.stdin:
    order = json.loads(line)
    if isinstance(order, int):  # whether that process has ended, and how
        pid, status = os.waitpid(order, os.WNOHANG)
        running.discard(pid)
        print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        continue
    words, variables, given, out, err = order
    files = [os.open(given, os.O_RDONLY)]
    files += [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in (out, err)]
    child = os.fork()
    if child == 0:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, 100)
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = ["tockwork", *words]
        try:
            cli.main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)  # to take the whole interpreter down takes longer than the command
    for file in files:
        os.close(file)
    running.add(child)
    print(child, flush=True)
for child in running:
    os.kill(child, signal.SIGKILL)
"""


def environment(**more: str) -> dict[str, str]:
    """The environment without settings of ours that the developer may have, and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOCKWORK_")}
    return {**kept, "PYTHONWARNINGS": "error", "COLUMNS": "140", "NO_COLOR": "1", **more}


def arguments(*words: str) -> list[str]:
    return [sys.executable, "-m", "tockwork", *words]


def run(words: Sequence[str], stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """What ``tockwork WORDS`` does, with these variables in its environment."""
    with TemporaryDirectory(prefix="tockwork-") as folder:
        given, out, err = (Path(folder) / name for name in ("in", "out", "err"))
        given.write_bytes(stdin)
        code = start(words, environment(**more), out, err, given).wait(TIMEOUT_S)
        return subprocess.CompletedProcess(list(words), code, out.read_bytes(), err.read_bytes())


def start(
    words: Sequence[str],
    variables: dict[str, str],
    out: Path,
    err: Path,
    given: Path = Path(os.devnull),
    within: Sequence[str] | None = None,
) -> Process:
    """Starts ``tockwork WORDS`` with these variables alone: as a fork of a process that has loaded it, or by itself, by
    way of the command `within`, which may be empty."""
    if within is not None or AT_START & variables.keys():
        command = [*(within or ()), *arguments(*words)]
        with given.open("rb") as read, out.open("wb") as said, err.open("wb") as complained:
            return subprocess.Popen(command, stdin=read, stdout=said, stderr=complained, env=variables)
    host = _host()
    return Forked(host, host.ask([list(words), variables, str(given), str(out), str(err)]))


class Process(Protocol):
    """What is needed of a process."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


class Forked:
    """A process that a `_Host` started."""

    def __init__(self, host: _Host, pid: int) -> None:
        self.pid = pid
        self._host = host
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, a signal's number below zero; None while it runs."""
        if self._code is None:
            self._code = self._host.ask(self.pid)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises `subprocess.TimeoutExpired` after so many seconds."""
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("tockwork", timeout or 0)
            time.sleep(LOOK_AGAIN_S)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class _Host:
    """A process that has loaded ``tockwork`` and forks itself; may be asked from any thread."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True
        )

    def ask(self, order: Any) -> Any:
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@cache
def _host() -> _Host:
    host = _Host()
    atexit.register(host.close)
    return host
