"""A configuration as the store keeps it: JSON, with secrets sealed. Here alone they are sealed and opened."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tockwork.configuration.document import Place
from tockwork.configuration.entries import Configuration, plain
from tockwork.configuration.keyring import Keyring, WrongKey
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.secret import Secret

_SEALED: Final = "sealed"
_WEBHOOK: Final = "/alerts/webhook"
OF_ALERTS: Final = "alerts, webhook"
"""Where the webhook of alerts is, in a problem with it."""


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """What the store keeps. `references` are pairs, since JSON knows only text as keys."""

    sources: list[dict[str, Any]]
    destinations: list[dict[str, Any]]
    managed_by: str | None
    references: list[tuple[Place, str]]
    alerts: dict[str, Any] = {}


def stored(configuration: Configuration, keyring: Keyring) -> bytes:
    """`configuration` as JSON, in which secrets stand as ``{"sealed": …}``."""
    data = plain(configuration)
    for destination in data["destinations"]:
        destination["settings"] = {
            key: {_SEALED: keyring.seal(value, _place(destination, key))} if isinstance(value, Secret) else value
            for key, value in destination.get("settings", {}).items()
        }
    if isinstance(webhook := data.get("alerts", {}).get("webhook"), Secret):
        data["alerts"]["webhook"] = {_SEALED: keyring.seal(webhook, _WEBHOOK)}
    references = list(configuration.references.items())
    return msgspec.json.encode(_Kept(**data, managed_by=configuration.managed_by, references=references))


def opened(content: bytes, keyring: Keyring) -> Configuration:
    """The configuration that `stored` made `content` of. Raises `ConfigurationError` naming every destination whose
    secret cannot be opened."""
    configuration, problems = opened_as_far(content, keyring)
    if problems:
        raise ConfigurationError(problems)
    return configuration


def opened_as_far(content: bytes, keyring: Keyring) -> tuple[Configuration, list[Problem]]:
    """`opened`, but a secret that cannot be opened is left out, so that its destination waits for a new one."""
    problems: list[Problem] = []
    try:
        kept = msgspec.json.decode(content, type=_Kept)
        for destination in kept.destinations:
            destination["settings"] = _opened_settings(destination, keyring, problems)
        data = {
            "sources": kept.sources,
            "destinations": kept.destinations,
            "alerts": _opened_alerts(kept.alerts, keyring, problems),
            "managed_by": kept.managed_by,
        }
        configuration = msgspec.convert(data, Configuration)
    except msgspec.DecodeError as error:
        mend = "Was it stored by a newer version of Tockwork?"
        raise ConfigurationError([Problem("the stored configuration", f"cannot be read: {error}", mend)]) from None
    configuration.references = dict(kept.references)
    return configuration, problems


def _opened_settings(destination: dict[str, Any], keyring: Keyring, problems: list[Problem]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in destination["settings"].items():
        if not isinstance(value, dict):
            settings[key] = value
            continue
        try:
            settings[key] = keyring.open(value[_SEALED], _place(destination, key))
        except WrongKey as error:
            mend = (
                "Start with the TOCKWORK_SECRET_KEY or the secret.key that it was stored with, or give the destination "
                "its token again with `tockwork apply`."
            )
            problems.append(Problem(place_of(destination["name"], key), f"cannot be opened: {error}", mend))
    return settings


def _opened_alerts(kept: dict[str, Any], keyring: Keyring, problems: list[Problem]) -> dict[str, Any]:
    if not isinstance(sealed := kept.get("webhook"), dict):
        return kept
    try:
        return {**kept, "webhook": keyring.open(sealed[_SEALED], _WEBHOOK)}
    except WrongKey as error:
        mend = "Start with the key that it was stored with, or give the webhook again."
        problems.append(Problem(OF_ALERTS, f"cannot be opened: {error}", mend))
        return {key: value for key, value in kept.items() if key != "webhook"}


def place_of(destination: str, key: str) -> str:
    """Where a destination's secret is, in a problem with it."""
    return f"destination {destination!r}, {key}"


def _place(destination: dict[str, Any], key: str) -> str:
    """What a sealed value is bound to, so that it is of no use in another destination."""
    return f"{destination['name']}/{key}"
