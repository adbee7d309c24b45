"""What ``doctor`` found, and how it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from tockwork.model.errors import Problem


class Level(StrEnum):
    OK = "ok"
    ADVICE = "advice"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: how bad it is, where, what is so, and how to mend it. Neither a secret nor an
    event's value is ever part of it."""

    level: Level
    where: str
    what: str
    mend: str = ""


def failed(findings: Sequence[Finding]) -> bool:
    """Whether the command ends with exit code 1: one error is enough."""
    return any(finding.level is Level.ERROR for finding in findings)


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings for people, the worst first."""
    order = list(reversed(Level))
    for finding in sorted(findings, key=lambda finding: order.index(finding.level)):
        yield f"{finding.level}: {Problem(finding.where, finding.what, finding.mend)}"
    levels = Counter(finding.level for finding in findings)
    yield f"{levels[Level.ERROR]} errors, {levels[Level.WARNING]} warnings, {levels[Level.ADVICE]} pieces of advice"
