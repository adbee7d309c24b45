"""The command line, driven from outside."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from bench.events import Shop
from tests.e2e.command import arguments, environment, run

from tockwork.app.commands.session import events as session
from tockwork.sandbox.server import Sandbox

KIND = ("--destination", "tiktok-conversions")
SETTINGS = {"accessToken": "planted-token-4711", "pixelCode": "C8E2OS3C77UABCDXYZ00"}


def lines(events: list[dict[str, Any]]) -> bytes:
    return b"\n".join(msgspec.json.encode(event) for event in events)


@pytest.fixture
def settings(tmp_path: Path) -> str:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(SETTINGS))
    return str(file)


def test_demo_tells_what_became_of_every_event() -> None:
    done = run(["demo", "--once", "--json"])
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["message_id"] for step in steps] == [event["messageId"] for event in session()]
    became = {step["event"]: (step["status"], step["reason"]) for step in steps}
    assert became["Cart Viewed"] == ("filtered", "no_trigger")
    assert became["Product Clicked"] == ("invalid", "field_type")
    order, copy = [step for step in steps if step["event"] == "Order Completed"]
    assert (order["status"], order["tiktok"]["verdict"]) == ("delivered", "unique")
    assert (copy["status"], copy["reason"], copy["tiktok"]) == ("duplicate", "duplicate_message", {})


def test_demo_shows_a_table() -> None:
    done = run(["demo", "--once"])
    assert done.returncode == 0, done.stderr
    assert b"CompletePayment (unique)" in done.stdout
    assert b"duplicate_message" in done.stdout
    assert b"field_type" in done.stdout
    assert b"@" not in done.stdout  # nobody's e-mail


def test_transform_prints_a_line_per_outcome() -> None:
    done = run(["transform", *KIND, "--now", "2026-11-20T00:00:00Z"], lines(session()) + b"\n\n{broken")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(session()) + 1
    assert all(list(line) == ["message_id", "mapping", "status", "reason", "warnings", "row"] for line in found)
    assert all((line["row"] is not None) == (line["status"] == "mapped") for line in found)
    assert found[-1]["reason"] == "not_json"


def test_transform_prints_requests(settings: str) -> None:
    events = list(Shop(mapped_only=True).events(2500))
    done = run(["transform", *KIND, "--settings", settings, "--requests"], lines(events))
    requests = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(request["data"]) for request in requests] == [1000, 1000, 500]
    assert {request["event_source_id"] for request in requests} == {SETTINGS["pixelCode"]}
    assert b"planted-token" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["transform", "--destination", "tiktok-conversion"], "Did you mean 'tiktok-conversions'?"),
        (["transform", *KIND, "--preset-pack", "purchase"], "preset_pack: 'purchase' is no pack"),
        (["transform", *KIND, "--now", "yesterday"], "--now: expected ISO 8601"),
        (["transform", *KIND, "/no/such/file"], "/no/such/file: cannot be read: No such file"),
        (["transform", *KIND, "--mappings", "/no/such/file"], "cannot be read"),
        (["send", *KIND], "settings.pixelCode: is required"),
        (["check", "/no/such/file"], "cannot be read"),
        (["sandbox", "--profile", "kind"], "profile"),
    ],
)
def test_wrong_usage_says_what_to_mend(words: list[str], message: str) -> None:
    done = run(words)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_configuration_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    mappings = [{"name": f"m{n}", "trigger": 'type = "page"', "fields": {"event": "X"}} for n in range(51)]
    mappings[3] = {"name": "m3", "trigger": 'event = "unfinished', "fields": {"event": "X", "value": "12,50"}}
    file = tmp_path / "mappings.json"
    file.write_text(json.dumps(mappings))
    done = run(["transform", *KIND, "--mappings", str(file)])
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "expected at most 50, got 51" in said
    assert "mappings[3].trigger: column" in said
    assert "mappings[3].fields.value: expected a number" in said


async def test_send_delivers_and_tells(settings: str) -> None:
    events = list(Shop(mapped_only=True).events(1200))
    for event in events:
        event["context"]["page"] = {"url": "https://shop.example/"}
    async with Sandbox().serve() as sandbox:
        words = ["send", *KIND, "--settings", settings, "-"]
        done = await asyncio.to_thread(run, words, lines(events), TOCKWORK_TIKTOK_URL=sandbox.url)
        assert done.returncode == 0, done.stderr
        assert "1,200" in done.stdout.decode()
        assert sandbox.stats().unique == 1200


def test_send_without_a_valid_token_says_so(settings: str, tmp_path: Path) -> None:
    file = tmp_path / "bare.json"
    file.write_text(json.dumps({"pixelCode": SETTINGS["pixelCode"]}))
    done = run(["send", *KIND, "--settings", str(file), "--json"], lines(list(Shop(mapped_only=True).events(1))))
    assert done.returncode == 1
    outcome = json.loads(done.stdout)
    assert (outcome["status"], outcome["reason"]) == ("pending", "blocked")
    assert outcome["detail"].startswith("no_token")


def test_explain_shows_clauses_and_origins() -> None:
    done = run(["explain", *KIND], lines([session()[7]]))
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert "✓ Complete Payment" in said
    assert 'event = "Order Completed"' in said
    assert "from $.properties.revenue" in said
    assert "✗ Search" in said


def test_check_runs_the_cases_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        """
destinations:
  - name: shop
    kind: tiktok-conversions
    settings: {pixelCode: C8E2OS3C77UABCDXYZ00, accessToken: "${TOKEN_OF_SHOP}"}
    cases:
      - name: a page view
        event: {type: page, messageId: m1, context: {page: {url: https://shop.example/}}}
        expect: [{status: mapped, mapping: Page View}]
"""
    )
    fine = run(["check", str(file)], TOKEN_OF_SHOP="secret-token-12")
    assert fine.returncode == 0, fine.stderr
    assert b"1 cases: all is well" in fine.stdout
    assert b"secret-token-12" not in fine.stdout + fine.stderr
    file.write_text(file.read_text().replace("mapping: Page View", "mapping: Search"))
    differs = run(["check", str(file)], TOKEN_OF_SHOP="x")
    assert differs.returncode == 1
    assert b'expect[0].mapping: expected "Search", found "Page View"' in differs.stdout
    assert run(["check", str(file)]).returncode == 2  # the variable is not set


async def test_serve_accepts_and_delivers_until_it_is_stopped(tmp_path: Path) -> None:
    async with Sandbox().serve() as sandbox:
        file = tmp_path / "shop.yaml"
        file.write_text(
            f"""
sources: [{{name: shop, kind: server, write_key: key-1}}]
destinations:
  - {{name: tiktok, kind: tiktok-conversions, settings: {json.dumps(SETTINGS)}}}
"""
        )
        process = await asyncio.create_subprocess_exec(
            *arguments(
                "serve", "--config", str(file), "--port", "0", "--admin-port", "0", "--data", str(tmp_path / "data")
            ),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment(TOCKWORK_TIKTOK_URL=sandbox.url),
        )
        assert process.stderr is not None
        said = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
        url = said.split()[-1]
        async with aiohttp.ClientSession(headers={"Authorization": "Basic a2V5LTE6"}) as http:
            for event in session()[:4]:
                async with http.post(
                    f"{url}/v1/track" if event["type"] == "track" else f"{url}/v1/page", json=event
                ) as answer:
                    assert answer.status == 200
        async with asyncio.timeout(20):
            while sandbox.stats().unique < 4:  # noqa: ASYNC110 (it has no event to wait for)
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        rest = (await asyncio.wait_for(process.stderr.read(), 15)).decode()
        assert await process.wait() == 0, rest
        assert sandbox.stats().unique == 4
        assert SETTINGS["accessToken"] not in said + rest
