"""Runs commands ``tockwork``, each a process of its own, at the price of one start: forks of one that is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Final, Self

from tests.e2e.command import environment

_HOST: Final = """
import json, os, sys
from tockwork.app import cli

for line in sys.stdin:
    words, variables, out, err = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in ((0, os.devnull), (1, out), (2, err)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
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


class Commands:
    """Use as a context; `run` may be called from any thread."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="tockwork-")
        self._turn = Lock()
        self._host: subprocess.Popen[str]

    def run(self, words: list[str], **more: str) -> subprocess.CompletedProcess[bytes]:
        """What ``tockwork WORDS`` does, with these variables in its environment."""
        out, err = (Path(self._folder.name) / name for name in ("out", "err"))
        with self._turn:
            assert self._host.stdin is not None
            assert self._host.stdout is not None
            self._host.stdin.write(json.dumps([words, environment(**more), str(out), str(err)]) + "\n")
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
