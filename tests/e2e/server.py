"""Runs ``tockwork serve`` as a process of its own.

with Server("--config", file, TOCKWORK_TIKTOK_URL=sandbox.url) as server:
    post(f"{server.url}/v1/track", ...)
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from tests.e2e.command import LOOK_AGAIN_S, Process, environment, start

START_S: Final = 60.0
STOP_S: Final = 30.0
ACCEPTING: Final = "Accepting events at "


class Server:
    """``tockwork serve WORDS`` with variables of the environment by keyword; starts where the block begins.

    Its ports are free ones and its data folder is an empty one that is removed at the end, unless `words` or the
    variables say otherwise. It has started when it prints a line that begins with `ready`; `url` is what follows. Use
    ``async with`` where the test's own event loop answers the server, as a `Sandbox` does. The block's end stops a
    process that still runs, which then has to end with 0. `start` after `kill` or `stop` starts another process on
    the same data.
    """

    def __init__(self, *words: str, ready: str = ACCEPTING, **variables: str) -> None:
        self.url = ""
        self.process: Process
        self._folder = TemporaryDirectory(prefix="tockwork-")
        own = Path(self._folder.name)
        self._out, self._err = own / "stdout", own / "stderr"
        self.within: Sequence[str] | None = None
        """A command that starts it, none if it is empty, in place of a fork of a process that is loaded."""
        self._words = ["serve", *words]
        self._ready = ready
        defaults = {
            "TOCKWORK_PORT": "0",
            "TOCKWORK_ADMIN_PORT": "0",
            "TOCKWORK_DATA": str(own / "data"),
            "NO_PROXY": "127.0.0.1",
        }
        self._environment = environment(**{**defaults, **variables})

    def start(self) -> Self:
        self.process = start(self._words, self._environment, self._out, self._err, within=self.within)
        try:
            self.url = self.said(self._ready)
        except BaseException:
            self.kill()
            raise
        return self

    def said(self, beginning: str, timeout_s: float = START_S) -> str:
        """What follows `beginning` in the first line on standard error that begins so, up to a ``;`` or a space, once
        the process printed it. Raises `RuntimeError` when it ends without, or takes too long."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self.process.poll() is not None
            for line in self.errors.splitlines(keepends=True):
                if line.startswith(beginning) and line.endswith("\n"):
                    return (line.removeprefix(beginning).split() or [""])[0].rstrip(";")
            if ended or time.monotonic() > deadline:
                why = f"ended with {self.process.poll()}" if ended else f"took more than {timeout_s:g} s"
                raise RuntimeError(f"the server {why} before it said {beginning!r}:\n{self.errors}{self.log}")
            time.sleep(LOOK_AGAIN_S)

    @property
    def errors(self) -> str:
        """What the present process wrote to standard error."""
        return self._err.read_text()

    @property
    def log(self) -> str:
        """What the present process wrote to standard output: its log, JSON lines."""
        return self._out.read_text()

    def kill(self) -> None:
        """Ends the process as a power cut would, if it still runs."""
        self.process.kill()
        self.process.wait(STOP_S)

    def stop(self) -> int:
        """Asks the process to end (SIGTERM), if it still runs; returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server did not stop within {STOP_S:g} s:\n{self.errors}{self.log}") from None

    def close(self) -> None:
        """Stops the process if it still runs, and removes what it wrote. Raises `RuntimeError` when it ends badly."""
        try:
            if self.process.poll() is None and self.stop() != 0:
                raise RuntimeError(f"the server ended with {self.process.poll()}:\n{self.errors}{self.log}")
        finally:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self._folder.cleanup()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)
