"""Who gets an account: names of people, and codes with which they choose their passwords."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Final
from urllib.parse import quote

from tockwork.model.errors import ConfigurationError, Problem
from tockwork.store.accounts import FIRST, Accounts

CODE_BYTES: Final = 24
INVITED_S: Final = 7 * 24 * 3600.0
"""For so long somebody invited may choose a password."""
LOST_S: Final = 3600.0
"""For so long an owner may who lost theirs."""
MAX_NAME: Final = 100
TOKENS: Final = "token "
"""How the audit log tells a program from a person."""
_UNSEEN: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def ensured(name: str, where: str = "name") -> str:
    """A person's or token's name as it is kept. Raises `ConfigurationError` for one that nobody could read, or that is
    taken for something else."""
    found = unicodedata.normalize("NFC", name).strip()
    if not found:
        what, mend = "is empty", "Give a name."
    elif len(found) > MAX_NAME:
        what, mend = f"is too long: {MAX_NAME} characters are the most", "Choose a shorter one."
    elif any(unicodedata.category(each) in _UNSEEN for each in found):
        what, mend = "has characters that cannot be seen", "Type it anew."
    elif found.casefold().startswith(TOKENS):
        what, mend = f"begins with {TOKENS.strip()!r}, as the names of programs do", "Choose another."
    else:
        return found
    raise ConfigurationError([Problem(where, what, mend)])


async def first_code(accounts: Accounts) -> str | None:
    """A code with which somebody becomes the first owner; None where there is an owner. It takes the place of the one
    before, and lasts until there is an owner."""
    if await accounts.has_owner():
        return None
    code = secrets.token_urlsafe(CODE_BYTES)
    await accounts.keep_code(code, FIRST, "owner")
    return code


async def owners_code(accounts: Accounts, name: str) -> str:
    """A code with which `name` becomes an owner, with a new password. Raises `ConfigurationError` as `ensured` does."""
    code = secrets.token_urlsafe(CODE_BYTES)
    await accounts.keep_code(code, ensured(name), "owner", LOST_S)
    return code


async def invitation(accounts: Accounts, name: str) -> tuple[str, float]:
    """A code with which somebody who has an account chooses a new password, and until when (Unix time)."""
    code = secrets.token_urlsafe(CODE_BYTES)
    until = await accounts.keep_code(code, name, lasts_s=INVITED_S)
    return code, until or 0.0


def link(admin_url: str, code: str, name: str = "") -> str:
    """Where a code is used. It stands in the fragment, which browsers send to nobody: so it is in no log."""
    where = admin_url.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:")
    return f"{where}/setup#{code}" + (f"/{quote(name, safe='')}" if name else "")
