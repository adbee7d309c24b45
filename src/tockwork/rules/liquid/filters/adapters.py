"""Turns plain functions into filters, which get what they are applied to and a list of arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tockwork.rules.liquid.coercion import number
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.values import plain, text


def of_text(function: Callable[[str], Any]) -> Filter:
    """A filter of the value's text that takes no arguments."""
    return lambda context, value, arguments: function(text(value))


def of_texts(function: Callable[..., Any], arity: int) -> Filter:
    """A filter of texts: the value's, and those of `arity` arguments, of which missing ones are empty."""

    def apply(context: Context, value: Any, arguments: list[Any]) -> Any:
        given = [text(argument) for argument in arguments[:arity]]
        return function(text(value), *given, *[""] * (arity - len(given)))

    return apply


def of_numbers(function: Callable[..., float]) -> Filter:
    """A filter of numbers: what is none is zero. It gets as many arguments as there are."""

    def apply(context: Context, value: Any, arguments: list[Any]) -> float:
        return function(*map(zero_or_number, (value, *arguments)))

    return apply


def zero_or_number(value: Any) -> float:
    """The value as a number; NaN and the negative zero are zero."""
    given = number(plain(value))
    return given if given == given and given else 0.0


def of_values(function: Callable[..., Any]) -> Filter:
    """A filter that takes the context, the value, and the arguments as they are, at most as many as it names."""
    arity = len(inspect.signature(function).parameters) - 2
    return lambda context, value, arguments: function(context, value, *arguments[:arity])
