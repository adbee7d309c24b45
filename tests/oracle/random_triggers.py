"""Random triggers: mostly what people write, some of it as nobody should."""

from __future__ import annotations

import random

from random_events import FRAGMENTS, Events, Json


class Triggers:
    """FQL: mostly what people write, some of it as nobody should."""

    def __init__(self, rng: random.Random, event: dict[str, Json]) -> None:
        self.rng = rng
        self.values = Events(rng)
        self.event = event

    def trigger(self) -> str:
        rng = self.rng
        joint = rng.choice(
            [" and ", " or ", " and ", "  and\n", "\tor ", " AND ", " "] if rng.random() < 0.1 else [" and ", " or "]
        )
        parts = [self.clause() for _ in range(rng.choice([1, 1, 2, 3, 4]))]
        text = joint.join(parts)
        if rng.random() < 0.15:
            text = "".join(part + rng.choice([" and ", " or "]) for part in parts) + self.comparison()
        if rng.random() < 0.08:
            text = self.mutated(text)
        if rng.random() < 0.05:
            text = rng.choice([" ", "\n", "\t"]) + text + rng.choice([" ", "\n", "\r", " )", " and", " =", "("])
        return text

    def clause(self) -> str:
        roll = self.rng.random()
        if roll < 0.2:
            inner = [self.comparison() for _ in range(self.rng.randrange(0 if self.rng.random() < 0.1 else 1, 4))]
            return "(" + self.rng.choice([" and ", " or "]).join(inner) + ")"
        if roll < 0.23:
            return f"({self.clause()} or {self.clause()})"
        return self.comparison()

    def comparison(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.25:
            return self.function()
        if roll < 0.3:
            return str(rng.choice(FRAGMENTS["comparisons"]))
        space = "" if rng.random() < 0.04 else " "
        everyday, odd = ["=", "=", "=", "!=", "!=", ">", "<", ">=", "<="], ["contains", "is", "!", "exists"]
        operator = rng.choice(everyday if rng.random() < 0.9 else odd)
        return f"{self.field()}{space}{operator}{space}{self.value()}"

    def function(self) -> str:
        rng = self.rng
        name = rng.choice(["contains", "match"])
        negation = rng.choice(["", "", "!", "! " if rng.random() < 0.1 else ""])
        separator = rng.choice([", ", ",", " , ", ", "])
        arguments = [self.field(), self.pattern() if name == "match" else self.value()]
        if rng.random() < 0.04:
            arguments = rng.choice([[], arguments[:1], arguments + arguments, arguments[::-1]])
        return f"{negation}{name}({separator.join(arguments)}" + (")" if rng.random() < 0.98 else "")

    def pattern(self) -> str:
        text = self.quotable()
        return self.rng.choice([f'"{text}*"', f'"*{text}"', f'"{text}"', f'"*{text}*"', f"'{text}*'", '"*"', '""', "5"])

    def field(self) -> str:
        rng = self.rng
        if rng.random() < 0.35:
            return rng.choice(["type", "event", "name", "userId", "event", "type"])
        if rng.random() < 0.1:
            return str(rng.choice(FRAGMENTS["trigger_fields"]))
        return self.walked()

    def walked(self) -> str:
        rng = self.rng
        root = rng.choice(["properties", "traits", "context"])
        names, value = [root], self.event.get(root)
        while isinstance(value, (dict, list)) and value and (rng.random() < 0.8 or len(names) == 1):
            key = rng.choice(list(value)) if isinstance(value, dict) else str(rng.randrange(len(value)))
            value = value[key] if isinstance(value, dict) else value[int(key)]
            names.append("".join(c if c.isascii() and (c.isalpha() or c == "_") else f"\\{c}" for c in key))
        if len(names) == 1:
            names.append(rng.choice(FRAGMENTS["traits"]))
        return ".".join(names)

    def value(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            return f'"{self.quotable()}"'
        if roll < 0.7:
            return rng.choice(
                [
                    "30",
                    "0",
                    "12.5",
                    "-1",
                    "+5",
                    "10.0",
                    "007",
                    "1e3",
                    "-",
                    ".5",
                    "-.5",
                    "5.",
                    "1.2.3",
                    "9007199254740993",
                ]
            )
        if roll < 0.85:
            return str(rng.choice(FRAGMENTS["words"]))
        if roll < 0.9:
            return f"'{self.quotable()}'"
        return f'"{rng.choice(FRAGMENTS["strings"])}"'

    def quotable(self) -> str:
        rng = self.rng
        known = [
            "track",
            "Order Completed",
            "page",
            "Product",
            "Completed",
            "u1",
            "42",
            "12",
            "EUR",
            "de-DE",
            "true",
            "null",
            "",
        ]
        return rng.choice([*known, self.values.string().replace('"', "").replace("'", "")])

    def mutated(self, text: str) -> str:
        rng = self.rng
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(text) + 1)
            text = (
                text[:at]
                + rng.choice(["", '"', "'", "(", ")", " ", "!", "=", "\\", ".", ",", "é", "😀", "[", "a", "\r"])
                + text[at + rng.randrange(3) :]
            )
        return text
