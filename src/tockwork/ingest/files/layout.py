"""Which column of a file goes where in an event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from tockwork.ingest.files.block import OWN
from tockwork.ingest.files.headers import EVENT, ITEM, ITEMS, NUMBERS, place_of
from tockwork.model.errors import ConfigurationError, Problem

_PLACE = re.compile(
    r"(event|messageId|timestamp|userId|anonymousId"
    r"|(context|properties|traits|integrations)(\.[^.\[\]]+)+|properties\.products\[\]\.[^.\[\]]+)"
)


class Column(msgspec.Struct, frozen=True):
    """One column: its header, its index in the file, and its place in an event, None for one that is left out."""

    header: str
    index: int
    place: str | None

    @property
    def is_number(self) -> bool:
        return self.place in NUMBERS


class Layout(msgspec.Struct, frozen=True):
    """The columns of a file. `kept` are the headers that nothing was known of: they became properties."""

    columns: tuple[Column, ...]
    kept: tuple[str, ...]

    def index(self, place: str) -> int | None:
        """The index of the column at `place`."""
        return next((column.index for column in self.columns if column.place == place), None)

    def saved(self) -> dict[str, str]:
        """As a map that can be given again."""
        return {column.header: column.place or "" for column in self.columns if column.header not in OWN}


def layout(header: Sequence[str], chosen: Mapping[str, str], *, strict: bool = True, named: bool = False) -> Layout:
    """The layout of a file with this header. `chosen` maps headers to places, an empty place leaves the column out.

    Raises `ConfigurationError` for a column or a place that is none, and for two columns at one place. What `chosen`
    says of columns that are not there is an error if `strict`. With `named`, no column needs to hold the event's name.
    """
    problems: list[Problem] = []
    absent = [name for name in chosen if name not in header] if strict else []
    there = f"The file has {', '.join(map(repr, header))}."
    problems += [Problem(f"--map {name}", "is no column of the file", there) for name in absent]
    columns, kept = [], []
    for index, name in enumerate(header):
        place = None if name in OWN else chosen.get(name, place_of(name))
        if place is None and name not in OWN:
            kept.append(name)
            place = "properties." + re.sub(r"[.\[\]]", "_", name.strip())
        columns.append(Column(name, index, place or None))
    taken: dict[str, str] = {}
    for column in columns:
        if column.place is None:
            continue
        if not _PLACE.fullmatch(column.place):
            what = f"{column.place!r} is no place in an event"
            mend = "Such as event, timestamp, userId, properties.order_id, context.traits.email."
            problems.append(Problem(f"--map {column.header}", what, mend))
        if column.place in taken:
            what = f"columns {taken[column.place]!r} and {column.header!r} both go to {column.place}"
            mend = f"Leave one out with --map '{column.header}='."
            problems.append(Problem("columns", what, mend))
        taken[column.place] = column.header
    problems += _within(taken)
    if strict and not named and EVENT not in taken:
        mend = "Name one with --map COLUMN=event, or give all rows one event with --event Purchase."
        problems.append(Problem("columns", "none holds the event's name (event_type)", mend))
    if problems:
        raise ConfigurationError(problems)
    return Layout(tuple(columns), tuple(kept))


def _within(taken: Mapping[str, str]) -> list[Problem]:
    """Places that lie inside another column's place, which holds no object."""
    places = {place.replace("[]", "") for place in taken}
    problems = [
        Problem("columns", f"{taken[place]!r} goes to {place}, where others go inside", "Map it elsewhere with --map.")
        for place in taken
        if place != ITEMS and any(other.startswith(f"{place}.") for other in places)
    ]
    if ITEMS in taken and (items := [place for place in taken if place.startswith(f"{ITEM}.")]):
        mend = f"Leave one out with --map '{taken[ITEMS]}='."
        problems.append(Problem("columns", f"{taken[ITEMS]!r} and {taken[items[0]]!r} both say the products", mend))
    return problems
