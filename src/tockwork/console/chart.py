"""Charts: what `charts.js` draws, and the same numbers for the table beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

DASHES: Final = ((), (6, 4), (2, 3), (10, 4, 2, 4))
"""Lines differ in this too, so that nobody needs to tell colours apart."""
TONES: Final = ("blue", "orange", "purple", "teal", "green", "red")
BAR: Final = 8
GAP: Final = 2
HEIGHT: Final = 40


class Series(msgspec.Struct, frozen=True):
    """One line: a number for each time, None where there is none. `tone` is a colour of `charts.css`."""

    label: str
    values: Sequence[float | None]
    tone: str
    dash: Sequence[int] = ()


class Chart(msgspec.Struct, frozen=True):
    """Lines over `times` (Unix seconds, the beginnings of steps of `step_s`). `unit` is "s" for seconds, empty for
    counts."""

    title: str
    step_s: int
    times: Sequence[int]
    series: Sequence[Series]
    unit: str = ""

    @property
    def data(self) -> str:
        """JSON for the script."""
        return msgspec.json.encode(self).decode()

    @property
    def rows(self) -> list[tuple[int, list[float | None]]]:
        """The table, the newest time first."""
        columns = [line.values for line in self.series]
        return [(at, [values[place] for values in columns]) for place, at in reversed(list(enumerate(self.times)))]

    @property
    def empty(self) -> bool:
        return not any(value for line in self.series for value in line.values)


def chart(
    title: str, times: Mapping[str, Any], series: Iterable[tuple[str, Sequence[float | None], str]], unit: str = ""
) -> Chart:
    """A chart of labelled and coloured lines; `times` is a part of an answer that has `times` and `step_s`."""
    lines = [
        Series(label, values, tone, DASHES[place % len(DASHES)]) for place, (label, values, tone) in enumerate(series)
    ]
    return Chart(title, times["step_s"], times["times"], lines, unit)


class Bar(msgspec.Struct, frozen=True):
    """One step of a small chart, in its own units: `good` stands on the ground, `bad` on top of it."""

    x: int
    good: float
    bad: float


class Bars(msgspec.Struct, frozen=True):
    """A small chart that is drawn without a script."""

    bars: list[Bar]
    width: int
    height: int = HEIGHT
    thickness: int = BAR


def bars(good: Sequence[int], bad: Sequence[int]) -> Bars:
    """Two kinds of counts, one upon the other. Something is never drawn as nothing."""
    most = max([a + b for a, b in zip(good, bad, strict=True)] or [0]) or 1

    def tall(number: int) -> float:
        return round(max(1.5, HEIGHT * number / most), 2) if number else 0.0

    drawn = [
        Bar(place * (BAR + GAP), tall(a), min(tall(b), HEIGHT))
        for place, (a, b) in enumerate(zip(good, bad, strict=True))
    ]
    return Bars(drawn, max(1, len(drawn)) * (BAR + GAP) - GAP)
