"""Logs: JSON lines, without the text of anybody's error."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tockwork.app import logs

MAIL = "ann@shop.example"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, hook, settings = logging.getLogger(), sys.excepthook, structlog.get_config()
    handlers = list(root.handlers)
    yield
    sys.excepthook, root.handlers[:] = hook, handlers
    structlog.configure(**settings)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    structlog.get_logger("x").info("started", port=8080)
    structlog.get_logger("x").debug("not this")
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "started", "port": 8080, "level": "info"}


def test_a_library_is_named_and_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug")
    logs.configure("debug")  # a second time adds nothing
    try:
        raise ValueError(MAIL)
    except ValueError:
        logging.getLogger("some.package").exception(f"failed on {MAIL}: %s", MAIL, extra={"who": MAIL})
    logging.getLogger("some.package").info("chatter %s", MAIL)
    (line,) = lines(capsys)
    assert line["event"] == "library"
    assert (line["logger"], line["level"], line["error"]) == ("some.package", "error", "ValueError")
    assert line["where"].startswith("test_logs:")


async def test_a_task_that_nobody_awaits_is_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")

    async def fail() -> None:
        raise ValueError(MAIL)

    task: asyncio.Task[None] | None = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["error"]) == ("library", "asyncio", "ValueError")


def test_a_crash_says_where_and_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    try:
        json.loads(MAIL)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    (line,) = lines(capsys)
    assert (line["event"], line["error"], line["level"]) == ("crashed", "JSONDecodeError", "critical")
    assert line["trace"][0].endswith("test_a_crash_says_where_and_not_what")
    assert line["trace"][-1].startswith("json.decoder:")


def test_an_interrupt_is_no_crash(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert lines(capsys) == []


def test_a_closed_standard_error_costs_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure("info")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        structlog.get_logger("x").info("lost" * 10_000)
        full.buffer.raw.close()  # type: ignore[attr-defined]
        structlog.get_logger("x").info("lost too")
