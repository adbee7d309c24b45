"""Pages: what is wrong now, what is watched, and who is told."""

from __future__ import annotations

import math
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused

RULES: Final[dict[str, tuple[str, str, tuple[tuple[str, str], ...]]]] = {
    "held": (
        "Destination blocked",
        "A destination is blocked, or was paused because its answers looked wrong.",
        (("minutes", "For longer than, in minutes"),),
    ),
    "success_rate": (
        "Success rate",
        "Too few of a destination's deliveries succeed.",
        (
            ("percent", "Below, in per cent"),
            ("minutes", "Over the last, in minutes"),
            ("deliveries", "From so many deliveries"),
        ),
    ),
    "volume_drop": (
        "Volume drop",
        "A source sends much less than in the same hour a week ago, or a day ago where it is newer.",
        (("percent", "Below, in per cent of what it sent then"), ("events", "Where it sent at least so many events")),
    ),
    "backlog": (
        "Backlog age",
        "A destination's oldest event waits for too long.",
        (("minutes", "For longer than, in minutes"),),
    ),
    "disk": (
        "Disk",
        "The disk gets full, or events are not accepted. What is kept free, its reserve, stands under Privacy.",
        (("reserves", "Less free than so many times the reserve"),),
    ),
}
"""What each rule is called and does, and its figures with their labels."""
_PLACES: Final = tuple(f"rules.{rule}.{figure}" for rule, (_, _, figures) in RULES.items() for figure, _ in figures)


@get("/alerts")
async def alerts(desk: NamedDependency[Desk], saved: FromQuery[bool] = False) -> Template:
    found = await desk.door.get("/alerts")
    return desk.show("alerts/alerts.html", alerts=found, typed=_shown(found), rules=RULES, saved=saved, tested=None)


@get("/alerts/now")
async def now(desk: NamedDependency[Desk]) -> Template:
    """The part that says what fires, for a page that stays open."""
    return desk.show("alerts/now.html", alerts=await desk.door.get("/alerts"), rules=RULES)


@post("/alerts")
async def change(desk: NamedDependency[Desk]) -> Response[Any] | Template:
    form = await desk.form()
    figures, errors = _figures(form)
    body = {
        "enabled": form.get("enabled") == "true",
        "webhook": str(form.get("webhook", "")).strip(),
        "remove_webhook": form.get("remove_webhook") == "true",
        "format": str(form.get("format", "cloudevents")),
        "private_network": form.get("private_network") == "true",
        "rules": figures,
    }
    refused = None
    if not errors:
        try:
            await desk.door.put("/alerts", body)
            return desk.go("/alerts?saved=true")
        except Refused as problem:
            refused, errors = problem, problem.at("webhook", "format", "enabled", "private_network", *_PLACES)
    found = await desk.door.get("/alerts")
    values = {"alerts": found, "typed": _typed(form), "rules": RULES, "saved": False, "tested": None}
    return desk.show("alerts/alerts.html", status=422, errors=errors, refused=refused, **values)


@post("/alerts/test")
async def test(desk: NamedDependency[Desk]) -> Template:
    """Sends a test alert, and says what the webhook answered."""
    await desk.form()
    tested = await desk.door.post("/alerts/test")
    if desk.partial:
        return desk.show("alerts/tested.html", tested=tested)
    found = await desk.door.get("/alerts")
    return desk.show("alerts/alerts.html", alerts=found, typed=_shown(found), rules=RULES, saved=False, tested=tested)


def _figures(form: FormMultiDict) -> tuple[dict[str, Any], dict[str, str]]:
    """The rules as the API takes them, and what is no number, by its place."""
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for rule, (_, _, figures) in RULES.items():
        found[rule] = {"enabled": form.get(f"{rule}.enabled") == "true"}
        for figure, _ in figures:
            text = str(form.get(f"{rule}.{figure}", "")).strip().replace(",", ".")
            try:
                value: float = int(text) if text.isascii() and text.isdigit() else float(text)
            except ValueError:
                value = math.nan
            found[rule][figure] = value
            if not math.isfinite(value):
                errors[f"rules.{rule}.{figure}"] = "Write a number."
            elif figure != "percent" and isinstance(value, float):
                errors[f"rules.{rule}.{figure}"] = "Write a whole number."
    return found, errors


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    """What the form shows: what is configured. The webhook is never shown."""
    figures = {f"{rule}.{name}": value for rule, each in found["rules"].items() for name, value in each.items()}
    shown = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in figures.items()
    }
    members = {name: found[name] for name in ("enabled", "format", "private_network")}
    return {**shown, **members, "webhook": "", "remove_webhook": False}


def _typed(form: FormMultiDict) -> dict[str, Any]:
    """What the form shows again: what was typed."""
    typed: dict[str, Any] = {
        "enabled": False,
        "private_network": False,
        "remove_webhook": False,
        "format": "cloudevents",
    }
    for rule, (_, _, figures) in RULES.items():
        typed |= {f"{rule}.enabled": False, **{f"{rule}.{figure}": "" for figure, _ in figures}}
    typed |= {str(name): True if value == "true" else str(value) for name, value in form.items()}
    return {"webhook": "", **typed}


ROUTES: Final[list[ControllerRouterHandler]] = [alerts, now, change, test]
