"""The server's event loop: asyncio's own, woken once for all that other threads hand it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any


class ServerLoop(asyncio.SelectorEventLoop):
    """Granian's threads call `call_soon_threadsafe` twice for each request. Asyncio wakes its loop each time, with a
    system call that passes Python's lock between the threads; that was a fifth of all the server's work."""

    _woken = False

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self.get_debug():  # then `call_soon` is for its own thread alone
            return super().call_soon_threadsafe(callback, *args, context=context)
        # In this order: either the loop sees the callback before it sleeps, or this thread sees that it must wake it.
        handle = self.call_soon(callback, *args, context=context)
        if not self._woken:
            self._woken = True
            super().call_soon_threadsafe(self._awake)
        return handle

    def _awake(self) -> None:
        self._woken = False
