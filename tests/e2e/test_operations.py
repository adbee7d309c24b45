"""A server and the commands beside it, each a process of its own, on one data folder."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import pytest
from tests.contract.books import checked
from tests.e2e.command import run
from tests.e2e.server import Server
from tests.faults.deployment import Deployment, deployed
from tests.faults.load import Load
from tests.faults.oracle import Oracle

from tockwork.model.outcome import Status
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens
from tockwork.store.protocol import Tally

KEY: Final = "shop-write-key"
TOKEN: Final = "an-access-token"
PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
SOON_S: Final = 15.0
"""For what takes a moment, on a machine that does much else."""


class Folder:
    """A data folder with its server's address, and the commands on it."""

    def __init__(self, data: Path, tiktok_url: str = "") -> None:
        self.data = data
        self.variables = {"TOCKWORK_DATA": str(data), "TOCKWORK_TIKTOK_URL": tiktok_url, "NO_PROXY": "127.0.0.1"}

    def server(self, *words: str, **variables: str) -> Server:
        ready = "Metrics at " if "delivery" in words else "Accepting events at "
        return Server(*words, ready=ready, **{**self.variables, **variables})

    async def told(self, *words: str, code: int = 0, **variables: str) -> str:
        """What a command prints. It ends with `code`."""
        found = await asyncio.to_thread(run, words, b"", **{**self.variables, **variables})
        assert found.returncode == code, found.stderr.decode() + found.stdout.decode()
        return (found.stdout if code != 2 else found.stderr).decode()

    async def asked(self, *words: str, code: int = 0, **variables: str) -> Any:
        return json.loads(await self.told(*words, "--json", code=code, **variables))

    async def apply(self, configuration: Any) -> None:
        await self.told("apply", str(self.written(configuration)))

    def written(self, configuration: Any) -> Path:
        file = self.data.with_name(f"{self.data.name}.json")
        file.write_text(json.dumps(configuration))
        return file

    def condition(self) -> str:
        """That of the one destination, as the server wrote it down."""
        connection = sqlite3.connect(self.data / "tockwork.db")
        try:
            (standing,) = connection.execute("SELECT standing FROM consumer").fetchone()
            return str(json.loads(standing)["condition"]) if standing else ""
        finally:
            connection.close()

    def books(self, name: str = "tiktok") -> Tally:
        """A destination's counts, which must be right."""
        connection = sqlite3.connect(self.data / "tockwork.db")
        try:
            connection.execute("BEGIN")
            return checked(connection, name)
        finally:
            connection.close()


def destination(name: str = "tiktok", token: str = TOKEN, value: Any = None, **settings: Any) -> dict[str, Any]:
    fields = {"event": "Purchase", "event_id": {"@path": "$.messageId"}, "url": "https://shop.example/"}
    fields |= {"currency": "EUR", "value": {"@path": "$.properties.value"} if value is None else value}
    return {
        "kind": "tiktok-conversions",
        "name": name,
        "settings": {"pixelCode": PIXEL, **({"accessToken": token} if token else {}), **settings},
        "mappings": [{"name": "Order", "trigger": 'event = "Order Completed"', "fields": fields}],
    }


def configuration(*destinations: dict[str, Any]) -> dict[str, Any]:
    return {"sources": [{"name": "shop", "write_key": KEY}], "destinations": list(destinations)}


async def send(url: str, *ids: str, value: Any = 5) -> None:
    events = [
        {"type": "track", "event": "Order Completed", "messageId": each, "userId": "u", "properties": {"value": value}}
        for each in ids
    ]
    body = {"writeKey": KEY, "batch": events}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/batch", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def until(holds: Callable[[], bool], within_s: float = SOON_S) -> float:
    """Waits until it holds; returns how many seconds that took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within_s, f"not so within {within_s:g} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - start


def said(server: Server) -> str:
    """Everything it wrote so far."""
    return server.errors + server.log


def arrived(sandbox: Sandbox) -> set[str]:
    return {event.event_id for event in sandbox.events}


async def test_the_first_run_needs_nothing_and_shows_the_first_event(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new" / "data")
    async with folder.server() as server:
        server.said("  curl")
        (command,) = re.findall(r"^ *(curl .*)$", server.errors, re.MULTILINE)
        sent = await asyncio.to_thread(subprocess.run, command, shell=True, capture_output=True, check=True)
        assert json.loads(sent.stdout) == {"success": True}
        shown = server.said("The destination 'sandbox' shows what arrives at ".rstrip())
        async with aiohttp.ClientSession() as session:
            deadline = time.monotonic() + SOON_S
            events: list[Any] = []
            while not events and time.monotonic() < deadline:
                async with session.get(f"{shown}sandbox/events") as answer:
                    events = (await answer.json())["events"]
                await asyncio.sleep(0.05)
        assert [event["event"] for event in events] == ["AddToCart"]
        for words in (["serve"], ["serve", "--only", "ingest"], ["serve", "--only", "delivery"]):
            refused = await folder.told(*words, "--port", "0", "--admin-port", "0", code=2)
            assert "another process holds the role" in refused
            assert str(folder.data) in refused
            assert "--data" in refused
        stats = await folder.asked("stats")
        (state,) = stats["destinations"]
        assert (state["name"], state["sandbox"], state["accepted"], state["matched"]) == ("sandbox", True, 1, 1)
        assert stats["sources"] == {"first": 1}
        key = command.split("-u ")[1].split(":")[0]
        assert key not in server.log + "".join(line for line in server.errors.splitlines() if line.startswith("{"))
    assert folder.data.stat().st_mode & 0o077 == 0
    assert {file.stat().st_mode & 0o077 for file in folder.data.iterdir()} == {0}
    async with folder.server() as again:
        assert "curl" not in again.errors
        assert key not in again.errors + again.log


async def test_two_processes_share_the_work_and_a_pause_outlives_them(tmp_path: Path) -> None:
    async with Sandbox().serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        await folder.apply(configuration(destination()))
        async with folder.server("--only", "ingest") as ingest:
            async with folder.server("--only", "delivery"):
                await send(ingest.url, "a")
                await until(lambda: arrived(sandbox) == {"a"})
                await folder.told("pause", "tiktok")
                assert await until(lambda: folder.condition() == "paused") < 5
                await send(ingest.url, "b")
                await asyncio.sleep(0.5)
                assert arrived(sandbox) == {"a"}
                (state,) = (await folder.asked("stats"))["destinations"]
                assert (state["condition"], state["reason"]) == ("paused", "paused_by_hand")
                assert state["accepted"] == 2
            await send(ingest.url, "c")  # nobody delivers, and that is no reason to refuse it
            async with folder.server("--only", "delivery"):
                await asyncio.sleep(0.5)
                assert arrived(sandbox) == {"a"}
                await folder.told("resume", "tiktok")
                assert await until(lambda: arrived(sandbox) == {"a", "b", "c"}) < 5
                await until(lambda: folder.books().count(Status.DELIVERED) == 3)
        assert "'nobody' is not configured" in await folder.told("pause", "nobody", code=2)
        (state,) = (await folder.asked("stats"))["destinations"]
        assert state["condition"] == "open"
        assert (state["accepted"], state["undecided"], state["matched"]) == (3, 0, 3)
        assert state["lines"] == [{"status": "delivered", "reason": None, "number": 3}]


async def test_a_destination_waits_for_its_token_and_a_removed_one_ends(tmp_path: Path) -> None:
    async with Sandbox().serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        waiting, absent = destination("waiting", token=""), destination("absent", token="")
        async with folder.server() as server:
            await folder.apply(configuration(destination(token=""), waiting, absent))
            applied = await until(lambda: said(server).count("configuration_applied") == 2)
            assert applied < 1.5
            await send(server.url, "a", "b")
            await asyncio.sleep(0.5)
            for state in (await folder.asked("stats"))["destinations"]:
                assert (state["condition"], state["reason"]) == ("blocked", "no_token")
                assert (state["accepted"], state["undecided"]) == (2, 2)
            change = configuration(destination(), waiting, absent)
            planned = await folder.told("plan", str(folder.written(change)), code=1)
            assert "settings.accessToken: set" in planned
            assert TOKEN not in planned
            await folder.apply(change)
            assert await until(lambda: arrived(sandbox) == {"a", "b"}) < 10
            await folder.apply(configuration(destination(), absent))
            removed = {(Status.FILTERED, "destination_removed"): 2}
            await until(lambda: folder.books("waiting").lines == removed)
            assert folder.books("absent").undecided == 2
        await folder.apply(configuration(destination()))  # while no server runs
        async with folder.server():
            await until(lambda: folder.books("absent").lines == removed)
            assert folder.books().lines == {(Status.DELIVERED, None): 2}
        exported = folder.data.with_name("exported.yaml")
        exported.write_text(await folder.told("export"))
        (variable,) = re.findall(r"accessToken: .?\$\{(\w+)\}", exported.read_text())
        assert TOKEN not in exported.read_text()
        assert await folder.told("plan", str(exported), code=0, **{variable: TOKEN}) == "No changes.\n"
        other = Folder(tmp_path / "other")
        await other.told("apply", str(exported), code=0, **{variable: TOKEN})
        assert await other.told("plan", str(folder.written(configuration(destination())))) == "No changes.\n"
        assert TOKEN.encode() not in b"".join(file.read_bytes() for file in other.data.iterdir())


async def test_letters_are_replayed_by_a_mended_mapping_and_purged_later(tmp_path: Path) -> None:
    async with Sandbox().serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        await folder.apply(configuration(destination(), destination("waiting", token="")))
        async with folder.server() as server:
            await send(server.url, "a", "b", value={"no": "number"})
            await send(server.url, "c")
            await until(lambda: folder.books().count(Status.INVALID, Status.DELIVERED) == 3)
            assert await folder.asked("replay", "--destination", "tiktok", "--dry-run") == {
                "tiktok": {"invalid: field_type": 2}
            }
            await folder.apply(configuration(destination(value=7), destination("waiting", token="")))
            await until(lambda: said(server).count("configuration_applied") == 2)
            assert await folder.asked("replay", "--message-id", "a") == {"tiktok": {"to be sent": 1}, "waiting": {}}
            assert await until(lambda: arrived(sandbox) == {"a", "c"}) < 5
            assert (await folder.asked("purge", "--events-days", "0"))["events"] == 0  # one destination still waits
            await folder.apply(configuration(destination(value=7)))
            await until(lambda: folder.books("waiting").undecided == 0)
            await asyncio.sleep(0.1)
            assert (await folder.asked("purge", "--events-days", "0"))["events"] == 3
            assert await folder.asked("replay") == {"tiktok": {"to be sent": 1}}  # a letter keeps its event
            await until(lambda: folder.books().lines == {(Status.DELIVERED, None): 3})
        assert arrived(sandbox) == {"a", "b", "c"}


async def test_a_backup_under_load_has_everything_but_the_key(tmp_path: Path) -> None:
    async with Sandbox().serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        await folder.apply(configuration(destination()))
        await folder.told("pause", "tiktok")
        sent, copied = 0, tmp_path / "copy.db"
        async with folder.server() as server:
            stopped = asyncio.Event()

            async def load() -> None:
                nonlocal sent
                while not stopped.is_set():
                    await send(server.url, *(f"m-{number}" for number in range(sent, sent + 20)))
                    sent += 20

            loading = asyncio.create_task(load())
            await until(lambda: sent > 200)
            before = sent
            backed_up = await folder.told("backup", str(copied))
            after = sent
            stopped.set()
            await loading
        assert "secret.key" in backed_up
        assert before < after <= sent
        assert "exists already" in await folder.told("backup", str(copied), code=2)
        assert "cannot be written" in await folder.told("backup", str(copied / "below.db"), code=2)
        assert TOKEN.encode() not in copied.read_bytes()
        assert copied.stat().st_mode & 0o077 == 0
        assert arrived(sandbox) == set()

        for name in ("keyless", "restored"):
            (tmp_path / name).mkdir(mode=0o700)
            shutil.copy(copied, tmp_path / name / "tockwork.db")
        shutil.copy(folder.data / "secret.key", tmp_path / "restored")
        keyless, restored = (
            Folder(tmp_path / "keyless", sandbox.url),
            Folder(tmp_path / "restored", sandbox.url),
        )
        async with keyless.server() as server:
            await keyless.told("resume", "tiktok")
            log = [json.loads(line) for line in said(server).splitlines() if line.startswith("{")]
            (problem,) = [line for line in log if line["event"] == "secret_unreadable"]
            assert "'tiktok'" in problem["where"]
            assert "secret.key" in problem["mend"]
            (state,) = (await keyless.asked("stats"))["destinations"]
            assert state["undecided"] == state["accepted"] >= before
        assert arrived(sandbox) == set()
        accepted = restored.books().accepted
        assert before <= accepted <= after
        async with restored.server():
            await restored.told("resume", "tiktok")
            await until(lambda: restored.books().count(Status.DELIVERED) == accepted)
        assert arrived(sandbox) == {f"m-{number}" for number in range(accepted)}


async def test_doctor_names_what_is_wrong_and_ends_well_once_it_is_mended(tmp_path: Path) -> None:
    tokens = Tokens(allowed={TOKEN: [], "dead-token": []}, revoked=frozenset({"dead-token"}), only_allowed=True)
    async with Sandbox(tokens=tokens).serve() as sandbox:
        folder = Folder(tmp_path / "data", sandbox.url)
        assert "is no data folder of Tockwork" in await folder.told("doctor", code=2)
        bad = [
            destination(test_event_code="TEST1"),
            destination("second", token="dead-token"),
            destination("third", ""),
        ]
        await folder.apply(configuration(*bad))
        found = await folder.asked("doctor", code=1)
        told = {(each["where"], each["level"]): each["what"] for each in found}
        assert "count for no campaign" in told["destination 'tiktok', settings.test_event_code", "warning"]
        assert "same pixel" in told["destination 'second'", "warning"]
        assert "is refused" in told["destination 'second', access token for web events", "error"]
        assert "no access token" in told["destination 'third'", "error"]
        assert told["destination 'tiktok', access token for web events", "ok"] == "works"
        assert "no process" in told["server", "warning"]
        assert all(each["mend"] for each in found if each["level"] != "ok" and each["level"] != "advice")
        await folder.apply(configuration(destination()))
        async with folder.server() as server:
            await send(server.url, "a")
            await until(lambda: arrived(sandbox) == {"a"})
            report = tmp_path / "report.zip"
            well = await folder.asked("doctor", "--bundle", str(report))
            assert {each["level"] for each in well} == {"ok"}
            assert report.stat().st_size > 0
        assert sandbox.stats().unique == 1  # the doctor made no event


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
async def test_a_stop_under_load_is_quick_and_loses_nothing(rounds: int, tmp_path: Path) -> None:
    async with Sandbox(keep=1_000_000).serve() as sandbox, deployed(tmp_path / "data", sandbox.url) as it:
        oracle, random = Oracle(sandbox), Random(rounds)
        load = Load(oracle, random)
        for _ in range(rounds):
            await it.start()
            assert await stopped_under_load(it, load, oracle, random.uniform(0.1, 0.8)) <= 10
        await it.start()
        await it.settled(oracle)
        await it.stop()
    assert oracle.repeats == 0, "a stop waits for what was sent"


async def stopped_under_load(it: Deployment, load: Load, oracle: Oracle, after_s: float) -> float:
    """Stops the server some time after its first answer, while clients go on; returns how long that takes."""
    had = len(oracle.acknowledged)
    sending = asyncio.create_task(load.run(it.url, pause_s=0.01))
    await until(lambda: len(oracle.acknowledged) > had)
    await asyncio.sleep(after_s)
    start = time.monotonic()
    await it.stop()
    took = time.monotonic() - start
    await sending
    return took
