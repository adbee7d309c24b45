"""``tockwork check``: whether a configuration holds together, and whether its cases come out as they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tockwork.app.wire import sources
from tockwork.configuration.advice import advice, told_by
from tockwork.configuration.entries import load
from tockwork.configuration.instance import instances
from tockwork.destinations.case import differences


class Finding(msgspec.Struct):
    """One thing that the check found. `level` is error (a case differs) or advice."""

    level: str
    where: str
    what: str


class Report(msgspec.Struct):
    """What was checked and found."""

    sources: int
    destinations: int
    mappings: int
    cases: int
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return all(finding.level != "error" for finding in self.findings)


def check(path: Path) -> Report:
    """Checks the file at `path`. Raises `ConfigurationError` with all that is wrong with the configuration itself."""
    configuration = load(path)
    connected = instances(configuration.destinations)
    known = sources(configuration.sources)
    report = Report(len(known), len(connected), 0, 0, [])
    for instance in connected:
        entry, connection = instance.entry, instance.connection
        report.mappings += len(connection.mappings)
        report.findings += [Finding("advice", entry.name, text) for text in told_by(instance, connected)]
        for case in entry.cases:
            report.cases += 1
            where = f"{entry.name}, case {case.name!r}"
            report.findings += [Finding("error", where, difference) for difference in differences(case, connection)]
    report.findings += [
        Finding("advice", one.where, f"{one.what}. {one.mend}") for one in advice(configuration.sources, connected)
    ]
    return report


def lines(report: Report) -> Iterator[str]:
    """The report for people."""
    for finding in report.findings:
        yield f"{finding.level}: {finding.where}: {finding.what}"
    errors = sum(finding.level == "error" for finding in report.findings)
    yield (
        f"{report.sources} sources, {report.destinations} destinations, {report.mappings} mappings, "
        f"{report.cases} cases: " + (f"{errors} differences" if errors else "all is well")
    )
