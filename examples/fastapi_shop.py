"""A shop in FastAPI that reports its orders to TikTok.

pip install tockwork fastapi uvicorn
export TIKTOK_ACCESS_TOKEN=... TIKTOK_PIXEL_CODE=...
uvicorn --app-dir examples fastapi_shop:app
curl --json '{"email": "ann@shop.example", "total": 25.0}' http://127.0.0.1:8000/checkout
"""

import itertools
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import BackgroundTasks, FastAPI, Request
from pydantic import BaseModel

import tockwork

log = logging.getLogger("shop.tiktok")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects once: a wrong setting stops the start, rather than an order."""
    app.state.tiktok = tockwork.connect(
        "tiktok-conversions",
        {
            "accessToken": os.environ.get("TIKTOK_ACCESS_TOKEN", ""),
            "pixelCode": os.environ.get("TIKTOK_PIXEL_CODE", "C0123456789ABCDEFGHI"),
            "event_id": "order",  # the pixel on the thank-you page sends Purchase.<order id> too: TikTok counts it once
        },
        preset_pack="purchase-2025",
    )
    yield


app = FastAPI(lifespan=lifespan)
numbers = itertools.count(1001)  # stands for the database


class Cart(BaseModel):
    email: str
    total: float


@app.post("/checkout")
async def checkout(cart: Cart, request: Request, background: BackgroundTasks) -> dict[str, str]:
    order_id = f"O-{next(numbers)}"
    background.add_task(report, request.app.state.tiktok, purchase(order_id, cart, request))
    return {"order": order_id}


async def report(connection: tockwork.Connection, event: dict) -> None:
    """Runs once the shopper has the answer. A server that is told to stop waits for it."""
    for outcome in await connection.send([event]):
        if outcome.status != tockwork.Status.DELIVERED:
            log.warning("%s: %s (%s) %s", outcome.message_id, outcome.status, outcome.reason, outcome.detail or "")


def purchase(order_id: str, cart: Cart, request: Request) -> dict:
    """The event. It names the shopper by what the shopper's own request carries."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"order-{order_id}",
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {
            "order_id": order_id,
            "value": cart.total,
            "currency": "USD",
            "email": cart.email,
            "ttp": request.cookies.get("_ttp"),
            "ttclid": request.cookies.get("ttclid"),
        },
        "context": {
            "ip": request.client.host if request.client else None,  # behind a proxy: uvicorn --proxy-headers
            "userAgent": request.headers.get("user-agent"),
            "page": {"url": str(request.url)},
        },
    }
