"""The loader, Segment's snippet and the npm build in a real browser, against ``tockwork serve`` of another origin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser
from tests.browser.pages import SNIPPET, TIKTOK, Visitor, site, visiting
from tests.browser.shop import LIBRARY
from tests.e2e.clients.proxy import Proxy
from tests.e2e.clients.stand import CONFIGURATION, WRITE_KEY, Stand, until
from tests.e2e.server import Server

from tockwork.sandbox.server import Sandbox

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

CLICK: Final = "E.C.P." + "aB3-" * 200
TTP: Final = "01JABCDEFGHJKMNPQRSTVWXYZ0_.tt.1"
SOURCES: Final = [{"name": "shop", "write_key": WRITE_KEY, "kind": "browser"}]


DESTINATIONS: Final = cast(list[Any], CONFIGURATION["destinations"])
PIXEL: Final = {"name": "pixel", "kind": "tiktok-pixel", "settings": {"pixelCode": "CPIXEL0000000000000"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    file = tmp_path_factory.mktemp("loader") / "tockwork.json"
    file.write_text(json.dumps({"sources": SOURCES, "destinations": [*DESTINATIONS, PIXEL]}))
    async with Sandbox().serve() as sandbox, Server("--config", str(file), TOCKWORK_TIKTOK_URL=sandbox.url) as server:
        yield Stand(sandbox, server, Proxy(""))


@pytest.fixture
def stand(running: Stand) -> Stand:
    running.sandbox.reset()
    return running


def host(stand: Stand) -> str:
    """The server by the name that the shop's pages have too: another origin of the same site."""
    return stand.server.url.replace("127.0.0.1", "localhost")


def tag(stand: Stand, *attributes: str) -> str:
    words = ['src="/tockwork.js"'.replace("/tock", f"{host(stand)}/tock"), f'data-write-key="{WRITE_KEY}"', *attributes]
    return f"<script {' '.join(words)}></script>"


async def shop_and_buy(visitor: Visitor) -> None:
    await visitor.page.evaluate("() => { analytics.identify('u-1', {email: 'jane@example.com'}) }")
    await visitor.page.evaluate("() => { analytics.track('Order Completed', {order_id: 'o-1'}) }")


def check_shopping(events: list[dict[str, Any]], url: str) -> None:
    assert sorted(event["type"] for event in events) == ["identify", "page", "track"]
    by_type = {event["type"]: event for event in events}
    assert by_type["page"]["properties"]["url"].startswith(url)
    assert by_type["track"]["properties"]["order_id"] == "o-1"
    assert len({event["anonymousId"] for event in events}) == 1


async def test_one_tag(stand: Stand, browser: Browser) -> None:
    async with site(tag(stand)) as url, visiting(browser, url) as visitor:
        await shop_and_buy(visitor)
        check_shopping(await stand.events(3), url)
        assert visitor.hosts == {urlsplit(url).netloc, urlsplit(host(stand)).netloc, TIKTOK}
        assert await visitor.page.evaluate("analytics.initialized")
        paths = [urlsplit(request.url).path for request in visitor.requests if request.url.startswith(host(stand))]
        assert next(path for path in paths if path.endswith(".js")) == "/tockwork.js"
        assert paths.count(f"/v1/projects/{WRITE_KEY}/settings") == 1
        assert "/v1/identity" not in paths, "there is nothing to keep"
        queue = str(await visitor.page.evaluate("JSON.stringify(Object.values(ttq._i).map(calls => [...calls]))"))
        (order,) = [event for event in await stand.events(3) if event["type"] == "track"]
        assert order["messageId"] in queue, "the Pixel is told the server's event id"


async def test_without_a_page_view(stand: Stand, browser: Browser) -> None:
    async with site(tag(stand, 'data-page="off"')) as url, visiting(browser, url) as visitor:
        await shop_and_buy(visitor)
        events = await stand.events(2)
    assert sorted(event["type"] for event in events) == ["identify", "track"]


async def test_the_familiar_snippet(stand: Stand, browser: Browser) -> None:
    snippet = SNIPPET % (host(stand), WRITE_KEY, WRITE_KEY)
    async with (
        site('<script src="/snippet.js"></script>', {"/snippet.js": snippet}) as url,
        visiting(browser, f"{url}/?ttclid={CLICK}") as visitor,
    ):
        await shop_and_buy(visitor)
        events = await stand.events(3)
        check_shopping(events, url)
        assert visitor.hosts == {urlsplit(url).netloc, urlsplit(host(stand)).netloc, TIKTOK}
    assert {event["properties"]["ttclid"] for event in events if event["type"] != "identify"} == {CLICK}


@pytest.mark.parametrize("both", [True, False], ids=["cdnURL and apiHost", "cdnURL alone"])
async def test_npm_with_only_its_hosts_changed(stand: Stand, browser: Browser, both: bool) -> None:
    api = {"apiHost": f"{urlsplit(host(stand)).netloc}/v1", "protocol": "http"}
    settings = json.dumps({"writeKey": WRITE_KEY, "cdnURL": host(stand)})
    options = json.dumps({"integrations": {"Segment.io": api}} if both else {})
    load = f"analytics = AnalyticsNext.AnalyticsBrowser.load({settings}, {options}); analytics.page();"
    scripts: dict[str, str | bytes] = {"/analytics.js": LIBRARY.read_bytes(), "/load.js": load}
    head = '<script src="/analytics.js"></script><script src="/load.js"></script>'
    async with site(head, scripts) as url, visiting(browser, url) as visitor:
        await shop_and_buy(visitor)
        check_shopping(await stand.events(3), url)
        assert visitor.hosts == {urlsplit(url).netloc, urlsplit(host(stand)).netloc, TIKTOK}


async def test_a_strict_policy(stand: Stand, browser: Browser) -> None:
    """No inline script, no eval, and our host alone beside the shop's own."""
    ours = host(stand)
    pixel = f"https://{TIKTOK}"
    policy = f"default-src 'none'; script-src 'self' {ours} {pixel}; connect-src {ours} {pixel}; img-src data:"
    async with site(tag(stand), policy=policy) as url, visiting(browser, f"{url}/?ajs_aid=a-1") as visitor:
        await shop_and_buy(visitor)
        events = await stand.events(3)
        check_shopping(events, url)
        (part,) = visitor.asked(lambda path: "queryString.bundle" in path)
        assert part.url.startswith(f"{ours}/analytics-next/bundles/"), "parts of analytics.js come from us too"
    assert {event["anonymousId"] for event in events} == {"a-1"}


async def test_a_click_is_kept(stand: Stand, browser: Browser) -> None:
    early = f"document.cookie = '_ttp={TTP}; path=/'"
    async with site(tag(stand), {"/early.js": early}) as url, visiting(browser, f"{url}/?ttclid={CLICK}") as visitor:
        await stand.events(1)
        (sent,) = visitor.asked(lambda path: path == "/v1/identity")
        assert json.loads(sent.post_data or "") == {"writeKey": WRITE_KEY, "ttclid": CLICK, "ttp": TTP}
        cookies = {cookie["name"]: cookie for cookie in await visitor.context.cookies()}
        assert (cookies["ttclid"]["value"], cookies["_ttp"]["value"]) == (CLICK, TTP)
        for name, days in (("ttclid", 28), ("_ttp", 395)):
            left = cookies[name]["expires"] - await visitor.page.evaluate("Date.now() / 1000")
            assert days * 86_400 - 60 < left <= days * 86_400
            assert not cookies[name]["httpOnly"], "the Pixel reads it"
            assert cookies[name]["sameSite"] == "Lax"
        await visitor.page.goto(f"{url}/checkout")
        await shop_and_buy(visitor)
        events = await stand.events(4)
        assert len(visitor.asked(lambda path: path == "/v1/identity")) == 1, "kept already"
        await visitor.page.goto(f"{url}/?ttclid=newer")
        await stand.events(5)
        assert (await visitor.cookies())["ttclid"] == "newer"
    enriched = [event for event in events if event["type"] != "identify"]
    assert [(event["properties"]["ttclid"], event["properties"]["ttp"]) for event in enriched] == [(CLICK, TTP)] * 3


async def test_a_backend_event_of_the_same_person_gets_the_ids(stand: Stand, browser: Browser) -> None:
    order = {"event": "Order Completed", "userId": "u-77", "properties": {"order_id": "o-2"}}
    async with site(tag(stand)) as url, visiting(browser, f"{url}/?ttclid={CLICK}") as visitor:
        await visitor.page.evaluate("() => { analytics.identify('u-77') }")
        await stand.events(2)
        async with ClientSession() as backend:
            await backend.post(f"{stand.server.url}/v1/track", json={**order, "writeKey": WRITE_KEY})
        events = await stand.events(3)
    assert events[-1]["properties"] == {"order_id": "o-2", "ttclid": CLICK}


async def test_the_pages_own_ids_win(stand: Stand, browser: Browser) -> None:
    async with site(tag(stand, 'data-page="off"')) as url, visiting(browser, f"{url}/?ttclid={CLICK}") as visitor:
        await visitor.page.evaluate("() => { analytics.track('Ping', {ttclid: 'own'}) }")
        (event,) = await stand.events(1)
    assert event["properties"]["ttclid"] == "own"


class TestConsent:
    async def test_nothing_is_stored_or_sent_before_it(self, stand: Stand, browser: Browser) -> None:
        head = tag(stand, 'data-consent="hold"')
        async with site(head) as url, visiting(browser, f"{url}/?ttclid={CLICK}") as visitor:
            await shop_and_buy(visitor)
            await visitor.page.wait_for_timeout(300)
            ours = [request.url for request in visitor.requests if request.url.startswith(host(stand))]
            assert ours == [f"{host(stand)}/tockwork.js"]
            assert await visitor.cookies() == {}
            assert await visitor.page.evaluate("localStorage.length + sessionStorage.length") == 0
            assert await visitor.page.evaluate("tockwork.consent.state") == "held"
            choices = {"Advertising": True, "Functional": False}
            await visitor.page.evaluate("choices => tockwork.consent.grant(choices)", choices)
            events = await stand.events(3)
            check_shopping(events, url)
            assert (await visitor.cookies())["ttclid"] == CLICK
        assert [event["context"]["consent"] for event in events] == [{"categoryPreferences": choices}] * 3

    async def test_it_may_be_taken_back(self, stand: Stand, browser: Browser) -> None:
        async with site(tag(stand)) as url, visiting(browser, f"{url}/?ttclid={CLICK}") as visitor:
            await stand.events(1)
            seen = "addEventListener('tockwork:consent', event => { window.told = event.detail.state })"
            await visitor.page.evaluate(f"() => {{ {seen} }}")
            await visitor.page.evaluate("tockwork.consent.revoke()")
            assert await visitor.page.evaluate("window.told") == "revoked"
            await visitor.page.evaluate("() => { analytics.track('Secret') }")
            jar: dict[str, str] = {}
            while "ttclid" in (jar := await visitor.cookies()):
                await visitor.page.wait_for_timeout(20)
            assert "_ttp" not in jar
            await visitor.page.evaluate("tockwork.consent.grant()")
            await visitor.page.evaluate("() => { analytics.track('Ping') }")
            events = await stand.events(2)
        assert [event.get("event") for event in events] == [None, "Ping"]

    @pytest.mark.parametrize("granted", [True, False])
    async def test_ids_need_their_category(self, stand: Stand, browser: Browser, granted: bool) -> None:
        head = tag(stand, 'data-consent="hold"', 'data-consent-category="Advertising"')
        async with site(head) as url, visiting(browser, f"{url}/?ttclid={CLICK}") as visitor:
            await visitor.page.evaluate("given => tockwork.consent.grant({Advertising: given})", granted)
            (event,) = await stand.events(1)
            assert ("ttclid" in await visitor.cookies()) is granted
        assert ("ttclid" in event["properties"]) is granted


async def test_a_plugin_that_needs_consent(tmp_path: Path, browser: Browser) -> None:
    """Its categories are in the settings, where consent tools look; TikTok is not asked for anything before consent."""
    pixel = {**PIXEL, "privacy": {"consent": {"categories": ["Advertising"]}}}
    file = tmp_path / "tockwork.json"
    file.write_text(json.dumps({"sources": SOURCES, "destinations": [pixel]}))
    async with Server("--config", str(file)) as server, Sandbox().serve() as sandbox:
        stand = Stand(sandbox, server, Proxy(""))
        async with site(tag(stand)) as url, visiting(browser, url) as visitor:
            await visitor.page.wait_for_function("analytics.initialized")
            settings = await visitor.page.evaluate("analytics.settings.cdnSettings")
            assert settings["consentSettings"] == {"allCategories": ["Advertising"], "hasUnmappedDestinations": False}
            gated = settings["integrations"]["TikTok Pixel"]["consentSettings"]
            assert gated == {"categories": ["Advertising"]}
            await visitor.page.evaluate("analytics.track('Product Added', {product_id: '1'}).then(() => null)")
            assert visitor.hosts == {urlsplit(url).netloc, urlsplit(host(stand)).netloc}
            await visitor.page.evaluate("tockwork.consent.grant({Advertising: true})")
            await visitor.page.evaluate("analytics.track('Product Added', {product_id: '2'}).then(() => null)")
            await until(lambda: TIKTOK in visitor.hosts, "a request to TikTok", lambda: visitor.hosts)


async def test_global_privacy_control(stand: Stand, browser: Browser) -> None:
    async with site(tag(stand)) as url, visiting(browser, url, headers={"Sec-GPC": "1"}) as visitor:
        (event,) = await stand.events(1)
        (plugin,) = await visitor.page.evaluate("analytics.settings.cdnSettings.remotePlugins")
    assert plugin["settings"]["ldu"] is True
    assert event["context"]["consent"]["gpc"] is True


async def test_a_second_tag_does_nothing(stand: Stand, browser: Browser) -> None:
    async with site(tag(stand) * 2) as url, visiting(browser, url) as visitor:
        await stand.events(1)
        await until(lambda: bool(visitor.requests), "requests", lambda: 0)
        assert len(visitor.asked(lambda path: path.startswith("/analytics-next/"))) == 1
