"""SQL by name, from the files in ``sql/``: each statement follows a line ``-- name: its_name``."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

_FOLDER: Final = resources.files("tockwork.store") / "sql"
_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class Statements:
    """The statements of one file, as attributes."""

    def __init__(self, file: str) -> None:
        _, *parts = _NAME.split((_FOLDER / f"{file}.sql").read_text())
        self._texts = {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(name) from None


def migrations() -> list[tuple[int, str]]:
    """Each migration's number and script, in order; the number is the schema's version once it has run."""
    files = sorted((_FOLDER / "migrations").iterdir(), key=lambda file: file.name)
    return [(int(file.name[:4]), file.read_text()) for file in files if file.name.endswith(".sql")]
