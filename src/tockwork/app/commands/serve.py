"""``tockwork serve``."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from rich.console import Console

from tockwork.app.server import stop_signal
from tockwork.app.wire import Running, running
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.operations.admission import first_code, link
from tockwork.operations.settings import Settings
from tockwork.store.accounts import Accounts
from tockwork.store.lock import Role

SANDBOX: Final = "sandbox"
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Source: mallopt(3)."""
TRIM_BYTES: Final = 256 * 1024
COLLECT_AFTER: Final = 10_000
"""Objects. Python's own figure is 700."""


def first_configuration() -> Configuration:
    """What a new server starts with: a source, and a destination that goes to the stand-in for TikTok."""
    return Configuration(
        sources=[SourceEntry("first", secrets.token_urlsafe(16))],
        destinations=[
            DestinationEntry(
                "tiktok-conversions",
                SANDBOX,
                settings={"pixelCode": "SANDBOX0PIXEL0CODE00"},
                sandbox=True,
            )
        ],
    )


def run(settings: Settings, configuration: Configuration | None, roles: Sequence[Role], console: Console) -> None:
    """Serves until a signal to stop. Raises `ConfigurationError` as `running` does."""
    _limit_heaps()
    asyncio.run(_run(settings, configuration, roles, console))


async def _run(
    settings: Settings, configuration: Configuration | None, roles: Sequence[Role], console: Console
) -> None:
    made: list[Configuration] = []

    def first() -> Configuration:
        made.append(first_configuration())
        return made[0]

    stop = asyncio.create_task(stop_signal())
    await asyncio.sleep(0)  # from now on a signal ends it in order, however early it comes
    async with running(settings, configuration, roles, first=first) as server:
        lines = [*_greeting(server), *(_invitation(server, each) for each in made if server.url)]
        if Role.CONSOLE in roles:
            lines.append(await _way_in(server))
        for line in lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        _settle_memory()
        await stop


def _limit_heaps() -> None:
    """Has glibc keep one heap for all threads and give free memory back.

    By default each thread gets a heap of its own, and a burst of large bodies leaves holes in all of them.
    """
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
        mallopt(M_MMAP_THRESHOLD, TRIM_BYTES)


def _settle_memory() -> None:
    """Has the garbage collector leave alone what is there to stay, and look for cycles less often.

    It looks whenever so many more objects were made than freed. Requests make no cycles, but hundreds of them wait at a
    time for stable storage: looking through all of those, again and again, took a tenth of the server's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def _greeting(server: Running) -> list[str]:
    lines = [f"Accepting events at {server.url}"] if server.url else []
    lines.append(f"Metrics at {server.admin_url}/metrics")
    if server.workers is not None:
        if server.workers.sandbox_url:
            lines.append(f"The destination {SANDBOX!r} shows what arrives at {server.workers.sandbox_url}/")
        for name, worker in server.workers.by_name.items():
            if worker.link.standing.why:
                lines.append(f"Waiting: destination {name!r}: {worker.link.standing.why}")
    return lines


async def _way_in(server: Running) -> str:
    """Where the console is. Until it has an owner, each start makes a new code for the first one."""
    code = await first_code(Accounts(server.store.database))
    return f"Console at {server.admin_url}/" if code is None else f"Set up the console: {link(server.admin_url, code)}"


def _invitation(server: Running, made: Configuration) -> str:
    """Said once, when the data folder is made: later starts keep the write key out of the logs."""
    source = made.sources[0]
    event = '{"event": "Product Added", "anonymousId": "me", "context": {"page": {"url": "https://shop.example/"}}}'
    return (
        f"The write key of the source {source.name!r} is {source.write_key}. Send a first event:\n\n"
        f"  curl {server.url}/v1/track -u {source.write_key}: -d '{event}'\n"
    )
