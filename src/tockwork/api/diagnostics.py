"""Routes of the management API: what real traffic shows of each destination, and what people dismissed of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.problem import not_found
from tockwork.configuration.entries import DestinationEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.diagnosis import Severity
from tockwork.doctor.clinic import Clinic
from tockwork.doctor.diagnosis import Diagnosis, Issue
from tockwork.model.errors import ConfigurationError
from tockwork.model.names import named
from tockwork.operations.premises import Premises
from tockwork.store.dismissals import Dismissal, Dismissals

TAGS: Final = ["Diagnostics"]


class DismissedBy(msgspec.Struct, frozen=True, kw_only=True):
    """Who dismissed a finding, and when (Unix time). It comes back after seven days, or when it has grown by half."""

    by: str
    at: float


class IssueAnswer(Issue, frozen=True, kw_only=True):
    """A finding. `dismissed` is None unless somebody dismissed it."""

    dismissed: DismissedBy | None = None


class DiagnosisAnswer(Diagnosis, frozen=True, kw_only=True):
    """Everything about one destination. Each of the `issues` says whether it was dismissed."""

    issues: list[IssueAnswer]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Findings by level, without those that were dismissed."""

    error: int = 0
    warning: int = 0
    info: int = 0
    dismissed: int = 0


class DiagnosedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One destination in short. `quality` is the estimate over all its events (0 to 10), None without rows; `problem`
    says why there is no diagnosis, where it cannot be connected."""

    destination: str
    kind: str
    title: str
    enabled: bool
    sandbox: bool
    in_browser: bool
    findings: Counted = Counted()
    events: int = 0
    sampled: int = 0
    rows: int = 0
    quality: float | None = None
    coverage: float | None = None
    dedup_rate: float | None = None
    problem: str = ""


class DiagnosticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All destinations."""

    destinations: list[DiagnosedAnswer]


@get("/diagnostics", tags=TAGS)
async def diagnostics(premises: NamedDependency[Premises], clinic: NamedDependency[Clinic]) -> DiagnosticsAnswer:
    """Every destination's findings, counted by level."""
    dismissals = Dismissals(premises.store.database)
    found = []
    for entry in premises.configuration.destinations:
        try:
            diagnosis = await clinic.diagnosis(entry.name)
        except ConfigurationError as error:
            found.append(_undiagnosed(entry, str(error)))
        else:
            found.append(_short(_answer(diagnosis, await dismissals.of(entry.name))))
    return DiagnosticsAnswer(destinations=found)


@get("/diagnostics/{destination:str}", tags=TAGS)
async def diagnosis(
    premises: NamedDependency[Premises], clinic: NamedDependency[Clinic], destination: FromPath[str]
) -> DiagnosisAnswer:
    """One destination: findings, match quality by event, activity, and its pair."""
    name = _known(premises, destination)
    return _answer(await clinic.diagnosis(name), await Dismissals(premises.store.database).of(name))


@post(
    "/diagnostics/{destination:str}/{code:str}/dismiss",
    tags=TAGS,
    guards=[editor],
    status_code=200,
)
async def dismiss(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    clinic: NamedDependency[Clinic],
    destination: FromPath[str],
    code: FromPath[str],
) -> IssueAnswer:
    """Hide a finding for seven days, or until it has grown by half."""
    name = _known(premises, destination)
    issue = (await clinic.diagnosis(name)).issue(code)
    if issue is None:
        raise not_found("finding of this code at present")
    dismissal = await Dismissals(premises.store.database).keep(name, code, request.user.name, issue.estimate)
    await record(request, "diagnostics.dismissed", about=name, detail={"code": code, "events": issue.estimate})
    return _issue(issue, dismissal)


@post(
    "/diagnostics/{destination:str}/{code:str}/restore",
    tags=TAGS,
    guards=[editor],
    status_code=204,
)
async def restore(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    destination: FromPath[str],
    code: FromPath[str],
) -> None:
    """Show a dismissed finding again."""
    name = _known(premises, destination)
    dismissals = Dismissals(premises.store.database)
    if code not in await dismissals.of(name):
        raise not_found("dismissed finding of this code")
    await dismissals.drop(name, code)
    await record(request, "diagnostics.restored", about=name, detail={"code": code})


def _known(premises: Premises, segment: str) -> str:
    name = named(segment)
    if all(leg.name != name for leg in premises.configuration.legs):
        raise not_found("destination of this name")
    return name


def _answer(diagnosis: Diagnosis, dismissed: dict[str, Dismissal]) -> DiagnosisAnswer:
    members = {name: getattr(diagnosis, name) for name in Diagnosis.__struct_fields__}
    members["issues"] = [_issue(one, dismissed.get(one.code)) for one in diagnosis.issues]
    return DiagnosisAnswer(**members)


def _issue(issue: Issue, dismissal: Dismissal | None) -> IssueAnswer:
    hidden = dismissal is not None and dismissal.hides(issue.estimate)
    by = DismissedBy(by=dismissal.by, at=dismissal.at) if dismissal is not None and hidden else None
    return IssueAnswer(**{name: getattr(issue, name) for name in Issue.__struct_fields__}, dismissed=by)


def _short(diagnosis: DiagnosisAnswer) -> DiagnosedAnswer:
    levels = Counter(one.level for one in diagnosis.issues if one.dismissed is None)
    rows = sum(one.rows for one in diagnosis.quality)
    pair = diagnosis.pair
    return DiagnosedAnswer(
        destination=diagnosis.destination,
        kind=diagnosis.kind,
        title=diagnosis.title,
        enabled=diagnosis.enabled,
        sandbox=diagnosis.sandbox,
        in_browser=diagnosis.in_browser,
        findings=Counted(
            error=levels[Severity.ERROR],
            warning=levels[Severity.WARNING],
            info=levels[Severity.INFO],
            dismissed=len(diagnosis.issues) - levels.total(),
        ),
        events=diagnosis.events,
        sampled=diagnosis.sampled,
        rows=diagnosis.rows,
        quality=round(sum(one.estimate * one.rows for one in diagnosis.quality) / rows, 2) if rows else None,
        coverage=pair.coverage if pair else None,
        dedup_rate=pair.dedup_rate if pair else None,
    )


def _undiagnosed(entry: DestinationEntry, problem: str) -> DiagnosedAnswer:
    declared = DESTINATIONS.get(entry.kind)
    return DiagnosedAnswer(
        destination=entry.name,
        kind=entry.kind,
        title=declared.title if declared else entry.kind,
        enabled=entry.enabled,
        sandbox=entry.sandbox,
        in_browser=entry.in_browser,
        problem=problem,
    )


ROUTES: Final[list[ControllerRouterHandler]] = [diagnostics, diagnosis, dismiss, restore]
