"""Filters of numbers. All of them calculate with doubles, as JavaScript does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED, number_text
from tockwork.rules.liquid.coercion import number
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.filters.adapters import of_numbers, of_values, zero_or_number

_SAFE: Final = 2**53 - 1


def _floor(value: float, *_: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def _ceil(value: float, *_: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def _divide(dividend: float, divisor: float) -> float:
    if divisor:
        return dividend / divisor
    return math.copysign(math.inf, dividend) if dividend else math.nan


def _divided_by(dividend: float, divisor: float = math.nan, whole: float = 0, *_: float) -> float:
    quotient = _divide(dividend, divisor)
    return _floor(quotient) if whole else quotient


def _modulo(value: float, divisor: float = math.nan, *_: float) -> float:
    """The remainder with the sign of the divisor, in the two steps of liquidjs and with their rounding."""
    return _remainder(_remainder(value, divisor) + divisor, divisor)


def _remainder(value: float, divisor: float) -> float:
    return math.fmod(value, divisor) if divisor and math.isfinite(value) else math.nan


def _round(context: Context, value: Any, digits: Any = UNDEFINED) -> float:
    unrounded, places = zero_or_number(value), zero_or_number(digits)
    scaled = _shift(abs(unrounded), places)
    if not scaled <= _SAFE:
        return unrounded
    rounded = _shift(math.floor(scaled) + (scaled % 1 >= 0.5), -places)
    return -rounded if unrounded < 0 else rounded


def _shift(value: float, digits: float) -> float:
    """The value times a power of ten, by way of its decimal digits, so that 1.005 is not 1.00499…"""
    mantissa, _, power = number_text(value).partition("e")
    return number(f"{mantissa}e{number_text(number(power or '0') + digits)}")


_ARITHMETIC: Final[dict[str, Callable[..., float]]] = {
    "abs": lambda value, *_: abs(value),
    "at_least": lambda *values: max(values),
    "at_most": lambda *values: min(values),
    "ceil": _ceil,
    "divided_by": _divided_by,
    "floor": _floor,
    "minus": lambda value, other=math.nan, *_: value - other,
    "modulo": _modulo,
    "plus": lambda value, other=math.nan, *_: value + other,
    "times": lambda value, other=math.nan, *_: value * other,
}

FILTERS: Final[dict[str, Filter]] = {name: of_numbers(function) for name, function in _ARITHMETIC.items()} | {
    "round": of_values(_round)
}
