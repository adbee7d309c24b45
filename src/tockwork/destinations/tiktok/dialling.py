"""Phone numbers in E.164 as a page can tell them, without Google's numbering plans, which are too large for one.

`Dialling` is what a page knows of one region. It decides only what is certain: of a real number it makes what
`phone.e164` makes of it on the server, or nothing. (That an international number is possible at all, it cannot tell.)
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import msgspec

from tockwork.destinations.tiktok import phone
from tockwork.rules.javascript import WHITESPACE

SHORTEST: Final = 8
LONGEST: Final = 15
"""Digits of a number in E.164, as far as a page asks (ITU-T E.164: at most 15)."""
_BACK_REFERENCE: Final = re.compile(r"\\\d")
_PUNCTUATION: Final = dict.fromkeys(map(ord, " -.()"))


class Dialling(msgspec.Struct, frozen=True):
    """A region's calling code, the prefix of its national numbers ("" for none), the prefix for calls abroad, and how
    many digits its numbers have. Without lengths, only international numbers are known."""

    code: str
    trunk: str
    abroad: str
    lengths: tuple[int, ...]

    def e164(self, text: str) -> str | None:
        """`text` in E.164; None where it is no number, or not certainly one of this region."""
        digits = text.strip(WHITESPACE).translate(_PUNCTUATION)
        if "(0)" in text:  # stands for a trunk prefix that most countries drop, and some keep
            return None
        if digits.startswith("+"):
            return _international(digits[1:])
        if not (digits.isascii() and digits.isdigit()):
            return None
        if self.abroad and digits.startswith(self.abroad):
            return _international(digits[len(self.abroad) :])
        return self._national(digits)

    def _national(self, digits: str) -> str | None:
        bare = digits.removeprefix(self.trunk)
        if self.trunk and len(bare) < len(digits):
            # A number may start with the very digits of the prefix: where both readings fit, neither is certain.
            fits = len(bare) in self.lengths and (self.trunk == "0" or len(digits) not in self.lengths)
            return self._made(bare) if fits else None
        if digits.startswith(self.code):
            rest = digits[len(self.code) :]
            return self._made(rest) if len(rest) in self.lengths and len(digits) not in self.lengths else None
        return self._made(digits) if len(digits) in self.lengths else None

    def _made(self, digits: str) -> str | None:
        if self.trunk and digits.startswith(self.trunk):
            return None
        return _international(self.code + digits)


def _international(digits: str) -> str | None:
    fits = digits.isascii() and digits.isdigit() and SHORTEST <= len(digits) <= LONGEST and digits[0] != "0"
    return f"+{digits}" if fits else None


@cache
def dialling(region: str) -> Dialling:
    """What Google's numbering plans say of a region (ISO 3166-1 alpha-2). A plan that puts digits into national
    numbers, as Argentina's does, is beyond a page: it gives no lengths."""
    library: Any = phone.phonenumbers_package()
    plan = library.PhoneMetadata.metadata_for_region(region.upper(), None)
    if plan is None:
        return Dialling("", "", "", ())
    abroad = plan.international_prefix or ""
    rewrites = _BACK_REFERENCE.sub("", plan.national_prefix_transform_rule or "")
    return Dialling(
        str(plan.country_code),
        plan.national_prefix or "",
        abroad if abroad.isdigit() else "",
        () if rewrites else tuple(plan.general_desc.possible_length),
    )
