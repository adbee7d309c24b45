"""A form of a destination's settings: from what the API says to inputs, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar.datastructures import FormMultiDict

TEXTS: Final = ("name", "preset_pack")


def typed(form: FormMultiDict, kind: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, by the inputs' names: shown again when something is wrong."""
    inputs = [*places(kind["settings"], "settings"), *places(kind["pair_settings"], "pixel"), *TEXTS]
    values: dict[str, Any] = {name: str(form.get(name, "")).strip() for name in inputs}
    for name in ("enabled", "sandbox", "with_pixel", "discard_mappings"):
        values[name] = form.get(name) == "true"
    values["sources"] = [str(one) for one in form.getall("sources", [])]
    return values


def asked(values: Mapping[str, Any], settings: Sequence[Mapping[str, Any]], member: str) -> dict[str, Any]:
    """The settings as the API takes them: None for one that has its default. An empty secret stays as it is."""
    found: dict[str, Any] = {}
    for setting in settings:
        value = values.get(f"{member}.{setting['key']}", "")
        if setting["type"] == "boolean":
            value = value == "true"
        is_default = value == setting["default"] or (value == "" and setting["type"] != "secret")
        found[setting["key"]] = None if is_default else value
    return found


def shown(settings: Sequence[Mapping[str, Any]], given: Mapping[str, Any], member: str) -> dict[str, Any]:
    """What the inputs hold for settings that are kept."""
    values: dict[str, Any] = {}
    for setting in settings:
        value = given.get(setting["key"], setting["default"])
        if setting["type"] == "secret" or value is None:
            value = ""
        elif isinstance(value, bool):
            value = "true" if value else ""
        values[f"{member}.{setting['key']}"] = value
    return values


def without_help(errors: Mapping[str, str], kind: Mapping[str, Any]) -> dict[str, str]:
    """The problems without the help that stands at their fields anyway."""
    helps = {f"settings.{one['key']}": one["help"] for one in kind["settings"]}
    return {place: text.removesuffix(helps.get(place, "")).rstrip() for place, text in errors.items()}


def places(settings: Sequence[Mapping[str, Any]], member: str) -> list[str]:
    """The names of the inputs, which are the places of their problems too."""
    return [f"{member}.{setting['key']}" for setting in settings]
