"""The command line: ``tockwork``.

Exit codes: 0 done; 1 done, but something was refused, not delivered, or came out otherwise than expected; 2 wrong
usage or configuration.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import tockwork.app.commands.check as checking
import tockwork.app.commands.demo as demonstration
import tockwork.app.commands.explain as explaining
import tockwork.app.commands.serve as serving
import tockwork.app.commands.suppress as suppressing
import tockwork.app.commands.transform as transforming
from tockwork.app import logs
from tockwork.app.commands import imports
from tockwork.app.commands.events import blocks, opened
from tockwork.app.commands.operations import COMMANDS
from tockwork.app.commands.options import FAILED, MISUSED, AsJson, Data, moment
from tockwork.app.commands.options import process as process_settings
from tockwork.app.commands.send import Sent, Tally
from tockwork.app.commands.send import send as deliver
from tockwork.configuration.entries import load, read_filled
from tockwork.delivery.connection import Connection, connect
from tockwork.destinations.catalog import find
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.outcome import Outcome, Status
from tockwork.sandbox.server import KEEP, PORT, Options
from tockwork.sandbox.server import run as run_sandbox
from tockwork.store.lock import Role

app = typer.Typer(
    name="tockwork",
    help="Gets an advertiser's events to TikTok: reliably, privately and provably.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out = Console()
_err = Console(stderr=True)

Kind = Annotated[str, typer.Option("--destination", help="Kind of destination, such as tiktok-conversions.")]
Pack = Annotated[str | None, typer.Option("--preset-pack", help="Presets to map with, where no mappings are given.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="The destination's settings, YAML or JSON.")]
MappingsFile = Annotated[Path | None, typer.Option("--mappings", help="Mappings, a YAML or JSON list.")]
Events = Annotated[str, typer.Argument(help="Events, one JSON object a line; - for standard input.")]
Now = Annotated[
    str | None, typer.Option("--now", help="The time that counts as now for events without receivedAt, ISO 8601.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tockwork {version('tockwork')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the table.")] = False,
    shop: Annotated[bool, typer.Option("--shop", help="Serve a shop to click through, in place of a session.")] = False,
    shop_port: Annotated[int, typer.Option(help="Port of the shop; 0 for any.")] = 0,
    sandbox_port: Annotated[int, typer.Option(help="Port of the stand-in for TikTok; 0 for any.")] = 0,
    port: Annotated[int, typer.Option(help="Port of the tracking API; 0 for any.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Watch a shopping session go through a server to a stand-in for TikTok."""
    process = process_settings(port=port, admin_port=0)
    logs.configure("warning" if process.log_level == "info" else process.log_level)  # the table tells it better
    if shop:
        work = demonstration.shop(process, _out, sandbox_port=sandbox_port, shop_port=shop_port)
    else:
        work = demonstration.demo(process, _out, once=once, sandbox_port=sandbox_port, as_json=as_json)
    raise typer.Exit(asyncio.run(work))


@app.command()
def serve(
    config: Annotated[
        Path | None, typer.Option("--config", help="Sources and destinations, YAML or JSON; kept as a new version.")
    ] = None,
    data: Data = None,
    only: Annotated[
        Role | None, typer.Option("--only", help="Only accept events, deliver them, or show the console.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (TOCKWORK_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for any (TOCKWORK_PORT).")] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port of health and metrics, 0 for any (TOCKWORK_ADMIN_PORT).")
    ] = None,
) -> None:
    """Accept events over HTTP and deliver them. Needs no configuration to start with."""
    process = process_settings(data=data, host=host, port=port, admin_port=admin_port)
    logs.configure(process.log_level, "stdout")
    configuration = load(config) if config else None
    if configuration is not None and config is not None:
        configuration.managed_by = config.name
    serving.run(process, configuration, [only] if only else list(Role), _err)


@app.command()
def transform(
    destination: Kind,
    events: Events = "-",
    preset_pack: Pack = None,
    settings_file: SettingsFile = None,
    mappings_file: MappingsFile = None,
    requests: Annotated[bool, typer.Option("--requests", help="Print whole request bodies instead of rows.")] = False,
    now: Now = None,
) -> None:
    """Print what becomes of events, one JSON line per event and triggered mapping. Nothing is sent."""
    connection = _connected(destination, preset_pack, settings_file, mappings_file, placeholder=True)
    if requests:
        _check_delivered(connection)
    write = transforming.write_requests if requests else transforming.write_lines
    with opened(events) as source:
        write(connection, source, sys.stdout.buffer, moment(now, "--now"))
        sys.stdout.buffer.flush()


@app.command()
def send(
    destination: Kind,
    events: Events = "-",
    preset_pack: Pack = None,
    settings_file: SettingsFile = None,
    mappings_file: MappingsFile = None,
    timeout: Annotated[float, typer.Option(help="Seconds after which what is not decided stays pending.")] = 60.0,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Transform events and deliver the rows straight away; ends with a table of outcomes."""
    process = process_settings()
    logs.configure(process.log_level)
    connection = _connected(destination, preset_pack, settings_file, mappings_file)
    _check_delivered(connection)
    encode = msgspec.json.Encoder().encode

    def told(o: Outcome) -> None:
        if as_json:
            sys.stdout.buffer.write(
                encode(Sent(o.message_id, o.mapping, o.status, o.reason, o.warnings, o.detail)) + b"\n"
            )

    with opened(events) as source, _progress("sending") as moved:
        work = deliver(
            connection,
            source,
            process,
            now=moment(now, "--now"),
            timeout_s=timeout,
            told=told,
            moved=moved,
        )
        tally = asyncio.run(work)
    sys.stdout.buffer.flush()
    if not as_json:
        _out.print(_table(tally))
    fine = {Status.DELIVERED, Status.FILTERED}
    raise typer.Exit(FAILED if any(number for (status, _), number in tally.items() if status not in fine) else 0)


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on, 0 for any.")] = PORT,
    profile: Annotated[str, typer.Option(help="documented, always-200, strict-docs or lenient.")] = "documented",
    faults: Annotated[Path | None, typer.Option(help="A fault script, JSON.")] = None,
    tokens: Annotated[Path | None, typer.Option(help="Known tokens and what each may write to, JSON.")] = None,
    keep: Annotated[int, typer.Option(help="Events kept to look at; counts stay exact beyond.")] = KEEP,
) -> None:
    """Run a strict stand-in for TikTok's Events API, with a page that shows what arrived."""

    def ready(url: str) -> None:
        _err.print(f"TikTok's stand-in listens at {url}; what arrives is shown at {url}/", highlight=False)

    asyncio.run(run_sandbox(Options(host, port, profile, faults, tokens, keep), ready))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A configuration, or one destination with its cases; YAML or JSON.")],
    as_json: AsJson = False,
) -> None:
    """Check a configuration, its mappings and their cases."""
    report = checking.check(file)
    if as_json:
        typer.echo(msgspec.json.encode(report))
    else:
        for line in checking.lines(report):
            typer.echo(line)
    raise typer.Exit(0 if report.ok else FAILED)


@app.command()
def explain(
    destination: Kind,
    events: Events = "-",
    preset_pack: Pack = None,
    settings_file: SettingsFile = None,
    mappings_file: MappingsFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Show fields without a value too.")] = False,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Show which clause of which trigger an event met, and where each field's value came from."""
    connection = _connected(destination, preset_pack, settings_file, mappings_file, placeholder=True)
    with opened(events) as source:
        for line in (line for lines in blocks(source) for line in lines):
            try:
                event = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError) as error:
                raise ConfigurationError([Problem("event", f"is no JSON object: {error}")]) from None
            explanations = connection.explain(event, moment(now, "--now"))
            if as_json:
                typer.echo(msgspec.json.encode(explanations))
            else:
                explaining.show(_out, explanations, everything=everything)


def _connected(
    kind: str, pack: str | None, settings_file: Path | None, mappings_file: Path | None, *, placeholder: bool = False
) -> Connection:
    """The destination of the options. With `placeholder`, its required settings need not be given: nothing is sent."""
    given = read_filled(settings_file) if settings_file else {}
    mappings = read_filled(mappings_file) if mappings_file else None
    if isinstance(mappings, dict):
        mappings = mappings.get("mappings", [mappings])
    problems = []
    if not isinstance(given, dict):
        problems.append(Problem(str(settings_file), "expected an object of settings"))
    if mappings is not None and not isinstance(mappings, list):
        problems.append(Problem(str(mappings_file), "expected a list of mappings"))
    if problems:
        raise ConfigurationError(problems)
    if placeholder and settings_file is None:
        given = {setting.key: setting.placeholder for setting in find(kind).settings if setting.required}
    connection = connect(kind, given, mappings, pack)
    for advice in connection.advice if mappings is not None else ():
        _err.print(f"advice: {advice}", highlight=False, markup=False, soft_wrap=True)
    return connection


def _check_delivered(connection: Connection) -> None:
    """Raises `ConfigurationError` for a destination that gets no requests of ours."""
    if connection.destination.device is not None:
        what = f"{connection.destination.title} is delivered to by the browser: there are no requests"
        raise ConfigurationError([Problem("destination", what, "`tockwork transform` prints the browser's calls.")])


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where there is a person to see it; yields what moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda known, decided: bar.update(task, total=known, completed=decided)


def _table(tally: Tally) -> Table:
    table = Table("outcome", "reason")
    table.add_column("events", justify="right")
    for (status, reason), number in tally.most_common():
        table.add_row(status, reason, f"{number:,}")
    return table


app.add_typer(suppressing.app)
for command in COMMANDS:
    app.command()(command)
app.command("import")(imports.import_)


def main() -> None:
    """The console script."""
    try:
        app()
    except ConfigurationError as error:
        for problem in error.problems:
            _err.print(f"error: {problem}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(MISUSED)
    except BrokenPipeError:  # the reader of our output went away
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
