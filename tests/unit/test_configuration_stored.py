"""A configuration in the store and as a file: it comes back as it was, and its secrets stay hidden."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from tests.unit.configurations import KIND, configurations, referring, secrets

from tockwork.configuration import document
from tockwork.configuration.changes import changes, lines
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry, check_configuration, load
from tockwork.configuration.export import export
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.stored import opened, opened_as_far, stored
from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret

TOKEN = "planted-access-token-4711"
PIXEL = "C0123456789ABCDEFGHI"
KEYRING = Keyring(bytes(range(32)))
_CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
quickly = budget(max_examples=20, deadline=None, suppress_health_check=_CHECKS)
thoroughly = budget(max_examples=400, deadline=None, suppress_health_check=_CHECKS)


def shop(name: str = "shop", token: str = TOKEN) -> DestinationEntry:
    return DestinationEntry(KIND, name, settings={"pixelCode": PIXEL, "accessToken": token})


def hidden_in(configuration: Configuration) -> list[str]:
    """The secrets that are long enough to be found nowhere else."""
    return [secret for secret in secrets(configuration) if "token-" in secret]


@quickly
@given(referring())
def test_what_is_exported_loads_as_the_same(tmp_path: Path, drawn: tuple[Configuration, dict[str, str]]) -> None:
    comes_back(tmp_path / "exported.yaml", *drawn)


@pytest.mark.faults
@pytest.mark.timeout(900)
@thoroughly
@given(referring())
def test_whatever_is_exported_loads_as_the_same(tmp_path: Path, drawn: tuple[Configuration, dict[str, str]]) -> None:
    comes_back(tmp_path / "exported.yaml", *drawn)


def comes_back(file: Path, configuration: Configuration, environment: dict[str, str]) -> None:
    text = export(configuration)
    assert [secret for secret in hidden_in(configuration) if secret in text] == []
    file.write_text(text, "utf-8", newline="")
    there = {**environment, **given_names(document.read(file), configuration)}
    (needed,) = re.findall(r"^# It needs these variables in the environment: (.*)$", text, re.MULTILINE) or [""]
    assert set(needed.split(", ")) - {""} == set(there)
    again = load(file, there)
    assert again == configuration
    assert configuration.references.items() <= again.references.items()
    assert changes(configuration, again) == []
    assert export(again) == text


def given_names(data: Any, configuration: Configuration) -> dict[str, str]:
    """The variables that stand where tokens were given as they are."""
    found = {}
    for number, (written, entry) in enumerate(zip(data["destinations"], configuration.destinations, strict=True)):
        token = entry.settings.get("accessToken")
        if token and ("destinations", number, "settings", "accessToken") not in configuration.references:
            found[written["settings"]["accessToken"][2:-1]] = token.reveal()
    webhook = configuration.alerts.webhook
    if webhook and ("alerts", "webhook") not in configuration.references:
        found[data["alerts"]["webhook"][2:-1]] = webhook.reveal()
    return found


@quickly
@given(referring())
def test_what_is_stored_opens_as_the_same(drawn: tuple[Configuration, dict[str, str]]) -> None:
    configuration, _ = drawn
    content = stored(configuration, KEYRING)
    json.loads(content)
    for secret in hidden_in(configuration):
        assert secret.encode() not in content
        assert base64.b64encode(secret.encode()).rstrip(b"=") not in content
    again = opened(content, KEYRING)
    assert again == configuration
    assert (again.managed_by, again.references) == (configuration.managed_by, configuration.references)
    assert export(again) == export(configuration)


@quickly
@given(configurations())
def test_random_configurations_are_valid_and_do_not_differ_from_themselves(configuration: Configuration) -> None:
    assert check_configuration(configuration) == []
    assert changes(configuration, configuration) == []
    assert configuration == opened(stored(configuration, KEYRING), KEYRING)


@quickly
@given(configurations(), configurations())
def test_changes_tell_no_secret_and_miss_nothing(old: Configuration, new: Configuration) -> None:
    found = changes(old, new)
    said = "\n".join(lines(found)) + msgspec.json.encode(found).decode()
    assert [secret for secret in (*hidden_in(old), *hidden_in(new)) if secret in said] == []
    by_name = [sorted(entries, key=lambda e: e.name) for c in (old, new) for entries in (c.sources, c.destinations)]
    assert found or by_name[:2] == by_name[2:]


def test_equal_means_saying_the_same() -> None:
    one = Configuration([SourceEntry("a", "k")], [shop()])
    other = Configuration(
        [SourceEntry("a", "k")], [shop()], managed_by="shop.yaml", references={("sources", 0, "name"): "${A}"}
    )
    assert one == other
    assert one != Configuration([SourceEntry("a", "k")], [shop(token="another")])
    assert one != "a"
    versions = [
        Configuration([], [DestinationEntry(KIND, mappings=[{"fields": {"value": v}}])]) for v in (1, True, 1.0)
    ]
    assert versions[0] != versions[1]
    assert versions[0] != versions[2]


def test_a_secret_is_not_shown_by_accident() -> None:
    assert TOKEN not in repr(Configuration(destinations=[shop()]))
    with pytest.raises(TypeError):
        msgspec.json.encode(shop())


def test_export_names_a_variable_for_each_secret() -> None:
    entries = [shop("web shop"), shop("Web-Shop"), shop("7 seas"), shop("магазин"), shop("Café")]
    configuration = Configuration(destinations=entries)
    configuration.references = {("destinations", 1, "settings", "accessToken"): "${WEB_SHOP_ACCESS_TOKEN}"}
    text = export(configuration)
    assert [line.split()[1] for line in text.splitlines() if "accessToken" in line] == [
        "${WEB_SHOP_ACCESS_TOKEN_2}",
        "${WEB_SHOP_ACCESS_TOKEN}",
        "${_7_SEAS_ACCESS_TOKEN}",
        "${DESTINATION_ACCESS_TOKEN}",
        "${CAF_ACCESS_TOKEN}",
    ]
    assert TOKEN not in text


def test_export_says_what_the_reader_must_have() -> None:
    configuration = Configuration([SourceEntry("a", "k"), SourceEntry("b", "${X}")], [shop()])
    configuration.references = {("sources", 0, "write_key"): "${file:/run/secrets/key}"}
    assert export(configuration) == (
        "# A configuration of Tockwork: read by `tockwork apply`, checked by `tockwork check`.\n"
        "# It needs these variables in the environment: SHOP_ACCESS_TOKEN\n"
        "# It needs these files: /run/secrets/key\n"
        "sources:\n"
        "  - name: a\n    write_key: ${file:/run/secrets/key}\n"
        "  - name: b\n    write_key: $${X}\n"
        "destinations:\n"
        f"  - kind: {KIND}\n    name: shop\n    settings:\n"
        f"      pixelCode: {PIXEL}\n      accessToken: ${{SHOP_ACCESS_TOKEN}}\n"
    )


def test_export_leaves_out_references_whose_place_is_gone() -> None:
    configuration = Configuration([SourceEntry("a", "k")])
    configuration.references = {("sources", 3, "write_key"): "${GONE}", ("destinations", 0, "settings", "x"): "${GONE}"}
    assert "GONE" not in export(configuration)


def test_every_destination_that_another_key_sealed_is_named() -> None:
    content = stored(Configuration([SourceEntry("a", "k")], [shop("one"), shop("two")]), KEYRING)
    with pytest.raises(ConfigurationError) as caught:
        opened(content, Keyring(bytes(32)))
    assert [problem.where for problem in caught.value.problems] == [
        "destination 'one', accessToken",
        "destination 'two', accessToken",
    ]
    assert "secret.key" in caught.value.problems[0].mend
    configuration, problems = opened_as_far(content, Keyring(bytes(32)))
    assert len(problems) == 2
    assert [entry.settings for entry in configuration.destinations] == [{"pixelCode": PIXEL}] * 2


def test_a_sealed_token_is_of_no_use_in_another_destination() -> None:
    content = json.loads(stored(Configuration([], [shop("one"), shop("two")]), KEYRING))
    one, two = content["destinations"]
    one["settings"], two["settings"] = two["settings"], one["settings"]
    assert len(opened_as_far(json.dumps(content).encode(), KEYRING)[1]) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b'{"sources":[],"destinations":[],"managed_by":null,"references":[],"newer":1}',
     b'{"sources":[{"name":"a"}],"destinations":[],"managed_by":null,"references":[]}'],
)  # fmt: skip
def test_what_cannot_be_read_says_so(content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="the stored configuration: cannot be read"):
        opened(content, KEYRING)


def test_secrets_are_opened_as_secrets() -> None:
    (entry,) = opened(stored(Configuration(destinations=[shop()]), KEYRING), KEYRING).destinations
    assert entry.settings == {"pixelCode": PIXEL, "accessToken": Secret(TOKEN)}
