"""TikTok's answers: the JSON envelope, its request_id and its messages.

Sources: Events API, "Responses and errors"; answers that integrators published.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final

import msgspec

JSON: Final = "application/json"
HTML: Final = "text/html"

MESSAGES: Final = {
    0: "OK",
    20001: "Partial success.",
    40001: "No permission to operate pixel code: {}. You must be an admin or operator of this advertiser account.",
    40007: "The requested path does not exist.",
    40016: "App reaches the QPS limit 20",
    40100: "Too many requests. Please retry in some time.",
    40102: "Access token is expired.",
    40104: "Access token is empty.",
    40105: "Access token is incorrect or has been revoked.",
    50000: "internal error",
    60001: "The service is under maintenance.",
}

GATEWAY_PAGE: Final = (
    b"<html><head><title>Gateway</title></head><body><center><h1>Gateway error</h1></center></body></html>"
)
GARBAGE: Final = b'{"code": 0, "mess\x00\xff\xfe\x9c not json'


class Reply(msgspec.Struct, frozen=True):
    """An answer, ready for the wire. `code`, `message` and `request_id` are those of the body, where it has them."""

    status: int
    body: bytes
    code: int | None = None
    message: str = ""
    request_id: str = ""
    content_type: str = JSON
    headers: Mapping[str, str] = {}


def new_request_id(now: float) -> str:
    """Fourteen digits of UTC time and twenty upper-case hex digits, as TikTok's are."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d%H%M%S}{token_hex(10).upper()}"


def enveloped(
    status: int, code: int, message: str, now: float, data: Any = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """TikTok's envelope: code, message, request_id, data."""
    request_id = new_request_id(now)
    body = msgspec.json.encode(
        {"code": code, "message": message, "request_id": request_id, "data": {} if data is None else data}
    )
    return Reply(status, body, code, message, request_id, headers=headers or {})


def message_of(code: int, detail: str = "") -> str:
    return MESSAGES.get(code, "Request failed.").format(detail)
