"""Consent, opt-outs, the suppression list and deletion, with the real server and the real commands."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
from tests.contract.books import checked
from tests.e2e.command import run
from tests.e2e.server import Server

from tockwork.destinations.person import mark
from tockwork.model.outcome import Status
from tockwork.sandbox.server import Sandbox
from tockwork.store.protocol import Tally

KEY: Final = "people-write-key"
PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
ANN: Final = "Ann.Quackenbush@Planted.example"
PLANTED: Final = (b"quackenbush", b"4155550177")
SOON_S: Final = 20.0
FIELDS: Final = {
    "event": "Purchase",
    "event_id": {"@path": "$.messageId"},
    "email": {"@path": "$.properties.email"},
    "value": {"@path": "$.properties.value"},
    "currency": "EUR",
    "url": "https://shop.example/",
}


def configuration(*privacies: Any, **settings: Any) -> dict[str, Any]:
    mapping = {"name": "Order", "trigger": 'event = "Order Completed"', "fields": FIELDS}
    destinations = [
        {
            "kind": "tiktok-conversions",
            "name": f"tiktok-{place}",
            "settings": {"pixelCode": PIXEL, "accessToken": "t", **settings},
            "mappings": [mapping],
            **({"privacy": privacy} if privacy else {}),
        }
        for place, privacy in enumerate(privacies)
    ]
    return {"sources": [{"name": "shop", "write_key": KEY, "kind": "browser"}], "destinations": destinations}


def order(message_id: str, email: str = "", consent: Any = None, **properties: Any) -> dict[str, Any]:
    context = {} if consent is None else {"consent": consent}
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "userId": f"user-of-{message_id}",
        "context": context,
        "properties": {"value": 5, "email": email or f"{message_id}@else.example", **properties},
    }


async def send(url: str, *events: Any, **headers: str) -> None:
    body = json.dumps({"batch": events, "writeKey": KEY})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/batch", data=body, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()


class Folder:
    """A data folder, what is said of it, and what is in it."""

    def __init__(self, data: Path, tiktok_url: str) -> None:
        self.data = data
        self.variables = {"TOCKWORK_DATA": str(data), "TOCKWORK_TIKTOK_URL": tiktok_url, "NO_PROXY": "127.0.0.1"}

    def server(self, written: Any) -> Server:
        file = self.data.with_name("people.json")
        file.write_text(json.dumps(written))
        return Server("--config", str(file), **self.variables)

    async def told(self, *words: str, stdin: bytes = b"", code: int = 0) -> str:
        found = await asyncio.to_thread(run, words, stdin, **self.variables)
        assert found.returncode == code, found.stderr.decode() + found.stdout.decode()
        said = (found.stdout + found.stderr).decode()
        assert "uackenbush" not in said
        return said

    def books(self, name: str = "tiktok-0") -> Tally:
        connection = sqlite3.connect(self.data / "tockwork.db")
        try:
            connection.execute("BEGIN")
            return checked(connection, name)
        finally:
            connection.close()

    async def until(self, holds: Callable[[Tally], bool], name: str = "tiktok-0") -> Tally:
        deadline = time.monotonic() + SOON_S
        while not holds(tally := self.books(name)):
            assert time.monotonic() < deadline, tally
            await asyncio.sleep(0.05)
        return tally

    def traces(self) -> dict[str, int]:
        files = {path.name: path.read_bytes().lower() for path in self.data.iterdir() if path.is_file()}
        counts = {name: sum(content.count(word) for word in PLANTED) for name, content in files.items()}
        return {name: number for name, number in counts.items() if number}


def decided(number: int) -> Callable[[Tally], bool]:
    return lambda tally: tally.accepted == number and not tally.undecided


async def test_consent_and_opt_outs(tmp_path: Path) -> None:
    async with Sandbox("lenient").serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        ads = {"consent": {"categories": ["Advertising"], "missing": "allow"}, "opt_out": "block"}
        written = configuration(ads, {"opt_out": "limit"}, {"fields": {"deny": ["email"]}})
        async with folder.server(written) as server:
            for agreed in (True, False):
                await send(server.url, order(f"c-{agreed}", consent={"categoryPreferences": {"Advertising": agreed}}))
            browser = {"Origin": "https://shop.example", "Sec-GPC": "1"}
            await send(server.url, order("g-browser"), order("g-own", consent={"gpc": False}), **browser)
            await send(server.url, order("g-server"), **{"Sec-GPC": "1"})
            await send(server.url, order("us", consent={"us_privacy": "1YYN"}))
            for place in range(3):
                await folder.until(decided(6), f"tiktok-{place}")
            tally = folder.books()
            assert tally.lines == {
                (Status.DELIVERED, None): 2,
                (Status.SUPPRESSED, "consent"): 1,
                (Status.SUPPRESSED, "opted_out"): 3,
            }
            assert folder.books("tiktok-1").count(Status.DELIVERED) == 6
            stats = json.loads(await folder.told("stats", "--json"))
            lines = stats["destinations"][0]["lines"]
            assert {"status": "suppressed", "reason": "opted_out", "number": 3} in lines
            metrics = server.said("Metrics at ")
            async with aiohttp.ClientSession() as session, session.get(metrics) as answer:
                text = await answer.text()
            assert 'reason="opted_out"' in text
            assert 'reason="consent"' in text


async def test_a_person_on_the_list_is_kept_back_at_once(tmp_path: Path) -> None:
    async with Sandbox("lenient").serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        async with folder.server(configuration(None, None)) as server:
            await send(server.url, order("before", ANN))
            await folder.until(decided(1))
            said = await folder.told("suppress", "add", "--file", "-", stdin=f"{ANN}\n+1 (415) 555-0177\n".encode())
            assert "2 of 2 are new" in said
            await send(server.url, order("mail", ANN), order("phone", phone="4155550177"), order("other"))
            for name in ("tiktok-0", "tiktok-1"):
                tally = await folder.until(decided(4), name)
                assert tally.lines == {(Status.DELIVERED, None): 2, (Status.SUPPRESSED, "suppressed_user"): 2}
            await folder.told("suppress", "remove", ANN, "+14155550177")
            await folder.told("suppress", "add", "user-of-limited", "--destination", "tiktok-1")
            listed = json.loads(await folder.told("suppress", "list", "--json"))
            assert [entry["destination"] for entry in listed["suppressed"]] == ["tiktok-1"]
            await send(server.url, order("again", ANN), order("limited"))
            assert (await folder.until(decided(6))).count(Status.DELIVERED) == 4
            assert (await folder.until(decided(6), "tiktok-1")).count(Status.DELIVERED) == 3
            assert "PERSON 2" in await folder.told("suppress", "add", "u", "undefined", code=2)


async def test_a_person_is_deleted_from_everything(tmp_path: Path) -> None:
    async with Sandbox("lenient").serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        written = configuration(None, None)
        del written["destinations"][1]["settings"]["accessToken"]  # its rows wait
        async with folder.server(written) as server:
            events = [order(f"{number}", ANN if number % 2 else "", phone="4155550177") for number in range(20)]
            events += [order("dead", ANN, value="not a number")]
            for event in events:
                await send(server.url, event)
            await folder.until(decided(21))
            await folder.until(lambda tally: tally.count(Status.PENDING) + tally.undecided >= 20, "tiktok-1")
            assert folder.traces()
            before = time.monotonic()
            said = await folder.told("suppress", "delete", "--file", "-", stdin=f"{ANN}\n+14155550177\n".encode())
            assert "Erased 21 events" in said
            assert folder.traces() == {}
            assert time.monotonic() - before < 60
            await send(server.url, order("late", ANN), order("other"))
            tally = await folder.until(decided(23))
            assert tally.lines[Status.DELIVERED, None] == 21
            assert tally.lines[Status.SUPPRESSED, "deleted_user"] == 1
            assert tally.lines[Status.INVALID, "field_type"] == 1, "the letter goes, the count stays"
            deadline = time.monotonic() + 60
            while folder.traces():
                assert time.monotonic() < deadline, folder.traces()
                await asyncio.sleep(0.2)
            folder.books("tiktok-1")
            assert "uackenbush" not in (server.log + server.errors)
            listed = json.loads(await folder.told("suppress", "list", "--json"))
            assert [bool(entry["erased"]) for entry in listed["deleted"]] == [True, True]
        written["destinations"][1]["settings"]["accessToken"] = "t"
        async with folder.server(written):
            tally = await folder.until(
                lambda tally: not tally.undecided and not tally.count(Status.PENDING), "tiktok-1"
            )
            assert tally.count(Status.DELIVERED) == 1
            gone = [number for (_, reason), number in tally.lines.items() if reason == "deleted_user"]
            assert sum(gone) >= 21
        assert folder.traces() == {}


async def test_the_server_finishes_what_a_killed_command_began(tmp_path: Path) -> None:
    async with Sandbox("lenient").serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        async with folder.server(configuration(None)) as server:
            await send(server.url, order("one", ANN), order("two"))
            await folder.until(decided(2))
            connection = sqlite3.connect(folder.data / "tockwork.db", timeout=20)
            with connection:  # all that the command had done when it was killed
                connection.execute("INSERT INTO tombstone (mark, made_at, swept_to) VALUES (?, 0, 0)", (mark(ANN),))
            connection.close()
            deadline = time.monotonic() + 60
            while folder.traces():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)
            assert folder.books().count(Status.DELIVERED) == 2
