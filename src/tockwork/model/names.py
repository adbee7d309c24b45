"""Names in paths: sources, destinations and mappings have names that people choose, with any sign in them."""

from __future__ import annotations

from urllib.parse import quote


def segment(name: str) -> str:
    """`name` as one segment of a path. A slash stands as ``~1`` and a tilde as ``~0`` (as in RFC 6901), since servers
    take an escaped slash for a real one; in a name of one dot or two each stands as ``~2``, since browsers take those
    for steps in the path."""
    if name in (".", ".."):
        return name.replace(".", "~2")
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def named(segment: str) -> str:
    """The name that a segment stands for, once the server has decoded it."""
    return segment.replace("~1", "/").replace("~2", ".").replace("~0", "~")
