"""``tockwork import``: a file of events, through the journal like any others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from tockwork.app import logs
from tockwork.app.commands import importing, rejects
from tockwork.app.commands.dry_run import Count, Report, show, try_out
from tockwork.app.commands.options import FAILED, AsJson, Data, process
from tockwork.configuration import document
from tockwork.configuration.entries import read_filled
from tockwork.delivery.connection import connect
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.standard_events import RENAMED
from tockwork.ingest.files.block import Blocks
from tockwork.ingest.files.names import Names
from tockwork.ingest.files.reader import FORMATS, Reader, Reading
from tockwork.ingest.files.reader import opened as read_file
from tockwork.ingest.files.times import Times
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.outcome import Status
from tockwork.operations.premises import opened
from tockwork.operations.settings import Settings
from tockwork.store.database import FILE as DATABASE
from tockwork.store.imports import Import, Imports
from tockwork.store.protocol import Tally

_SIGNS: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}

_out = Console()
_err = Console(stderr=True)


class Moved(Protocol):
    def __call__(self, done: int, count: int, note: str = "") -> None: ...


def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV, JSON lines (also .gz) or Parquet.", exists=True, dir_okay=False)
    ],
    destination: Annotated[
        str, typer.Option("--destination", help="The destination's name; with --dry-run, a kind will do.")
    ],
    data: Data = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write and send nothing; say what would become of it.")
    ] = False,
    map: Annotated[
        list[str] | None,
        typer.Option("--map", help="COLUMN=place, such as Mail=context.traits.email; COLUMN= leaves it out."),
    ] = None,
    map_file: Annotated[Path | None, typer.Option("--map-file", help="A saved map, YAML or JSON.")] = None,
    save_map: Annotated[Path | None, typer.Option("--save-map", help="Write the map in use to a new file.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="The event of rows that name none.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Zone of times without one: Europe/Berlin.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="How times are written: '%d.%m.%Y %H:%M'.")
    ] = None,
    decimal_comma: Annotated[
        bool | None, typer.Option("--decimal-comma", help="Numbers are written as in 1.234,56.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}; by its name unless given.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Divides the columns of a CSV file.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Of a file that is not UTF-8: cp1252.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Import a file that was imported before.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until every row is decided.")] = True,
    rejects_file: Annotated[
        Path | None, typer.Option("--rejects", help="Where rejected lines go; FILE.rejected.csv unless given.")
    ] = None,
    no_rejects: Annotated[bool, typer.Option("--no-rejects", help="Write no file of rejected lines.")] = False,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="With --dry-run and a kind: its settings, YAML or JSON.")
    ] = None,
    preset_pack: Annotated[str | None, typer.Option("--preset-pack", help="With --dry-run and a kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a file of events: each row goes the way of any other event, and is delivered once."""
    settings = process(data=data)
    logs.configure(settings.log_level)
    given = {
        "format": format,
        "delimiter": _SIGNS.get(delimiter or "", delimiter),
        "encoding": encoding,
        "event": event,
        "timezone": timezone,
        "time_format": time_format,
        "decimal_comma": decimal_comma,
    }
    reading = _reading(_saved(map_file), {key: value for key, value in given.items() if value is not None}, map or [])
    blocks = read_file(file, reading)
    report: Report | None
    try:
        if dry_run:
            report = asyncio.run(_tried(file, blocks, reading, destination, settings, settings_file, preset_pack))
        else:
            target = None if no_rejects else rejects_file or rejects.place(file, blocks)
            work = _imported(file, blocks, reading, destination, settings, target, again=again, wait=wait)
            report = asyncio.run(work)
    finally:
        blocks.close()
    if report is None:
        return
    if save_map is not None:
        _save(save_map, report, reading)
    if as_json:
        typer.echo(msgspec.json.encode(report))
    else:
        show(_out, report)
    raise typer.Exit(0 if report.ok else FAILED)


# How the file is read


class _Map(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A saved map."""

    columns: dict[str, str] = {}
    format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    event: str = ""
    timezone: str | None = None
    time_format: str | None = None
    decimal_comma: bool = False


def _saved(path: Path | None) -> _Map:
    if path is None:
        return _Map()
    try:
        return msgspec.convert(document.read(path), _Map)
    except msgspec.ValidationError as error:
        raise ConfigurationError([Problem(str(path), str(error), "`--save-map` writes one.")]) from None


def _reading(saved: _Map, given: dict[str, Any], pairs: list[str]) -> Reading:
    problems = [
        Problem(f"--map {pair}", "expected COLUMN=place", "Such as --map Mail=context.traits.email.")
        for pair in pairs
        if "=" not in pair
    ]
    chosen = {key.strip(): place.strip() for key, _, place in (pair.rpartition("=") for pair in pairs)}
    both = msgspec.structs.replace(saved, **given, columns={**saved.columns, **chosen})
    if both.format not in (None, *FORMATS):
        problems.append(Problem("--format", f"expected one of {', '.join(FORMATS)}"))
    if both.delimiter is not None and (len(both.delimiter.encode()) != 1 or both.delimiter in '"\r\n~'):
        problems.append(Problem("--delimiter", "expected one sign, such as ; or tab"))
    if problems:
        raise ConfigurationError(problems)
    return Reading(
        format=both.format,
        delimiter=both.delimiter,
        encoding=both.encoding,
        columns=both.columns,
        event=both.event,
        times=Times(both.timezone, both.time_format),
        decimal_comma=both.decimal_comma,
    )


def _save(path: Path, report: Report, reading: Reading) -> None:
    times = reading.times
    saved = _Map(
        report.columns,
        reading.format,
        reading.delimiter,
        reading.encoding,
        reading.event,
        times.zone,
        times.form,
        reading.decimal_comma,
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(document.dumped(msgspec.to_builtins(saved)))
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"cannot be written: {error.strerror}")]) from None


# A dry run


async def _tried(
    file: Path,
    blocks: Blocks,
    reading: Reading,
    destination: str,
    settings: Settings,
    given: Path | None,
    pack: str | None,
) -> Report:
    connection = await _connection(destination, settings, given, pack)
    now = time.time()
    names = Names(connection, RENAMED, reading.event)
    reader = Reader(blocks, reading, names, now, file.name, destination)
    report = Report(file=str(file), destination=destination)
    with _progress("reading", blocks.size) as moved:
        try_out(reader, connection, report, now, moved)
    return _described(report, reader, names)


async def _connection(destination: str, settings: Settings, given: Path | None, pack: str | None) -> Connection:
    """The configured destination of that name, else one of that kind."""
    if given is None and pack is None and (settings.data / DATABASE).is_file():
        async with opened(settings) as premises:
            named = [entry.name for entry in premises.configuration.destinations]
            if destination in named or destination not in DESTINATIONS:
                return premises.instance(destination).connection
    values = read_filled(given) if given else None
    if values is None and destination in DESTINATIONS:
        values = {one.key: one.placeholder for one in DESTINATIONS[destination].settings if one.required}
    return connect(destination, values or {}, None, pack)


def _described(report: Report, reader: Reader, names: Names) -> Report:
    told, report.unsent = report.unsent, names.shown()
    report.columns, report.kept = reader.layout.saved(), list(reader.layout.kept)
    _warn([name for name in report.unsent if name not in told])
    return report


def _warn(unsent: list[str]) -> None:
    for name in unsent:
        what = f"warning: no enabled mapping listens to {name!r} or sends it: those rows are filtered. "
        _tell(what + "Add such a mapping, or enable it.")


# An import


async def _imported(
    file: Path,
    blocks: Blocks,
    reading: Reading,
    destination: str,
    settings: Settings,
    target: Path | None,
    *,
    again: bool,
    wait: bool,
) -> Report | None:
    """None where the file was imported before, and nothing is left to be done."""
    async with opened(settings) as premises:
        names = Names(premises.instance(destination).connection, RENAMED, reading.event)
        imports = Imports(premises.store.database)
        await premises.store.join(destination)
        key = importing.key_of(file, reading)
        found = await importing.begun(imports, key, destination, file.name, again=again)
        if found.finished_at is not None and not importing.waiting(await imports.tally(found.id)):
            _say_when(found)
            return None
        if target is not None and wait:
            rejects.check_free(target)
        reader = Reader(blocks, reading, names, found.begun_at, file.name, destination)
        _check_names(reader, names, destination)
        report = Report(file=str(file), destination=destination, unsent=names.shown())
        async with importing.delivering(premises, settings, destination, wanted=wait) as delivery:
            if found.finished_at is None:
                with _progress("reading", blocks.size) as moved:
                    await importing.read(premises, found, reader, lambda records: moved(blocks.done, records))
            found = await imports.find(found.id)
            if wait:
                with _progress("delivering", found.events) as moved:
                    held = await importing.settled(premises, found, delivery, moved)
                if held:
                    _tell(f"{destination} is {held}: what waits is sent when it is open again.")
        tally = await imports.tally(found.id)
        if wait:
            await _look_back(report, reader, rejects.dead_lines(imports, found.id), target)
        _count(report, found, tally)
        return _described(report, reader, names)


async def _look_back(report: Report, reader: Reader, dead: rejects.DeadLines, target: Path | None) -> None:
    """What the file itself says: its records, those that make no event, and where the rejected lines went."""
    with _progress("looking back", reader.blocks.size) as moved:
        found = await rejects.write(reader, dead, target, lambda records: moved(reader.blocks.done, records))
    report.records, report.bad_lines = found.records, found.first
    report.outcomes = [Count(Status.INVALID, reason, number) for reason, number in found.refused.most_common()]
    report.rejects = str(target) if target is not None and found.first else None


def _count(report: Report, found: Import, tally: Tally) -> None:
    report.events = found.events
    report.outcomes += [Count(status, reason, n) for (status, reason), n in sorted(tally.lines.items(), key=str)]
    if tally.undecided:
        report.outcomes.append(Count(Status.PENDING, "undecided", tally.undecided))


def _say_when(found: Import) -> None:
    when = datetime.fromtimestamp(found.finished_at or 0.0, UTC).isoformat(timespec="seconds")
    _tell(f"This file was imported on {when}, read the same way: {found.events:,} events. Nothing was done.")
    _tell("To import it once more, add --again.")


def _check_names(reader: Reader, names: Names, destination: str) -> None:
    """Tells, before anything is imported, of names in the first portion that nothing listens to. Raises
    `ConfigurationError` where that is so of all."""
    next(reader.portions(), None)
    if names.unsent and not names.known:
        what = f"no enabled mapping of {destination!r} listens to {', '.join(map(repr, names.shown()))}, or sends it"
        mend = "Add such a mapping, or enable it; else name the column of events with --map COLUMN=event."
        raise ConfigurationError([Problem("events", what, mend)])
    _warn(names.shown())


def _tell(text: str) -> None:
    _err.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _progress(what: str, size: int) -> Iterator[Moved]:
    """A progress bar on standard error, where there is a person to see it; yields what moves it: it takes how much of
    `size` is done, how many records or events that is, and a note."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[count]:,} at {task.fields[rate]:,.0f}/s{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    start = time.monotonic()
    with Bar(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task(what, total=size or None, count=0, rate=0.0, note="")

        def moved(done: int, count: int, note: str = "") -> None:
            rate = count / max(time.monotonic() - start, 0.001)
            bar.update(task, completed=done, count=count, rate=rate, note=f" {note}" if note else "")

        yield moved
