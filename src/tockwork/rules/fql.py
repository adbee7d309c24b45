"""The grammar of triggers: Segment's FQL, from text to conditions.

The grammar is Segment's to the letter (npm: @segment/fql-ts 1.10, @segment/destination-subscriptions 3.37), its
silences included: a word that is no field is skipped, and ``a and b or c`` takes the last word for all three. What is
taken in silence and cannot be meant comes back as a warning.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

import msgspec

from tockwork.rules import natives
from tockwork.rules.javascript import number, text_of, units, whole
from tockwork.rules.tokens import Kind, Token, TriggerError, tokens

Value: TypeAlias = str | float | bool | None
Node: TypeAlias = "Condition | Group"


class Condition(msgspec.Struct, frozen=True):
    """One comparison.

    `kind` says what is compared: ``event-type``, ``event``, ``name``, ``userId`` (members of the event), or
    ``event-property``, ``event-trait``, ``event-context`` (`name` is the path below ``properties``, ``traits`` or
    ``context``, never without a segment). The kind ``broken`` compares nothing: Segment fails when it gets to one,
    and the whole trigger does not match.

    `operator` is one of ``= != < <= > >= number_equals number_not_equals contains not_contains starts_with
    not_starts_with ends_with not_ends_with exists not_exists is_true is_false``; any other word never holds.
    """

    kind: str
    name: str = ""
    operator: str = ""
    value: Value = None


class Group(msgspec.Struct, frozen=True):
    """Conditions joined by one operator, ``and`` or ``or``."""

    operator: str
    children: tuple[Node, ...]


BROKEN: Final = Condition("broken")
KINDS: Final = {
    "type": "event-type",
    "event": "event",
    "name": "name",
    "userId": "userId",
    "context": "event-context",
    "properties": "event-property",
    "traits": "event-trait",
}
NESTED: Final = {"event-property": "properties", "event-trait": "traits", "event-context": "context"}
OPERATORS: Final = (
    *(
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "number_equals",
        "number_not_equals",
        "exists",
        "not_exists",
        "is_true",
        "is_false",
    ),
    *("contains", "not_contains", "starts_with", "not_starts_with", "ends_with", "not_ends_with"),
)
_ORDER: Final = ("<", "<=", ">", ">=")
_FUNCTIONS: Final = ("contains", "match")


class _Parser:
    """Reads one level of a trigger; a group is read by a parser of its own."""

    def __init__(self, tokens: deque[Token], warnings: list[str]) -> None:
        self._tokens = tokens
        self._warnings = warnings
        self._nodes: list[Node | None] = []  # None for a group without a condition
        self._joints: list[str] = []
        self._column = 1
        self.unclosed = False  # a function's ')' was missing

    def parse(self) -> Node | None:
        """The level's node; None where it has no condition."""
        unclosed_group = False
        while self._tokens and self._tokens[0].kind != "end":
            token = self._shift("a condition")
            if token.kind == "word":
                self._read_word(token)
            elif token.kind == "operator" and token.value == "!":
                self._read_negation(token)
            elif token.kind == "conditional":
                self._joints.append(token.value)
            elif token.kind == "open":
                unclosed_group = self._read_group(token)
                if unclosed_group and self._tokens and self._tokens[0].kind == "close":
                    self._tokens.popleft()
                    unclosed_group = False
            elif token.kind == "close" and unclosed_group:
                self._warn(token, "the group ended at its first ')': put contains() and match() last in a group")
                unclosed_group = False
            else:
                self._warn(token, f"{whole(token.value)!r} is out of place and is ignored")
        return self._node()

    def _node(self) -> Node | None:
        if len(set(self._joints)) > 1:
            self._warnings.append(
                f"'and' and 'or' are mixed without parentheses: all conditions are joined by the last, "
                f"{self._joints[-1]!r}"
            )
        if len(self._joints) < len(self._nodes) - 1:
            self._warnings.append("two conditions have neither 'and' nor 'or' between them")
        if len(self._nodes) > 1:
            return Group(self._joints[-1] if self._joints else "and", tuple(node or BROKEN for node in self._nodes))
        return self._nodes[0] if self._nodes else None

    def _read_word(self, token: Token) -> None:
        head = token.value.split(".")[0]
        if head in KINDS:
            operator, value = self._shift("an operator"), self._shift("a value")
            self._nodes.append(self._comparison(token, KINDS[head], operator, value))
        elif token.value in _FUNCTIONS:
            self._read_function(token, negated=False)
        else:
            self._warn(token, f"{whole(token.value)!r} is no field and is ignored; fields are {', '.join(KINDS)}")
            if head in natives.OBJECT.members or head == "__proto__":  # Segment finds JavaScript's own member here
                self._shift("an operator")
                self._shift("a value")

    def _comparison(self, field: Token, kind: str, operator: Token, value: Token) -> Condition:
        name = _nested_name(field.value, kind)
        expected = _value(value)
        self._check_comparison(kind, operator, value)
        sort = operator.value
        with_null = kind not in ("event", "event-type")
        with_boolean = kind not in ("event", "event-type", "name")
        if with_null and value.value == "null" and sort in ("=", "!="):
            return _condition(kind, name, "not_exists" if sort == "=" else "exists", None)
        if with_boolean and value.value in ("true", "false") and sort == "=":
            return _condition(kind, name, f"is_{value.value}", None)
        if kind not in NESTED:
            return Condition(kind, name, sort, whole(text_of(expected)))
        if value.kind == "number" and sort in ("=", "!="):
            return _condition(kind, name, "number_equals" if sort == "=" else "number_not_equals", expected)
        return _condition(kind, name, sort, expected)

    def _check_comparison(self, kind: str, operator: Token, value: Token) -> None:
        if operator.value not in OPERATORS:
            self._warn(operator, f"{whole(operator.value)!r} is no operator, so this condition never holds")
        if value.kind not in ("string", "number", "word", "null"):
            self._warn(value, "a value is missing here")
        elif value.kind == "string" and value.value.startswith("'"):
            self._warn(value, "single quotes are compared as part of the text; use double quotes")
        elif value.kind == "null" and kind in ("event", "event-type"):
            self._warn(value, "the type and the event's name are compared with the text 'null' here")
        elif value.kind == "word" and value.value in ("true", "false") and operator.value == "!=":
            self._warn(value, f"'!=' compares with the text {value.value!r}, which no true or false equals")
        elif operator.value in _ORDER and number(_value(value)) != number(_value(value)):
            self._warn(value, "a number is expected here, so this condition never holds")

    def _read_function(self, token: Token, negated: bool) -> None:
        self._expect("open", token)
        field = self._shift(f"{token.value}()'s first argument")
        self._expect("other", token)
        value = self._shift(f"{token.value}()'s second argument")
        self.unclosed = not self._expect("close", token)
        if value.kind not in ("string", "number", "word", "null"):
            self._warn(value, "a value is missing here")
        elif value.kind == "string" and value.value.startswith("'"):
            self._warn(value, "single quotes are compared as part of the text; use double quotes")
        operator, expected = "contains", units(text_of(_value(value)))
        if token.value == "match" and value.value.endswith('*"'):
            operator, expected = "starts_with", expected[:-1]
        elif token.value == "match":
            operator, expected = "ends_with", expected[1:]
        kind = next((k for k in NESTED if field.value.startswith(NESTED[k])), KINDS.get(field.value, ""))
        if not kind or kind == "event-type":
            self._warn(field, f"{token.value}() cannot look at {whole(field.value)!r} and is ignored")
            return
        name = _nested_name(field.value, kind)
        self._nodes.append(_condition(kind, name, f"not_{operator}" if negated else operator, whole(expected)))

    def _read_negation(self, token: Token) -> None:
        if self._tokens and self._tokens[0].kind == "word" and self._tokens[0].value in _FUNCTIONS:
            self._read_function(self._tokens.popleft(), negated=True)
        else:
            self._warn(token, "'!' works before contains() and match() only and is ignored here")

    def _read_group(self, token: Token) -> bool:
        """Read up to the first ')'. Returns whether a function inside took that for its own."""
        inner: deque[Token] = deque()
        while (following := self._shift("')', as groups do not nest")).kind != "close":
            inner.append(following)
        inner.append(Token("end", "eos", following.column))
        parser = _Parser(inner, self._warnings)
        node = parser.parse()
        if node is None:
            self._warn(token, "this group has no condition, and Segment fails when it gets here")
        self._nodes.append(node)
        return parser.unclosed

    def _expect(self, kind: Kind, function: Token) -> bool:
        """Take one token, whatever it is, as Segment does; where none is left there is none to take."""
        if not self._tokens:
            return False
        token = self._tokens.popleft()
        self._column = token.column
        fits = token.kind == kind
        if not fits and token.kind != "end":
            self._warn(token, f"{function.value}() takes a field, a comma and a value between parentheses")
        return fits

    def _shift(self, wanted: str) -> Token:
        if not self._tokens:
            raise TriggerError(f"the text ends where {wanted} is expected", self._column)
        token = self._tokens.popleft()
        self._column = token.column
        return token

    def _warn(self, token: Token, message: str) -> None:
        self._warnings.append(f"column {token.column}: {message}")


def _value(token: Token) -> str | float | bool:
    if token.kind == "string":
        return token.value.removeprefix('"').removesuffix('"')
    if token.kind == "number":
        return number(token.value)
    if token.kind == "word" and token.value in ("true", "false"):
        return token.value == "true"
    return token.value


def _nested_name(field: str, kind: str) -> str:
    return field.removeprefix(f"{NESTED[kind]}.") if kind in NESTED else ""


def _condition(kind: str, name: str, operator: str, value: Value) -> Condition:
    if kind in NESTED and name and not name.strip("[.]"):
        return BROKEN  # Segment's reader of paths fails on a path of dots and brackets only
    return Condition(kind, whole(name), operator, whole(value) if isinstance(value, str) else value)


def parse(text: str) -> tuple[Group, tuple[str, ...]]:
    """The root group of a trigger, and its warnings. Raises `TriggerError`."""
    warnings: list[str] = []
    parser = _Parser(tokens(text), warnings)
    node = parser.parse()
    if parser.unclosed:
        warnings.append("contains() or match() has no ')'")
    if node is None:
        raise TriggerError('a trigger needs a condition, such as type = "track"', 1)
    return (node if isinstance(node, Group) else Group("and", (node,))), tuple(warnings)
