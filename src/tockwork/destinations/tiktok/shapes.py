"""What the id of an event source looks like."""

from __future__ import annotations

import re
from typing import Final

SHAPES: Final = {
    "web": (re.compile(r"[A-Z0-9]{16,24}"), "a pixel code has 16 to 24 capital letters and digits"),
    "crm": (re.compile(r"\d{15,22}"), "a CRM Event Set ID has about 19 digits"),
    "offline": (re.compile(r"\d{15,22}"), "an Offline Event Set ID has about 19 digits"),
}
"""By ``event_source``: the pattern and what it asks for, in words."""
