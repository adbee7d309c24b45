"""What there is to say about `properties`: contents, value and currency.

Sources: help centre, "About parameters", "Web Diagnostics"; Events API, "Parameters".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tockwork.sandbox.catalogue import Finding
from tockwork.sandbox.person import is_email
from tockwork.sandbox.vocabulary import CURRENCIES, WITH_CONTENTS, WITH_VALUE

_AMOUNTS: Final = ("value", "predicted_ltv")
_NUMBERS: Final = (*_AMOUNTS, "num_items", "quantity")
_ITEM_NUMBERS: Final = ("price", "quantity")
_TEXTS: Final = ("search_string", "query", "description", "order_id", "shop_id", "status")
_TOLERANCE: Final = (0.5, 1.5)  # of Σ price x quantity: room for taxes, shipping and discounts


def property_findings(properties: dict[str, Any], event: str) -> Iterator[Finding]:
    contents = [item for item in properties.get("contents") or () if isinstance(item, dict)]
    yield from _numbers(properties, contents)
    yield from _content_ids(properties, contents, event)
    yield from _money(properties, contents, event)
    if event == "Search" and not (properties.get("search_string") or properties.get("query")):
        yield Finding("search_missing", "properties.search_string")
    for name in _TEXTS:
        if isinstance(value := properties.get(name), str) and is_email(value):
            yield Finding("email_raw", f"properties.{name}")


def _numbers(properties: dict[str, Any], contents: list[dict[str, Any]]) -> Iterator[Finding]:
    items = ((f"properties.contents.{index}", item, _ITEM_NUMBERS) for index, item in enumerate(contents))
    for prefix, holder, names in (("properties", properties, _NUMBERS), *items):
        for name in names:
            value = holder.get(name)
            if isinstance(value, str) and value.strip():
                yield Finding("number_as_text", f"{prefix}.{name}")
            elif (amount := _number(value)) is not None and amount < 0:
                yield Finding("value_negative", f"{prefix}.{name}")


def _content_ids(properties: dict[str, Any], contents: list[dict[str, Any]], event: str) -> Iterator[Finding]:
    blank = [index for index, item in enumerate(contents) if not str(item.get("content_id") or "").strip()]
    for index in blank:
        yield Finding("content_id_missing", f"properties.contents.{index}.content_id")
    if properties.get("content_id"):
        yield Finding("content_id_misplaced", "properties.content_id")
    if not contents and not properties.get("content_ids"):
        if event in WITH_CONTENTS:
            yield Finding("content_id_missing", "properties.contents")
        return
    if properties.get("value") is None and event not in WITH_VALUE and len(blank) < max(len(contents), 1):
        yield Finding("content_id_without_value", "properties.value")
    if not properties.get("content_type"):
        yield Finding("content_type_missing", "properties.content_type")


def _money(properties: dict[str, Any], contents: list[dict[str, Any]], event: str) -> Iterator[Finding]:
    value, currency = properties.get("value"), properties.get("currency")
    if value is None and event in WITH_VALUE:
        yield Finding("value_missing", "properties.value")
    if not currency:
        if value is not None or event in WITH_VALUE:
            yield Finding("currency_missing", "properties.currency")
    elif isinstance(currency, str) and currency not in CURRENCIES:
        code = "currency_case" if currency.strip().upper() in CURRENCIES else "currency_unknown"
        yield Finding(code, "properties.currency")
    amount = _number(value)
    if contents and amount is not None and (total := _total(contents)) is not None:
        low, high = _TOLERANCE
        if not low * total <= amount <= high * total:
            yield Finding("value_mismatch", "properties.value")


def _total(contents: list[dict[str, Any]]) -> float | None:
    """Σ price x quantity, None unless every item has both."""
    total = 0.0
    for item in contents:
        price, quantity = _number(item.get("price")), _number(item.get("quantity"))
        if price is None or quantity is None:
            return None
        total += price * quantity
    return total


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
