# ruff: noqa: PT009 - Django has asserts of its own
"""The shop's own tests: what it sends, seen from TikTok's side."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.db import transaction
from django.test import RequestFactory, TransactionTestCase

import tockwork

from . import tiktok
from .models import Order


@contextmanager
def sandbox() -> Iterator[tockwork.Sandbox]:
    """A stand-in for TikTok, in a thread of its own; what is sent meanwhile goes there."""
    loop, started, stand_in = asyncio.new_event_loop(), threading.Event(), tockwork.Sandbox()
    done = asyncio.Event()

    async def serve() -> None:
        async with stand_in.serve():
            started.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        with patch.dict("os.environ", TOCKWORK_TIKTOK_URL=stand_in.url):
            yield stand_in
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def sent() -> None:
    """Waits until the worker has nothing more to do."""
    tiktok.worker().submit(lambda: None).result(timeout=20)


class Checkout(TransactionTestCase):
    def setUp(self) -> None:
        settings = self.settings(TIKTOK_ACCESS_TOKEN="any")  # noqa: S106
        settings.enable()
        self.addCleanup(settings.disable)
        tiktok.connection.cache_clear()

    def test_an_order_reaches_tiktok_once_it_is_committed(self) -> None:
        with sandbox() as stand_in:
            answer = self.client.post(
                "/checkout",
                {"email": "Ann@Shop.example", "total": "25.00"},
                headers={"user-agent": "Firefox"},
                REMOTE_ADDR="203.0.113.24",
            )
            sent()
            (arrived,) = stand_in.events
        order = answer.json()["order"]
        self.assertEqual(arrived.row["event"], "Purchase")
        self.assertEqual(arrived.row["event_id"], f"Purchase.{order}")
        self.assertEqual(arrived.row["event_time"], int(Order.objects.get().placed_at.timestamp()))
        self.assertEqual(arrived.row["properties"]["value"], 25)
        self.assertEqual(arrived.row["user"]["ip"], "203.0.113.24")
        self.assertEqual(len(arrived.row["user"]["email"][0]), 64)

    def test_an_order_that_is_rolled_back_is_not_sent(self) -> None:
        with sandbox() as stand_in:
            with self.assertRaisesMessage(ZeroDivisionError, "no stock"), transaction.atomic():
                order = Order.objects.create(email="ann@shop.example", total=25)
                tiktok.report(order, RequestFactory().post("/checkout"))
                raise ZeroDivisionError("no stock")
            sent()
            self.assertEqual(stand_in.requests, [])

    def test_the_shop_sells_on_when_tiktok_refuses_the_token(self) -> None:
        with self.settings(TIKTOK_ACCESS_TOKEN=""), self.assertLogs(tiktok.log) as logs, sandbox() as stand_in:
            answer = self.client.post("/checkout", {"email": "ann@shop.example", "total": "25.00"})
            sent()
            self.assertEqual(stand_in.requests, [])
        self.assertEqual(answer.status_code, 200)
        self.assertIn("blocked", logs.output[0])
