"""Process settings, from ``TOCKWORK_*`` variables; each may also be given as a file with ``…_FILE``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from tockwork.delivery.connection import URL_VARIABLE
from tockwork.delivery.sender import BASE_URL
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import is_origin
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.store.retention import Ages

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
MAX_PORT: Final = 65535
MAX_DAYS: Final = 36_500


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the process needs to know beside its configuration. Ports may be 0 for any. `public_url` is the address that
    clients reach the tracking API by, None where it is the one that it listens on."""

    data: Path = Path("tockwork-data")
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    admin_host: str = "127.0.0.1"
    admin_port: int = 8081
    tiktok_url: str = BASE_URL
    ca_bundle: str | None = None
    log_level: str = "info"
    proxies: Proxies = msgspec.field(default_factory=Proxies)
    reserve_mb: int = 64
    retention_events_days: int = 7
    retention_ledger_days: int = 90
    retention_dead_letters_days: int = 30

    @property
    def ages(self) -> Ages:
        """For how long what is settled is kept."""
        return Ages(self.retention_events_days, self.retention_ledger_days, self.retention_dead_letters_days)


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment`. Raises `ConfigurationError` with every problem."""
    problems: list[Problem] = []
    proxies = Proxies()
    try:
        listed = _text(environment, "TOCKWORK_TRUSTED_PROXIES", "", problems)
        proxies = Proxies(part for part in listed.split(",") if part.strip())
    except ConfigurationError as error:
        problems += [Problem(f"TOCKWORK_TRUSTED_PROXIES: {p.where}", p.what, p.mend) for p in error.problems]
    level = _text(environment, "TOCKWORK_LOG_LEVEL", "info", problems).lower()
    if level not in LOG_LEVELS:
        problems.append(Problem("TOCKWORK_LOG_LEVEL", f"expected one of {', '.join(LOG_LEVELS)}"))
    settings = Settings(
        data=Path(_text(environment, "TOCKWORK_DATA", "tockwork-data", problems)),
        host=_text(environment, "TOCKWORK_HOST", "127.0.0.1", problems),
        port=_number(environment, "TOCKWORK_PORT", 8080, MAX_PORT, problems),
        public_url=_url(environment, "TOCKWORK_PUBLIC_URL", problems),
        admin_host=_text(environment, "TOCKWORK_ADMIN_HOST", "127.0.0.1", problems),
        admin_port=_number(environment, "TOCKWORK_ADMIN_PORT", 8081, MAX_PORT, problems),
        tiktok_url=_text(environment, URL_VARIABLE, BASE_URL, problems),
        ca_bundle=_text(environment, "TOCKWORK_CA_BUNDLE", "", problems) or None,
        log_level=level,
        proxies=proxies,
        reserve_mb=_number(environment, "TOCKWORK_RESERVE_MB", 64, 1_000_000, problems),
        retention_events_days=_number(environment, "TOCKWORK_RETENTION_EVENTS_DAYS", 7, MAX_DAYS, problems),
        retention_ledger_days=_number(environment, "TOCKWORK_RETENTION_LEDGER_DAYS", 90, MAX_DAYS, problems),
        retention_dead_letters_days=_number(
            environment, "TOCKWORK_RETENTION_DEAD_LETTERS_DAYS", 30, MAX_DAYS, problems
        ),
    )
    if problems:
        raise ConfigurationError(problems)
    return settings


def _text(environment: Mapping[str, str], name: str, default: str, problems: list[Problem]) -> str:
    file = environment.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            problems.append(Problem(f"{name}_FILE", f"cannot be read: {error.strerror}"))
            return default
    return environment.get(name) or default


def _url(environment: Mapping[str, str], name: str, problems: list[Problem]) -> str | None:
    """An address without the slash at its end."""
    text = _text(environment, name, "", problems).rstrip("/")
    if text and not is_origin(text):
        problems.append(Problem(name, "expected an address such as https://events.shop.example, and no path"))
    return text or None


def _number(environment: Mapping[str, str], name: str, default: int, most: int, problems: list[Problem]) -> int:
    text = _text(environment, name, str(default), problems)
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        problems.append(Problem(name, f"expected a number from 0 to {most}"))
        return default
    return int(text)
