"""Charts: what the script draws and what the table says are the same."""

from __future__ import annotations

import msgspec
import pytest

from tockwork.console.chart import HEIGHT, bars, chart

TIMES = {"step_s": 60, "times": [0, 60, 120]}


def test_the_table_has_the_chart_s_numbers_the_newest_first() -> None:
    made = chart("Deliveries", TIMES, [("Delivered", [1, 2, 3], "green"), ("Rejected", [0, None, 4], "red")])
    assert made.rows == [(120, [3, 4]), (60, [2, None]), (0, [1, 0])]
    data = msgspec.json.decode(made.data)
    assert data["times"] == [0, 60, 120]
    assert [line["values"] for line in data["series"]] == [[1, 2, 3], [0, None, 4]]


def test_lines_differ_in_more_than_their_colour() -> None:
    made = chart("", TIMES, [(str(place), [1, 2, 3], "green") for place in range(4)])
    assert len({tuple(line.dash) for line in made.series}) == 4


@pytest.mark.parametrize(("values", "empty"), [([0, None, 0], True), ([], True), ([0, 0.1, None], False)])
def test_a_chart_of_nothing_is_empty(values: list[float | None], empty: bool) -> None:
    assert chart("", TIMES, [("a", values, "red")]).empty is empty


def test_bars_stand_upon_each_other_and_fill_the_height() -> None:
    made = bars([30, 0, 1], [10, 0, 0])
    assert [(bar.good, bar.bad) for bar in made.bars] == [(HEIGHT * 0.75, HEIGHT * 0.25), (0, 0), (1.5, 0)]
    assert [bar.x for bar in made.bars] == [0, 10, 20]
    assert made.width == 28


def test_few_dead_letters_among_many_deliveries_are_seen() -> None:
    (bar,) = bars([1_000_000], [1]).bars
    assert bar.bad == 1.5


@pytest.mark.parametrize("numbers", [[], [0, 0, 0]])
def test_bars_of_nothing(numbers: list[int]) -> None:
    made = bars(numbers, numbers)
    assert all(bar.good == bar.bad == 0 for bar in made.bars)
    assert made.width > 0
