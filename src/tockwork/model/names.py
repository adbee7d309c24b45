"""Names in paths: sources, destinations and mappings have names that people choose, with any sign in them."""

from __future__ import annotations

from urllib.parse import quote


def segment(name: str) -> str:
    """`name` as one segment of a path. A slash stands as ``~1`` and a tilde as ``~0`` (as in RFC 6901), since servers
    take an escaped slash for a real one."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def named(segment: str) -> str:
    """The name that a segment stands for, once the server has decoded it."""
    return segment.replace("~1", "/").replace("~0", "~")
