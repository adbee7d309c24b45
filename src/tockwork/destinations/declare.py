"""How a destination is declared: as data that the engine obeys, so that the engine never asks which one it serves."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from tockwork.destinations.diagnosis import Diagnostics
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.event import Envelope
from tockwork.model.outcome import Answer
from tockwork.model.secret import Secret
from tockwork.rules.fields import Field
from tockwork.rules.scalars import describe

MAX_MAPPINGS = 50
"""Mappings per destination instance (Segment, "Mapping limits per destination")."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What TikTok accepts, and for how long a repeat is harmless. `upload_window_s` is the age from which an event is
    taken no more; None for any age.

    Sources: TikTok, "Report App, Web, Offline, or CRM Events" (rows), "Rate limits" (requests per second and token),
    "Event deduplication" (48 h), "Offline setup guide" (28 days). The byte limit is ours: TikTok documents none.
    """

    rows: int = 1000
    bytes: int = 1_000_000
    requests_per_second: int = 1000
    dedup_window_s: int = 48 * 3600
    retry_for_s: int = 24 * 3600
    upload_window_s: int | None = None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a destination instance; `help` says where to get the value, `steps` how, click by click.
    `placeholder` stands in for a required one where nothing is sent."""

    key: str
    label: str
    help: str
    type: Literal["string", "boolean", "secret"] = "string"
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    """Says what is wrong with a value, in words without the value; None when it is fine."""
    steps: tuple[str, ...] = ()
    placeholder: str = ""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What a mapping can do at the destination: its fields. `names` are what other products call it."""

    key: str
    title: str
    help: str
    fields: tuple[Field, ...]
    names: tuple[str, ...] = ()


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping that is installed when the destination is connected."""

    name: str
    trigger: str
    fields: dict[str, Any]
    action: str


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a destination one of the browser's: it is delivered to by a plugin of analytics.js, never by us.

    `asset` is the plugin's file and `factory` the global name of what makes it. `public` are the only settings that a
    browser may see, by their keys; `facts` tells what else the plugin must know, from an instance's settings and the
    fields of its enabled mappings.
    """

    asset: str
    factory: str
    public: tuple[str, ...]
    facts: Callable[[Mapping[str, Any], list[Mapping[str, Any]]], dict[str, Any]]


class Remark(msgspec.Struct, frozen=True):
    """What the platform will make of a name: "info" is worth knowing, a "warning" costs money or data. `code` never
    changes its meaning."""

    level: str
    code: str
    text: str
    mend: str = ""


class KnownName(msgspec.Struct, frozen=True):
    """An event's name that the platform knows. `note` is a word on it where it is not for new mappings, such as
    "legacy: now Purchase"; empty for one that is."""

    name: str
    note: str = ""


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform calls events. `field` is the key of the field that takes the name. `check` says what to think of
    a name under the other constants of the mapping's fields; nothing when all is well."""

    field: str
    known: tuple[KnownName, ...]
    check: Callable[[str, Mapping[str, Any]], list[Remark]]


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """What the buttons are called that begin and end connecting a destination, as its users know them from elsewhere.
    An empty `begin` is "Configure" and the title."""

    begin: str = ""
    connect: str = "Save"


class Destination(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One destination: everything the engine needs to know of it.

    `envelope` is what stands at the root of an instance's requests where neither a mapping nor a row says otherwise.
    `row` makes an encoder from an instance's settings: a function from the record that a mapping filled, the time that
    counts as now (Unix seconds) and a list that takes warnings, to the row and its envelope. It raises `FieldError`
    where the row may not be sent. `path` is the endpoint's; `read` reads its answers; `token` is the key of the setting
    that holds the access token. `integrations` are the names that switch the destination off in an event's
    `integrations` object. `packs` maps a preset pack's name to its presets.
    """

    key: str
    title: str
    help: str
    settings: tuple[Setting, ...]
    actions: tuple[Action, ...]
    envelope: Callable[[Mapping[str, Any]], Envelope]
    record: type[msgspec.Struct]
    row: Callable[[Mapping[str, Any]], RowEncoder]
    path: str
    read: AnswerReader
    token: str
    integrations: tuple[str, ...]
    packs: dict[str, tuple[Preset, ...]]
    default_pack: str
    limits: Limits = Limits()
    advice: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]] | None = None
    """Warnings about one mapping's fields under some settings, given when the instance is configured."""
    naming: Naming | None = None
    diagnostics: Diagnostics | None = None
    device: Device | None = None
    pair: str = ""
    """The key of the destination in the browser that can report the same events beside it."""
    wording: Wording = Wording()

    def action(self, name: str) -> Action | None:
        """The action by its key or one of its other names; an empty name means the first."""
        if not name:
            return self.actions[0]
        return next((a for a in self.actions if name in (a.key, a.title, *a.names)), None)


RowEncoder = Callable[[Any, float, list[str]], tuple[Any, Envelope]]


class AnswerReader(Protocol):
    """Reads an answer by a destination's response table. `rows` counts the request's rows; `mask` hides their values in
    a message; `now` is Unix time, for dates in headers."""

    def __call__(
        self,
        http_status: int | None,
        headers: Mapping[str, str],
        body: bytes,
        rows: int,
        mask: Callable[[str], str],
        now: float,
    ) -> Answer: ...


def read_settings(destination: Destination, given: Mapping[str, Any], where: str = "settings") -> dict[str, Any]:
    """`given` with defaults, each value checked, secrets wrapped in `Secret`.

    Raises `ConfigurationError` naming every problem: unknown keys, wrong types, missing required values other than
    secrets (an instance without its token is a valid one that waits, `no_token`).
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError([Problem(where, f"expected an object of settings, got {describe(given)}")])
    known = {setting.key: setting for setting in destination.settings}
    problems = [
        Problem(f"{where}.{key}", "is no setting of this destination", suggestion(key, known))
        for key in given
        if key not in known
    ]
    values: dict[str, Any] = {}
    for setting in destination.settings:
        value = given.get(setting.key)
        if value is None or value == "":
            value = setting.default
        if value is None:
            if setting.required:
                problems.append(Problem(f"{where}.{setting.key}", "is required", setting.help))
            continue
        fault = _fault(setting, value)
        if fault:
            problems.append(Problem(f"{where}.{setting.key}", fault))
        elif setting.type == "secret":
            values[setting.key] = value if isinstance(value, Secret) else Secret(value)
        else:
            values[setting.key] = value
    if problems:
        raise ConfigurationError(problems)
    return values


def _fault(setting: Setting, value: Any) -> str | None:
    if setting.type == "secret" and isinstance(value, Secret):
        return None
    wanted = bool if setting.type == "boolean" else str
    if not isinstance(value, wanted):
        return f"expected {'true or false' if wanted is bool else 'text'}, got {describe(value)}"
    if setting.choices and value not in setting.choices:
        return f"expected one of {', '.join(setting.choices)}"
    return setting.check(value) if setting.check else None


def suggestion(key: object, known: Mapping[str, Any]) -> str:
    """The known key that `key` resembles, else the list of what there is."""
    spelled = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(key).lower(), spelled, n=1, cutoff=0.6)
    return f"Did you mean {spelled[close[0]]!r}?" if close else f"Known: {', '.join(known)}."
