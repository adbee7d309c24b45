"""A file of any size goes through `transform` in the same memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bench.events import Shop
from tests.e2e.command import arguments, environment

LIMIT_BYTES = 150_000_000


def peak_bytes(file: Path) -> int:
    """The most memory that `transform` of `file` held at any time."""
    words = arguments("transform", "--destination", "tiktok-conversions", str(file))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def write(file: Path, size: int) -> None:
    block = b"\n".join(Shop(seed=3).lines(5000)) + b"\n"
    with file.open("wb") as target:
        while target.tell() < size:
            target.write(block)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    write(small, 1)
    write(large, 60_000_000)
    assert peak_bytes(large) < min(LIMIT_BYTES, peak_bytes(small) + 20_000_000)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_a_gigabyte_stays_under_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "gigabyte.jsonl"
    write(file, 1_000_000_000)
    peak = peak_bytes(file)
    print(f"peak memory of a 1 GB transform: {peak / 1e6:.0f} MB")
    assert peak < LIMIT_BYTES


def test_one_endless_line_is_refused_alone(tmp_path: Path) -> None:
    file = tmp_path / "endless.jsonl"
    with file.open("wb") as target:
        for _ in range(60):
            target.write(b"x" * 1_000_000)
        target.write(b'\n{"type": "page", "messageId": "after"}\n')
    words = arguments("transform", "--destination", "tiktok-conversions", str(file))
    done = subprocess.run(words, capture_output=True, check=True, env=environment())
    assert done.stdout.count(b"\n") == 2
    assert b'"reason":"event_too_large"' in done.stdout
    assert b'"message_id":"after"' in done.stdout
    assert peak_bytes(file) < LIMIT_BYTES
