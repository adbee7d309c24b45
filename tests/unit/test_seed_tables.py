"""Every row of every table in the destinations' documents has a case that runs, and shows what the row says.

`seed_tables.json` lists the tables: what is described in which words, and the cases that show it. Tables of settings,
actions, presets, fields and priority orders are complete: they are compared with the declarations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tockwork.destinations.case import Case, CaseFile, Expectation, differences, read_cases
from tockwork.destinations.catalog import find
from tockwork.destinations.connection import Connection
from tockwork.destinations.declare import Destination
from tockwork.destinations.tiktok.chord import PRIORITIES

TABLES: Final = json.loads((Path(__file__).parent / "seed_tables.json").read_bytes())["tables"]
CLOUD: Final = ("tiktok-conversions", "tiktok-offline-conversions", "chord-tiktok-conversions")
COUNTS: Final = {
    "001: settings": 9,
    "001: presets of documented-2023": 7,
    "001: presets of segment-2026": 15,
    "001: presets of purchase-2025": 13,
    "001: actions": 1,
    "001: fields of Report Web Event": 37,
    "001: match keys": 7,
    "001: what is hashed": 4,
    "001: questions": 5,
    "003: settings": 9,
    "003: presets of segment-2026": 15,
    "003: presets of purchase-2025": 13,
    "003: actions": 3,
    "003: fields of Report Offline Event": 24,
    "003: personal data": 9,
    "003: custom events": 4,
    "003: integrations": 1,
    "004: settings": 7,
    "004: events": 15,
    "004: actions": 1,
    "004: fields": 27,
    "004: priority orders": 34,
    "004: notes": 15,
    "004: multi-product events": 6,
    "004: single-product events": 6,
    "004: Form Submitted": 2,
}
"""How many rows each table of the documents has, ours on top included, counted by hand."""

PLACES: Final = {
    "event_source": "envelope.event_source",
    "test_event_code": "envelope.test_event_code",
    "event_spec_type": "row.properties",
    "timestamp": "row.event_time",
    "limited_data_use": "row.limited_data_use",
    "address": "row.user.zip_code",
    "lead": "row.lead.lead_id",
    "lead_id": "row.lead.lead_id",
    "url": "row.page.url",
    "referrer": "row.page.referrer",
    "vehicle": "row.properties.make",
    "travel": "row.properties.checkin_date",
    **{key: f"row.{key}" for key in ("event", "event_id")},
    **{
        key: f"row.user.{key}"
        for key in "phone email first_name last_name external_id ttclid ttp locale ip user_agent".split()
    },
}
"""Where the value of a field's slot is sent; all others are properties."""


@cache
def files() -> dict[str, tuple[CaseFile, Connection]]:
    folder = resources.files("tockwork.destinations.tiktok").joinpath("cases")
    read = {f.name: read_cases(f.read_bytes(), f.name) for f in folder.iterdir() if f.name.endswith(".json")}
    return {name: (file, file.connect()) for name, file in read.items() if file.destination in CLOUD}


def named(table: dict[str, Any], row: str) -> Iterator[tuple[Case, Connection]]:
    """The cases that a row of a table names; each holds."""
    for reference in table["rows"][row]:
        file_name, _, name = reference.partition(": ")
        file, connection = files()[file_name]
        assert file.destination == table["destination"], reference
        found = [case for case in file.cases if case.name == name]
        assert found, f"there is no case {reference!r}"
        assert list(differences(found[0], connection)) == [], reference
        yield found[0], connection


EACH_TABLE: Final = pytest.mark.parametrize("table", TABLES, ids=[table["table"] for table in TABLES])


def test_the_tables_are_counted() -> None:
    assert {table["table"]: len(table["rows"]) for table in TABLES} == COUNTS


@EACH_TABLE
def test_every_row_has_a_case_that_holds(table: dict[str, Any]) -> None:
    for row in table["rows"]:
        assert list(named(table, row)), row


@EACH_TABLE
def test_the_table_is_what_is_declared(table: dict[str, Any]) -> None:
    assert set(table["rows"]) == (declared(table) or set(table["rows"])), table["table"]


def declared(table: dict[str, Any]) -> set[str] | None:
    """The rows that the declaration makes; None for a table of facts."""
    destination = find(table["destination"])
    match table["declared"].split():
        case ["settings"]:
            return {setting.label for setting in destination.settings}
        case ["actions"]:
            return {action.title for action in destination.actions}
        case ["pack", pack]:
            return {preset.name for preset in destination.packs[pack]}
        case ["fields"]:
            return {field.key for field in destination.actions[0].fields if not field.implied_by}
        case ["contents"]:
            [contents] = [field for field in destination.actions[0].fields if field.key == "contents"]
            return {part.key for part in contents.properties}
        case ["priorities"]:
            return {
                f"{field} {rank + 1}" for field, places in PRIORITIES.items() for rank in range(len(places.split()))
            }
        case ["facts"]:
            return None
    raise AssertionError(table["declared"])


@pytest.mark.parametrize("kind", CLOUD)
def test_nothing_declared_is_without_a_table(kind: str) -> None:
    destination: Destination = find(kind)
    tables = {table["declared"] for table in TABLES if table["destination"] == kind}
    assert {"settings", "actions", "fields", *(f"pack {pack}" for pack in destination.packs)} <= tables
    members = [{field.key for field in action.fields} for action in destination.actions]
    assert all(fields == members[0] for fields in members)  # so that the table of the first action's is enough


def of(declared: str) -> pytest.MarkDecorator:
    found = [table for table in TABLES if table["declared"].split()[0] == declared]
    return pytest.mark.parametrize("table", found, ids=[table["table"] for table in found])


@of("pack")
def test_a_presets_case_is_mapped_by_it(table: dict[str, Any]) -> None:
    presets = {preset.name: preset for preset in find(table["destination"]).packs[table["declared"].split()[1]]}
    for row in table["rows"]:
        for case, _ in named(table, row):
            [expected] = case.expect
            assert (expected.status, expected.mapping) == ("mapped", row)
            assert expected.row["event"] == presets[row].fields["event"]


@of("fields")
def test_a_fields_case_sends_it(table: dict[str, Any]) -> None:
    fields = {field.key: field for field in find(table["destination"]).actions[0].fields}
    offline = {"lead_id": "row.user.lead_id"} if table["destination"] == "tiktok-offline-conversions" else {}
    for row in table["rows"]:
        slot = fields[row].name
        place = {**PLACES, **offline}.get(slot, f"row.properties.{slot}")
        sent = [
            value
            for case, connection in named(table, row)
            for expected in shown(case, connection)
            if (value := _at(expected, place)) is not None
        ]
        assert sent, f"no case of {row} sends {place}"


@of("contents")
def test_the_contents_cases_send_each_key(table: dict[str, Any]) -> None:
    for row in table["rows"]:
        for case, _ in named(table, row):
            assert all(row in item for item in case.expect[0].row["properties"]["contents"][:1]), (row, case.name)


@of("priorities")
def test_a_priority_shows_in_its_case(table: dict[str, Any]) -> None:
    """Every place before it is blank in the event, and every later one holds another value."""
    for row in table["rows"]:
        field, rank = row.split()
        places = [place.removeprefix("$.") for place in PRIORITIES[field].split()]
        [(case, _)] = named(table, row)
        values = [_at(case.event, place) for place in places]
        blank = [value is None or not str(value).strip() for value in values]
        assert blank == [position < int(rank) - 1 for position in range(len(places))], case.name
        assert len({str(value) for value in values[int(rank) - 1 :]}) == len(values[int(rank) - 1 :])


def shown(case: Case, connection: Connection) -> Iterator[dict[str, Any]]:
    """What a case expects of rows, and the envelopes that they get."""
    outcomes = connection.outcomes(msgspec.json.encode(case.event), case.seconds)
    for expected, outcome in zip(case.expect, outcomes, strict=True):
        assert isinstance(expected, Expectation)
        if isinstance(expected.row, dict) and outcome.envelope is not None:
            yield {"row": expected.row, "envelope": msgspec.structs.asdict(outcome.envelope)}


def _at(value: Any, place: str) -> Any:
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value or (None if value in ("", {}, []) else value)
