"""Expressions, ready to be evaluated: literals, paths, ranges, operators, filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tockwork.rules.javascript import UNDEFINED
from tockwork.rules.liquid.coercion import compare, number, string
from tockwork.rules.liquid.context import Context
from tockwork.rules.liquid.meter import ITEM
from tockwork.rules.liquid.values import Literal, equals, plain, read, truthy


class Operand(Protocol):
    """Anything that has a value in a context. Evaluating raises Fault where liquidjs throws."""

    def evaluate(self, context: Context) -> Any: ...


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any

    def evaluate(self, context: Context) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class Path:
    """Properties of `holder`, or of the variables where there is no holder."""

    holder: Operand | None
    keys: tuple[Operand, ...]

    def evaluate(self, context: Context) -> Any:
        keys = [plain(key.evaluate(context)) for key in self.keys]
        value = context.find(keys.pop(0)) if self.holder is None else self.holder.evaluate(context)
        for key in keys:
            value = read(value, key)
        return value

    def __str__(self) -> str:
        """The path in dots, as far as it does not depend on other variables."""
        return ".".join(self._constants())

    def _constants(self) -> Iterator[str]:
        for key in self.keys:
            if not isinstance(key, Constant):
                return
            yield string(plain(key.value))


@dataclass(frozen=True, slots=True)
class Range:
    """The list of numbers from `low` in steps of one, up to `high`."""

    low: Operand
    high: Operand

    def evaluate(self, context: Context) -> list[float]:
        start = number(plain(self.low.evaluate(context)))
        stop = number(plain(self.high.evaluate(context))) + 1
        if not start < stop:
            return []
        context.meter.work(ITEM * (stop - start))
        if start.is_integer() and stop < 2**53:
            return list(range(int(start), math.ceil(stop)))
        values = []
        while start < stop:
            context.meter.work(ITEM)
            values.append(start)
            start += 1
        return values


def _contains(left: Any, right: Any) -> bool:
    left = plain(left)
    if isinstance(left, list):
        return any(equals(item, right) for item in left)
    return isinstance(left, str) and string(plain(right)) in left


def _ordered(*orders: int) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        if isinstance(left, Literal) or isinstance(right, Literal):
            return False
        return compare(left, right) in orders

    return apply


@dataclass(frozen=True, slots=True)
class Operator:
    """What stands between two operands, or before one (``not``, which is handed it as `right`)."""

    precedence: int
    apply: Callable[[Any, Any], bool]
    unary: bool = False


OPERATORS: Final = {
    "==": Operator(2, equals),
    "!=": Operator(2, lambda left, right: not equals(left, right)),
    ">": Operator(2, _ordered(1)),
    "<": Operator(2, _ordered(-1)),
    ">=": Operator(2, _ordered(1, 0)),
    "<=": Operator(2, _ordered(-1, 0)),
    "contains": Operator(2, _contains),
    "not": Operator(1, lambda _, right: not truthy(right), unary=True),
    "and": Operator(0, lambda left, right: truthy(left) and truthy(right)),
    "or": Operator(0, lambda left, right: truthy(left) or truthy(right)),
}


def postfix(tokens: Iterable[Operand | Operator]) -> Iterator[Operand | Operator]:
    """The tokens with each operator after its operands; operators of equal precedence are taken from the right."""
    waiting: list[Operator] = []
    for token in tokens:
        if isinstance(token, Operator):
            while waiting and waiting[-1].precedence > token.precedence:
                yield waiting.pop()
            waiting.append(token)
        else:
            yield token
    yield from reversed(waiting)


@dataclass(frozen=True, slots=True)
class Call:
    """A filter by name, with its arguments; one with a `name` is handed over as a list of the name and the value."""

    name: str
    arguments: tuple[tuple[str | None, Operand], ...]

    def apply(self, value: Any, context: Context) -> Any:
        """The filter's result; a filter that nobody knows changes nothing."""
        arguments = [_argument(name, operand.evaluate(context)) for name, operand in self.arguments]
        function = context.filters.get(self.name)
        if function is None:
            return value
        for read_value in (value, *arguments):
            context.meter.weigh(read_value)
        result = function(context, value, arguments)
        context.meter.weigh(result)
        return result


def _argument(name: str | None, value: Any) -> Any:
    return value if name is None else [name, value]


@dataclass(frozen=True, slots=True)
class Value:
    """Operands and operators in postfix order, and the filters applied to the result.

    Operands may follow each other without an operator: the first one counts, the others are only evaluated.
    """

    postfix: tuple[Operand | Operator, ...]
    calls: tuple[Call, ...]

    def evaluate(self, context: Context) -> Any:
        value = self._initial(context)
        for call in self.calls:
            value = call.apply(value, context)
        return value

    def _initial(self, context: Context) -> Any:
        stack: list[Any] = []
        for token in self.postfix:
            if isinstance(token, Operator):
                right = stack.pop() if stack else UNDEFINED
                left = stack.pop() if stack and not token.unary else UNDEFINED
                context.meter.weigh(left)
                context.meter.weigh(right)
                stack.append(token.apply(left, right))
            else:
                stack.append(token.evaluate(context))
        return stack[0]
