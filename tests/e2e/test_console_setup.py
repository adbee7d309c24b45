"""The way into the console of a server: the link that it prints, and the one of ``tockwork owner``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.command import run
from tests.e2e.server import Server

PASSWORD = "correct horse battery"
WITHIN_S = 60
"""The first request has the server load the console."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(TOCKWORK_DATA=str(tmp_path / "data")) as server:
        yield server


def set_up(link: str, name: str) -> httpx.Response:
    """Uses a link as its page does."""
    where, _, fragment = link.partition("#")
    body = {"code": fragment.partition("/")[0], "name": name, "password": PASSWORD}
    return httpx.post(where.replace("/setup", "/api/setup"), json=body, timeout=WITHIN_S)


def test_a_server_without_an_owner_prints_a_new_link_at_each_start(server: Server) -> None:
    first = server.said("Set up the console: ")
    assert first.startswith("http://127.0.0.1:")
    assert httpx.get(first.partition("#")[0], timeout=WITHIN_S).status_code == 200
    server.stop()
    server.start()
    second = server.said("Set up the console: ")
    assert set_up(f"{second.partition('#')[0]}#{first.partition('#')[2]}", "Ann").status_code == 422
    assert set_up(second, "Ann").json()["role"] == "owner"
    code = second.partition("#")[2]
    assert code not in server.log
    server.stop()
    server.start()
    url = server.said("Console at ")
    assert httpx.get(url, timeout=WITHIN_S).headers["location"] == "/sign-in"
    assert "Set up the console" not in server.errors


def test_a_server_that_shows_no_console_prints_no_link(tmp_path: Path) -> None:
    with Server("--only", "ingest", TOCKWORK_DATA=str(tmp_path / "data")) as server:
        admin = server.said("Metrics at ").removesuffix("/metrics")
        assert "onsole" not in server.errors
        assert httpx.get(f"{admin}/").status_code == 404
        assert httpx.get(f"{admin}/api/session").status_code == 404


def test_the_command_gets_somebody_in_again(server: Server, tmp_path: Path) -> None:
    assert set_up(server.said("Set up the console: "), "Ann").status_code == 201
    url = f"{server.said('Metrics at ').removesuffix('/metrics')}/"
    done = run(["owner", " Ann ", "--data", str(tmp_path / "data"), "--url", url])
    assert (done.returncode, done.stderr) == (0, b"")
    link = done.stdout.decode().strip()
    assert link.startswith(f"{url}setup#")
    assert link.endswith("/Ann")
    assert set_up(link, "").json()["name"] == "Ann"
    assert set_up(link, "").status_code == 422


@pytest.mark.parametrize("name", ["", "token CI", "a\nb"])
def test_the_command_refuses_a_name_that_is_none(server: Server, tmp_path: Path, name: str) -> None:
    done = run(["owner", name, "--data", str(tmp_path / "data")])
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: name: ")


def test_the_command_needs_a_data_folder(tmp_path: Path) -> None:
    done = run(["owner", "Ann", "--data", str(tmp_path / "none")])
    assert done.returncode == 2
    assert b"is no data folder of Tockwork" in done.stderr
