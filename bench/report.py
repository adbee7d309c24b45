"""What a part of the bench found, as a table that marks the bars."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rich.console import Console
from rich.table import Table


class Finding(msgspec.Struct, frozen=True):
    """One measured number. With `bar`, the number is to be at most that; with `floor`, at least."""

    what: str
    number: float
    unit: str = ""
    bar: float | None = None
    floor: float | None = None
    digits: int = 2

    @property
    def missed(self) -> bool:
        return (self.bar is not None and self.number > self.bar) or (
            self.floor is not None and self.number < self.floor
        )

    @property
    def limit(self) -> str:
        if self.bar is not None:
            return f"≤ {self.bar:g}"
        return f"≥ {self.floor:g}" if self.floor is not None else ""


def show(console: Console, title: str, findings: Iterable[Finding]) -> int:
    """Prints the table; returns how many bars were missed."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in ("measured", "bar"):
        table.add_column(column, justify="right")
    missed = 0
    for finding in findings:
        missed += finding.missed
        number = f"{finding.number:,.{finding.digits}f} {finding.unit}".strip()
        mark = "" if not finding.limit else "[red]over[/]" if finding.missed else "[green]met[/]"
        table.add_row(finding.what, number, f"{finding.limit} {mark}".strip())
    console.print(table)
    return missed


def megabytes(what: str, size: float, bar: float) -> Finding:
    return Finding(what, size / 1e6, "MB", bar=bar, digits=0)
