"""A pair: one connection to TikTok with two legs, the server's and the one in the browser, which is made of the first.

Both report the same events with the same names and ids, since nothing that decides about them is said twice. Why it is
built so: docs/decisions/0015-pair.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.configured import pack_name
from tockwork.destinations.declare import Destination
from tockwork.destinations.privacy import FieldList, Privacy
from tockwork.destinations.program import unfit
from tockwork.model.errors import Problem
from tockwork.rules.fields import Field

LIMITED: Final = "ldu"
"""The one setting that both legs have and that may be said on either: on one of them, it holds for both."""
_ACTION: Final = ("action", "partnerAction")
_FIELDS: Final = ("fields", "mapping")
_IN_A_PAGE: Final = (None, "web")


def beside(kind: str) -> Destination | None:
    """The destination in the browser that can stand beside one of this kind."""
    server = DESTINATIONS.get(kind)
    return DESTINATIONS[server.pair] if server is not None and server.pair else None


def page_name(name: str) -> str:
    """What the leg in the browser is called."""
    return f"{name} pixel"


def wrong(kind: str, sandbox: bool, own: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a pair beside its settings themselves. `own` is what it says of its leg in the browser."""
    page = beside(kind)
    if page is None:
        kinds = ", ".join(key for key, one in DESTINATIONS.items() if one.pair)
        yield Problem("pixel", f"nothing in the browser stands beside {kind}", f"These make a pair: {kinds}.")
        return
    if sandbox:
        what = "reports to TikTok itself, so the two cannot meet in the sandbox"
        yield Problem("pixel", what, "Remove sandbox, or pixel.")
    both = {setting.key for setting in DESTINATIONS[kind].settings} - {LIMITED}
    for key in own:
        if key in both:
            yield Problem(f"pixel.{key}", "is the same on both legs", "Write it into settings.")


def place(problem: Problem) -> Problem:
    """A problem of the leg in the browser, where the user wrote what is behind it."""
    where = "pixel" + problem.where.removeprefix("settings") if problem.where.startswith("settings.") else problem.where
    return Problem(where, problem.what, problem.mend)


def server_settings(settings: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the server's leg."""
    return {**settings, LIMITED: True} if own.get(LIMITED) is True else dict(settings)


def page_settings(page: Destination, settings: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the leg in the browser: those of the server's that it has too, and its own."""
    known = {setting.key for setting in page.settings}
    shared = {key: value for key, value in server_settings(settings, own).items() if key in known}
    return {**own, **shared}


def page_mappings(
    kind: str, page: Destination, mappings: Sequence[Mapping[str, Any]] | None, preset_pack: str | None
) -> list[dict[str, Any]]:
    """The pack of the same name; or the server's mappings, without the fields that a page has no place for and without
    those of other events than a page's, and then what the browser alone does, such as Identify."""
    server = DESTINATIONS[kind]
    if mappings is None:
        pack = pack_name(server, preset_pack)
        if pack in page.packs:
            return _as_the_server(server, page, pack)
        mappings = list(map(msgspec.structs.asdict, server.packs.get(pack, ())))
    made = [_in_page(page, mapping) for mapping in mappings if _is_of_page(mapping)]
    names = {mapping.get("name") for mapping in made}
    for preset in page.packs[page.default_pack]:
        if preset.action != page.actions[0].key:
            name = preset.name if preset.name not in names else page_name(preset.name)
            made.append({**msgspec.structs.asdict(preset), "name": name})
    return made


def _as_the_server(server: Destination, page: Destination, pack: str) -> list[dict[str, Any]]:
    """A pack's presets for the page, with the values of the server's own, wherever a page can make them."""
    presets = {preset.name: preset for preset in server.packs.get(pack, ())}
    optional = {field.key for field in server.actions[0].fields if field.optional}
    optional -= {field.key for field in page.actions[0].fields if field.optional}
    made = []
    for preset in page.packs[pack]:
        theirs = presets[preset.name].fields if preset.name in presets else preset.fields
        fields: dict[str, Any] = {
            key: theirs.get(key) for key in preset.fields if key in theirs and key not in optional
        }
        fields |= {key: preset.fields[key] for key, value in fields.items() if any(unfit(value))}
        if preset.name in presets:
            fields |= {one.key: None for one in page.actions[0].fields if _is_unknown(one, fields, server)}
        made.append({**msgspec.structs.asdict(preset), "fields": fields})
    return made


def _is_unknown(field: Field, fields: Mapping[str, Any], server: Destination) -> bool:
    """Whether a field would fill itself in the page that the server does not know."""
    return field.implied_by in fields and all(field.key != one.key for one in server.actions[0].fields)


def _is_of_page(mapping: Mapping[str, Any]) -> bool:
    sources = [fields.get("event_source") for key in _FIELDS if isinstance(fields := mapping.get(key), dict)]
    return not any(isinstance(source, str) and source not in _IN_A_PAGE for source in sources)


def _in_page(page: Destination, mapping: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.key for field in page.actions[0].fields}
    return {
        key: _kept(value, known) if key in _FIELDS and isinstance(value, dict) else value
        for key, value in mapping.items()
        if key not in _ACTION
    }


def _kept(fields: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Directives stay, and so does what they make: the action leaves out what it does not know."""
    return {key: value for key, value in fields.items() if key in known or key.startswith(("@", "__"))}


def page_privacy(page: Destination, privacy: Privacy | None) -> Privacy | None:
    """The same rules, as far as the browser can keep them. A page cannot limit one event of many, so it says nothing of
    somebody who opted out where the server's leg asks for limited use."""
    if privacy is None:
        return None
    opt_out = "block" if privacy.opt_out == "limit" else privacy.opt_out
    return msgspec.structs.replace(privacy, opt_out=opt_out, fields=_listed(page, privacy.fields))


def _listed(page: Destination, fields: FieldList | None) -> FieldList | None:
    if fields is None:
        return None
    known = {field.key for action in page.actions for field in action.fields}
    allow, deny = (
        None if names is None else [name for name in names if name.partition(".")[0] in known]
        for names in (fields.allow, fields.deny)
    )
    return FieldList(allow, deny) if allow is not None or deny else None
