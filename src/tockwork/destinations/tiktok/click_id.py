"""The click id that TikTok adds to the address of an ad's landing page.

It is never changed: not in case, not in length (up to 1,000 characters; TikTok, "Send TikTok click id").
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus

from tockwork.destinations.tiktok.hashing import is_placeholder

PARAMETER: Final = "ttclid="
_TRIMMED: Final = "".join(map(chr, range(0x21)))
_LINE_BREAKS: Final = dict.fromkeys(map(ord, "\t\n\r"))
_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):").match
_SPECIAL: Final = frozenset({"http", "https", "ws", "wss", "ftp"})
_authority = re.compile(r"[/\\]*(?:[^/\\?#]*@)?(\[[^\]/\\?#@]*\]|[^:/\\?#@]*)(?::([0-9]*))?(?=[/\\?#]|$)").match
# The usual address of a landing page, read at one go; the others are taken apart.
_usual = re.compile(
    r"https?://[A-Za-z0-9.\-]+(?:/[^?#\\\s]*)?\?(?:(?!ttclid=)[^#&\s]*&)*ttclid=([A-Za-z0-9._~\-]+)(?:[&#]|$)"
).match
_NOT_IN_HOST: Final = frozenset(" <>^|%")
_HIGHEST_PORT: Final = "65535"


def ttclid(value: str) -> str | None:
    """`value` as it is; None when it is blank or a placeholder."""
    return None if is_placeholder(value) else value


def click_id(url: str) -> str | None:
    """The first query parameter ``ttclid`` of an absolute URL, decoded as a browser's `URLSearchParams` does.

    None when there is none, when it is blank or a placeholder, and for a relative or broken URL. A key written with
    percent signs is not found.
    """
    if PARAMETER not in url:
        return None
    usual = _usual(url)
    if usual is not None:
        return ttclid(usual[1])
    for pair in _query(url.strip(_TRIMMED).translate(_LINE_BREAKS)).split("&"):
        if pair.startswith(PARAMETER):
            return ttclid(unquote_plus(pair[len(PARAMETER) :]))
    return None


def _query(url: str) -> str:
    """The query of an absolute URL, without "?"; "" when there is none, or no such URL (WHATWG URL, 4.4)."""
    scheme = _scheme(url)
    if scheme is None:
        return ""
    if scheme[1].lower() in _SPECIAL and not _has_host(url, scheme.end()):
        return ""
    return url.partition("#")[0].partition("?")[2]


def _has_host(url: str, start: int) -> bool:
    found = _authority(url, start)
    if found is None:
        return False
    host, port = found[1], (found[2] or "").lstrip("0").rjust(len(_HIGHEST_PORT), "0")
    in_range = len(port) == len(_HIGHEST_PORT) and port <= _HIGHEST_PORT
    return bool(host) and _NOT_IN_HOST.isdisjoint(host) and in_range
