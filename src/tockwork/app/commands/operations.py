"""Commands on a data folder, whether a server runs on it or not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tockwork.app import logs
from tockwork.app.commands.doctor import doctor
from tockwork.app.commands.options import FAILED, AsJson, Data, moment, process
from tockwork.configuration import changes as changing
from tockwork.configuration.entries import Configuration, load
from tockwork.configuration.export import export as exported
from tockwork.configuration.keyring import FILE_NAME as KEY_FILE
from tockwork.model import reasons
from tockwork.model.outcome import Status
from tockwork.operations.admission import link, owners_code
from tockwork.operations.premises import backup as copy
from tockwork.operations.premises import opened
from tockwork.operations.replay import Selection
from tockwork.operations.replay import replay as replaying
from tockwork.operations.settings import Settings
from tockwork.operations.snapshot import DestinationState, Snapshot
from tockwork.store.accounts import Accounts
from tockwork.store.control import Wish
from tockwork.store.protocol import Line
from tockwork.store.retention import Ages

_out = Console()
_err = Console(stderr=True)

Name = Annotated[str, typer.Argument(help="The destination's name.")]
File = Annotated[Path, typer.Argument(help="A configuration, YAML or JSON.")]
Days = Annotated[float | None, typer.Option(help="Days; as the server does unless given.")]
When = Annotated[str | None, typer.Option(help="ISO 8601, such as 2026-11-20T00:00:00Z.")]


def stats(
    data: Data = None,
    letters: Annotated[
        int, typer.Option(help="Show so many of the newest dead letters and pending rows of each destination.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Show what became of the events, destination by destination."""
    settings = _settings(data)

    async def work() -> tuple[Snapshot, dict[str, list[Line]]]:
        async with opened(settings) as premises:
            snapshot = await premises.survey()
            names = [state.name for state in snapshot.destinations]
            return snapshot, {name: await premises.store.exceptions(name, letters) for name in names}

    snapshot, exceptions = asyncio.run(work())
    if as_json:
        typer.echo(msgspec.json.encode(_plain(snapshot, exceptions)))
        return
    for state in snapshot.destinations:
        _show_state(state)
        for line in exceptions[state.name]:
            _out.print(_told(line), highlight=False, markup=False, soft_wrap=True)
    for page in snapshot.in_browser:
        paired = f", as a pair with {page.pair!r}" if page.pair else ""
        how = "delivered to by the browser" if page.enabled else "disabled"
        _out.print(f"{page.name}: {how}{paired}", highlight=False, markup=False, soft_wrap=True)
    for source, events in snapshot.sources.items():
        _out.print(f"source {source!r}: {events:,} events", highlight=False, markup=False)


def pause(name: Name, data: Data = None) -> None:
    """Let a destination's events wait. A running server does so within a second."""
    _wish(name, Wish.PAUSE, data)


def resume(name: Name, data: Data = None) -> None:
    """Go on with a destination that is paused or blocked."""
    _wish(name, Wish.RESUME, data)


def replay(
    data: Data = None,
    destination: Annotated[
        str | None, typer.Option("--destination", help="The destination's name; all of them unless given.")
    ] = None,
    status: Annotated[Status | None, typer.Option(help="Only invalid, rejected or expired ones.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those with this reason code.")] = None,
    mapping: Annotated[str | None, typer.Option(help="Only those of this mapping.")] = None,
    message_id: Annotated[str | None, typer.Option(help="Only the event with this messageId.")] = None,
    since: When = None,
    until: When = None,
    include_delivered: Annotated[bool, typer.Option("--include-delivered", help="Delivered ones too.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even where TikTok would count twice: more than 48 hours have passed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try dead letters again, by the newest configuration."""
    settings = _settings(data)
    selection = Selection(
        status,
        reason,
        mapping,
        message_id,
        moment(since, "--since") if since else 0.0,
        moment(until, "--until"),
        include_delivered,
        force,
    )

    async def work() -> dict[str, Counter[str]]:
        async with opened(settings) as premises:
            entries = premises.configuration.destinations
            names = [destination] if destination else [entry.name for entry in entries if not entry.in_browser]
            return {
                name: await replaying(premises.store, premises.consumer(name), selection, dry_run=dry_run)
                for name in names
            }

    became = asyncio.run(work())
    if as_json:
        typer.echo(msgspec.json.encode(became))
        return
    for name, counts in became.items():
        for word, number in counts.most_common():
            _out.print(f"{name}: {number:,} {word}", highlight=False, markup=False)
    if not any(became.values()):
        _out.print("Nothing to replay.")


def purge(
    data: Data = None,
    events_days: Days = None,
    ledger_days: Days = None,
    dead_letters_days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Delete what is settled and old. What is pending stays."""
    settings = _settings(data)
    given = {"events": events_days, "ledger": ledger_days, "dead_letters": dead_letters_days}
    chosen = {key: days for key, days in given.items() if days is not None}
    ages: Ages = msgspec.structs.replace(settings.ages, **chosen)

    async def work() -> Any:
        async with opened(settings) as premises:
            return await premises.purge(ages)

    purged = asyncio.run(work())
    if as_json:
        typer.echo(msgspec.json.encode(purged))
    else:
        _out.print(
            f"Deleted {purged.events:,} events, {purged.dead_letters:,} dead letters and {purged.pages:,} pages of the "
            "ledger."
        )


def backup(file: Annotated[Path, typer.Argument(help="A new file.")], data: Data = None) -> None:
    """Copy the database while the server runs. The key that opens its access tokens is not in the copy."""
    settings = _settings(data)
    size = copy(settings, file)
    _out.print(f"{file}: {size:,} bytes. Keep {KEY_FILE} of the data folder, or TOCKWORK_SECRET_KEY, apart from it.")


def plan(file: File, data: Data = None, as_json: AsJson = False) -> None:
    """Show what `apply` would change. Exit code 1 when there is anything."""
    _, found = asyncio.run(_planned(_settings(data), file))
    _show(found, as_json)
    raise typer.Exit(FAILED if found else 0)


def apply(file: File, data: Data = None, as_json: AsJson = False) -> None:
    """Make a configuration file the newest version; running servers pick it up within a second."""
    settings = _settings(data)
    configuration, found = asyncio.run(_planned(settings, file))

    async def work() -> int:
        async with opened(settings, make=True) as premises:
            return await premises.versions.keep(configuration)

    version = asyncio.run(work())
    _show(found, as_json)
    if not as_json:
        _out.print(f"Version {version}.")


def export(data: Data = None) -> None:
    """Print the newest configuration as YAML. Secrets are left out: it names the variables that hold them."""
    settings = _settings(data)

    async def work() -> Configuration:
        async with opened(settings) as premises:
            return premises.configuration

    typer.echo(exported(asyncio.run(work())), nl=False)


async def _planned(settings: Settings, file: Path) -> tuple[Configuration, list[changing.Change]]:
    configuration = load(file)
    configuration.managed_by = file.name
    async with opened(settings, make=True) as premises:
        return configuration, changing.changes(premises.configuration, configuration)


def _show(found: Sequence[changing.Change], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        for line in changing.lines(found):
            _out.print(line, highlight=False, markup=False, soft_wrap=True)
        if not found:
            _out.print("No changes.")


def _wish(name: str, wish: Wish, data: Path | None) -> None:
    settings = _settings(data)

    async def work() -> None:
        async with opened(settings) as premises:
            await premises.wish(name, wish)

    asyncio.run(work())


def _settings(data: Path | None) -> Settings:
    settings = process(data=data)
    logs.configure(settings.log_level)
    return settings


def _told(line: Line) -> str:
    """A dead letter or a pending row, with what was answered and how to mend it."""
    reason = reasons.REASONS.get(line.reason or "")
    what = ": ".join(filter(None, (line.reason, line.detail)))
    mend = reason.mend if reason else ""
    return f"{line.status} {line.message_id} ({line.mapping or 'no mapping'}): {what.rstrip('.')}. {mend}"


def _plain(snapshot: Snapshot, exceptions: Mapping[str, Sequence[Line]]) -> Any:
    return {
        "at": datetime.fromtimestamp(snapshot.at, UTC).isoformat(),
        "configuration": snapshot.configuration,
        "sources": snapshot.sources,
        "in_browser": [msgspec.structs.asdict(page) for page in snapshot.in_browser],
        "destinations": [
            {
                "name": state.name,
                "sandbox": state.sandbox,
                "condition": state.condition,
                "reason": state.reason,
                "accepted": state.tally.accepted,
                "undecided": state.tally.undecided,
                "matched": state.tally.matched,
                "lines": [
                    {"status": each, "reason": reason, "number": number}
                    for (each, reason), number in sorted(state.tally.lines.items(), key=str)
                ],
                "letters": [msgspec.structs.asdict(line) for line in exceptions[state.name]],
            }
            for state in snapshot.destinations
        ],
    }


def _show_state(state: DestinationState) -> None:
    tally = state.tally
    condition = state.condition + (f" ({state.reason})" if state.reason else "")
    _out.print(
        f"{state.name}{' (sandbox)' if state.sandbox else ''}: {condition}, {tally.accepted:,} events",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    table = Table(min_width=40)
    table.add_column("state")
    table.add_column("reason")
    table.add_column("number", justify="right")
    table.add_row("undecided", "", f"{tally.undecided:,}")
    for (status, reason), number in sorted(tally.lines.items(), key=lambda item: -item[1]):
        table.add_row(status, reason, f"{number:,}")
    _out.print(table)


def owner(
    name: Annotated[str, typer.Argument(help="Who is to be an owner: somebody with an account, or somebody new.")],
    data: Data = None,
    url: Annotated[
        str | None, typer.Option(help="Where the console is, if not where TOCKWORK_ADMIN_HOST and _PORT have it.")
    ] = None,
) -> None:
    """Print a link with which somebody becomes an owner of the console, or sets a new password for a lost one.

    It is good once and for an hour, and works on a running server. The present password stays until then.
    """
    settings = _settings(data)
    host = f"[{settings.admin_host}]" if ":" in settings.admin_host else settings.admin_host
    where = (url or f"http://{host}:{settings.admin_port}").rstrip("/")

    async def work() -> str:
        async with opened(settings) as premises:
            return link(where, await owners_code(Accounts(premises.store.database), name), name.strip())

    typer.echo(asyncio.run(work()))


COMMANDS = (stats, pause, resume, replay, purge, backup, plan, apply, export, doctor, owner)
"""The commands, under their own names."""
