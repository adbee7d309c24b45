"""The variables that one rendering sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tockwork.rules.javascript import UNDEFINED, whole
from tockwork.rules.liquid.coercion import Plain, string
from tockwork.rules.liquid.meter import Meter
from tockwork.rules.liquid.text import inward
from tockwork.rules.liquid.values import own, read

Filter = Callable[["Context", Any, list[Any]], Any]
"""A filter: what it is applied to, and the arguments as they are written; missing ones are missing."""


class Environment:
    """The event, read as it is needed and never changed: counters and converted values are kept beside it."""

    __slots__ = ("_event", "_own")

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self._own: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """The property `name`, or `UNDEFINED`."""
        if name not in self._own:
            key = whole(name)
            self._own[name] = inward(self._event[key]) if key in self._event else UNDEFINED
        return self._own[name]

    def set(self, name: str, value: Any) -> None:
        self._own[name] = value


class Context:
    """One rendering: the event, what the template has assigned so far, and how much work is left.

    `template` is its source, for messages. `stopped` is set by break and continue, which end the rendering where there
    is no loop. `cycles` holds the position of each cycle tag.
    """

    __slots__ = ("_item", "cycles", "environment", "filters", "meter", "scopes", "stopped", "template")

    def __init__(self, template: str, event: Mapping[str, Any], filters: Mapping[str, Filter]) -> None:
        self.template = template
        self.environment = Environment(event)
        self.filters = filters
        self.meter = Meter()
        self.scopes: list[dict[str, Any]] = [{}]
        self.stopped = False
        self.cycles: dict[str, int] = {}
        self._item: Any = UNDEFINED

    def within(self, item: Any) -> Context:
        """A context in which the variables are the properties of `item`, at the expense of the same meter."""
        inner = Context(self.template, {}, self.filters)
        inner.meter = self.meter
        inner._item = item
        return inner

    def assign(self, name: str, value: Any) -> None:
        self.scopes[0][name] = value

    def find(self, key: Any) -> Any:
        """The variable `key`: assigned by the template, or else of the event, or else `UNDEFINED`."""
        name = string(key)
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        found = self.environment.get(name)
        if found is UNDEFINED:
            found = read(self._item, name) if isinstance(self._item, Plain) else own(self._item, name)
        # A variable named size that nobody has is the size of an empty object.
        return 0 if found is UNDEFINED and key == "size" else found

    def event_text(self, *names: str) -> str:
        """The first of these properties of the event that is a text, or an empty text."""
        values = map(self.environment.get, names)
        return next((value for value in values if isinstance(value, str)), "")
