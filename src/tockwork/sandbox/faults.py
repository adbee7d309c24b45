"""Faults by script: what goes wrong, for which requests, how often.

A script is a list of steps. A step has conditions and an action. The script is asked once for each request that TikTok
would have accepted; the first step whose conditions hold acts, and a `latency` step adds its delay and lets the later
steps have their turn. Chance is seeded: the same script makes the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.event import Envelope

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
HttpStatus = Annotated[int, Meta(ge=200, le=599)]


class _Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class Latency(_Action, frozen=True, tag="latency"):
    """Wait, then carry on."""

    seconds: Seconds


class Reset(_Action, frozen=True, tag="reset"):
    """Break the connection off with a TCP reset, before the rows are accepted or after it."""

    when: Literal["before", "after"] = "before"


class Answer(_Action, frozen=True, tag="answer"):
    """Accept nothing and answer with this `code`. Without `status` the profile's HTTP status for that code."""

    code: int
    status: HttpStatus | None = None
    message: str | None = None
    retry_after: Seconds | None = None


class Http(_Action, frozen=True, tag="http"):
    """Answer with this HTTP status and a body that holds no `code`; accept the rows first if `accept` is set."""

    status: HttpStatus
    body: Literal["html", "garbage", "json", "empty"] = "html"
    retry_after: Seconds | None = None
    accept: bool = False


class Drip(_Action, frozen=True, tag="drip"):
    """Accept, then send the answer a few bytes at a time."""

    bytes: Positive = 3
    every: Seconds = 0.05


class Truncate(_Action, frozen=True, tag="truncate"):
    """Accept, then close the connection after the first `keep` bytes of the body."""

    keep: Count = 10


class Partial(_Action, frozen=True, tag="partial"):
    """Accept all rows but the matching ones (the first, when no condition is on rows) and answer 20001.

    With `named` the message names each row that was left out, and `data.failed_rows` lists them.
    """

    named: bool = True


class Refuse(_Action, frozen=True, tag="refuse"):
    """Refuse the whole request with 40002 for its first matching row; with `named` the message has its index."""

    named: bool = True


Ending = Reset | Answer | Http | Drip | Truncate | Partial | Refuse
Action = Latency | Ending

_KINDS: Final = "latency, reset, answer, http, drip, truncate, partial, refuse"


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions on a request; all that are given must hold. `event` and `row` are conditions on one and the same row:
    its name, and the values at dotted paths such as `properties.contents.0.content_id`."""

    token: str | None = None
    event_source: str | None = None
    event_source_id: str | None = None
    test: bool | None = None
    event: str | None = None
    row: dict[str, Any] = {}

    def hits(self, token: str, envelope: Envelope, rows: Sequence[dict[str, Any]]) -> tuple[int, ...] | None:
        """The indexes of the rows that match; None when the request does not."""
        wanted = (
            (self.token, token),
            (self.event_source, envelope.event_source),
            (self.event_source_id, envelope.event_source_id),
            (self.test, bool(envelope.test_event_code)),
        )
        if any(want is not None and want != found for want, found in wanted):
            return None
        if self.event is None and not self.row:
            return (0,)
        return tuple(index for index, row in enumerate(rows) if self._row_matches(row)) or None

    def _row_matches(self, row: dict[str, Any]) -> bool:
        if self.event is not None and row["event"] != self.event:
            return False
        return all(_at(row, path) == value for path, value in self.row.items())


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a script: act on the requests that match, leaving out the first `after` of them, at most `times`
    times (None: without end), each with `probability`."""

    action: Action
    match: Match = Match()
    after: Count = 0
    times: Count | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Plan(msgspec.Struct, frozen=True):
    """What the script does to one request: wait `delay_s` seconds, then act (or not). `hits` are the indexes of the
    rows that the step matched; `name` says what was done."""

    delay_s: float = 0.0
    action: Ending | None = None
    hits: tuple[int, ...] = (0,)
    name: str = ""


class Progress(msgspec.Struct):
    """How often a step's conditions held, and how often it acted."""

    step: Step
    seen: int = 0
    done: int = 0


class Script:
    """A fault script at work. Build one with `parse_script`."""

    def __init__(self, steps: Sequence[Step] = (), seed: int = 0) -> None:
        self.seed = seed
        self._progress = [Progress(step) for step in steps]

    @property
    def progress(self) -> tuple[Progress, ...]:
        return tuple(self._progress)

    def restart(self) -> None:
        """Every step begins again."""
        self._progress = [Progress(progress.step) for progress in self._progress]

    def plan(self, token: str, envelope: Envelope, rows: Sequence[dict[str, Any]]) -> Plan:
        """What happens to an acceptable request; each call counts as one request."""
        delay_s = 0.0
        for number, progress in enumerate(self._progress):
            hits = progress.step.match.hits(token, envelope, rows)
            if hits is None or not self._acts(number, progress):
                continue
            action = progress.step.action
            if isinstance(action, Latency):
                delay_s += action.seconds
                continue
            return Plan(delay_s, action, hits, _named(action))
        return Plan(delay_s, name="latency" if delay_s else "")

    def _acts(self, number: int, progress: Progress) -> bool:
        step = progress.step
        progress.seen += 1
        if progress.seen <= step.after or (step.times is not None and progress.done >= step.times):
            return False
        if step.probability < 1 and self._draw(number, progress.seen) >= step.probability:
            return False
        progress.done += 1
        return True

    def _draw(self, number: int, turn: int) -> float:
        """A number in [0, 1) that depends on seed, step and turn alone, whatever the other steps draw."""
        digest = blake2b(f"{self.seed}/{number}/{turn}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64


def _named(action: Action) -> str:
    match action:
        case Reset(when=when):
            return f"reset {when} acceptance"
        case Answer(code=code):
            return f"answer {code}"
        case Http(status=status, body=body, accept=accept):
            return f"HTTP {status} {body}{' after acceptance' if accept else ''}"
        case _:
            return type(action).__name__.lower()


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    steps: list[Any]
    seed: int = 0


def parse_script(value: Any) -> Script:
    """The script in `value`, plain JSON values: a list of steps, or ``{"seed": 7, "steps": [...]}``.

    Raises `ConfigurationError` with one problem for each step that is wrong.
    """
    try:
        outer = msgspec.convert({"steps": value} if isinstance(value, list) else value, _Script)
    except msgspec.ValidationError as error:
        raise ConfigurationError([_problem("", str(error))]) from None
    steps: list[Step] = []
    problems: list[Problem] = []
    for index, item in enumerate(outer.steps):
        try:
            steps.append(msgspec.convert(item, Step))
        except msgspec.ValidationError as error:
            problems.append(_problem(f"steps[{index}]", str(error)))
    if problems:
        raise ConfigurationError(problems)
    return Script(steps, outer.seed)


def decode_script(text: bytes) -> Script:
    """The script in a JSON text. Raises `ConfigurationError`."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError([Problem("", f"no JSON: {error}")]) from None
    return parse_script(value)


def load_script(path: Path) -> Script:
    """The script in a JSON file. Raises `ConfigurationError` whose problems begin with the file's name."""
    try:
        return decode_script(path.read_bytes())
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"the file cannot be read: {error.strerror}")]) from None
    except ConfigurationError as error:
        raise ConfigurationError(
            [
                msgspec.structs.replace(problem, where=f"{path}: {problem.where}".rstrip(": "))
                for problem in error.problems
            ]
        ) from None


def _problem(where: str, message: str) -> Problem:
    what, _, place = message.partition(" - at `$")
    place = place.rstrip("`")
    mend = f"Kinds of actions are {_KINDS}." if place.endswith(".kind") or "`kind`" in what else ""
    return Problem(f"{where}{place}".lstrip("."), what, mend)
