"""What the tracking API answers beside success: JSON with `code` and `message`, which Segment's libraries read."""

from __future__ import annotations

from typing import Final

import msgspec

from tockwork.ingest.rsgi import Exchange, Fields
from tockwork.model.errors import EventError

RETRY_AFTER_S: Final = 5

JSON: Final = ("content-type", "application/json")
ANY_ORIGIN: Final = ("access-control-allow-origin", "*")


class Answer(Exception):  # noqa: N818 (the client's error, not ours)
    """Ends a request with an error: an HTTP status, a code that stays the same, and what to mend."""

    def __init__(self, status: int, code: str, message: str, headers: Fields | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or []
        super().__init__(message)

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"code": self.code, "message": self.message})

    def send(self, exchange: Exchange) -> None:
        exchange.response_bytes(self.status, [JSON, ANY_ORIGIN, *self.headers], self.body)


def bad_request(problem: EventError) -> Answer:
    return Answer(400, problem.code, str(problem))


def unknown_key() -> Answer:
    where = "as the user of HTTP Basic or as writeKey in the body (never in the URL)"
    return Answer(401, "invalid_write_key", f"expected the write key of an enabled source, {where}")


def unknown_project() -> Answer:
    return Answer(401, "invalid_write_key", "expected the write key of an enabled source")


def not_found() -> Answer:
    return Answer(404, "not_found", "no such path: events go to POST /v1/batch, /v1/track and their like")


def wrong_method(allowed: str) -> Answer:
    return Answer(405, "method_not_allowed", f"expected one of {allowed}", [("allow", allowed)])


def body_timeout(deadline_s: float) -> Answer:
    message = f"expected the whole body within {deadline_s:g} seconds"
    return Answer(408, "body_timeout", message, [("connection", "close")])


def incomplete_body() -> Answer:
    message = "expected the body that the headers announce: it broke off, or its chunks cannot be told apart"
    return Answer(400, "incomplete_body", message, [("connection", "close")])


def overloaded(message: str) -> Answer:
    """Too much at once: the clients are to slow down."""
    return Answer(429, "overloaded", message, _again_later())


def unavailable(code: str, message: str) -> Answer:
    """The server cannot take events, whoever sends them."""
    return Answer(503, code, message, _again_later())


def _again_later() -> Fields:
    """Browsers may read how much later."""
    return [("retry-after", str(RETRY_AFTER_S)), ("access-control-expose-headers", "Retry-After")]
