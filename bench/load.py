"""Posts batches of a shop's events, from a process of its own.

python -m bench.load URL WRITE_KEY SEED BATCHES [DISTINCT]

It makes the batches, of which DISTINCT differ, says "ready", waits for a line on standard input, posts them, and prints
what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any, Final

import aiohttp
import msgspec

from bench.events import Shop

BATCH: Final = 100
CONNECTIONS: Final = 4


class Posted(msgspec.Struct, frozen=True):
    """`began` and `ended` (the last acknowledgement) are Unix times in seconds; `again` counts batches that the server
    asked to have later."""

    began: float
    ended: float
    again: int


def batches(seed: int, number: int) -> list[bytes]:
    """Each has `BATCH` events that happen now: TikTok takes no old ones."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    events = Shop(seed, mapped_only=True).events(number * BATCH)
    return [
        msgspec.json.encode({"batch": [_at(now, event) for event in islice(events, BATCH)], "sentAt": now})
        for _ in range(number)
    ]


def _at(now: str, event: dict[str, Any]) -> dict[str, Any]:
    del event["receivedAt"]
    # TikTok takes no event of a web page without the page, so a backend sends it too.
    event["context"].setdefault("page", {"url": "https://shop.example/checkout"})
    return event | {"originalTimestamp": now, "sentAt": now, "timestamp": now}


def endless(made: Sequence[bytes]) -> Iterator[bytes]:
    """The batches over and over, their messageIds new each time: one that was seen before would be a duplicate."""
    for turn in count():
        for body in made:
            yield body.replace(b'"messageId":"', b'"messageId":"%d-' % turn) if turn else body


async def post(url: str, write_key: str, bodies: Iterator[bytes]) -> Posted:
    """Raises `aiohttp.ClientResponseError` when a batch is refused for good."""
    again = 0
    basic = b64encode(f"{write_key}:".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), headers=headers) as session:

        async def client() -> None:
            nonlocal again
            for body in bodies:
                while True:
                    async with session.post(url, data=body) as answer:
                        if answer.status == 200:
                            break
                        if answer.status not in (429, 503):
                            answer.raise_for_status()
                        again += 1
                        await asyncio.sleep(float(answer.headers["Retry-After"]))

        began = time.time()
        await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return Posted(began, time.time(), again)


def main() -> None:
    url, write_key, seed, number, *rest = sys.argv[1:]
    distinct = int(rest[0]) if rest else int(number)
    made = batches(int(seed), distinct)
    print("ready", flush=True)
    sys.stdin.readline()
    posted = asyncio.run(post(url, write_key, islice(endless(made), int(number))))
    sys.stdout.buffer.write(msgspec.json.encode(posted) + b"\n")


if __name__ == "__main__":
    main()
