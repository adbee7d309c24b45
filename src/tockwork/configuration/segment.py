"""What was exported from Segment, read as ours: mappings ("subscriptions" there), or a destination with its mappings.

Segment's Public API, its Terraform provider, its presets and its consoles' network answers all wrap the same few
members in their own ways, so whatever wraps them is looked through, and what is not understood is said. Mappings run as
they are (`rules.mapping`). Source: Segment, "Public API", Destinations; action definitions in
github.com/segmentio/action-destinations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.declare import Action, Destination
from tockwork.model.errors import Problem
from tockwork.rules.gate import folded
from tockwork.rules.scalars import describe

MAX_DEPTH: Final = 20
_TRIGGERS: Final = ("trigger", "subscribe", "fqlQuery", "fql")
_FIELDS: Final = ("mapping", "mappings", "settings", "fields")
_ACTIONS: Final = ("actionSlug", "partnerAction", "action", "action_slug", "actionId", "action_id", "actionName")
_NAMES: Final = ("name", "title", "label")
_ENABLED: Final = ("enabled", "isEnabled", "is_enabled")
_KNOWN: Final = frozenset({*_TRIGGERS, *_FIELDS, *_ACTIONS, *_NAMES, *_ENABLED})
_SEGMENTS_OWN: Final = frozenset(
    {
        *(
            "id",
            "_id",
            "type",
            "destinationId",
            "destination_id",
            "modelId",
            "model_id",
            "reverseETLSchedule",
            "eventSlug",
        ),
        *("createdAt", "updatedAt", "created_at", "updated_at", "createdBy", "updatedBy", "__typename", "sourceId"),
        *("destinationConfigId", "integrationId", "workspaceId", "version", "order", "description", "status"),
        *("reverseETLModelId", "reverse_etl_schedule", "archived", "deleted", "metadata"),
    }
)
"""Members that mean something to Segment alone."""
_MASKS: Final = frozenset("•*●xX")


class Imported(msgspec.Struct, frozen=True):
    """What was understood. `kind`, `name` and `settings` are a destination's (empty for mappings alone); `mappings` are
    as ours are written; `remarks` say what was not understood, or taken for something else, each with its place in what
    was exported. A remark is no error: nothing of it stands in the way."""

    mappings: list[dict[str, Any]]
    remarks: list[Problem]
    kind: str = ""
    name: str = ""
    settings: dict[str, Any] = {}


def mappings(exported: Any, destination: Destination) -> Imported:
    """The mappings in `exported`, for this destination."""
    reader = _Reader(destination, exported)
    found = [made for where, one in reader.subscriptions(exported, "") if (made := reader.mapping(where, one))]
    if not found and not reader.remarks:
        reader.remark("", "holds no mapping", 'A mapping has a name, a "trigger" and its "settings" or "mapping".')
    return Imported(found, reader.remarks)


def destination(exported: Any, kind: str = "") -> Imported:
    """The destination in `exported`, with its mappings; `kind` where nothing in it says which one it is. Without a
    kind in the outcome there is none to be had of it."""
    where, one = _destination(exported, "", 0) or ("", exported if isinstance(exported, Mapping) else {})
    known = DESTINATIONS.get(kind) or _kind(one)
    if known is None:
        mend = f"Say which it is: {', '.join(DESTINATIONS)}."
        return Imported([], [Problem("kind", "the export does not say which destination it is of", mend)])
    found = mappings(exported, known)
    remarks = [remark for remark in found.remarks if remark.what != "holds no mapping"]
    settings = dict(_settings(known, one.get("settings"), where, remarks))
    name = one.get("name") if isinstance(one.get("name"), str) else ""
    return Imported(found.mappings, remarks, known.key, str(name).strip() or known.title, settings)


def _destination(exported: Any, where: str, depth: int) -> tuple[str, Mapping[str, Any]] | None:
    """The first object that looks like a destination: with settings that are no directives, and metadata."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(exported, Mapping):
        if isinstance(exported.get("metadata"), Mapping) and not _is_subscription(exported):
            return where, exported
        parts = [(f"{where}.{key}".lstrip("."), part) for key, part in exported.items()]
    elif isinstance(exported, list):
        parts = [(f"{where}[{place}]", part) for place, part in enumerate(exported)]
    else:
        return None
    return next((found for place, part in parts if (found := _destination(part, place, depth + 1))), None)


def _kind(one: Mapping[str, Any]) -> Destination | None:
    """By the names in the destination's metadata."""
    metadata = one.get("metadata")
    said = [one.get("slug"), one.get("kind"), one.get("destination")]
    said += [metadata.get(key) for key in ("slug", "name", "key")] if isinstance(metadata, Mapping) else []
    names = {_plain(text) for text in said if isinstance(text, str)}
    for known in DESTINATIONS.values():
        if names & {_plain(known.key), _plain(known.title)}:
            return known
    return None


def _plain(name: str) -> str:
    """A name without case, spaces and what Segment writes around it."""
    return folded(name.lower().replace("actions", "").replace("-", " ").replace("_", " ").strip(" ()"))


def _settings(known: Destination, given: Any, where: str, remarks: list[Problem]) -> Iterator[tuple[str, Any]]:
    if not isinstance(given, Mapping):
        return
    keys = {setting.key: setting for setting in known.settings}
    by_name = {folded(key): key for key in keys}
    for name, value in given.items():
        place = f"{where}.settings.{name}".lstrip(".")
        key = by_name.get(folded(str(name)))
        if key is None:
            remarks.append(Problem(place, "is no setting here and is left out"))
        elif keys[key].type == "secret" and (not isinstance(value, str) or not set(value) - _MASKS):
            remarks.append(Problem(place, "is not part of the export", "Enter it in the destination's settings."))
        elif value not in (None, ""):
            yield key, value


def _is_subscription(value: Mapping[str, Any]) -> bool:
    return any(isinstance(value.get(key), str) for key in _TRIGGERS) and (
        any(key in value for key in _FIELDS) or any(key in value for key in _ACTIONS)
    )


class _Reader:
    """Reads mappings, and notes what is not understood."""

    def __init__(self, destination: Destination, exported: Any) -> None:
        self.remarks: list[Problem] = []
        self._destination = destination
        self._slugs = dict(_slugs(exported))
        self._names: set[str] = set()

    def remark(self, where: str, what: str, mend: str = "") -> None:
        self.remarks.append(Problem(where, what, mend))

    def subscriptions(self, value: Any, where: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every mapping, whatever is around it, with its place."""
        if depth > MAX_DEPTH:
            self.remark(where, f"is nested deeper than {MAX_DEPTH} levels and is left out")
        elif isinstance(value, Mapping):
            if _is_subscription(value):
                yield where, value
                return
            for key, part in value.items():
                if key not in ("metadata", "fields") and isinstance(part, (Mapping, list)):
                    yield from self.subscriptions(part, f"{where}.{key}".lstrip("."), depth + 1)
        elif isinstance(value, list):
            for place, part in enumerate(value):
                yield from self.subscriptions(part, f"{where}[{place}]", depth + 1)

    def mapping(self, where: str, one: Mapping[str, Any]) -> dict[str, Any] | None:
        """One mapping as ours are written; None for one that cannot be had."""
        fields = self._fields(where, one)
        if fields is None:
            return None
        action = self._action(where, one)
        for key in one:
            if key not in _KNOWN and key not in _SEGMENTS_OWN:
                self.remark(f"{where}.{key}".lstrip("."), "is not understood and is left out")
        enabled = next((one[key] for key in _ENABLED if isinstance(one.get(key), bool)), True)
        return {
            "name": self._name(one, action, fields),
            "trigger": next(one[key] for key in _TRIGGERS if isinstance(one.get(key), str)),
            "action": action.key,
            "fields": fields,
            "enabled": enabled,
        }

    def _fields(self, where: str, one: Mapping[str, Any]) -> dict[str, Any] | None:
        key = next((key for key in _FIELDS if key in one), None)
        value = {} if key is None else one[key]
        place = f"{where}.{key or 'mapping'}".lstrip(".")
        if isinstance(value, str):  # Terraform keeps JSON in a text
            try:
                value = msgspec.json.decode(value)
            except (msgspec.DecodeError, RecursionError):
                self.remark(place, "is a text that is no JSON: this mapping is left out")
                return None
        if not isinstance(value, dict):
            self.remark(place, f"expected an object of fields, found {describe(value)}: this mapping is left out")
            return None
        return value

    def _action(self, where: str, one: Mapping[str, Any]) -> Action:
        """The action that any of its names, keys or ids means; the usual one for what nobody here knows."""
        said = list(_texts(one))
        for text in said:
            if text and (action := self._destination.action(self._slugs.get(text, text))):
                return action
        usual = self._destination.actions[0]
        if len(self._destination.actions) > 1 or said:
            what = f"{said[0]!r} is no action here" if said else "no action is named"
            self.remark(
                f"{where}.action".lstrip("."), f"{what}: taken for {usual.title!r}", "Change it if that is wrong."
            )
        return usual

    def _name(self, one: Mapping[str, Any], action: Action, fields: Mapping[str, Any]) -> str:
        given = next((one[key] for key in _NAMES if isinstance(one.get(key), str) and one[key].strip()), "")
        event = fields.get("event")
        name = given.strip() or (event if isinstance(event, str) and event.strip() else action.title)
        made = free_name(name, self._names)
        self._names.add(made)
        return made


def free_name(name: str, taken: set[str] | Sequence[str]) -> str:
    """`name`, or with a number behind it where it is taken."""
    number, made = 2, name
    while made in taken:
        made, number = f"{name} {number}", number + 1
    return made


def _texts(one: Mapping[str, Any]) -> Iterator[str]:
    for key in _ACTIONS:
        value = one.get(key)
        if isinstance(value, Mapping):
            yield from (str(value[part]) for part in ("slug", "key", "name", "id") if isinstance(value.get(part), str))
        elif isinstance(value, str):
            yield value


def _slugs(value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """What actions are called, by their ids, from the lists of actions in metadata."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        listed = value.get("actions")
        for action in listed if isinstance(listed, list) else ():
            if isinstance(action, Mapping) and isinstance(action.get("id"), str):
                name = action.get("slug") or action.get("name")
                if isinstance(name, str):
                    yield action["id"], name
        for part in value.values():
            yield from _slugs(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from _slugs(part, depth + 1)
