"""The dedup ledger and the merging of copies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.sandbox.dedup import MERGE_S, WINDOW_S, DedupLedger, Verdict, dedup_key, filled

UNIQUE, MERGED, DROPPED = Verdict.UNIQUE, Verdict.MERGED, Verdict.DROPPED


def key(event: str = "Purchase", event_id: str = "o-1", source: str = "PIXEL", space: str = "live") -> bytes:
    return dedup_key(space, source, event, event_id)


@pytest.mark.parametrize(
    ("later_s", "verdict"),
    [
        (0, MERGED),
        (299, MERGED),
        (300, MERGED),
        (301, DROPPED),
        (WINDOW_S - 1, DROPPED),
        (WINDOW_S, UNIQUE),
        (WINDOW_S + 1, UNIQUE),
    ],
)
def test_a_copy_is_judged_by_the_time_since_the_first(later_s: float, verdict: Verdict) -> None:
    ledger = DedupLedger(capacity=10)
    assert ledger.judge(key(), 1000.0) is UNIQUE
    assert ledger.judge(key(), 1000.0 + later_s) is verdict


def test_copies_do_not_prolong_the_window() -> None:
    ledger = DedupLedger(capacity=10)
    verdicts = [ledger.judge(key(), hours * 3600.0) for hours in (0, 24, 47, 48, 49, 95, 96)]
    assert verdicts == [UNIQUE, DROPPED, DROPPED, UNIQUE, DROPPED, DROPPED, UNIQUE]


def test_every_part_of_the_key_counts_and_page_views_are_one_name() -> None:
    keys = {
        key(),
        key(event="purchase"),
        key(event_id="o-2"),
        key(source="OTHER"),
        key(space="test"),
        key(source="PIXEL\0Purchase", event="x"),
    }
    assert len(keys) == 6
    assert key(event="PageView") == key(event="Pageview")


def test_memory_is_bounded_and_what_was_forgotten_is_counted() -> None:
    ledger = DedupLedger(capacity=2)
    for number in range(3):
        assert ledger.judge(key(event_id=str(number)), float(number)) is UNIQUE
    assert ledger.forgotten == 1
    assert ledger.judge(key(event_id="2"), 3.0) is MERGED
    assert ledger.judge(key(event_id="0"), 4.0) is UNIQUE


def test_keys_past_their_window_make_room_without_being_counted_as_forgotten() -> None:
    ledger = DedupLedger(capacity=2)
    for number in range(10):
        ledger.judge(key(event_id=str(number)), number * WINDOW_S)
    assert ledger.forgotten == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0.0, 1.0, MERGE_S, MERGE_S + 1, WINDOW_S / 2, WINDOW_S])),
        max_size=40,
    )
)
def test_verdicts_agree_with_a_naive_reading_of_the_rule(arrivals: list[tuple[int, float]]) -> None:
    ledger, firsts, now = DedupLedger(capacity=100), dict[int, float](), 0.0
    for number, passed in arrivals:
        now += passed
        first = firsts.get(number)
        if first is None or now - first >= WINDOW_S:
            firsts[number], expected = now, UNIQUE
        else:
            expected = MERGED if now - first <= MERGE_S else DROPPED
        assert ledger.judge(key(event_id=str(number)), now) is expected


def test_a_copy_fills_what_the_first_lacked_and_overwrites_nothing() -> None:
    first = {
        "event": "Purchase",
        "user": {"ip": "8.8.8.8", "email": "", "phone": None, "external_id": []},
        "properties": {},
        "page": {"url": "https://shop.example/a"},
    }
    copy = {
        "event": "Purchase",
        "user": {"ip": "1.1.1.1", "email": "e", "phone": "p", "external_id": ["x"], "ttclid": ""},
        "properties": {"value": 0},
        "page": {"url": "https://shop.example/b", "referrer": "https://shop.example/"},
        "limited_data_use": False,
    }
    merged, paths = filled(first, copy)
    assert merged == {
        "event": "Purchase",
        "user": {"ip": "8.8.8.8", "email": "e", "phone": "p", "external_id": ["x"]},
        "properties": {"value": 0},
        "page": {"url": "https://shop.example/a", "referrer": "https://shop.example/"},
        "limited_data_use": False,
    }
    assert paths == ["user.email", "user.phone", "user.external_id", "properties", "page.referrer", "limited_data_use"]
    assert first["user"] == {"ip": "8.8.8.8", "email": "", "phone": None, "external_id": []}


rows = st.dictionaries(
    st.sampled_from("abc"),
    st.none() | st.integers(0, 2) | st.text(max_size=1) | st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)),
)


@given(rows, rows)
def test_merging_keeps_every_value_of_the_first_and_is_done_once(first: dict[str, Any], copy: dict[str, Any]) -> None:
    merged, _ = filled(first, copy)
    for name, value in first.items():
        if isinstance(value, dict) and value:
            assert value.items() <= merged[name].items()
        elif value not in (None, "", {}):
            assert merged[name] == value
    assert filled(merged, copy) == (merged, [])
