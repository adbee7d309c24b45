"""Runs wrk, a load generator in C that costs little beside what it measures."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Final

import msgspec

_SCRIPT: Final = """\
wrk.method = "POST"
wrk.body = [==[{body}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Basic {credentials}"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nRESULT {{"requests":%d,"seconds":%f,"failed":%d,"p50":%f,"p99":%f}}\\n', summary.requests,
    summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


class Run(msgspec.Struct, frozen=True):
    """What one run brought. Latencies are in milliseconds; `failed` requests got no 2xx."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def program() -> str:
    """Where wrk is; installs it where that is possible. Raises `SystemExit` that says what to do."""
    if not (found := shutil.which("wrk")) and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing wrk, the load generator, with apt")
        for words in (["update", "-qq"], ["install", "-qq", "-y", "wrk"]):
            subprocess.run(["apt-get", *words], check=False, stdout=subprocess.DEVNULL)
        found = shutil.which("wrk")
    if not found:
        raise SystemExit("This bench needs wrk, a load generator. Install it: apt install wrk, or brew install wrk")
    return found


def post(wrk: str, url: str, write_key: str, body: bytes, connections: int, seconds: int) -> Run:
    """Posts `body` over `connections` keep-alive connections. Raises `RuntimeError` when an answer was no 2xx."""
    script = _SCRIPT.format(body=body.decode(), credentials=b64encode(f"{write_key}:".encode()).decode())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "post.lua")
        file.write_text(script)
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(file), url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    run = msgspec.json.decode(said.partition("\nRESULT ")[2], type=Run)
    if run.failed or not run.requests:
        raise RuntimeError(f"{run.failed} of {run.requests} requests failed:\n{said}")
    return run
