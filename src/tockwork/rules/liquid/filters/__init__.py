"""The filters of liquidjs, by name, without those that Segment disables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.filters import dates, digests, lists, markup, numbers, objects, strings


def _disabled(name: str) -> Filter:
    def fail(context: Context, value: Any, arguments: list[Any]) -> NoReturn:
        raise Fault(f"Segment does not allow the filter {name!r}")

    return fail


_DISABLED: Final = (
    "array_to_sentence_string concat find find_exp find_index find_index_exp group_by group_by_exp has has_exp map "
    "newline_to_br reject reject_exp reverse sort sort_natural uniq where_exp type"
)
DISABLED: Final = frozenset(_DISABLED.split())

FILTERS: Final[Mapping[str, Filter]] = (
    dates.FILTERS
    | digests.FILTERS
    | lists.FILTERS
    | markup.FILTERS
    | numbers.FILTERS
    | objects.FILTERS
    | strings.FILTERS
    | {name: _disabled(name) for name in DISABLED}
)
"""Every filter that is not here changes nothing, as in liquidjs."""
