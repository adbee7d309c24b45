"""What can go wrong in a template."""

from __future__ import annotations


class LiquidError(ValueError):
    """A template that cannot be compiled or rendered. The message ends with the place of the fault in the template."""

    def __init__(self, message: str, source: str, offset: int) -> None:
        before = source[:offset]
        self.line = before.count("\n") + 1
        self.column = offset - (before.rfind("\n") + 1) + 1
        super().__init__(f"{message} (line {self.line}, column {self.column})")


class Fault(Exception):  # noqa: N818 - not an error yet: it becomes a LiquidError where its place is known
    """A fault found while rendering, before its place is known. Its text never quotes a value of the event."""
