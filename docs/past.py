"""A shop's week for the pictures of the console: events as they would come in, and a stopped server's data moved back
in time."""

from __future__ import annotations

import base64
import json
import math
import random
import re
import sqlite3
import sys
import time
import urllib.request
from array import array
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tockwork.app.commands import session
from tockwork.store.database import FILE

DAYS: Final = 6.8
STEP_S: Final = 600
SHARES: Final = {"Tills": 0.15, "Backend": 0.4, "Website": 0.8}
"""Of each source, in events."""
FREQUENT: Final = {"Home": 9, "Products Searched": 5, "Product Viewed": 14, "Product Added": 6, "Product Clicked": 0.3}
"""How often an event occurs, next to the others."""
STAMPS: Final = re.compile(rb'"(receivedAt|timestamp)":"[^"]{24}"')


def times() -> list[float]:
    """When somebody sent something: each ten minutes of a week, and each minute of the last hour, up to now."""
    now = time.time()
    past = [now - DAYS * 86400 + step * STEP_S for step in range(int((DAYS * 86400 - 3600) / STEP_S))]
    return [*past, *(now - 60 * minute for minute in range(59, -1, -1))]


def batches(moments: list[float], seed: int = 7) -> list[tuple[float, str, list[dict[str, Any]]]]:
    """When somebody sends, who, and what: few at night, many in the evening, and some with mistakes."""
    chance = random.Random(seed)  # noqa: S311 (the same pictures each time)
    made = []
    for at, after in pairwise([*moments, moments[-1] + 60]):
        wave = 1.1 - math.cos((at % 86400 / 3600 - 5) / 24 * math.tau)
        for source, share in SHARES.items():
            number = round(chance.gauss(9, 1.5) * wave * share * max(0.15, (after - at) / STEP_S))
            events = [_order(chance) if source == "Tills" else _event(chance) for _ in range(number)]
            if events:
                made.append((at, source, events))
    return made


def _order(chance: random.Random) -> dict[str, Any]:
    """Bought in a shop: no page, and most people say who they are."""
    event = _event(chance, "Order Completed")
    event["context"] = {"traits": {"email": f"{event['anonymousId']}@example.com"}} if chance.random() < 0.95 else {}
    return event


def _event(chance: random.Random, name: str = "") -> dict[str, Any]:
    usual = [each for each in session.events()[:-1] if not name or each.get("event") == name]
    weights = [FREQUENT.get(event.get("event") or event["name"], 1) for event in usual]
    event: dict[str, Any] = json.loads(json.dumps(chance.choices(usual, weights)[0]))
    person = chance.randrange(4000)
    event |= {"messageId": f"m-{chance.getrandbits(48):012x}", "anonymousId": f"a-{person:04d}"}
    del event["timestamp"]
    context = event["context"]
    context["ip"] = f"203.0.113.{person % 250}"
    context["userAgent"] = context["userAgent"].replace("18_1", f"18_{person % 5}")
    if "order_id" in event["properties"]:
        event["properties"]["order_id"] = f"O-{person:04d}"
    if chance.random() < 0.4:
        context["traits"] = {"email": f"person{person}@example.com", "phone": f"+1415555{person:04d}"}
        event["userId"] = f"u-{person}"
    else:
        del context["traits"]
    if chance.random() < 0.006 and event["type"] == "track":
        del context["page"]
    return event


def send(url: str, write_keys: dict[str, str], sent: list[tuple[float, str, list[dict[str, Any]]]]) -> None:
    """One request for each batch."""
    for _, source, events in sent:
        credentials = base64.b64encode(f"{write_keys[source]}:".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        body = json.dumps({"batch": events}).encode()
        request = urllib.request.Request(f"{url}/v1/batch", body, headers)  # noqa: S310 (our own server)
        urllib.request.urlopen(request).close()  # noqa: S310


def age(folder: Path, moments: list[float]) -> None:
    """Moves each chunk of a stopped server's data to a moment of its own, the last one to the last."""
    chance = random.Random(7)  # noqa: S311
    with sqlite3.connect(folder / FILE) as connection:
        ids = [number for (number,) in connection.execute("SELECT id FROM chunk ORDER BY id")]
        for number, at in zip(ids[-len(moments) :], moments[-len(ids) :], strict=True):
            _move(connection, number, at, at + chance.lognormvariate(-0.7, 0.7))
        _count_again(connection)
    connection.close()


def _move(connection: sqlite3.Connection, number: int, accepted: float, decided: float) -> None:
    (content,) = connection.execute("SELECT content FROM chunk WHERE id = ?", (number,)).fetchone()
    stamp = datetime.fromtimestamp(accepted, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    anew = rb'"\1":"' + stamp.encode() + b'"'
    connection.execute(
        "UPDATE chunk SET appended_at = ?, content = ? WHERE id = ?", (accepted, STAMPS.sub(anew, content), number)
    )
    connection.execute("UPDATE page SET settled_at = ? WHERE chunk_id = ?", (decided, number))
    for place, event in connection.execute("SELECT rowid, event FROM dead WHERE chunk_id = ?", (number,)).fetchall():
        values = (decided, STAMPS.sub(anew, event), place)
        connection.execute("UPDATE dead SET died_at = ?, event = ? WHERE rowid = ?", values)


def _count_again(connection: sqlite3.Connection) -> None:
    """The counts by minute and hour, from what was moved."""
    minutes: Counter[tuple[int, int, int]] = Counter()
    for consumer, settled_at, states in connection.execute("SELECT consumer, settled_at, states FROM page"):
        words = array("H", states)
        if sys.byteorder == "big":
            words.byteswap()
        minutes.update((int(settled_at // 60), consumer, word & 0x7FFF) for word in words)
    arrivals: Counter[tuple[int, str]] = Counter()
    for accepted, runs in connection.execute("SELECT appended_at, sources FROM chunk"):
        for source, number in json.loads(runs):
            arrivals[int(accepted // 60), source] += number
    for table in ("minute", "hour", "arrival", "arrival_hour"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)
    connection.executemany("INSERT INTO minute VALUES (?, ?, ?, ?)", [(*key, each) for key, each in minutes.items()])
    connection.executemany("INSERT INTO arrival VALUES (?, ?, ?)", [(*key, each) for key, each in arrivals.items()])
    connection.execute(
        "INSERT INTO hour SELECT minute / 60, consumer, state, sum(number) FROM minute GROUP BY 1, consumer, state"
    )
    connection.execute(
        "INSERT INTO arrival_hour SELECT minute / 60, source, sum(events) FROM arrival GROUP BY 1, source"
    )
