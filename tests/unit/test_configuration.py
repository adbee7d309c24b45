"""Configuration files are read strictly: all that is wrong at once, each with its place and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tockwork.configuration.entries import (
    Configuration,
    DestinationEntry,
    SourceEntry,
    check_configuration,
    load,
    read_filled,
)
from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret

KIND = "tiktok-conversions"
PIXEL = "C0123456789ABCDEFGHI"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.yaml"


def problems(file: Path, text: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """What is wrong, by place."""
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file, environment or {})
    return {problem.where: f"{problem.what}. {problem.mend}" for problem in caught.value.problems}


EVERYTHING_WRONG = """
sources:
  - {name: shop, write_key: "${NO_KEY}", kind: serverr}
  - {name: shop, write_key: abc, enabled: 1}
  - {nam: x, write_key: abc}
  - {name: 7, write_key: "a:b"}
  - {name: "", write_key: ""}
  - nonsense
destinations:
  - name: eu
    kind: tiktok-conversion
    settigns: {}
  - kind: tiktok-conversions
    settings: {accessToken: "${file:relative}", pixlCode: x, timezone: Berlin, compute_value: "yes"}
    mappings:
      - name: a
        trigger: event = "x
        fields: {event: Purchase, value: "12,50"}
      - text
      - {name: a, trigger: type = "page", fields: 7, actoin: x}
    cases: [{name: x, event: {}, expect: [{statu: x}]}]
  - {kind: tiktok-conversions, settings: [], preset_pack: purchase}
  - {kind: tiktok-conversions, name: " eu ", settings: {pixelCode: 12345}, sandbox: maybe}
surces: []
"""


def test_everything_that_is_wrong_is_said_at_once(file: Path) -> None:
    found = problems(file, EVERYTHING_WRONG)
    expected = {
        "sources[0].write_key": "the environment has no variable NO_KEY. Set it, or set NO_KEY_FILE",
        "sources[0].kind": "'serverr' is no kind of source. Did you mean 'server'?",
        "sources[1].name": "'shop' is taken by an earlier one. Give each its own name.",
        "sources[1].enabled": "expected true or false, got a number",
        "sources[2].nam": "is no known member. Did you mean 'name'?",
        "sources[2].name": "is required: text",
        "sources[2].write_key": "is taken by an earlier source",
        "sources[3].name": "expected text, got a number. Put it in quotes.",
        "sources[3].write_key": "has spaces, colons or control characters",
        "sources[4].name": "expected 1 to 100 characters, got 0",
        "sources[4].write_key": "is empty",
        "sources[5]": f"expected an object with {', '.join(SourceEntry.__struct_fields__)}, got text",
        "destinations[0].kind": "'tiktok-conversion' is no destination. Did you mean 'tiktok-conversions'?",
        "destinations[0].settigns": "is no known member. Did you mean 'settings'?",
        "destinations[1].settings.accessToken": "expected the absolute path of a file, got 'relative'",
        "destinations[1].settings.pixlCode": "is no setting of this destination. Did you mean 'pixelCode'?",
        "destinations[1].settings.pixelCode": "is required",
        "destinations[1].settings.timezone": "expected the name of a time zone",
        "destinations[1].settings.compute_value": "expected true or false, got text",
        "destinations[1].mappings[0].trigger": "column 9",
        "destinations[1].mappings[0].fields.value": 'expected a number, got "12,50"',
        "destinations[1].mappings[1]": "expected an object, got text",
        "destinations[1].mappings[2].name": "'a' is taken by an earlier mapping",
        "destinations[1].mappings[2].actoin": "is no member of a mapping. Did you mean 'action'?",
        "destinations[1].mappings[2].fields": "expected an object of fields, got a number",
        "destinations[1].cases[0].expect[0].statu": "is no known member. Did you mean 'status'?",
        "destinations[1].cases[0].expect[0].status": "is required: text",
        "destinations[2].name": "'tiktok-conversions' is taken by an earlier one",
        "destinations[2].settings": "expected an object, got a list of 0",
        "destinations[2].preset_pack": "'purchase' is no pack. Did you mean 'purchase-2025'?",
        "destinations[3].name": "has control characters, or spaces around it",
        "destinations[3].settings.pixelCode": "expected text, got a number",
        "destinations[3].sandbox": "expected true or false, got text",
        "surces": "is no known member. Did you mean 'sources'?",
    }
    assert set(found) == set(expected)
    assert {where: what for where, what in expected.items() if what not in found[where]} == {}


def test_the_same_is_wrong_with_a_configuration_that_no_file_held() -> None:
    wrong = Configuration(
        [SourceEntry("a", "k"), SourceEntry("a", "k", "serve"), SourceEntry("b" * 101, "é")],
        [DestinationEntry(KIND, settings={"pixelCode": PIXEL}), DestinationEntry("tiktok"), DestinationEntry(KIND)],
    )
    assert [problem.where for problem in check_configuration(wrong)] == [
        "sources[1].name",
        "sources[2].name",
        "sources[1].kind",
        "sources[1].write_key",
        "destinations[2].name",
        "destinations[1].kind",
        "destinations[2].settings.pixelCode",
    ]
    right = [DestinationEntry(KIND, settings={"pixelCode": PIXEL, "accessToken": "token"})]
    assert check_configuration(Configuration([SourceEntry("a", "k")], right)) == []


def test_more_than_fifty_mappings_are_refused(file: Path) -> None:
    mappings = [
        {"name": f"m{n}", "trigger": 'type = "page"', "fields": {"event": "ViewContent", "event_id": "1"}}
        for n in range(51)
    ]
    entry = {"kind": KIND, "settings": {"pixelCode": PIXEL}, "mappings": mappings}
    assert problems(file, json.dumps({"destinations": [entry]})) == {
        "destinations[0].mappings": "expected at most 50, got 51. "
        "Remove some, or connect the destination a second time for the rest."
    }
    entry["mappings"] = mappings[:50]
    file.write_text(json.dumps({"destinations": [entry]}))
    assert len(load(file, {}).destinations[0].mappings or []) == 50


def test_places_in_a_single_destination_have_no_prefix(file: Path) -> None:
    found = problems(file, "destination: tiktok-conversions\nkind: tiktok-conversions\nsettings: {pixel: A}\ntitel: x")
    assert set(found) == {"destination", "titel", "settings.pixel", "settings.pixelCode"}
    file.write_text(f"destination: {KIND}\ntitle: Shop\nsettings: {{pixelCode: {PIXEL}, accessToken: '${{T}}'}}")
    configuration = load(file, {"T": "token"})
    assert configuration.destinations == [
        DestinationEntry(KIND, "Shop", title="Shop", settings={"pixelCode": PIXEL, "accessToken": Secret("token")})
    ]
    assert configuration.references == {("destinations", 0, "settings", "accessToken"): "${T}"}


@pytest.mark.parametrize("member", ["managed_by", "references"])
def test_what_only_the_store_keeps_is_no_member_of_a_file(file: Path, member: str) -> None:
    assert set(problems(file, f"{member}: x")) == {member}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "shop.yaml", "expected an object with sources, destinations, alerts, got null"),
        ("[]", "shop.yaml", "expected an object with sources, destinations, alerts, got a list of 0"),
        ("sources: {a: 1}", "sources", "expected a list, got an object"),
        ("sources: []\nsources: []", "shop.yaml:2:1", "'sources' is given twice in one object. Keep one of them."),
        ("1: x", "shop.yaml", "expected text as a key, got a number"),
        ("x: {no: 1}", "x", "expected text as a key, got a boolean"),
        ("x: [.nan]", "x[0]", "is no finite number"),
        ("x: !!binary aGVsbG8=", "x", "is neither text"),
        ('x: "\\ud800"', "x", "half a character"),
        ("x: 99999999999999999999", "x", "more than 64 bits"),
        (f"x: {'[' * 101}{']' * 101}", f"x{'[0]' * 99}", "nested more than 100 deep"),
    ],
)
def test_what_is_not_plain_is_named(file: Path, text: str, where: str, what: str) -> None:
    found = problems(file, text)
    assert list(found) == [where]
    assert what in found[where]


@pytest.mark.parametrize(
    "text",
    ["a: [", "a: *b", "a: &b 1\nc: *b", "!!python/object:os.system {}", "[" * 1500, f"a: {'9' * 5000}", "a: !!int x"],
)
def test_what_is_no_yaml_is_refused_with_its_line(file: Path, text: str) -> None:
    (where,) = problems(file, text)
    assert where.startswith(str(file))


def test_every_key_that_is_given_twice_is_named(file: Path) -> None:
    found = problems(file, "sources:\n  - {name: a, name: b}\ndestinations: []\ndestinations: []\n")
    assert set(found) == {"shop.yaml:2:15", "shop.yaml:4:1"}
    assert set(problems(file.with_suffix(".json"), '{"a": {"b": 1, "b": 2}}')) == {"shop.json"}


def test_json_is_read_as_json(file: Path) -> None:
    there = file.with_suffix(".json")
    there.write_text('{"a": 1e3, "b": "\\ud83d\\uded2", "c": "\\/"}')
    assert read_filled(there) == {"a": 1000.0, "b": "🛒", "c": "/"}
    for broken in ('{"a": 1,}', '{"a": NaN}', "[" * 5000, '{"a": "\\ud800"}', f"[{'9' * 5000}]"):
        there.write_text(broken)
        with pytest.raises(ConfigurationError):
            read_filled(there)


def test_dates_and_signs_stay_text(file: Path) -> None:
    file.write_text("a: 2026-11-20\nb: =\nc: 2026-11-20T12:00:00Z")
    assert read_filled(file) == {"a": "2026-11-20", "b": "=", "c": "2026-11-20T12:00:00Z"}


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is no UTF-8 text"):
        load(file)


# --- references ------------------------------------------------------------------------------------------------------


def test_references_are_filled_in(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(" from a file \n")
    texts = ["x ${A}", "${A}x", "$", "${A", {"${A}": 1}]
    file.write_text(json.dumps(["${A}", "${B}", f"${{file:{secret}}}", "$${A}", "$$${A}", *texts]))
    filled = read_filled(file, {"A": " a value ", "B_FILE": str(secret), "A_FILE": "/no/such/file"})
    assert filled == [" a value ", "from a file", "from a file", "${A}", "$${A}", *texts]


def test_what_stands_in_a_variable_is_not_filled_in_again(file: Path) -> None:
    file.write_text("a: ${A}")
    assert read_filled(file, {"A": "${B}"}) == {"a": "${B}"}


def test_every_reference_that_leads_nowhere_is_named(file: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 65_537)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    references = ["${GONE}", "${FILED}", "${FAR}", "${a-b}", "${env:A}", "${}"]
    references += [
        f"${{file:{name}}}" for name in (tmp_path / "gone", tmp_path / "large", tmp_path / "binary", tmp_path)
    ]
    references += ["${file:relative}", "${file:}"]
    file.write_text(json.dumps({"a": {"b": references}}))
    with pytest.raises(ConfigurationError) as caught:
        read_filled(file, {"FILED_FILE": "/no/such/file", "FAR_FILE": "near"})
    found = caught.value.problems
    assert [problem.where for problem in found] == [f"a.b[{place}]" for place in range(len(references))]
    expected = [
        "no variable GONE",
        "FILED_FILE: there is no file /no/such/file",
        "FAR_FILE: expected the absolute path of a file, got 'near'",
        *["is no reference"] * 3,
        "there is no file",
        "has more than 65536 bytes",
        "is no UTF-8 text",
        "there is no file",
        *["expected the absolute path"] * 2,
    ]
    assert [what for what, problem in zip(expected, found, strict=True) if what not in problem.what] == []


def test_the_sources_of_a_destination_are_there(file: Path) -> None:
    text = """
sources: [{{name: web, write_key: a}}]
destinations: [{{kind: tiktok-conversions, settings: {{pixelCode: P}}, sources: {sources}}}]
"""
    file.write_text(text.format(sources="[web]"))
    assert load(file, {}).destinations[0].sources == ["web"]
    for sources, where in (("[web, wep]", "destinations[0].sources[1]"), ("[]", "destinations[0].sources")):
        file.write_text(text.format(sources=sources))
        with pytest.raises(ConfigurationError) as caught:
            load(file, {})
        assert [problem.where for problem in caught.value.problems] == [where]


def test_no_error_repeats_a_secret(file: Path) -> None:
    text = """
sources: [{name: a, write_key: "${KEY}"}, {name: b, write_key: "${KEY}"}]
destinations: [{kind: tiktok-conversions, settings: {accessToken: "${TOKEN}", pixelCode: 7}}]
"""
    found = problems(file, text, {"KEY": "planted key", "TOKEN": " planted token\n"})
    assert set(found) == {
        "sources[0].write_key",
        "sources[1].write_key",
        "destinations[0].settings.accessToken",
        "destinations[0].settings.pixelCode",
    }
    assert "planted" not in str(found)
