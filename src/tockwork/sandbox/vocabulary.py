"""TikTok's words: event names and currencies.

Sources: TikTok help centre, "Supported standard events" (2025), "About reserved events" (2025), "Custom events" (2026),
"About parameters" (2025); Events API, "Supported events".
"""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STANDARD: Final = _words(
    "AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download"
    " FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe"
    " ViewContent"
)
"""The eighteen standard names for web, offline and CRM; case matters."""

APP: Final = _words(
    "AchieveLevel AddPaymentInfo AddToCart AddToWishlist Checkout CompleteTutorial CreateGroup CreateRole GenerateLead"
    " InAppADClick InAppADImpr InstallApp JoinGroup LaunchAPP LoanApplication LoanApproval LoanDisbursal Login Purchase"
    " Rate Registration Search SpendCredits StartTrial Subscribe UnlockAchievement ViewContent 2Dretention"
)
"""The standard names of apps."""

RENAMED: Final = {"CompletePayment": "Purchase", "SubmitForm": "Lead"}
"""Old name → the name that reports show since May 2025. TikTok accepts both."""

RETIRING: Final = frozenset({"PlaceAnOrder", "ClickButton"})
"""Accepted until 2027, then gone."""

RESERVED: Final = {
    "AddBilling": "AddPaymentInfo",
    "Browse": "PageView",
    "Checkout": "PlaceAnOrder",
    "ClickForm": "SubmitForm",
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
"""Name → the standard event that TikTok silently makes of it."""

PAGE_VIEW: Final = "Pageview"
"""What the pixel emits; TikTok's help centre also writes `PageView`."""

PAGE_VIEWS: Final = frozenset({PAGE_VIEW, "PageView"})

WITH_VALUE: Final = frozenset({"AddToCart", "CompletePayment", "PlaceAnOrder", "Purchase"})
"""Events for which TikTok recommends value and currency."""

WITH_CONTENTS: Final = WITH_VALUE | {"ViewContent"}
"""Events for which TikTok recommends contents."""

CURRENCIES: Final = _words(
    "AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK"
    " JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY"
    " TWD UAH USD VES VND ZAR"
)

_CUSTOM: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")


def canonical(event: str) -> str:
    """The name under which copies of an event meet: both spellings of a page view are one event."""
    return PAGE_VIEW if event in PAGE_VIEWS else event


def known(event: str) -> bool:
    """A name that means something to TikTok outside apps: standard, renamed, retiring, reserved or a page view."""
    return event in STANDARD or event in RENAMED or event in RETIRING or event in RESERVED or event in PAGE_VIEWS


def custom(event: str) -> bool:
    """Whether a name keeps the rules for custom events: at most 50 letters, digits, underscores or dashes, a letter
    first."""
    return _CUSTOM.fullmatch(event) is not None


def squeezed(event: str) -> str:
    """A name without case, spaces and punctuation, to find one that only resembles a standard one."""
    return "".join(filter(str.isalnum, event)).lower()


RESEMBLED: Final = {squeezed(name): name for name in sorted(STANDARD | set(RENAMED) | RETIRING)}
"""Squeezed name → the standard name that was probably meant."""
