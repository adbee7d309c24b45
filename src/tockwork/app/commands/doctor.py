"""The command that looks for what is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tockwork.app import logs
from tockwork.app.commands import session
from tockwork.app.commands.options import FAILED, AsJson, Data, process
from tockwork.app.metrics import rendered
from tockwork.delivery.exchange import Exchange
from tockwork.destinations.diagnosis import Severity
from tockwork.doctor import examination as examining
from tockwork.doctor import finding as findings
from tockwork.doctor import pair as pairing
from tockwork.doctor.bundle import bundle, write
from tockwork.doctor.clinic import Clinic
from tockwork.doctor.diagnosis import Diagnosis
from tockwork.doctor.rounds import gathered
from tockwork.ingest.source import SourceKind
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations.premises import opened
from tockwork.operations.settings import Settings
from tockwork.store.archive import Archive

RECENT: Final = 5000
"""Of so many of the newest events, `--pair` compares those of browsers."""

_out = Console()


def doctor(
    data: Data = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask TikTok nothing.")] = False,
    bundle_file: Annotated[
        Path | None, typer.Option("--bundle", help="Write a report without personal data: .zip or .json.")
    ] = None,
    pair: Annotated[
        bool, typer.Option("--pair", help="Compare what the browser and the server would send of recent events.")
    ] = False,
    diagnostics: Annotated[
        bool, typer.Option("--diagnostics", help="Look at the events of the last 24 hours, as the console does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong: tokens, clock, disk, settings, destinations, events."""
    asked = [name for name, one in (("--bundle", bundle_file), ("--pair", pair), ("--diagnostics", diagnostics)) if one]
    if len(asked) > 1:
        raise ConfigurationError([Problem(asked[0], f"cannot be given with {asked[1]}", "Give one of them.")])
    settings = process(data=data)
    logs.configure(settings.log_level)
    if diagnostics:
        _tell(asyncio.run(_diagnosed(settings)), as_json)
        return
    found = asyncio.run(_compared(settings) if pair else _examined(settings, offline=offline, file=bundle_file))
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        for line in findings.lines(found):
            _out.print(line, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(FAILED if findings.failed(found) else 0)


async def _diagnosed(settings: Settings) -> list[Diagnosis]:
    """Of each destination that can be connected."""
    async with opened(settings) as premises:
        clinic = Clinic(premises)
        connected, _ = premises.connected()
        return [await clinic.diagnosis(instance.name) for instance in connected]


def _tell(found: list[Diagnosis], as_json: bool) -> None:
    """Ends with exit code 1 where one of the conditions is an error."""
    if as_json:
        typer.echo(msgspec.json.encode(found))
    for diagnosis in () if as_json else found:
        of = f"{diagnosis.sampled:,} of {diagnosis.events:,} events of the last 24 hours"
        _out.print(f"{diagnosis.destination}: {of}", highlight=False, markup=False, soft_wrap=True)
        table = Table(min_width=60)
        for title in ("level", "condition", "count", "example", "what to do"):
            table.add_column(title, justify="right" if title == "count" else "left", overflow="fold")
        for issue in diagnosis.issues:
            example = issue.examples[0] if issue.examples else ""
            table.add_row(issue.level, f"{issue.title} ({issue.code})", f"{issue.count:,}", example, issue.fix)
        _out.print(table if diagnosis.issues else "Nothing to find fault with.", markup=False)
    worst = any(issue.level is Severity.ERROR for diagnosis in found for issue in diagnosis.issues)
    raise typer.Exit(FAILED if worst else 0)


async def _compared(settings: Settings) -> list[findings.Finding]:
    async with opened(settings) as premises:
        connected, problems = premises.connected()
        browsers = {entry.name for entry in premises.configuration.sources if entry.kind == SourceKind.BROWSER}
        events = pairing.sample(await Archive(premises.store.database).newest(RECENT), browsers)
    if not events.browser:
        shopping = [msgspec.json.encode(event) for event in session.events()]
        events = msgspec.structs.replace(events, browser=shopping, origin="a made-up session, as no browser sent any")
    wrong = [findings.Finding(findings.Level.ERROR, one.where, one.what, one.mend) for one in problems]
    return [*wrong, *pairing.examine_pairs(connected, events)]


async def _examined(settings: Settings, *, offline: bool, file: Path | None) -> list[findings.Finding]:
    async with opened(settings) as premises:
        examined = await gathered(premises)
        exchange = None if offline else Exchange(settings.tiktok_url, settings.ca_bundle)
        try:
            found = await examining.examine(examined, exchange)
        finally:
            if exchange is not None:
                await exchange.close()
        if file is not None:
            write(file, bundle(premises.configuration, settings, examined.snapshot, found, rendered(examined.snapshot)))
        return found
