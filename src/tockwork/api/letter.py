"""A dead letter as the management API shows it, and what would become of it now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from tockwork.api.standing import why
from tockwork.configuration.instance import Instance
from tockwork.model.outcome import Outcome, Status
from tockwork.operations.replay import PENDING, TOO_LATE, UNMATCHED
from tockwork.operations.veil import Veil, looks
from tockwork.store import letters as stored
from tockwork.store.protocol import PLACES, Key

_REF: Final = re.compile(r"(\d{1,18})-(\d{1,9})(?:-(\d{1,2}))?", re.ASCII)


class LetterLine(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter in a list. `ref` names it, `event_ref` its event; `at` is when it died (Unix time). `detail` is
    what was answered, values masked. `ambiguous` is true where the row may have arrived all the same."""

    ref: str
    event_ref: str
    message_id: str | None
    type: str
    event_name: str
    mapping: str | None
    status: Status
    reason: str
    meaning: str
    mend: str
    code: int | None
    detail: str
    at: float
    ambiguous: bool


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A field that the answer names, and where its mapping takes the value from."""

    field: str
    origin: str


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest configuration makes of the event in one mapping. `row` is what would be sent, personal data
    masked unless it was asked for; null where no row is made."""

    mapping: str | None
    status: Status
    reason: str
    meaning: str
    mend: str
    warnings: list[str]
    row: Any


class Prospect(StrEnum):
    """What a replay would do."""

    TO_SEND = "to_send"  # a row can be made; what the platform says to it shows once it is sent
    UNMATCHED = "unmatched"  # no mapping makes its row any more
    TOO_LATE = "too_late"  # perhaps delivered, and a repeat would count twice
    INVALID = "invalid"  # the mapping still makes no row of it
    OTHER = "other"  # filtered or suppressed by now


PROSPECTS: Final = {
    Prospect.TO_SEND: "A row can be made of it now: a replay sends it.",
    Prospect.UNMATCHED: "No mapping makes its row any more: the trigger does not match, or the mapping is gone or off.",
    Prospect.TOO_LATE: (
        "It was perhaps delivered, and the platform would count a repeat twice by now: only `force` sends it."
    ),
    Prospect.INVALID: "Tockwork still makes no row of it, for the reason given.",
    Prospect.OTHER: "It would not be sent, for the reason given.",
}


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter. `event` is as it came, personal data masked unless `unmasked`; null where it is no JSON.
    `origins` say where the fields come from that the answer names; `prospect` is what a replay would do now, and `now`
    why."""

    letter: LetterLine
    event: Any
    unmasked: bool
    origins: list[Origin]
    prospect: Prospect
    told: str
    now: list[Now]


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """So many letters had the same prospect, for the same reason."""

    outcome: Prospect
    number: int
    told: str
    reason: str = ""
    meaning: str = ""
    mend: str = ""


class Rest(msgspec.Struct, frozen=True):
    """The letters that died in this time (Unix seconds) are left."""

    since: float
    until: float


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the letters, or would become of them in a dry run. `sent` of all `letters` are to be sent. Where
    the time was over, `rest` has the `since` and `until` with which the same request goes on; else it is null."""

    dry_run: bool
    letters: int
    sent: int
    outcomes: list[Became]
    warnings: list[str]
    rest: Rest | None = None


def ref_of(key: Key) -> str:
    """A dead letter's name: the chunk, the event's place in it, and which of its deliveries."""
    return f"{key[0]}-{key[1] // PLACES}-{key[1] % PLACES}"


def key_of(ref: str) -> Key | None:
    """What `ref_of` made the name of; without the last part, the event's first delivery."""
    found = _REF.fullmatch(ref)
    if found is None or int(found[3] or 0) >= PLACES:
        return None
    return int(found[1]), int(found[2]) * PLACES + int(found[3] or 0)


class _Named(msgspec.Struct):
    type: Any = None
    event: Any = None
    name: Any = None


def line_of(letter: stored.Letter) -> LetterLine:
    try:
        named = msgspec.json.decode(letter.event, type=_Named)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        named = _Named()
    about = why(letter.reason or "")
    return LetterLine(
        ref=ref_of(letter.key),
        event_ref=f"{letter.key[0]}-{letter.key[1] // PLACES}",
        message_id=letter.message_id,
        type=_text(named.type),
        event_name=looks(_text(named.event) or _text(named.name)),
        mapping=letter.mapping,
        status=letter.status,
        reason=about.reason,
        meaning=about.meaning,
        mend=about.mend,
        code=letter.code,
        detail=letter.detail or "",
        at=letter.at,
        ambiguous=letter.ambiguous_at is not None,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def inspected(letter: stored.Letter, instance: Instance, now: float, *, unmasked: bool) -> Letter:
    """The letter, and its prospect by a configured destination at Unix time `now`."""
    event = _event(letter.event)
    veil = None if unmasked else Veil(event)
    prospect, outcomes = _prospect(letter, instance, now)
    return Letter(
        letter=line_of(letter),
        event=veil.event if veil else event,
        unmasked=unmasked,
        origins=_origins(letter, instance, event, now),
        prospect=prospect,
        told=PROSPECTS[prospect],
        now=[_now(outcome, veil) for outcome in outcomes],
    )


def _prospect(letter: stored.Letter, instance: Instance, now: float) -> tuple[Prospect, list[Outcome]]:
    """As `replay` decides it."""
    (outcomes,) = instance.outcomes([letter.event])
    own = [one for one in outcomes if letter.mapping is None or one.mapping == letter.mapping]
    window_s = instance.connection.destination.limits.dedup_window_s
    if letter.ambiguous_at is not None and now >= letter.ambiguous_at + window_s:
        return Prospect.TOO_LATE, own
    if not own:
        return Prospect.UNMATCHED, outcomes
    if own[0].status is Status.MAPPED:
        return Prospect.TO_SEND, own
    return Prospect.INVALID if own[0].status is Status.INVALID else Prospect.OTHER, own


def _now(outcome: Outcome, veil: Veil | None) -> Now:
    about = why(outcome.reason or "")
    row = None if outcome.row is None else msgspec.json.decode(outcome.row)
    return Now(
        mapping=outcome.mapping,
        status=outcome.status,
        reason=about.reason,
        meaning=about.meaning,
        mend=about.mend,
        warnings=outcome.warnings,
        row=veil.value(row) if veil else row,
    )


def _origins(letter: stored.Letter, instance: Instance, event: Any, now: float) -> list[Origin]:
    """The fields of the letter's mapping that its detail names: TikTok's "Invalid value for" names none."""
    words = set(re.findall(r"\w+", re.sub("(?i)invalid value", "", letter.detail or "")))
    if not words or not isinstance(event, dict):
        return []
    explained = next((one for one in instance.connection.explain(event, now) if one.mapping == letter.mapping), None)
    fields = explained.fields if explained is not None else {}
    return [Origin(field=name, origin=field.origin) for name, field in fields.items() if name in words]


def _event(entry: bytes) -> Any:
    try:
        return msgspec.json.decode(entry)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def exported(letter: stored.Letter, *, masked: bool) -> bytes:
    """A line of JSON."""
    line, event = line_of(letter), _event(letter.event)
    died_at = datetime.fromtimestamp(letter.at, UTC).isoformat()
    members = {
        "died_at": died_at,
        **msgspec.structs.asdict(line),
        "event": Veil(event).event if masked else event,
    }
    return msgspec.json.encode(members) + b"\n"


def replayed(
    became: Mapping[str, int], *, dry_run: bool, include_delivered: bool, force: bool, rest: Rest | None
) -> Replayed:
    """The answer to a replay."""
    outcomes = [_became(word, number) for word, number in sorted(became.items(), key=lambda item: -item[1])]
    warnings = []
    if include_delivered:
        warnings.append("Delivered ones are sent again: the platform drops repeats only for 48 hours after the first.")
    if force:
        warnings.append(
            "What perhaps arrived more than 48 hours ago is sent as well: the platform would count it twice."
        )
    return Replayed(
        dry_run=dry_run,
        letters=sum(became.values()),
        sent=sum(one.number for one in outcomes if one.outcome is Prospect.TO_SEND),
        outcomes=outcomes,
        warnings=warnings,
        rest=rest,
    )


def _became(word: str, number: int) -> Became:
    known = {PENDING: Prospect.TO_SEND, UNMATCHED: Prospect.UNMATCHED, TOO_LATE: Prospect.TOO_LATE}
    if word in known:
        return Became(outcome=known[word], number=number, told=PROSPECTS[known[word]])
    status, _, reason = word.partition(": ")
    outcome = Prospect.INVALID if status == Status.INVALID else Prospect.OTHER
    about = why(reason)
    return Became(
        outcome=outcome,
        number=number,
        told=PROSPECTS[outcome],
        reason=reason,
        meaning=about.meaning,
        mend=about.mend,
    )
