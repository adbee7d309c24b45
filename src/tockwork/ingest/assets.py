"""The files that browsers get from us: the loader, analytics.js and the plugins. Read and compressed at the start.

A name that carries the hash of its content never changes and is kept by browsers for a year; the names that pages
write are asked for again after five minutes, and answered with 304 while nothing changed (RFC 9110, 9111, 8246).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tockwork.ingest.answer import ANY_ORIGIN, wrong_method
from tockwork.ingest.rsgi import Exchange, Fields, Headers

FOLDER: Final = Path(__file__).parent / "assets"
LOADER: Final = "tockwork.js"
LIBRARY: Final = "analytics-next/index.js"


class Asked(Protocol):
    """A request's headers: all that is looked at."""

    def get(self, name: str, /) -> str | None: ...


BUNDLES: Final = "/analytics-next/bundles/"
"""Where analytics.js looks for its own parts, below its ``cdnURL``."""
SNIPPET: Final = re.compile(r"/analytics\.js/v1/[^/]+/analytics(?:\.min)?\.js").fullmatch
"""Where Segment's snippet finds analytics.js: the write key is for the script in the page, which reads it there."""

JAVASCRIPT: Final = "text/javascript; charset=utf-8"
KEPT: Final = ("cache-control", "public, max-age=31536000, immutable")
_ASKED_AGAIN: Final = ("cache-control", "public, max-age=300")
_SAFE: Final[Fields] = [
    ANY_ORIGIN,
    ("cross-origin-resource-policy", "cross-origin"),
    ("timing-allow-origin", "*"),
    ("x-content-type-options", "nosniff"),
]


class Asset(msgspec.Struct, frozen=True, dict=True):
    """Content with what is said of it. `brotli` is the content in that form, if there is one; `headers` go with each
    answer."""

    content: bytes
    headers: Fields
    brotli: bytes | None = None

    @cached_property
    def hash(self) -> str:
        return hashed(self.content)

    @cached_property
    def _forms(self) -> dict[str, bytes]:
        """The compressed forms that are smaller, by the name of their coding, in the order of our choice."""
        forms = {"br": self.brotli, "gzip": gzip.compress(self.content, 9, mtime=0)}
        return {coding: form for coding, form in forms.items() if form is not None and len(form) < len(self.content)}

    def send(self, method: str, headers: Headers, exchange: Exchange) -> int:
        """Answers GET and HEAD; returns the status. Raises `Answer` for other methods."""
        if method not in ("GET", "HEAD"):
            raise wrong_method("GET, HEAD")
        status, said, body = self.answer(headers)
        if status == 304:
            exchange.response_empty(status, said)
        else:
            exchange.response_bytes(status, said, body)
        return status

    def answer(self, headers: Asked) -> tuple[int, Fields, bytes]:
        """Status, headers and body for a request with `headers`."""
        coding = _chosen(headers.get("accept-encoding") or "", self._forms)
        tag = f'"{self.hash}-{coding}"' if coding else f'"{self.hash}"'
        said = [*self.headers, ("etag", tag), ("vary", "Accept-Encoding")]
        if _matches(headers.get("if-none-match"), tag):
            return 304, said, b""
        if coding:
            said.append(("content-encoding", coding))
        return 200, said, self._forms[coding] if coding else self.content


class Assets:
    """All files, by path."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Reads `folder`. Raises `OSError` when it is not there."""
        self._paths: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        for name, content, brotli in files(folder, (".js",)):
            where = self._paths[name] = _path(name, content)
            cache = _ASKED_AGAIN if name == LOADER else KEPT
            asset = Asset(content, [("content-type", JAVASCRIPT), cache, *_SAFE], brotli)
            asset._forms  # noqa: B018 (compressed now, not at the first request)
            self._assets[where] = asset

    def path(self, name: str) -> str:
        """The path that the file of this name has now. Raises `KeyError`."""
        return self._paths[name]

    def find(self, path: str) -> Asset | None:
        return self._assets.get(f"/{LOADER}" if SNIPPET(path) else path)

    def __iter__(self) -> Iterator[tuple[str, Asset]]:
        return iter(self._assets.items())


def files(folder: Path, kinds: Collection[str]) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Name, content and its form in Brotli of every file whose name ends with one of `kinds`. What others made is kept
    in gzip alone."""
    for path in sorted(folder.rglob("*")):
        plain = path.with_name(path.name.removesuffix(".gz"))
        if plain.suffix not in kinds or not path.is_file():
            continue
        content = path.read_bytes()
        brotli = plain.with_name(f"{plain.name}.br")
        yield (
            plain.relative_to(folder).as_posix(),
            content if path == plain else gzip.decompress(content),
            brotli.read_bytes() if brotli.exists() else None,
        )


def _path(name: str, content: bytes) -> str:
    """Parts of analytics.js have their hash in their names already; the loader has the name that pages write."""
    folder, _, file = name.rpartition("/")
    if name == LOADER:
        return f"/{name}"
    if folder:
        return BUNDLES + (file if name != LIBRARY else f"index.{hashed(content)}.js")
    return f"/assets/{file.removesuffix('.js')}.{hashed(content)}.js"


def hashed(content: bytes) -> str:
    """What a name carries of its content's hash."""
    return sha256(content).hexdigest()[:16]


def _chosen(accepted: str, forms: Mapping[str, bytes]) -> str | None:
    """The best coding of `forms` that ``Accept-Encoding`` allows; None for none (RFC 9110, 12.5.3)."""
    weights: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        coding, _, parameter = part.strip().partition(";")
        weights[coding.strip()] = re.fullmatch(r"\s*q\s*=\s*0(\.0{0,3})?\s*", parameter) is None
    return next((coding for coding in forms if weights.get(coding, weights.get("*", False))), None)


def _matches(asked: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names this tag, compared weakly: a proxy may have weakened it."""
    if asked is None:
        return False
    tags = {part.strip().removeprefix("W/") for part in asked.split(",")}
    return tag in tags or "*" in tags
