"""Programs that the fault tests need beside Python: found, or installed."""

from __future__ import annotations

import os
import shutil
import subprocess


def program(package: str, *names: str) -> str:
    """The path of the first of `names` that is there; as root, Debian's `package` is installed if none is. Raises
    `RuntimeError` that says what to do."""
    if found := _found(names):
        return found
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print(f"Installing {package}")
        install = [apt, "install", "-y", "--no-install-recommends", package]
        installed = _ran(install) or (_ran([apt, "update"]) and _ran(install))
        if installed and (found := _found(names)):
            return found
    raise RuntimeError(f"expected {' or '.join(names)} on the PATH: install your system's package, such as {package}")


def _found(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


def _ran(command: list[str]) -> bool:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL).returncode == 0
