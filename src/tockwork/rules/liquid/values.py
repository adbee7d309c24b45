"""Liquid's notion of values: what is printed, what is equal, what is true, and what a property is.

The values are JSON's in units (see `text`), `UNDEFINED`, and liquidjs' own objects: `NIL`, `EMPTY`, `BLANK`, `Block`.
"""

from __future__ import annotations

from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED, index
from tockwork.rules.liquid.coercion import OBJECT_TEXT, Plain, identical, is_number, string
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.text import SPACES


class Literal(Plain):
    """What ``nil``, ``empty`` and ``blank`` are: compared by rules of their own, and otherwise their `plain` value.

    They compare false with everything by ``<`` and its kin, and become ``{}`` in JSON.
    """

    __slots__ = ("equal_nothing", "name")

    def __init__(self, name: str, plain: Any, equal_nothing: bool) -> None:
        super().__init__(plain)
        self.name = name
        self.equal_nothing = equal_nothing

    def equals(self, other: Any) -> bool:
        if self.equal_nothing and is_nothing(plain(other)):
            return True
        if self is NIL or isinstance(other, Literal):
            return False
        if isinstance(other, str):
            return not other or (self is BLANK and SPACES.fullmatch(other) is not None)
        return (self is BLANK and other is False) or (isinstance(other, (list, dict)) and not other)


class Block(Plain):
    """The variable ``block`` inside a block tag. Without layouts, ``block.super`` is always empty."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(self)


NIL: Final = Literal("nil", None, equal_nothing=True)
EMPTY: Final = Literal("empty", "", equal_nothing=False)
BLANK: Final = Literal("blank", "", equal_nothing=True)


def plain(value: Any) -> Any:
    """The value that filters and tags consume: of a literal, what it stands for."""
    return value.plain if isinstance(value, Plain) else value


def is_nothing(value: Any) -> bool:
    return value is None or value is UNDEFINED


def truthy(value: Any) -> bool:
    """Liquid's truth: only nil and false are false."""
    value = plain(value)
    return not (value is False or is_nothing(value))


def text(value: Any) -> str:
    """What a value prints as. Raises Fault for an object that JavaScript cannot print."""
    value = plain(value)
    if isinstance(value, str):
        return value
    if is_nothing(value):
        return ""
    if isinstance(value, list):
        return "".join(map(text, value))
    return string(value)


def items(value: Any) -> list[Any]:
    """The value as a list: nothing is an empty one, anything else a list of one."""
    value = plain(value)
    if isinstance(value, list):
        return value
    return [] if is_nothing(value) else [value]


def equals(left: Any, right: Any) -> bool:
    """Liquid's ``==``: lists by their items, objects by identity, and no conversions."""
    if isinstance(left, Literal):
        return left.equals(right)
    if isinstance(right, Literal):
        return right.equals(left)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equals, left, right))
    return identical(left, right)


def own(holder: Any, name: str) -> Any:
    """The property of its own that JavaScript finds under `name`, or `UNDEFINED`."""
    if isinstance(holder, dict):
        return holder.get(name, UNDEFINED)
    if isinstance(holder, (list, str)):
        if name == "length":
            return len(holder)
        position = index(name)
        return holder[position] if 0 <= position < len(holder) else UNDEFINED
    return UNDEFINED


def element(holder: Any, position: float) -> Any:
    """The item at a position counted from the end where it is negative, of anything that has a length."""
    if position < 0:
        position += length(holder)
    return own(holder, string(position))


def length(holder: Any) -> Any:
    """The `length` of a list, a text, or an object that has such a key."""
    return own(holder, "length")


def read(holder: Any, key: Any) -> Any:
    """The property `key` of `holder`, as ``holder[key]`` and ``holder.key`` read it."""
    key = plain(key)
    if is_nothing(holder):
        return holder
    if isinstance(holder, list) and is_number(key):
        return element(holder, key)
    name = string(key)
    if isinstance(holder, Plain):
        return _read_method(holder, name)
    found = own(holder, name)
    if found is UNDEFINED and isinstance(key, str):
        return _read_special(holder, key)
    return found


def _read_special(holder: Any, key: str) -> Any:
    if key == "size" and isinstance(holder, (list, str, dict)):
        return len(holder)
    if key in ("first", "last") and isinstance(holder, list):
        return element(holder, 0 if key == "first" else -1)
    return UNDEFINED


_MEMBERS: Final = (
    "__defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__ constructor hasOwnProperty "
    "isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf"
)
OBJECT_MEMBERS: Final = frozenset(_MEMBERS.split())
"""The names that every JavaScript object knows, and that liquidjs therefore finds in its own tables."""

_INHERITED: Final = {
    "toString": OBJECT_TEXT,
    "toLocaleString": OBJECT_TEXT,
    "hasOwnProperty": False,
    "isPrototypeOf": False,
    "propertyIsEnumerable": False,
}
_UNCALLABLE: Final = frozenset({"constructor", "__defineGetter__", "__defineSetter__"})
_COMPARISONS: Final = frozenset({"gt", "geq", "lt", "leq"})


def _read_method(holder: Plain, name: str) -> Any:
    """liquidjs calls the methods that its own objects have, by any name, without arguments."""
    if name in _UNCALLABLE:
        raise Fault(f"{name} cannot be read here")
    if name == "valueOf":
        return holder.plain
    if name == "__proto__":
        return holder
    if isinstance(holder, Block) and name in ("super", "superBlockRender"):
        return ""
    if isinstance(holder, Literal) and name == "equals":
        return holder.equals(UNDEFINED)
    if isinstance(holder, Literal) and name in _COMPARISONS:
        return False
    return _INHERITED.get(name, UNDEFINED)
