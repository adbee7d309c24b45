"""Who the management API lets in: sessions, tokens, CSRF, roles, and how often somebody may try."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.contract.console import Desk, console

from tockwork.api import passwords
from tockwork.api.access import COOKIE, CSRF_HEADER, SECURE_COOKIE, Role, csrf_token
from tockwork.api.attempts import ADDRESS, MOST, NAME, PAIR, Attempts
from tockwork.api.audit import MAX_TEXT, neutral, plain
from tockwork.api.passwords import COMMON, Passwords
from tockwork.api.problem import Refused
from tockwork.ingest.proxies import Proxies
from tockwork.model.clock import SimulatedClock
from tockwork.operations.settings import Settings
from tockwork.store.accounts import IDLE_S, LONGEST_S

PASSWORD = "correct horse battery"


class Visit:
    """A desk with a clock that stands still, and Ann, who has a password."""

    def __init__(self, desk: Desk, clock: SimulatedClock) -> None:
        self.desk = desk
        self.clock = clock

    async def sign_in(
        self, name: str = "Ann", password: str = PASSWORD, address: str = "127.0.0.1", **headers: str
    ) -> httpx.Response:
        body = {"name": name, "password": password}
        return await self.desk.stranger(address).api.post("/session", json=body, headers=headers)


@pytest.fixture(autouse=True)
def cheap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords cost next to nothing here, unless the test is about what they cost."""
    if "costly" not in request.fixturenames:
        monkeypatch.setattr(passwords, "COST", (2**4, 8, 1))


@pytest.fixture
def costly() -> None:
    """For tests of what passwords really cost."""


@pytest_asyncio.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    clock = SimulatedClock()
    async with console(tmp_path, clock=clock) as desk:
        await desk.house.accounts.add("Ann", "editor")
        await desk.house.accounts.set_password("Ann", await Passwords().hashed(PASSWORD))
        yield Visit(desk, clock)


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    return problem


def cookie_of(answer: httpx.Response) -> tuple[str, str]:
    """The session's secret, and the rest of what the cookie says."""
    found = re.fullmatch(rf"{COOKIE}=([\w-]+); (.*)", answer.headers["set-cookie"])
    assert found is not None
    return found[1], found[2]


async def test_signing_in_begins_a_session(visit: Visit) -> None:
    answer = await visit.sign_in(" ann ")
    assert answer.status_code == 201
    secret, rest = cookie_of(answer)
    assert answer.json() == {"name": "Ann", "role": "editor", "csrf": csrf_token(secret)}
    assert {part.strip().lower() for part in rest.split(";")} == {
        "httponly",
        "path=/",
        "samesite=strict",
        f"max-age={int(LONGEST_S)}",
    }
    desk = Desk(visit.desk.house, "Ann", secret)
    assert (await desk.api.get("/session")).json() == answer.json()
    assert answer.headers["cache-control"] == "no-store"
    [note] = [note for note in await visit.desk.audited() if note["action"] == "session.begun"]
    assert (note["who"], note["about"]) == ("Ann", "Ann")


async def test_behind_tls_the_cookie_is_secure_and_of_this_host_alone(visit: Visit) -> None:
    tls = {"X-Forwarded-Proto": "https"}
    answer = await visit.sign_in(**tls)
    given = answer.headers["set-cookie"]
    secret = re.match(rf"{SECURE_COOKIE}=([\w-]+); ", given)
    assert secret is not None
    assert {"secure", "httponly", "path=/", "samesite=strict"} <= {each.strip().lower() for each in given.split(";")}
    assert "domain" not in given.lower()
    api = visit.desk.stranger().api
    cookie = {"Cookie": f"{SECURE_COOKIE}={secret[1]}"}
    assert (await api.get("/session", headers={**tls, **cookie})).json()["name"] == "Ann"
    # A neighbour's page can set the plain one for all hosts of a domain: behind TLS it counts for nothing.
    refused(await api.get("/session", headers={**tls, "Cookie": f"{COOKIE}={secret[1]}"}), 401, "unauthorized")
    out = await api.delete("/session", headers={**tls, **cookie, CSRF_HEADER: csrf_token(secret[1])})
    assert out.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
    assert "secure" in out.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ann", "wrong"), ("Nobody", PASSWORD), ("Ann", ""), ("", ""), ("Ann", PASSWORD * 50), ("Ann\0", "\ud800")],
)
async def test_whatever_is_wrong_the_answer_is_the_same(visit: Visit, name: str, password: str) -> None:
    content = json.dumps({"name": name, "password": password}).encode()
    answer = await visit.desk.stranger().api.post(
        "/session", content=content, headers={"Content-Type": "application/json"}
    )
    if "\ud800" in password:
        refused(answer, 400, "malformed")
        return
    assert refused(answer, 403, "wrong_credentials")["detail"] == "There is nobody with this name and password."
    assert "set-cookie" not in answer.headers


async def test_somebody_who_was_invited_cannot_sign_in_before_they_chose_a_password(visit: Visit) -> None:
    await visit.desk.api.post("/users", json={"name": "Bob", "role": "viewer"})
    for password in ("", "none", PASSWORD):
        refused(await visit.sign_in("Bob", password), 403, "wrong_credentials")


async def test_a_name_that_nobody_has_takes_as_long(costly: None, visit: Visit) -> None:
    async def took(name: str) -> float:
        start = time.process_time()
        await visit.sign_in(name, "wrong password")
        return time.process_time() - start

    known = min([await took("Ann") for _ in range(3)])
    unknown = min([await took("Nobody") for _ in range(3)])
    assert 0.6 < unknown / known < 1.6


async def test_what_was_typed_as_a_name_is_not_written_down(visit: Visit) -> None:
    await visit.sign_in("hunter2 in the wrong field", "Ann")
    await visit.sign_in("ann", "wrong")
    notes = [note for note in await visit.desk.audited() if note["action"] == "session.refused"]
    assert [note["about"] for note in notes] == ["Ann", "(a name that nobody has)"]
    assert "hunter2" not in str(await visit.desk.audited())


async def test_a_name_at_an_address_has_few_attempts(visit: Visit) -> None:
    for _ in range(PAIR.number):
        refused(await visit.sign_in(password="wrong"), 403, "wrong_credentials")
    answer = await visit.sign_in(" ANN ")
    refused(answer, 429, "too_many_attempts")
    assert answer.headers["retry-after"] == str(int(PAIR.refill_s))
    refused(await visit.sign_in("Bob"), 403, "wrong_credentials")  # others are let in
    assert (await visit.sign_in(address="10.0.1.1")).status_code == 201
    await visit.clock.advance(PAIR.refill_s)
    assert (await visit.sign_in()).status_code == 201
    refused(await visit.sign_in(), 429, "too_many_attempts")


async def test_nobody_holds_up_the_sign_in_of_somebody_else(visit: Visit) -> None:
    """Not from one address, and from many only where they have not been."""
    assert (await visit.sign_in(address="192.0.2.1")).status_code == 201
    for number in range(NAME.number - 1):
        await visit.sign_in(password="wrong", address=f"10.0.{number}.1")
    refused(await visit.sign_in(password="wrong", address="10.1.1.1"), 429, "too_many_attempts")
    assert (await visit.sign_in(address="192.0.2.1")).status_code == 201
    await visit.clock.advance(NAME.refill_s)
    assert (await visit.sign_in(address="192.0.2.2")).status_code == 201


async def test_attempts_are_limited_by_address_whatever_is_tried(visit: Visit) -> None:
    for number in range(ADDRESS.number // 2):
        await visit.sign_in(f"Somebody {number}", address="10.0.0.1")
        await visit.desk.stranger("10.0.0.1").api.post(
            "/setup", json={"code": "guess", "name": f"{number}", "password": PASSWORD}
        )
    refused(await visit.sign_in(address="10.0.0.1"), 429, "too_many_attempts")
    answer = await visit.desk.stranger("10.0.0.1").api.post("/setup", json={"code": "x", "name": "y", "password": "z"})
    refused(answer, 429, "too_many_attempts")
    assert (await visit.sign_in(address="10.0.0.2")).status_code == 201


async def test_a_set_up_takes_nothing_from_a_name(visit: Visit) -> None:
    for _ in range(PAIR.number):
        body = {"code": "guess", "name": "Ann", "password": PASSWORD}
        assert (await visit.desk.stranger().api.post("/setup", json=body)).status_code == 422
    assert (await visit.sign_in()).status_code == 201


async def test_behind_a_trusted_proxy_the_clients_address_counts(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, proxies=Proxies(["10.0.0.1"]))
    async with console(tmp_path, settings=settings, clock=SimulatedClock()) as desk:
        visit = Visit(desk, SimulatedClock())
        for number in range(ADDRESS.number):
            await visit.sign_in(f"a{number}", address="10.0.0.1", **{"X-Forwarded-For": "192.0.2.1"})
        forwarded = {"X-Forwarded-For": "192.0.2.1"}
        refused(await visit.sign_in("b", address="10.0.0.1", **forwarded), 429, "too_many_attempts")
        forwarded = {"X-Forwarded-For": "192.0.2.2"}
        refused(await visit.sign_in("c", address="10.0.0.1", **forwarded), 403, "wrong_credentials")
        for number in range(ADDRESS.number):  # of a stranger, who could write anything
            await visit.sign_in(f"d{number}", address="10.0.0.9", **{"X-Forwarded-For": f"192.0.2.{number}"})
        refused(await visit.sign_in("e", address="10.0.0.9"), 429, "too_many_attempts")


async def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    attempts = Attempts(SimulatedClock())
    for number in range(ADDRESS.number):
        attempts.take(f"2001:db8:0:1::{number:x}")
    with pytest.raises(Refused):
        attempts.take("2001:db8:0:1:ffff::%eth0")
    attempts.take("2001:db8:0:2::1")
    attempts.take("")


async def test_buckets_are_bounded() -> None:
    attempts = Attempts(SimulatedClock())
    for number in range(MOST + 50):
        address = f"10.0.{number // 256}.{number % 256}"
        attempts.take(address)
        attempts.welcome(address, "Ann")
    assert (len(attempts._full_at), len(attempts._known)) == (MOST, MOST)


async def test_a_refused_attempt_takes_nothing() -> None:
    clock = SimulatedClock()
    attempts = Attempts(clock)
    for _ in range(PAIR.number):
        attempts.take("10.0.0.1", "ann")
    for _ in range(50):
        with pytest.raises(Refused):
            attempts.take("10.0.0.1", "ann")
    await clock.advance(PAIR.refill_s)
    attempts.take("10.0.0.1", "ann")


async def test_a_wrong_value_is_not_repeated(visit: Visit) -> None:
    answer = await visit.desk.api.post("/users", json={"name": "Bob", "role": "bob@shop.example"})
    problem = refused(answer, 400, "malformed")
    assert problem["problems"] == [{"where": "role", "what": "Invalid enum value", "mend": ""}]
    assert "bob@" not in answer.text


async def test_a_body_of_a_stranger_is_small(visit: Visit) -> None:
    for path in ("/session", "/setup"):
        answer = await visit.desk.stranger().api.post(path, json={"name": "Ann", "password": "x" * 30_000, "code": ""})
        refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": f"{COOKIE}=guess"},
        {"Cookie": f"{COOKIE}="},
        {"Authorization": "Bearer tw_guess"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {"Authorization": "Basic dHdfOg=="},
    ],
)
async def test_nobody_is_let_in_without_credentials(visit: Visit, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/session"), ("DELETE", "/session"), ("GET", "/users"), ("OPTIONS", "/users")):
        answer = await visit.desk.stranger().api.request(method, path, headers=headers)
        refused(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_wrong_token_is_refused_even_beside_a_good_cookie(visit: Visit) -> None:
    answer = await visit.desk.api.get("/session", headers={"Authorization": "Bearer tw_guess"})
    refused(answer, 401, "unauthorized")


async def test_a_token_lets_a_program_in(visit: Visit) -> None:
    made = (await visit.desk.api.post("/tokens", json={"name": "CI", "role": "editor"})).json()
    assert made["secret"].startswith("tw_")
    assert len(made["secret"]) > 40
    api, headers = visit.desk.stranger().api, {"Authorization": f"Bearer {made['secret']}"}
    assert (await api.get("/session", headers=headers)).json() == {"name": "token CI", "role": "editor", "csrf": ""}
    refused(await api.get("/users", headers=headers), 403, "forbidden")
    refused(await api.delete("/session", headers=headers), 403, "no_session")
    refused(await api.get("/sessions", headers=headers), 403, "no_session")
    body = {"old": "", "new": PASSWORD}
    refused(await api.put("/session/password", json=body, headers=headers), 403, "no_session")
    assert made["secret"] not in (await visit.desk.api.get("/tokens")).text
    assert (await visit.desk.api.delete(f"/tokens/{made['id']}")).status_code == 204
    refused(await api.get("/session", headers=headers), 401, "unauthorized")


async def test_unsafe_requests_of_a_session_need_its_csrf_token(visit: Visit) -> None:
    other = await visit.desk.as_role("owner")
    body = {"name": "Bob", "role": "viewer"}
    for token in ("", "guess", other.csrf, f"{visit.desk.csrf}x"):
        answer = await visit.desk.api.post("/users", json=body, headers={CSRF_HEADER: token})
        refused(answer, 403, "csrf")
    assert (await visit.desk.api.post("/users", json=body)).status_code == 201


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
async def test_a_page_elsewhere_changes_nothing(visit: Visit, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    body = {"name": "Bob", "role": "viewer"}
    refused(await visit.desk.api.post("/users", json=body, headers=headers), 403, "cross_site")
    refused(await visit.sign_in(**headers), 403, "cross_site")
    assert (await visit.desk.api.get("/session", headers=headers)).status_code == 200
    for fine in ("same-origin", "none"):
        answer = await visit.desk.api.post("/users", json={**body, "name": fine}, headers={"Sec-Fetch-Site": fine})
        assert answer.status_code == 201


async def test_a_session_ends_by_time(visit: Visit) -> None:
    secret, _ = cookie_of(await visit.sign_in())
    desk = Desk(visit.desk.house, "Ann", secret)
    await visit.clock.advance(IDLE_S - 1)
    assert (await desk.api.get("/session")).status_code == 200
    await visit.clock.advance(IDLE_S + 1)
    refused(await desk.api.get("/session"), 401, "unauthorized")


async def test_a_new_role_counts_at_once_and_a_removed_person_is_out(visit: Visit) -> None:
    secret, _ = cookie_of(await visit.sign_in())
    ann = Desk(visit.desk.house, "Ann", secret)
    refused(await ann.api.get("/users"), 403, "forbidden")
    await visit.desk.api.patch("/users/Ann", json={"role": "owner"})
    assert (await ann.api.get("/users")).status_code == 200
    await visit.desk.api.patch("/users/Ann", json={"role": "viewer"})
    refused(await ann.api.post("/sources", json={"name": "x"}), 403, "forbidden")
    await visit.desk.api.delete("/users/Ann")
    refused(await ann.api.get("/session"), 401, "unauthorized")


async def test_a_new_password_makes_earlier_codes_good_for_nothing(visit: Visit) -> None:
    code = (await visit.desk.api.post("/users/Ann/code")).json()["code"]
    secret, _ = cookie_of(await visit.sign_in())
    body = {"old": PASSWORD, "new": "another horse battery"}
    assert (await Desk(visit.desk.house, "Ann", secret).api.put("/session/password", json=body)).status_code == 204
    answer = await visit.desk.stranger().api.post("/setup", json={"code": code, "password": "a thief's password"})
    assert refused(answer, 422, "invalid")["problems"][0]["where"] == "code"


async def test_a_session_is_never_one_that_was_there_before(visit: Visit) -> None:
    """Nobody can have somebody else sign in to a session that they know."""
    planted = {"Cookie": f"{COOKIE}=planted"}
    secret, _ = cookie_of(await visit.sign_in(**planted))
    other, _ = cookie_of(await visit.sign_in(Cookie=f"{COOKIE}={secret}"))
    assert len({"planted", secret, other}) == 3


async def test_signing_out_ends_the_session_and_its_cookie(visit: Visit) -> None:
    secret, _ = cookie_of(await visit.sign_in())
    desk = Desk(visit.desk.house, "Ann", secret)
    answer = await desk.api.delete("/session")
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    refused(await desk.api.get("/session"), 401, "unauthorized")


async def test_secrets_are_kept_as_hashes_alone(visit: Visit) -> None:
    secret, _ = cookie_of(await visit.sign_in())
    token = (await visit.desk.api.post("/tokens", json={"name": "CI", "role": "viewer"})).json()["secret"]
    code = (await visit.desk.api.post("/users", json={"name": "Bob", "role": "viewer"})).json()["code"]
    database = visit.desk.store.database
    content = database.path.read_bytes() + database.path.with_name(f"{database.path.name}-wal").read_bytes()
    for hidden in (secret, token, code, PASSWORD):
        assert hidden.encode() not in content
    assert hashlib.sha256(secret.encode()).digest() in content
    kept = (await visit.desk.house.accounts.password("Ann") or ("", ""))[1]
    scheme, n, r, p, salt, derived = kept.split("$")
    assert (scheme, int(n), int(r), int(p)) == ("scrypt", *passwords.COST)
    assert (len(base64.b64decode(salt)), len(base64.b64decode(derived))) == (16, 32)


async def test_the_same_password_is_kept_differently_each_time_and_fits_however_it_is_typed() -> None:
    known = Passwords()
    one, other = await asyncio.gather(known.hashed("caf\u00e9 au lait"), known.hashed("caf\u00e9 au lait"))
    assert one != other
    assert await known.fits("cafe\u0301 au lait", one)
    assert not await known.fits("cafe au lait", one)
    assert not await known.fits("", "")


def test_passwords_cost_what_is_recommended(costly: None) -> None:
    n, r, p = passwords.COST
    assert (n, r, p) in [(2**17, 8, 1), (2**16, 8, 2), (2**15, 8, 3), (2**14, 8, 5), (2**13, 8, 10)]


def test_roles_include_those_below() -> None:
    assert [[one.may(other) for other in Role] for one in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_common_passwords_are_some_dozens() -> None:
    assert 40 <= len(COMMON) <= 100
    assert all(len(password) >= 10 and password == password.casefold() for password in COMMON)


def test_the_audit_log_shows_no_sign_for_another() -> None:
    assert plain("a\r\nb\x1b[31m\u202egnp.exe\u200b\ud800") == "a��b�[31m�gnp.exe��"
    assert len(plain("x" * 1000)) == MAX_TEXT
    deep: dict[str, Any] = {"a\n": [1, None, True, {"b": {"c": {"d": ["e\0"] * 99}}}]}
    found = neutral(deep)
    assert list(found) == ["a�"]
    assert len(str(found)) < 2000
    assert len(neutral(list(range(999)))) == 50
