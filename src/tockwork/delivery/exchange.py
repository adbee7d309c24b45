"""One request and its answer over HTTP: the only place that talks to the platform."""

from __future__ import annotations

import os
import ssl
import urllib.request
import zlib
from collections.abc import Mapping
from importlib import metadata
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tockwork.model import reasons
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.outcome import Answer, Verdict

CONNECT_TIMEOUT_S: Final = 5.0
TIMEOUT_S: Final = 10.0
ANSWER_BYTES: Final = 1_000_000
_GZIP: Final = 16 + zlib.MAX_WBITS


class Reply(msgspec.Struct, frozen=True):
    """What came back: the body unpacked, and cut or empty where it broke off or grew too large."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes


class Poster(Protocol):
    """What a sender needs of an `Exchange`."""

    async def post(self, path: str, headers: Mapping[str, str], body: bytes, within_s: float) -> Reply | Answer: ...

    async def close(self) -> None: ...


class Exchange:
    """Posts requests over one pool of connections. No redirects, no cookies, no retries.

    `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured, and so are `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and
    `ca_bundle`, which wins. Raises `ConfigurationError` when the base URL or the CA bundle is unusable. Needs a running
    event loop.
    """

    def __init__(self, base_url: str, ca_bundle: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
            raise ConfigurationError([Problem("base_url", "expected a URL such as https://business-api.tiktok.com")])
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._proxy = proxy_for(base_url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls(ca_bundle)),  # the lane limits what is under way
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": user_agent(), "Accept-Encoding": "gzip"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(self, path: str, headers: Mapping[str, str], body: bytes, within_s: float) -> Reply | Answer:
        """Sends `body` as JSON; gives up after `within_s` seconds, or the time-out if that is shorter.

        Without a reply, an `Answer` that says whether the rows may have arrived. Never raises for the network.
        """
        total = max(0.001, min(self._timeout_s, within_s))  # to aiohttp, 0 is no time-out
        try:
            async with self._session.post(
                self._base_url + path,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(total=total, connect=CONNECT_TIMEOUT_S),
            ) as response:
                return Reply(response.status, response.headers, await _content(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as error:
            return _silence(reasons.UNREACHABLE, error, ambiguous=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _silence(reasons.NO_ANSWER, error, ambiguous=True)


async def _content(response: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked, up to the limit; empty when it breaks off, grows too large or is packed in another way."""
    packing = response.headers.get("Content-Encoding", "").strip().lower()
    unpack = zlib.decompressobj(_GZIP) if packing in ("gzip", "x-gzip") else None
    if unpack is None and packing not in ("", "identity"):
        return b""
    content = bytearray()
    try:
        async for piece in response.content.iter_any():
            room = ANSWER_BYTES + 1 - len(content)
            content += unpack.decompress(piece, room) if unpack else piece[:room]
            if len(content) > ANSWER_BYTES:
                response.close()
                return b""
    except (aiohttp.ClientError, TimeoutError, OSError, zlib.error):
        return b""
    return bytes(content)


def _silence(reason: str, error: Exception, *, ambiguous: bool) -> Answer:
    """No text of the error itself: it can hold a proxy's password."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        said = f"the proxy refused the connection (HTTP {error.status})"
    elif isinstance(error, aiohttp.ClientProxyConnectionError):
        said = "the proxy cannot be reached: check HTTPS_PROXY"
    elif isinstance(error, aiohttp.ClientSSLError):
        said = "TLS failed: if a proxy inspects the traffic, set the CA bundle (SSL_CERT_FILE)"
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        said = "the host name cannot be resolved"
    elif isinstance(error, TimeoutError):
        said = "no connection in time" if not ambiguous else "no answer in time"
    else:
        said = "the connection was refused" if not ambiguous else "the connection broke off before an answer"
    return Answer(Verdict.RETRY, reason, message=f"{said} ({type(error).__name__})", ambiguous=ambiguous)


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for `url`.

    Asked once: aiohttp would ask in a thread for each request, and would send credentials from a .netrc along.
    """
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def tls(ca_bundle: str | None) -> ssl.SSLContext:
    """The usual context (which honours SSL_CERT_FILE), with a CA bundle on top where one is named."""
    context = ssl.create_default_context()
    bundle = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle:
        try:
            if os.path.isdir(bundle):
                context.load_verify_locations(capath=bundle)
            else:
                context.load_verify_locations(cafile=bundle)
        except OSError as error:  # ssl.SSLError is one
            where = "ca_bundle" if ca_bundle else "REQUESTS_CA_BUNDLE"
            problem = Problem(where, f"cannot be read as CA certificates ({type(error).__name__})", "Name a PEM file.")
            raise ConfigurationError([problem]) from None
    return context


def user_agent() -> str:
    """What our requests say they are from."""
    try:
        return f"tockwork/{metadata.version('tockwork')}"
    except metadata.PackageNotFoundError:  # run from a checkout
        return "tockwork/0"
