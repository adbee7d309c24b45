"""A file of any size goes through `transform` in the same memory."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench.events import Shop
from tests.e2e.command import arguments, environment

LIMIT_BYTES = 150_000_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def peak_bytes(file: Path) -> int:
    """The most memory that `transform` of `file` held at any time, from the kernel's high-water mark (the usage that
    `wait4` tells counts the memory of the process that started it, too)."""
    words = arguments("transform", "--destination", "tiktok-conversions", str(file))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment())
    peak = 0
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found[1]) * 1024 if found else 0)
        time.sleep(0.01)
    assert process.returncode == 0
    return peak


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
