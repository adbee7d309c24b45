"""Reports orders to TikTok in the background: no request waits for it, and none fails because of it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

import tockwork

from .models import Order

log = logging.getLogger(__name__)


@cache
def connection() -> tockwork.Connection:
    """Made at the first order, in the process that uses it."""
    return tockwork.connect(
        "tiktok-conversions",
        {
            "accessToken": settings.TIKTOK_ACCESS_TOKEN,
            "pixelCode": settings.TIKTOK_PIXEL_CODE,
            "event_id": "order",  # the pixel on the thank-you page sends Purchase.<order id> too: TikTok counts it once
        },
        preset_pack="purchase-2025",
    )


@cache
def worker() -> ThreadPoolExecutor:
    """One thread: the orders leave one after the other, within one access token's pace."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="tiktok")


def report(order: Order, request: HttpRequest) -> None:
    """Sends the order once its transaction is committed; an order that is rolled back is never sent."""
    event = purchase(order, request)
    transaction.on_commit(lambda: worker().submit(deliver, event))


def deliver(event: dict) -> None:
    for outcome in connection().send_sync([event]):
        if outcome.status != tockwork.Status.DELIVERED:
            log.warning("%s: %s (%s) %s", outcome.message_id, outcome.status, outcome.reason, outcome.detail or "")


def purchase(order: Order, request: HttpRequest) -> dict:
    """The event. It names the shopper by what the shopper's own request carries."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"order-{order.pk}",
        "timestamp": order.placed_at.isoformat(),
        "properties": {
            "order_id": order.pk,
            "value": float(order.total),
            "currency": "USD",
            "email": order.email,
            "ttp": request.COOKIES.get("_ttp"),
            "ttclid": request.COOKIES.get("ttclid"),
        },
        "context": {
            "ip": request.META.get("REMOTE_ADDR"),  # behind a proxy: the address that your proxy vouches for
            "userAgent": request.headers.get("User-Agent"),
            "page": {"url": request.build_absolute_uri()},
        },
    }
