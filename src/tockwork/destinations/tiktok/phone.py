"""Phone numbers in E.164, by Google's numbering plans (`phonenumbers`), with a short way for numbers that are clean.

TikTok wants "+", calling code and number, without spaces, brackets and leading zeros ("Parameters"). What the library
makes of a number is the rule; the short way takes only those where it is certain to answer the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from tockwork.destinations.tiktok.hashing import digest, given_hash, is_any_hash

_PUNCTUATION: Final = dict.fromkeys(map(ord, " -.()"))
_CALLING_CODE_DIGITS: Final = (1, 2, 3)
_ROUNDS: Final = 4  # more national prefixes in front of one number are nonsense

_Shape = Callable[[str], object]
_international: dict[str, _Shape] = {}
"""By the three digits after "+": what a clean number looks like. Filled as calling codes turn up."""


def phone(value: str, region: str = "US") -> str | None:
    """Hash of the number in E.164. None when it is no possible number, nor the SHA-256 of one."""
    number = e164(value, region)
    return given_hash(value.strip().lower()) if number is None else digest(number)


def e164(value: str, region: str = "US") -> str | None:
    """`value` in E.164, such as "+14155550123"; `region` (ISO 3166-1 alpha-2) is where numbers without "+" belong.

    None when the number is not possible by its length; unassigned ranges pass, and so do local numbers
    (`phonenumbers.is_possible_number`).
    """
    shape = _international.get(value[1:4])
    if shape is not None and shape(value):
        return value
    digits = value.strip().translate(_PUNCTUATION)
    if not digits or is_any_hash(digits.lower()):
        return None
    if digits[0] == "+":
        shape = _international_shape(digits[1:4])
        if shape is not None and shape(digits):
            return digits
    else:
        national = _national_shape(region)
        if national is not None and national[1](digits):
            return national[0] + digits
    return _parsed(value, region.upper())


def prepare(region: str = "US") -> None:
    """Load the numbering plans now (about 0.15 s) rather than with the first number."""
    _national_shape(region)


@cache
def phonenumbers_package() -> Any:
    """The package `phonenumbers`."""
    # Imported on first use: it takes 0.1 s, which a command that meets no phone number need not wait for.
    import phonenumbers

    return phonenumbers


def _parsed(value: str, region: str) -> str | None:
    """The long way. A number that keeps a national prefix after one parse ("+49 00 30…") is parsed again."""
    plans = phonenumbers_package()
    text = value
    for _ in range(_ROUNDS):
        try:
            number = plans.parse(text, region)
        except plans.NumberParseException:
            return None
        if not plans.is_possible_number(number):
            return None
        found: str = plans.format_number(number, plans.PhoneNumberFormat.E164)
        shape = _international_shape(found[1:4])
        if found == text or (shape is not None and shape(found)):
            return found
        text = found
    return None


def _international_shape(start: str) -> _Shape | None:
    """What a clean number that starts with these three digits looks like; None when no calling code does."""
    shape = _international.get(start)
    if shape is None and start.isascii() and start.isdecimal():
        regions = phonenumbers_package().COUNTRY_CODE_TO_REGION_CODE
        code = next((start[:n] for n in _CALLING_CODE_DIGITS if int(start[:n]) in regions and start[0] != "0"), None)
        if code is not None:
            plan = _plan(int(code))
            shape = _shape(rf"\+{code}", plan, plan.general_desc.possible_length)
            _international[start] = shape
    return shape


@cache
def _national_shape(region: str) -> tuple[str, _Shape] | None:
    """The region's calling code with "+", and what a clean national number looks like; None for no region."""
    plan = phonenumbers_package().PhoneMetadata.metadata_for_region(region.upper(), None)
    if plan is None:
        return None
    code = plan.country_code
    not_abroad = rf"(?!{code}|{plan.international_prefix or code})"
    return f"+{code}", _shape(not_abroad, plan, _plan(code).general_desc.possible_length)


def _plan(code: int) -> Any:
    """The numbering plan of a calling code: that of its main region."""
    plans = phonenumbers_package()
    return plans.PhoneMetadata.metadata_for_region_or_calling_code(code, plans.region_code_for_country_code(code))


def _shape(head: str, plan: Any, lengths: Sequence[int]) -> _Shape:
    """Whether a text is `head`, then one of `lengths` digits, that do not start with a national prefix of the plan.

    The lookbehind asks that the prefix be more than nothing: Argentina's also matches the empty text.
    """
    start = head if head.startswith(r"\+") else "^"
    prefix = plan.national_prefix_for_parsing
    no_prefix = rf"(?!(?:{prefix})(?<!{start}))" if prefix else ""
    return re.compile(rf"{head}{no_prefix}(?:{'|'.join(f'[0-9]{{{n}}}' for n in lengths)})", re.ASCII).fullmatch
