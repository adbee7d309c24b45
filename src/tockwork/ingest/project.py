"""What analytics.js asks for first: the settings of its source, with the plugins that it loads into the page.

Source: @segment/analytics-next 1.84, `loadCDNSettings` and `CDNSettings`. They name no host but this server's,
and turn off what analytics.js would else send to Segment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tockwork.ingest.assets import Asset, Assets
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.rsgi import Fields, Headers

PATH: Final = re.compile(r"/v1/projects/([^/]+)/settings").fullmatch
CACHED_S: Final = 60
"""How long a browser may go on with settings that have changed."""
PRIVATE_SETTING: Final = "ldu"
"""TikTok's limited data use: what a plugin with this setting does for a visitor who asks not to be sold."""

_host = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?").fullmatch


class RemotePlugin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A plugin for a page: `asset` is the name of its file, `factory` of the function that makes it, `settings` what a
    browser may see of the destination, and `categories` the consent it needs, as the page's consent manager calls it.
    """

    name: str
    creation_name: str
    factory: str
    asset: str
    settings: Mapping[str, Any]
    categories: Sequence[str] = ()


class Project(msgspec.Struct, frozen=True):
    """The settings of one source. `answer` is prepared once for each address that the server goes by."""

    write_key: str
    plugins: tuple[RemotePlugin, ...] = ()

    def settings(self, assets: Assets, base: str, *, private: bool) -> dict[str, Any]:
        """For pages that know us as `base` (``https://host``). `private`: the visitor asks not to be sold."""
        scheme, _, host = base.partition("://")
        segment = {"apiKey": self.write_key, "apiHost": f"{host}/v1", "protocol": scheme}
        categories = sorted({category for plugin in self.plugins for category in plugin.categories})
        return {
            "integrations": {"Segment.io": segment, **self._gated()},
            "remotePlugins": [_remote(plugin, base + assets.path(plugin.asset), private) for plugin in self.plugins],
            "plan": {},
            "edgeFunction": {},
            "metrics": {"sampleRate": 0, "host": f"{host}/v1"},
            "enabledMiddleware": {},
            "middlewareSettings": {"routingRules": []},
            "legacyVideoPluginsEnabled": False,
            "autoInstrumentationSettings": {"sampleRate": 0},
            "consentSettings": {
                "allCategories": categories,
                "hasUnmappedDestinations": any(not plugin.categories for plugin in self.plugins),
            },
        }

    def _gated(self) -> dict[str, Any]:
        """Consent tools look for a plugin's categories here. ``unbundled`` keeps analytics.js from looking for more."""
        return {
            plugin.creation_name: {
                "bundlingStatus": "unbundled",
                "consentSettings": {"categories": list(plugin.categories)},
            }
            for plugin in self.plugins
            if plugin.categories
        }


def _remote(plugin: RemotePlugin, url: str, private: bool) -> dict[str, Any]:
    settings = {**plugin.settings, PRIVATE_SETTING: True} if private else dict(plugin.settings)
    return {
        "name": plugin.name,
        "creationName": plugin.creation_name,
        "libraryName": plugin.factory,
        "url": url,
        "settings": settings,
    }


class Projects:
    """The settings of all sources, by write key. Never changed: a new version makes new `Projects`."""

    def __init__(self, assets: Assets, projects: Sequence[Project] = ()) -> None:
        self._assets = assets
        self._by_write_key = {project.write_key: project for project in projects}
        self._rendered = lru_cache(maxsize=64)(self._render)

    def find(self, write_key: str, base: str, *, private: bool) -> Asset | None:
        """The answer for pages that know us as `base`; None for an unknown write key."""
        return self._rendered(write_key, base, private) if write_key in self._by_write_key else None

    def _render(self, write_key: str, base: str, private: bool) -> Asset:
        settings = self._by_write_key[write_key].settings(self._assets, base, private=private)
        return Asset(msgspec.json.encode(settings), _HEADERS)


_HEADERS: Final[Fields] = [
    ("content-type", "application/json"),
    ("access-control-allow-origin", "*"),
    # Not for shared caches: the answer depends on the address that the server was called by, and on Sec-GPC.
    ("cache-control", f"private, max-age={CACHED_S}"),
    ("x-content-type-options", "nosniff"),
]


def asks_for_privacy(headers: Headers) -> bool:
    """Whether the visitor's browser sends Global Privacy Control (W3C, "Global Privacy Control", Sec-GPC)."""
    return headers.get("sec-gpc") == "1"


def base_url(headers: Headers, peer: str, proxies: Proxies) -> str | None:
    """The address by which the page knows us, such as ``https://events.shop.example``. None without a usable Host.

    TLS ends at a proxy. One that is trusted says so in ``X-Forwarded-Proto``; else a page with https tells, since it
    can only have reached us by https, but for a server on the visitor's own machine.
    """
    host = headers.get("host") or ""
    if not _host(host):
        return None
    said = headers.get("x-forwarded-proto") if proxies.vouches(peer) else None
    if said in ("http", "https"):
        return f"{said}://{host}"
    page = headers.get("origin") or headers.get("referer") or ""
    secure = page.startswith("https://") and not is_local(host)
    return f"{'https' if secure else 'http'}://{host}"


def is_local(host: str) -> bool:
    """Whether `host`, with or without a port, is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
