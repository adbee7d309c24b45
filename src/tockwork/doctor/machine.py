"""What ``doctor`` finds on the machine: processes, disk, files, and for how long what is settled is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from tockwork.doctor.finding import Finding, Level
from tockwork.operations.snapshot import Space
from tockwork.store.lock import Role
from tockwork.store.retention import Ages

LOW_DISK: Final = 4
"""The disk is nearly full when less is free than so many reserves."""
FEW_DAYS: Final = 3


def running(roles: Collection[Role]) -> Iterator[Finding]:
    """`roles` are those that some process has taken on."""
    for role, what in ((Role.INGEST, "accepts events"), (Role.DELIVERY, "delivers")):
        if role not in roles:
            yield Finding(Level.WARNING, "server", f"no process {what}", "Start `tockwork serve` on this data folder.")
    if roles:
        yield Finding(Level.OK, "server", f"runs: {', '.join(sorted(roles))}")


def room(space: Space) -> Iterator[Finding]:
    what = f"{_megabytes(space.free)} free, {_megabytes(space.reserve)} of them in reserve"
    mend = "Make room on the disk, or keep settled events for fewer days."
    if space.free <= space.reserve:
        yield Finding(Level.ERROR, "disk", f"{what}: no events are accepted", mend)
    elif space.free < LOW_DISK * space.reserve:
        yield Finding(Level.WARNING, "disk", f"{what}: it is nearly full", mend)
    else:
        yield Finding(Level.OK, "disk", what)


def _megabytes(number: int) -> str:
    return f"{number / 1_000_000:.0f} MB"


def folder(data: Path, key: Path | None) -> Iterator[Finding]:
    """The data folder holds events as they came, personal data included; with the key, the access tokens too."""
    found = []
    try:
        if data.stat().st_mode & 0o007:
            what = "other users of this machine can look into it, and it holds personal data"
            found.append(Finding(Level.WARNING, "data folder", what, "chmod o-rwx the folder."))
        if key is not None and key.exists() and key.stat().st_mode & 0o077:
            what = "other users of this machine can read the key of your access tokens"
            found.append(Finding(Level.ERROR, key.name, what, "chmod 600 the file; then make new access tokens."))
    except OSError as error:
        mend = "Give the folder with --data or TOCKWORK_DATA, and run the command as the server's user."
        found.append(Finding(Level.ERROR, "data folder", f"cannot be looked at: {error.strerror}", mend))
    yield from found or [Finding(Level.OK, "data folder", "no other user of this machine can look into it")]


def kept(ages: Ages) -> Finding:
    what = f"settled events {ages.events:g} days, the ledger {ages.ledger:g}, dead letters {ages.dead_letters:g}"
    if ages.dead_letters < FEW_DAYS:
        mend = f"Keep dead letters for {FEW_DAYS} days or more, so that a weekend's can still be replayed."
        return Finding(Level.ADVICE, "retention", what, mend)
    if ages.ledger < ages.dead_letters:
        mend = "Keep the ledger at least as long as dead letters, so that what became of them stays known."
        return Finding(Level.ADVICE, "retention", what, mend)
    return Finding(Level.OK, "retention", what)
