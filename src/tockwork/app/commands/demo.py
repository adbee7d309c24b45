"""``tockwork demo``: a stand-in for TikTok, a server, and a shopping session or a shop that goes through both."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tockwork.app.commands.session import events
from tockwork.app.commands.shop.site import serving
from tockwork.app.server import stop_signal
from tockwork.app.wire import Running, running
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.ingest.source import SourceKind
from tockwork.model.outcome import Status
from tockwork.operations.settings import Settings
from tockwork.sandbox.record import Stats, StoredEvent
from tockwork.sandbox.server import Sandbox
from tockwork.store.archive import Archive
from tockwork.store.protocol import Line
from tockwork.store.sqlite import SqliteStore

WRITE_KEY = "demo-write-key"
DESTINATION = "TikTok Conversions"
AUTHORIZATION: Final = {"Authorization": f"Basic {b64encode(f'{WRITE_KEY}:'.encode()).decode()}"}
SETTLED_S: Final = 30.0
WIDE: Final = 110
OK: Final = 200

PIXEL_CODE: Final = "CDEMO0PIXEL0CODE0000"
SERVER: Final = DestinationEntry(
    "tiktok-conversions", DESTINATION, settings={"accessToken": "demo-access-token", "pixelCode": PIXEL_CODE}
)
BROWSER: Final = DestinationEntry("tiktok-pixel", "TikTok Pixel", settings={"pixelCode": PIXEL_CODE})
CONFIGURATION = Configuration(sources=[SourceEntry("demo shop", WRITE_KEY)], destinations=[SERVER])
SHOP: Final = Configuration(
    sources=[SourceEntry("demo shop", WRITE_KEY, SourceKind.BROWSER)], destinations=[SERVER, BROWSER]
)

_STYLES = {
    "delivered": "green",
    "filtered": "dim",
    "duplicate": "dim",
    "invalid": "yellow",
    "rejected": "red",
    "pending": "magenta",
}


class Step(msgspec.Struct):
    """One event of the session and what became of it. `tiktok` is what the stand-in says of its row."""

    event: str
    message_id: str
    answered: int
    status: str = ""
    mapping: str | None = None
    reason: str | None = None
    detail: str | None = None
    tiktok: dict[str, Any] = {}


async def demo(settings: Settings, console: Console, *, once: bool, sandbox_port: int, as_json: bool) -> int:
    """Replays the session and prints what became of each event; 0 when every event was accepted and settled.

    Unless `once`, the server and the stand-in then go on until they are stopped.
    """
    async with _stage(settings, CONFIGURATION, sandbox_port) as (server, sandbox):
        if server.workers is not None:
            sent = events()
            answers = await _post(server.url, sent)
            settled = await server.workers.by_name[DESTINATION].drain(SETTLED_S)
            steps = _steps(sent, answers, await _lines(server.store, sent), sandbox.events)
            if as_json:
                console.file.writelines(f"{msgspec.json.encode(step).decode()}\n" for step in steps)
            else:
                _show(console, steps, sandbox.stats())
            if not once:
                _invite(console, server.url, sandbox.url)
                await stop_signal()
    return 0 if settled and all(answer == OK for answer in answers) else 1


async def shop(settings: Settings, console: Console, *, sandbox_port: int, shop_port: int) -> int:
    """A shop to click through, until it is stopped: its pages report by the pixel and by the server, both to a stand-in
    for TikTok."""
    async with (
        _stage(settings, SHOP, sandbox_port) as (server, sandbox),
        serving(server.url, sandbox, WRITE_KEY, shop_port) as url,
    ):
        console.print(f"The shop: {url}/")
        console.print(f"What the stand-in for TikTok has: {sandbox.url}/")
        console.print("Ctrl-C stops it.")
        await stop_signal()
    return 0


@asynccontextmanager
async def _stage(
    settings: Settings, configuration: Configuration, sandbox_port: int
) -> AsyncIterator[tuple[Running, Sandbox]]:
    """A server that takes a stand-in for TikTok, with a data folder that is gone afterwards."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox().serve(port=sandbox_port))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tockwork-demo-")))
        there = msgspec.structs.replace(settings, tiktok_url=sandbox.url, data=folder)
        yield await stack.enter_async_context(running(there, configuration)), sandbox


async def _post(url: str, sent: Sequence[dict[str, Any]]) -> list[int]:
    """Sends each event as a client does; returns the HTTP statuses."""
    statuses = []
    async with aiohttp.ClientSession(headers=AUTHORIZATION) as http:
        for event in sent:
            async with http.post(f"{url}/v1/{event['type']}", json=event) as answer:
                statuses.append(answer.status)
    return statuses


async def _lines(store: SqliteStore, sent: Sequence[dict[str, Any]]) -> dict[str, list[Line]]:
    """The ledger's lines by messageId, in the order of the events."""
    archive = Archive(store.database)
    ids = {event["messageId"] for event in sent}
    return {each: [line for one in await archive.find(each) for line in one.lines[DESTINATION]] for each in ids}


def _steps(
    sent: Sequence[dict[str, Any]],
    answers: Sequence[int],
    lines: dict[str, list[Line]],
    arrived: Sequence[StoredEvent],
) -> list[Step]:
    rows: dict[str, list[StoredEvent]] = defaultdict(list)
    for arrival in arrived:
        rows[arrival.event_id].append(arrival)
    steps = []
    for event, answer in zip(sent, answers, strict=True):
        step = Step(event.get("event", f"{event['type']} {event.get('name', '')}"), event["messageId"], answer)
        if lines[step.message_id]:
            line = lines[step.message_id].pop(0)
            step.status, step.mapping, step.reason, step.detail = line.status, line.mapping, line.reason, line.detail
            if line.status == Status.DELIVERED and rows[step.message_id]:
                step.tiktok = _arrival(rows[step.message_id].pop(0))
        steps.append(step)
    return steps


def _arrival(event: StoredEvent) -> dict[str, Any]:
    row = msgspec.json.decode(event.sent)
    properties = row["properties"]
    return {
        "event": event.event,
        "verdict": str(event.verdict),
        "value": properties.get("value"),
        "currency": properties.get("currency"),
        "match_keys": list(row["user"]),
        "contents": len(properties.get("contents", [])),
    }


def _show(console: Console, steps: Sequence[Step], stats: Stats) -> None:
    wide = console.width >= WIDE
    table = Table(title="A shopping session, event by event", title_justify="left", expand=False)
    for column in ("event", "became", "at TikTok", *(("value", "match keys") if wide else ()), "why"):
        table.add_column(column, overflow="fold")
    for step in steps:
        arrival = step.tiktok
        value = "" if arrival.get("value") is None else f"{arrival['value']} {arrival.get('currency') or ''}"
        details = (value, str(len(arrival["match_keys"])) if arrival else "") if wide else ()
        at_tiktok = f"{arrival['event']} ({arrival['verdict']})" if arrival else ""
        why = ": ".join(filter(None, (step.reason, step.detail)))
        table.add_row(
            step.event, f"[{_STYLES.get(step.status, 'none')}]{step.status}[/]", at_tiktok, *details, escape(why)
        )
    console.print(table)
    became = Counter(step.status for step in steps)
    counts = ", ".join(f"{number} {status}" for status, number in became.most_common())
    console.print(f"{len(steps)} events received and answered 200: {counts}.")
    console.print(
        f"The stand-in for TikTok took {stats.accepted_rows} rows in {stats.requests} requests "
        f"and counts {stats.unique} events; a copy with the same event_id merges."
    )


def _invite(console: Console, url: str, sandbox_url: str) -> None:
    console.print(f"\nWhat arrived, row by row: {sandbox_url}/")
    console.print(f"Send events of your own to {url} with the write key {WRITE_KEY}, for example:\n")
    body = '{"event": "Product Added", "anonymousId": "me", "properties": {"price": 5}, "context": {"page": {"url": "https://shop.example/"}}}'
    console.print(f"  curl {url}/v1/track -u {WRITE_KEY}: -d '{body}'\n", soft_wrap=True, highlight=False, markup=False)
    console.print("Ctrl-C stops it.")
