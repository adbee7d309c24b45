"""The shape of an event as a configuration reads it.

A configuration reads a few dozen paths of an event. Decoding just those into typed structs takes half the time of
decoding the whole event into plain objects. A `Shape` collects the paths and makes the struct type. Absent and null
read as None. An event that is shaped otherwise (a string where an object is read, say) fails to decode, and takes the
general road.
"""

from __future__ import annotations

import keyword
import re
from typing import Any, Final

import msgspec

from tockwork.rules import natives
from tockwork.rules.javascript import has_halves

# Reading these on an object finds JavaScript's own members: left to the general road.
_INHERITED: Final = frozenset(key for key in natives.OBJECT.members if not key.startswith("__"))

_UNNAMEABLE: Final = re.compile(r'["\\\x00-\x1f]')  # what msgspec takes in no member's name


class OffRoad(Exception):  # noqa: N818 (says where the value is to go, and is nobody's mistake)
    """Raised where the fast road does not reach: the general road decides instead."""


class Node:
    """One place in an event.

    `children` are read below it; `whole` is set where the value itself is wanted, so that it is decoded as plain JSON;
    `items` is the shape of its elements where it is read as a list of objects.
    """

    __slots__ = ("attribute", "children", "items", "key", "parent", "struct", "whole")

    def __init__(self, key: str = "", attribute: str = "", parent: Node | None = None) -> None:
        self.key = key
        self.attribute = attribute
        self.parent = parent
        self.children: dict[str, Node] = {}
        self.items: Node | None = None
        self.whole = False
        self.struct: Any = None  # the type of its members, once it is built

    @property
    def above(self) -> Node:
        if self.parent is None:
            raise OffRoad
        return self.parent

    def child(self, key: str) -> Node:
        node = self.children.get(key)
        if node is None:
            if _UNNAMEABLE.search(key) or has_halves(key):
                raise OffRoad
            plain = key.isidentifier() and key.isascii() and not keyword.iskeyword(key) and not key.startswith("_")
            attribute = key if plain and not key.startswith("field_") else f"field_{len(self.children)}"
            node = self.children[key] = Node(key, attribute, self)
        return node

    def split(self, segments: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        """The deepest node that can be read as a struct member, and the segments left to read inside its value.

        A number in a path means a list, whose elements no struct names.
        """
        node = self
        if not segments:
            raise OffRoad
        for index, segment in enumerate(segments):
            if segment in _INHERITED or segment.startswith("__"):
                raise OffRoad
            if segment.isdigit() or segment == "length":
                if node is self:
                    raise OffRoad
                return node, segments[index:]
            node = node.child(segment)
        return node, ()


class Shape:
    """Collects paths with `read`, `peek` and `list_items`; then `decoder()` makes the type and its decoder."""

    def __init__(self) -> None:
        self.root = Node()
        for key in ("type", "event", "messageId", "receivedAt", "integrations"):
            self.read((key,))

    def read(self, segments: tuple[str, ...], root: Node | None = None) -> None:
        """The value at this path is wanted as it is."""
        node, _ = (root or self.root).split(segments)
        node.whole = True

    def peek(self, segments: tuple[str, ...]) -> None:
        """The value at this path is compared with a scalar or with null only."""
        node, rest = self.root.split(segments)
        node.whole = node.whole or bool(rest)

    def list_items(self, segments: tuple[str, ...]) -> Node:
        """The value at this path is read as a list of objects; returns the node of one object."""
        node, rest = self.root.split(segments)
        if rest:
            raise OffRoad
        if node.items is None:
            node.items = Node()
        return node.items

    def decoder(self) -> msgspec.json.Decoder[Any]:
        """A decoder from JSON bytes to the struct of all that was collected; call it once, at the end."""
        _build(self.root)
        return msgspec.json.Decoder(self.root.struct)


def is_reached(node: Node) -> bool:
    """Whether all that is above the node is decoded into structs, so that there is a struct for it too."""
    return node.parent is None or node.parent.parent is None or (is_object(node.parent) and is_reached(node.parent))


def is_list(node: Node) -> bool:
    return node.items is not None and not node.whole and not node.children


def is_object(node: Node) -> bool:
    return bool(node.children) and not node.whole and node.items is None


def _build(node: Node) -> None:
    """Give the node and all below it their struct types."""
    members: list[tuple[str, Any, Any]] = []
    for child in node.children.values():
        wanted: Any = Any
        if child.items is not None and is_list(child):
            _build(child.items)
            wanted = list[child.items.struct] | None  # type: ignore[name-defined]
        elif is_object(child):
            _build(child)
            wanted = child.struct | None
        members.append((child.attribute, wanted, None))
    renames = {child.attribute: child.key for child in node.children.values()}
    node.struct = msgspec.defstruct("Shape", members, rename=renames, gc=False)
