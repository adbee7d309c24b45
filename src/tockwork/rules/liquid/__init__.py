"""Liquid templates, as the `@liquid` directive of Segment's mappings runs them: liquidjs in JavaScript's clothes.

    >>> compile("Hello {{ traits.name | upcase }}").render({"traits": {"name": "Ada"}})
    'Hello ADA'

The measure is liquidjs 10.30.1 with the options of `@segment/actions-core`: a template gives the same text here and
there, or fails in both. Exceptions are listed in docs/decisions/0003-liquid.md.
"""

from __future__ import annotations

from tockwork.rules.liquid.fault import LiquidError
from tockwork.rules.liquid.template import Template, compile  # noqa: A004 - as in re.compile

__all__ = ["LiquidError", "Template", "compile"]
