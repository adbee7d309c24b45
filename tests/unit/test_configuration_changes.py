"""What `plan` says: every difference by name and member, and no secret."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tockwork.configuration.changes import changes, lines
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry

KIND = "tiktok-conversions"
SOURCE = {
    "name": "a",
    "write_key": "(secret)",
    "kind": "server",
    "enabled": True,
    "allowed_origins": [],
    "cookie_domain": "",
}
DESTINATION = {
    "kind": KIND,
    "name": "shop",
    "enabled": True,
    "sandbox": False,
    "sources": None,
    "settings": {},
    "preset_pack": None,
    "mappings": None,
    "privacy": None,
    "pixel": None,
    "cases": [],
    "title": "",
    "doc": "",
}
TOKEN = "planted-access-token-4711"


def mapping(name: str = "", **members: Any) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return {**named, "trigger": 'event = "Order Completed"', "fields": {"event": "Purchase"}, **members}


def said(old: Any, new: Any) -> list[str]:
    """The lines for two versions of one source or destination."""
    before, after = Configuration(), Configuration()
    for version, entry in ((before, old), (after, new)):
        if isinstance(entry, SourceEntry):
            version.sources = [entry]
        else:
            version.destinations = [entry]
    return list(lines(changes(before, after)))


def shop(**members: Any) -> DestinationEntry:
    return DestinationEntry(KIND, "shop", **members)


def test_what_came_and_went() -> None:
    old = Configuration([SourceEntry("a", "key-a"), SourceEntry("b", "key-b")], [shop()])
    new = Configuration([SourceEntry("b", "key-b"), SourceEntry("c", "key-c", "file")], [DestinationEntry(KIND, "eu")])
    assert list(lines(changes(old, new))) == [
        "- source 'a' (server)",
        "+ source 'c' (file)",
        f"- destination 'shop' ({KIND})",
        f"+ destination 'eu' ({KIND})",
    ]


def test_the_order_of_sources_and_destinations_is_no_change() -> None:
    entries = [SourceEntry("a", "key-a"), SourceEntry("b", "key-b")]
    assert changes(Configuration(entries), Configuration(entries[::-1])) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (SourceEntry("a", "k"), SourceEntry("a", "k", enabled=False), ["~ source 'a': enabled: true → false"]),
        (SourceEntry("a", "k"), SourceEntry("a", "other"), ["~ source 'a': write_key: changed"]),
        (
            shop(settings={"pixelCode": "A", "timezone": "UTC"}),
            shop(settings={"pixelCode": "B", "accessToken": TOKEN}),
            [
                """~ destination 'shop': settings.pixelCode: "A" → "B\"""",
                """~ destination 'shop': settings.timezone: "UTC" → nothing""",
                "~ destination 'shop': settings.accessToken: set",
            ],
        ),
        (
            shop(settings={"accessToken": "before"}),
            shop(settings={"accessToken": TOKEN}),
            ["~ destination 'shop': settings.accessToken: changed"],
        ),
        (shop(settings={"accessToken": TOKEN}), shop(), ["~ destination 'shop': settings.accessToken: removed"]),
        (
            shop(mappings=[mapping("A"), mapping("B"), mapping("C")]),
            shop(mappings=[mapping("B", trigger='type = "page"'), mapping("A", fields={"event": "Lead", "value": 1})]),
            [
                "~ destination 'shop': mappings['A'].fields.event: \"Purchase\" → \"Lead\"",
                "~ destination 'shop': mappings['A'].fields.value: nothing → 1",
                "~ destination 'shop': mappings['B'].trigger: "
                '"event = \\"Order Completed\\"" → "type = \\"page\\""',
                "~ destination 'shop': mappings['C']: "
                '{"name":"C","trigger":"event = \\"Order Completed\\"","fields":{"event":"Purchase"}} → nothing',
                '~ destination \'shop\': mappings, their order: ["A","B"] → ["B","A"]',
            ],
        ),
        (
            shop(mappings=[mapping()]),
            shop(mappings=[mapping(enabled=False)]),
            ["~ destination 'shop': mappings[0].enabled: nothing → false"],
        ),
        (shop(mappings=[]), shop(), ["~ destination 'shop': mappings: [] → null"]),
        (shop(), shop(sandbox=True, title="x" * 200), None),
    ],
)
def test_members_are_named(old: Any, new: Any, expected: list[str] | None) -> None:
    found = said(old, new)
    if expected is None:
        assert [line.split(" → ")[0] for line in found] == [
            "~ destination 'shop': sandbox: false",
            "~ destination 'shop': title: \"\"",
        ]
        assert max(map(len, found)) < 200
    else:
        assert found == expected
    assert TOKEN not in "".join(found)


def test_numbers_and_booleans_are_not_the_same() -> None:
    versions = [Configuration([], [shop(mappings=[mapping("A", fields={"value": value})])]) for value in (1, True, 1.0)]
    assert len(changes(versions[0], versions[1])) == len(changes(versions[0], versions[2])) == 1


def test_changes_as_json_tell_values_and_no_secret() -> None:
    old = Configuration([SourceEntry("a", "planted-key")])
    settings = {"pixelCode": "A", "accessToken": TOKEN}
    found = msgspec.to_builtins(changes(old, Configuration(destinations=[shop(settings=settings)])))
    assert found == [
        {"action": "removed", "of": "source", "name": "a", "before": SOURCE},
        {
            "action": "added",
            "of": "destination",
            "name": "shop",
            "after": {**DESTINATION, "settings": {"pixelCode": "A", "accessToken": "(secret)"}},
        },
    ]
    (changed,) = changes(Configuration([], [shop(enabled=False)]), Configuration([], [shop()]))
    assert msgspec.to_builtins(changed) == {
        "action": "changed",
        "of": "destination",
        "name": "shop",
        "where": "enabled",
        "before": False,
        "after": True,
    }
