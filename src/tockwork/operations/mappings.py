"""Changes of a destination's mappings: functions on the configuration that an `Editor` lets one change.

A destination that runs on a pack's presets has no mappings of its own; the first change copies the presets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

import msgspec

from tockwork.configuration.changes import Change, changes
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.configured import pack_name
from tockwork.destinations.declare import MAX_MAPPINGS, Destination
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations.editing import ensure_seen

Origin = Literal["preset", "changed", "own"]
"""A mapping as its pack has it, one that was changed since, or one of which the pack knows nothing."""
FULL: Final = (
    f"a destination has at most {MAX_MAPPINGS} mappings, as at Segment",
    "Delete some, or connect the destination a second time for the rest.",
)

Written = dict[str, Any]
"""A mapping as it stands in the configuration: name, trigger, action, fields, enabled."""


def found(configuration: Configuration, name: str) -> DestinationEntry:
    """The destination of that name. Raises `KeyError`."""
    for entry in configuration.destinations:
        if entry.name == name:
            return entry
    raise KeyError(name)


def declared(entry: DestinationEntry) -> Destination:
    return DESTINATIONS[entry.kind]


def presets(entry: DestinationEntry, pack: str | None = None) -> list[Written]:
    """A pack's presets as mappings: those of the destination's own pack unless another is named. Raises `KeyError`."""
    destination = declared(entry)
    pack = pack_name(destination, entry.preset_pack if pack is None else pack)
    return [written(msgspec.structs.asdict(preset)) for preset in destination.packs[pack]]


def listed(entry: DestinationEntry) -> list[Written]:
    """The mappings as they run, whether they are presets or the destination's own."""
    if entry.mappings is None:
        return presets(entry)
    return [written(mapping, place) for place, mapping in enumerate(entry.mappings)]


def written(mapping: Any, place: int = 0) -> Written:
    """A mapping under our own members' names, all there. One without a name goes by its place."""
    given = dict(mapping)
    action = given.get("action", given.get("partnerAction")) or ""
    return {
        "name": given.get("name") or f"mappings[{place}]",
        "trigger": given.get("trigger", given.get("subscribe", "")),
        "action": action,
        "fields": given.get("fields", given.get("mapping")) or {},
        "enabled": given.get("enabled", True),
    }


def origin(entry: DestinationEntry, mapping: Written) -> Origin:
    """Where a mapping came from, by its name."""
    destination = declared(entry)
    pack = destination.packs.get(pack_name(destination, entry.preset_pack), ())
    preset = next((preset for preset in pack if preset.name == mapping["name"]), None)
    if preset is None:
        return "own"
    action = destination.action(mapping["action"])
    same = (
        mapping["trigger"] == preset.trigger
        and mapping["fields"] == preset.fields
        and action is not None
        and action == destination.action(preset.action)
    )
    return "preset" if same else "changed"


def missing(entry: DestinationEntry) -> list[str]:
    """The names of the pack's presets that are not among the mappings."""
    names = {mapping["name"] for mapping in listed(entry)}
    return [preset["name"] for preset in presets(entry) if preset["name"] not in names]


class Mappings:
    """The mappings of one destination in a configuration that is being changed."""

    def __init__(self, configuration: Configuration, name: str) -> None:
        """Raises `KeyError` for a destination that is none."""
        self._configuration = configuration
        self.entry = found(configuration, name)

    def add(self, mapping: Written, at: int | None = None) -> None:
        """Raises `ConfigurationError` where its name is taken, or there are too many."""
        mappings = self._own()
        self._ensure_free(mapping["name"])
        if len(mappings) >= MAX_MAPPINGS:
            raise ConfigurationError([Problem("mappings", *FULL)])
        mappings.insert(len(mappings) if at is None else at, mapping)

    def put(self, name: str, mapping: Written, seen: str = "") -> None:
        """Another one in its place. Raises `KeyError`, `Outdated` where it is not the one of which `seen` is the
        revision, or `ConfigurationError` where its name is taken."""
        place = self._place(name)
        ensure_seen(seen, listed(self.entry)[place], f"the mapping {name!r}")
        if mapping["name"] != name:
            self._ensure_free(mapping["name"])
        self._own()[place] = mapping

    def enable(self, name: str, enabled: bool) -> None:
        """Raises `KeyError`."""
        place = self._place(name)
        self._own()[place] = {**self._own()[place], "enabled": enabled}

    def remove(self, name: str) -> None:
        """Raises `KeyError`."""
        place = self._place(name)
        del self._own()[place]

    def order(self, names: Sequence[str]) -> None:
        """Raises `ConfigurationError` unless `names` are the mappings' names, each once."""
        by_name = {mapping["name"]: mapping for mapping in listed(self.entry)}
        if sorted(names) != sorted(by_name):
            raise ConfigurationError([Problem("names", "expected the names of all mappings, each once")])
        places = {mapping["name"]: place for place, mapping in enumerate(listed(self.entry))}
        own = self._own()
        own[:] = [own[places[name]] for name in names]

    def restore(self, names: Sequence[str]) -> list[str]:
        """The pack's presets of these names as they were; all that are missing where none is named. Returns which.
        Raises `KeyError` for a name that the pack does not know, `ConfigurationError` where there are too many."""
        wanted = list(names) or missing(self.entry)
        known = {preset["name"]: preset for preset in presets(self.entry)}
        for name in wanted:
            preset, there = known[name], [mapping["name"] for mapping in listed(self.entry)]
            if name in there:
                self.put(name, preset)
            else:
                self.add(preset)
        return wanted

    def switch(self, pack: str, keep: bool) -> None:
        """Installs another pack's presets in the place of the present one's. With `keep`, mappings of one's own stay,
        and so do those that were changed where the new pack has none of their name. Raises `KeyError`."""
        new = presets(self.entry, pack)
        taken = {preset["name"] for preset in new}
        kept = [
            mapping
            for mapping in listed(self.entry)
            if keep
            and self.entry.mappings is not None
            and mapping["name"] not in taken
            and origin(self.entry, mapping) != "preset"
        ]
        if len(new) + len(kept) > MAX_MAPPINGS:
            raise ConfigurationError([Problem("mappings", *FULL)])
        self.entry.preset_pack = pack
        self._own()
        self.entry.mappings = [*new, *kept] if kept else None

    def _own(self) -> list[dict[str, Any]]:
        """The mappings, to be changed. What a file's references said of them holds no more."""
        place = self._configuration.destinations.index(self.entry)
        references = self._configuration.references
        for each in [each for each in references if each[:3] == ("destinations", place, "mappings")]:
            del references[each]
        if self.entry.mappings is None:
            self.entry.mappings = [dict(preset) for preset in presets(self.entry)]
        return self.entry.mappings

    def _place(self, name: str) -> int:
        for place, mapping in enumerate(listed(self.entry)):
            if mapping["name"] == name:
                return place
        raise KeyError(name)

    def _ensure_free(self, name: str) -> None:
        if any(mapping["name"] == name for mapping in listed(self.entry)):
            what = f"{name!r} is taken by another mapping"
            raise ConfigurationError([Problem("name", what, "Give every mapping its own name.")])


def switched(configuration: Configuration, name: str, pack: str, keep: bool) -> list[Change]:
    """What switching the destination's pack would change, mapping by mapping, as they run. Raises `KeyError`."""
    before = msgspec.structs.replace(found(configuration, name))
    after = msgspec.structs.replace(before)
    trial = Configuration(destinations=[after])
    Mappings(trial, name).switch(pack, keep)
    told = differences(Configuration(destinations=[before]), trial)
    return [change for change in told if change.where.startswith("mappings")]


def differences(old: Configuration, new: Configuration) -> list[Change]:
    """What makes `new` of `old`, with a pack's presets one by one where one of the two runs on others."""
    former = {entry.name: entry for entry in old.destinations}
    otherwise = {
        entry.name
        for entry in new.destinations
        if (one := former.get(entry.name)) and (one.mappings, one.preset_pack) != (entry.mappings, entry.preset_pack)
    }
    return changes(_spelt_out(old, otherwise), _spelt_out(new, otherwise))


def _spelt_out(configuration: Configuration, names: Collection[str]) -> Configuration:
    """With the mappings that these destinations run on as if they were their own. An old version may name what is no
    more."""
    entries = []
    for entry in configuration.destinations:
        destination = DESTINATIONS.get(entry.kind) if entry.name in names and entry.mappings is None else None
        if destination is not None and pack_name(destination, entry.preset_pack) in destination.packs:
            entry = msgspec.structs.replace(entry, mappings=presets(entry))
        entries.append(entry)
    return msgspec.structs.replace(configuration, destinations=entries)
