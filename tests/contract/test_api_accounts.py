"""People, set-up codes, tokens and the audit log in the management API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.console import Desk, console
from tests.contract.test_api_access import PASSWORD, cheap, cookie_of, refused

from tockwork.api.passwords import COMMON
from tockwork.model.names import segment
from tockwork.operations.admission import first_code, link, owners_code

__all__ = ["cheap"]


async def set_up(desk: Desk, code: str, name: str, password: str = PASSWORD) -> httpx.Response:
    body = {"code": code, "name": name, "password": password}
    return await desk.stranger().api.post("/setup", json=body)


def at(answer: httpx.Response) -> dict[str, str]:
    return {problem["where"]: problem["what"] for problem in refused(answer, 422, "invalid")["problems"]}


async def without_owner(desk: Desk) -> str:
    """The first owner's code, on a store where nobody is one any more."""
    await desk.store.database.write(lambda connection: connection.execute("DELETE FROM account"))
    return await first_code(desk.house.accounts) or ""


async def test_the_first_owner_is_made_with_the_code_and_once(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        assert await first_code(desk.house.accounts) is None
        code = await without_owner(desk)
        assert (await desk.stranger().api.get("/setup")).json() == {"first_owner": True}
        assert set(at(await set_up(desk, "guess", "Ann"))) == {"code"}
        answer = await set_up(desk, code, " Ann ")
        assert answer.status_code == 201
        assert (answer.json()["name"], answer.json()["role"]) == ("Ann", "owner")
        ann = Desk(desk.house, "Ann", cookie_of(answer)[0])
        assert [note["action"] for note in (await ann.api.get("/audit")).json()["notes"]] == ["account.set_up"]
        assert (await desk.stranger().api.get("/setup")).json() == {"first_owner": False}
        assert set(at(await set_up(desk, code, "Eve"))) == {"code"}
        assert await first_code(desk.house.accounts) is None


async def test_two_at_a_time_make_one_first_owner(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = await without_owner(desk)
        answers = await asyncio.gather(*(set_up(desk, code, name) for name in ("Ann", "Bob", "Cem")))
        assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
        assert len(await desk.house.accounts.people()) == 1


async def test_whoever_lost_their_password_gets_in_again_with_a_code_of_the_command(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = await owners_code(desk.house.accounts, "olive owner")
        assert (await desk.api.get("/session")).status_code == 200
        assert set(at(await set_up(desk, code, "Somebody else"))) == {"name"}
        answer = await set_up(desk, code, "")
        assert answer.json()["name"] == "Olive Owner"
        refused(await desk.api.get("/session"), 401, "unauthorized")  # whoever has that session may be somebody else


def test_the_link_has_the_code_in_its_fragment() -> None:
    assert link("http://127.0.0.1:8081", "c0de") == "http://127.0.0.1:8081/setup#c0de"
    assert link("http://0.0.0.0:8081", "c0de", "Ann/É") == "http://localhost:8081/setup#c0de/Ann%2F%C3%89"


@pytest.mark.parametrize(
    ("password", "what"),
    [
        ("short", "too short"),
        ("", "too short"),
        ("x" * 201, "too long"),
        ("Zoë Example", "is the name"),
        ("zoe\u0308 example", "is the name"),
        (min(COMMON).upper(), "tried first"),
        ("aaaaaaaaaaaaaaa", "tried first"),
    ],
)
async def test_a_weak_password_is_refused_with_its_reason(tmp_path: Path, password: str, what: str) -> None:
    async with console(tmp_path) as desk:
        code = await without_owner(desk)
        assert what in at(await set_up(desk, code, "Zoë Example", password))["password"]
        assert (await set_up(desk, code, "Zoë Example", "x" * 100 + "yz")).status_code == 201


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 101, "An\u200bn", "Ann\u202e", "A\nB", "token CI", "Token x", "\u0000"]
)
async def test_a_name_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    async with console(tmp_path) as desk:
        assert set(at(await desk.api.post("/users", json={"name": name, "role": "viewer"}))) == {"name"}
        assert set(at(await desk.api.post("/tokens", json={"name": name, "role": "viewer"}))) == {"name"}
        code = await without_owner(desk)
        assert set(at(await set_up(desk, code, name))) == {"name"}
        assert await desk.house.accounts.people() == []


async def test_somebody_invited_chooses_a_password_and_gets_their_role(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        made = await desk.api.post("/users", json={"name": "Bob / Ops", "role": "editor"})
        assert made.status_code == 201
        invitation = made.json()
        assert set(at(await desk.api.post("/users", json={"name": "bob / ops", "role": "owner"}))) == {"name"}
        answer = await set_up(desk, invitation["code"], "Bob / Ops")
        assert (answer.json()["name"], answer.json()["role"]) == ("Bob / Ops", "editor")
        people = {person["name"]: person for person in (await desk.api.get("/users")).json()}
        assert people["Bob / Ops"]["active"] is True
        path = f"/users/{segment('Bob / Ops')}"
        again = (await desk.api.post(f"{path}/code")).json()
        assert again["code"] != invitation["code"]
        assert (await desk.api.patch(path, json={"role": "viewer"})).json()["role"] == "viewer"
        assert (await desk.api.delete(path)).status_code == 204
        assert set(at(await set_up(desk, again["code"], "Bob / Ops"))) == {"code"}
        for method, body in (("DELETE", None), ("PATCH", {"role": "viewer"})):
            refused(await desk.api.request(method, path, json=body), 404, "not_found")
        refused(await desk.api.post(f"{path}/code"), 404, "not_found")
        actions = [note["action"] for note in await desk.audited()]
        assert actions == ["user.removed", "user.changed", "user.code_made", "account.set_up", "user.invited"]
        assert not {invitation["code"], again["code"]} & set(str(await desk.audited()).split("'"))


async def test_the_last_owner_is_neither_removed_nor_demoted(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        path = f"/users/{segment('Olive Owner')}"
        refused(await desk.api.delete(path), 409, "last_owner")
        refused(await desk.api.patch(path, json={"role": "editor"}), 409, "last_owner")
        other = await desk.as_role("owner")
        assert (await desk.api.patch(path, json={"role": "editor"})).status_code == 200
        refused(await desk.api.get("/users"), 403, "forbidden")
        refused(await other.api.delete(f"/users/{segment(other.name)}"), 409, "last_owner")


async def test_ones_own_password_needs_the_old_one_and_ends_other_sessions(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = (await desk.api.post("/users", json={"name": "Bob", "role": "viewer"})).json()["code"]
        here = Desk(desk.house, "Bob", cookie_of(await set_up(desk, code, "Bob"))[0])
        body = {"name": "Bob", "password": PASSWORD}
        there = Desk(desk.house, "Bob", cookie_of(await desk.stranger().api.post("/session", json=body))[0])
        assert len((await here.api.get("/sessions")).json()) == 2
        new = "another horse battery"
        put = here.api.put
        assert set(at(await put("/session/password", json={"old": "wrong", "new": new}))) == {"old"}
        assert set(at(await put("/session/password", json={"old": PASSWORD, "new": "short"}))) == {"new"}
        assert (await put("/session/password", json={"old": PASSWORD, "new": new})).status_code == 204
        refused(await there.api.get("/session"), 401, "unauthorized")
        assert [one["current"] for one in (await here.api.get("/sessions")).json()] == [True]
        refused(await desk.stranger().api.post("/session", json=body), 403, "wrong_credentials")
        assert (await desk.stranger().api.post("/session", json={**body, "password": new})).status_code == 201


async def test_sessions_are_ones_own(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        other = await desk.as_role("viewer")
        [own] = (await other.api.get("/sessions")).json()
        refused(await desk.api.delete(f"/sessions/{own['id']}"), 404, "not_found")
        await desk.house.accounts.begin(other.name, "second")
        assert (await other.api.delete("/sessions")).json() == {"ended": 1}
        assert (await other.api.delete(f"/sessions/{own['id']}")).status_code == 204
        refused(await other.api.get("/session"), 401, "unauthorized")


async def test_tokens_are_named_once(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        made = (await desk.api.post("/tokens", json={"name": "CI", "role": "viewer"})).json()
        assert set(at(await desk.api.post("/tokens", json={"name": "CI", "role": "viewer"}))) == {"name"}
        [known] = (await desk.api.get("/tokens")).json()
        assert (known["id"], known["name"], known["role"], known["made_by"], known["used_at"]) == (
            made["id"],
            "CI",
            "viewer",
            "Olive Owner",
            None,
        )
        refused(await desk.api.delete(f"/tokens/{made['id'] + 1}"), 404, "not_found")


async def test_the_audit_log_is_paged_and_filtered(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for number in range(5):
            await desk.api.post("/tokens", json={"name": f"CI {number}", "role": "viewer"})
        await desk.api.post("/users", json={"name": "Bob", "role": "viewer"})

        async def page(**query: Any) -> dict[str, Any]:
            found: dict[str, Any] = (await desk.api.get("/audit", params=query)).json()
            return found

        first = await page(limit=4)
        assert [note["about"] for note in first["notes"]] == ["Bob", "CI 4", "CI 3", "CI 2"]
        rest = await page(limit=4, before=first["before"])
        assert ([note["about"] for note in rest["notes"]], rest["before"]) == (["CI 1", "CI 0"], None)
        assert len((await page(action="token.made"))["notes"]) == 5
        assert (await page(who="Nobody"))["notes"] == []
        assert (first["people"], first["actions"]) == (["Olive Owner"], ["token.made", "user.invited"])
        for query in ({"limit": 0}, {"limit": 201}, {"before": -1}, {"before": 2**70}, {"limit": "x"}):
            refused(await desk.api.get("/audit", params=query), 400, "malformed")


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_accounts_are_for_owners(tmp_path: Path, role: str) -> None:
    async with console(tmp_path) as desk:
        other = await desk.as_role(role)
        for path in ("/users", "/tokens", "/audit"):
            refused(await other.api.get(path), 403, "forbidden")
        refused(await other.api.post("/users", json={"name": "Eve", "role": "owner"}), 403, "forbidden")
        refused(await other.api.patch(f"/users/{segment(other.name)}", json={"role": "owner"}), 403, "forbidden")
        refused(await other.api.post("/tokens", json={"name": "Eve", "role": "owner"}), 403, "forbidden")
