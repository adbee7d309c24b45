"""The sandbox's documentation says what the sandbox does, and its examples work."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tockwork.sandbox import faults
from tockwork.sandbox.catalogue import CATALOGUE
from tockwork.sandbox.faults import Match, Step, parse_script
from tockwork.sandbox.profile import PROFILES
from tockwork.sandbox.record import Request, Stats
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to/use-the-sandbox.md").read_text()
REFERENCE = (DOCS / "reference/sandbox.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def rows(heading: str) -> dict[str, str]:
    """The tables under a heading: first column without its ticks, and the rest of the line."""
    section = re.split(r"^## ", REFERENCE, flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith(heading)]
    return dict(re.findall(r"^\| `?([^`|]+?)`? \|(.*)\|$", found, re.MULTILINE))


def test_every_diagnostic_is_listed_with_its_level_and_words() -> None:
    strict = PROFILES["strict-docs"].refuses
    listed = re.findall(r"^\| (error|warn|info) \| `(\w+)`( \*)? \| (.*) \|$", REFERENCE, re.MULTILINE)
    expected = [
        (str(words.level), code, " *" if code in strict else "", words.message.replace("{}", "…"))
        for code, words in sorted(CATALOGUE.items())
    ]
    assert listed == expected


def test_every_profile_is_listed() -> None:
    assert {name for name in rows("Profiles") if name != "profile" and "---" not in name} == set(PROFILES)
    assert all(f"`{name}`" in HOW_TO or name in HOW_TO for name in PROFILES)


@pytest.mark.parametrize("action", [*faults.Ending.__args__, faults.Latency])
def test_every_fault_is_listed_with_its_fields(action: type) -> None:
    config = action.__struct_config__  # type: ignore[attr-defined]
    fields = action.__struct_fields__  # type: ignore[attr-defined]
    line = rows("Faults")[config.tag]
    assert all(f"`{name}`" in line for name in fields)


def test_every_condition_is_listed() -> None:
    assert all(f"`{name}`" in REFERENCE for name in Match.__struct_fields__)
    assert set(Step.__struct_fields__) - {"action"} <= set(rows("Faults"))


def test_every_route_is_listed() -> None:
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in Sandbox()._application("127.0.0.1").router.routes()
        if route.resource is not None and route.method not in ("HEAD", "*")
    }
    assert served == {name for name in rows("Its own API") if name.split()[0].isupper()}


@pytest.mark.parametrize("name", [*Request.__struct_fields__, *Stats.__struct_fields__])
def test_every_field_of_the_api_is_named(name: str) -> None:
    assert f"`{name}`" in REFERENCE


def test_the_scripts_in_the_documents_can_be_read() -> None:
    (script, tokens) = (json.loads(block) for block in blocks(HOW_TO, "json"))
    assert len(parse_script(script).progress) == 4
    assert Tokens(**tokens).allowed
    inline = re.findall(r"`(\{\"kind\".*?\})`", HOW_TO + REFERENCE)
    assert len(inline) >= 7
    for text in inline:
        parse_script([{"action": json.loads(text)}])


def test_the_program_in_the_how_to_runs() -> None:
    (program,) = blocks(HOW_TO, "python")
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
