"""Scripts and other files, as browsers and caches ask for them."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from collections.abc import AsyncIterator

import pytest
from browser.vendor import FOLDER, locked
from tests.contract.visitor import Browser, browsing
from tests.node import node

from tockwork.ingest.assets import BUNDLES, LIBRARY, Assets
from tockwork.ingest.assets import FOLDER as ASSETS
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.website import Website

KNOWN = Assets()
PATHS = sorted(path for path, _ in KNOWN)
NEVER_CHANGES = "public, max-age=31536000, immutable"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing(Website(KNOWN, Proxies())) as browser:
        yield browser


class TestContent:
    @pytest.mark.parametrize("path", PATHS)
    async def test_plain_gzip_and_brotli_are_the_same(self, browser: Browser, path: str) -> None:
        plain = await browser.get(path)
        packed = await browser.get(path, Accept_Encoding="gzip, deflate")
        assert (plain.status, packed.status) == (200, 200)
        assert "content-encoding" not in plain.headers
        assert packed.headers.get("content-encoding", "plain") in ("gzip", "plain")
        unpacked = gzip.decompress(packed.body) if "content-encoding" in packed.headers else packed.body
        assert unpacked == plain.body
        assert len({reply.headers["etag"] for reply in (plain, packed)}) == 1 + ("content-encoding" in packed.headers)

    def test_brotli_is_of_this_very_content(self) -> None:
        unpack = (
            "const { readFileSync } = require('node:fs'); const { brotliDecompressSync } = require('node:zlib');"
            "for (const path of process.argv.slice(1)) process.stdout.write(brotliDecompressSync(readFileSync(path)));"
        )
        packed = sorted(ASSETS.rglob("*.js.br"), key=lambda path: KNOWN.path(path.relative_to(ASSETS).as_posix()[:-3]))
        assert len(packed) == len(PATHS) >= 9
        unpacked = subprocess.run([node(), "-e", unpack, *map(str, packed)], check=True, capture_output=True).stdout
        assert unpacked == b"".join(asset.content for _, asset in sorted(KNOWN, key=lambda item: item[0]))

    async def test_a_browser_gets_brotli(self, browser: Browser) -> None:
        reply = await browser.get(KNOWN.path(LIBRARY), Accept_Encoding="gzip, deflate, br, zstd")
        assert reply.headers["content-encoding"] == "br"
        assert len(reply.body) < 27_000

    @pytest.mark.parametrize(
        ("accepted", "coding"),
        [
            ("br", "br"),
            ("BR;q=0.1, gzip", "br"),
            ("br;q=0, gzip", "gzip"),
            ("br; q=0.000, *", "gzip"),
            ("*", "br"),
            ("*;q=0", None),
            ("identity", None),
            ("deflate, zstd", None),
            ("", None),
            ("gzip;q=0.001", "gzip"),
        ],
    )
    async def test_what_is_accepted_decides(self, browser: Browser, accepted: str, coding: str | None) -> None:
        reply = await browser.get(KNOWN.path(LIBRARY), Accept_Encoding=accepted)
        assert reply.headers.get("content-encoding") == coding
        assert reply.headers["vary"] == "Accept-Encoding"

    @pytest.mark.parametrize("path", PATHS)
    async def test_pages_of_any_origin_may_use_them(self, browser: Browser, path: str) -> None:
        headers = (await browser.get(path)).headers
        assert headers["content-type"] == "text/javascript; charset=utf-8"
        assert headers["access-control-allow-origin"] == "*"
        assert headers["cross-origin-resource-policy"] == "cross-origin"
        assert headers["x-content-type-options"] == "nosniff"


class TestCaching:
    @pytest.mark.parametrize("path", PATHS)
    async def test_what_has_its_hash_in_its_name_is_kept(self, browser: Browser, path: str) -> None:
        caching = (await browser.get(path)).headers["cache-control"]
        assert caching == ("public, max-age=300" if path == "/tockwork.js" else NEVER_CHANGES)

    async def test_the_name_follows_the_content(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        names = []
        for content in ("one", "two", "one"):
            folder = tmp_path_factory.mktemp("assets")
            (folder / "plugin.js").write_text(content)
            names.append(Assets(folder).path("plugin.js"))
        assert names[0] == names[2] != names[1]

    @pytest.mark.parametrize("accepted", ["", "gzip", "br"])
    async def test_what_did_not_change_is_not_sent_again(self, browser: Browser, accepted: str) -> None:
        first = await browser.get("/tockwork.js", Accept_Encoding=accepted)
        tag = first.headers["etag"]
        for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await browser.get("/tockwork.js", Accept_Encoding=accepted, If_None_Match=asked)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["cache-control"] == first.headers["cache-control"]
        changed = await browser.get("/tockwork.js", Accept_Encoding=accepted, If_None_Match='"other"')
        assert (changed.status, changed.body) == (200, first.body)

    async def test_the_snippets_address_has_the_loader(self, browser: Browser) -> None:
        loader = await browser.get("/tockwork.js")
        for name in ("analytics.min.js", "analytics.js"):
            assert await browser.get(f"/analytics.js/v1/any-key/{name}") == loader


async def test_answers_are_counted(browser: Browser) -> None:
    tag = (await browser.get("/tockwork.js")).headers["etag"]
    await browser.get("/tockwork.js", If_None_Match=tag)
    assert browser.application.counts.answers == {(200, "website"): 1, (304, "website"): 1}


class TestOtherRequests:
    async def test_head(self, browser: Browser) -> None:
        got, head = await browser.get("/tockwork.js"), await browser.ask("HEAD", "/tockwork.js")
        assert (head.status, head.fields) == (200, got.fields)

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    async def test_others(self, browser: Browser, method: str) -> None:
        reply = await browser.ask(method, "/tockwork.js")
        assert (reply.status, reply.json["code"], reply.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")

    @pytest.mark.parametrize(
        "path",
        [
            "/assets/",
            "/assets/../tracking.py",
            "/assets/stamp.json",
            f"{BUNDLES}vendored.json",
            f"{BUNDLES}../../../etc/passwd",
            f"{BUNDLES}index.js",
            "/analytics.js/v1//analytics.min.js",
            "/analytics.js/v1/a/b/analytics.min.js",
            "/tockwork.js/",
        ],
    )
    async def test_nothing_else_is_there(self, browser: Browser, path: str) -> None:
        reply = await browser.get(path)
        assert (reply.status, reply.json["code"]) == (404, "not_found")


class TestVendored:
    def test_the_copy_is_what_the_lock_names(self) -> None:
        manifest = json.loads((FOLDER / "vendored.json").read_text())
        assert (manifest["version"], manifest["integrity"]) == locked()
        found = {
            path.stem: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() for path in FOLDER.glob("*.js.gz")
        }
        assert found == manifest["files"]
        assert "MIT" in (FOLDER / "LICENSE.MD").read_text()

    def test_the_loader_knows_where_it_is(self) -> None:
        assert KNOWN.path(LIBRARY).encode() in (ASSETS / "tockwork.js").read_bytes()

    def test_the_loader_is_small(self) -> None:
        assert len(gzip.compress((ASSETS / "tockwork.js").read_bytes(), 9)) <= 2048
