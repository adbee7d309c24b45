"""Filters that encode text and take its digest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from tockwork.rules.javascript import units
from tockwork.rules.liquid.context import Filter
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.filters.adapters import of_text, of_texts
from tockwork.rules.liquid.text import encoded

_IGNORED = str.maketrans("", "", "\t\n\f\r ")
_BASE64 = re.compile("[A-Za-z0-9+/]*")


def _base64_decode(string: str) -> str:
    """The padding may be missing; what is decoded and no UTF-8 becomes U+FFFD."""
    digits = string.translate(_IGNORED)
    if len(digits) % 4 == 0:
        digits = digits[:-2] + digits[-2:].rstrip("=")
    if len(digits) % 4 == 1 or not _BASE64.fullmatch(digits):
        raise Fault("expected base64")
    octets = base64.b64decode(digits + "=" * (-len(digits) % 4))
    return units(octets.decode(errors="replace"))


def _hmac_sha256(string: str, key: str) -> str:
    return hmac.new(encoded(key), encoded(string), hashlib.sha256).hexdigest()


FILTERS: Final[dict[str, Filter]] = {
    "base64_decode": of_text(_base64_decode),
    "base64_encode": of_text(lambda string: base64.b64encode(encoded(string)).decode()),
    "hmac_sha256": of_texts(_hmac_sha256, 1),
    "sha256": of_text(lambda string: hashlib.sha256(encoded(string)).hexdigest()),
}
