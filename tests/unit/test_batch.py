"""Packing rows into requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.delivery.batch import Row, body, pack
from tockwork.destinations.declare import Limits
from tockwork.model.event import Envelope

WEB = Envelope("web", "C8E2OS3C77UABCDXYZ00")
ENVELOPES = (WEB, Envelope("web", "C8E2OS3C77UABCDXYZ00", "TEST12345"), Envelope("offline", "7676700000000000000"))


def row(number: int, envelope: Envelope = WEB, size: int = 0) -> Row:
    return Row(json.dumps({"n": number, "pad": "x" * size}).encode(), envelope)


def sent(rows: Sequence[Row], places: Sequence[int]) -> bytes:
    return body(rows[places[0]].envelope, [rows[place].body for place in places])


rows_of_any_kind = st.lists(st.builds(row, st.integers(), st.sampled_from(ENVELOPES), st.integers(0, 300)), max_size=60)


@given(rows=rows_of_any_kind, most_rows=st.integers(1, 20), most_bytes=st.integers(60, 900))
def test_packing_is_an_exact_partition_within_the_limits(rows: list[Row], most_rows: int, most_bytes: int) -> None:
    batches, oversized = pack(rows, Limits(rows=most_rows, bytes=most_bytes))
    assert sorted([*oversized, *(place for batch in batches for place in batch.places)]) == list(range(len(rows)))
    for batch in batches:
        request = sent(rows, batch.places)
        assert len(request) == batch.size <= most_bytes
        assert 1 <= len(batch.places) <= most_rows
        assert {rows[place].envelope for place in batch.places} == {batch.envelope}
    for place in oversized:
        assert len(sent(rows, [place])) > most_bytes
    for envelope in ENVELOPES:
        order = [place for batch in batches if batch.envelope == envelope for place in batch.places]
        assert order == sorted(order)
    assert [batch.places[0] for batch in batches] == sorted(batch.places[0] for batch in batches)


@given(rows=rows_of_any_kind)
def test_a_batch_is_closed_only_when_the_next_row_does_not_fit(rows: list[Row]) -> None:
    limits = Limits(rows=7, bytes=500)
    batches, _ = pack(rows, limits)
    for envelope in ENVELOPES:
        own = [batch for batch in batches if batch.envelope == envelope]
        for batch, following in pairwise(own):
            grown = sent(rows, (*batch.places, following.places[0]))
            assert len(batch.places) == limits.rows or len(grown) > limits.bytes


def test_the_body_is_tiktoks_and_rows_keep_their_bytes() -> None:
    request = body(ENVELOPES[1], [b'{"event": "A"}', b'{"event":"B"}'])
    assert request == (
        b'{"event_source":"web","event_source_id":"C8E2OS3C77UABCDXYZ00","test_event_code":"TEST12345",'
        b'"data":[{"event": "A"},{"event":"B"}]}'
    )
    assert json.loads(request)["data"] == [{"event": "A"}, {"event": "B"}]


def test_what_is_empty_in_the_envelope_is_left_out() -> None:
    assert json.loads(body(WEB, [b"{}"])) == {
        "event_source": "web",
        "event_source_id": WEB.event_source_id,
        "data": [{}],
    }


@pytest.mark.parametrize(("number", "requests"), [(0, 0), (1, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_a_request_has_at_most_a_thousand_rows(number: int, requests: int) -> None:
    batches, oversized = pack([row(n) for n in range(number)], Limits())
    assert (len(batches), oversized) == (requests, [])


def test_the_byte_limit_is_exact() -> None:
    size = len(body(WEB, [row(1).body]))
    assert pack([row(1)], Limits(bytes=size))[1] == []
    assert pack([row(1)], Limits(bytes=size - 1)) == ([], [0])
