"""Random configurations that a server could run on, for property tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from hypothesis import strategies as st

from tockwork.configuration.alerts import Alerts, Held, Rules, SuccessRate, VolumeDrop
from tockwork.configuration.document import Place
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry, plain
from tockwork.destinations.case import Case, Expectation
from tockwork.model.secret import Secret

KIND: Final = "tiktok-conversions"
TRICKY: Final = (
    *"no 1e3 12:30 2026-11-20 = << ~ # ' *x &x !x 0x1F null 🛍 \ufeff ${NAME} $${NAME} ${file:/etc/hosts} ${".split(" "),
    *("", '"', "- x", "a: b", "two\nlines\n", " spaces ", "\x85", "\u2028"),
)
"""Texts that YAML or references could take for something else."""

texts = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(codec="utf-8", exclude_characters="@"), max_size=20))
names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20)
tokens = st.one_of(
    st.integers(0, 2**64 - 1).map(lambda number: f"token-{number:016x}"),
    st.sampled_from(("${NAME}", "$${NAME}", "=", "1")),
)
"""Most of them are found nowhere else."""
numbers = st.one_of(st.integers(-(2**64) + 1, 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(texts, parts, max_size=3)),
    max_leaves=6,
)
events = st.dictionaries(texts, values, max_size=3)


@st.composite
def mappings(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "trigger": draw(st.sampled_from(('event = "Order Completed"', 'type = "page"'))),
            "fields": {
                "event": "Purchase",
                "event_id": {"@path": "$.messageId"},
                **{f"own_{key}": value for key, value in draw(events).items()},
            },
            **draw(st.sampled_from(({}, {"enabled": False}, {"enabled": True, "action": "reportWebEvent"}))),
        }
        for name in draw(st.lists(names, max_size=3, unique=True))
    ]


settings = st.fixed_dictionaries(
    {"pixelCode": st.one_of(names, st.just("${NAME}"))},
    optional={
        "accessToken": tokens,
        "timezone": st.sampled_from(("UTC", "Europe/Berlin")),
        "compute_value": st.booleans(),
        "test_event_code": st.sampled_from(("", "TEST1")),
    },
)
cases = st.builds(
    Case,
    texts,
    events,
    st.lists(st.builds(Expectation, status=texts, mapping=st.one_of(st.none(), texts), row=values), max_size=2),
    doc=texts,
)
webhooks = st.integers(0, 2**64 - 1).map(lambda number: f"https://hooks.example/token-{number:016x}")
rules = st.builds(
    Rules,
    held=st.builds(Held, enabled=st.booleans(), minutes=st.integers(0, 1440)),
    success_rate=st.builds(SuccessRate, percent=st.floats(1, 100), deliveries=st.integers(1, 1000)),
    volume_drop=st.builds(VolumeDrop, percent=st.floats(1, 100)),
)
alerts = st.builds(
    Alerts,
    enabled=st.booleans(),
    webhook=st.one_of(st.just(""), webhooks),
    format=st.sampled_from(("cloudevents", "slack")),
    private_network=st.booleans(),
    rules=st.one_of(st.just(Rules()), rules),
)
packs = st.sampled_from((None, "purchase-2025"))
pixels: Final[tuple[dict[str, Any] | None, ...]] = (None, {}, {"ldu": True}, {"autoPageView": False})


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """A configuration without references."""
    keys = st.text("abcdefgh0123-_$", min_size=1, max_size=12)
    apart = (lambda pair: pair[0], lambda pair: pair[1])
    return Configuration(
        sources=[
            SourceEntry(name, key, draw(st.sampled_from(("browser", "server", "file"))), draw(st.booleans()))
            for name, key in draw(st.lists(st.tuples(names, keys), max_size=3, unique_by=apart))
        ],
        destinations=[
            DestinationEntry(
                KIND,
                name,
                enabled=draw(st.booleans()),
                sandbox=(sandbox := draw(st.booleans())),
                pixel=None if sandbox else draw(st.sampled_from(pixels)),
                settings=draw(settings),
                preset_pack=draw(packs),
                mappings=draw(st.one_of(st.none(), mappings())),
                cases=draw(st.lists(cases, max_size=1)),
                title=draw(texts),
                doc=draw(texts),
            )
            for name in draw(st.lists(names, max_size=3, unique=True))
        ],
        alerts=draw(alerts),
        managed_by=draw(st.sampled_from((None, "shop.yaml"))),
    )


@st.composite
def referring(draw: st.DrawFn) -> tuple[Configuration, dict[str, str]]:
    """A configuration some of whose texts came from references, and the environment that they came from."""
    configuration = draw(configurations())
    environment = {}
    for number, (place, text) in enumerate(leaves(plain(configuration))):
        if draw(st.booleans()):
            configuration.references[place] = f"${{VALUE_{number}}}"
            environment[f"VALUE_{number}"] = text
    return configuration, environment


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text, with its place; those of secrets too."""
    match value:
        case dict():
            for key, part in value.items():
                yield from leaves(part, (*place, key))
        case list():
            for index, part in enumerate(value):
                yield from leaves(part, (*place, index))
        case str():
            yield place, value
        case Secret():
            yield place, value.reveal()


def secrets(configuration: Configuration) -> list[str]:
    settings = [value for entry in configuration.destinations for value in entry.settings.values()]
    found = [*settings, configuration.alerts.webhook]
    return [value.reveal() for value in found if isinstance(value, Secret)]
