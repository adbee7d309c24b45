"""A configuration as it may be shown to strangers: its shape stays, and its secrets and literals go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tockwork.configuration.alerts import Alerts
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.delivery.mask import MASK, masker
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.tiktok.standard_events import KNOWN_NAMES
from tockwork.model.event import CALLS
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings
from tockwork.rules.trigger import Trigger, TriggerError

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'')
_TAG: Final = re.compile(r"\{\{[^{}]*\}\}")
_PHONE: Final = re.compile(r"\+\d[\d ().-]{6,}\d|\(\d{3}\)[\d ().-]{6,}\d|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b|\b\d{7,}\b")
_WORDS: Final = frozenset({*CALLS, *KNOWN_NAMES, "upper", "lower", "encode", "decode"})
_PLAIN_SETTINGS: Final = frozenset({"default_region", "timezone"})
_TRIGGERS: Final = ("trigger", "subscribe")
_NAMED: Final = ("name", "action", "partnerAction")
_LONG: Final = 12
_SHORTEST: Final = 8


def of_presets() -> frozenset[str]:
    """The literals of our own presets and choices, which anybody may see."""
    words = set(_WORDS)
    for destination in DESTINATIONS.values():
        words |= {choice for action in destination.actions for field in action.fields for choice in field.choices}
        for preset in (preset for presets in destination.packs.values() for preset in presets):
            words |= {first or second for first, second in _QUOTED.findall(preset.trigger)}
    return frozenset(words)


def short(secret: str) -> str:
    """The beginning of something that is told apart by it, and its length."""
    return f"{secret[:4] if len(secret) >= _LONG else ''}… ({len(secret)} characters)"


class Redaction:
    """Redacts by what is known of a configuration: its tokens, write keys and pixel codes go wherever they stand."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._words = of_presets()
        self._mask = masker([])
        secrets = {*_secrets(configuration), *(name for name in _names(configuration) if self.name(name) != name)}
        self._mask = masker([], sorted(secrets, key=len, reverse=True))

    def text(self, text: str) -> str:
        """`text` without the configuration's secrets and without what looks personal."""
        return self._mask(text)

    def name(self, text: str) -> str:
        """A name that a user gave: also without what could be a phone number."""
        return self._mask(_PHONE.sub(MASK, text))

    def configuration(self) -> dict[str, Any]:
        return {
            "sources": [self._source(entry) for entry in self._configuration.sources],
            "destinations": [self._destination(entry) for entry in self._configuration.destinations],
            "alerts": self._alerts(self._configuration.alerts),
        }

    def _alerts(self, alerts: Alerts) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(alerts, webhook=""))
        return {**shown, "webhook": "set" if alerts.webhook else ""}

    def _source(self, entry: SourceEntry) -> dict[str, Any]:
        return {
            "name": self.name(entry.name),
            "kind": self.name(entry.kind),
            "enabled": entry.enabled,
            "write_key": short(entry.write_key),
        }

    def _destination(self, entry: DestinationEntry) -> dict[str, Any]:
        return {
            "kind": self.name(entry.kind),
            "name": self.name(entry.name),
            "enabled": entry.enabled,
            "preset_pack": entry.preset_pack and self.name(entry.preset_pack),
            "settings": self._settings(entry),
            "mappings": None if entry.mappings is None else [self._mapping(mapping) for mapping in entry.mappings],
            "cases": len(entry.cases),
            **({} if entry.pixel is None else {"pixel": self._pixel(entry.pixel)}),
        }

    def _pixel(self, own: Mapping[str, Any]) -> dict[str, Any]:
        return {self.name(key): value if isinstance(value, bool) else "set" for key, value in own.items()}

    def _settings(self, entry: DestinationEntry) -> dict[str, Any]:
        declared = DESTINATIONS.get(entry.kind)
        known = {setting.key: setting for setting in declared.settings} if declared else {}
        shown: dict[str, Any] = {}
        for key, given in entry.settings.items():
            setting, value = known.get(key), _plain(given)
            if isinstance(value, bool) or value in (None, ""):
                shown[self.name(key)] = value
            elif setting is None or setting.type == "secret" or not isinstance(value, str):
                shown[self.name(key)] = f"set, {len(value)} characters" if isinstance(value, str) else "set"
            elif _is_plain(entry.kind, key, value):
                shown[key] = self.name(value)
            else:
                shown[key] = short(value)
        return shown

    def _mapping(self, mapping: Any) -> Any:
        if not isinstance(mapping, Mapping):
            return self._masked(mapping)
        shown: dict[str, Any] = {}
        for key, value in mapping.items():
            if key in _TRIGGERS and isinstance(value, str):
                shown[key] = self._trigger(value)
            elif key in _NAMED and isinstance(value, str):
                shown[key] = self.name(value)
            else:
                shown[self.name(str(key))] = self._masked(value)
        return shown

    def _trigger(self, text: str) -> str:
        try:
            Trigger.parse(text)
        except TriggerError:
            return f"{MASK} ({len(text)} characters, not understood)"
        return self.name(_QUOTED.sub(self._quoted, text))

    def _quoted(self, literal: re.Match[str]) -> str:
        return literal[0] if (literal[1] or literal[2]) in self._words else f'"{MASK}"'

    def _masked(self, value: Any) -> Any:
        """A mapping's value: directives and paths stay, literals go unless they are words of our own."""
        if isinstance(value, Mapping):
            return {self.name(str(key)): self._directive(str(key), part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._masked(part) for part in value]
        if isinstance(value, bool) or value is None or (isinstance(value, str) and value in self._words):
            return value
        return MASK

    def _directive(self, key: str, value: Any) -> Any:
        if key == "@path" and isinstance(value, str):
            return self.name(value)
        if key == "@template" and isinstance(value, str):
            return MASK.join(["", *map(self.name, _TAG.findall(value)), ""])
        if key == "@arrayPath" and isinstance(value, list) and value and isinstance(value[0], str):
            return [self.name(value[0]), *map(self._masked, value[1:])]
        return self._masked(value)


def _secrets(configuration: Configuration) -> Iterator[str]:
    """Everything in it that is secret, or names somebody's account; what is shorter could be a word of its own."""
    yield from (entry.write_key for entry in configuration.sources if len(entry.write_key) >= _SHORTEST)
    if configuration.alerts.webhook:
        yield configuration.alerts.webhook.reveal()
    for entry in configuration.destinations:
        for key, value in entry.settings.items():
            plain = _plain(value)
            if isinstance(plain, str) and len(plain) >= _SHORTEST and not _is_plain(entry.kind, key, plain):
                yield plain


def _plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _is_plain(kind: str, key: str, value: str) -> bool:
    declared = DESTINATIONS.get(kind)
    settings = declared.settings if declared else ()
    return key in _PLAIN_SETTINGS or any(value in setting.choices for setting in settings if setting.key == key)


def _names(configuration: Configuration) -> Iterator[str]:
    yield from (entry.name for entry in configuration.sources)
    for entry in configuration.destinations:
        yield entry.name
        names = (mapping.get("name") for mapping in entry.mappings or () if isinstance(mapping, dict))
        yield from (name for name in names if isinstance(name, str))


def of_process(settings: Settings) -> dict[str, Any]:
    """The process settings: URLs without credentials and queries, of files and folders the last name."""
    return {key: _setting(value) for key, value in msgspec.structs.asdict(settings).items()}


def _setting(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, msgspec.Struct):
        return {key: _setting(part) for key, part in msgspec.structs.asdict(value).items()}
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith(("/", "~", "."))):
        return f"…/{Path(value).name}"
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return value if isinstance(value, str) else "set"
