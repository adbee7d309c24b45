"""The rows of TikTok's Events API 2.0, and the record of fields that they are made from.

Source: TikTok, "Report App, Web, Offline, or CRM Events" and "Parameters". A member that is None is left out of the
JSON: nothing empty is ever sent. None of these can be part of a reference cycle, so the collector need not watch them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Content(msgspec.Struct, omit_defaults=True, gc=False):
    """One element of ``properties.contents``."""

    price: int | float | None = None
    quantity: int | float | None = None
    content_category: str | None = None
    content_id: str | None = None
    content_name: str | None = None
    brand: str | None = None


class Address(msgspec.Struct, gc=False):
    """Where a person lives, as given."""

    city: str | None = None
    country: str | None = None
    zip_code: str | None = None
    state: str | None = None


class Lead(msgspec.Struct, omit_defaults=True, gc=False):
    """``lead`` of a CRM event."""

    lead_id: str | None = None
    lead_event_source: str | None = None


class Fields(msgspec.Struct, gc=False):
    """What a mapping filled, coerced: the one record of all cloud destinations. None is absent."""

    event: str = ""
    event_source: str | None = None
    event_id: str | None = None
    timestamp: str | None = None
    phone: list[str] | None = None
    email: list[str] | None = None
    first_name: str | None = None
    last_name: str | None = None
    address: Address | None = None
    order_id: str | None = None
    shop_id: str | None = None
    external_id: list[str] | None = None
    ttclid: str | None = None
    ttp: str | None = None
    locale: str | None = None
    url: str | None = None
    referrer: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    contents: list[Content] | None = None
    content_ids: list[str] | None = None
    num_items: int | float | None = None
    content_type: str | None = None
    currency: str | None = None
    value: int | float | None = None
    total: int | float | None = None
    description: str | None = None
    query: str | None = None
    search_string: str | None = None
    limited_data_use: bool | None = None
    test_event_code: str | None = None
    delivery_category: str | None = None
    predicted_ltv: int | float | None = None
    lead: Lead | None = None
    lead_id: str | None = None
    event_spec_type: str | None = None
    vehicle: dict[str, Any] | None = None
    travel: dict[str, Any] | None = None
    landing_url: str | None = None
    form_name: str | None = None


class User(msgspec.Struct, omit_defaults=True, gc=False):
    """``user``: the match keys. Lists hold SHA-256 hashes."""

    external_id: list[str] | None = None
    phone: list[str] | None = None
    email: list[str] | None = None
    ttclid: str | None = None
    ttp: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    locale: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    zip_code: str | None = None
    lead_id: str | None = None


class Properties(msgspec.Struct, omit_defaults=True, gc=False):
    """``properties``: what the event was about."""

    contents: list[Content] | None = None
    content_type: str | None = None
    content_ids: list[str] | None = None
    num_items: int | None = None
    currency: str | None = None
    value: int | float | None = None
    description: str | None = None
    query: str | None = None
    search_string: str | None = None
    order_id: str | None = None
    shop_id: str | None = None
    delivery_category: str | None = None
    predicted_ltv: int | float | None = None
    form_name: str | None = None


class Page(msgspec.Struct, omit_defaults=True, gc=False):
    """``page`` of a web event."""

    url: str | None = None
    referrer: str | None = None


class Row(msgspec.Struct, omit_defaults=True, gc=False):
    """One element of ``data[]``. `event_time` is in whole Unix seconds."""

    event: str
    event_time: int
    user: User
    properties: Properties | dict[str, Any]
    limited_data_use: bool | None = None
    event_id: str | None = None
    page: Page | None = None
    lead: Lead | None = None
