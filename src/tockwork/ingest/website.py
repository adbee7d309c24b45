"""What browsers ask the tracking listener for beside sending events: scripts, the settings of a source, cookies."""

from __future__ import annotations

from typing import Final

from tockwork.ingest.answer import Answer, unknown_project, wrong_method
from tockwork.ingest.assets import Assets
from tockwork.ingest.body import Body, TooLarge
from tockwork.ingest.cookies import cookie_domain, cookies, read_claim
from tockwork.ingest.project import PATH, Projects, asks_for_privacy, base_url
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.rsgi import Exchange, Fields, Headers, Scope
from tockwork.ingest.source import Sources

IDENTITY: Final = "/v1/identity"
MAX_CLAIM_BYTES: Final = 4 * 1024


class Website:
    """`projects` may be replaced at any time."""

    def __init__(self, assets: Assets, proxies: Proxies) -> None:
        self.assets = assets
        self.projects = Projects(assets)
        self._proxies = proxies

    async def answer(
        self, scope: Scope, headers: Headers, body: Body, exchange: Exchange, sources: Sources
    ) -> int | None:
        """Answers, and returns the status; None for a path that is not ours. Raises `Answer`, or what `Body.read` does
        but for `TooLarge`."""
        path, method = scope.path, scope.method
        asset = self.assets.find(path)
        if asset is not None:
            return asset.send(method, headers, exchange)
        if path == IDENTITY:
            return await self._identify(scope, headers, body, exchange, sources)
        asked = PATH(path)
        if asked is None:
            return None
        if method not in ("GET", "HEAD"):
            raise wrong_method("GET, HEAD")
        private = asks_for_privacy(headers)
        settings = self.projects.find(asked[1], self._base(scope, headers), private=private)
        if settings is None:
            raise unknown_project()
        return settings.send(method, headers, exchange)

    async def _identify(self, scope: Scope, headers: Headers, body: Body, exchange: Exchange, sources: Sources) -> int:
        """Sets the visitor's cookies. A page sends with credentials and as text, which needs no preflight."""
        if scope.method != "POST":
            raise wrong_method("POST")
        origin = headers.get("origin") or ""
        base = self._base(scope, headers)
        try:
            claim = read_claim(await body.read(MAX_CLAIM_BYTES, gzip=False))
        except TooLarge:
            raise Answer(400, "invalid_identity", f"expected at most {MAX_CLAIM_BYTES} bytes") from None
        source = sources.find(claim.write_key)
        if source is None:
            raise unknown_project()
        domain = cookie_domain(source, origin, base.partition("://")[2])
        if domain is None:
            raise Answer(403, "origin_not_allowed", "expected a page of an origin that the source allows")
        said: Fields = [
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("cache-control", "no-store"),
            ("vary", "Origin"),
        ]
        said += [("set-cookie", cookie) for cookie in cookies(claim, domain, secure=base.startswith("https:"))]
        exchange.response_empty(204, said)
        return 204

    def _base(self, scope: Scope, headers: Headers) -> str:
        peer, _, _ = scope.client.rpartition(":")
        base = base_url(headers, peer.strip("[]"), self._proxies)
        if base is None:
            raise Answer(400, "invalid_host", "Host: expected a name or an address, with or without a port")
        return base
