"""Finds the bad rows of a refused batch with few requests. Pure.

TikTok refuses a batch as a whole for one bad row. Its message may name the row, rightly or not; so a named row is sent
alone before the others: a row is rejected only when it was refused alone, and an index that lies costs one request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

Places = tuple[int, ...]

_TRUSTED_REFUSALS: Final = 8
"""So many rows refused with none delivered between them: halve instead of taking one row after the other."""

_LOOK_ELSEWHERE: Final = 25
"""So many refused with none delivered between them: go on from the other end, where good rows may be."""


class Search:
    """The parts of one batch that are still to be sent, in the order of sending."""

    def __init__(self, places: Places) -> None:
        self._parts: deque[Places] = deque([places])
        self._suspects: set[int] = set()
        self._refused = 0
        self._lied = False

    @property
    def trusting(self) -> bool:
        """Whether an index in a message is to be believed for now."""
        return not self._lied and self._refused < _TRUSTED_REFUSALS

    def take(self) -> Places | None:
        """The part to send next; None when the search is over."""
        if not self._parts:
            return None
        return self._parts.popleft() if self._from_left else self._parts.pop()

    @property
    def _from_left(self) -> bool:
        return self._refused < _LOOK_ELSEWHERE

    def resend(self, parts: Sequence[Places], suspects: Places) -> None:
        """These parts come next, in this order unless the search goes on from the other end; `suspects` are rows that
        the platform named."""
        if self._from_left:
            self._parts.extendleft(reversed(parts))
        else:
            self._parts.extend(parts)
        self._suspects.update(suspects)

    def delivered(self, places: Places) -> None:
        self._refused = 0
        if len(places) == 1 and places[0] in self._suspects:
            self._lied = True

    def rejected(self) -> None:
        self._refused += 1

    def abandon(self) -> Places:
        """Gives up; returns every row not sent yet, in order."""
        rest = tuple(sorted(place for part in self._parts for place in part))
        self._parts.clear()
        return rest


def halves(places: Places) -> tuple[Places, Places]:
    middle = (len(places) + 1) // 2
    return places[:middle], places[middle:]


def pieces(places: Places, named: Sequence[int], trusting: bool) -> tuple[tuple[Places, ...], Places]:
    """The parts to send instead of a refused part of two rows or more, and the suspects among its rows.

    `named` are indexes into `places`. Each named row alone, then the others; without believable names, two halves.
    """
    suspects = tuple(places[index] for index in named[:_TRUSTED_REFUSALS]) if trusting else ()
    if not suspects or len(suspects) == len(places):
        return halves(places), ()
    others = tuple(place for place in places if place not in suspects)
    return (*((place,) for place in suspects), others), suspects
