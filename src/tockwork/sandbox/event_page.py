"""The page of one event."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tockwork.sandbox.catalogue import Diagnostic, Level
from tockwork.sandbox.dedup import Verdict
from tockwork.sandbox.legs import Agreement, compared
from tockwork.sandbox.markup import Child, Html, tag
from tockwork.sandbox.person import is_hash
from tockwork.sandbox.record import Leg, StoredEvent, timestamp
from tockwork.sandbox.schema import USER

_ORDER: Final = (Level.ERROR, Level.WARN, Level.INFO)
_MARKS: Final = {Agreement.SAME: "unique", Agreement.DIFFERENT: "error", Agreement.ALONE: ""}


def event_detail(event: StoredEvent, pair: StoredEvent | None) -> Child:
    """What stands below the event's name: verdict, both legs, diagnostics, recognised parameters, row, request. `pair`
    is the copy that came on the other leg."""
    request = event.request
    remarks = sorted(event.diagnostics, key=lambda remark: _ORDER.index(remark.level))
    facts = (
        ("Received", timestamp(event.received_at)),
        ("Leg", "the pixel in a browser" if event.leg is Leg.BROWSER else "the Events API"),
        ("Event source", f"{event.event_source} {event.event_source_id}"),
        ("event_id", event.event_id or "none"),
        ("Test code", request.test_event_code or None),
        ("Request", f"#{request.id}, row {event.index} of {request.rows}, {request.request_id}"),
        ("Answer", f"HTTP {request.http_status}, code {request.code}"),
        ("Fault", request.fault or None),
    )
    return (
        tag(
            "p", tag("span", str(event.verdict), class_=f"chip {event.verdict}"), " ", _verdict(event), class_="verdict"
        ),
        _both_legs(event, pair) if pair else None,
        tag("h2", "Diagnostics"),
        tag("ul", [_remark(remark) for remark in remarks], class_="remarks")
        if remarks
        else tag("p", "Nothing to remark."),
        tag("h2", "Recognised user parameters"),
        _recognised(event, remarks),
        tag("h2", "Row as sent"),
        tag("pre", _pretty(event.sent)),
        (tag("h2", "Row with what its copies filled in"), tag("pre", _pretty(event.merged))) if event.merged else None,
        tag("h2", "Request"),
        tag("dl", [(tag("dt", name), tag("dd", value)) for name, value in facts if value], class_="facts"),
        tag("h2", "Headers"),
        tag("pre", "\n".join(f"{name}: {value}" for name, value in request.headers.items())),
    )


def _verdict(event: StoredEvent) -> Child:
    first = tag("a", f"#{event.first_id}", href=f"/events/{event.first_id}") if event.first_id else "one let go since"
    match event.verdict:
        case Verdict.MERGED:
            return ("A copy of ", first, ", within five minutes: it fills in what the first one lacked.")
        case Verdict.DROPPED:
            return ("A copy of ", first, ", within 48 hours: dropped.")
        case _ if not event.event_id:
            return "Counted. Without an event_id it cannot be told from a copy."
        case _ if event.copies:
            filled = f"; filled in from them: {', '.join(event.filled)}" if event.filled else ""
            return f"Counted. Copies so far: {event.copies}{filled}."
        case _:
            return "Counted. No copies so far."


def _both_legs(event: StoredEvent, pair: StoredEvent) -> Child:
    first = "browser" if event.leg is Leg.BROWSER else "server"
    return (
        tag("h2", "Both legs"),
        tag("p", f"The {first} was first; ", tag("a", f"its copy is #{pair.id}", href=f"/events/{pair.id}"), "."),
        tag(
            "div",
            tag(
                "table",
                tag("tr", [tag("th", name) for name in ("field", "browser", "server", "")]),
                [
                    tag(
                        "tr",
                        tag("td", tag("code", line.path)),
                        [
                            tag("td", tag("code", _short(value)), data_leg=leg)
                            for leg, value in ((Leg.BROWSER, line.browser), (Leg.SERVER, line.server))
                        ],
                        tag("td", tag("span", str(line.agreement), class_=f"chip {_MARKS[line.agreement]}".strip())),
                    )
                    for line in compared(event, pair)
                ],
            ),
            class_="legs",
        ),
    )


def _short(value: Any) -> str:
    text = "–" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"{text[:12]}…" if is_hash(text) else text


def _remark(remark: Diagnostic) -> Html:
    return tag(
        "li",
        tag("span", str(remark.level), class_=f"chip {remark.level}"),
        tag("code", remark.path),
        tag("span", f"{remark.message} ", tag("small", remark.code)),
    )


def _recognised(event: StoredEvent, remarks: list[Diagnostic]) -> Child:
    user = event.row.get("user") or {}
    names = [name for name in USER if user.get(name) not in (None, "", [])]
    if not names:
        return tag("p", "None: nothing here can be matched to a person.")
    doubtful = {
        remark.path.split(".")[1]
        for remark in remarks
        if remark.path.startswith("user.") and remark.level is not Level.INFO
    }
    return tag(
        "ul",
        [
            tag("li", tag("code", name), " ", _form(user[name]), class_="doubtful" if name in doubtful else None)
            for name in names
        ],
        class_="params",
    )


def _form(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    form = "hash" if all(isinstance(item, str) and is_hash(item) for item in items) else "plain text"
    return form if len(items) == 1 else f"{len(items)} values, {form}"


def _pretty(row: msgspec.Raw | bytes) -> str:
    return msgspec.json.format(bytes(row), indent=2).decode()
