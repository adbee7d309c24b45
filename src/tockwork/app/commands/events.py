"""Events in a file or on standard input: one JSON object a line, read in bounded memory."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from tockwork.model.errors import ConfigurationError, Problem

BLOCK_BYTES: Final = 1 << 16
MAX_LINE_BYTES: Final = 8 << 20
TOO_LONG: Final = b"too long"
"""Stands for a line of more than `MAX_LINE_BYTES`; compare with `is`."""


Source = io.BufferedReader


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """The file at `path`, standard input for ``-``. Raises `ConfigurationError` when it cannot be read."""
    if path == "-":
        yield cast(io.BufferedReader, sys.stdin.buffer)
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigurationError([Problem(path, f"cannot be read: {error.strerror}")]) from None
    with file:
        yield file


def blocks(file: Source) -> Iterator[list[bytes]]:
    """The lines of `file`, a block at a time, without blank ones. A line that is too long is `TOO_LONG`."""
    rest, skipping = b"", False
    while block := file.read1(BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        if skipping and lines:
            lines[0], skipping = TOO_LONG, False
        elif skipping:
            rest = b""
        yield [line for line in lines if line is TOO_LONG or (line and not line.isspace())]
        if len(rest) > MAX_LINE_BYTES:
            rest, skipping = b"", True
    if skipping:
        yield [TOO_LONG]
    elif rest and not rest.isspace():
        yield [rest]
