"""A settled chunk's states: two bytes for each line, by event. Pure."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from tockwork.store.protocol import PLACES

_FIRST: Final = 0x8000
"""Marks the first line of each event; states are numbers below it."""


class Page:
    """The states of a chunk's lines, which are in the order of their places."""

    def __init__(self, states: bytes = b"") -> None:
        self._words = array("H")
        self._words.frombytes(states)
        if sys.byteorder == "big":
            self._words.byteswap()

    @classmethod
    def of(cls, lines: Iterable[tuple[int, int]]) -> Page:
        """From the place and the state of each line."""
        page = cls()
        page._words.extend(state if place % PLACES else state | _FIRST for place, state in lines)
        return page

    def dumps(self) -> bytes:
        words = self._words
        if sys.byteorder == "big":
            words = words[:]
            words.byteswap()
        return words.tobytes()

    def lines(self) -> Iterator[tuple[int, int]]:
        """Each line's place and state."""
        place = -PLACES
        for word in self._words:
            place = place - place % PLACES + PLACES if word & _FIRST else place + 1
            yield place, word & ~_FIRST

    def states(self) -> Counter[int]:
        """How many lines have each state."""
        return self._counted(self._words)

    def firsts(self) -> Counter[int]:
        """How many events' first lines have each state."""
        return self._counted(word for word in self._words if word & _FIRST)

    def _counted(self, words: Iterable[int]) -> Counter[int]:
        found: Counter[int] = Counter()
        for word, number in Counter(words).items():
            found[word & ~_FIRST] += number
        return found

    def change(self, states: dict[int, int]) -> dict[int, int]:
        """Gives the lines at these places new states; returns the former ones."""
        former: dict[int, int] = {}
        for index, (place, state) in enumerate(self.lines()):
            if place in states:
                former[place] = state
                self._words[index] = self._words[index] & _FIRST | states[place]
        return former

    def add(self, event: int, states: Iterable[int]) -> list[int]:
        """Further lines of an event, after those it has; returns their places."""
        at = place = 0
        for index, (each, _) in enumerate(self.lines()):
            if each // PLACES == event:
                at, place = index, each
        added = []
        for offset, state in enumerate(states, 1):
            self._words.insert(at + offset, state)
            added.append(place + offset)
        return added
