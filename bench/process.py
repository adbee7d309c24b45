"""CPU time of whole commands, from the operating system's own accounts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


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
