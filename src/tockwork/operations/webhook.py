"""Posts alerts to the webhook. Where the address leads is looked at when the connection is made."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tockwork.configuration.alerts import Alerts, Format, wrong_url
from tockwork.delivery.exchange import proxy_for, tls, user_agent
from tockwork.store.alerts import Alert

TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 5.0
WAITS_S: Final = (2.0, 8.0, 30.0, 120.0, 600.0)
"""How long to wait after each attempt; after later ones as long as after the last of these."""
GIVES_UP_S: Final = 24 * 3600.0
"""Somebody who was not told for so long is told no more."""
PASSING: Final = frozenset({408, 425, 429})
_SHARED: Final = ip_network("100.64.0.0/10")
_NAT64: Final = ip_network("64:ff9b::/96")
_METADATA: Final = frozenset(
    map(ip_address, ("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"))
)
"""Where clouds tell their machines secrets: AWS and others, Alibaba, Oracle, Azure."""

Address = IPv4Address | IPv6Address
State = Literal["firing", "resolved", "test"]


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt: `status` of the answer, None without one; `said` in words, without the URL. `passing`
    says whether another attempt could go better."""

    ok: bool
    status: int | None
    said: str
    passing: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as it is told: `id` is the same however often it is. `at` is Unix time."""

    id: str
    state: State
    at: float
    alert: Alert


async def post(alerts: Alerts, told: Told, ca_bundle: str | None = None) -> Posted:
    """One attempt. Never raises for the network; follows no redirect, and reads nothing of the answer's body.

    A proxy that the environment names is honoured: then names are resolved there, and only addresses are looked
    at here. Raises `ConfigurationError` when the CA bundle is unusable.
    """
    url, guard = alerts.webhook.reveal(), _Guard(alerts.private_network)
    if found := wrong_url(url, alerts.private_network):
        return Posted(ok=False, status=None, said=f"The address {found[0]}.")
    proxy = proxy_for(url)
    if proxy is not None and not guard.may_name(urlsplit(url).hostname or ""):
        return _refused()
    kind, body = message(alerts.format, told)
    connector = aiohttp.TCPConnector(
        ssl=tls(ca_bundle), force_close=True, socket_factory=None if proxy else guard.socket, use_dns_cache=False
    )
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session,
            session.post(
                url,
                data=body,
                headers={"Content-Type": kind, "User-Agent": user_agent()},
                allow_redirects=False,
                proxy=proxy,
            ) as response,
        ):
            return _read(response.status)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return _refused() if guard.refused else Posted(ok=False, status=None, said=_silence(error), passing=True)


def message(kind: Format, told: Told) -> tuple[str, bytes]:
    """Content type and body: a CloudEvent in structured mode (CloudEvents 1.0.2, "JSON Event Format"), or a message as
    Slack's incoming webhooks take it."""
    alert = told.alert
    text = {"firing": alert.what, "resolved": f"Resolved: {alert.what}", "test": f"Test: {alert.what}"}[told.state]
    if kind == "slack":
        words = " ".join(filter(None, (text, alert.mend if told.state == "firing" else "")))
        for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            words = words.replace(sign, written)
        return "application/json", msgspec.json.encode({"text": words})
    about = alert.destination or alert.source
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": told.id,
        "source": f"//{socket.gethostname()}/tockwork",
        "type": f"dev.tockwork.alert.{told.state}",
        "time": _time(told.at),
        **({"subject": about} if about else {}),
        "datacontenttype": "application/json",
        "data": {
            "rule": alert.rule,
            "destination": alert.destination or None,
            "event_source": alert.source or None,
            "what": alert.what,
            "mend": alert.mend,
            "since": _time(alert.since),
            "value": alert.value,
            "text": text,
        },
    }
    return "application/cloudevents+json; charset=utf-8", msgspec.json.encode(event)


class _Guard:
    """Makes sockets only to addresses that may be posted to. `refused` says whether one may not."""

    def __init__(self, private_network: bool) -> None:
        self._private_network = private_network
        self.refused = False

    def socket(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, where = info
        if not allowed(ip_address(str(where[0]).partition("%")[0]), self._private_network):
            self.refused = True
            raise OSError("the address is refused")
        return socket.socket(family, kind, protocol)

    def may_name(self, host: str) -> bool:
        """Whether a proxy may be asked for this host: a name, or an address that is allowed."""
        try:
            return allowed(ip_address(host), self._private_network)
        except ValueError:
            return True


def allowed(address: Address, private_network: bool) -> bool:
    """Whether an alert may be posted to an address. Link-local ones and those of clouds' metadata services never may;
    those of the own machine and network only if that is said."""
    inner = _inner(address)
    if inner in _METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        return False
    if inner.is_global:
        return True
    own = inner.is_loopback or inner.is_private or (isinstance(inner, IPv4Address) and inner in _SHARED)
    return private_network and own and not (isinstance(inner, IPv4Address) and inner.is_reserved)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _read(status: int) -> Posted:
    if 200 <= status < 300:
        return Posted(ok=True, status=status, said=f"HTTP {status}")
    if 300 <= status < 400:
        return Posted(ok=False, status=status, said=f"HTTP {status}: a redirect, which is not followed")
    return Posted(ok=False, status=status, said=f"HTTP {status}", passing=status >= 500 or status in PASSING)


def _refused() -> Posted:
    said = "The address is in a private network or is one that nothing is posted to."
    return Posted(ok=False, status=None, said=said)


def _silence(error: Exception) -> str:
    """In words of our own: an error's text could hold the URL."""
    kinds: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
        ((aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError), "The proxy did not let it through"),
        (aiohttp.ClientConnectorDNSError, "The host name cannot be resolved"),
        (aiohttp.ClientSSLError, "TLS failed"),
        (TimeoutError, "No answer in time"),
        (aiohttp.ClientConnectorError, "The connection was refused"),
    )
    said = next((words for kind, words in kinds if isinstance(error, kind)), "The connection broke off")
    return f"{said} ({type(error).__name__})."


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
