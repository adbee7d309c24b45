"""Sends a purchase to a Tockwork server with Segment's own library for Python.

    pip install segment-analytics-python
    tockwork serve --config examples/shop.yaml
    python examples/send.py

`SERVER_URL` and `WRITE_KEY` name another server and source.
"""

import os

from segment.analytics.client import Client

client = Client(
    os.environ.get("WRITE_KEY", "shop-write-key"),
    host=os.environ.get("SERVER_URL", "http://127.0.0.1:8080"),
    on_error=lambda error, batch: print("not accepted:", error),
)
client.track(
    "u-1",
    "Order Completed",
    {"order_id": "O-1001", "revenue": 114.9, "currency": "USD", "email": "ann.smith@example.com"},
    context={"page": {"url": "https://shop.example/checkout/done"}, "ip": "203.0.113.24"},
)
client.shutdown()  # sends what waits, then stops
