"""How much one rendering may do."""

from __future__ import annotations

from typing import Any, Final

from tockwork.rules.liquid.fault import Fault

NESTING: Final = 100
"""How deep expressions, blocks and values may nest."""

WORK: Final = 10_000_000
"""Characters one rendering may read and write. It stands in for liquidjs' limit of 500 ms, which depends
on the machine, and for most of its memory limit; what takes longer than that there stops here as well."""

ITEM: Final = 8
"""An item of a list weighs as much as so many characters."""

RESERVE: Final = 100_000_000
"""liquidjs' memory limit, for what is asked for and never allocated (`slice: 0, 200000000`)."""


class Meter:
    """Counts the work of one rendering and stops it: deterministic, whatever the machine."""

    __slots__ = ("reserved", "worked")

    def __init__(self) -> None:
        self.worked: float = 0
        self.reserved: float = 0

    def work(self, amount: float) -> None:
        """Count work done or about to be done. Raises Fault where it is more than `WORK`."""
        if amount > 0:
            self.worked += amount
            if self.worked > WORK:
                raise Fault(f"the template does more than its limit of {WORK} steps")

    def reserve(self, amount: float) -> None:
        """Count memory asked for. Raises Fault where it is more than `RESERVE`."""
        if amount > 0:
            self.reserved += amount
            if self.reserved > RESERVE:
                raise Fault(f"the template asks for more than its limit of {RESERVE} units of memory")

    def weigh(self, value: Any) -> None:
        """Count reading a whole value once: its characters, its items, and theirs."""
        if isinstance(value, str):
            self.work(len(value))
        elif isinstance(value, (list, dict)):
            stack = [value]
            while stack:
                self._weigh_items(stack.pop(), stack)

    def _weigh_items(self, value: Any, stack: list[Any]) -> None:
        self.work(ITEM * (len(value) + 1))
        if isinstance(value, dict):
            self.work(sum(map(len, value)))
            value = value.values()
        for item in value:
            if isinstance(item, str):
                self.work(len(item))
            elif isinstance(item, (list, dict)):
                stack.append(item)
