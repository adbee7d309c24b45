"""Generated functions: Python source that reads a decoded `Shape`, written line by line and then compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tockwork.rules import path
from tockwork.rules.javascript import UNDEFINED
from tockwork.rules.shape import Node, OffRoad, Shape

Function = Callable[[Any], Any]


class Source:
    """A function being written: its lines, the objects that it refers to, and the struct members that it has loaded.

    Every name in the text is ours and every text of a user's is a `repr`, so that nothing of theirs is ever run.
    """

    def __init__(self, shape: Shape) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"OffRoad": OffRoad, "leave": leave, "present": _present, "read": path.get}
        self._loaded: dict[int, str] = {id(shape.root): "event"}
        self._count = 0

    def name(self, prefix: str = "v") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, value: Any) -> str:
        """An expression for `value`; for a list a fresh one at each turn, so that no row can change another's."""
        if value is None or isinstance(value, bool):
            return repr(value)
        if isinstance(value, list):
            return f"[{', '.join(map(self.constant, value))}]"
        name = self.name("c")
        self.names[name] = value
        return name

    def base(self, node: Node) -> str:
        """The variable that holds `node`'s struct, loading it (and what is above it) first. Absent reads as empty."""
        if id(node) not in self._loaded:
            above, name = self.base(node.above), self.name("n")
            self.lines.append(f"{name} = {above}.{node.attribute} or {self.constant(node.struct())}")
            self._loaded[id(node)] = name
        return self._loaded[id(node)]

    def value(self, root: Node, segments: tuple[str, ...]) -> str:
        """An expression for the value at `segments` under `root`; None where it is absent or null."""
        node, rest = root.split(segments)
        for depth in range(1, len(segments)):  # an ancestor that is read whole is plain JSON below
            above, _ = root.split(segments[:depth])
            if above.whole or above.items is not None:
                node, rest = above, segments[depth:]
                break
        expression = f"{self.base(node.above)}.{node.attribute}"
        if not rest:
            return expression
        if not node.whole:
            raise OffRoad
        name = self.name()
        inside = f"present(read({name}, {rest!r}))"  # integrations, say, are there and empty as a rule
        return f"(None if ({name} := {expression}) is None or {name} == {{}} else {inside})"

    def inner(self, node: Node, variable: str) -> Source:
        """A block of this function in which `variable` holds `node`'s struct; `append` it when it is written."""
        block = object.__new__(Source)
        block.lines, block.names, block._count = [], self.names, self._count
        block._loaded = {**self._loaded, id(node): variable}
        return block

    def append(self, block: Source) -> None:
        self._count = block._count
        self.lines += [f"    {line}" for line in block.lines]

    def function(self) -> Function:
        return _template(tuple(self.lines), tuple(self.names))(*self.names.values())


def reader(shape: Shape, segments: tuple[str, ...]) -> Function:
    """A function from the shape's struct to the value at `segments`. Call after `shape.decoder()`."""
    source = Source(shape)
    source.lines.append(f"return {source.value(shape.root, segments)}")
    return source.function()


@lru_cache(maxsize=256)
def _template(lines: tuple[str, ...], names: tuple[str, ...]) -> Callable[..., Function]:
    """A function that makes the generated function from the objects it refers to.

    Mappings of one build share their code, so that fifty of them compile in little time.
    """
    body = "\n".join(f"        {line}" for line in lines)
    code = f"def template({', '.join(names)}):\n    def function(event):\n{body}\n    return function"
    namespace: dict[str, Any] = {}
    exec(compile(code, "<generated>", "exec"), namespace)  # noqa: S102 (see `Source`)
    template: Callable[..., Function] = namespace["template"]
    return template


def leave() -> bool:
    raise OffRoad


def _present(value: Any) -> Any:
    if value is None or value is UNDEFINED:
        return None
    if isinstance(value, str | int | float | list | dict):
        return value
    raise OffRoad
