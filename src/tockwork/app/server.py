"""The HTTP server: Granian, embedded in our own process and event loop (docs/decisions/0005-embedded-granian.md)."""

from __future__ import annotations

import asyncio
import errno
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from tockwork.model.errors import ConfigurationError, Problem

IDLE_TIMEOUT_S: Final = 20.0
GRACE_S: Final = 8.0
"""Leaves the rest of the process two of the ten seconds that a stop may take."""
BACKLOG: Final = 1024
MAX_CONNECTIONS: Final = 8192
HEADER_BYTES: Final = 16 * 1024

RSGI: Final = Interfaces.RSGI
ASGI: Final = Interfaces.ASGINL
"""Without its lifespan: starting and stopping is done here."""

Application = Callable[..., Awaitable[None]]
Interface = Interfaces

_KEEP_LOGGING_AS_IT_IS: Final = {"incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


class HttpServer:
    """Serves an application over HTTP/1.1 on one address. Use once: `start`, then `stop`.

    `interface` is how the application is called: `RSGI` or `ASGI`. `idle_timeout_s` is how long a connection may be
    idle, or take to send its headers; `grace_s` how long requests that were under way may take once `stop` is called.
    """

    def __init__(
        self,
        application: Application,
        interface: Interface,
        host: str,
        port: int,
        *,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        grace_s: float = GRACE_S,
    ) -> None:
        self._application = application
        self._interface = interface
        self._host = host
        self._port = port
        self._idle_timeout_s = idle_timeout_s
        self._grace_s = grace_s
        self._granian: Any = None
        self._serving: asyncio.Task[None] | None = None
        self._requests: set[asyncio.Task[Any] | None] = set()

    async def start(self) -> int:
        """Listens, and returns the port: the one asked for, or a free one for port 0.

        Raises `ConfigurationError` when the address cannot be had.
        """
        listener = listen(self._host, self._port)
        port: int = listener.getsockname()[1]
        self._granian = Granian(self._serve, listener, self._idle_timeout_s, self._interface)
        self._serving = asyncio.create_task(self._granian.serve(), name="granian")
        return port

    async def wait_closed(self) -> None:
        """Until the server has stopped; raises what it failed with, should it do so on its own."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def stop(self) -> None:
        """Stops listening at once, closes idle connections, and gives requests under way `grace_s` seconds; those that
        take longer are cancelled, and were acknowledged to nobody."""
        if self._serving is None:
            return
        self._granian.stop()
        _, unfinished = await asyncio.wait([self._serving], timeout=self._grace_s)
        if unfinished:
            for request in filter(None, self._requests):
                request.cancel()
            await asyncio.wait([self._serving], timeout=1)

    async def _serve(self, *asked: Any) -> None:
        request = asyncio.current_task()
        self._requests.add(request)
        try:
            await self._application(*asked)
        finally:
            self._requests.discard(request)


async def stop_signal() -> signal.Signals:
    """Waits for SIGTERM or SIGINT and returns it; a second one then ends the process as usual."""
    loop = asyncio.get_running_loop()
    received: asyncio.Future[signal.Signals] = loop.create_future()

    def note(number: signal.Signals) -> None:
        if not received.done():
            received.set_result(number)

    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, note, number)
    try:
        return await received
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


class Granian(Server):
    """Granian on a socket of ours: it then shares its port with nobody (Granian's own sockets set SO_REUSEPORT, so
    that a second server would silently get half of the requests), and port 0 is known."""

    def __init__(self, application: Any, listener: socket.socket, idle_timeout_s: float, interface: Interfaces) -> None:
        super().__init__(
            application,
            interface=interface,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=_max_connections(),
            http1_settings=HTTP1Settings(
                header_read_timeout=round(idle_timeout_s * 1000), max_buffer_size=HEADER_BYTES
            ),
            # Granian logs the traceback of an application that fails, and that could show what a client sent.
            log_enabled=False,
            log_dictconfig=_KEEP_LOGGING_AS_IT_IS,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        backlog = (BACKLOG,) if sys.platform == "linux" else ()
        holder: Any = SocketHolder
        # Granian closes the descriptor when it stops.
        self._shd = holder(self._listener.detach(), False, *backlog)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on the first address that `host` names. Raises `ConfigurationError`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Connections of a server that just stopped do not stand in the way of the next one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    except OSError as problem:
        taken = problem.errno == errno.EADDRINUSE
        what = "the address is in use by another program" if taken else f"cannot listen there: {problem.strerror}"
        mend = "Stop that program, or choose another port" if taken else "Choose an address of this machine"
        raise ConfigurationError([Problem(f"{host}:{port}", what, mend)]) from None
    return listener


def _max_connections() -> int:
    """Half of the files that this process may open, so that the store and the senders always have theirs."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else max(1, min(MAX_CONNECTIONS, files // 2))
