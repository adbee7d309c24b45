"""The yardstick for ingest: an ASGI handler that reads the body and answers 200, on Granian with the settings and the
event loop that Tockwork's own server has. Prints where it listens, and runs until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from granian.constants import Interfaces

from tockwork.app.server import IDLE_TIMEOUT_S, Granian, listen, stop_signal

_HEADERS = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b'{"success":true}'})


async def main() -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server: Any = Granian(bare, listener, IDLE_TIMEOUT_S, Interfaces.ASGINL)
    serving = asyncio.create_task(server.serve())
    print(f"Accepting events at http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    await stop_signal()
    server.stop()
    await serving


if __name__ == "__main__":
    asyncio.run(main())
