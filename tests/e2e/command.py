"""Runs the command ``tockwork`` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

TIMEOUT_S = 90


def environment(**more: str) -> dict[str, str]:
    """The environment without settings of ours that the developer may have, and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOCKWORK_")}
    return {**kept, "PYTHONWARNINGS": "error", "COLUMNS": "140", "NO_COLOR": "1", **more}


def arguments(*words: str) -> list[str]:
    return [sys.executable, "-m", "tockwork", *words]


def run(words: Sequence[str], stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        arguments(*words), input=stdin, capture_output=True, timeout=TIMEOUT_S, env=environment(**more)
    )
