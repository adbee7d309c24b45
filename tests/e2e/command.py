"""Runs commands ``tockwork``, each a process of its own."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Final, Self

TIMEOUT_S = 90
AT_START: Final = "TOCKWORK_CRASH"
"""A variable that is read when the program is loaded."""

_HOST: Final = """
import json, os, sys
from tockwork.app import cli

for line in sys.stdin:
    words, variables, given, out, err = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in ((0, given), (1, out), (2, err)):
            os.dup2(os.open(path, os.O_RDWR if number == 0 else os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = ["tockwork", *words]
        try:
            cli.main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)  # to take the whole interpreter down takes longer than the command
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def environment(**more: str) -> dict[str, str]:
    """The environment without settings of ours that the developer may have, and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOCKWORK_")}
    return {**kept, "PYTHONWARNINGS": "error", "COLUMNS": "140", "NO_COLOR": "1", **more}


def arguments(*words: str) -> list[str]:
    return [sys.executable, "-m", "tockwork", *words]


def run(words: Sequence[str], stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """What ``tockwork WORDS`` does, with these variables in its environment."""
    if AT_START in more:
        return subprocess.run(
            arguments(*words), input=stdin, capture_output=True, timeout=TIMEOUT_S, env=environment(**more)
        )
    return _commands().run(words, stdin, **more)


@cache
def _commands() -> Commands:
    running = Commands().__enter__()
    atexit.register(running.__exit__)
    return running


class Commands:
    """Commands at the price of one start: forks of a process that is loaded. Use as a context; `run` may be called from
    any thread, and does one after the other."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="tockwork-")
        self._turn = Lock()
        self._host: subprocess.Popen[str]

    def run(self, words: Sequence[str], stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
        given, out, err = (Path(self._folder.name) / name for name in ("in", "out", "err"))
        with self._turn:
            assert self._host.stdin is not None
            assert self._host.stdout is not None
            given.write_bytes(stdin)
            order = [list(words), environment(**more), str(given), str(out), str(err)]
            self._host.stdin.write(json.dumps(order) + "\n")
            self._host.stdin.flush()
            code = int(self._host.stdout.readline())
            return subprocess.CompletedProcess(words, code, out.read_bytes(), err.read_bytes())

    def __enter__(self) -> Self:
        self._host = subprocess.Popen(
            [sys.executable, "-c", _HOST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._host.communicate()
        self._folder.cleanup()
