"""Pages: people, tokens and the audit log."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from tests.contract.console import console
from tests.contract.test_console_account import said

from tockwork.api.access import SECURE_COOKIE
from tockwork.model.names import segment


async def test_inviting_somebody_shows_their_link_once(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        page = await desk.submit("/team/people", name="Bob / Ops", role="editor")
        assert page.status_code == 200
        [link] = re.findall(r'id="invitation-link">([^<]+)<', page.text)
        code = re.fullmatch(r"http://console/setup#([\w-]{32})/Bob%20%2F%20Ops", html.unescape(link))
        assert code is not None
        found = await desk.house.accounts.code(code[1])
        assert found is not None
        assert found.name == "Bob / Ops"
        page = await desk.pages.get("/team")
        assert ("Bob / Ops" in page.text, code[1] in page.text, "invited" in page.text) == (True, False, True)
        again = await desk.submit(f"/team/people/{segment('Bob / Ops')}/code")
        assert "invitation-link" in again.text
        assert await desk.house.accounts.code(code[1]) is None


async def test_behind_a_proxy_the_link_is_as_the_browser_has_it(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        headers = {
            "Host": "events.shop.example",
            "X-Forwarded-Proto": "https",
            "Cookie": f"{SECURE_COOKIE}={desk.secret}",
        }
        form = {"csrf": desk.csrf, "name": "Bob", "role": "viewer"}
        page = await desk.pages.post("/team/people", data=form, headers=headers)
        assert "https://events.shop.example/setup#" in page.text


@pytest.mark.parametrize(
    ("path", "form", "words"),
    [
        ("/team/people", {"name": "", "role": "viewer"}, "is empty"),
        ("/team/people", {"name": "Olive owner", "role": "viewer"}, "is taken"),
        ("/team/people", {"name": "token x<b>", "role": "viewer"}, "names of programs"),
        ("/team/people", {"name": "Bob", "role": "king"}, "Invalid enum value"),
        ("/team/people", {}, "Invalid"),
        ("/team/tokens", {"token_name": "", "token_role": "viewer"}, "is empty"),
        ("/team/tokens", {"token_name": "x" * 101, "token_role": "viewer"}, "too long"),
        ("/team/tokens", {"token_name": "CI", "token_role": "king"}, "Invalid enum value"),
        ("/team/people/Olive%20Owner/role", {"role": "viewer"}, "last owner"),
        ("/team/people/Olive%20Owner/remove", {}, "last owner"),
    ],
)
async def test_wrong_input_is_told_and_kept_and_changes_nothing(
    tmp_path: Path, path: str, form: dict[str, str], words: str
) -> None:
    async with console(tmp_path) as desk:
        page = await desk.submit(path, **form)
        assert 400 <= page.status_code < 500
        assert words in html.unescape(said(page.text))
        for field in ("name", "token_name"):
            assert not form.get(field) or f'value="{html.escape(form[field])}"' in page.text
        assert [(one.name, one.role) for one in await desk.house.accounts.people()] == [("Olive Owner", "owner")]
        assert await desk.house.accounts.tokens() == []


async def test_roles_and_removal(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        other = await desk.as_role("viewer")
        path = f"/team/people/{segment(other.name)}"
        assert (await desk.submit(f"{path}/role", role="editor")).headers["location"] == "/team?done=role"
        assert (await other.api.get("/session")).json()["role"] == "editor"
        assert (await desk.submit(f"{path}/remove")).headers["location"] == "/team?done=removed"
        assert (await other.pages.get("/")).status_code == 303


async def test_a_tokens_secret_is_shown_once(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        page = await desk.submit("/team/tokens", token_name="CI", token_role="viewer")
        [secret] = re.findall(r'id="token-secret">(tw_[\w-]+)<', page.text)
        assert (await desk.house.accounts.token(secret)) is not None
        page = await desk.pages.get("/team")
        assert (secret in page.text, ">CI<" in page.text) == (False, True)
        [token] = await desk.house.accounts.tokens()
        assert (await desk.submit(f"/team/tokens/{token.id}/remove")).headers["location"] == "/team?done=token"
        assert await desk.house.accounts.token(secret) is None


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_the_pages_are_for_owners(tmp_path: Path, role: str) -> None:
    async with console(tmp_path) as desk:
        other = await desk.as_role(role)
        for path in ("/team", "/team/audit"):
            assert (await other.pages.get(path)).status_code == 403
        assert "/team" not in (await other.pages.get("/account")).text


async def test_the_audit_log_is_read_page_by_page_and_filtered(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for number in range(60):
            await desk.api.post("/tokens", json={"name": f"CI-{number:02d}", "role": "viewer"})
        await desk.submit("/team/people", name="<b>Bob</b>", role="viewer")
        page = (await desk.pages.get("/team/audit")).text
        assert ("&lt;b&gt;Bob&lt;/b&gt;" in page, "<b>Bob" in page) == (True, False)
        assert ("CI-59" in page, "CI-05" in page) == (True, False)
        [older] = re.findall(r'href="(/team/audit\?[^"]*before=\d+)"', page)
        page = (await desk.pages.get(html.unescape(older))).text
        assert ("CI-59" in page, "CI-05" in page, "Newest" in page) == (False, True, True)
        page = (await desk.pages.get("/team/audit?action=user.invited&who=Olive+Owner")).text
        assert ("CI-59" in page, "Bob" in page) == (False, True)
        assert (await desk.pages.get("/team/audit?before=x%27")).status_code == 200
