"""Random mappings: every directive, nested, mostly valid."""

from __future__ import annotations

import random
from collections.abc import Callable

from liquid_templates import template as liquid_template
from random_events import FRAGMENTS, Events, Json


class Mappings:
    """Mappings that read `event`: valid ones, and ones that fail before or during resolving."""

    def __init__(self, rng: random.Random, event: dict[str, Json]) -> None:
        self.rng = rng
        self.values = Events(rng)
        self.event = event
        self.items = False  # inside an item shape, where paths start at the item
        self.wrong = 0.02 if rng.random() < 0.3 else 0.0  # how likely each part is a wrong one
        self.makers: dict[str, Callable[[int], Json]] = {
            "@path": self.path,
            "@template": self.template,
            "@if": self.condition,
            "@case": self.case,
            "@replace": self.replacement,
            "@arrayPath": self.array_path,
            "@literal": self.part,
            "@flatten": self.flatten,
            "@json": self.json,
            "@merge": self.merge,
            "@transform": self.transform,
            "@excludeWhenNull": self.part,
            "@liquid": self.liquid,
        }

    def mapping(self) -> dict[str, Json]:
        rng = self.rng
        if rng.random() < 0.05:
            return self.directive(3)
        fields = {
            rng.choice(FRAGMENTS["fields"]): self.part(rng.choice([1, 2, 3, 4]))
            for _ in range(rng.choice([1, 1, 2, 4]))
        }
        if rng.random() < 0.2:
            fields["liquid"] = {"@liquid": liquid_template(rng)}
        if rng.random() < 0.04:
            fields["__segment_internal_directive"] = self.root()
        return fields

    def root(self) -> Json:
        if self.rng.random() < 0.25:
            return self.rng.choice([{}, None, "x", [], {"a": 1}, [{}], {"@merge": {}, "b": {}}, {"a": {"b": 1}}, 5])
        return {"@transform": {"apply": self.object_or_directive(2), "mapping": {}}}

    def part(self, depth: int) -> Json:
        rng = self.rng
        if rng.random() < self.wrong:
            return self.wrong_part()
        roll = rng.random()
        if depth <= 0:
            return self.directive(0) if roll < 0.6 else self.values.scalar()
        if roll < 0.72:
            return self.directive(depth)
        if roll < 0.84:
            return {rng.choice(FRAGMENTS["fields"]): self.part(depth - 1) for _ in range(rng.randrange(4))}
        if roll < 0.92:
            return [self.part(depth - 1) for _ in range(rng.randrange(4))]
        return self.values.wild(1)

    def wrong_part(self) -> Json:
        name = self.rng.choice([*self.makers, "@unknown", "@", "@if2"])
        return self.rng.choice(
            [
                {name: self.values.wild(2)},
                {name: self.directive(0)},
                {name: {self.rng.choice(FRAGMENTS["options"]): self.values.wild(1) for _ in range(3)}},
                {name: "x", "extra": 1},
                {name: "x", "@path": "$.event"},
                {"@path": "$.event", name: "x"},
                {name: "x", "_metadata": {"a": 1}, "b": 2},
            ]
        )

    def directive(self, depth: int) -> dict[str, Json]:
        rng = self.rng
        names = ["@path", "@path", "@template", "@literal", "@liquid"] if depth <= 0 else list(self.makers)
        name = rng.choice(names)
        found = {name: self.makers[name](depth - 1)}
        if rng.random() < 0.03:
            found["_metadata"] = rng.choice([{"label": "x"}, None, {"@bad": 1}])
        return found

    def text_part(self, depth: int, texts: Callable[[], str]) -> Json:
        """A string, or a directive that may give one."""
        return self.directive(depth) if depth > 0 and self.rng.random() < 0.2 else texts()

    def object_or_directive(self, depth: int) -> Json:
        if self.rng.random() < 0.4:
            return self.directive(depth)
        return {self.rng.choice(FRAGMENTS["fields"]): self.part(depth - 1) for _ in range(self.rng.randrange(1, 4))}

    def a_path(self) -> str:
        rng = self.rng
        roll = rng.random()
        if self.items and roll < 0.7:
            return str(rng.choice(FRAGMENTS["product_keys"]))
        if roll < 0.55:
            return self.walked()
        if roll < 0.9:
            return str(rng.choice(FRAGMENTS["paths"]))
        return "".join(rng.choice(["$", ".", "[", "]", "'", '"', "0", "a", "properties", "event"]) for _ in range(5))

    def walked(self) -> str:
        """A path that the event has, written in one of the ways to write it."""
        rng = self.rng
        text = rng.choice(["$", "$", "$", ""])
        value: Json = self.event
        for _ in range(rng.randrange(1, 5)):
            if isinstance(value, dict) and value:
                key = rng.choice(list(value))
                value = value[key]
                text += rng.choice([f".{key}", f".{key}", f"['{key}']", f'["{key}"]'])
            elif isinstance(value, list) and value:
                position = rng.randrange(len(value))
                value = value[position]
                text += rng.choice([f"[{position}]", f".{position}", f"['{position}']"])
            elif isinstance(value, (str, list)):
                return text + rng.choice([".length", "[0]", ".1", ".length.x", ".map"])
        return text if text.startswith("$") else text.removeprefix(".")

    def path(self, depth: int) -> Json:
        return self.text_part(depth, self.a_path)

    def a_template(self) -> str:
        rng = self.rng
        if rng.random() < 0.3:
            return str(rng.choice(FRAGMENTS["templates"]))
        pieces = []
        for _ in range(rng.randrange(1, 5)):
            path = self.a_path().removeprefix("$.") if rng.random() < 0.8 else self.a_path()
            space = rng.choice(["", "", " ", "\n", "\u00a0 ", "\ufeff"])
            braces = rng.choice([2, 2, 2, 3, 1, 4])
            pieces += [rng.choice(["", " ", "-", "a{b}c", "}", self.values.string()])]
            pieces += ["{" * braces + space + path + space + "}" * (braces if rng.random() < 0.95 else 2)]
        return "".join(pieces)

    def template(self, depth: int) -> Json:
        return self.text_part(depth, self.a_template)

    def liquid(self, depth: int) -> Json:
        return liquid_template(self.rng)

    def options(self, required: dict[str, Callable[[], Json]], optional: dict[str, Callable[[], Json]]) -> Json:
        found = {key: make() for key, make in required.items() if self.rng.random() >= self.wrong}
        found |= {key: make() for key, make in optional.items() if self.rng.random() < 0.5}
        for key in found:
            if self.rng.random() < self.wrong:
                found[key] = self.values.wild(1)
        if self.rng.random() < 0.02:
            found["extra"] = self.part(0)
        return found

    def condition(self, depth: int) -> Json:
        def inner() -> Json:
            return self.part(depth)

        test = self.rng.choice(["exists", "exists", "blank"])
        return self.options({test: inner}, {"then": inner, "else": inner, "blank": inner})

    def case(self, depth: int) -> Json:
        return self.options(
            {"operator": lambda: self.rng.choice(["lower", "upper", "lower", "upper", "title", ""])},
            {"value": lambda: self.text_part(max(depth, 1), self.values.string)}
            | ({"value": lambda: self.directive(depth)} if self.rng.random() < 0.8 else {}),
        )

    def replacement(self, depth: int) -> Json:
        rng = self.rng

        def boolean() -> Json:
            return rng.choice([True, False, True, False, None]) if self.wrong else rng.choice([True, False])

        return self.options(
            {
                "pattern": lambda: rng.choice(FRAGMENTS["patterns"]),
                "value": lambda: self.directive(depth) if rng.random() < 0.7 else self.values.string(),
            },
            {
                "replacement": lambda: rng.choice(FRAGMENTS["replacements"]),
                "ignorecase": boolean,
                "global": boolean,
                "pattern2": lambda: rng.choice([*FRAGMENTS["patterns"], "", "12345678901", 5, None]),
                "replacement2": lambda: rng.choice([*FRAGMENTS["replacements"], "12345678901", 5, None]),
            },
        )

    def array_path(self, depth: int) -> Json:
        rng = self.rng
        path = self.text_part(depth, lambda: rng.choice(["$.properties.products", "$.properties", self.a_path()]))
        if rng.random() < 0.15:
            return [path, rng.choice([{}, None, [], "x", {"@path": ""}])][: rng.randrange(1, 3)]
        before, self.items = self.items, True
        shape = {rng.choice(FRAGMENTS["fields"]): self.part(depth) for _ in range(rng.randrange(1, 4))}
        if rng.random() < 0.15:
            shape = self.directive(depth)
        self.items = before
        return [path, shape]

    def flatten(self, depth: int) -> Json:
        return self.options(
            {
                "separator": lambda: self.rng.choice([".", "_", "", " ", "->", "\ud83d"]),
                "value": lambda: self.part(depth),
            },
            {"omitArrays": lambda: self.rng.choice([True, False, 0, "x", {"@literal": False}])},
        )

    def json(self, depth: int) -> Json:
        modes = ["encode", "encode", "decode", "decode", "Encode", "DECODE"]
        return self.options(
            {
                "mode": lambda: self.rng.choice(modes),
                "value": lambda: (
                    self.rng.choice(FRAGMENTS["json_texts"]) if self.rng.random() < 0.4 else self.part(depth)
                ),
            },
            {},
        )

    def merge(self, depth: int) -> Json:
        return self.options(
            {
                "objects": lambda: [self.object_or_directive(depth) for _ in range(self.rng.randrange(4))],
                "direction": lambda: self.rng.choice(["left", "right", "left", "right", "LEFT", ""]),
            },
            {},
        )

    def transform(self, depth: int) -> Json:
        apply = self.object_or_directive(depth)
        if self.rng.random() < 0.05 and isinstance(apply, dict):
            apply = {**apply, "__segment_internal_directive": self.root()}
        return self.options({"apply": lambda: apply, "mapping": lambda: self.over(apply, depth)}, {})

    def over(self, apply: Json, depth: int) -> Json:
        """A mapping that reads what `apply` made."""
        before, self.event = self.event, apply if isinstance(apply, dict) else {}
        found = self.object_or_directive(depth)
        self.event = before
        return found
