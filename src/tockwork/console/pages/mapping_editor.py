"""Pages: the editor of one mapping, and its parts that change while one types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console import mapping_form, trigger_form
from tockwork.console.desk import OUTDATED, Desk
from tockwork.console.door import Refused
from tockwork.model.names import named, segment

RECENT: Final = 25
UNFINISHED: Final = "Type the name of the event that the mapping is for. It is compared letter by letter."
SAMPLE: Final = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "example-1",
    "userId": "user-1",
    "properties": {"order_id": "1001", "value": 45.5, "currency": "USD", "email": "ada@example.com"},
    "context": {"page": {"url": "https://shop.example/thanks"}, "userAgent": "Mozilla/5.0", "ip": "203.0.113.7"},
}


class _Page:
    """What the editor's page and all its parts need of one destination. `form` is what was typed, if anything was."""

    def __init__(self, desk: Desk, name: str, mapping: str | None) -> None:
        self.desk = desk
        self.place = f"/destinations/{segment(name)}"
        self.name = name
        self.mapping = mapping
        self.found: dict[str, Any] = {}
        self.actions: list[dict[str, Any]] = []

    async def load(self) -> _Page:
        self.found = await self.desk.door.get(f"{self.place}/mappings")
        self.actions = await self.desk.door.get(f"{self.place}/actions")
        return self

    def action(self, key: str) -> dict[str, Any]:
        return next((one for one in self.actions if one["key"] == key), self.actions[0])

    @property
    def address(self) -> str:
        return f"{self.place}/new-mapping" if self.mapping is None else f"{self.place}/mappings/{segment(self.mapping)}"

    async def show(self, action: dict[str, Any], mapping: Mapping[str, Any], **told: Any) -> Response[Any]:
        """The editor with this mapping; `told` overrides what else is shown."""
        errors = told.setdefault("errors", {})
        inputs = told.pop("inputs", None) or mapping_form.inputs(action, mapping["fields"])
        for one in inputs:
            one.error = errors.get(f"fields.{one.key}", "")
        known = {field["key"] for field in action["fields"] if not field["part_of"]}
        extra = {key: value for key, value in mapping["fields"].items() if key not in known}
        trigger = told.pop("trigger", None) or trigger_form.kept(str(mapping["trigger"]), told.pop("tree", None))
        values: dict[str, Any] = {
            "page": self,
            "found": self.found,
            "place": self.place,
            "action": action,
            "mapping": mapping,
            "sections": mapping_form.sections(inputs, action["naming"]),
            "extra": mapping_form.compact(extra),
            "trigger": trigger,
            "builder": trigger_form.BUILDER,
            "json": mapping_form.pretty({key: mapping.get(key) for key in MEMBERS}),
            "json_error": errors.get("json", ""),
            "readonly": not (self.desk.user and self.desk.user.edits) or self.found["managed_by"] is not None,
            "paths": await _paths(self.desk),
            "recent": await _recent(self.desk),
            "revision": mapping.get("revision", ""),
            "sample": "",
            "ref": "",
            "test_event_code": "",
            "status": 200,
            "test": None,
            "test_errors": {},
            **told,
        }
        if not values["sample"] and not values["recent"]:
            values["sample"] = mapping_form.pretty(SAMPLE)
        values["json_was"] = values.pop("json_was", None) or values["json"]
        return self.desk.show("mappings/editor.html", **values)


MEMBERS: Final = ("name", "trigger", "action", "fields", "enabled")


@get("/destinations/{name:str}/new-mapping")
async def choosing(desk: NamedDependency[Desk], name: FromPath[str], action: FromQuery[str] = "") -> Response[Any]:
    """New Mapping: which action, then the editor."""
    page = await _Page(desk, named(name), None).load()
    if not action:
        return desk.show("mappings/choose.html", found=page.found, actions=page.actions, place=page.place)
    chosen = page.action(action)
    return await page.show(chosen, mapping_form.start(chosen), tree=trigger_form.START_TREE)


@get("/destinations/{name:str}/mappings/{mapping:str}")
async def edit(desk: NamedDependency[Desk], name: FromPath[str], mapping: FromPath[str]) -> Response[Any]:
    """One mapping."""
    page = await _Page(desk, named(name), named(mapping)).load()
    found = await desk.door.get(page.address)
    return await page.show(page.action(found["action"]), found, tree=found["tree"])


@post("/destinations/{name:str}/new-mapping", status_code=200)
async def create(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    return await _submitted(await _Page(desk, named(name), None).load())


@post("/destinations/{name:str}/mappings/{mapping:str}", status_code=200)
async def save(desk: NamedDependency[Desk], name: FromPath[str], mapping: FromPath[str]) -> Response[Any]:
    return await _submitted(await _Page(desk, named(name), named(mapping)).load())


@post("/destinations/{name:str}/mapping-editor/{part:str}", status_code=200)
async def part(desk: NamedDependency[Desk], name: FromPath[str], part: FromPath[str]) -> Response[Any]:
    """A part of the editor, made anew of what was typed."""
    form = await desk.form()
    page = await _Page(desk, named(name), None).load()
    action = page.action(str(form.get("action", "")))
    match part:
        case "trigger" | "builder" | "text":
            return await _trigger_part(page, form, part)
        case "field":
            key = str(form.get("key", ""))
            field = next((one for one in action["fields"] if one["key"] == key and not one["part_of"]), None)
            if field is not None:
                one = mapping_form.typed_input(action, field, form)
                return desk.show(
                    "mappings/field_only.html",
                    one=one,
                    action=action,
                    place=page.place,
                    readonly=False,
                    name_check=None,
                )
        case "event-name":
            return await _name_part(page, action, form)
        case "json":
            trigger = await _trigger_typed(desk, form, "")
            typed = mapping_form.mapping(action, form, trigger["text"], view=False)
            json = mapping_form.pretty(typed.mapping)
            told: dict[str, Any] = {
                "json": json,
                "json_was": json,
                "json_error": "",
                "place": page.place,
                "readonly": False,
            }
            return desk.show("mappings/json.html", **told)
        case "preview":
            return await _preview_part(page, action, form)
        case "send-test":
            test, errors = await _sent(page, action, form)
            return desk.show("mappings/test.html", status=422 if errors else 200, test=test, test_errors=errors)
    raise NotFoundException


async def _submitted(page: _Page) -> Response[Any]:
    """The editor's form: saved, or shown again with what is wrong."""
    desk, form = page.desk, await page.desk.form()
    action, do = page.action(str(form.get("action", ""))), str(form.get("do", "save"))
    trigger = await _trigger_typed(desk, form, do)
    typed = mapping_form.mapping(action, form, trigger["text"])
    errors = dict(typed.errors)
    if not typed.as_json and not errors:
        errors |= {"trigger": trigger["error"]} if trigger["error"] else {}
        if not trigger["error"] and trigger_form.is_unfinished(trigger["tree"]):
            errors["trigger"] = UNFINISHED
    told: dict[str, Any] = {}
    if do == "test" and not errors:
        told["test"], told["test_errors"] = await _sent(page, action, form)
    elif do == "save" and not errors:
        try:
            call = desk.door.post if page.mapping is None else desk.door.put
            path = f"{page.place}/mappings" if page.mapping is None else page.address
            seen = {} if page.mapping is None else {"revision": str(form.get("revision", ""))}
            await call(path, {**typed.mapping, **seen})
            return desk.go(f"{page.place}/mappings?done={'added' if page.mapping is None else 'saved'}")
        except Refused as refused:
            if refused.status not in (400, 409, 422):
                raise
            errors = _at(refused, action)
            if refused.code == "outdated":
                told["revision"] = (await desk.door.get(page.address))["revision"]
                errors[""] = OUTDATED
            if typed.as_json and any(errors.values()):
                errors["json"] = " ".join(filter(None, errors.values()))
    return await _again(page, action, form, typed, trigger, errors, **told)


async def _again(
    page: _Page,
    action: dict[str, Any],
    form: FormMultiDict,
    typed: mapping_form.Typed,
    trigger: dict[str, Any],
    errors: dict[str, str],
    **told: Any,
) -> Response[Any]:
    """The form with all that was typed, and nothing lost."""
    inputs = [
        mapping_form.typed_input(action, field, form)
        for field in action["fields"]
        if not field["part_of"] and f"k:{field['key']}" in form
    ]
    fields = typed.mapping.get("fields")
    mapping = {
        "name": str(form.get("name", "")),
        "trigger": trigger["text"],
        "action": action["key"],
        "fields": fields if isinstance(fields, dict) else {},
        "enabled": form.get("enabled") == "true",
    }
    if typed.as_json:
        told |= {"json": str(form.get("json", "")), "json_was": str(form.get("json_was", ""))}
    trigger["error"] = errors.get("trigger", trigger["error"])
    told.setdefault("revision", str(form.get("revision", "")))
    wrong = any(errors.values()) or any(told.get("test_errors", {}).values())
    return await page.show(
        action,
        mapping,
        inputs=inputs,
        trigger=trigger,
        errors=errors,
        status=422 if wrong else 200,
        sample=str(form.get("event", "")),
        ref=str(form.get("ref", "")),
        test_event_code=str(form.get("test_event_code", "")),
        **told,
    )


def _at(refused: Refused, action: Mapping[str, Any]) -> dict[str, str]:
    keys = [f"fields.{field['key']}" for field in action["fields"] if not field["part_of"]]
    return refused.at("name", "trigger", "action", *keys)


# --- triggers --------------------------------------------------------------------------------------------------------


async def _trigger(desk: Desk, *, text: str = "", tree: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A trigger as the form shows it, from its text or its conditions; `errors` are those of the conditions."""
    shown = trigger_form.kept(text, dict(tree) if tree is not None else None)
    try:
        if tree is None:
            found = await desk.door.post("/triggers/tree", {"trigger": text})
        else:
            found = await desk.door.post("/triggers/text", {"tree": tree})
    except Refused as refused:
        if refused.status not in (400, 422):
            raise
        shown["errors"] = {problem.where: str(problem) for problem in refused.problems}
        shown["error"] = " ".join(str(problem) for problem in refused.problems) or refused.detail
        return shown
    return {**shown, "text": found["trigger"], "tree": found["tree"], "warnings": found["warnings"]}


async def _trigger_typed(desk: Desk, form: FormMultiDict, do: str) -> dict[str, Any]:
    """The trigger of a form: its text counts where it was edited, else the conditions."""
    text, before = (str(form.get(name, "")) for name in ("trigger", "trigger_was"))
    text, before = text.replace("\r\n", "\n"), before.replace("\r\n", "\n")
    tree = trigger_form.typed(form)
    if tree is None or text != before:
        return await _trigger(desk, text=text)
    if ":" in do or do == "group":
        tree = trigger_form.changed(tree, do)
    made = await _trigger(desk, tree=tree)
    return {**made, "text": made["text"] or before, "tree": tree}


async def _trigger_part(page: _Page, form: FormMultiDict, part: str) -> Response[Any]:
    """What follows from a change: of the text, the conditions; of the conditions, the text; of both, with a button."""
    desk = page.desk
    if part == "builder":
        trigger = await _trigger(desk, text=str(form.get("trigger", "")))
    else:
        trigger = await _trigger_typed(desk, form, str(form.get("do", "")))
    template = "mappings/trigger_text_only.html" if part == "text" else "mappings/trigger_only.html"
    return desk.show(template, trigger=trigger, place=page.place, readonly=False, builder=trigger_form.BUILDER)


# --- names, previews and tests ---------------------------------------------------------------------------------------


async def _name_part(page: _Page, action: Mapping[str, Any], form: FormMultiDict) -> Response[Any]:
    name = str(form.get(f"v:{action['naming']}", "")).strip()
    fields = mapping_form.read(action, form, {})
    body = {"kind": page.found["kind"], "name": name[:1000], "fields": fields}
    check = await page.desk.door.post("/mappings/event-name", body) if name else None
    return page.desk.show("mappings/name.html", check=check)


async def _preview_part(page: _Page, action: dict[str, Any], form: FormMultiDict) -> Response[Any]:
    desk = page.desk
    trigger = await _trigger_typed(desk, form, "")
    typed = mapping_form.mapping(action, form, trigger["text"])
    event, error = _event(form)
    told: dict[str, Any] = {"preview": None, "event_error": error, "errors": typed.errors, "refused": ""}
    if not typed.errors:
        mapping = {**typed.mapping, "name": typed.mapping.get("name") or "this mapping"}
        ref = "" if event is not None else str(form.get("ref", ""))
        body = {"mapping": mapping, "event": event, "ref": ref, "reveal": form.get("reveal") == "true"}
        try:
            told["preview"] = await desk.door.post(f"{page.place}/preview", body)
        except Refused as refused:
            if refused.status not in (400, 403, 404, 422):
                raise
            told["refused"] = refused.detail
    labels = _labels(action)
    preview = told["preview"] or {"advice": []}
    return desk.show("mappings/preview.html", labels=labels, advice=_named(preview["advice"], labels), **told)


async def _sent(page: _Page, action: dict[str, Any], form: FormMultiDict) -> tuple[Any, dict[str, str]]:
    """What the platform said of the test event, and what stands in its way."""
    trigger = await _trigger_typed(page.desk, form, "")
    typed = mapping_form.mapping(action, form, trigger["text"])
    event, error = _event(form)
    if error or typed.errors:
        return None, {"event": error} if error else {"": " ".join(typed.errors.values())}
    body = {
        "mapping": {**typed.mapping, "name": typed.mapping.get("name") or "this mapping"},
        "event": event,
        "ref": "" if event is not None else str(form.get("ref", "")),
        "test_event_code": str(form.get("test_event_code", "")).strip(),
    }
    try:
        return await page.desk.door.post(f"{page.place}/send-test", body), {}
    except Refused as refused:
        if refused.status not in (400, 403, 404, 409, 422):
            raise
        return None, refused.at("test_event_code", "event")


def _event(form: FormMultiDict) -> tuple[dict[str, Any] | None, str]:
    """The event that was pasted, and what is wrong with it."""
    text = str(form.get("event", "")).strip()
    if not text:
        return None, ""
    try:
        event = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None, "This is no JSON. Paste one event, as an SDK sends it."
    return (event, "") if isinstance(event, dict) else (None, "An event is a JSON object.")


def _named(advice: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Advice with the fields' labels, each once."""
    found = [(text, text.partition(": ")) for text in dict.fromkeys(advice)]
    return [f"{labels[where]}: {what}" if where in labels else text for text, (where, _, what) in found]


def _labels(action: Mapping[str, Any]) -> dict[str, str]:
    return {f"fields.{field['key']}": field["label"] for field in action["fields"] if not field["part_of"]}


async def _paths(desk: Desk) -> list[dict[str, Any]]:
    """The paths of recent events; none where nobody sent any."""
    try:
        found: list[dict[str, Any]] = await desk.door.get("/events/paths")
    except Refused:
        return []
    return found


async def _recent(desk: Desk) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = await desk.door.get("/events/recent", limit=RECENT)
    except Refused:
        return []
    return found


ROUTES: Final[list[ControllerRouterHandler]] = [choosing, edit, create, save, part]
