"""Structs as plain values, and plain values compared."""

from __future__ import annotations

from typing import Any

import msgspec


def plain(value: Any) -> Any:
    """Structs as objects, without the members that have their defaults; what no struct declares is left as it is."""
    if isinstance(value, msgspec.Struct):
        parts = ((field, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {field.encode_name: plain(part) for field, part in parts if not _is_default(field, part)}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def _is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    if value is msgspec.UNSET:
        return True
    factory = field.default_factory
    default = field.default if factory is msgspec.NODEFAULT else factory()
    return value.__class__ is default.__class__ and bool(value == default)


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same as JSON; unlike in Python, 1 is not true there."""
    return _json(one) == _json(other)


def _json(value: Any) -> bytes | None:
    return None if value is msgspec.UNSET else msgspec.json.encode(value, enc_hook=_revealed, order="deterministic")


def _revealed(secret: Any) -> list[str]:
    return ["secret", secret.reveal()]
