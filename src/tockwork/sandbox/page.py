"""The sandbox's pages: what arrived, newest first, and one page for each event. Server-rendered."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from itertools import islice
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from tockwork.sandbox.catalogue import Level
from tockwork.sandbox.event_page import event_detail
from tockwork.sandbox.events_api import PATH
from tockwork.sandbox.markup import Child, Html, tag
from tockwork.sandbox.query import BadQuery, EventQuery
from tockwork.sandbox.record import Request, RowCounts, StoredEvent, timestamp
from tockwork.sandbox.state import State

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PER_PAGE: Final = 50
_ASSETS: Final = {"page.css": "text/css", "page.js": "text/javascript"}


class Pages:
    def __init__(self, state: State) -> None:
        self._state = state
        self._assets = {name: (files(__package__) / name).read_bytes() for name in _ASSETS}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.events),
            web.get(r"/events/{id:\d{1,18}}", self.event),
            web.get("/requests", self.requests),
            web.get(r"/sandbox/{name:page\.(?:css|js)}", self.asset),
        ]

    async def events(self, http: web.Request) -> web.Response:
        try:
            query = EventQuery.read({"test": "false", **http.query})
        except BadQuery as error:
            return self._page("Events", tag("p", str(error)), status=400)
        found = list(islice(filter(query.wants, self._state.record.newest()), _PER_PAGE + 1))
        shown = found[:_PER_PAGE]
        older = {**http.query, "before": str(shown[-1].id)} if len(found) > _PER_PAGE else None
        stats = self._state.stats()
        body = (
            _tiles(stats.test if query.test else stats, stats.requests, stats.rejected_requests),
            _filters(query),
            tag("ol", [_event_row(event) for event in shown], class_="events") if shown else _nothing(http, query),
            tag("p", tag("a", "Older events", href=f"/?{urlencode(older)}")) if older else None,
        )
        return self._page("Test events" if query.test else "Events", body)

    async def event(self, http: web.Request) -> web.Response:
        event = self._state.record.event(int(http.match_info["id"]))
        if event is None:
            return self._page("No such event", tag("p", "It never arrived, or it was let go."), status=404)
        pair = self._state.record.event(event.pair_id) if event.pair_id else None
        return self._page(f"{event.event} #{event.id}", event_detail(event, pair), live=False)

    async def requests(self, http: web.Request) -> web.Response:
        shown = list(islice(reversed(self._state.record.requests), _PER_PAGE))
        rows = tag("ol", [_request_row(request) for request in shown], class_="events")
        return self._page("Requests", rows if shown else tag("p", "No request has arrived yet."))

    async def asset(self, http: web.Request) -> web.Response:
        name = http.match_info["name"]
        return web.Response(body=self._assets[name], content_type=_ASSETS[name], headers=HEADERS)

    def _page(self, title: str, body: Child, status: int = 200, live: bool = True) -> web.Response:
        tabs = (("/", "Events"), ("/?test=true", "Test events"), ("/requests", "Requests"))
        html = tag(
            "html",
            tag(
                "head",
                tag("meta", charset="utf-8"),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("meta", name="color-scheme", content="light dark"),
                tag("title", f"{title} · Tockwork sandbox"),
                tag("link", rel="icon", href="data:,"),
                tag("link", rel="stylesheet", href="/sandbox/page.css"),
                tag("script", src="/sandbox/page.js", defer=True) if live else None,
            ),
            tag(
                "body",
                tag(
                    "header",
                    tag("a", tag("b", "Tockwork"), " sandbox", href="/", class_="brand"),
                    tag(
                        "nav",
                        [
                            tag("a", name, href=href, aria_current="page" if name == title else None)
                            for href, name in tabs
                        ],
                    ),
                    tag("span", self._state.profile.name, class_="chip", title="Profile"),
                ),
                tag("main", tag("h1", title), body),
                tag("footer", "A stand-in for TikTok's Events API and pixel. Nothing here reaches TikTok."),
            ),
            lang="en",
        )
        return web.Response(status=status, text=f"<!doctype html>{html}", content_type="text/html", headers=HEADERS)


def _tiles(counts: RowCounts, requests: int, rejected: int) -> Html:
    tiles = (
        ("Counted", counts.unique, "unique"),
        ("On both legs", counts.both_legs, "unique"),
        ("Merged", counts.merged, "merged"),
        ("Dropped", counts.dropped, "dropped"),
        ("Requests", requests, ""),
        ("… rejected", rejected, "error" if rejected else ""),
    )
    return tag(
        "dl", [tag("div", tag("dt", name), tag("dd", f"{n:,}", class_=kind)) for name, n, kind in tiles], class_="tiles"
    )


def _filters(query: EventQuery) -> Html:
    fields = (("event", query.event, "Event name"), ("event_id", query.event_id, "event_id"))
    return tag(
        "form",
        [
            tag("input", type="search", name=name, value=value, placeholder=label, aria_label=label)
            for name, value, label in fields
        ],
        tag("input", type="hidden", name="test", value="true") if query.test else None,
        tag("button", "Filter", type="submit"),
        method="get",
        action="/",
    )


def _nothing(http: web.Request, query: EventQuery) -> Child:
    if query != EventQuery(test=query.test):
        return tag("p", "No event matches.")
    row = (
        '{"event": "Purchase", "event_time": \'$(date +%s)\', "event_id": "order-1",'
        ' "user": {}, "page": {"url": "https://shop.example/thanks"},'
        ' "properties": {"value": 12.5, "currency": "USD"}}'
    )
    code = '"test_event_code": "TEST12345", ' if query.test else ""
    command = (
        f"curl {http.scheme}://{http.host}{PATH} \\\n"
        "  -H 'Access-Token: anything' -H 'Content-Type: application/json' \\\n"
        f'  -d \'{{"event_source": "web", "event_source_id": "C0123456789ABCDEFGHI", {code}\n'
        f'       "data": [{row}]}}\''
    )
    return tag("section", tag("p", "Nothing has arrived yet. Send a first event:"), tag("pre", command), class_="empty")


def _event_row(event: StoredEvent) -> Html:
    levels = Counter(remark.level for remark in event.diagnostics)
    return tag(
        "li",
        tag(
            "a",
            tag("span", event.event, class_="name"),
            tag("span", str(event.verdict), class_=f"chip {event.verdict}"),
            [
                tag("span", _plural(levels[level], name), class_=f"chip {level}")
                for level, name in ((Level.ERROR, "error"), (Level.WARN, "warning"))
                if levels[level]
            ],
            tag("span", "browser + server" if event.pair_id else str(event.leg), class_="chip leg"),
            _meta(event.received_at, f"{event.event_source} {event.event_source_id}", event.event_id or "no event_id"),
            href=f"/events/{event.id}",
        ),
    )


def _meta(received_at: float, *texts: str) -> Html:
    moment = timestamp(received_at)
    return tag(
        "span", tag("time", moment[11:19], datetime=moment), [tag("span", text) for text in texts], class_="meta"
    )


def _plural(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _request_row(request: Request) -> Html:
    outcome = "reset" if request.http_status is None else f"HTTP {request.http_status}"
    code = "no code" if request.code is None else f"code {request.code}"
    return tag(
        "li",
        tag(
            "div",
            tag("span", f"{outcome} · {code}", class_="name"),
            tag(
                "span",
                "accepted" if request.accepted_rows else "rejected",
                class_="chip unique" if request.accepted_rows else "chip error",
            ),
            tag("span", request.fault, class_="chip warn") if request.fault else None,
            tag("span", request.message, class_="message") if request.message not in ("", "OK") else None,
            _meta(
                request.received_at,
                f"{request.method} {request.path}",
                f"{request.accepted_rows} of {request.rows} rows",
                f"{request.bytes:,} bytes",
                request.request_id,
            ),
        ),
    )
