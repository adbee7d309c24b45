"""Answers on the wire, the well-behaved and the others."""

from __future__ import annotations

import socket
import struct
from typing import Final

from aiohttp import web

from tockwork.model.clock import Clock
from tockwork.sandbox.faults import Drip, Truncate
from tockwork.sandbox.reply import Reply

# l_onoff = 1, l_linger = 0: closing sends RST instead of FIN.
_LINGER_NONE: Final = struct.pack("ii", 1, 0)


def response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, body=reply.body, content_type=reply.content_type, headers=dict(reply.headers)
    )


def reset(request: web.Request) -> web.Response:
    """Ends the connection with a TCP reset. The response that is returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        transport.abort()
    return web.Response()


async def drip(request: web.Request, reply: Reply, action: Drip, clock: Clock) -> web.StreamResponse:
    """Sends the body `action.bytes` at a time."""
    stream = await _begun(request, reply)
    try:
        for start in range(0, len(reply.body), action.bytes):
            await stream.write(reply.body[start : start + action.bytes])
            await clock.sleep(action.every)
    except ConnectionError:
        return stream  # the client had enough
    await stream.write_eof()
    return stream


async def truncated(request: web.Request, reply: Reply, action: Truncate) -> web.StreamResponse:
    """Announces the whole body, sends the beginning and closes the connection."""
    stream = await _begun(request, reply)
    await stream.write(reply.body[: action.keep])
    if request.transport is not None:
        request.transport.close()
    return stream


async def _begun(request: web.Request, reply: Reply) -> web.StreamResponse:
    stream = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    stream.content_type = reply.content_type
    stream.content_length = len(reply.body)
    await stream.prepare(request)
    return stream
