"""/metrics: both laws hold within a scrape, labels come from our own lists, and every metric is documented."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parsed

from tockwork.app.metrics import Metrics
from tockwork.delivery.standing import Condition
from tockwork.ingest.tracking import Counts
from tockwork.model import reasons
from tockwork.model.outcome import Status
from tockwork.operations.snapshot import OTHER, DestinationState, Snapshot, Space
from tockwork.store.alerts import Alert
from tockwork.store.protocol import NO_DELIVERY, Tally

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
GUIDE: Final = PAGE.parents[1] / "how-to" / "operate.md"
ACCOUNTED: Final = [status for status in Status if status is not Status.MAPPED]

Sample = tuple[str, dict[str, str], float]


async def scrape(snapshot: Snapshot) -> list[Sample]:
    async def take() -> Snapshot:
        return snapshot

    text = (await Metrics(take).render()).decode()
    return [(s.name, s.labels, s.value) for family in parsed(text) for s in family.samples]


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    return sum(value for found, held, value in samples if found == name and held.items() >= labels.items())


def full() -> Snapshot:
    """A snapshot with something of everything."""
    return Snapshot(
        at=1000.0,
        accepting=True,
        configuration=7,
        sources={"web shop": 12, "till": 0},
        ingest=Counts(12, 1, Counter(too_large=2), Counter({(200, "success"): 5, (413, "too_large"): 2})),
        space=Space(used=10, free=20, reserve=5),
        alerts=[Alert(rule="held", destination="Shop", what="It is so.", mend="Mend it.", value=100.0, since=900.0)],
        destinations=[
            DestinationState(
                name="Shop",
                tally=Tally(9, 2, 4, {(Status.FILTERED, "no_trigger"): 3, (Status.PENDING, "retrying"): 4}),
                condition=Condition.BLOCKED,
                reason=reasons.TOKEN_EXPIRED,
                since=900.0,
                oldest_undecided_at=940.0,
            ),
            DestinationState(name="sandbox", sandbox=True, tally=Tally(5, 5)),
        ],
    )


tallies = st.builds(
    lambda undecided, matched, lines: Tally(
        undecided + matched + sum(n for (status, _), n in lines.items() if status in NO_DELIVERY),
        undecided,
        matched,
        lines,
    ),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.dictionaries(
        st.tuples(
            st.sampled_from(ACCOUNTED), st.sampled_from([None, "no_trigger", "retrying", "ann@shop.example", "+1415"])
        ),
        st.integers(0, 10**6),
    ),
)


@given(tally=tallies)
async def test_both_laws_hold_within_one_scrape(tally: Tally) -> None:
    assert tally.lawful
    samples = await scrape(Snapshot(at=0.0, accepting=True, destinations=[DestinationState(name="Shop", tally=tally)]))
    events, deliveries = "tockwork_destination_events", "tockwork_destination_deliveries"
    assert total(samples, f"{events}_accepted_total") == total(samples, events) == tally.accepted
    assert total(samples, events, state="undecided") == tally.undecided
    assert total(samples, events, state="matched") == tally.matched
    assert total(samples, deliveries) == tally.deliveries
    for status in ACCOUNTED:
        family, label = (events, "state") if status in NO_DELIVERY else (deliveries, "status")
        assert total(samples, family, **{label: status.value}) == tally.count(status)
    assert {held["reason"] for _, held, _ in samples if "reason" in held} <= {"", OTHER, *reasons.REASONS}


async def test_one_scrape_takes_one_snapshot() -> None:
    taken: list[int] = []

    async def take() -> Snapshot:
        taken.append(len(taken))
        return full()

    metrics = Metrics(take)
    assert await metrics.render()
    assert await metrics.render()
    assert taken == [0, 1]


async def test_a_sandbox_is_told_from_real_destinations() -> None:
    samples = await scrape(full())
    assert total(samples, "tockwork_destination_events_accepted_total", sandbox="false") == 9
    assert total(samples, "tockwork_destination_events_accepted_total", sandbox="true") == 5
    of_destinations = [held for name, held, _ in samples if name.startswith("tockwork_destination_")]
    assert {(held["destination"], held["sandbox"]) for held in of_destinations} == {
        ("Shop", "false"),
        ("sandbox", "true"),
    }


@pytest.mark.parametrize("condition", Condition)
async def test_just_one_condition_is_on(condition: Condition) -> None:
    state = DestinationState(name="Shop", condition=condition, reason=reasons.THROTTLED)
    samples = await scrape(Snapshot(at=0.0, accepting=True, destinations=[state]))
    found = {held["condition"]: (held["reason"], value) for name, held, value in samples if name.endswith("_condition")}
    assert found == {c.value: (reasons.THROTTLED, 1.0) if c is condition else ("", 0.0) for c in Condition}


async def test_the_values_are_those_of_the_snapshot() -> None:
    samples = await scrape(full())
    expected: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
        ("tockwork_accepting", ()): 1,
        ("tockwork_configuration_version", ()): 7,
        ("tockwork_source_events_total", (("source", "web shop"),)): 12,
        ("tockwork_source_events_total", (("source", "till"),)): 0,
        ("tockwork_events_accepted_total", ()): 12,
        ("tockwork_numbers_nulled_total", ()): 1,
        ("tockwork_events_refused_total", (("reason", "too_large"),)): 2,
        ("tockwork_requests_total", (("status", "2xx"), ("reason", "success"))): 5,
        ("tockwork_requests_total", (("status", "4xx"), ("reason", "too_large"))): 2,
        ("tockwork_destination_oldest_undecided_age_seconds", (("destination", "Shop"), ("sandbox", "false"))): 60,
        ("tockwork_destination_oldest_undecided_age_seconds", (("destination", "sandbox"), ("sandbox", "true"))): 0,
        (
            "tockwork_destination_condition_since_timestamp_seconds",
            (("destination", "Shop"), ("sandbox", "false")),
        ): 900,
        ("tockwork_destination_enabled", (("destination", "Shop"), ("sandbox", "false"))): 1,
        ("tockwork_store_bytes", ()): 10,
        ("tockwork_disk_free_bytes", ()): 20,
        ("tockwork_disk_reserve_bytes", ()): 5,
        ("tockwork_alert_firing", (("rule", "held"), ("destination", "Shop"), ("source", ""))): 1,
    }
    for (name, labels), value in expected.items():
        assert [v for n, held, v in samples if n == name and held == dict(labels)] == [value], (name, labels)


async def test_what_a_process_does_not_do_is_not_there() -> None:
    names = {name for name, _, _ in await scrape(Snapshot(at=0.0, accepting=False))}
    assert "tockwork_build_info" in names
    assert not {name for name in names if re.match("tockwork_(accepting|requests|events|store|disk)", name)}


async def families() -> dict[str, str]:
    """Each metric's name and type, as scraped."""

    async def take() -> Snapshot:
        return full()

    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", (await Metrics(take).render()).decode(), re.MULTILINE))


async def test_every_metric_is_documented_and_nothing_else() -> None:
    rows: list[Any] = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    found = await families()
    ours = {name: kind for name, kind in found.items() if name.startswith("tockwork_")}
    assert dict(rows) == ours
    assert len(rows) == len(ours)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in ours.items())


async def test_the_labels_in_the_documentation_are_right() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE))
    for name, held, _ in await scrape(full()):
        if name.startswith("tockwork_"):
            assert set(re.findall(r"`(\w+)`", rows[name])) == set(held), name


async def test_the_alert_rules_ask_for_metrics_that_are_there() -> None:
    asked = set(re.findall(r"\btockwork_\w+", " ".join(re.findall(r"expr: (.*)", GUIDE.read_text()))))
    assert len(asked) > 5
    assert asked <= set(await families())
