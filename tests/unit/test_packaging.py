"""The image and the compose file keep what the documentation promises of them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeGuard

import msgspec
import pytest
import typer.main
import yaml

from tockwork.app.admin import PATHS
from tockwork.app.cli import app
from tockwork.app.wire import GRACE_S
from tockwork.app.workers import STOP_S
from tockwork.configuration import keyring
from tockwork.configuration.entries import load
from tockwork.operations import settings

ROOT: Final = Path(__file__).parents[2]
ADMIN_PORT: Final = settings.Settings().admin_port


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """A JSON list, or the words as a shell takes them."""
        if self.text.startswith("["):
            return msgspec.json.decode(self.text, type=list[str])
        return shlex.split(self.text)


def stages() -> list[list[Instruction]]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", "", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, text = line.strip().partition(" ")
            if name == "FROM":
                found.append([])
            found[-1].append(Instruction(name, text.strip()))
    return found


def last(name: str) -> Instruction:
    """What holds in the image that comes of it."""
    (found,) = [instruction for instruction in stages()[-1] if instruction.name == name]
    return found


def image_environment() -> dict[str, str]:
    pairs = [word.partition("=") for each in stages()[-1] if each.name == "ENV" for word in each.words]
    return {name: value for name, _, value in pairs}


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return content


SERVICES: Final = compose()["services"]
services: Final = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


class Asked(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names = {keyring.VARIABLE, f"{keyring.VARIABLE}_FILE"}

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def known_variables() -> set[str]:
    environment = Asked()
    settings.read(environment)
    return environment.names


def ours(environment: Mapping[str, str]) -> set[str]:
    return {name for name in environment if name.startswith("TOCKWORK_")}


# --- the image -------------------------------------------------------------------------------------------------------


def test_it_is_built_from_locked_versions() -> None:
    build, _ = stages()
    installs = [each.text for each in build if "pip install" in each.text]
    assert len(installs) == 2
    assert "--require-hashes -r locks/run.txt" in installs[0]
    assert "--no-deps" in installs[1]
    assert "://" not in (ROOT / "Dockerfile").read_text()


def test_its_python_is_one_that_the_tests_know() -> None:
    bases = {stage[0].words[0] for stage in stages()}
    (base,) = bases
    version = base.removeprefix("python:").removesuffix("-slim")
    assert f'"Programming Language :: Python :: {version}"' in (ROOT / "pyproject.toml").read_text()


def test_it_does_not_run_as_root() -> None:
    user = last("USER").text
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    made = " ".join(each.text for each in stages()[-1] if each.name == "RUN")
    uid, gid = user.split(":")
    assert f"--uid {uid}" in made
    assert f"install -d -m 700 -o {uid} -g {gid} {image_environment()['TOCKWORK_DATA']}" in made
    assert not any(each.name in ("COPY", "ADD") and "--chown" in each.text for each in stages()[-1])


def test_its_settings_are_those_of_a_container() -> None:
    environment = image_environment()
    assert ours(environment) <= known_variables()
    read = settings.read(environment)
    assert (read.host, read.admin_host, str(read.data)) == ("0.0.0.0", "0.0.0.0", "/data")
    assert last("VOLUME").words == ["/data"]
    assert {int(port) for port in last("EXPOSE").words} == {read.port, read.admin_port}


def test_signals_reach_it() -> None:
    assert last("STOPSIGNAL").text == "SIGTERM"
    entry, command = last("ENTRYPOINT"), last("CMD")
    assert entry.text.startswith("[")
    assert command.text.startswith("[")
    assert entry.words + command.words == ["tockwork", "serve"]


@contextmanager
def admin(status: int, paths: list[str]) -> Iterator[int]:
    """Stands for the admin listener, notes the paths asked for, and yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def healthy(port: int) -> bool:
    options, _, command = last("HEALTHCHECK").text.partition("CMD ")
    assert set(re.findall(r"--[a-z-]+", options)) == {"--interval", "--timeout", "--start-period", "--retries"}
    program, *arguments = msgspec.json.decode(command, type=list[str])
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"TOCKWORK_ADMIN_PORT": str(port), "HTTP_PROXY": "http://192.0.2.1:1", "http_proxy": "http://192.0.2.1:1"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_its_health_check_asks_whether_it_is_ready(status: int, well: bool) -> None:
    paths: list[str] = []
    with admin(status, paths) as port:
        assert healthy(port) is well
    assert paths == ["/ready"]
    assert set(paths) < set(PATHS)


def test_its_health_check_fails_when_nobody_is_there() -> None:
    with admin(200, []) as port:
        pass
    assert not healthy(port)


# --- what it is built from -------------------------------------------------------------------------------------------


def in_context(path: str) -> bool:
    """Whether .dockerignore lets a file into the build; the last line that fits it, or a folder above, decides."""
    above = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        plain = pattern.removeprefix("!").removeprefix("**/")
        names = [each.rsplit("/", 1)[-1] for each in above] if "**/" in pattern else above
        if any(fnmatchcase(name, plain) for name in names):
            kept = pattern.startswith("!")
    return kept


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "secrets/secret_key",
        "tockwork-data/secret.key",
        "tockwork-data/tockwork.db",
        "compose.yaml",
        "tests/unit/test_packaging.py",
        "src/tockwork/app/__pycache__/cli.cpython-313.pyc",
    ],
)
def test_what_has_no_business_in_an_image_stays_out(path: str) -> None:
    assert not in_context(path)


def test_what_is_copied_is_there() -> None:
    build, image = stages()
    copied = [word for each in build if each.name == "COPY" for word in each.words[:-1]]
    assert {"src", "locks/run.txt", "pyproject.toml"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists() or not in_context(name)] == []
    assert in_context("src/tockwork/store/sql/journal.sql")
    assert all("--from=build" in each.text for each in image if each.name == "COPY")


# --- compose ---------------------------------------------------------------------------------------------------------


@services
def test_a_service_can_do_no_more_than_it_needs(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "user", "cap_add", "network_mode", "pid", "devices"}
    assert service["init"] is True


@services
def test_a_service_keeps_its_data_in_the_volume(service: dict[str, Any]) -> None:
    assert service["volumes"] == [f"data:{image_environment()['TOCKWORK_DATA']}"]
    assert "data" in compose()["volumes"]


@services
def test_a_service_is_given_the_time_to_stop(service: dict[str, Any]) -> None:
    assert float(service["stop_grace_period"].removesuffix("s")) > STOP_S + GRACE_S


@services
def test_nothing_is_published_to_everybody(service: dict[str, Any]) -> None:
    ports = [port.split(":") for port in service["ports"]]
    assert all(len(port) == 3 and port[0] == "127.0.0.1" for port in ports)
    assert str(ADMIN_PORT) in {port[2] for port in ports}


@services
def test_secrets_come_as_files(service: dict[str, Any]) -> None:
    environment = service["environment"]
    assert ours(environment) <= known_variables()
    given = {f"/run/secrets/{name}" for name in service["secrets"]}
    assert set(environment.values()) == given
    assert all(name.endswith("_FILE") for name in environment)
    assert set(service["secrets"]) <= compose()["secrets"].keys()
    assert all(set(secret) == {"file"} for secret in compose()["secrets"].values())


def is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)


@services
def test_its_command_can_be_typed(service: dict[str, Any]) -> None:
    name, *rest = filter(is_text, service["command"])
    command: Any = typer.main.get_command(app)
    context = command.commands[name].make_context(name, list(rest))
    read = context.params
    if read["config"] is not None:
        (target,) = [each["target"] for each in service["configs"]]
        assert str(read["config"]) == target


def test_two_services_share_the_work() -> None:
    profiles = {name: service.get("profiles", []) for name, service in SERVICES.items()}
    assert profiles == {"server": [], "delivery": ["apart"], "ingest": ["apart"]}
    roles = {name: service["command"][2] for name, service in SERVICES.items() if "--only" in service["command"]}
    assert roles == {"delivery": "delivery", "ingest": "ingest"}
    published = [port.rsplit(":", 1)[0] for name in roles for port in SERVICES[name]["ports"]]
    assert len(published) == len(set(published))


def test_the_configuration_finds_its_token_in_the_file(tmp_path: Path) -> None:
    (source,) = {each["source"] for each in SERVICES["server"]["configs"]}
    token = tmp_path / "token"
    token.write_text("token-for-tests\n")
    environment = {name: str(token) for name in SERVICES["server"]["environment"]}
    configuration = load(ROOT / compose()["configs"][source]["file"], environment)
    (destination,) = configuration.destinations
    assert destination.settings["accessToken"].reveal() == "token-for-tests"
