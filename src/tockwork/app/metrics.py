"""``/metrics`` in Prometheus's text format. Labels are names and codes out of the configuration and our own lists."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from tockwork.delivery.standing import Condition
from tockwork.model.outcome import Status
from tockwork.operations.snapshot import DestinationState, Snapshot, known
from tockwork.store.protocol import NO_DELIVERY, Tally

__all__ = ["CONTENT_TYPE", "Metrics", "rendered"]

_INSTANCE: Final = ("destination", "sandbox")

_Labelled = tuple[tuple[str, ...], float]


class Metrics:
    """Renders what `snapshot` returns: one snapshot for each scrape, so that all numbers in it belong together."""

    def __init__(self, snapshot: Callable[[], Awaitable[Snapshot]]) -> None:
        self._snapshot = snapshot
        self._process = ProcessCollector(registry=None)

    async def render(self) -> bytes:
        """The metrics as text of the type `CONTENT_TYPE`. Raises what the snapshot raises."""
        return rendered(await self._snapshot(), self._process)


def rendered(snapshot: Snapshot, *others: Collector) -> bytes:
    """A snapshot as text of the type `CONTENT_TYPE`, and what `others` collect."""
    registry = CollectorRegistry()
    for collector in (_Families(snapshot), *others):
        registry.register(collector)
    return generate_latest(registry)


class _Families(Collector):
    """The metric families of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        yield from _server(self._snapshot)
        yield from _ingest(self._snapshot)
        yield from _counts(self._snapshot.destinations)
        yield from _conditions(self._snapshot)
        yield from _space(self._snapshot)
        yield from _alerts(self._snapshot)


def _server(snapshot: Snapshot) -> Iterator[Metric]:
    build = InfoMetricFamily("tockwork_build", "Version of Tockwork and of Python.")
    build.add_metric((), {"version": version("tockwork"), "python": platform.python_version()})
    yield build
    yield GaugeMetricFamily(
        "tockwork_configuration_version", "Version of the configuration in use.", value=snapshot.configuration
    )


def _ingest(snapshot: Snapshot) -> Iterator[Metric]:
    yield _counter(
        "tockwork_source_events",
        "Events that each source ever sent and that were accepted.",
        ("source",),
        (((source,), number) for source, number in snapshot.sources.items()),
    )
    counts = snapshot.ingest
    if counts is None:
        return
    yield GaugeMetricFamily(
        "tockwork_accepting", "1 while events are accepted, else 0.", value=float(snapshot.accepting)
    )
    yield CounterMetricFamily(
        "tockwork_events_accepted", "Events accepted since this process started.", value=counts.accepted
    )
    yield CounterMetricFamily(
        "tockwork_numbers_nulled", "Numbers in events that no JSON reader can hold, read as null.", value=counts.nulled
    )
    yield _counter(
        "tockwork_events_refused",
        "Events refused since this process started.",
        ("reason",),
        (((known(reason),), number) for reason, number in counts.refused.items()),
    )
    yield _counter(
        "tockwork_requests",
        "Requests to the tracking API since this process started, by class of status.",
        ("status", "reason"),
        (((f"{status // 100}xx", code), number) for (status, code), number in counts.answers.items()),
    )


def _counts(destinations: Sequence[DestinationState]) -> Iterator[Metric]:
    yield _counter(
        "tockwork_destination_events_accepted",
        "Events accepted since the destination was connected.",
        _INSTANCE,
        ((_instance(state), state.tally.accepted) for state in destinations),
    )
    yield _gauge(
        "tockwork_destination_events",
        "These events by state: undecided, filtered, suppressed, duplicate, matched.",
        (*_INSTANCE, "state", "reason"),
        ((_instance(state) + key, number) for state in destinations for key, number in _events(state.tally)),
    )
    yield _gauge(
        "tockwork_destination_deliveries",
        "Deliveries of matched events: pending, delivered, invalid, rejected, expired.",
        (*_INSTANCE, "status", "reason"),
        ((_instance(state) + key, number) for state in destinations for key, number in _deliveries(state.tally)),
    )


def _events(tally: Tally) -> Iterator[_Labelled]:
    yield ("undecided", ""), tally.undecided
    yield ("matched", ""), tally.matched
    for status in sorted(NO_DELIVERY):
        yield (status.value, ""), 0
    for (status, reason), number in tally.lines.items():
        if status in NO_DELIVERY:
            yield (status.value, known(reason)), number


def _deliveries(tally: Tally) -> Iterator[_Labelled]:
    for status in (Status.PENDING, Status.DELIVERED, Status.INVALID, Status.REJECTED, Status.EXPIRED):
        yield (status.value, ""), 0
    for (status, reason), number in tally.lines.items():
        if status not in NO_DELIVERY:
            yield (status.value, known(reason)), number


def _conditions(snapshot: Snapshot) -> Iterator[Metric]:
    destinations = snapshot.destinations
    yield _gauge(
        "tockwork_destination_condition",
        "1 for the condition that the destination is in, with its reason, and 0 for the others.",
        (*_INSTANCE, "condition", "reason"),
        (
            (
                (*_instance(state), condition.value, known(state.reason) if condition is state.condition else ""),
                float(condition is state.condition),
            )
            for state in destinations
            for condition in Condition
        ),
    )
    yield _gauge(
        "tockwork_destination_condition_since_timestamp_seconds",
        "Unix time since which the destination is in its condition.",
        _INSTANCE,
        ((_instance(state), state.since) for state in destinations if state.since is not None),
    )
    yield _gauge(
        "tockwork_destination_enabled",
        "1 while the destination is enabled, else 0.",
        _INSTANCE,
        ((_instance(state), float(state.enabled)) for state in destinations),
    )
    yield _gauge(
        "tockwork_destination_oldest_undecided_age_seconds",
        "Age of the oldest event that is not decided; 0 without one.",
        _INSTANCE,
        ((_instance(state), state.oldest_undecided_s(snapshot.at)) for state in destinations),
    )


def _space(snapshot: Snapshot) -> Iterator[Metric]:
    space = snapshot.space
    if space is not None:
        yield GaugeMetricFamily("tockwork_store_bytes", "Bytes that the store's files take.", value=space.used)
        yield GaugeMetricFamily("tockwork_disk_free_bytes", "Bytes free on the store's disk.", value=space.free)
        yield GaugeMetricFamily(
            "tockwork_disk_reserve_bytes", "Bytes kept free; with less no events are accepted.", value=space.reserve
        )


def _alerts(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge(
        "tockwork_alert_firing",
        "1 for each alert that fires, by its rule and what it is about.",
        ("rule", "destination", "source"),
        (((alert.rule, alert.destination, alert.source), 1.0) for alert in snapshot.alerts),
    )


def _instance(state: DestinationState) -> tuple[str, str]:
    return state.name, str(state.sandbox).lower()


def _counter(name: str, help: str, labels: Sequence[str], samples: Iterator[_Labelled]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help, labels=labels)
    for values, number in _summed(samples):
        family.add_metric(values, number)
    return family


def _gauge(name: str, help: str, labels: Sequence[str], samples: Iterator[_Labelled]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help, labels=labels)
    for values, number in _summed(samples):
        family.add_metric(values, number)
    return family


def _summed(samples: Iterator[_Labelled]) -> Iterator[_Labelled]:
    """One sample for each set of labels: Prometheus refuses a scrape that repeats one."""
    total: dict[tuple[str, ...], float] = {}
    for labels, number in samples:
        total[labels] = total.get(labels, 0) + number
    yield from total.items()
