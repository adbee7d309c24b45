"""The configuration: sources, destinations and their mappings. Files of it are read strictly, all errors at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from tockwork.configuration import alerts, document, pair, schema
from tockwork.configuration.alerts import Alerts
from tockwork.configuration.document import Place
from tockwork.configuration.references import References
from tockwork.destinations.case import Case
from tockwork.destinations.catalog import DESTINATIONS, find
from tockwork.destinations.configured import configure
from tockwork.destinations.declare import suggestion
from tockwork.destinations.misfits import misfits
from tockwork.destinations.privacy import Privacy
from tockwork.ingest.source import SourceKind, is_domain, is_origin
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.secret import Secret

MAX_NAME: Final = 100


class SourceEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One source of events; `write_key` is what its clients send. Pages of `allowed_origins` may have cookies set for
    their visitors, on `cookie_domain`; empty, pages that share a domain with the server may."""

    name: str
    write_key: str
    kind: str = "server"
    enabled: bool = True
    allowed_origins: list[str] = []
    cookie_domain: str = ""


class DestinationEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One connected destination. Without `mappings`, the presets of `preset_pack`. `cases` are checked by
    ``tockwork check``. With `sandbox`, rows go to the built-in stand-in for TikTok instead of TikTok. `privacy` says
    what the destination may be told, and of whom. `sources` are the names of those whose events it takes, None for all.

    With `pixel`, which holds settings of a pixel and may be empty, it is a pair: the pixel in the browser reports the
    same events. Settings of type secret are kept as `Secret`.
    """

    kind: str
    name: str = ""
    enabled: bool = True
    sandbox: bool = False
    sources: list[str] | None = None
    settings: dict[str, Any] = {}
    preset_pack: str | None = None
    mappings: list[dict[str, Any]] | None = None
    privacy: Privacy | None = None
    pixel: dict[str, Any] | None = None
    cases: list[Case] = []
    title: str = ""
    doc: str = ""

    @property
    def in_browser(self) -> bool:
        """Whether a plugin in the shopper's browser delivers to it, and the server never does."""
        destination = DESTINATIONS.get(self.kind)
        return destination is not None and destination.device is not None

    @property
    def legs(self) -> list[DestinationEntry]:
        """The destinations that it stands for, each as one of its own: itself, and of a pair the pixel too."""
        page = None if self.pixel is None else pair.beside(self.kind)
        if self.pixel is None or page is None:
            return [self]
        server = msgspec.structs.replace(self, pixel=None, settings=pair.server_settings(self.settings, self.pixel))
        in_page = DestinationEntry(
            page.key,
            pair.page_name(self.name),
            enabled=self.enabled,
            sources=self.sources,
            settings=pair.page_settings(page, self.settings, self.pixel),
            mappings=pair.page_mappings(self.kind, page, self.mappings, self.preset_pack),
            privacy=pair.page_privacy(page, self.privacy),
        )
        return [server, in_page]

    def __post_init__(self) -> None:
        self.name = self.name or self.title or self.kind
        if destination := DESTINATIONS.get(self.kind):
            secret = {setting.key for setting in destination.settings if setting.type == "secret"}
            self.settings = {
                key: Secret(value) if key in secret and isinstance(value, str) and value else value
                for key, value in self.settings.items()
            }


class Written(msgspec.Struct, forbid_unknown_fields=True):
    """What a file holds."""

    sources: list[SourceEntry] = []
    destinations: list[DestinationEntry] = []
    alerts: Alerts = Alerts()


class Configuration(Written, forbid_unknown_fields=True):
    """Everything a server runs on. Two are equal when they say the same, wherever it came from.

    `managed_by` is the name of the file that manages it, if one does. `references` holds, by place, the reference that
    a value was taken from.
    """

    managed_by: str | None = None
    references: dict[Place, str] = {}

    @property
    def legs(self) -> list[DestinationEntry]:
        """The destinations, each pair as its two."""
        return [leg for entry in self.destinations for leg in entry.legs]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Configuration):
            return NotImplemented
        return schema.same(plain(self), plain(other))


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Configuration:
    """Read a configuration, or a single destination with its cases, from a YAML or JSON file.

    A value ``${NAME}`` is taken from the environment, ``${file:/path}`` from a file. Raises `ConfigurationError` with
    everything that is wrong, each with its place.
    """
    problems: list[Problem] = []
    data = document.read(path)
    single = isinstance(data, dict) and ("kind" in data or "destination" in data)
    if single:
        data = {"destinations": [_one_kind(data, problems)]}
    references = References(environment)
    data = references.fill(data)
    problems = _problems(data, [*problems, *references.problems])
    if problems:
        beside = "destinations[0]." if single else ""
        raise ConfigurationError([Problem(p.where.removeprefix(beside) or path.name, p.what, p.mend) for p in problems])
    return Configuration(
        sources=msgspec.convert(data.get("sources", []), list[SourceEntry]),
        destinations=msgspec.convert(data.get("destinations", []), list[DestinationEntry]),
        alerts=msgspec.convert(data.get("alerts", {}), Alerts),
        references=references.found,
    )


def check_configuration(configuration: Configuration) -> list[Problem]:
    """Everything that is wrong with a configuration, however it was made; nothing when a server can run on it."""
    return _problems(plain(configuration))


def plain(configuration: Configuration) -> dict[str, Any]:
    """A configuration as a file would hold it, secrets as `Secret`; without members that have their defaults."""
    members = {member: schema.plain(getattr(configuration, member)) for member in Written.__struct_fields__}
    return {member: value for member, value in members.items() if value or member != "alerts"}


def read_filled(path: Path, environment: Mapping[str, str] = os.environ) -> Any:
    """The plain values in a YAML or JSON file, with what their references stand for. Raises `ConfigurationError`
    naming the line, or every reference that leads nowhere."""
    references = References(environment)
    data = references.fill(document.read(path))
    if references.problems:
        raise ConfigurationError(references.problems)
    return data


def _one_kind(data: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Files of cases call a destination's kind ``destination``."""
    if "kind" in data and "destination" in data:
        problems.append(Problem("destination", "means the same as 'kind', which is there too", "Keep one of them."))
    return {"kind" if key == "destination" else key: value for key, value in data.items()}


def _problems(data: Any, known: Sequence[Problem] = ()) -> list[Problem]:
    """`known` and what else is wrong with `data`, without what only follows: where the shape is wrong, nothing is said
    of what is there or below."""
    found = list(known)
    for rule in (_misshapen, _wrong_sources, _wrong_sites, _wrong_destinations, _wrong_alerts):
        hidden = {problem.where for problem in found}
        found += [problem for problem in rule(data) if hidden.isdisjoint(_upwards(problem.where))]
    return found


def _upwards(where: str) -> Iterator[str]:
    """A place and those around it."""
    yield where
    yield from (where[:end] for end, sign in enumerate(where) if sign in ".[")


def _misshapen(data: Any) -> Iterator[Problem]:
    yield from misfits(data, Written)


def _entries(data: Any, member: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects listed in a member, each with its place."""
    listed = data.get(member) if isinstance(data, dict) else None
    listed = listed if isinstance(listed, list) else []
    return [(f"{member}[{index}]", entry) for index, entry in enumerate(listed) if isinstance(entry, dict)]


def _wrong_sources(data: Any) -> Iterator[Problem]:
    entries = _entries(data, "sources")
    yield from _wrong_names([(where, entry.get("name")) for where, entry in entries])
    kinds = {str(kind): kind for kind in SourceKind}
    keys: set[str] = set()
    for where, entry in entries:
        kind, key = entry.get("kind", SourceKind.SERVER), entry.get("write_key")
        if kind not in list(SourceKind):
            yield Problem(f"{where}.kind", f"{kind!r} is no kind of source", suggestion(kind, kinds))
        if not isinstance(key, str):
            continue
        if not key:
            yield Problem(f"{where}.write_key", "is empty", "Give each source its own.")
        elif not key.isprintable() or ":" in key or " " in key:
            what = "has spaces, colons or control characters, which clients cannot send"
            yield Problem(f"{where}.write_key", what, "Letters, digits, - and _ are fine.")
        elif key in keys:
            yield Problem(f"{where}.write_key", "is taken by an earlier source", "Give each source its own.")
        keys.add(key)


def _wrong_sites(data: Any) -> Iterator[Problem]:
    """Origins and cookie domains of sources that no browser would take."""
    for where, entry in _entries(data, "sources"):
        for place, origin in enumerate(entry.get("allowed_origins", [])):
            if not is_origin(origin):
                mend = "Write https://shop.example, with a port if it has one, and nothing after."
                yield Problem(f"{where}.allowed_origins[{place}]", f"{origin!r} is no origin", mend)
        domain = entry.get("cookie_domain", "")
        if domain and not is_domain(domain):
            mend = "Write shop.example, in lower case and without a dot before it."
            yield Problem(f"{where}.cookie_domain", f"{domain!r} is no domain", mend)


def _wrong_destinations(data: Any) -> Iterator[Problem]:
    entries = _entries(data, "destinations")
    names = [(where, entry.get("name") or entry.get("title") or entry.get("kind")) for where, entry in entries]
    pixels = [
        (f"{where}.pixel", pair.page_name(name))
        for (where, entry), (_, name) in zip(entries, names, strict=True)
        if entry.get("pixel") is not None and isinstance(name, str)
    ]
    yield from _wrong_names([*names, *pixels])
    known = {str(entry.get("name")): None for _, entry in _entries(data, "sources")}
    for where, entry in entries:
        yield from _wrong_choice(f"{where}.sources", entry.get("sources"), known)
        if isinstance(entry.get("kind"), str):
            yield from (Problem(f"{where}.{p.where}", p.what, p.mend) for p in _wrong_destination(entry))


def _wrong_choice(where: str, chosen: Any, known: Mapping[str, Any]) -> Iterator[Problem]:
    """Sources of a destination that there are not."""
    if chosen == []:
        yield Problem(where, "names none, so nothing would be sent", "Name a source, or remove it to take them all.")
    for place, name in enumerate(chosen or ()):
        if name not in known:
            mend = suggestion(name, known) if known else "Add it to the sources first."
            yield Problem(f"{where}[{place}]", f"{name!r} is no source", mend)


def _wrong_destination(entry: dict[str, Any]) -> Sequence[Problem]:
    try:
        destination = find(entry["kind"])
        given = (entry.get(member) for member in ("mappings", "preset_pack", "privacy"))
        configure(destination, entry.get("settings", {}), *given)
    except ConfigurationError as error:
        return error.problems
    if destination.device is not None and entry.get("sandbox"):
        what = f"{destination.title} reports from the browser to TikTok itself, never to the sandbox"
        return [Problem("sandbox", what, "Remove it; to send nothing, write enabled: false.")]
    return list(_wrong_pair(entry)) if isinstance(entry.get("pixel"), dict) else []


def _wrong_pair(entry: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with a pair whose server's leg is as it should be."""
    problems = list(pair.wrong(entry["kind"], entry.get("sandbox", False), entry["pixel"]))
    yield from problems
    with suppress(msgspec.ValidationError):  # a member has the wrong shape, which is said elsewhere
        for leg in [] if problems else msgspec.convert(entry, DestinationEntry).legs[1:]:
            try:
                configure(find(leg.kind), leg.settings, leg.mappings, leg.preset_pack, leg.privacy)
            except ConfigurationError as error:
                yield from map(pair.place, error.problems)


def _wrong_alerts(data: Any) -> Iterator[Problem]:
    given = data.get("alerts") if isinstance(data, dict) else None
    yield from alerts.wrong(given) if isinstance(given, dict) else ()


def _wrong_names(names: list[tuple[str, Any]]) -> Iterator[Problem]:
    """Names that are not unique, or not fit to be shown and typed."""
    taken: set[str] = set()
    for where, name in names:
        if not isinstance(name, str):
            continue
        if not 1 <= len(name) <= MAX_NAME:
            yield Problem(f"{where}.name", f"expected 1 to {MAX_NAME} characters, got {len(name)}")
        elif not name.isprintable() or name != name.strip():
            yield Problem(f"{where}.name", "has control characters, or spaces around it")
        elif name in taken:
            yield Problem(f"{where}.name", f"{name!r} is taken by an earlier one", "Give each its own name.")
        taken.add(name)
