"""Values that a configuration takes from elsewhere: ``${NAME}`` from the environment, ``${file:/path}`` from a file.

``$${…}`` stands for the text ``${…}`` itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tockwork.configuration.document import Place, shown
from tockwork.model.errors import Problem

MAX_BYTES: Final = 65_536
_REFERENCE: Final = re.compile(r"\$\{([^{}\n]*)\}")
_ESCAPED: Final = re.compile(r"\$(\$+\{[^{}\n]*\})")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE: Final = "file:"
_NOT_THERE: Final = object()


class _Unreadable(Exception):  # noqa: N818 (says what is so)
    """Why a file cannot give a value, and how to mend it."""

    def __init__(self, what: str, mend: str = "") -> None:
        self.what = what
        self.mend = mend
        super().__init__(what)


class References:
    """Fills in references from one environment.

    `found` says which value came from which reference; `problems` names each that leads nowhere.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.found: dict[Place, str] = {}
        self.problems: list[Problem] = []
        self._environment = environment

    def fill(self, value: Any, place: Place = ()) -> Any:
        """`value` with what its references stand for; null where one leads nowhere."""
        match value:
            case dict():
                return {key: self.fill(part, (*place, key)) for key, part in value.items()}
            case list():
                return [self.fill(part, (*place, index)) for index, part in enumerate(value)]
            case str() if reference := _REFERENCE.fullmatch(value):
                return self._look_up(reference[1], place, value)
            case str() if escaped := _ESCAPED.fullmatch(value):
                return escaped[1]
        return value

    def _look_up(self, source: str, place: Place, reference: str) -> str | None:
        try:
            text = self._value(source)
        except _Unreadable as error:
            self.problems.append(Problem(shown(place), error.what, error.mend))
            return None
        self.found[place] = reference
        return text

    def _value(self, source: str) -> str:
        if source.startswith(_FILE):
            return _content(source.removeprefix(_FILE), "")
        if not _NAME.fullmatch(source):
            raise _Unreadable(
                "is no reference", "Write ${NAME} or ${file:/path}; for this very text put another $ in front."
            )
        if source in self._environment:
            return self._environment[source]
        path = self._environment.get(f"{source}_FILE")
        if path is None:
            raise _Unreadable(
                f"the environment has no variable {source}",
                f"Set it, or set {source}_FILE to the path of a file that holds the value.",
            )
        return _content(path, f"{source}_FILE: ")


def _content(name: str, of: str) -> str:
    """The text of a small file, without space around it. `of` says in errors where the name comes from."""
    path = Path(name)
    if not path.is_absolute():
        raise _Unreadable(f"{of}expected the absolute path of a file, got {name!r}")
    try:
        if not path.is_file():
            raise _Unreadable(f"{of}there is no file {name}", "Make it, and let this user read it.")
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise _Unreadable(f"{of}{name} cannot be read: {error.strerror}", "Let this user read it.") from None
    except ValueError:
        raise _Unreadable(f"{of}{name!r} is no path") from None
    if len(content) > MAX_BYTES:
        raise _Unreadable(f"{of}{name} has more than {MAX_BYTES} bytes", "It should hold the value alone.")
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise _Unreadable(f"{of}{name} is no UTF-8 text") from None


def escaped(value: Any) -> Any:
    """`value` with its texts written so that `References.fill` takes none for a reference."""
    match value:
        case dict():
            return {key: escaped(part) for key, part in value.items()}
        case list():
            return [escaped(part) for part in value]
        case str() if _REFERENCE.fullmatch(value) or _ESCAPED.fullmatch(value):
            return f"${value}"
    return value


def put(value: Any, place: Place, part: Any) -> None:
    """Set what is at `place` within `value`; nothing happens where the way there is gone."""
    for step in place[:-1]:
        value = _at(value, step)
    last = place[-1]
    if isinstance(value, dict) or _at(value, last) is not _NOT_THERE:
        value[last] = part


def _at(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step, _NOT_THERE)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else _NOT_THERE


def variable(text: str) -> str | None:
    """The variable that a text refers to, if it does."""
    found = _REFERENCE.fullmatch(text)
    return found[1] if found and _NAME.fullmatch(found[1]) else None


def file(text: str) -> str | None:
    """The path of the file that a text refers to, if it does."""
    found = _REFERENCE.fullmatch(text)
    return found[1].removeprefix(_FILE) if found and found[1].startswith(_FILE) else None
