"""Pages: signing in, setting up, one's own account."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.contract.console import Desk, console
from tests.contract.test_api_access import PASSWORD, cheap
from tests.contract.test_api_accounts import without_owner

from tockwork.api.access import COOKIE
from tockwork.api.attempts import PAIR
from tockwork.api.passwords import Passwords
from tockwork.console.desk import MAX_FORM_BYTES, MAX_FORM_FIELDS, MAX_STRANGERS_BYTES
from tockwork.console.pages.account import browser, own_path

__all__ = ["cheap"]


def said(page: str) -> str:
    """What stands at fields and above forms as wrong."""
    return " ".join(re.findall(r'<div class="(?:invalid-feedback d-block|alert alert-danger)"[^>]*>([^<]*)<', page))


async def with_password(desk: Desk, name: str = "Ann", role: str = "viewer") -> None:
    await desk.house.accounts.add(name, role)
    await desk.house.accounts.set_password(name, await Passwords().hashed(PASSWORD))


@pytest.mark.parametrize("path", ["/", "/live/1-2", "/team/audit?who=x", "/destinations/a~1b", "/sources/a%26next=b"])
def test_ones_own_paths_are_gone_back_to(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /x",
        "/x\\y",
        "///evil.example",
        "/ /x",
    ],
)
def test_other_places_are_not(path: str) -> None:
    assert own_path(path) == "/"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", "Unknown"),
    ],
)
def test_browsers_are_told_in_a_few_words(agent: str, name: str) -> None:
    assert browser(agent) == name


async def test_signing_in_leads_back_to_where_one_was(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await with_password(desk)
        stranger = desk.stranger()
        sent = await stranger.pages.get("/account")
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/account")
        page = await stranger.pages.get(sent.headers["location"])
        assert 'name="next" value="/account"' in page.text
        assert "Nobody has an account" not in page.text
        form = {"name": "Ann", "password": PASSWORD, "next": "/account"}
        done = await stranger.pages.post("/sign-in", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/account")
        cookie = done.headers["set-cookie"].partition(";")[0]
        assert "HttpOnly" in done.headers["set-cookie"]
        account = await desk.stranger().pages.get("/account", headers={"Cookie": cookie})
        assert "Your account" in account.text
        again = await desk.stranger().pages.get("/sign-in?next=/team", headers={"Cookie": cookie})
        assert (again.status_code, again.headers["location"]) == (303, "/team")


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_signing_in_leads_nowhere_else(tmp_path: Path, next: str) -> None:
    async with console(tmp_path) as desk:
        await with_password(desk)
        page = await desk.stranger().pages.get("/sign-in", params={"next": next})
        assert 'name="next" value="/"' in page.text
        form = {"name": "Ann", "password": PASSWORD, "next": next}
        assert (await desk.stranger().pages.post("/sign-in", data=form)).headers["location"] == "/"


async def test_a_wrong_password_keeps_the_name_and_not_the_password(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await with_password(desk)
        form = {"name": 'Ann"><b>', "password": "wrong-wrong-wrong", "next": "/team"}
        page = await desk.stranger().pages.post("/sign-in", data=form)
        assert page.status_code == 403
        assert "nobody with this name and password" in said(page.text)
        assert 'value="Ann&#34;&gt;&lt;b&gt;"' in page.text
        assert 'value="/team"' in page.text
        assert "wrong-wrong" not in page.text
        for _ in range(PAIR.number):
            page = await desk.stranger().pages.post("/sign-in", data=form)
        assert (page.status_code, "Try again in" in said(page.text)) == (429, True)


@pytest.mark.parametrize("path", ["/sign-in", "/setup"])
async def test_a_stranger_cannot_keep_the_server_busy_with_a_form(tmp_path: Path, path: str) -> None:
    async with console(tmp_path) as desk:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for content in (b"a&" * 9000, b"x=" + b"a" * MAX_STRANGERS_BYTES, b"a=1&" * 1_000_000):
            page = await desk.stranger().pages.post(path, content=content, headers=headers)
            assert page.status_code == 413, len(content)


async def test_a_form_has_its_bounds(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        assert (await desk.submit("/sign-out", **{f"f{n}": "" for n in range(MAX_FORM_FIELDS)})).status_code == 413
        assert (await desk.submit("/sign-out", x="a" * MAX_FORM_BYTES)).status_code == 413
        assert (await desk.submit("/sign-out", x="a" * (MAX_FORM_BYTES // 2))).status_code == 303


async def test_a_page_elsewhere_signs_nobody_in(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await with_password(desk)
        form = {"name": "Ann", "password": PASSWORD}
        page = await desk.stranger().pages.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert page.status_code == 403
        assert COOKIE not in page.headers.get("set-cookie", "")


async def test_a_link_from_another_site_takes_a_detour_over_a_page_of_ours(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        page = await desk.stranger().pages.get("/sources/a%26b%22", headers={"Sec-Fetch-Site": "cross-site"})
        assert page.status_code == 200
        assert 'content="0;url=/sign-in?next=/sources/a%26b%22"' in page.text


async def test_the_first_owner_sets_up_with_the_code(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = await without_owner(desk)
        stranger = desk.stranger()
        assert "Nobody has an account here yet." in (await stranger.pages.get("/sign-in")).text
        assert "setup" in (await stranger.pages.get("/setup")).text
        form = {"code": code, "name": "Ann", "password": PASSWORD, "again": "something else"}
        page = await stranger.pages.post("/setup", data=form)
        assert page.status_code == 422
        assert said(page.text).endswith("is another password than the one above")
        assert (f'value="{code}"' in page.text, 'value="Ann"' in page.text, PASSWORD in page.text) == (
            True,
            True,
            False,
        )
        for change, words in (
            ({"code": "guess"}, "good for anything"),
            ({"name": ""}, "is empty"),
            ({"password": "short", "again": "short"}, "too short"),
        ):
            page = await stranger.pages.post("/setup", data={**form, "again": PASSWORD, **change})
            assert (page.status_code, words in said(page.text)) == (422, True)
        assert await desk.house.accounts.people() == []
        done = await stranger.pages.post("/setup", data={**form, "again": PASSWORD})
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert COOKIE in done.headers["set-cookie"]


async def test_signing_out(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        refused = await desk.pages.post("/sign-out", data={})
        assert refused.status_code == 403
        done = await desk.submit("/sign-out")
        assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
        assert "max-age=0" in done.headers["set-cookie"].lower()
        assert (await desk.pages.get("/account")).status_code == 303


async def test_changing_the_password(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        viewer = await desk.as_role("viewer")
        await desk.house.accounts.set_password(viewer.name, await Passwords().hashed(PASSWORD), but=0)
        viewer = await desk.house.sign_in_again(viewer.name)
        await desk.house.accounts.begin(viewer.name, "elsewhere", "Firefox/140 Linux")
        assert "Firefox on Linux" in (await viewer.pages.get("/account")).text
        new = "another horse battery"
        for form, words in (
            ({"old": "wrong", "new": new, "again": new}, "is not your password"),
            ({"old": PASSWORD, "new": "short", "again": "short"}, "too short"),
            ({"old": PASSWORD, "new": new, "again": "other"}, "another password"),
        ):
            page = await viewer.submit("/account/password", **form)
            assert (page.status_code, words in said(page.text)) == (422, True), words
            assert "Firefox on Linux" in page.text
        done = await viewer.submit("/account/password", old=PASSWORD, new=new, again=new)
        assert done.headers["location"] == "/account?done=password"
        page = await viewer.pages.get("/account?done=password")
        assert "Your password is changed." in page.text
        assert "Firefox on Linux" not in page.text
        assert "<b>" not in (await viewer.pages.get("/account?done=<b>")).text


async def test_ending_sessions(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for agent in ("one", "two", "three"):
            await desk.house.accounts.begin(desk.name, agent, agent)
        number = next(one.id for one in await desk.house.accounts.sessions(desk.name) if one.agent == "one")
        assert (await desk.submit(f"/account/sessions/{number}")).headers["location"] == "/account?done=session"
        assert (await desk.submit(f"/account/sessions/{number}")).status_code == 404
        assert (await desk.submit("/account/sessions")).headers["location"] == "/account?done=others"
        assert len(await desk.house.accounts.sessions(desk.name)) == 1
