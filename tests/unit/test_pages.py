"""Pages of the ledger against a list of places and states."""

from __future__ import annotations

from struct import unpack

from hypothesis import given
from hypothesis import strategies as st

from tockwork.store.pages import Page
from tockwork.store.protocol import PLACES, place_of

states = st.integers(0, 2**15 - 1)
events = st.lists(st.lists(states, min_size=1, max_size=5), min_size=1, max_size=12)
"""The states of each event's lines."""


def placed(model: list[list[int]]) -> list[tuple[int, int]]:
    """The model as a page tells it."""
    return [(place_of(event, nth), state) for event, own in enumerate(model) for nth, state in enumerate(own)]


@given(events)
def test_a_page_tells_its_lines_also_after_it_was_kept(model: list[list[int]]) -> None:
    page = Page.of(placed(model))
    assert list(page.lines()) == list(Page(page.dumps()).lines()) == placed(model)


@given(events)
def test_a_page_takes_two_bytes_for_each_line_on_any_machine(model: list[list[int]]) -> None:
    kept = Page.of(placed(model)).dumps()
    assert len(kept) == 2 * sum(map(len, model))
    words = unpack(f"<{len(kept) // 2}H", kept)
    assert [word & 0x7FFF for word in words] == [state for own in model for state in own]
    assert sum(word >> 15 for word in words) == len(model)


@given(events, st.data())
def test_lines_change_where_they_are(model: list[list[int]], data: st.DataObject) -> None:
    page, before = Page.of(placed(model)), dict(placed(model))
    new = data.draw(st.dictionaries(st.sampled_from([*before, PLACES - 1]), states))
    assert page.change(new) == {place: before[place] for place in new if place in before}
    assert list(page.lines()) == [(place, new.get(place, state)) for place, state in before.items()]


@given(events, st.lists(st.tuples(st.integers(0, 11), st.lists(states, max_size=3)), min_size=1, max_size=4))
def test_an_event_gets_further_lines_after_its_own(
    model: list[list[int]], additions: list[tuple[int, list[int]]]
) -> None:
    page = Page.of(placed(model))
    for number, more in additions:
        event = number % len(model)
        has = len(model[event])
        assert page.add(event, more) == [place_of(event, has + nth) for nth in range(len(more))]
        model[event] += more
        page = Page(page.dumps())
        assert list(page.lines()) == placed(model)
