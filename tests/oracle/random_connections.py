"""Random configurations and events for the two roads of a connection: everyday ones and hostile ones."""

from __future__ import annotations

import random
from typing import Any

from bench.events import Shop
from random_events import FRAGMENTS, Events
from random_mappings import Mappings
from random_triggers import Triggers

from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.chord import CHORD
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.offline_conversions import OFFLINE_CONVERSIONS
from tockwork.model.errors import ConfigurationError
from tockwork.rules.expressions import unless_blank
from tockwork.rules.fields import Field

Json = Any

SETTINGS: dict[str, Json] = {"accessToken": "a-token", "pixelCode": "C8E2OS3C77UABCDXYZ00"}

SCALARS: list[Json] = [
    *[
        "",
        " ",
        "a",
        "12.50",
        "12,50",
        "0x10",
        "1e3",
        "-5",
        "true",
        "false",
        "é😀",
        "web",
        "crm",
        "Search",
        "ViewContent",
    ],
    *[
        "product",
        "2026-11-20T10:00:00Z",
        "1763632800",
        "travel_fields",
        "vehicle_fields",
        "Infinity",
        "ann@example.com",
    ],
    *[
        None,
        True,
        False,
        0,
        1,
        -1,
        2.5,
        10.0,
        -0.0,
        1e21,
        1e20,
        1e300,
        5e-324,
        2**53,
        2**53 + 1,
        -(2**60),
        10**21,
        10**30,
    ],
]

PLAIN_PATHS = """
    $.event $.type $.userId $.messageId $.timestamp $.name $.properties.total $.properties.value $.properties.currency
    $.properties.order_id $.properties.quantity $.properties.price $.properties.tags $.properties.coupon $.traits.email
    $.context.traits.email $.context.traits.phone $.context.page.url $.context.traits.address.city $.context.locale
    $.properties.spec $.properties.source $.properties.nested.a.b.c $.context.traits.age $.context.ip
    $.properties.total.x $.properties.products[0].price $.integrations.x.y
""".split()
PATHS = [
    *PLAIN_PATHS,
    *"""
    $.integrations $.context $.properties $.traits $.properties.products $.properties.products.length $.event.trim
    $.context.traits $.context.page $.event[0] $.event.length $.properties.constructor $.properties.__proto__ $ $. event
    $.properties.json $.properties.length $.properties.field_0 $.context.class $.properties.a\\b
    """.split(),
    "$.properties['a b']",
    '$.properties["it\'s"].x',
    "$.integrations.TikTok Conversions.ttclid",
]
ITEM_PATHS = "$.price $.quantity $.name $.sku $.product_id $.category $.price.x"
ODD_ITEM_PATHS = (
    "$.price $.quantity $.name $.sku $.product_id $.category $.price.x $.tags[0] $.length $. $.toString $.event"
)
LISTS = ["$.properties.products", "$.properties", "$.properties.tags", "$.properties.nested.list", "$.context", "$."]


class Configurations:
    """Connections with the presets, with mappings of the fast directives, and with others beside them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.any = Mappings(rng, Events(rng).event())
        self.wild = False  # whether this mapping has parts without a fast road
        self.destination = rng.choice([CONVERSIONS, CONVERSIONS, CONVERSIONS, OFFLINE_CONVERSIONS, CHORD])

    def connection(self) -> Connection:
        """A configuration that is accepted; one that is refused has no roads."""
        while True:
            rng = self.rng
            mappings = [self.mapping(number) for number in range(rng.choice([1, 1, 2, 3]))]
            if rng.random() < 0.4:
                presets = self.destination.packs[rng.choice(list(self.destination.packs))]
                mappings += [{"name": p.name, "trigger": p.trigger, "fields": p.fields} for p in presets]
            rng.shuffle(mappings)
            known = {setting.key: setting for setting in self.destination.settings}
            settings: dict[str, Json] = {key: setting.placeholder for key, setting in known.items() if setting.required}
            settings["event_id"] = rng.choice(["order", "message-id"])
            for key in sorted(known.keys() & {"compute_value", "accept_external_id"}):
                settings[key] = rng.random() < 0.8
            try:
                return Connection(self.destination, settings, mappings)
            except ConfigurationError:
                continue

    def mapping(self, number: int) -> dict[str, Json]:
        rng = self.rng
        self.wild = rng.random() < 0.2
        trigger = Triggers(rng, Events(rng).event()).trigger()
        if rng.random() < 0.6:
            trigger = rng.choice(
                ['type = "track"', "event != null", "properties.total > 5", 'userId != "x"', 'type != ""']
            )
        known = {field.key: field for field in self.destination.actions[0].fields}
        chosen = [field for field in known.values() if rng.random() < rng.choice([0.15, 0.4])]
        fields = {field.key: self.value(field) for field in chosen}
        fields["event"] = rng.choice(["Purchase", "Search", "ViewContent", {"@path": "$.event"}])
        if self.wild:
            fields["event"] = self.directive(2)
        if rng.random() < 0.3 and "event_source" in known:
            fields["event_source"] = rng.choice(["crm", "web", {"@path": "$.properties.source"}])
        if rng.random() < 0.3 and "event_spec_type" in known:
            fields["event_spec_type"] = rng.choice(["travel_fields", "vehicle_fields", {"@path": "$.properties.spec"}])
        if rng.random() < 0.15:
            fields["unknown"] = self.directive(1) if self.wild else {"a": [1]}
        return {"name": f"Mapping {number}", "trigger": trigger, "fields": fields}

    def value(self, field: Field) -> Json:
        rng = self.rng
        roll = rng.random()
        if field.default is not None and roll < 0.2:
            return field.default
        if field.type == "object":
            return self.object(field)
        if roll < 0.3:
            return rng.choice([*field.choices, *SCALARS]) if field.choices else rng.choice(SCALARS)
        if field.multiple and roll < 0.35:
            return [rng.choice(SCALARS) for _ in range(3)]
        return self.any.part(2) if self.wild and roll < 0.5 else self.directive(3)

    def object(self, field: Field) -> Json:
        rng = self.rng
        roll = rng.random()
        if self.wild and roll < 0.1:
            return self.any.part(2)
        self.any.items = listed = field.multiple and roll < 0.75
        parts = {part.key: self.part(part, listed) for part in field.properties if rng.random() < 0.6}
        if rng.random() < 0.1:
            parts["unknown"] = self.directive(1) if self.wild else 1
        self.any.items = False
        if not listed:
            return [parts] if field.multiple and roll > 0.95 else parts
        return {"@arrayPath": [rng.choice(LISTS if self.wild else LISTS[:2]), parts]}

    def part(self, part: Field, listed: bool) -> Json:
        if self.rng.random() < 0.15:
            return self.rng.choice([*part.choices, *SCALARS])
        return self.directive(1, (ODD_ITEM_PATHS if self.wild else ITEM_PATHS).split() if listed else None)

    def directive(self, depth: int, paths: list[str] | None = None) -> Json:
        rng = self.rng
        roll = rng.random()
        if roll < 0.5 or depth == 0:
            known = paths or (FRAGMENTS["paths"] + PATHS if self.wild else PLAIN_PATHS)
            return {"@path": rng.choice(known)}
        if roll < 0.56:
            return {"@literal": rng.choice(SCALARS)}
        if self.wild and roll < 0.65:
            return self.any.directive(1)
        if not paths and roll < 0.75:
            return unless_blank(rng.choice(PLAIN_PATHS[:20]).removeprefix("$."), self.branch(depth - 1, paths))
        likely = 0.9 if self.wild else 1.0
        branches = {key: self.branch(depth - 1, paths) for key in ("exists", "then", "else") if rng.random() < likely}
        if rng.random() < 0.5 and "exists" in branches:
            branches["then"] = branches["exists"]
        if self.wild and rng.random() < 0.1:
            branches["blank"] = self.branch(0, paths)
        return {"@if": branches, "_metadata": {}} if roll > 0.97 else {"@if": branches}

    def branch(self, depth: int, paths: list[str] | None) -> Json:
        return self.rng.choice(SCALARS) if self.rng.random() < 0.15 else self.directive(depth, paths)


class Stream:
    """Events: a shop's, the oracle's, and either with parts that no storefront sends."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.shop = Shop(seed=rng.randrange(10**9))
        self.events = Events(rng)

    def event(self) -> dict[str, Json]:
        rng = self.rng
        event = next(self.shop.events(1)) if rng.random() < 0.6 else self.events.event()
        if rng.random() < 0.2:
            event.setdefault("properties", {})
            if isinstance(event["properties"], dict):
                event["properties"] |= {"spec": rng.choice(SCALARS), "source": rng.choice(["crm", "web", None])}
        for _ in range(rng.choice([0, 0, 0, 1, 2, 5])):
            self.spoil(event)
        return event

    def spoil(self, event: dict[str, Json]) -> None:
        """Put something else in one place."""
        rng = self.rng
        place: Json = event
        for _ in range(rng.randrange(5)):
            inner = [
                v for v in (place.values() if isinstance(place, dict) else place) if isinstance(v, (dict, list)) and v
            ]
            if not inner:
                break
            place = rng.choice(inner)
        if not place:
            return
        key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
        if isinstance(place, dict) and rng.random() < 0.15:
            del place[key]
        else:
            place[key] = self.anything()

    def anything(self) -> Json:
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            return rng.choice(SCALARS)
        if roll < 0.6:
            return self.events.wild(2)
        return rng.choice(
            [[], {}, [[]], [None], [{}], ["x"], [5], [["x"]], {"length": 2}, {"0": "x"}, {"toString": 1}, [1, 2]]
        )
