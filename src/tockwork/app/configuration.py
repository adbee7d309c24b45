"""Configuration files: sources, destinations and their mappings, as YAML or JSON, strictly checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from tockwork.destinations.case import Case
from tockwork.model.errors import ConfigurationError, Problem

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
MAX_FILE_BYTES: Final = 10_000_000


class SourceEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One source of events; `write_key` is what its clients send."""

    name: str
    write_key: str
    kind: str = "server"
    enabled: bool = True


class DestinationEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One connected destination. Without `mappings`, the presets of `preset_pack`. `cases` are checked by
    ``tockwork check``."""

    kind: str
    name: str = ""
    enabled: bool = True
    settings: dict[str, Any] = {}
    preset_pack: str | None = None
    mappings: list[dict[str, Any]] | None = None
    cases: list[Case] = []
    title: str = ""
    doc: str = ""


class Configuration(msgspec.Struct, forbid_unknown_fields=True):
    """Everything a server runs on."""

    sources: list[SourceEntry] = []
    destinations: list[DestinationEntry] = []


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Configuration:
    """Read a configuration, or a single destination with its cases, from a YAML or JSON file.

    A value ``${NAME}`` is taken from the environment. Raises `ConfigurationError` that names the place.
    """
    problems: list[Problem] = []
    data = read_filled(path, environment)
    if isinstance(data, dict) and "destination" in data:
        data["kind"] = data.pop("destination")
    if isinstance(data, dict) and "kind" in data:
        data = {"destinations": [data]}
    try:
        configuration = msgspec.convert(data, Configuration)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise ConfigurationError([Problem(f"{path.name} {where.strip('`$.')}".strip(), what)]) from None
    for place, destination in enumerate(configuration.destinations):
        destination.name = destination.name or destination.title or destination.kind
        if destination.name in [other.name for other in configuration.destinations[:place]]:
            problems.append(Problem(f"destinations[{place}].name", f"{destination.name!r} is taken by an earlier one"))
    if problems:
        raise ConfigurationError(problems)
    return configuration


def read_filled(path: Path, environment: Mapping[str, str] = os.environ) -> Any:
    """The plain values in a YAML or JSON file, with ``${NAME}`` taken from the environment. Raises
    `ConfigurationError` naming the line, or every variable that is missing."""
    problems: list[Problem] = []
    data = _filled(_read(path), "", environment, problems)
    if problems:
        raise ConfigurationError(problems)
    return data


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError([Problem(str(path), f"larger than {MAX_FILE_BYTES} bytes")])
        text = path.read_text()
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Problem(str(path), "is no UTF-8 text")]) from None
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigurationError([Problem(where, getattr(error, "problem", None) or "is no YAML or JSON")]) from None


class _Loader(yaml.SafeLoader):
    """Plain values only: dates stay text, and aliases, which can grow without bound, are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", event.start_mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _filled(value: Any, where: str, environment: Mapping[str, str], problems: list[Problem]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(part, f"{where}.{key}".strip("."), environment, problems) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, f"{where}[{place}]", environment, problems) for place, part in enumerate(value)]
    found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    if found[1] not in environment:
        problems.append(Problem(where, f"the environment has no variable {found[1]}", "Set it, or write the value."))
        return None
    return environment[found[1]]
