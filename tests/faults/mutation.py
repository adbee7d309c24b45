"""Tracking calls that nobody should send: real events, changed at random in their structure or in their bytes."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec
from bench.events import Shop

MAX_BATCH: Final = 12
PATHS: Final = ["/v1/track", "/v1/t", "/v1/page", "/v1/identify", "/v1/batch", "/v1/import", "/beacon/v1/batch"]


class Call(msgspec.Struct, frozen=True):
    """One request: `events` is how many events it was made of, `headers` those beside the write key's."""

    path: str
    body: bytes
    headers: dict[str, str]
    events: int


class Mutations:
    """An endless supply of calls, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        # Those of browsers: TikTok refuses the others for want of a page, and too many refusals stop a destination.
        self._events = (event for event in Shop(seed).events(10**9) if event["channel"] == "client")

    def calls(self, events: int) -> Iterator[Call]:
        """Calls with `events` events between them."""
        left = events
        while left > 0:
            call = self._call(min(left, self._random.choice([1, 1, 1, 3, MAX_BATCH])))
            left -= call.events
            yield call

    def _call(self, count: int) -> Call:
        pick = self._random
        events = [self.structure(event) for event in islice(self._events, count)]
        path = pick.choice(PATHS if count == 1 else PATHS[4:])
        batch: Any = {"batch": events, "writeKey": pick.choice(ODD) if pick.random() < 0.1 else "x"}
        if pick.random() < 0.1:
            batch = self.structure(batch)
        content = events[0] if count == 1 and path in PATHS[:4] else batch
        body = json.dumps(content, ensure_ascii=pick.random() < 0.5).encode(errors="surrogatepass")
        if pick.random() < 0.4:
            body = self.bytes(body)
        headers = {"Content-Type": pick.choice(["text/plain", "application/json", "image/png", ""])}
        if pick.random() < 0.3:
            headers |= {
                "Origin": "https://shop.example",
                "X-Forwarded-For": pick.choice(["1.2.3.4", ",,,", "::", "x" * 99]),
            }
        if pick.random() < 0.2:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
            if pick.random() < 0.3:
                body = self.bytes(body)
        return Call(path, body, headers, count)

    def structure(self, value: Any) -> Any:
        """`value` with one to three of its parts changed, itself perhaps."""
        for _ in range(self._random.choice([0, 1, 1, 2, 3])):
            value = self._change(value)
        return value

    def _change(self, value: Any) -> Any:
        pick = self._random
        if isinstance(value, dict) and value:
            key = pick.choice(list(value))
            if pick.random() < 0.7:
                return {**value, key: self._change(value[key])}
            rest = {name: child for name, child in value.items() if name != key}
            renamed = pick.choice([key.upper(), key + " ", "", "__proto__", "\x00", "\ud83d", "k" * 5000, "𝄞"])
            return pick.choice([rest, {**rest, renamed: value[key]}, {**value, renamed: pick.choice(ODD)}])
        if isinstance(value, list) and value and pick.random() < 0.7:
            place = pick.randrange(len(value))
            return [*value[:place], self._change(value[place]), *value[place + 1 :]]
        return pick.choice(ODD) if pick.random() < 0.7 else [value, {"a": value}]

    def bytes(self, body: bytes) -> bytes:
        """`body` with a few of its bytes changed, gone, doubled, or new."""
        for _ in range(self._random.randint(1, 4)):
            start = self._random.randrange(len(body) + 1)
            body = self._random.choice(_DAMAGES)(self._random, body, start, start + self._random.randint(1, 20))
        return body


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


ODD: Final[list[Any]] = [
    *(None, True, False, 0, -1, -0.0, 1e308, 5e-324, 2**63, -(2**64), 10**300, 10**400),
    *(float("nan"), float("inf"), float("-inf")),
    *("", " ", "null", "undefined", "NaN", "0", "-1", "1e999", "９９", "12,50", "true"),
    *("\x00", "\ud83d", "\udc00 x", "😀" * 300, "\u202e", "\ufeff", "x" * 3000, "x" * 40_000, "ß" * 9000),
    *("2026-13-45T99:99:99Z", "0000-00-00", "9999-12-31T23:59:59.999999999+23:59", "1", "@path", "{{ 7 | times: 9 }}"),
    *("<script>", "'; DROP TABLE chunks; --", "%s%n", "../../etc/passwd", "\r\nX: y", "::1", "10.0.0.1", "256.1.1.1"),
    *([], {}, [[]], [None], [{}] * 200, {"": {}}, {"a": {"b": None}}, list(range(3000)), _nested(60), _nested(99)),
    *(_nested(400), {str(number): number for number in range(500)}),
]
"""Values that some program once took badly."""

Damage = Callable[[random.Random, bytes, int, int], bytes]

_TOKENS: Final = [b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\ud800", b"\x00", b"\xff", b"NaN", b"1e999", b"-"]

_DAMAGES: Final[list[Damage]] = [
    lambda pick, body, start, _: body[:start] + bytes([pick.randrange(256)]) + body[start + 1 :],
    lambda pick, body, start, end: body[:start] + pick.randbytes(end - start) + body[start:],
    lambda pick, body, start, end: body[:start] + body[end:],
    lambda pick, body, start, end: body[:end] + body[start:],
    lambda pick, body, start, _: body[:start] + pick.choice(_TOKENS) + body[start:],
    lambda pick, body, start, _: body[:start],
]
