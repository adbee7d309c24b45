"""The files in examples/ do what they say, as a user would run them."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import polars as pl
import pytest
import yaml

from tockwork.app.server import ASGI, HttpServer
from tockwork.app.wire import running
from tockwork.configuration.alerts import Alerts, Rules
from tockwork.configuration.entries import DestinationEntry, SourceEntry, Written, load
from tockwork.delivery.connection import connect
from tockwork.destinations.case import Case, Expectation
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = {"TIKTOK_ACCESS_TOKEN": "token-for-tests", "SHOP_WRITE_KEY": "shop-write-key"}
KIND: Final = "tiktok-conversions"


def tockwork(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TOCKWORK_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tockwork", *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_shopping_session_is_transformed() -> None:
    done = tockwork("transform", "--destination", KIND, "examples/events.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert [(line["mapping"], line["status"], line["reason"]) for line in lines(done)] == [
        ("Page View", "mapped", None),
        ("Search", "mapped", None),
        ("View Content", "mapped", None),
        ("Add to Cart", "mapped", None),
        (None, "filtered", "no_trigger"),
        ("Initiate Checkout", "mapped", None),
        ("Add Payment Info", "mapped", None),
        ("Complete Payment", "mapped", None),
        ("Submit Form", "mapped", None),
        ("Click Button", "invalid", "field_type"),
    ]
    order = lines(done)[7]["row"]
    assert order["properties"]["value"] == 114.9
    assert [item["content_id"] for item in order["properties"]["contents"]] == ["SHOE-42", "7001"]


def test_the_session_makes_one_request() -> None:
    done = tockwork("transform", "--destination", KIND, "--requests", "examples/events.jsonl")
    (request,) = lines(done)
    assert request["event_source"] == "web"
    assert len(request["data"]) == 8


def test_the_mappings_take_the_place_of_the_presets() -> None:
    arguments = ("--destination", KIND, "--mappings", "examples/mappings.json", "examples/events.jsonl")
    done = tockwork("transform", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    mapped = [line for line in lines(done) if line["status"] == "mapped"]
    assert [(line["mapping"], line["row"]["event"]) for line in mapped] == [
        ("Big orders", "BigOrder"),
        ("Newsletter", "Subscribe"),
    ]
    assert mapped[0]["row"]["properties"] == {"currency": "USD", "value": 114.9, "description": "order O-1001"}
    explained = tockwork("explain", *arguments, "--json")
    assert explained.returncode == 0
    explanations = [json.loads(line) for line in explained.stdout.splitlines()]
    assert [one["mapping"] for event in explanations for one in event if one["matched"]] == ["Big orders", "Newsletter"]


def test_the_configurations_hold() -> None:
    small = tockwork("check", "examples/shop.yaml", **ENVIRONMENT)
    assert (small.returncode, small.stderr) == (0, "")
    full = tockwork("check", "--json", "examples/full.yaml", **ENVIRONMENT)
    assert (full.returncode, full.stderr) == (0, "")
    assert json.loads(full.stdout) == {"sources": 2, "destinations": 6, "mappings": 46, "cases": 2, "findings": []}


def test_a_missing_variable_is_named() -> None:
    done = tockwork("check", "examples/shop.yaml", TIKTOK_ACCESS_TOKEN="")
    assert done.returncode == 0  # empty is a value
    environment = {key: value for key, value in os.environ.items() if key not in ENVIRONMENT}
    command = [sys.executable, "-m", "tockwork", "check", "examples/shop.yaml"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "TIKTOK_ACCESS_TOKEN" in done.stderr


def test_the_full_configuration_sets_every_member() -> None:
    written = yaml.safe_load((ROOT / "examples/full.yaml").read_text())
    assert set(written) == set(Written.__struct_fields__)
    assert everything(written["sources"]) == set(SourceEntry.__struct_fields__)
    assert everything(written["destinations"]) == set(DestinationEntry.__struct_fields__)
    mappings = [mapping for one in written["destinations"] for mapping in one.get("mappings", [])]
    assert everything(mappings) == {"name", "trigger", "action", "fields", "enabled"}
    assert set(written["alerts"]) == set(Alerts.__struct_fields__)
    for rule, figures in written["alerts"]["rules"].items():
        assert set(figures) == set(getattr(Rules(), rule).__struct_fields__)
    assert set(written["alerts"]["rules"]) == set(Rules.__struct_fields__)
    cases = [case for one in written["destinations"] for case in one.get("cases", [])]
    assert everything(cases) == set(Case.__struct_fields__)
    assert everything([expected for case in cases for expected in case["expect"]]) == set(Expectation.__struct_fields__)


def test_the_full_configuration_sets_every_setting() -> None:
    written = yaml.safe_load((ROOT / "examples/full.yaml").read_text())
    for kind, destination in DESTINATIONS.items():
        settings = everything([one["settings"] for one in written["destinations"] if one["kind"] == kind])
        assert settings == {setting.key for setting in destination.settings}


def everything(objects: list[dict[str, Any]]) -> set[str]:
    return {key for one in objects for key in one}


async def test_the_program_reaches_tiktok(tmp_path: Path) -> None:
    """examples/send.py, Segment's library, a server on examples/shop.yaml, and the stand-in for TikTok."""
    configuration = load(ROOT / "examples/shop.yaml", ENVIRONMENT)
    async with Sandbox().serve() as sandbox:
        process = msgspec.structs.replace(Settings(), data=tmp_path, port=0, admin_port=0, tiktok_url=sandbox.url)
        async with running(process, configuration) as server:
            assert server.workers is not None
            program = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "examples/send.py"),
                env={**os.environ, "SERVER_URL": server.url, "NO_PROXY": "127.0.0.1"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asyncio.wait_for(program.communicate(), 60)
            assert (program.returncode, out, err) == (0, b"", b"")
            assert await server.workers.by_name["tiktok"].drain(20)
        (arrived,) = sandbox.events
    assert arrived.row["event"] == "CompletePayment"
    assert arrived.row["properties"] == {
        "content_type": "product",
        "currency": "USD",
        "value": 114.9,
        "order_id": "O-1001",
    }
    assert arrived.row["user"]["ip"] == "203.0.113.24"


async def test_the_session_is_sent() -> None:
    settings = {"accessToken": "token-for-tests", "pixelCode": "C0123456789ABCDEFGHI"}
    async with Sandbox().serve() as sandbox:
        done = await asyncio.to_thread(_send, sandbox.url, settings)
        rows = len(sandbox.events)
    assert done.returncode == 1  # one event is invalid
    statuses = [line["status"] for line in lines(done)]
    assert (statuses.count("delivered"), statuses.count("filtered"), statuses.count("invalid")) == (8, 1, 1)
    assert rows == 8


def _send(url: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(settings, file)
        file.flush()
        arguments = ("--settings", file.name, "--json", "examples/events.jsonl")
        return tockwork("send", "--destination", KIND, *arguments, TOCKWORK_TIKTOK_URL=url, NO_PROXY="127.0.0.1")


# --- in one's own program --------------------------------------------------------------------------------------------


def test_the_django_shop_passes_its_own_tests() -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("TOCKWORK_", "TIKTOK_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "manage.py", "test"],
        cwd=ROOT / "examples/django_shop",
        env={**clean, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 3 tests" in done.stderr


async def test_the_fastapi_shop_answers_first_and_reports_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_ACCESS_TOKEN", "token-for-tests")
    shop = example("fastapi_shop")
    async with Sandbox().serve() as sandbox:
        monkeypatch.setenv("TOCKWORK_TIKTOK_URL", sandbox.url)
        async with shop.app.router.lifespan_context(shop.app), posted(shop.app) as post:
            order = (await post({"email": "Ann@Shop.example", "total": 25.0}))["order"]
            other = (await post({"email": "bob@shop.example", "total": 7.5}))["order"]
            await until(lambda: len(sandbox.events) == 2)
        rows = {event.row["event_id"]: event.row for event in sandbox.events}
    assert set(rows) == {f"Purchase.{order}", f"Purchase.{other}"}
    row = rows[f"Purchase.{order}"]
    assert row["properties"] == {"content_type": "product", "currency": "USD", "value": 25, "order_id": order}
    assert row["user"]["email"] == [hashlib.sha256(b"ann@shop.example").hexdigest()]
    assert "firefox" in row["user"]["user_agent"].lower()
    assert row["page"]["url"].endswith("/checkout")


async def test_the_fastapi_shop_sells_on_without_a_token(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TIKTOK_ACCESS_TOKEN", raising=False)
    shop = example("fastapi_shop")
    async with shop.app.router.lifespan_context(shop.app), posted(shop.app) as post:
        assert (await post({"email": "ann@shop.example", "total": 25.0}))["order"]
        await until(lambda: bool(caplog.messages))
    assert "pending (blocked)" in caplog.messages[0]
    assert "ann@" not in caplog.text


@asynccontextmanager
async def posted(app: Any) -> AsyncIterator[Callable[[Any], Awaitable[dict[str, Any]]]]:
    """A real server for `app`, and a function that posts a cart to it and returns the answer."""
    server = HttpServer(app, ASGI, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{await server.start()}/checkout"

    async def post(cart: Any) -> dict[str, Any]:
        async with session.post(url, json=cart, headers={"User-Agent": "Mozilla/5.0 Firefox/140.0"}) as answer:
            assert answer.status == 200, await answer.text()
            body: dict[str, Any] = await answer.json()
            return body

    try:
        async with aiohttp.ClientSession() as session:
            yield post
    finally:
        await server.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - it looks at another process's doings
            await asyncio.sleep(0.01)


def example(name: str) -> Any:
    """examples/`name`.py as a fresh module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- over a file, in many processes ----------------------------------------------------------------------------------


def orders(height: int) -> pl.DataFrame:
    moment = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    return pl.DataFrame(
        {
            "order_id": [f"O-{number}" for number in range(height)],
            "ordered_at": [moment + timedelta(seconds=number) for number in range(height)],
            "email": [None if number % 7 == 0 else f"ann{number}@shop.example" for number in range(height)],
            "phone": ["(415) 555-0123" if number % 3 == 0 else None for number in range(height)],
            "total": [number / 4 for number in range(height)],
            "currency": ["USD"] * height,
        }
    )


def test_the_parquet_file_is_transformed_in_many_processes(tmp_path: Path) -> None:
    module = example("transform_parquet")
    table = orders(2 * module.BATCH + 5)
    source, target = tmp_path / "orders.parquet", tmp_path / "rows.parquet"
    table.write_parquet(source)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples/transform_parquet.py"), str(source), str(target)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = pl.read_parquet(target)
    pack = {"pixelCode": "C0123456789ABCDEFGHI", "event_id": "order"}
    (alone,) = module.rows_of(connect("tiktok-conversions", pack, preset_pack="purchase-2025"), iter([table]))
    assert written.equals(alone)
    assert written["status"].unique().to_list() == ["mapped"]
    row = json.loads(written["row"][-1])
    assert row["event_id"] == f"Purchase.O-{table.height - 1}"
    assert row["event_time"] == int(table["ordered_at"][-1].timestamp())


def test_the_function_for_spark_takes_any_frame_with_columns() -> None:
    class Frame(dict[str, list[Any]]):
        """Stands for a frame of pandas: columns by name, made of a dict of columns."""

    module = example("transform_parquet")
    connection = pickle.loads(pickle.dumps(connect("tiktok-conversions", {"pixelCode": "C0123456789ABCDEFGHI"})))
    halves = [Frame(orders(9)[:4].to_dict(as_series=False)), Frame(orders(9)[4:].to_dict(as_series=False))]
    made = list(module.rows_of(connection, iter(halves)))
    (whole,) = module.rows_of(connection, iter([orders(9)]))
    assert [type(frame) for frame in made] == [Frame, Frame]
    assert {key: made[0][key] + made[1][key] for key in made[0]} == whole.to_dict(as_series=False)
