"""``tockwork import`` as a process: through the journal to a sandbox, alone and beside a server."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.contract.books import checked
from tests.e2e.command import run
from tests.e2e.server import Server

from tockwork.sandbox.server import Sandbox

KIND = "tiktok-offline-conversions"
NAME = "stores"
HEADER = "event_type,event_time,email,value,currency,order_id\n"
EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGURATION = {
    "destinations": [
        {
            "kind": KIND,
            "name": name,
            "settings": {"eventSetID": "7676700000000000000", "accessToken": "a-token"},
        }
        for name in (NAME, "other")
    ]
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox().serve() as serving:
        yield serving


class Place:
    """A data folder with a configuration, and files beside it."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder, self.data = folder, folder / "data"
        self.variables = {"TOCKWORK_DATA": str(self.data), "TOCKWORK_TIKTOK_URL": sandbox.url, "NO_PROXY": "127.0.0.1"}
        (folder / "configuration.json").write_text(json.dumps(CONFIGURATION))

    async def run(self, *words: str) -> CompletedProcess[bytes]:
        return await asyncio.to_thread(run, words, b"", **self.variables)

    async def imported(self, path: Path, *words: str, destination: str = NAME, code: int = 0) -> dict[str, Any]:
        found = await self.run("import", str(path), "--destination", destination, "--json", *words)
        assert found.returncode == code, found.stderr.decode() + found.stdout.decode()
        report: dict[str, Any] = json.loads(found.stdout)
        return report

    def sales(self, first: int, last: int, name: str = "sales.csv") -> Path:
        path = self.folder / name
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
        rows = (f"Purchase,{day} 10:00:{n % 60:02d},p{n}@example.com,{n}.5,EUR,O-{n}\n" for n in range(first, last))
        path.write_text(HEADER + "".join(rows))
        return path

    def rows(self, path: Path) -> list[list[str]]:
        """What stands in a file of rejected lines, which only its owner may read."""
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with path.open(newline="") as file:
            return list(csv.reader(file))

    def mend(self, path: Path, changes: dict[str, str]) -> None:
        text = path.read_text()
        for wrong, right in changes.items():
            text = text.replace(wrong, right)
        path.write_text(text)

    def check(self) -> None:
        """Both laws hold."""
        with sqlite3.connect(self.data / "tockwork.db") as connection:
            for name in (NAME, "other"):
                checked(connection, name)
        connection.close()


@pytest.fixture
async def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    here = Place(tmp_path, sandbox)
    applied = await here.run("apply", str(tmp_path / "configuration.json"))
    assert applied.returncode == 0, applied.stderr
    return here


def outcomes(report: dict[str, Any]) -> Counter[str]:
    return Counter({f"{o['status']}:{o['reason'] or ''}": o["number"] for o in report["outcomes"]})


def arrived(sandbox: Sandbox) -> Counter[str]:
    return Counter(event.event_id for event in sandbox.events)


async def test_every_row_arrives_once(place: Place, sandbox: Sandbox) -> None:
    report = await place.imported(place.sales(0, 2500))
    assert outcomes(report) == {"delivered:": 2500}
    assert report["records"] == report["events"] == 2500
    assert report["rejects"] is None
    assert len(arrived(sandbox)) == 2500
    assert set(arrived(sandbox).values()) == {1}
    place.check()


async def test_the_same_file_is_imported_once_unless_again(place: Place, sandbox: Sandbox) -> None:
    path = place.sales(0, 50)
    await place.imported(path)
    second = await place.run("import", str(path), "--destination", NAME)
    assert (second.returncode, second.stdout) == (0, b"")
    assert b"was imported on" in second.stderr
    assert b"--again" in second.stderr
    assert len(sandbox.events) == 50
    assert outcomes(await place.imported(path, "--again")) == {"delivered:": 50}
    assert set(arrived(sandbox).values()) == {2}  # TikTok counts them once
    place.check()


async def test_a_sale_in_two_files_is_a_duplicate_and_another_destination_gets_its_own(
    place: Place, sandbox: Sandbox
) -> None:
    await place.imported(place.sales(0, 100))
    report = await place.imported(place.sales(60, 160, "more.csv"))
    assert outcomes(report) == {"delivered:": 60, "duplicate:duplicate_message": 40}
    assert outcomes(await place.imported(place.sales(0, 100), destination="other")) == {"delivered:": 100}
    assert len(arrived(sandbox)) == 260
    place.check()


async def test_rejected_lines_are_mended_and_imported_again(place: Place, sandbox: Sandbox) -> None:
    path = place.sales(0, 20)
    lines = path.read_text().splitlines()
    lines[3] = lines[3].replace("p2@example.com", "nobody")
    lines[5] += ",too much"
    lines[7] = lines[7].replace(",6.5,", ",six,")
    path.write_text("\n".join(lines) + "\n")
    report = await place.imported(path, code=1)
    assert outcomes(report) == {
        "delivered:": 17,
        "invalid:pii_invalid": 1,
        "invalid:field_type": 1,
        "invalid:unreadable_line": 1,
    }
    rejected = Path(report["rejects"])
    assert rejected == place.folder / "sales.csv.rejected.csv"
    rows = place.rows(rejected)
    assert [row[0] for row in rows] == ["tockwork_line", "4", "6", "8"]
    assert [row[1].split(":")[0] for row in rows[1:]] == ["pii_invalid", "unreadable_line", "field_type"]
    assert [",".join(row[2:]) for row in rows[1:]] == [lines[3], lines[5], lines[7]]
    place.mend(rejected, {"nobody": "p2@example.com", ",too much": "", ",six,": ",6.5,"})
    assert outcomes(await place.imported(rejected)) == {"delivered:": 3}
    assert len(arrived(sandbox)) == 20
    again = await place.run("import", str(path), "--destination", NAME, "--again")
    assert again.returncode == 2
    assert b"would be overwritten" in again.stderr
    place.check()


async def test_a_dry_run_changes_nothing(place: Place, sandbox: Sandbox) -> None:
    path = place.sales(0, 30)
    path.write_text(path.read_text() + "Purchase,x\nFind Location,2026-11-20,a@b.co,1,EUR,O\n")
    before = {file: file.read_bytes() for file in place.data.glob("tockwork.db*")}
    report = await place.imported(path, "--dry-run", code=1)
    assert outcomes(report) == {"mapped:": 30, "invalid:unreadable_line": 1, "filtered:no_trigger": 1}
    assert report["coverage"]["email"] == 30
    assert report["bad_lines"] == [
        {"line": 32, "reason": "unreadable_line", "message": "has 2 fields, the header has 6"}
    ]
    assert report["unsent"] == ["Find Location"]
    assert not sandbox.events
    assert sqlite3.connect(place.data / "tockwork.db").execute("SELECT count(*) FROM chunk").fetchone() == (0,)
    assert before.keys() <= set(place.data.glob("tockwork.db*"))


async def test_a_file_may_be_tried_before_anything_is_set_up(tmp_path: Path) -> None:
    words = ["import", str(EXAMPLES / "store-sales.csv"), "--destination", KIND, "--dry-run", "--json"]
    found = await asyncio.to_thread(run, words, TOCKWORK_DATA=str(tmp_path / "none"))
    report = json.loads(found.stdout)
    assert report["records"] == 5
    assert report["kept"] == ["store"]
    assert sum(o["number"] for o in report["outcomes"]) == 5
    assert not (tmp_path / "none").exists()


async def test_a_map_is_saved_and_used(place: Place, sandbox: Sandbox) -> None:
    day = time.strftime("%d.%m.%Y", time.gmtime(time.time() - 86_400))
    path = place.folder / "till.csv"
    content = f"Sold at;Customer mail;Amount;Receipt;Cashier\n{day} 12:00;a@example.com;1.234,50;R-1;Eve\n"
    path.write_bytes(content.encode("cp1252"))
    saved = place.folder / "saved.yaml"
    report = await place.imported(path, "--map-file", str(EXAMPLES / "till-map.yaml"), "--save-map", str(saved))
    assert outcomes(report) == {"delivered:": 1}
    (event,) = [json.loads(bytes(each.sent)) for each in sandbox.events]
    assert event["properties"]["value"] == 1234.5
    assert event["properties"]["order_id"] == "R-1"
    words = ("import", str(path), "--destination", NAME, "--map-file", str(saved))
    assert b"was imported on" in (await place.run(*words)).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--destination", "nobody"], b"'nobody' is not configured"),
        (["--destination", NAME, "--map", "nothing"], b"expected COLUMN=place"),
        (["--destination", NAME, "--map", "shoe=userId"], b"is no column of the file"),
        (["--destination", NAME, "--format", "xls"], b"expected one of csv, tsv, parquet, jsonl"),
        (["--destination", NAME, "--timezone", "Mars"], b"is no time zone"),
        (["--destination", NAME, "--map", "event_type=properties.x", "--map", "email=event"], b"no enabled mapping"),
    ],
)
async def test_wrong_usage_is_said_before_anything_is_done(
    words: list[str], said: bytes, place: Place, sandbox: Sandbox
) -> None:
    found = await place.run("import", str(place.sales(0, 3)), *words)
    assert found.returncode == 2
    assert said in found.stderr
    assert b"example.com" not in found.stderr
    assert not sandbox.events


async def test_beside_a_running_server(place: Place, sandbox: Sandbox) -> None:
    async with Server(**place.variables):
        report = await place.imported(place.sales(0, 3000))
        assert outcomes(report) == {"delivered:": 3000}
    assert set(arrived(sandbox).values()) == {1}
    assert len(arrived(sandbox)) == 3000
    place.check()


async def test_without_waiting_the_next_one_delivers(place: Place, sandbox: Sandbox) -> None:
    path = place.sales(0, 40)
    assert outcomes(await place.imported(path, "--no-wait", code=1)) == {"pending:undecided": 40}
    assert not sandbox.events
    assert outcomes(await place.imported(path)) == {"delivered:": 40}
    place.check()


async def test_what_is_blocked_is_said_and_waits(place: Place, sandbox: Sandbox) -> None:
    sandbox.set_faults([{"action": {"kind": "answer", "code": 40105}}])
    found = await place.run("import", str(place.sales(0, 10)), "--destination", NAME)
    assert found.returncode == 1, found.stderr
    assert b"blocked" in found.stderr
    place.check()
