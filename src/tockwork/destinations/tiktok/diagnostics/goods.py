"""Conditions of what an event is worth and of what it is about: value, currency and contents.

Sources: TikTok, "Parameters" and help centre, "Supported standard events"; integrators' reports.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from tockwork.destinations.diagnosis import Basis, Condition, Hits, Place, Sample, Seen, Severity
from tockwork.destinations.tiktok.standard_events import CURRENCIES

VALUED: Final = frozenset({"Purchase", "CompletePayment", "PlaceAnOrder", "AddToCart"})
"""Events whose value campaigns are optimised for."""
LISTED: Final = VALUED | {"ViewContent"}
"""Events that TikTok looks for products in."""
KINDS: Final = ("product", "product_group")
TOLERANCE: Final = 0.3
"""By how much the value may differ from the sum of its contents: tax, shipping and discounts."""
_EXTRAS: Final = ("tax", "shipping", "discount")
_ROUNDING: Final = 0.02


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lacks(field: str, seen: Seen) -> bool | None:
    return seen.properties.get(field) is None if seen.name in VALUED else None


def _no_value(seen: Seen) -> bool | None:
    return _lacks("value", seen)


def _no_currency(seen: Seen) -> bool | None:
    return _lacks("currency", seen)


def _bad_value(seen: Seen) -> bool | None:
    if seen.warned("value", "expected") or seen.warned("total", "expected"):
        return True
    value = seen.properties.get("value")
    return None if value is None else not _is_number(value) or not math.isfinite(value) or value < 0


def _strange_currency(seen: Seen) -> bool | None:
    code = seen.properties.get("currency")
    return None if code is None else not isinstance(code, str) or code.upper() not in CURRENCIES


def _small_currency(seen: Seen) -> bool | None:
    code = seen.properties.get("currency")
    return code != code.upper() and code.upper() in CURRENCIES if isinstance(code, str) else None


def _several_currencies(sample: Sample) -> Hits | None:
    """Events of a source in another currency than most of its events are in."""
    sources: dict[str, list[Seen]] = defaultdict(list)
    for one in sample.named(VALUED):
        if isinstance(one.properties.get("currency"), str):
            sources[one.source].append(one)
    others: list[Seen] = []
    for found in sources.values():
        usual = Counter(one.properties["currency"].upper() for one in found).most_common(1)[0][0]
        others += [one for one in found if one.properties["currency"].upper() != usual]
    return Hits.among(others, sum(map(len, sources.values())))


def _does_not_add_up(seen: Seen) -> bool | None:
    """Whether the value is far from Σ price × quantity, also with the event's own tax, shipping and discount."""
    value, total = seen.properties.get("value"), _total(seen)
    if not _is_number(value) or total is None or not math.isfinite(value):
        return None
    own = seen.event.get("properties")
    tax, shipping, discount = (_extra(own, key) for key in _EXTRAS)
    expected = total + tax + shipping - discount
    if abs(value - expected) <= _ROUNDING * max(1.0, abs(expected)):
        return False
    return bool(abs(value - total) > TOLERANCE * max(total, 1.0))


def _extra(properties: Any, key: str) -> float:
    value = properties.get(key) if isinstance(properties, Mapping) else None
    return float(value) if _is_number(value) and math.isfinite(value) else 0.0


def _total(seen: Seen) -> float | None:
    if not seen.contents:
        return None
    total = 0.0
    for item in seen.contents:
        price, quantity = item.get("price"), item.get("quantity", 1)
        if not _is_number(price) or not _is_number(quantity) or not math.isfinite(price):
            return None
        total += price * quantity
    return total


def _no_contents(seen: Seen) -> bool | None:
    if seen.name not in LISTED or seen.event_source == "crm":
        return None
    return not seen.contents and not seen.properties.get("content_ids")


def _no_content_id(seen: Seen) -> bool | None:
    return any(not _shown(item.get("content_id")) for item in seen.contents) if seen.contents else None


def _shown(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _id_without_value(seen: Seen) -> bool | None:
    if seen.name not in LISTED or not (_ids(seen) or seen.properties.get("content_ids")):
        return None
    return seen.properties.get("value") is None


def _ids(seen: Seen) -> set[str]:
    return {item["content_id"] for item in seen.contents if isinstance(item.get("content_id"), str)}


def _no_content_type(seen: Seen) -> bool | None:
    if not seen.contents and not seen.properties.get("content_ids"):
        return None
    return seen.properties.get("content_type") not in KINDS


def _ids_disagree(seen: Seen) -> bool | None:
    listed = seen.properties.get("content_ids")
    if not isinstance(listed, list) or not _ids(seen):
        return None
    return set(map(str, listed)) != _ids(seen)


def _two_kinds(sample: Sample) -> Hits | None:
    """Products that are reported as a product here and as a group there: two kinds of id are mixed."""
    kinds: dict[str, dict[str, Seen]] = defaultdict(dict)
    for one in sample.rows:
        kind = one.properties.get("content_type")
        if kind in KINDS:
            for content_id in _ids(one):
                kinds[content_id].setdefault(kind, one)
    both = [found[KINDS[1]] for found in kinds.values() if len(found) > 1]
    return Hits.among(both, len(kinds))


def _condition(code: str, title: str, **rest: Any) -> Condition:
    members: dict[str, Any] = {"level": Severity.WARNING, "basis": Basis.OFFICIAL, **rest}
    return Condition(code=code, title=title, **members)


GOODS: Final = (
    _condition(
        "value_missing",
        "No value",
        meaning="Without a value, TikTok cannot report the return on ad spend, nor optimise for value.",
        fix="Map value to where the event has the order's total, such as $.properties.total.",
        field="value",
        check=_no_value,
    ),
    _condition(
        "currency_missing",
        "No currency",
        meaning="A value without a currency is not counted as one.",
        fix="Map currency to where the event has it, or write the shop's own, such as EUR.",
        field="currency",
        check=_no_currency,
    ),
    _condition(
        "value_invalid",
        "The value is no number from 0 on",
        meaning="TikTok wants a number without symbols, letters and commas. Negative ones are not documented.",
        fix="Send a number, such as 12.5, or point the mapping's value at one.",
        field="value",
        check=_bad_value,
        refused=True,
    ),
    _condition(
        "currency_unknown",
        "A currency that TikTok does not list",
        meaning="The value may not be counted.",
        fix="Send the three capital letters of an ISO 4217 code on TikTok's list.",
        field="currency",
        check=_strange_currency,
    ),
    _condition(
        "currency_lower_case",
        "A currency in lower case",
        meaning="TikTok lists capitals only.",
        fix="Send capitals, or use @case with the operator upper in the mapping.",
        field="currency",
        check=_small_currency,
    ),
    _condition(
        "currency_differs",
        "One source, several currencies",
        meaning="Most events of the source are in one currency, and these in another. That is right for a shop that "
        "sells in several; else a total is reported in the wrong one.",
        fix="Check that value and currency of these events belong together.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="currency",
        sample=_several_currencies,
    ),
    _condition(
        "value_does_not_add_up",
        "The value is not what the contents cost",
        meaning="It differs by more than 30 % from price × quantity of the contents, tax, shipping and discount of the "
        "event considered: cents for units, say, or a price of all in place of one.",
        fix="Check value, price and quantity in the mapping against the event.",
        basis=Basis.THIRD_PARTY,
        field="value",
        check=_does_not_add_up,
    ),
    _condition(
        "contents_missing",
        "No products",
        meaning="Product ads need to know which products: neither contents nor content_ids is there. TikTok's "
        "diagnostics say Content ID missing.",
        fix="Map contents to the event's products, with a content_id each.",
        field="contents",
        check=_no_contents,
    ),
    _condition(
        "content_id_missing",
        "Products without an id",
        meaning="An item has no content_id, so it cannot be found in the catalog. A blank one counts as missing.",
        fix="Map content_id to the id that the catalog knows, such as $.product_id or $.sku.",
        basis=Basis.THIRD_PARTY,
        field="contents",
        check=_no_content_id,
    ),
    _condition(
        "content_id_without_value",
        "Products without a value",
        meaning="TikTok's diagnostics say Content ID received with no value.",
        fix="Send value, or the price of each item: it is added up where Compute Value is on.",
        basis=Basis.THIRD_PARTY,
        field="value",
        check=_id_without_value,
    ),
    _condition(
        "content_type_missing",
        "No content type, or an unknown one",
        meaning="It is product for ids of products (sku_id), and product_group for ids of groups (item_group_id).",
        fix="Write product, or product_group, into content_type.",
        field="content_type",
        check=_no_content_type,
    ),
    _condition(
        "content_ids_disagree",
        "content_ids and contents name different products",
        meaning="Two kinds of id are mixed, or one of the lists is not complete.",
        fix="Map one of the two, or both to the same ids.",
        field="content_ids",
        check=_ids_disagree,
    ),
    _condition(
        "content_types_mixed",
        "The same id as product and as product group",
        meaning="An id is one of the two in the catalog, so the other reports match nothing.",
        fix="Give all mappings the content_type that fits their ids.",
        field="content_type",
        sample=_two_kinds,
    ),
)
