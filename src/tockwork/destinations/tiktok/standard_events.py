"""TikTok's event names and currencies, and what to think of a name that a mapping sends.

TikTok takes every name; one that it does not know becomes a custom event, and some that it does know become another
event. So names are checked here, and never refused.
"""

from __future__ import annotations

import re
from typing import Final

from tockwork.destinations.tiktok.diagnostics import Diagnostic, Level

STANDARD: Final = frozenset(
    {
        "AddPaymentInfo",
        "AddToCart",
        "AddToWishlist",
        "ApplicationApproval",
        "CompleteRegistration",
        "Contact",
        "CustomizeProduct",
        "Download",
        "FindLocation",
        "InitiateCheckout",
        "Lead",
        "Purchase",
        "Schedule",
        "Search",
        "StartTrial",
        "SubmitApplication",
        "Subscribe",
        "ViewContent",
    }
)
"""The standard events for web, offline and CRM. Source: TikTok help centre, "Supported standard events" (2025)."""

RENAMED: Final = {"CompletePayment": "Purchase", "SubmitForm": "Lead"}
"""Names before May 2025 and after; TikTok still takes both. Source: help centre, "Adopt updated standard events"."""

RETIRING: Final = frozenset({"PlaceAnOrder", "ClickButton"})
"""Supported until 2027, then gone, without a successor. Source: as for `RENAMED`."""

PAGE_VIEW: Final = "Pageview"
"""As TikTok's pixel spells it. Not a standard event: it cannot be optimised for."""

KNOWN_NAMES: Final = STANDARD | RENAMED.keys() | RETIRING | {PAGE_VIEW}
"""Names that need no warning."""

RESERVED: Final = {
    "AddBilling": "AddPaymentInfo",
    "Browse": "PageView",
    "Checkout": "PlaceAnOrder",
    "ClickForm": "Lead",
    "ClickInDownloadPage": "ClickButton",
    "ClickToDownload": "Download",
    "Consult": "Contact",
    "ConsultByPhone": "Contact",
    "Registration": "CompleteRegistration",
    "StartCheckout": "InitiateCheckout",
    "ViewConsultationPage": "ViewContent",
    "ViewDownloadPage": "ViewContent",
    "ViewForm": "ViewContent",
}
"""Names that TikTok turns into another event without saying so. Source: help centre, "About reserved events" (2025);
CompletePayment, which that page lists too, is among `RENAMED`."""

CUSTOM_NAME_LENGTH: Final = 50
"""The most characters a custom event's name may have. Source: TikTok help centre, "Custom events" (2026)."""

CURRENCIES: Final = frozenset(
    {
        *("AED", "ARS", "AUD", "BDT", "BHD", "BIF", "BOB", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CRC", "CZK"),
        *("DKK", "DZD", "EGP", "EUR", "GBP", "GTQ", "HKD", "HNL", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES"),
        *("KHR", "KRW", "KWD", "KZT", "MAD", "MOP", "MXN", "MYR", "NGN", "NIO", "NOK", "NZD", "OMR", "PEN", "PHP"),
        *("PKR", "PLN", "PYG", "QAR", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "VES"),
        *("VND", "ZAR"),
    }
)
"""ISO 4217 codes that TikTok lists. Source: Events API, "Parameters", and help centre, "About parameters" (2025)."""

_is_custom_name = re.compile(r"[A-Za-z][A-Za-z0-9_-]*").fullmatch


def check_name(name: str, event_source: str = "web") -> list[Diagnostic]:
    """What TikTok will make of an event's name; empty when all is well. `event_source` as in a request: "offline", …"""
    if name in STANDARD or name == PAGE_VIEW:
        return []
    if name in RENAMED:
        return [_renamed(name)]
    if name in RETIRING:
        return [_retiring(name)]
    if name in RESERVED:
        return [_reserved(name)]
    meant = _KNOWN_BY_LETTERS.get(_letters(name))
    return [_misspelt(name, meant)] if meant else _check_custom(name, event_source)


def check_currency(code: str) -> list[Diagnostic]:
    """What TikTok will make of a currency; empty when it lists it."""
    if code in CURRENCIES:
        return []
    upper = code.strip().upper()
    mend = (
        f"Send {upper}." if upper in CURRENCIES else "Send the three capital letters of an ISO 4217 code on its list."
    )
    return [_warning("currency_unknown", "TikTok does not list this currency: the value may not be counted", mend)]


def _warning(code: str, message: str, mend: str) -> Diagnostic:
    return Diagnostic(Level.WARNING, code, message, mend)


def _renamed(name: str) -> Diagnostic:
    message = f"TikTok has renamed {name} to {RENAMED[name]}; it takes both and reports the new name"
    return Diagnostic(
        Level.INFO, "name_renamed", message, "Change it for pixel and server together, or each event counts twice."
    )


def _retiring(name: str) -> Diagnostic:
    message = f"TikTok supports {name} until 2027 only, and its history cannot be moved to another event"
    return Diagnostic(Level.INFO, "name_retiring", message, "Move campaigns to another standard event before then.")


def _reserved(name: str) -> Diagnostic:
    target = RESERVED[name]
    message = f"{name} is a reserved name: TikTok turns it into {target}"
    return _warning("name_reserved", message, f"Send {target} if that is meant, else choose another name.")


def _misspelt(name: str, meant: str) -> Diagnostic:
    message = (
        f"{_quoted(name)} is a custom event to TikTok, which tells capitals and spaces apart: did you mean {meant}?"
    )
    return _warning("name_misspelt", message, f"Send {meant}, spelt so on pixel and server.")


def _check_custom(name: str, event_source: str) -> list[Diagnostic]:
    """The rules of TikTok's help centre, "Custom events" (2026); for offline, of its "Offline setup guide"."""
    if not name.strip():
        return [_warning("name_empty", "The event has no name", "Give the mapping an Event Name, such as Purchase.")]
    found = []
    if len(name) > CUSTOM_NAME_LENGTH:
        message = f"The name has {len(name)} characters; TikTok allows {CUSTOM_NAME_LENGTH} for a custom event"
        found.append(_warning("name_too_long", message, "Shorten it."))
    if not _is_custom_name(name):
        message = "The name has characters that TikTok allows in no custom event"  # may be personal: not shown
        mend = "Start with a letter from A to Z; use letters, digits, _ and - only."
        found.append(_warning("name_characters", message, mend))
    if event_source == "offline":
        message = "TikTok documents standard events only for offline event sets, and this is a custom one"
        found.append(_warning("name_custom_offline", message, "Send a standard event, such as Purchase."))
    return found


def _quoted(name: str) -> str:
    return f'"{name[:CUSTOM_NAME_LENGTH]}…"' if len(name) > CUSTOM_NAME_LENGTH else f'"{name}"'


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


_KNOWN_BY_LETTERS: Final = {_letters(name): name for name in sorted(KNOWN_NAMES)}
