"""Whatever reason code stands in the books of a data folder, `/metrics` and ``tockwork stats`` show it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from tests.contract.store_values import line, retry
from tests.e2e.command import run

from tockwork.app.metrics import rendered
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.delivery.standing import Condition, Kept
from tockwork.ingest.tracking import Counts
from tockwork.model.outcome import Status
from tockwork.model.reasons import REASONS
from tockwork.operations.snapshot import DestinationState, Snapshot
from tockwork.operations.survey import survey
from tockwork.store.protocol import NO_DELIVERY, Settled, place_of
from tockwork.store.sqlite import SqliteStore

NAME: Final = "shop"
STATUSES: Final = [status for status in Status if status not in (Status.MAPPED, Status.DELIVERED)]
CONFIGURATION: Final = {
    "sources": [{"name": "web", "write_key": "key"}],
    "destinations": [{"name": NAME, "kind": "tiktok-conversions", "settings": {"pixelCode": "C8E2OS3C77UABCDXYZ00"}}],
}
STATES: Final = [(status, code) for status in STATUSES for code in REASONS]
"""Every reason in every state that has one: which pairs occur is not for the books to ask."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a configuration."""
    folder = tmp_path_factory.mktemp("data")
    file = folder.with_suffix(".json")
    file.write_text(json.dumps(CONFIGURATION))
    done = run(["apply", str(file)], TOCKWORK_DATA=str(folder))
    assert done.returncode == 0, done.stderr
    return folder


async def written(data: Path, reason: str) -> Snapshot:
    """What a server would show, once every state was written down, and the destination is blocked for `reason`."""
    entry = DestinationEntry(name=NAME, kind="tiktok-conversions", settings={})
    async with SqliteStore.open(data) as store:
        await store.join(NAME)
        if not (await store.tally(NAME)).accepted:
            await store.append([b'{"type":"track"}'] * len(STATES))
            chunk = await store.read(NAME, 0)
            assert chunk is not None
            lines = [line((chunk.id, place_of(i, 0)), *state) for i, state in enumerate(STATES)]
            retries = [retry(one.key) for one in lines if one.status is Status.PENDING]
            await store.settle(NAME, [Settled(chunk, lines, retries)])
        kept = Kept(Condition.BLOCKED, reason, "said so", 1000.0, 0.0)
        await store.keep_standing(NAME, msgspec.json.encode(kept))
        return await survey(store, Configuration(destinations=[entry]), 1)


def shown(snapshot: Snapshot, family: str) -> dict[tuple[str, str], float]:
    """The samples of a family by state (or condition) and reason."""
    found = {}
    for each in parsed(rendered(snapshot).decode()):
        for name, labels, value, *_ in each.samples:
            if name == family:
                state = next((labels[key] for key in ("state", "status", "condition") if key in labels), "")
                found[state, labels["reason"]] = value
    return found


async def test_every_reason_of_an_event_or_a_delivery_is_in_the_metrics(data: Path) -> None:
    snapshot = await written(data, "token_expired")
    events = shown(snapshot, "tockwork_destination_events")
    deliveries = shown(snapshot, "tockwork_destination_deliveries")
    assert snapshot.destinations[0].tally.lawful
    for status, code in STATES:
        family = events if status in NO_DELIVERY else deliveries
        assert family[status.value, code] == 1, f"{status}: {code} is not shown"
    assert shown(snapshot, "tockwork_destination_condition")["blocked", "token_expired"] == 1


async def test_every_reason_is_in_the_stats_for_programs(data: Path) -> None:
    await written(data, "token_expired")
    done = run(["stats", "--json"], TOCKWORK_DATA=str(data))
    (state,) = json.loads(done.stdout)["destinations"]
    numbers = {(one["status"], one["reason"]): one["number"] for one in state["lines"]}
    assert numbers == {(status.value, code): 1 for status, code in STATES}
    assert (state["condition"], state["reason"]) == ("blocked", "token_expired")


async def test_every_reason_is_in_the_stats_for_people_with_what_to_do(data: Path) -> None:
    await written(data, "token_expired")
    done = run(["stats", "--letters", str(len(STATES))], TOCKWORK_DATA=str(data), COLUMNS="120")
    text = done.stdout.decode()
    rows = set(re.findall(r"(\w+) +│ +(\w+) +│ +1\b", text))
    assert rows >= {(status.value, code) for status, code in STATES}
    waiting_or_dead = {code for status, code in STATES if status not in NO_DELIVERY}
    assert [code for code in waiting_or_dead if f"{code}: said so. {REASONS[code].mend}" not in text] == []
    assert "blocked (token_expired)" in text


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_of_a_condition_is_in_the_metrics(code: str) -> None:
    state = DestinationState(name=NAME, condition=Condition.PAUSED, reason=code)
    conditions = shown(Snapshot(at=0.0, accepting=True, destinations=[state]), "tockwork_destination_condition")
    assert conditions[Condition.PAUSED.value, code] == 1


def test_every_reason_of_a_refused_call_is_in_the_metrics() -> None:
    counts = Counts()
    counts.refused.update(list(REASONS))
    counts.answers.update((400, code) for code in REASONS)
    snapshot = Snapshot(at=0.0, accepting=True, ingest=counts)
    for family in ("tockwork_events_refused_total", "tockwork_requests_total"):
        assert {code for _, code in shown(snapshot, family)} == set(REASONS)
