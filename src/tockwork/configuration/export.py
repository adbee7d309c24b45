"""A configuration as a YAML file that `load` takes for the same one, with references where secrets were."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from tockwork.configuration import document
from tockwork.configuration.entries import Configuration, plain
from tockwork.configuration.references import escaped, file, put, variable
from tockwork.model.secret import Secret

_TITLE: Final = "# A configuration of Tockwork: read by `tockwork apply`, checked by `tockwork check`.\n"


def export(configuration: Configuration) -> str:
    """The configuration as YAML. Values that came from a reference are written as that reference; a secret that was
    given as it is becomes a variable named after its destination. Comments on top list the variables and files that
    the reader must have."""
    data = escaped(plain(configuration))
    references = list(configuration.references.values())
    for place, reference in configuration.references.items():
        put(data, place, reference)
    for destination in data["destinations"]:
        for key, value in destination.get("settings", {}).items():
            if isinstance(value, Secret):
                reference = _fresh(destination["name"], key, references)
                references.append(reference)
                destination["settings"][key] = reference
    if isinstance(data.get("alerts", {}).get("webhook"), Secret):
        data["alerts"]["webhook"] = _fresh("alerts", "webhook", references)
    return _TITLE + "".join(_needs(data)) + document.dumped(data)


def _fresh(name: str, key: str, taken: list[str]) -> str:
    """A reference to a variable that no other value uses: ``${SHOP_ACCESS_TOKEN}`` for the shop's accessToken."""
    stem = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "DESTINATION"
    words = f"{stem}_{re.sub('(?<=[a-z])(?=[A-Z])', '_', key)}".upper()
    words = f"_{words}" if words[0].isdigit() else words
    found, number = f"${{{words}}}", 2
    while found in taken:
        found, number = f"${{{words}_{number}}}", number + 1
    return found


def _needs(data: Any) -> Iterator[str]:
    found = list(dict.fromkeys(_references(data)))
    variables = [name for reference in found if (name := variable(reference))]
    files = [path for reference in found if (path := file(reference))]
    if variables:
        yield f"# It needs these variables in the environment: {', '.join(variables)}\n"
    if files:
        yield f"# It needs these files: {', '.join(files)}\n"


def _references(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for part in value.values():
                yield from _references(part)
        case list():
            for part in value:
                yield from _references(part)
        case str() if variable(value) or file(value):
            yield value
