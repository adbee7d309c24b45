"""Which access tokens are good, and for which event sources."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tockwork.model.errors import ConfigurationError, Problem


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every token works for every event source, except as said here.

    `allowed` limits a token to some event source ids (an empty list means all of them), `revoked` tokens are dead, and
    with `only_allowed` a token that is not in `allowed` is unknown.
    """

    allowed: dict[str, list[str]] = {}
    revoked: frozenset[str] = frozenset()
    only_allowed: bool = False

    def __repr__(self) -> str:
        return f"Tokens({len(self.allowed)} allowed, {len(self.revoked)} revoked, only_allowed={self.only_allowed})"

    def alive(self, token: str) -> bool:
        return token not in self.revoked and not (self.only_allowed and token not in self.allowed)

    def may_write(self, token: str, event_source_id: str) -> bool:
        sources = self.allowed.get(token)
        return not sources or event_source_id in sources


def load_tokens(path: Path) -> Tokens:
    """Reads `Tokens` from a JSON file. Raises `ConfigurationError`; the message never holds a token."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tokens)
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"the file cannot be read: {error.strerror}")]) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The decoder's own message may quote an unknown key, and that may be a token.
        shape = 'Write {"allowed": {TOKEN: [EVENT_SOURCE_ID]}, "revoked": [TOKEN], "only_allowed": false}.'
        raise ConfigurationError([Problem(str(path), "no JSON of the expected shape", shape)]) from None
