"""Secrets at rest: sealed with AES-256-GCM under one key, from the environment or from a file in the data folder."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tockwork.model.errors import ConfigurationError, Problem, TockworkError
from tockwork.model.secret import Secret

VARIABLE: Final = "TOCKWORK_SECRET_KEY"
FILE_NAME: Final = "secret.key"
MIN_LENGTH: Final = 16
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MAX_FILE_BYTES: Final = 4096
_SALT: Final = b"tockwork secret key 1"
"""Always the same, so that the same text opens a backup on another machine."""
_WORK: Final = 2**14
"""Scrypt's cost: 16 MB and some 50 ms, once per start."""
_OTHERS: Final = 0o077


class WrongKey(TockworkError):  # noqa: N818 (says what is so)
    """Something sealed cannot be opened: it was sealed with another key or for another place, or it is damaged."""


class Keyring:
    """Seals secrets and opens them again. `key` has 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def load(cls, folder: Path, environment: Mapping[str, str] = os.environ) -> Keyring:
        """The keyring of a data folder: its key comes from ``TOCKWORK_SECRET_KEY_FILE``, else ``TOCKWORK_SECRET_KEY``,
        else the file ``secret.key`` in `folder`, which is made if there is none.

        Raises `ConfigurationError` where the key cannot be read, is too short, or may be read by other users.
        """
        if path := environment.get(f"{VARIABLE}_FILE"):
            return cls(_stretched(_read(Path(path), f"{VARIABLE}_FILE").decode(errors="replace"), f"{VARIABLE}_FILE"))
        if text := environment.get(VARIABLE):
            return cls(_stretched(text, VARIABLE))
        return cls(_kept(folder / FILE_NAME))

    def seal(self, secret: Secret, place: str) -> str:
        """`secret` as text that says nothing of it but its length, each time another. It opens only for the same
        `place`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.reveal().encode(), place.encode())
        return urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, place: str) -> Secret:
        """What was sealed for `place`. Raises `WrongKey`."""
        try:
            content = urlsafe_b64decode(sealed)
            return Secret(self._cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], place.encode()).decode())
        except (InvalidTag, ValueError):
            raise WrongKey("sealed with another key, or damaged") from None


def _stretched(text: str, where: str) -> bytes:
    text = text.strip()
    if len(text) < MIN_LENGTH:
        mend = "Make one with: openssl rand -base64 32"
        raise ConfigurationError([Problem(where, f"expected at least {MIN_LENGTH} characters, got {len(text)}", mend)])
    return Scrypt(salt=_SALT, length=KEY_BYTES, n=_WORK, r=8, p=1).derive(text.encode("utf-8", "surrogateescape"))


def _kept(path: Path) -> bytes:
    """The key in a file, which is made if it is not there. Processes that start together make one."""
    if not path.exists():
        _make(path)
    content = _read(path, str(path))
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, str(path), error) from None
    if mode & _OTHERS:
        what = f"other users may read or change it (its mode is {mode & 0o777:o})"
        raise ConfigurationError([Problem(str(path), what, f"Run: chmod 600 {path}")])
    try:
        key = urlsafe_b64decode(content.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        mend = f"Put it back from a backup, or set {VARIABLE} to the key that was used before."
        raise ConfigurationError([Problem(str(path), "is no key, or is damaged", mend)])
    return key


def _make(path: Path) -> None:
    """Makes a new key. The file appears with all of its content or not at all, and never takes another's place."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        mend = f"Let this user write to the data folder, or set {VARIABLE}."
        raise ConfigurationError([Problem(str(path), f"cannot be made: {error.strerror}", mend)]) from None


def _read(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise _unreadable(path, where, error) from None


def _unreadable(path: Path, where: str, error: OSError) -> ConfigurationError:
    what = f"{path} cannot be read: {error.strerror}" if where != str(path) else f"cannot be read: {error.strerror}"
    return ConfigurationError([Problem(where, what, "Let this user read it.")])
