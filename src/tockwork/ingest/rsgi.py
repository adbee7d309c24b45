"""The part of RSGI, Granian's interface for applications, that the tracking API is written against.

Source: Granian, "RSGI Specification" 1.5. What it leaves open was tried, and `body` relies on it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

Fields = list[tuple[str, str]]
"""Headers of an answer."""


class Headers(Protocol):
    """Headers of a request, by name in lower case. `get` and `get_all` leave out values that are not plain ASCII."""

    def __contains__(self, name: str, /) -> bool: ...
    def get(self, name: str, /) -> str | None: ...
    def get_all(self, name: str, /) -> list[str]: ...


class Scope(Protocol):
    """What is known of a request before its body. `path` has no escapes any more, `query_string` still has; `client` is
    ``address:port``. `headers` makes a copy each time."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def headers(self) -> Headers: ...


class Exchange(Protocol):
    """One request's body, which can be read once, in one of two ways, and the way to answer it.

    Called, it returns the whole body, or raises `RuntimeError` when that breaks off. Iterated, it gives an empty chunk
    where the body ends, and two of them where it breaks off or has trailer fields.
    """

    def __call__(self) -> Awaitable[bytes]: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_empty(self, status: int, headers: Fields, /) -> None: ...
    def response_bytes(self, status: int, headers: Fields, body: bytes, /) -> None: ...
