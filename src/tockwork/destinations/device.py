"""What a browser may see of a destination that it delivers to: the settings that are declared public, and the program
that its plugin runs. Nothing else of an instance ever goes there."""

from __future__ import annotations

from typing import Any

import msgspec

from tockwork.destinations import program
from tockwork.destinations.configured import ConfiguredMapping
from tockwork.destinations.connection import Connection
from tockwork.model.secret import Secret
from tockwork.rules.directives import unwrapped
from tockwork.rules.gate import folded
from tockwork.rules.validation import is_directive


def browser_settings(connection: Connection) -> dict[str, Any]:
    """The settings of the instance's plugin, as plain JSON. Raises `ValueError` for a destination without one."""
    device = connection.destination.device
    if device is None:
        raise ValueError(f"{connection.destination.title} does not run in a browser")
    public = {key: connection.settings[key] for key in device.public if key in connection.settings}
    if any(isinstance(value, Secret) for value in public.values()):
        raise ValueError(f"{connection.destination.title} declares a secret setting public")
    return {**public, "program": compiled(connection)}


def compiled(connection: Connection) -> dict[str, Any]:
    """The program of a connection: its gate, its enabled mappings, and what else the plugin must know."""
    device = connection.destination.device
    enabled = [mapping for mapping in connection.mappings if mapping.enabled]
    compiler = _Compiler()
    consent = connection.privacy.consent
    facts = device.facts(connection.settings, [mapping.fields for mapping in enabled]) if device else {}
    made = {
        "names": sorted({folded(name) for name in connection.destination.integrations}),
        **({"consent": consent} if consent else {}),
        **({"blocked": True} if connection.privacy.opt_out == "block" else {}),
        "mappings": [compiler.compiled(mapping) for mapping in enabled],
        "values": compiler.values.items,
        "fields": compiler.fields.items,
        **facts,
    }
    plain: dict[str, Any] = msgspec.to_builtins(made)
    return plain


class _Pool:
    """Things that many mappings share: each is kept once, and named by its place."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._places: dict[bytes, int] = {}

    def place(self, item: Any) -> int:
        key = msgspec.json.encode(item)
        if key not in self._places:
            self._places[key] = len(self.items)
            self.items.append(item)
        return self._places[key]


class _Compiler:
    def __init__(self) -> None:
        self.values = _Pool()
        self.fields = _Pool()

    def compiled(self, mapping: ConfiguredMapping) -> dict[str, Any]:
        """A mapping's name, trigger and fields: places of a field and of the value that fills it. A mapping whose root
        is a directive has that value as its `root`, and its fields stand alone. What it has `also` fills nothing, but
        makes the mapping fail where it fails."""
        written = unwrapped(mapping.fields)
        whole = not isinstance(written, dict) or is_directive(written)
        fields = mapping.action.fields if whole else program.needed(mapping.action.fields, written)
        placed = [
            [self.fields.place(program.field(one))]
            + ([self.values.place(program.mapping(written[one.key]))] if not whole and one.key in written else [])
            for one in fields
        ]
        unused = [] if whole else [written[key] for key in written if key not in {one.key for one in fields}]
        also = [made for value in unused if program.can_fail(made := program.mapping(value))]
        hidden = [name for name in mapping.denied if "." not in name]
        return {
            "name": mapping.name,
            "trigger": program.trigger(mapping.trigger.root),
            "fields": placed,
            **({"root": self.values.place(program.mapping(written))} if whole else {}),
            **({"also": [self.values.place(one) for one in also]} if also else {}),
            **({"hidden": hidden} if hidden else {}),
        }
