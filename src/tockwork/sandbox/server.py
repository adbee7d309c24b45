"""The sandbox: a stand-in for TikTok's Events API, as a real HTTP server.

async with Sandbox().serve() as sandbox:
    ...                                # let your code post to f"{sandbox.url}/open_api/v1.3/event/track/"
    assert sandbox.stats().unique == 1
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from aiohttp import web

from tockwork.model.clock import Clock, SystemClock
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.sandbox.exchange import exchange
from tockwork.sandbox.faults import Script, load_script, parse_script
from tockwork.sandbox.inspection import Inspection
from tockwork.sandbox.middleware import middlewares
from tockwork.sandbox.page import Pages
from tockwork.sandbox.pixel import Pixel
from tockwork.sandbox.profile import PROFILES, Profile, profile_named
from tockwork.sandbox.record import Request, Stats, StoredEvent
from tockwork.sandbox.state import State
from tockwork.sandbox.tokens import Tokens, load_tokens

KEEP: Final = 100_000
BODY_LIMIT: Final = 5 * 1024 * 1024
REQUESTS_PER_SECOND: Final = 1000
PORT: Final = 8090


class Sandbox:
    """A stand-in for TikTok's Events API that remembers what it got.

    `profile` is a name (documented, always-200, strict-docs, lenient) or a `Profile`. `faults` is a script as plain
    JSON values, or a `Script`. `keep` bounds the events and requests in memory; counts stay exact. Raises
    `ConfigurationError`.
    """

    def __init__(
        self,
        profile: str | Profile = "documented",
        *,
        clock: Clock | None = None,
        tokens: Tokens | None = None,
        faults: Any = None,
        keep: int = KEEP,
        requests_per_second: float = REQUESTS_PER_SECOND,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        if keep < 1:
            raise ConfigurationError([Problem("keep", f"expected 1 or more, found {keep}")])
        self._state = State(
            profile_named(profile) if isinstance(profile, str) else profile,
            clock or SystemClock(),
            tokens or Tokens(),
            _script(faults),
            keep,
            requests_per_second,
        )
        self._body_limit = body_limit
        self.url = ""

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Self]:
        """Answers at `self.url` until the block ends; port 0 is any free one. Raises `ConfigurationError` when the
        address cannot be had. Connections that are still open after a second are cut."""
        runner = web.AppRunner(
            self._application(host),
            access_log=None,
            # The HTTP parser quotes what it cannot read, and that may be a token.
            logger=_silent(),
            auto_decompress=False,
            shutdown_timeout=1,
        )
        await runner.setup()
        try:
            self.url = await _bound(runner, host, port)
            yield self
        finally:
            await runner.cleanup()

    @property
    def events(self) -> list[StoredEvent]:
        """The accepted events that are still kept, test events among them, oldest first."""
        return list(self._state.record.events)

    @property
    def requests(self) -> list[Request]:
        """The answered requests that are still kept, oldest first."""
        return list(self._state.record.requests)

    def stats(self) -> Stats:
        return self._state.stats()

    def reset(self) -> None:
        """Forgets all that arrived, the dedup keys included, and begins the fault script again."""
        self._state.reset()

    def set_faults(self, faults: Any) -> None:
        """Puts a fault script (plain JSON values; None for none) in place of the present one. Raises
        `ConfigurationError`."""
        self._state.script = _script(faults)

    def _application(self, host: str) -> web.Application:
        async def events_api(http: web.Request) -> web.StreamResponse:
            return await exchange(http, self._state, self._body_limit)

        application = web.Application(
            middlewares=middlewares(host, self._state.clock), client_max_size=self._body_limit
        )
        application.add_routes([web.route("*", "/open_api/{path:.*}", events_api)])
        application.add_routes(Pixel(self._state).routes())
        application.add_routes(Inspection(self._state).routes())
        application.add_routes(Pages(self._state).routes())
        return application


def _script(faults: Any) -> Script:
    if isinstance(faults, Script):
        return faults
    return Script() if faults is None else parse_script(faults)


def _silent() -> logging.Logger:
    logger = logging.Logger("tockwork.sandbox.http")
    logger.disabled = True
    return logger


async def _bound(runner: web.AppRunner, host: str, port: int) -> str:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        mend = "Choose another port; 0 takes any free one."
        raise ConfigurationError(
            [Problem("port", f"cannot listen on {host}:{port}: {error.strerror}", mend)]
        ) from error
    bound_host, bound_port = runner.addresses[0][:2]
    return f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"


class Options(msgspec.Struct, frozen=True):
    """What `run` needs; `faults` and `tokens` are JSON files."""

    host: str = "127.0.0.1"
    port: int = PORT
    profile: str = "documented"
    faults: Path | None = None
    tokens: Path | None = None
    keep: int = KEEP


async def run(options: Options, ready: Callable[[str], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM; `ready` is told the URL. Raises `ConfigurationError` with all that is wrong with
    the options and their files."""
    sandbox = _configured(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    try:
        async with sandbox.serve(options.host, options.port):
            if ready is not None:
                ready(sandbox.url)
            await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _configured(options: Options) -> Sandbox:
    problems: list[Problem] = []
    profile, script, tokens = PROFILES["documented"], Script(), Tokens()
    with _gathered(problems):
        profile = profile_named(options.profile)
    with _gathered(problems):
        script = load_script(options.faults) if options.faults else script
    with _gathered(problems):
        tokens = load_tokens(options.tokens) if options.tokens else tokens
    with _gathered(problems):
        sandbox = Sandbox(profile, tokens=tokens, faults=script, keep=options.keep)
    if problems:
        raise ConfigurationError(problems)
    return sandbox


@contextmanager
def _gathered(problems: list[Problem]) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        problems.extend(error.problems)
