"""Makes rows for TikTok out of a Parquet file of orders, in as many processes as there are processors.

    pip install 'tockwork[files]'
    python examples/transform_parquet.py orders.parquet rows.parquet

`rows_of` has the shape that Spark's `mapInPandas` asks for, and is what you would hand to Spark, Ray or Beam. It takes
frames of pandas or of Polars: it only reads columns by name, and makes a frame of the kind that it got.
"""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import polars as pl

import tockwork

COLUMNS = ("order_id", "ordered_at", "email", "phone", "total", "currency")
BATCH = 10_000


def events_of(frame: Any) -> list[dict[str, Any]]:
    """One event for each line of a frame."""
    return [
        {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"order-{order_id}",
            "timestamp": ordered_at.isoformat(),
            "properties": {"order_id": order_id, "value": total, "currency": currency, "email": email, "phone": phone},
        }
        for order_id, ordered_at, email, phone, total, currency in zip(*map(frame.__getitem__, COLUMNS), strict=True)
    ]


def rows_of(connection: tockwork.Connection, frames: Iterator[Any]) -> Iterator[Any]:
    """What becomes of each line: its status and reason, and the row for TikTok as JSON."""
    for frame in frames:
        outcomes = connection.transform(events_of(frame))
        yield type(frame)(
            {
                "message_id": [outcome.message_id for outcome in outcomes],
                "status": [str(outcome.status) for outcome in outcomes],
                "reason": [outcome.reason for outcome in outcomes],
                "row": [outcome.row and json.dumps(outcome.row) for outcome in outcomes],
            }
        )


def part(connection: tockwork.Connection, file: str, start: int) -> list[pl.DataFrame]:
    """One process's work: a slice of the file."""
    return list(rows_of(connection, iter([pl.scan_parquet(file).slice(start, BATCH).collect()])))


def main(source: str, target: str) -> None:
    connection = tockwork.connect(
        "tiktok-conversions",
        {"pixelCode": os.environ.get("TIKTOK_PIXEL_CODE", "C0123456789ABCDEFGHI"), "event_id": "order"},
        preset_pack="purchase-2025",
    )
    height = pl.scan_parquet(source).select(pl.len()).collect().item()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        parts = pool.map(partial(part, connection, source), range(0, height, BATCH))
        frames = [frame for frames in parts for frame in frames]
    rows = pl.concat(frames)
    rows.write_parquet(target)
    print(rows.group_by("status", "reason").len().sort("status", "reason"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
