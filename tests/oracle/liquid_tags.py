"""Random templates by the grammar of Liquid, with every tag that Segment allows."""

from __future__ import annotations

import random

from liquid_expressions import blank, call, condition, operand, text, value
from liquid_values import LOCALS, words

_HTML = ("", " ", "\n", "Hi ", "; ", " <b>", "{ }", "%}", " \t\n", "😀", "text", "-", "\u00a0 ")
_RAW = ("{{ x }}", "{% if %}", " plain ", "{% endraw", "", "{{-", "{%- endraw -%}")
_NOTES = ("", " {{ x }", "\n # more", "\n less")
_BLOCKS = ("a", "b c", "", "toString", "valueOf")
_IN_BLOCKS = ("", "{{ block.super }}", "{{ block }}", "{{ block | json }}", "{{ block.size }}")
_RARE = "break|continue|for i in list|case x|render 'x'|nope|endif|else||if|assign = 1|assign a 1|assign a.b = 1|raw"
_LINES = words(
    "assign L = V|echo V|if C\n echo V\n endif|# comment|capture x\n echo V\nendcapture|"
    "unless C\necho 'u'\nendunless|cycle 'a', 'b'|increment n|liquid echo 'inner'|comment\n x\n endcomment|"
    "- echo 1|if C\necho V\nelse\n echo 2\nendif",
    "|",
)


def _delimited(rng: random.Random, left: str, content: str, right: str) -> str:
    dash = ["-" if rng.random() < 0.12 else "" for _ in range(2)]
    return f"{left}{dash[0]}{blank(rng)}{content}{blank(rng)}{dash[1]}{right}"


def tag(rng: random.Random, content: str) -> str:
    return _delimited(rng, "{%", content, "%}")


def output(rng: random.Random) -> str:
    return _delimited(rng, "{{", value(rng), "}}")


def html(rng: random.Random) -> str:
    return rng.choice(_HTML)


def _assign(rng: random.Random, depth: int) -> str:
    return tag(rng, f"assign {rng.choice(LOCALS)}{blank(rng)}={blank(rng)}{value(rng)}")


def _capture(rng: random.Random, depth: int) -> str:
    name = rng.choice(LOCALS)
    return tag(rng, f"capture {rng.choice((name, repr(name)))}") + body(rng, depth - 1) + tag(rng, "endcapture")


def _if(rng: random.Random, depth: int) -> str:
    name = rng.choice(("if", "if", "unless"))
    filters = call(rng) if rng.random() < 0.05 else ""
    parts = [tag(rng, f"{name} {condition(rng)}{filters}")]
    parts += [tag(rng, f"elsif {condition(rng)}") for _ in range(rng.choice((0, 0, 1, 2)))]
    parts += [tag(rng, "else") for _ in range(rng.choice((0, 1, 1)) if rng.random() < 0.98 else 2)]
    if rng.random() < 0.01:
        parts.append(tag(rng, f"elsif {condition(rng)}"))
    return "".join(part + body(rng, depth - 1) for part in parts) + tag(rng, f"end{name}")


def _raw(rng: random.Random, depth: int) -> str:
    return tag(rng, "raw") + rng.choice(_RAW) + tag(rng, "endraw")


def _comment(rng: random.Random, depth: int) -> str:
    if rng.random() < 0.4:
        return tag(rng, f"# note{rng.choice(_NOTES)}")
    return tag(rng, "comment") + rng.choice(("", body(rng, 0), "{% bad %}")) + tag(rng, "endcomment")


def _cycle(rng: random.Random, depth: int) -> str:
    candidates = ", ".join(rng.choice((operand, text))(rng) for _ in range(rng.randint(1, 3)))
    group = rng.choice(("", "", f"{operand(rng)}: "))
    return tag(rng, f"cycle {group}{candidates}") * rng.choice((1, 2, 3))


def _counter(rng: random.Random, depth: int) -> str:
    name = rng.choice(("increment", "decrement"))
    return tag(rng, f"{name} {rng.choice(('x', 'counter', 'number', 'flag', ''))}") * rng.choice((1, 2))


def _echo(rng: random.Random, depth: int) -> str:
    return tag(rng, f"echo {value(rng) if rng.random() < 0.95 else ''}")


def _liquid(rng: random.Random, depth: int) -> str:
    return tag(rng, "liquid " + "\n  ".join(_line(rng) for _ in range(rng.randint(1, 3))))


def _line(rng: random.Random) -> str:
    line = rng.choice(_LINES).replace("L", rng.choice(LOCALS)).replace("C", condition(rng))
    return line.replace("V", value(rng))


def _block(rng: random.Random, depth: int) -> str:
    inside = body(rng, depth - 1) + rng.choice(_IN_BLOCKS)
    return tag(rng, f"block {rng.choice(_BLOCKS)}") + inside + tag(rng, "endblock")


def _rare(rng: random.Random, depth: int) -> str:
    return tag(rng, rng.choice(_RARE.split("|")))


_TAGS = (_assign, _assign, _assign, _capture, _if, _if, _if, _raw, _comment, _cycle, _counter, _echo, _liquid, _block)


def body(rng: random.Random, depth: int) -> str:
    """Some text, outputs and tags."""
    return "".join(_part(rng, depth) for _ in range(rng.choice((1, 1, 2, 3))))


def _part(rng: random.Random, depth: int) -> str:
    choice = rng.random()
    if choice < 0.3:
        return html(rng)
    if choice < 0.7 or depth <= 0:
        return output(rng)
    return (rng.choice(_TAGS) if choice < 0.985 else _rare)(rng, depth)


def grammatical(rng: random.Random) -> str:
    """A template by the grammar; one in twenty has been damaged."""
    template = body(rng, rng.choice((0, 1, 2, 3)))
    if len(template) < 300:
        template += "".join(html(rng) + output(rng) for _ in range(rng.choice((0, 1, 2))))
    return damaged(rng, template) if rng.random() < 0.05 else template


def damaged(rng: random.Random, template: str) -> str:
    """The template with up to three changes such as a slip of the finger makes."""
    characters = list(template)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(characters) + 1)
        choice = rng.random()
        if choice < 0.5 and place < len(characters):
            del characters[place]
        elif choice < 0.8:
            characters.insert(place, rng.choice("{}%-|:.,'\"()[]=<>! \n0a\\#"))
        else:
            other = rng.randrange(len(characters) + 1)
            del characters[min(place, other) : max(place, other)]
    return "".join(characters)
