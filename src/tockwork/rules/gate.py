"""What keeps an event from a destination before any trigger is asked."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final, Literal

import msgspec

from tockwork.model import reasons


def folded(name: str) -> str:
    """An integration's name without case and spaces: Segment itself writes both "Tiktok" and "TikTok Conversions"."""
    return "".join(name.split()).lower()


def switched_off(integrations: Any, names: Collection[str]) -> bool:
    """Whether an event's ``integrations`` object switches a destination off; `names` are the destination's, folded.

    ``false`` under its name does; so does ``"All": false`` unless the destination is named with something else
    (Segment, "Filtering with the integrations object").
    """
    if not isinstance(integrations, dict):
        return False
    everything = True
    for key, value in integrations.items():
        name = folded(key)
        if name in names:
            return value is False
        if name == "all":
            everything = value is not False
    return not everything


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person must have agreed to: `all` or `any` of the `categories`, as their consent manager names them.

    `missing` says what becomes of an event without preferences.
    """

    categories: list[str]
    mode: Literal["all", "any"] = "all"
    missing: Literal["block", "allow"] = "block"

    def given(self, preferences: Any) -> bool:
        """Whether ``context.consent.categoryPreferences`` agrees. Only ``true`` does; a category that is not named has
        not been agreed to (Segment, "Consent management: consent object")."""
        if not isinstance(preferences, dict):
            return self.missing == "allow"
        agreed = (preferences.get(category) is True for category in self.categories)
        return all(agreed) if self.mode == "all" else any(agreed)


OptOut = Literal["ignore", "limit", "block"]
CONSENT_PATH: Final = ("context", "consent")
"""Where an event carries consent: category preferences, and the opt-outs below."""


class Gate(msgspec.Struct, frozen=True):
    """One destination's gate. It is shown the event's ``context.consent``, whatever that is."""

    consent: Consent | None = None
    opt_out: OptOut = "ignore"

    def __bool__(self) -> bool:
        return self.consent is not None or self.opt_out != "ignore"

    def stops(self, consent: Any) -> str | None:
        """The reason code for which the event is stopped; None where it may pass."""
        said = consent if isinstance(consent, dict) else {}
        if self.consent is not None and not self.consent.given(said.get("categoryPreferences")):
            return reasons.CONSENT
        return reasons.OPTED_OUT if self.opt_out == "block" and opted_out(said) else None

    def limits(self, consent: Any) -> bool:
        """Whether the event may be sent only with limited data use."""
        return self.opt_out == "limit" and isinstance(consent, dict) and opted_out(consent)


_GPP: Final = ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut")
_is_opt_out = re.compile(r"\s*\d[YN-]Y[YN-]\s*", re.IGNORECASE).fullmatch


def opted_out(consent: dict[str, Any]) -> bool:
    """Whether ``context.consent`` carries an opt-out, in any of three ways:

    - ``gpc``: Global Privacy Control (W3C, ``Sec-GPC: 1`` and ``navigator.globalPrivacyControl``);
    - ``us_privacy`` or ``usPrivacy``: a US Privacy string whose third letter is Y (IAB, "U.S. Privacy String");
    - ``gpp``: the fields of a decoded section, of which an opt-out is 1 (IAB, "Global Privacy Platform", US National).
    """
    if _is_set(consent.get("gpc")):
        return True
    if any(isinstance(text := consent.get(key), str) and _is_opt_out(text) for key in ("us_privacy", "usPrivacy")):
        return True
    section = consent.get("gpp")
    return isinstance(section, dict) and any(_is_set(section.get(key)) for key in (*_GPP, "Gpc"))


def _is_set(value: Any) -> bool:
    """A flag as scripts write it: true, 1, "1" or "true"."""
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true")
    return isinstance(value, bool | int | float) and value == 1
