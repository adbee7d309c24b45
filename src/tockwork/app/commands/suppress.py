"""``tockwork suppress``: people of whom nothing is sent, and people who are deleted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from tockwork.app import logs
from tockwork.app.commands.options import FAILED, AsJson, Data, process
from tockwork.destinations.person import Mark
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations import people as operations
from tockwork.operations.premises import Premises, opened
from tockwork.operations.settings import Settings
from tockwork.store.erasure import Erased, Erasure
from tockwork.store.suppression import Suppression

_out = Console()
_err = Console(stderr=True)

app = typer.Typer(name="suppress", no_args_is_help=True, help="Send nothing of a person, or delete them.")

People = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PERSON]...",
        help="User ids, e-mail addresses, phone numbers with +, or their SHA-256. They stay in your shell's history: "
        "better use --file.",
    ),
]
File = Annotated[Path | None, typer.Option("--file", help="A file with one person a line; - for standard input.")]
Limited = Annotated[
    str | None, typer.Option("--destination", help="The destination that the entry is limited to; all unless given.")
]


@app.command()
def add(people: People = None, file: File = None, destination: Limited = None, data: Data = None) -> None:
    """Send nothing of these people any more. A running server obeys at once."""
    marks = _marks(people, file)

    async def work(premises: Premises) -> int:
        return await operations.suppress(premises, marks, destination or "")

    _say(f"{_on(data, work):,} of {len(marks):,} are new on the list.")


@app.command()
def remove(people: People = None, file: File = None, destination: Limited = None, data: Data = None) -> None:
    """Take people off the list. What was suppressed meanwhile stays so."""
    marks = _marks(people, file)

    async def work(premises: Premises) -> int:
        return await operations.release(premises, marks, destination or "")

    _say(f"{_on(data, work):,} of {len(marks):,} were taken off.")


@app.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """Show how many are on the list, and their hashes."""

    async def work(premises: Premises) -> dict[str, list[dict[str, Any]]]:
        suppression = Suppression(premises.store.database)
        return {
            "suppressed": [
                {"sha256": each.mark.hex(), "destination": each.consumer or None, "since": _time(each.added_at)}
                for each in await suppression.suppressed()
            ],
            "deleted": [
                {"sha256": each.mark.hex(), "since": _time(each.made_at), "erased": _time(each.erased_at)}
                for each in await suppression.tombstones()
            ],
        }

    found = _on(data, work)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    for word, entries in found.items():
        _say(f"{len(entries):,} {word}")
        for entry in entries:
            limit = f", {entry['destination']!r} only" if entry.get("destination") else ""
            left = ", not everything is erased yet" if word == "deleted" and entry["erased"] is None else ""
            _say(f"  {entry['sha256']} since {entry['since']}{limit}{left}")


@app.command()
def delete(people: People = None, file: File = None, data: Data = None, as_json: AsJson = False) -> None:
    """Delete people: send nothing of them any more, and erase what is kept. Backups are not changed."""
    marks = _marks(people, file)

    async def work(premises: Premises) -> Erased:
        await operations.bury(premises, marks)
        regions = operations.regions(premises.configuration)
        with Progress(console=_err, transient=True, disable=not _err.is_terminal) as bar:
            task = bar.add_task("erasing", total=None)
            return await Erasure(premises.store, regions).run(
                lambda done, total: bar.update(task, total=total, completed=done)
            )

    erased = _on(data, work)
    if as_json:
        typer.echo(msgspec.json.encode(erased))
    else:
        _say(
            f"Erased {erased.events:,} events, {erased.waiting:,} rows that waited and {erased.letters:,} dead letters."
        )
        if not erased.whole:
            _say("Traces may be left in the database's log, which someone reads: a running server removes them.")
    raise typer.Exit(0 if erased.whole else FAILED)


def _marks(people: Sequence[str] | None, file: Path | None) -> list[Mark]:
    """The people's marks. Raises `ConfigurationError` naming every line that is of no use, and never its text."""
    given = [(f"PERSON {place}", text) for place, text in enumerate(people or [], 1)]
    if file is not None:
        given += [(f"{file}, line {place}", text) for place, text in enumerate(_lines(file), 1) if text.strip()]
    if not given:
        raise ConfigurationError([Problem("PERSON", "is missing", "Give people as arguments, or with --file.")])
    return operations.marks(given)


def _lines(file: Path) -> list[str]:
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigurationError([Problem(str(file), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Problem(str(file), "is not UTF-8")]) from None


def _on(data: Path | None, work: Any) -> Any:
    settings: Settings = process(data=data)
    logs.configure(settings.log_level)

    async def within() -> Any:
        async with opened(settings) as premises:
            return await work(premises)

    return asyncio.run(within())


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _say(text: str) -> None:
    _out.print(text, highlight=False, markup=False, soft_wrap=True)
