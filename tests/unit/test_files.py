"""Files of events: what is read, where columns go, and which events come out."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.offline_conversions import OFFLINE_CONVERSIONS
from tockwork.destinations.tiktok.standard_events import RENAMED
from tockwork.ingest.files.engine import engine
from tockwork.ingest.files.headers import PLACES
from tockwork.ingest.files.layout import layout
from tockwork.ingest.files.names import Names
from tockwork.ingest.files.reader import Portion, Reader, Reading, opened
from tockwork.ingest.files.times import Times
from tockwork.model.errors import ConfigurationError
from tockwork.rules.path import member

NOW = 1_795_262_400.0
SHOP = Connection(OFFLINE_CONVERSIONS, {"eventSetID": "7676700000000000000"})
HEAD = "event_type,email,note\n"


def reader(path: Path, *, salt: str = "", **how: Any) -> Reader:
    reading = Reading(**how)
    return Reader(opened(path, reading), reading, Names(SHOP, RENAMED, reading.event), NOW, path.name, salt)


def portions(path: Path, after: int = 0, block_bytes: int = 1 << 20, **how: Any) -> list[Portion]:
    return list(reader(path, **how).portions(after, block_bytes))


def events(path: Path, **how: Any) -> list[dict[str, Any]]:
    return [msgspec.json.decode(entry) for portion in portions(path, **how) for entry in portion.entries]


def written(folder: Path, content: str | bytes, name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def line_of(event: dict[str, Any]) -> int:
    return int(event["context"]["file"]["line"])


def refusals(path: Path, **how: Any) -> list[tuple[int, str, str]]:
    return [(r.line, r.reason, r.message) for portion in portions(path, **how) for r in portion.refused]


CELLS = st.text(st.sampled_from('ab",;~\n\t é|'), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=30),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    block_bytes=st.integers(1, 200),
    cut=st.booleans(),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, str]], quoting: Any, end: str, block_bytes: int, cut: bool, tmp_path: Path
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator=end)
    writer.writerow(["event", "first", "second"])
    lines = []
    for row in rows:
        lines.append(out.getvalue().count("\n") + 1)
        writer.writerow(["Purchase", *row])
    path = written(tmp_path, out.getvalue().removesuffix(end) if cut else out.getvalue())
    found = [block for block in opened(path, Reading()).blocks(block_bytes) if block.cells.height]
    assert [row for block in found for row in block.cells.rows()] == [("Purchase", *row) for row in rows]
    assert [line for block in found for line in block.lines] == lines
    assert [record for block in found for record in block.records] == list(range(1, len(rows) + 1))


BAD = [
    ("Purchase,a@b.co", "unreadable_line", "has 2 fields, the header has 3"),
    ("Purchase,a@b.co,x,y", "unreadable_line", "has 4 fields, the header has 3"),
    ('Purchase,"a"b,x', "unreadable_line", "has text behind a closing quote"),
    ('Purchase,"a,x', "unreadable_line", "opens a quote that is not closed"),
    (",a@b.co,x", "missing_event_name", "has no event name"),
    ("Purchase,a@b.co," + "x" * 40_000, "event_too_large", "makes an event of more than 32 KB"),
]


@pytest.mark.parametrize(("line", "reason", "message"), BAD)
@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])
def test_a_bad_line_is_refused_alone(line: str, reason: str, message: str, block_bytes: int, tmp_path: Path) -> None:
    good = "Purchase,c@b.co,fine\n"
    path = written(tmp_path, f"{HEAD}{good}{line}\n{good}{good}")
    found = portions(path, block_bytes=block_bytes)
    assert [(r.line, r.reason, r.message) for p in found for r in p.refused] == [(3, reason, message)]
    assert [line for p in found for line in p.lines] == [2, 4, 5]
    assert found[-1].read == 4


def test_a_record_without_end_costs_no_other(tmp_path: Path) -> None:
    path = written(tmp_path, f'{HEAD}Purchase,a@b.co,"x\n{"x" * 70_000}\nPurchase,c@b.co,fine\n')
    assert [line for line, _, _ in refusals(path)] == [2, 3]
    assert [line_of(event) for event in events(path)] == [4]


def test_a_line_that_is_not_utf_8_is_refused_alone(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}Purchase,a@b.co,Köln\n".encode("latin-1") + b"Purchase,b@b.co,x\n")
    ((line, reason, message),) = refusals(path)
    assert (line, reason) == (2, "unreadable_line")
    assert "--encoding cp1252" in message
    assert [event["properties"]["note"] for event in events(path, encoding="cp1252")] == ["Köln", "x"]


def test_blank_lines_and_empty_last_fields_are_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}\nPurchase,a@b.co,x,,\n\n\nPurchase,b@b.co,y\n\n")
    assert [line_of(event) for event in events(path)] == [3, 6]
    assert not refusals(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("packed", [False, True])
def test_how_spreadsheets_write(encoding: str, sign: str, packed: bool, tmp_path: Path) -> None:
    content = f"Event Type{sign}E-Mail{sign}City\r\nPurchase{sign}a@b.co{sign}Köln\r\n".encode(encoding)
    name = "sales.csv.gz" if packed else "sales.csv"
    (event,) = events(written(tmp_path, gzip.compress(content) if packed else content, name))
    assert event["context"]["traits"] == {"email": "a@b.co", "address": {"city": "Köln"}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"event,event\nPurchase,x\n", "two columns are called 'event'"),
        (b"event,\nPurchase,x\n", "column 2 has no name"),
        ("event,email\nPurchase,x\n".encode("utf-16-le"), "--encoding utf-16"),
        (b"\x1f\x8bnot gzip", "its gzip stream is broken"),
        (b"email\na@b.co\n", "none holds the event's name"),
    ],
)
def test_a_file_that_is_none(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said):
        portions(written(tmp_path, content))


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--format csv or tsv"):
        portions(written(tmp_path, HEAD, "sales.xls"))
    with pytest.raises(ConfigurationError, match="it is no whole Parquet file"):
        portions(written(tmp_path, "PAR1 no", "sales.parquet"))
    with pytest.raises(ConfigurationError, match="is no encoding"):
        portions(written(tmp_path, HEAD), encoding="latin-nine")
    with pytest.raises(ConfigurationError, match="is no time zone"):
        portions(written(tmp_path, HEAD), times=Times("Europe/Atlantis"))


def test_without_polars_an_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}Purchase,a@b.co,x\n")
    monkeypatch.setitem(sys.modules, "polars", None)
    engine.cache_clear()
    with pytest.raises(ConfigurationError, match=r"tockwork\[files\]"):
        portions(path)
    engine.cache_clear()


# Columns


def test_every_known_header_leads_to_its_place() -> None:
    for place, names in PLACES.items():
        for name in names:
            for spelled in (name, name.title(), name.upper().replace(" ", "_"), name.replace(" ", "-")):
                (column,) = layout([spelled], {}, strict=False).columns
                assert column.place == place


def test_the_template_becomes_an_event(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "event_type,event_time,email,phone_number,value,currency,order_id,content_id,price,quantity,Store name\n"
        "Add Payment Info,1795000000,a@b.co,+14155550100,12.50,USD,O-1,sku-1,6.25,2,Mitte\n"
        "Purchase,2026-11-20 09:30:00,,,x,,,,,,\n",
    )
    first, second = events(path)
    assert first == {
        "messageId": first["messageId"],
        "type": "track",
        "event": "Payment Info Entered",
        "receivedAt": "2026-11-21T12:00:00.000Z",
        "timestamp": "1795000000",
        "properties": {
            "currency": "USD",
            "order_id": "O-1",
            "Store name": "Mitte",
            "value": 12.5,
            "products": [{"product_id": "sku-1", "price": 6.25, "quantity": 2}],
        },
        "context": {
            "traits": {"email": "a@b.co", "phone": "+14155550100"},
            "file": {"name": "sales.csv", "line": 2},
        },
    }
    assert {key: value for key, value in second["properties"].items() if value is not None} == {"value": "x"}
    assert second["timestamp"] == "2026-11-20 09:30:00"


def test_columns_go_where_they_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, 'What,Mail,Betrag,Secret\nPurchase,a@b.co,"1.234,50",x\n')
    chosen = {"What": "event", "Mail": "context.traits.email", "Betrag": "properties.value", "Secret": ""}
    (event,) = events(path, columns=chosen, decimal_comma=True)
    assert event["context"]["traits"] == {"email": "a@b.co"}
    assert event["properties"] == {"value": 1234.5}
    assert events(path, columns=chosen)[0]["properties"] == {"value": "1.234,50"}


@pytest.mark.parametrize(
    ("header", "chosen", "said"),
    [
        (["event"], {"mail": "userId"}, "is no column of the file"),
        (["event", "a"], {"a": "somewhere"}, "'somewhere' is no place in an event"),
        (["event", "email", "E-Mail"], {}, "both go to context.traits.email"),
        (["event", "contents", "price"], {}, "both say the products"),
        (["event", "a", "b"], {"a": "properties.x", "b": "properties.x.y"}, "where others go inside"),
    ],
)
def test_columns_that_make_no_event(header: list[str], chosen: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        layout(header, chosen)


@pytest.mark.parametrize(
    ("cell", "zone", "form", "expected"),
    [
        ("2026-07-01 12:00:00", None, None, "2026-07-01 12:00:00"),
        ("2026-07-01 12:00:00", "Europe/Berlin", None, "2026-07-01T10:00:00Z"),
        ("2026-12-01T12:00", "Europe/Berlin", None, "2026-12-01T11:00:00Z"),
        ("2026-07-01", "Europe/Berlin", None, "2026-06-30T22:00:00Z"),
        ("2026-07-01T12:00:00Z", "Europe/Berlin", None, "2026-07-01T12:00:00Z"),
        ("1795000000", "Europe/Berlin", None, "1795000000"),
        ("2026-03-29 02:30:00", "Europe/Berlin", None, "2026-03-29T01:30:00Z"),
        ("2026-10-25 02:30:00", "Europe/Berlin", None, "2026-10-25T00:30:00Z"),
        ("01.07.2026 12:00", "Europe/Berlin", "%d.%m.%Y %H:%M", "2026-07-01T10:00:00Z"),
        ("07/01/2026 12:00 +0200", None, "%m/%d/%Y %H:%M %z", "2026-07-01T10:00:00Z"),
        ("yesterday", "Europe/Berlin", None, "yesterday"),
    ],
)
def test_times(cell: str, zone: str | None, form: str | None, expected: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"event,time\nPurchase,{cell}\n")
    assert events(path, times=Times(zone, form))[0]["timestamp"] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(cell=st.text(st.sampled_from('0123456789.-+e, x"\\'), min_size=1, max_size=12))
def test_a_number_is_what_the_cell_says(cell: str, tmp_path: Path) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["event", "value"], ["Purchase", cell]])
    value = member(events(written(tmp_path, out.getvalue()))[0].get("properties"), "value")
    if isinstance(value, (int, float)):
        assert value == float(cell)
    else:
        assert value == (cell.strip(" ") or None)


def test_thingsmay_be_json(tmp_path: Path) -> None:
    out = io.StringIO()
    cell = '[{"content_id": "a", "price": 2}, {"content_name": "b"}]'
    csv.writer(out).writerows([["event", "contents"], ["Purchase", cell], ["Purchase", "a, b"], ["Purchase", ""]])
    first, second, third = [event["properties"]["products"] for event in events(written(tmp_path, out.getvalue()))]
    assert first == [{"product_id": "a", "price": 2}, {"name": "b"}]
    assert (second, third) == ("a, b", None)


# Which event a row is


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Order Completed", ("track", "Order Completed")),
        ("order completed", ("track", "Order Completed")),
        ("Purchase", ("track", "Order Completed")),
        ("CompletePayment", ("track", "Order Completed")),
        (" add_payment_info ", ("track", "Payment Info Entered")),
        ("AddToCart", ("track", "Product Added")),
        ("Lead", ("track", "Form Submitted")),
        ("Pageview", ("page", "")),
        ("Find Location", ("track", "Find Location")),
    ],
)
def test_names(cell: str, expected: tuple[str, str]) -> None:
    names = Names(SHOP, RENAMED)
    assert names(cell) == expected
    assert names.shown() == (["Find Location"] if cell == "Find Location" else [])


def test_a_mapping_of_ones_own_comes_first() -> None:
    mappings: list[dict[str, Any]] = [
        {"name": "a", "trigger": 'event = "Sale" and properties.value > 5', "fields": {"event": "Purchase"}},
        {"name": "b", "trigger": 'event = "Purchase"', "fields": {"event": {"@path": "$.event"}}},
        {"name": "c", "trigger": 'event = "Visit"', "fields": {"event": "FindLocation"}, "enabled": False},
        {"name": "d", "trigger": 'event = "Talk"', "fields": {"event": "Contact"}},
    ]
    names = Names(Connection(OFFLINE_CONVERSIONS, SHOP.settings, mappings), RENAMED, "Contact")
    assert names("Purchase") == ("track", "Purchase")
    assert names("Complete Payment") == ("track", "Sale")
    assert names("") == ("track", "Talk")
    assert names("FindLocation") == ("track", "FindLocation")
    assert names("ann@example.com") == ("track", "ann@example.com")
    assert names.shown() == ["FindLocation"]


# Ids


def test_one_sale_has_one_id_in_every_file(tmp_path: Path) -> None:
    rows = [["Purchase", "a@b.co", "x"], ["Purchase", "b@b.co", "y"]]
    plain = written(tmp_path, HEAD + "".join(",".join(row) + "\n" for row in rows))
    quoted = written(tmp_path, '"event_type";"email";"note"\r\n"Purchase";"b@b.co";"y"\r\n', "quoted.csv")
    mended = written(tmp_path, "tockwork_line,tockwork_reason,event_type,email,note\n7,no,Purchase,b@b.co,y\n", "m.csv")
    table = tmp_path / "t.parquet"
    pl.DataFrame({"event_type": ["Purchase"], "email": ["b@b.co"], "note": ["y"]}).write_parquet(table)
    lines = written(tmp_path, '{"event_type": "Purchase", "email": "b@b.co", "note": "y"}', "l.jsonl")
    first, second = (event["messageId"] for event in events(plain))
    assert first != second
    assert [event["messageId"] for path in (quoted, mended, table, lines) for event in events(path)] == [second] * 4
    assert events(plain, salt="other")[0]["messageId"] != first


def test_an_id_of_ones_own_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path, 'event,Event ID\nPurchase,"a ""1"""\nPurchase,\n')
    (portion,) = portions(path)
    first, second = (msgspec.json.decode(entry)["messageId"] for entry in portion.entries)
    assert first == 'a "1"'
    assert len(second) == 32
    assert portion.message_ids == [first, second]


@pytest.mark.parametrize("after", [0, 1, 5, 99, 100])
def test_a_reader_goes_on_where_it_stopped(after: int, tmp_path: Path) -> None:
    rows = [f'Purchase,a{n}@b.co,"x{n}"\n' if n % 9 else "bad\n" for n in range(100)]
    path = written(tmp_path, HEAD + "".join(rows))
    every = [entry for portion in portions(path) for entry in portion.entries]
    left = portions(path, after=after, block_bytes=300)
    assert [entry for p in left for entry in p.entries] == [
        e for e in every if line_of(msgspec.json.decode(e)) > after + 1
    ]
    assert all(record > after for p in left for record in p.records)


# Other formats


def test_parquet(tmp_path: Path) -> None:
    from datetime import UTC, date, datetime

    path = tmp_path / "sales.parquet"
    pl.DataFrame(
        {
            "event": ["Purchase", None],
            "event_time": [datetime(2026, 11, 20, 9, 30, tzinfo=UTC), None],
            "value": [12.0, None],
            "quantity": [2, None],
            "things": [[{"content_id": "a"}], None],
            "new": [True, None],
            "born": [date(1990, 1, 2), None],
        }
    ).write_parquet(path)
    found = portions(path, event="")
    (entry,) = found[0].entries
    event = msgspec.json.decode(entry)
    assert event["timestamp"] == "2026-11-20T09:30:00.000000Z"
    assert event["properties"] == {
        "value": 12,
        "products": [{"quantity": 2}],
        "things": '[{"content_id":"a"}]',
        "new": "true",
        "born": "1990-01-02",
    }
    assert [(r.line, r.reason) for r in found[0].refused] == [(2, "missing_event_name")]


def test_parquet_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    pl.DataFrame({"event": ["Purchase"] * 1000, "note": [str(n) for n in range(1000)]}).write_parquet(path)
    found = portions(path, after=100, block_bytes=128 * 64)
    assert len(found) > 10
    assert [line for portion in found for line in portion.lines] == list(range(101, 1001))
    assert found[-1].read == 1000


def test_lines_of_json(tmp_path: Path) -> None:
    event = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "tockwork_line": 9,
        "context": {"ip": "::1"},
    }
    content = [
        msgspec.json.encode(event).decode(),
        "{",
        "",
        '{"event_type": "Purchase", "value": 5, "new": {"a": [1]}}',
        '{"type": "track"}',
        "[]",
        '{"email": "a@b.co", "event_type": "Purchase"}',
        '{"type": "page", "userId": "u"}',
    ]
    path = written(tmp_path, "\n".join(content), "events.jsonl")
    for block_bytes in (1, 1 << 20):
        found = portions(path, block_bytes=block_bytes)
        made = [msgspec.json.decode(entry) for portion in found for entry in portion.entries]
        assert [line_of(each) for each in made] == [1, 4, 7, 8]
        assert made[0]["messageId"] == "m-1"
        assert made[0]["context"]["ip"] == "::1"
        assert "tockwork_line" not in made[0]
        assert made[1]["properties"] == {"new": '{"a":[1]}', "value": 5}
        assert len(made[3]["messageId"]) == 32
        refused = [(r.line, r.reason) for portion in found for r in portion.refused]
        assert sorted(refused) == [(2, "unreadable_line"), (5, "missing_event_name"), (6, "unreadable_line")]
