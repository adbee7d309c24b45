"""Mappings: how an event's values become a destination's fields, in Segment's mapping JSON.

    >>> mapping = Mapping.parse({"value": {"@path": "$.properties.total"}, "currency": "EUR"})
    >>> mapping.resolve({"properties": {"total": 45.5}})
    {'value': 45.5, 'currency': 'EUR'}

The behaviour is that of `transform` in npm's @segment/actions-core 3.170, run on Node; docs/decisions/0002 has more.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from tockwork.model.errors import Problem
from tockwork.rules.directives import Failing, Resolver, compile_mapping, unwrapped
from tockwork.rules.javascript import UNDEFINED, ScriptError, real_type
from tockwork.rules.notation import observe
from tockwork.rules.validation import below, is_directive, problems

__all__ = ["Mapping", "MappingError", "ResolveError"]


class MappingError(ValueError):
    """Raised for a mapping that Segment would refuse before any event. `problems` has all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ResolveError(ValueError):
    """Raised where a mapping fails on an event, or its result outgrows our limits. Never holds the event's values."""


class Mapping:
    """A parsed mapping. `source` is its JSON, a copy that nothing changes."""

    __slots__ = ("_resolve", "source")

    def __init__(self, source: dict[str, Any], resolve: Resolver) -> None:
        self.source = source
        self._resolve = resolve

    @classmethod
    def parse(cls, mapping: dict[str, Any]) -> Mapping:
        """Read a mapping. Raises `MappingError` with every problem that is found."""
        if not isinstance(mapping, dict):
            raise MappingError([Problem("", f"a mapping is an object, found {real_type(mapping)}")])
        try:
            root = unwrapped(mapping)
        except ScriptError as error:
            raise MappingError([Problem("", str(error))]) from None
        found = problems(root)
        if found:
            raise MappingError(found)
        source = copy.deepcopy(mapping)
        return cls(source, compile_mapping(unwrapped(source)))

    def resolve(self, event: dict[str, Any]) -> Any:
        """The mapping's value for `event`, as a reader of its JSON sees it; None where there is none.

        The lists and objects in it are fresh: changing them changes neither the event nor the mapping. Raises
        `ResolveError`.
        """
        if not isinstance(event, dict):
            raise ResolveError(f"an event is an object, found {real_type(event)}")
        try:
            value = observe(self._resolve(event))
        except ScriptError as error:
            raise ResolveError(str(error)) from None
        except RecursionError:
            raise ResolveError("the mapping and the event are nested too deep") from None
        return None if value is UNDEFINED else value

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What fails on every event that gets to it, though Segment accepts the mapping: bad Liquid, for one."""
        return tuple(_failing(unwrapped(self.source), ""))

    def __repr__(self) -> str:
        return f"Mapping.parse({self.source!r})"


def _failing(part: Any, where: str) -> Iterator[Problem]:
    if is_directive(part):
        resolver = compile_mapping(part)
        if isinstance(resolver, Failing):
            yield Problem(where, resolver.message)
    if isinstance(part, dict):
        for key, member in part.items():
            yield from _failing(member, below(where, key))
    elif isinstance(part, list):
        for position, item in enumerate(part):
            yield from _failing(item, f"{where}[{position}]")
