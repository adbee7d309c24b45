"""The sandbox's pages: what can be seen, by whom, and that nothing hostile gets through."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest

from tockwork.model.clock import SimulatedClock
from tockwork.sandbox.server import Sandbox

PATH = "/open_api/v1.3/event/track/"
PIXEL = "C8E2OS3C77UABCDXYZ00"
NOW = 1_800_000_000

Json = dict[str, Any]


class Visitor:
    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox, self._session = sandbox, session

    async def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self._session.request(method, self.sandbox.url + path, **options) as response:
            return response.status, await response.text(), response

    async def json(self, path: str, method: str = "GET", **options: Any) -> tuple[int, Any]:
        status, text, _ = await self.ask(path, method, **options)
        return status, json.loads(text)

    async def send(self, *rows: Json, token: str = "s3cret-token", **root: Any) -> None:
        body = {"event_source": "web", "event_source_id": PIXEL, "data": list(rows) or [row()]} | root
        headers = {
            "Access-Token": token,
            "User-Agent": "shop/1.0",
            "X-Trace": "abc",
            "Authorization": f"Bearer {token}",
        }
        await self.ask(PATH, "POST", json=body, headers=headers)


@asynccontextmanager
async def sandboxed(**options: Any) -> AsyncIterator[Visitor]:
    clock = SimulatedClock(NOW)
    async with Sandbox(clock=clock, **options).serve() as sandbox, aiohttp.ClientSession() as session:
        yield Visitor(sandbox, session)


def row(**changes: Any) -> Json:
    return {
        "event": "Purchase",
        "event_time": NOW,
        "event_id": "o-1",
        "user": {"email": "jane@example.com", "ip": "8.8.8.8"},
        "page": {"url": "https://shop.example/"},
    } | changes


# -- Strangers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/requests", "/sandbox/events", "/sandbox/stats"])
async def test_another_name_for_this_machine_is_turned_away(path: str) -> None:
    """DNS rebinding: a web page whose host name was pointed at 127.0.0.1."""
    async with sandboxed() as visitor:
        assert (await visitor.ask(path, headers={"Host": "evil.example"}))[0] == 403
        assert (await visitor.ask(path, headers={"Host": "localhost:8090"}))[0] == 200
        assert (await visitor.ask(path, headers={"Host": "[::1]:8090"}))[0] == 200


async def test_the_events_api_answers_to_any_name() -> None:
    async with sandboxed() as visitor:
        headers = {"Host": "business-api.tiktok.com", "Access-Token": "t", "Content-Type": "application/json"}
        assert (await visitor.ask(PATH, "POST", data=b"{}", headers=headers))[0] == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_pages_of_other_origins_change_nothing(origin: str) -> None:
    async with sandboxed() as visitor:
        await visitor.send()
        for method, path in (("POST", "/sandbox/reset"), ("PUT", "/sandbox/faults"), ("DELETE", "/sandbox/faults")):
            assert (await visitor.ask(path, method, headers={"Origin": origin}, data=b"[]"))[0] == 403
        assert visitor.sandbox.stats().requests == 1
        own = {"Origin": visitor.sandbox.url}
        assert (await visitor.ask("/sandbox/reset", "POST", headers=own))[0] == 200


# -- Pages -----------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """A page's tags, text and links, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def links(self) -> list[str]:
        return [value or "" for name, value in self.attributes if name in ("href", "src", "action")]


async def page(visitor: Visitor, path: str, status: int = 200) -> Page:
    found, text, response = await visitor.ask(path)
    assert found == status
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return Page(text)


async def test_the_first_page_tells_how_to_send_a_first_event() -> None:
    async with sandboxed() as visitor:
        empty = await page(visitor, "/")
        assert "Nothing has arrived yet" in empty.text
        assert f"curl {visitor.sandbox.url}{PATH}" in empty.text
        assert "TEST12345" in (await page(visitor, "/?test=true")).text
        assert "No event matches" in (await page(visitor, "/?event=Lead")).text
        assert "No request has arrived yet" in (await page(visitor, "/requests")).text


async def test_the_command_on_the_first_page_works() -> None:
    async with Sandbox().serve() as sandbox, aiohttp.ClientSession() as session:
        for path in ("/", "/?test=true"):
            command = "".join((await page(Visitor(sandbox, session), path)).texts).partition("curl ")[2]
            body = command.partition("-d '")[2].rpartition("}'")[0] + "}"
            body = body.replace("'$(date +%s)'", str(int(time.time())))
            headers = {"Access-Token": "anything", "Content-Type": "application/json"}
            async with session.post(sandbox.url + PATH, data=body, headers=headers) as response:
                assert (await response.json())["code"] == 0
        assert [event.test for event in sandbox.events] == [False, True]
        assert not [mark for event in sandbox.events for mark in event.request.diagnostics]


async def test_the_list_shows_what_arrived_newest_first_live_and_test_apart() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(), row(), row(event="Lead", event_id="l-1"))
        await visitor.send(row(event="Contact", event_id="c-1"), test_event_code="TEST12345")
        live, test = await page(visitor, "/"), await page(visitor, "/?test=true")
        assert [link for link in live.links if link.startswith("/events/")] == ["/events/3", "/events/2", "/events/1"]
        assert [link for link in test.links if link.startswith("/events/")] == ["/events/4"]
        assert re.search(r"Lead unique 1 error .*Purchase merged 1 error .*Purchase unique 1 error", live.text)
        assert [link for link in (await page(visitor, "/?event=Lead")).links if link.startswith("/events/")] == [
            "/events/3"
        ]


async def test_older_events_are_a_page_away() -> None:
    async with sandboxed() as visitor:
        await visitor.send(*(row(event_id=str(number)) for number in range(60)))
        first = await page(visitor, "/")
        assert len([link for link in first.links if link.startswith("/events/")]) == 50
        (older,) = [link for link in first.links if "before=" in link]
        second = await page(visitor, older)
        assert [link for link in second.links if link.startswith("/events/")][:2] == ["/events/10", "/events/9"]
        assert not [link for link in second.links if "before=" in link]


async def test_the_page_of_an_event_shows_verdict_diagnostics_and_row() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(), row(user={"phone": "f" * 64}))
        first, copy = await page(visitor, "/events/1"), await page(visitor, "/events/2")
        assert "Counted. Copies so far: 1; filled in from them: user.phone." in first.text
        assert "A copy of #1 , within five minutes" in copy.text
        assert "/events/1" in copy.links
        assert "email_raw" in first.text
        assert "Recognised user parameters" in first.text
        assert '"event_id": "o-1"' in first.text
        assert "User-Agent: shop/1.0" in first.text
        assert "never arrived" in (await page(visitor, "/events/99", 404)).text


async def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    async with sandboxed() as visitor:
        await visitor.send()
        for path in ("/", "/events/1", "/requests"):
            shown = await page(visitor, path)
            assert all(link.startswith("/") or link == "data:," for link in shown.links)
            assert not [name for name, _ in shown.attributes if name.startswith("on") or name == "style"]
            assert "style" not in shown.tags
        for path, kind in (("/sandbox/page.css", "text/css"), ("/sandbox/page.js", "text/javascript")):
            status, text, response = await visitor.ask(path)
            assert (status, response.content_type) == (200, kind)
            assert "http" not in text
        css = (await visitor.ask("/sandbox/page.css"))[1]
        assert "prefers-color-scheme: dark" in css
        assert "max-width" in css


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</pre></main><iframe srcdoc='<script>alert(1)</script>'>",
    "javascript:alert(1)",
    "<!--",
    "&lt;script&gt;",
    "\u2028\u202e<b>",
    "]]><style>*{display:none}</style>",
    "{{7*7}}${7*7}",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_stays_text_everywhere(text: str) -> None:
    async with sandboxed() as visitor:
        await visitor.send(row())
        plain = {path: (await page(visitor, path)).tags for path in ("/", "/requests", "/events/1")}
        assert not {"img", "svg", "iframe", "style", "b "} & set(plain["/"])
        await visitor.json("/sandbox/reset", "POST")

        attack = row(
            event=text, event_id=text, user={"email": text, text: text}, page={"url": text}, properties={text: text}
        )
        body = {"event_source": "web", "event_source_id": text, "data": [attack], text: text}
        header = text.encode("ascii", "ignore").decode()
        headers = {"Access-Token": "t", "User-Agent": header, "Content-Type": "application/json"}
        answer = await visitor.json(PATH, "POST", data=io.BytesIO(json.dumps(body).encode()), headers=headers)
        assert answer[1]["code"] == 0
        await visitor.ask("/sandbox/faults", "PUT", json=[{"action": {"kind": "answer", "code": 1, "message": text}}])
        await visitor.json(PATH, "POST", data=io.BytesIO(json.dumps(body).encode()), headers=headers)

        for path in ("/", "/requests", "/events/1"):
            shown = await page(visitor, path)
            assert set(shown.tags) <= set(plain[path]) | {"li", "span", "small", "code", "form", "input", "button"}
            assert shown.tags.count("script") <= 1
            assert all(link.startswith("/") or link == "data:," for link in shown.links)
            assert not [name for name, _ in shown.attributes if name.startswith("on")]
        assert text.strip() in "".join((await page(visitor, "/events/1")).texts)
        shown = Page((await visitor.ask("/", params={"event": text, "event_id": text}))[1])
        assert [value for name, value in shown.attributes if name == "value" and value] == [text, text]
