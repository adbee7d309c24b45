"""An honest client in a process of its own, so that no attacker in the test's process slows its clock.

``python -m tests.faults.probe URL WRITE_KEY``. Each line on standard input is a number of seconds; for that long it
sends plain events at a steady pace, and answers with one line of JSON, a `Window`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final
from urllib.parse import urlsplit

import msgspec

CONNECTIONS: Final = 6
PACE_S: Final = 0.02
LATE_S: Final = 20.0


class Window(msgspec.Struct):
    """How it went for a while: each request's latency in seconds, and the statuses other than 200 (0: no answer)."""

    latencies: list[float]
    failures: list[int]

    @property
    def p99(self) -> float:
        """In seconds."""
        ordered = sorted(self.latencies)
        return ordered[len(ordered) * 99 // 100]


async def measure(host: str, port: int, key: str, seconds: float) -> Window:
    window = Window([], [])
    end = time.monotonic() + seconds
    await asyncio.gather(*(_client(host, port, key, end, nth, window) for nth in range(CONNECTIONS)))
    return window


async def _client(host: str, port: int, key: str, end: float, nth: int, window: Window) -> None:
    await asyncio.sleep(PACE_S * nth / CONNECTIONS)
    reader, writer = await asyncio.open_connection(host, port)
    body = msgspec.json.encode({"writeKey": key, "event": "Cart Viewed", "userId": f"honest-{nth}"})
    request = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    while (began := time.monotonic()) < end:
        try:
            async with asyncio.timeout(LATE_S):
                writer.write(request)
                status = await _status(reader)
        except (OSError, EOFError, TimeoutError):
            window.failures.append(0)
            break
        taken = time.monotonic() - began
        window.latencies.append(taken)
        if status != 200:
            window.failures.append(status)
        await asyncio.sleep(max(0.0, PACE_S - taken))
    writer.close()


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next(line for line in head.splitlines() if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split()[1]))
    return int(head.split()[1])


def main(url: str, key: str) -> None:
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    for line in sys.stdin:
        window = asyncio.run(measure(address.hostname, address.port, key, float(line)))
        print(msgspec.json.encode(window).decode(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
