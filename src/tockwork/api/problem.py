"""Errors of the management API: ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from tockwork.model.errors import ConfigurationError, Problem, StoreFull
from tockwork.operations.editing import Managed, Outdated

MEDIA_TYPE: Final = "application/problem+json"
_TITLES: Final = {
    400: "The request cannot be understood",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Wrong method",
    409: "Not as things stand",
    413: "Too large",
    415: "Wrong content type",
    422: "Something is wrong with what was sent",
    429: "Too many attempts",
    503: "Not now",
}
INVALID: Final = "Invalid enum value"
_CODES: Final = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "wrong_content_type",
}
_log = structlog.get_logger(__name__)


class Refused(Exception):  # noqa: N818 (the client's error, not ours)
    """Ends a request with an error: the HTTP status, a code that stays the same, what is so, and what is wrong where.

    `problems` name members of the body, ``settings.pixelCode`` say, so that a form can show each at its field.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)
        self.headers = dict(headers or {})
        super().__init__(detail)


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in an answer with an error: `title`, `status` and `detail` of RFC 9457; our `code`, which stays the
    same from version to version; and `problems`, each with its place, what is wrong and how to mend it."""

    title: str
    status: int
    code: str
    detail: str
    problems: tuple[Problem, ...] = ()


def not_found(what: str) -> Refused:
    return Refused(404, "not_found", f"There is no {what}.")


def invalid(*problems: Problem) -> Refused:
    """Something in the body is wrong."""
    return Refused(422, "invalid", "; ".join(map(str, problems)), problems)


def answer(refused: Refused) -> Response[bytes]:
    details = ProblemDetails(
        title=_TITLES.get(refused.status, "The server failed at this request"),
        status=refused.status,
        code=refused.code,
        detail=refused.detail,
        problems=refused.problems,
    )
    return Response(
        msgspec.json.encode(details), status_code=refused.status, media_type=MEDIA_TYPE, headers=refused.headers
    )


def _refused(_: Request[Any, Any, Any], error: Refused) -> Response[bytes]:
    return answer(error)


def _wrong_configuration(_: Request[Any, Any, Any], error: ConfigurationError) -> Response[bytes]:
    return answer(invalid(*error.problems))


def _managed(_: Request[Any, Any, Any], error: Managed) -> Response[bytes]:
    return answer(Refused(409, "managed_by_file", str(error)))


def _outdated(_: Request[Any, Any, Any], error: Outdated) -> Response[bytes]:
    return answer(Refused(409, "outdated", str(error)))


def _full(_: Request[Any, Any, Any], error: StoreFull) -> Response[bytes]:
    return answer(Refused(503, "store_full", str(error), headers={"Retry-After": "5"}))


def _malformed(_: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """Parameters and bodies of the wrong shape. Values never are part of the message."""
    extra = error.extra if isinstance(error.extra, list) else []
    problems = [Problem(str(one.get("key", "")), _worded(str(one.get("message", "is wrong")))) for one in extra]
    detail = "; ".join(map(str, problems)) or "The parameters or the body have the wrong shape."
    return answer(Refused(400, "malformed", detail, problems))


def _worded(message: str) -> str:
    """What msgspec says, but for the one message that repeats what was sent."""
    return INVALID if message.startswith(INVALID) else message


def _nested(_: Request[Any, Any, Any], error: RecursionError) -> Response[bytes]:
    return answer(Refused(400, "malformed", "The body has too many levels."))


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    code = _CODES.get(error.status_code)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() != "content-type"}
    return answer(Refused(error.status_code, code or "malformed", error.detail or "", headers=headers))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of ours: its message could hold anything, so only its type is told, and only to the log."""
    _log.error("management request failed", path=request.scope["path"].split("/")[1:3], error=type(error).__name__)
    return answer(Refused(500, "internal_error", "The server failed at this request; its log says more."))


HANDLERS: Final[dict[Any, Any]] = {
    Refused: _refused,
    ConfigurationError: _wrong_configuration,
    Managed: _managed,
    Outdated: _outdated,
    StoreFull: _full,
    ValidationException: _malformed,
    RecursionError: _nested,
    HTTPException: _http,
    Exception: _failed,
}
"""Litestar's exception handlers."""
