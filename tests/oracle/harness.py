"""Runs Segment's own packages on Node, so that tests can compare with the real thing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.node import install, node

HERE = Path(__file__).parent
BATCH = 2_000

Case = dict[str, Any]
Answer = dict[str, Any]


def answers(cases: Sequence[Case], script: str = "oracle.cjs") -> Iterator[Answer]:
    """What Segment makes of each case, in order. See the script for the shapes."""
    install(HERE)
    for start in range(0, len(cases), BATCH):
        yield from _batch(cases[start : start + BATCH], script)


def _batch(cases: Sequence[Case], script: str) -> list[Answer]:
    lines = "\n".join(map(json.dumps, cases))
    command = [node(), str(HERE / script)]
    done = subprocess.run(
        command, input=lines, env={**os.environ, "TZ": "UTC"}, capture_output=True, encoding="utf-8", timeout=100
    )
    found = done.stdout.removesuffix("\n").split("\n")  # splitlines would divide at U+2028 too
    if done.returncode or len(found) != len(cases):
        raise RuntimeError(f"the oracle answered {len(found)} of {len(cases)} cases:\n{done.stderr}")
    return [json.loads(line) for line in found]
