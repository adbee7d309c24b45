"""The reference page of every destination says all that its declaration says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from docs import destination_page, generate, person
from docs.markdown import json_block, table

from tockwork.destinations.case import read_cases
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.declare import MAX_MAPPINGS, Destination
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.model.outcome import Status
from tockwork.model.reasons import REASONS
from tockwork.rules.fields import Field

REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference"
CASES: Final = sorted((Path(str(destination_page.TIKTOK)) / "cases").glob("*.json"))
COMMON: Final = (REFERENCE / "destinations.md").read_text()
every_destination = pytest.mark.parametrize("destination", DESTINATIONS.values(), ids=list(DESTINATIONS))


def page(destination: Destination) -> str:
    return (REFERENCE / f"{destination.key}.md").read_text()


def part(text: str, name: str) -> str:
    """A generated part."""
    (found,) = re.findall(rf"<!-- generated: {name} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    return str(found)


def cells(text: str) -> dict[str, list[str]]:
    """The rows of the tables in `text`, by their first cell without its code marks; the first of that name."""
    lines = [line.replace("\\|", "\0") for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip().replace("\0", "|") for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row for row in reversed(rows)}


def all_fields(members: tuple[Field, ...], prefix: str = "") -> Iterator[tuple[str, Field]]:
    for field in members:
        yield f"{prefix}{field.key}", field
        yield from all_fields(field.properties, f"{field.key}.")


def paths(directive: Any) -> Iterator[str]:
    """Every place that a default looks at."""
    if isinstance(directive, dict):
        for key, value in directive.items():
            yield from [value] if key == "@path" else paths(value)
    elif isinstance(directive, list):
        for value in directive:
            yield from paths(value)


@every_destination
def test_each_part_is_there_once(destination: Destination) -> None:
    names = re.findall(r"<!-- generated: ([a-z-]+) -->", page(destination))
    assert sorted(names) == sorted(destination_page.SECTIONS)
    assert "(destinations.md" in page(destination)
    assert f"({destination.key}.md) | `{destination.key}` |" in COMMON


@every_destination
def test_every_setting_is_told_with_where_to_get_it(destination: Destination) -> None:
    rows, steps = cells(part(page(destination), "settings")), part(page(destination), "places")
    for setting in destination.settings:
        _, label, kind, default, meaning = rows[setting.key]
        assert (label, meaning) == (setting.label, setting.help)
        assert setting.type in kind
        assert all(f"`{choice}`" in kind for choice in setting.choices)
        assert ("required" in default) is setting.required
        if setting.required or setting.type == "secret":
            assert setting.steps, f"{setting.key}: nobody is told where to get it"
        assert all(f". {step}\n" in steps for step in setting.steps)


@every_destination
def test_every_pack_and_preset_is_told(destination: Destination) -> None:
    text = part(page(destination), "packs")
    sections = dict(re.findall(r"### `([\w-]+)`\n(.*?)(?=\n### |\Z)", text, re.DOTALL))
    assert list(sections) == list(destination.packs)
    assert f"### `{destination.default_pack}`" in text.split("The default")[0]
    for name, presets in destination.packs.items():
        rows = cells(sections[name])
        for preset in presets:
            action = destination.action(preset.action)
            assert action is not None
            event = f"`{preset.fields['event']}`" if "event" in preset.fields else ""
            assert rows[preset.name][1:4] == [f"`{preset.trigger}`", action.title, event]
        assert len(rows) == len(presets) + 2, "the head, its line, and one row for each preset"


@every_destination
def test_every_field_is_told(destination: Destination) -> None:
    for action in destination.actions:
        _, heading, own = part(page(destination), "fields").partition(f"**{action.title}** (`{action.key}`)")
        assert heading
        assert own.startswith(f". {action.help}\n")
        rows = cells(own)
        for key, field in all_fields(action.fields):
            _, label, kind, default, meaning = rows[key]
            assert label == field.label
            assert field.help in meaning
            assert field.type in kind
            assert field.multiple is kind.startswith("list of")
            assert bool(field.required) is ("required" in kind)
            assert field.hashed is ("hashed" in kind)
            assert all(f"`{choice}`" in kind for choice in field.choices)
            assert [where for where in paths(field.default) if where not in default] == []
            assert field.depends_on is None or f"Only when {field.depends_on}." in meaning


@every_destination
def test_every_match_key_is_told(destination: Destination) -> None:
    rows = part(page(destination), "match-keys")
    hashed = [
        (key, field) for action in destination.actions for key, field in all_fields(action.fields) if field.hashed
    ]
    assert hashed
    assert [key for key, _ in hashed if f"`{key}`" not in rows] == []
    assert all(
        f"`{key}`" in rows
        for action in destination.actions
        for key, field in all_fields(action.fields)
        if key in ("ttclid", "ttp", "ip", "user_agent")
    )


def test_the_common_page_shows_before_and_after_for_all_that_is_hashed() -> None:
    text = part(COMMON, "normalisation")
    for _, field in all_fields(CONVERSIONS.actions[0].fields):
        assert not field.hashed or f"| {field.label} |" in text


def test_an_example_that_comes_out_otherwise_is_not_written() -> None:
    with pytest.raises(AssertionError, match="does not count as"):
        person._example("email", "Ann@Shop.example", "Ann@Shop.example")


@every_destination
def test_every_limit_is_told(destination: Destination) -> None:
    text, numbers = part(page(destination), "limits"), destination.limits
    told = [numbers.dedup_window_s // 3600, MAX_MAPPINGS]
    if destination.device is None:  # what a browser sends is TikTok's own affair
        told += [numbers.rows, numbers.bytes, numbers.requests_per_second, numbers.retry_for_s // 3600]
        assert len(told) == len(numbers.__struct_fields__), "a limit that the page does not tell"
    told += [] if numbers.upload_window_s is None else [numbers.upload_window_s // 86_400]
    assert [number for number in told if f"| {number:,} |" not in text] == []


@every_destination
def test_every_reason_that_a_case_meets_is_told(destination: Destination) -> None:
    rows = cells(part(page(destination), "refusals"))
    met = set()
    for path in CASES:
        file = read_cases(path.read_bytes())
        if file.destination == destination.key:
            for expected in (expected for case in file.cases for expected in case.expect):
                if isinstance(expected.reason, str):
                    met.add(expected.reason)
    assert met == {row.partition(": ")[2] for row in rows if ": " in row}
    for row in rows.values():
        reason = REASONS.get(row[0].strip("`").partition(": ")[2])
        assert reason is None or row[1:3] == [reason.meaning, reason.mend]


def test_every_case_file_is_worked_on_the_page_of_its_destination() -> None:
    for path in CASES:
        file = read_cases(path.read_bytes())
        text = part(page(DESTINATIONS[file.destination]), "cases")
        assert f"/{path.name})" in text
        assert file.title in text
        assert any(json_block(case.event) in text for case in file.cases)


def test_every_status_of_the_errors_is_told() -> None:
    told = COMMON.partition("## Errors")[2]
    unsaid = {Status.MAPPED, Status.DELIVERED}
    assert [status for status in Status if status not in unsaid and f"`{status}`" not in told] == []


def test_a_new_destination_gets_a_whole_page(monkeypatch: pytest.MonkeyPatch) -> None:
    new = msgspec.structs.replace(CONVERSIONS, key="new-kind", title="New Kind", help="Does new things.")
    monkeypatch.setitem(DESTINATIONS, new.key, new)
    text = generate.pages()[REFERENCE / "new-kind.md"]
    assert text.startswith("# New Kind\n\nDoes new things. Its kind is `new-kind`.\n")
    assert part(text, "fields") == part(generate.pages()[REFERENCE / "tiktok-conversions.md"], "fields")
    assert sorted(re.findall(r"<!-- generated: ([a-z-]+) -->", text)) == sorted(destination_page.SECTIONS)


def test_json_keeps_its_value_and_its_width() -> None:
    value = {"a": [{"b": "x" * 60, "c": "é"}, {"d": [1, 2.5, None, True], "e": {}}], "f": "y" * 50}
    block = json_block(value)
    assert json.loads(block.removeprefix("```json\n").removesuffix("```\n")) == value
    assert all(len(line) <= 100 for line in block.splitlines())
    assert len(block.splitlines()) > 5


def test_a_bar_in_a_cell_is_no_new_cell() -> None:
    assert table(("a",), [("x|y",)]).splitlines()[2] == "| x\\|y |"
