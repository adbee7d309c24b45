"""Hides what is personal in an event, and in all that was made of it, from those who only want to see how it went.

By names (ids, addresses, traits, …), by looks (e-mail addresses, numbers, digests), and then by the values that were
hidden: wherever one turns up again it is hidden too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tockwork.delivery.mask import MASK

_PARTS: Final = frozenset(
    "traits user customer client buyer recipient person profile address addresses billing shipping billingaddress "
    "shippingaddress externalids contact identities".split()
)
"""Members, spelled without regard to case and signs, of which every part is hidden."""
_NAMES: Final = frozenset(
    "userid anonymousid previousid groupid externalid email emails emailaddress hashedemail phone phones phonenumber "
    "phonenumbers mobile mobilephone telephone firstname lastname middlename fullname givenname familyname surname "
    "username nickname login ip ipaddress clientip street street1 street2 line1 line2 addressline1 addressline2 city "
    "zip zipcode postalcode postcode birthday birthdate dateofbirth dob age gender sex avatar photo advertisingid idfa "
    "idfv gaid deviceid devicetoken sessionid cookie password token secret apikey authorization ssn iban taxid "
    "creditcard cardnumber ttclid ttp fbclid fbp fbc gclid wbraid gbraid msclkid clickid latitude longitude lat lng "
    "userdata customerid visitorid clientid memberid subscriberid accountid loyaltyid callback lastip".split()
)
_PHONE: Final = re.compile(
    r"(?<![\w.])\+\d[\d ().-]{5,25}\d|\(\d{3}\)[\d ().-]{6,25}\d|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b", re.ASCII
)
_ADDRESS: Final = re.compile(
    r"""(?<![^\s@<>()\[\]:;,"'?&=/#\\])[^\s@<>()\[\]:;,"'?&=/#\\]++(?:@)[^\s@<>()\[\]:;,"'?&=/#\\]+"""
)
_ENCODED: Final = re.compile(
    r"""(?<![^\s@<>()\[\]:;,"'?&=/#\\])[^\s@<>()\[\]:;,"'?&=/#\\]*?%40[^\s@<>()\[\]:;,"'?&=/#\\]+""", re.IGNORECASE
)
_DIGEST: Final = re.compile(r"\b[0-9a-fA-F]{32,}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b", re.ASCII)
_IPV6: Final = re.compile(
    r"(?<![\w:])(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{0,4}(?![\w:])|(?<![\w:])(?:[0-9a-f]{1,4}:){1,6}:[0-9a-f:]*(?!\w)",
    re.IGNORECASE | re.ASCII,
)
_QUERY: Final = re.compile(r"([?&#;])([^=&#?;\s]{1,60})=([^&#\s]*)")
_SIGNS: Final = re.compile(r"[^a-z0-9]")
_LEAST: Final = 3
_LEAST_INSIDE: Final = 6
_LEAST_NUMBER: Final = 1_000_000


def is_personal(name: str) -> bool:
    """Whether a member of this name holds something personal."""
    return _SIGNS.sub("", name.lower()) in _NAMES


def holds_personal(name: str) -> bool:
    """Whether every part of a member of this name counts as personal."""
    return _SIGNS.sub("", name.lower()) in _PARTS


class Veil:
    """Hides what is personal of one event."""

    def __init__(self, event: Any) -> None:
        self._held: set[str] = set()
        self._inside: list[str] = []
        hidden = self._hidden(event, "", False)
        self._inside = sorted((text for text in self._held if len(text) >= _LEAST_INSIDE), key=len, reverse=True)
        self.event = self.value(hidden)
        """The event, with *** for what is personal."""

    def value(self, value: Any, name: str = "") -> Any:
        """Something that was made of the event, a row say, under a name."""
        if is_personal(name) and value is not None and not isinstance(value, bool):
            return _blank(value)
        if isinstance(value, Mapping):
            whole = holds_personal(name)
            return {
                self.text(str(key)): _blank(part) if whole else self.value(part, str(key))
                for key, part in value.items()
            }
        if isinstance(value, list | tuple):
            if holds_personal(name):
                return _blank(list(value))
            return [self.value(part, name) for part in value]
        if holds_personal(name):
            return _blank(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._held:
            return MASK
        return value

    def text(self, text: str) -> str:
        """A text that was made of the event."""
        if text.casefold() in self._held:
            return MASK
        for held in self._inside:
            if held in text.casefold():
                text = re.sub(re.escape(held), MASK, text, flags=re.IGNORECASE)
        return looks(text)

    def _hidden(self, value: Any, name: str, whole: bool) -> Any:
        whole = whole or holds_personal(name) or is_personal(name)
        if isinstance(value, Mapping):
            return {looks(str(key)): self._hidden(part, str(key), whole) for key, part in value.items()}
        if isinstance(value, list):
            return [self._hidden(part, name, whole) for part in value]
        if value is None or isinstance(value, bool):
            return value
        if whole:
            self._hold(value)
            return MASK
        return looks(value) if isinstance(value, str) else value

    def _hold(self, value: Any) -> None:
        if isinstance(value, str):
            for text in {value, value.strip()}:
                if len(text) >= _LEAST and text != MASK:
                    self._held.add(text.casefold())
        elif isinstance(value, int | float) and abs(value) >= _LEAST_NUMBER:
            self._held.add(str(value))


def looks(text: str) -> str:
    """A text without what looks personal, and without the personal values of a URL's query."""
    if "=" in text:
        text = _QUERY.sub(lambda found: found[0] if not is_personal(found[2]) else f"{found[1]}{found[2]}={MASK}", text)
    if "%40" in text:
        text = _ENCODED.sub(MASK, text)
    if "@" in text:
        text = _ADDRESS.sub(MASK, text)
    if text.count(":") > 1:
        text = _IPV6.sub(MASK, text)
    return _DIGEST.sub(MASK, _PHONE.sub(MASK, text))


def _blank(value: Any) -> Any:
    """The shape of a value, with nothing in it."""
    if isinstance(value, Mapping):
        return {looks(str(key)): _blank(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_blank(part) for part in value]
    return value if value is None or isinstance(value, bool) else MASK
