"""The settings that analytics.js asks for, and what of a configuration can be seen from outside."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.contract.visitor import HOST, Browser, browsing

from tockwork.app.projects import projects
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry, check_configuration
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.declare import Destination
from tockwork.ingest.assets import Assets
from tockwork.ingest.project import Project, Projects, RemotePlugin
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import Source
from tockwork.ingest.website import Website
from tockwork.model.secret import Secret

ASSETS = Assets()
PLUGIN = RemotePlugin(
    name="Some Pixel",
    creation_name="Some Pixel",
    factory="somePixel",
    asset="tiktok-pixel.js",
    settings={"pixelCode": "P1", "ldu": False},
    categories=("Advertising",),
)
CANARY = "canary"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    website = Website(ASSETS, Proxies(["10.0.0.0/8"]))
    website.projects = Projects(ASSETS, [Project("wk-web", (PLUGIN,)), Project("wk-server")])
    async with browsing(website, Source("web", Secret("wk-web")), proxies=Proxies()) as browser:
        yield browser


async def settings(browser: Browser, write_key: str = "wk-web", **headers: str) -> Any:
    reply = await browser.get(f"/v1/projects/{write_key}/settings", **headers)
    assert reply.status == 200
    return reply.json


class TestSettings:
    async def test_what_analytics_js_reads(self, browser: Browser) -> None:
        found = await settings(browser, Origin="https://shop.example")
        base = f"https://{HOST}"
        assert found["integrations"]["Segment.io"] == {
            "apiKey": "wk-web",
            "apiHost": f"{HOST}/v1",
            "protocol": "https",
        }
        assert found["remotePlugins"] == [
            {
                "name": "Some Pixel",
                "creationName": "Some Pixel",
                "libraryName": "somePixel",
                "url": base + ASSETS.path("tiktok-pixel.js"),
                "settings": {"pixelCode": "P1", "ldu": False},
            }
        ]
        assert found["plan"] == {}
        assert found["metrics"]["sampleRate"] == 0
        assert found["consentSettings"] == {"allCategories": ["Advertising"], "hasUnmappedDestinations": False}
        assert found["integrations"]["Some Pixel"]["consentSettings"] == {"categories": ["Advertising"]}

    async def test_the_plugin_is_there(self, browser: Browser) -> None:
        (plugin,) = (await settings(browser))["remotePlugins"]
        assert (await browser.get(plugin["url"].removeprefix(f"http://{HOST}"))).status == 200

    async def test_no_host_but_ours_is_named(self, browser: Browser) -> None:
        reply = await browser.get("/v1/projects/wk-web/settings")
        assert b"segment.com" not in reply.body
        assert reply.body.count(b"://") == reply.body.count(f"://{HOST}/".encode()) == 1

    async def test_any_origin_may_read_them(self, browser: Browser) -> None:
        reply = await browser.get("/v1/projects/wk-web/settings", Accept_Encoding="gzip")
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["cache-control"] == "private, max-age=60"
        assert msgspec.json.decode(gzip.decompress(reply.body)) == await settings(browser)
        tag = reply.headers["etag"]
        again = await browser.get("/v1/projects/wk-web/settings", Accept_Encoding="gzip", If_None_Match=tag)
        assert again.status == 304

    async def test_a_source_without_plugins(self, browser: Browser) -> None:
        found = await settings(browser, "wk-server")
        assert found["remotePlugins"] == []
        assert list(found["integrations"]) == ["Segment.io"]

    @pytest.mark.parametrize("write_key", ["wk-other", "WK-WEB", "%77k-web", "undefined"])
    async def test_unknown_write_keys(self, browser: Browser, write_key: str) -> None:
        reply = await browser.get(f"/v1/projects/{write_key}/settings")
        assert (reply.status, reply.json["code"]) == (401, "invalid_write_key")
        assert write_key not in reply.json["message"]
        assert reply.headers["access-control-allow-origin"] == "*", "so that the page can tell why"

    @pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE"])
    async def test_other_methods(self, browser: Browser, method: str) -> None:
        assert (await browser.ask(method, "/v1/projects/wk-web/settings")).status == 405

    async def test_global_privacy_control_limits_data_use(self, browser: Browser) -> None:
        (plain,) = (await settings(browser, Sec_GPC="0"))["remotePlugins"]
        (private,) = (await settings(browser, Sec_GPC="1"))["remotePlugins"]
        assert (plain["settings"]["ldu"], private["settings"]["ldu"]) == (False, True)


class TestAddress:
    @pytest.mark.parametrize(
        ("headers", "base"),
        [
            ({}, f"http://{HOST}"),
            ({"Origin": "https://shop.example"}, f"https://{HOST}"),
            ({"Origin": "http://shop.example"}, f"http://{HOST}"),
            ({"Referer": "https://shop.example/a"}, f"https://{HOST}"),
            ({"Host": "localhost:8080", "Origin": "https://shop.example"}, "http://localhost:8080"),
            ({"Host": "127.0.0.1:8080", "Origin": "https://shop.example"}, "http://127.0.0.1:8080"),
            ({"Host": "[::1]:8080", "Origin": "https://shop.example"}, "http://[::1]:8080"),
            ({"X_Forwarded_Proto": "https"}, f"http://{HOST}"),
        ],
    )
    async def test_as_the_page_knows_us(self, browser: Browser, headers: dict[str, str], base: str) -> None:
        (plugin,) = (await settings(browser, **headers))["remotePlugins"]
        assert plugin["url"] == base + ASSETS.path("tiktok-pixel.js")

    async def test_a_trusted_proxy_knows_better(self) -> None:
        website = Website(ASSETS, Proxies(["203.0.113.0/24"]))
        website.projects = Projects(ASSETS, [Project("wk-web")])
        async with browsing(website) as browser:
            found = await settings(browser, X_Forwarded_Proto="https")
        assert found["integrations"]["Segment.io"]["protocol"] == "https"

    @pytest.mark.parametrize("host", ["", "a b", "x/y", "evil.example@shop.example", '"', "a..b:x", "[::1"])
    async def test_a_host_that_is_none(self, browser: Browser, host: str) -> None:
        reply = await browser.get("/v1/projects/wk-web/settings", Host=host)
        assert (reply.status, reply.json["code"]) == (400, "invalid_host")


def planted(destination: Destination) -> dict[str, Any]:
    """Settings of a destination: a canary in each that a browser may not see, where it takes any text."""
    public = set(destination.device.public) if destination.device else set()
    found: dict[str, Any] = {}
    for setting in destination.settings:
        value = f"{CANARY}-{destination.key}-{setting.key}"
        takes_text = setting.type in ("string", "secret") and not setting.choices
        if setting.key in public:
            if setting.required:
                found[setting.key] = "CPUBLIC0000000000000"
        elif takes_text and not (setting.check and setting.check(value)):
            found[setting.key] = value
        elif setting.required:
            found[setting.key] = setting.placeholder
    return found


class TestSecrets:
    def configuration(self) -> Configuration:
        secret_mapping = {
            "name": f"{CANARY}-mapping",
            "trigger": f'type = "track" and event = "{CANARY}-trigger"',
            "fields": {"event": "Contact", "email": f"{CANARY}@example.com"},
        }
        destinations = [
            DestinationEntry(
                kind=kind,
                name=f"{CANARY}-name-{kind}",
                settings=planted(destination),
                mappings=None if destination.device else [secret_mapping],
                title="",
                doc=f"{CANARY}-doc",
            )
            for kind, destination in DESTINATIONS.items()
        ]
        destinations.append(
            DestinationEntry(
                kind="tiktok-pixel",
                name=f"{CANARY}-disabled",
                enabled=False,
                settings={"pixelCode": f"{CANARY}-pixel"},
            )
        )
        sources = [
            SourceEntry(f"{CANARY}-source", "wk-web", "browser", cookie_domain=f"{CANARY}.example"),
            SourceEntry("backend", f"{CANARY}-wk-backend", "server"),
            SourceEntry("off", f"{CANARY}-wk-off", "browser", enabled=False),
        ]
        return Configuration(sources=sources, destinations=destinations)

    async def test_nothing_private_can_be_seen(self) -> None:
        configuration = self.configuration()
        assert check_configuration(configuration) == []
        secrets = [s.key for d in DESTINATIONS.values() for s in d.settings if s.type == "secret"]
        assert len(secrets) >= 3, "there is something to plant"
        website = Website(ASSETS, Proxies())
        website.projects = projects(configuration, ASSETS)
        seen = []
        async with browsing(website) as browser:
            for path in ["/v1/projects/wk-web/settings", "/tockwork.js", *(path for path, _ in ASSETS)]:
                for coding in ("", "gzip"):
                    reply = await browser.get(path, Accept_Encoding=coding)
                    assert reply.status == 200
                    body = gzip.decompress(reply.body) if "content-encoding" in reply.headers else reply.body
                    seen.append(body + repr(reply.fields).encode())
            found = await settings(browser)
            refused = await browser.get(f"/v1/projects/{CANARY}-wk-off/settings")
        assert refused.status == 401
        assert [plugin["settings"]["pixelCode"] for plugin in found["remotePlugins"]] == ["CPUBLIC0000000000000"]
        assert not [body for body in seen if CANARY.encode() in body]

    async def test_a_source_gets_the_plugins_that_take_its_events(self) -> None:
        website, configuration = Website(ASSETS, Proxies()), self.configuration()
        for chosen, plugins in (["backend"], 0), (["backend", f"{CANARY}-source"], 1):
            for destination in configuration.destinations:
                destination.sources = chosen
            website.projects = projects(configuration, ASSETS)
            async with browsing(website) as browser:
                assert len((await settings(browser))["remotePlugins"]) == plugins

    async def test_a_backends_settings_have_no_plugins(self) -> None:
        website = Website(ASSETS, Proxies())
        website.projects = projects(self.configuration(), ASSETS)
        async with browsing(website) as browser:
            assert (await settings(browser, f"{CANARY}-wk-backend"))["remotePlugins"] == []


@pytest.mark.parametrize(
    ("member", "value", "where"),
    [
        ("allowed_origins", ["https://shop.example", "shop.example"], "sources[0].allowed_origins[1]"),
        ("allowed_origins", ["https://shop.example/"], "sources[0].allowed_origins[0]"),
        ("allowed_origins", ["https://Shop.example"], "sources[0].allowed_origins[0]"),
        ("allowed_origins", ["*"], "sources[0].allowed_origins[0]"),
        ("cookie_domain", ".shop.example", "sources[0].cookie_domain"),
        ("cookie_domain", "shop.example; Secure", "sources[0].cookie_domain"),
        ("cookie_domain", "localhost", "sources[0].cookie_domain"),
    ],
)
def test_what_no_browser_takes_is_refused(member: str, value: Any, where: str) -> None:
    source = msgspec.structs.replace(SourceEntry("web", "wk"), **{member: value})
    assert [problem.where for problem in check_configuration(Configuration(sources=[source]))] == [where]
