"""``tockwork replay``: tries dead letters again, by the newest configuration."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from tockwork.configuration.instance import Instance
from tockwork.delivery.load import line_of
from tockwork.model import reasons
from tockwork.model.fate import History
from tockwork.model.outcome import Outcome, Status
from tockwork.store.control import Control, Wish
from tockwork.store.letters import Letter, Letters, Revived
from tockwork.store.protocol import Key, Line, Retry
from tockwork.store.sqlite import SqliteStore

PART = 25
"""So many letters are decided and written in one go: then others have their turn, events that come in above all."""
BREATH_S = 0.002
"""So long nothing is done between two parts."""
PENDING = "to be sent"
UNMATCHED = "no mapping makes it any more"
TOO_LATE = "perhaps delivered more than 48 hours ago: TikTok would count it twice (--force)"


class Selection(msgspec.Struct, frozen=True):
    """Which letters to try again. Without a filter: all dead ones. Times are Unix seconds. With `keys`, only the dead
    ones at these places."""

    status: Status | None = None
    reason: str | None = None
    mapping: str | None = None
    message_id: str | None = None
    since: float = 0.0
    until: float = math.inf
    include_delivered: bool = False
    force: bool = False
    code: int | None = None
    keys: frozenset[Key] | None = None

    def takes(self, letter: Letter) -> bool:
        wanted = (
            (self.status, letter.status),
            (self.reason, letter.reason),
            (self.mapping, letter.mapping),
            (self.message_id, letter.message_id),
            (self.code, letter.code),
        )
        return all(want is None or want == found for want, found in wanted)


async def replay(
    store: SqliteStore,
    instance: Instance,
    selection: Selection,
    *,
    dry_run: bool = False,
    moved: Callable[[int], None] = lambda number: None,
    enough: Callable[[float], bool] = lambda at: False,
) -> Counter[str]:
    """Replays the letters of one destination; counts what became of them. With `dry_run` nothing is changed. `moved` is
    told how many were looked at. `enough` ends it: it is asked whenever letters come that died (or, delivered ones,
    were accepted) at another time than those before, with that time, since which the rest is from.

    Each part is kept as it is done, so that whoever repeats a replay that broke off goes on with what is left.
    """
    letters, became = Letters(store), Counter[str]()
    async for part, over in _parts(_selected(letters, instance.name, selection), enough):
        revived = _decided(part, instance, selection, became)
        if revived and not dry_run:
            await letters.revive(instance.name, revived)
        moved(len(part))
        if over:
            break
        await asyncio.sleep(BREATH_S)
    if not dry_run:
        await Control(store.database).wish(instance.name, Wish.WAKE)
    return became


async def _parts(
    found: AsyncIterator[list[Letter]], enough: Callable[[float], bool]
) -> AsyncIterator[tuple[list[Letter], bool]]:
    """The letters in parts, and whether it is over then: no letter of the same time as the last one is left."""
    at: float | None = None
    async for some in found:
        for start in range(0, len(some), PART):
            part = some[start : start + PART]
            at = part[0].at if at is None else at
            cut = next((place for place, letter in enumerate(part) if letter.at != at), None)
            if cut is not None and enough(part[cut].at):
                yield part[:cut], True
                return
            at = part[-1].at
            yield part, False


def _decided(part: Sequence[Letter], instance: Instance, selection: Selection, became: Counter[str]) -> list[Revived]:
    """What becomes of these letters, counted too."""
    now, window_s = time.time(), instance.connection.destination.limits.dedup_window_s
    revived: list[Revived] = []
    for letter in part:
        late = letter.ambiguous_at is not None and now >= letter.ambiguous_at + window_s
        if late and not selection.force:
            became[TOO_LATE] += 1
            continue
        again = _revived(letter, instance, History() if selection.force else History(ambiguous_at=letter.ambiguous_at))
        became[_word(again)] += 1
        if again is not None and (again.retries[0] is not None or letter.status is not Status.DELIVERED):
            revived.append(again)  # what was delivered stays so where no row can be made any more
    return revived


async def _selected(letters: Letters, consumer: str, selection: Selection) -> AsyncIterator[list[Letter]]:
    # Each is decided anew at once, so what is read must not grow by what is written meanwhile.
    until = min(selection.until, time.time())
    if selection.keys is not None:
        found = await letters.at(consumer, sorted(selection.keys))
        if wanted := [letter for letter in found if selection.takes(letter) and selection.since <= letter.at < until]:
            yield wanted
        return
    # Delivered ones come first: a server may deliver the dead letters at once.
    ways = [letters.delivered] if selection.include_delivered else []
    for way in [*ways, letters.dead]:
        async for some in way(consumer, selection.since, until):
            if wanted := [letter for letter in some if selection.takes(letter)]:
                yield wanted


def _revived(letter: Letter, instance: Instance, history: History) -> Revived | None:
    """The letter by the newest configuration; None when no mapping makes its row any more."""
    (outcomes,) = instance.outcomes([letter.event])
    if letter.mapping is not None:  # else the event as a whole was invalid
        outcomes = [outcome for outcome in outcomes if outcome.mapping == letter.mapping]
    if not outcomes:
        return None
    pairs = [_again(letter, outcome, history) for outcome in outcomes]
    return Revived(letter, [line for line, _ in pairs], [retry for _, retry in pairs])


def _again(letter: Letter, outcome: Outcome, history: History) -> tuple[Line, Retry | None]:
    if outcome.status is not Status.MAPPED or outcome.envelope is None:
        return line_of(letter.key, outcome), None
    line = Line(letter.key, outcome.message_id, outcome.mapping, Status.PENDING, reasons.WAITING)
    retry = Retry(
        letter.key,
        0.0,
        bytes(outcome.row),
        outcome.envelope,
        history,
        outcome.message_id,
        outcome.mapping,
        outcome.expires_at,
    )
    return line, retry


def _word(revived: Revived | None) -> str:
    if revived is None:
        return UNMATCHED
    line: Sequence[Line] = revived.lines
    return PENDING if line[0].status is Status.PENDING else f"{line[0].status}: {line[0].reason}"
