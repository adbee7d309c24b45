"""A console whose every text was chosen by an attacker, and its pages."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
from tests.browser.payloads import PAYLOADS

from tockwork.api.access import COOKIE
from tockwork.app.wire import Running, running
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.console.application import application as pages
from tockwork.model.names import segment
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings
from tockwork.store.accounts import Accounts

KEYS: Final = [f"write-key-{number}" for number in range(3)]
PIXEL: Final = "CPAYLOAD000000000000"
SETTLED_S: Final = 60.0
PER_ROUTE: Final = 3
"""So many pages of each route are visited: with different names in their paths."""
OTHERS: Final = ("/import", "/versions/compare?old=1&new=1")
"""Pages that are got to in other ways than by a link."""
NOWHERE: Final = "http://127.0.0.1:9"


class House:
    """`url` is the console's; `cookie` signs an owner in; `addresses` are pages' paths, by route;
    `failed` are those of pages that could not be made."""

    def __init__(self, server: Running, secret: str) -> None:
        self.server = server
        self.url = server.admin_url
        self.cookie = {"name": COOKIE, "value": secret, "url": server.admin_url}
        self.headers = {"Cookie": f"{COOKIE}={secret}"}
        self.addresses: dict[str, list[str]] = {}
        self.failed: list[str] = []

    @property
    def pages(self) -> list[str]:
        return [path for paths in self.addresses.values() for path in paths]

    @property
    def first(self) -> list[str]:
        """One page of each route."""
        return [paths[0] for paths in self.addresses.values() if paths]


def configuration() -> Configuration:
    sources = [SourceEntry(PAYLOADS[number], key) for number, key in enumerate(KEYS)]
    mapped = [
        {
            "name": payload,
            "trigger": f'type = "track" and properties.probe = "{quoted(payload)}"',
            "fields": {
                "event": payload if number == 0 else "Contact",
                "event_id": {"@path": "$.messageId"},
                "timestamp": {"@path": "$.timestamp"},
                "url": {"@path": "$.context.page.url"},
                "external_id": {"@path": "$.userId"},
                "description": {"@template": f"{payload} {{{{properties.text}}}}"},
                "order_id": payload,
                "value": {"@path": "$.properties.value"},
                payload: {"@path": "$.properties.text"},
            },
        }
        for number, payload in enumerate(PAYLOADS)
    ]
    own = {"accessToken": Secret("token"), "pixelCode": PIXEL, "test_event_code": "<b data-xss>TEST1"}
    return Configuration(
        sources=sources,
        destinations=[
            DestinationEntry(
                "tiktok-conversions", PAYLOADS[10], sandbox=True, settings={"pixelCode": PIXEL}, mappings=mapped
            ),
            DestinationEntry("tiktok-conversions", PAYLOADS[11], settings=own, mappings=mapped[:3], title=PAYLOADS[12]),
            DestinationEntry("tiktok-pixel", PAYLOADS[13], settings={"pixelCode": PIXEL}),
        ],
    )


def quoted(payload: str) -> str:
    """As it can stand in a trigger's text, which has no way to write what would end it."""
    return payload.replace('"', "'").replace("\\", "/")


def events(before: str = "") -> Iterator[dict[str, Any]]:
    """Events that hold the payloads in every text, with `before` before each. Most fit a mapping, and a third of those
    fails."""
    for number, payload in enumerate(f"{before}{payload}" for payload in PAYLOADS):
        yield {
            "type": ("track", "track", "identify", "page")[number % 4] if number > 30 else "track",
            "event": payload,
            "name": payload,
            "messageId": f"{payload} {number}",
            "userId": payload,
            "anonymousId": f"{payload} anonymous",
            "traits": {"email": payload, payload: payload},
            "properties": {
                "text": payload,
                "probe": quoted(payload),
                "value": "no number" if number % 3 == 0 else 1,
                payload: payload,
                "nested": [{payload: payload}],
            },
            "context": {
                "page": {"url": f"https://shop.example/?q={payload}", "title": payload, "referrer": payload},
                "userAgent": payload,
                "ip": payload,
                "locale": payload,
                "library": {"name": payload, "version": payload},
                "traits": {"email": payload, "phone": payload, "firstName": payload},
                "campaign": {"name": payload},
            },
        }


async def send(url: str, before: str = "") -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        for number, event in enumerate(events(before)):
            key = KEYS[number % len(KEYS)]
            answer = await client.post(f"/v1/{event['type']}", json=event, auth=(key, ""))
            assert answer.status_code == 200, answer.text


async def settled(server: Running) -> None:
    """Until all is decided that can be."""
    async with asyncio.timeout(SETTLED_S):
        while await undecided(server):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.1)


async def undecided(server: Running) -> bool:
    return any(state.tally.undecided for state in (await server.snapshot()).destinations if state.sandbox)


@asynccontextmanager
async def attacked(folder: Path) -> AsyncIterator[House]:
    settings = Settings(data=folder, port=0, admin_port=0, tiktok_url=NOWHERE)
    async with running(settings, configuration()) as server:
        await send(server.url)
        await settled(server)
        accounts, secret = Accounts(server.store.database), secrets.token_urlsafe(32)
        for name in ("Olive Owner", PAYLOADS[14], PAYLOADS[15]):
            await accounts.add(name, "owner")
        await accounts.set_password("Olive Owner", "none")
        await accounts.add_token(PAYLOADS[16], "viewer", "tw_test", PAYLOADS[14])
        await accounts.begin("Olive Owner", secret, PAYLOADS[17])
        house = House(server, secret)
        await look_around(house)
        yield house


async def look_around(house: House) -> None:
    """Finds the pages by their links, `PER_ROUTE` of each kind."""
    routes = {
        route.path: _pattern(route.path) for route in pages(_nothing).routes if "GET" in getattr(route, "methods", ())
    }
    del routes["/static/{name:str}"]
    waiting = ["/", "/sign-in", "/setup", "/account", "/team", "/team/audit", *OTHERS, *_named()]
    known = set(waiting)
    seen: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=house.url, headers=house.headers, timeout=60) as client:
        while waiting:
            path = waiting.pop(0)
            route = _route(routes, path)
            if route is None or seen[route] >= PER_ROUTE:
                continue
            answer = await client.get(path, headers={"Cookie": ""} if path == "/sign-in" else {})
            if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
                if answer.status_code >= 500:
                    house.failed.append(path)
                continue
            seen[route] += 1
            house.addresses.setdefault(route, []).append(path)
            for link in _links(answer.text):
                found = _own(urljoin(f"{house.url}{path}", link), house.url)
                if found is not None and found not in known:
                    known.add(found)
                    waiting.append(found)
    house.addresses = {route: house.addresses.get(route, []) for route in routes}


def _named() -> Iterator[str]:
    """Pages with names in their paths, which everybody may link to."""
    for entry in configuration().destinations:
        name = segment(entry.name)
        for part in ("", "/mappings", "/new-mapping", "/delivery", "/letters"):
            yield f"/destinations/{name}{part}"
        yield f"/delivery/{name}"
        yield f"/delivery/{name}/letters"
        yield f"/diagnostics/{name}"
        yield f"/catalog/{entry.kind}"


async def _nothing(*_: Any) -> None:
    """Stands for the API where only the routes of the console are asked for."""


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(route)))


def _route(routes: dict[str, re.Pattern[str]], path: str) -> str | None:
    """The route of a path; of several, the one with the fewest parameters."""
    where = urlsplit(path).path
    fitting = [route for route, pattern in routes.items() if pattern.fullmatch(where)]
    return min(fitting, key=lambda route: route.count("{"), default=None)


def _own(link: str, url: str) -> str | None:
    """The path of a link that leads to this console."""
    plain = urldefrag(link).url
    return plain.removeprefix(url) if plain.startswith(f"{url}/") else None


def _links(page: str) -> list[str]:
    parser = _Parser()
    parser.feed(page)
    return parser.links


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href")
        if tag == "a" and link:
            self.links.append(link)
