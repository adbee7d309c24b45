"""Random Liquid templates and events, for comparing our engine with Segment's.

`template` and `event` take a seeded `random.Random`. Left out is what cannot be the same on both sides (see
docs/decisions/0003-liquid.md): random choices, work beyond our limits, and time zones before 1970.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

TEXTS = (
    "", " ", "  padded\t", "Ada", "ada lovelace", "ADA@Example.COM ", "a,b,,c,", "a-b-c", "one two  three\nfour", "12.50",
    " 42 ", "-7", "0x1F", "1e3", "Infinity", "NaN", "true", "null", "<p class='x'>Tom & \"Jerry\"</p>", "&lt;b&gt; &amp;amp;",
    "<script>alert(1)</script>ok<!-- c --><style>p{}</style>", "<<a> <b", "100% +tax", "a%20b+c%C3%A9", "%E0%A4%A", "x=1&y=2",
    "Crème Brûlée", "ﬁne Straße ΑΣ", "İstanbul", "你好 世界 hello", "😀 smile 👩‍👩‍👧 end", "😀", "\u00a0nbsp\u2003em\ufeff", "tab\tnl\r\nend\n",
    "aGVsbG8=", "aGVsbG8", "8J+YgA==", "not base64!", "'single' \"double\" back\\slash", "{{ braces }} {% tag %}", "$1 $& ^x.*[y]",
    "aaa", "abcabcabc", "Los Angeles", "こんにちは", "한국어 단어", "ÀÉÎ õ ñ ÿ œ", "__proto__", "constructor", "size", "%Y-%m-%d", "\u0000\u001f",
    "ab" * 40, "the quick brown fox jumps over the lazy dog and then it runs far far away from it all",
)  # fmt: skip
DATES = (
    "2024-02-29T12:34:56.789Z", "2020-01-02", "2020-01-02T03:04:05", "2020-01-02T03:04:05+05:30", "2023-12-31 23:59:59",
    "Mon, 02 Jan 2006 15:04:05 GMT", "January 5, 2021 3:07 PM", "1/2/2020", "12/31/99", "1577934245", "1700000000123", "now",
    "today", "2020-13-01", "yesterday", "10:20", "Mar 3", "2021-W05-1", "0099-01-01", "-000005-06-07", "+012345-06-07",
    "1900-01-01T00:00:00Z", "0000-03-01", "Thu Jan 02 2020 03:04:05 GMT+0100 (CET)", "20200102", "2020/1/2 4:05pm",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 7, 10, 42, 100, -5, 1.0, 0.1, 0.2, 0.5, 1.5, 2.5, -0.5, -1.5, 1.005, 12.345, 99.999, 1e21, 1e-7, 123456789.987654321,
    9007199254740991, 1577934245, 1700000000.25, -62135596800, 253402300800, 1e15, 4.35, 1.1, 1234567.891, 3.14159, 5e-324, 1e308,
)  # fmt: skip
KEYS = (
    "name", "email", "total", "price", "a b", "size", "first", "last", "length", "0", "2", "10", "x-y", "naïve", "😀", "constructor",
    "items", "id", "date", "null", "true", "-1", "ok?", "nested", "", "__proto__",
)  # fmt: skip
FORMATS = (
    "%Y-%m-%d", "%A, %B %-d, %Y", "%d/%m/%y %H:%M:%S", "%I:%M %p", "%l:%M %P", "%e %b %C", "%j %U %W %u %w", "%s", "%L %N %3N %6N",
    "%c", "%x %X", "%z %:z %Z", "%q %dth", "%10Y %_5d %05m %-H %^a %#B %#p %^B", "%%", "%", "%-", "%E %EY %Od %Q %k", "%n%t|", "plain",
    "", "%h %D %F %T %R", "%0e %_H %-I %-j %010s %^Z %_10z", "%Y\n%m", "%5% %3t",
)  # fmt: skip
ZONES = ("America/New_York", "asia/kolkata", "UTC", "Europe/London", "EST", "PST", "Nowhere/Land", "", "Australia/Lord_Howe")

STRING_FILTERS = (
    "append capitalize downcase lstrip normalize_whitespace number_of_words prepend remove remove_first remove_last replace "
    "replace_first replace_last rstrip split squish strip strip_newlines truncate truncatewords upcase escape escape_once "
    "xml_escape strip_html slugify url_encode url_decode cgi_escape uri_escape base64_encode base64_decode sha256 hmac_sha256"
).split()
NUMBER_FILTERS = "abs at_least at_most ceil divided_by floor minus modulo plus round times".split()
LIST_FILTERS = "compact first join last pop push shift size slice sum unshift where".split()
DATE_FILTERS = "date date_to_long_string date_to_rfc822 date_to_string date_to_xmlschema".split()
OTHER_FILTERS = "default json jsonify inspect to_integer raw".split()
DISABLED_FILTERS = "map sort reverse uniq concat group_by newline_to_br find type array_to_sentence_string".split()
UNKNOWN_FILTERS = "unknown unescape money constructor".split()
FILTERS = STRING_FILTERS + NUMBER_FILTERS + LIST_FILTERS + DATE_FILTERS + OTHER_FILTERS

_BLANKS = ("", " ", " ", " ", "  ", "\n", "\t", "\u00a0")
_LOCALS = ("x", "y", "user-name", "list1", "size", "properties", "a1", "block")
_ROOTS = ("properties", "context", "traits", "list", "text", "number", "flag", "nothing", "missing", "deep", "names", "products", "day")


# --- events ----------------------------------------------------------------------------------------------------------


def event(rng: random.Random) -> dict[str, Any]:
    """An event of Segment's, with properties of every type under well-known and odd names."""
    result: dict[str, Any] = {
        "type": rng.choice(("track", "identify", "page")),
        "event": rng.choice(("Order Completed", "Signed Up", "")),
        "messageId": "ajs-next-1",
        "userId": rng.choice(("u1", None, 12)),
        "receivedAt": "2026-02-03T04:05:06.007Z",
        "timestamp": "2026-02-03T04:05:06.007Z",
        "properties": _object(rng, 3),
        "context": {"page": {"url": "https://shop.example/p?q=1&r=ä b", "title": "Ünï"}, "ip": "8.8.8.8"},
        "traits": {"email": rng.choice(TEXTS), "age": rng.choice(NUMBERS), "firstName": "Ada"},
        "list": [_scalar(rng) for _ in range(rng.randint(0, 5))],
        "text": rng.choice(TEXTS),
        "number": rng.choice(NUMBERS),
        "flag": rng.choice((True, False)),
        "nothing": None,
        "deep": _anything(rng, 4),
        "names": [rng.choice(TEXTS) for _ in range(rng.randint(0, 4))],
        "products": [_product(rng) for _ in range(rng.randint(0, 4))],
        "day": rng.choice(DATES),
    }
    if rng.random() < 0.1:
        result[rng.choice(KEYS)] = _anything(rng, 1)
    if rng.random() < 0.02:
        result["odd"] = {"toString": 1, "valueOf": 2}
    return result


def _product(rng: random.Random) -> Any:
    if rng.random() < 0.1:
        return _anything(rng, 1)
    return {
        "id": rng.choice(("sku-1", "sku-2", 3, None)),
        "price": rng.choice(NUMBERS),
        "name": rng.choice(TEXTS),
        "available": rng.choice((True, False, None)),
        "tags": [rng.choice(TEXTS[:8]) for _ in range(rng.randint(0, 2))],
    }


def _scalar(rng: random.Random) -> Any:
    return rng.choice((rng.choice(TEXTS), rng.choice(TEXTS), rng.choice(NUMBERS), rng.choice(NUMBERS), True, False, None, rng.choice(DATES)))


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    return {rng.choice(KEYS): _anything(rng, depth - 1) for _ in range(rng.randint(0, 6))}


def _anything(rng: random.Random, depth: int) -> Any:
    choice = rng.random()
    if depth <= 0 or choice < 0.5:
        return _scalar(rng)
    if choice < 0.75:
        return [_anything(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return _object(rng, depth)


# --- expressions -----------------------------------------------------------------------------------------------------


def _blank(rng: random.Random) -> str:
    return rng.choice(_BLANKS) if rng.random() < 0.3 else " "


def _quote(rng: random.Random, text: str) -> str:
    quote = rng.choice("'\"")
    if rng.random() < 0.9:
        text = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    if rng.random() < 0.05:
        text += rng.choice(("\\n", "\\u00e9", "\\x", "\\101", "\\ud83d\\ude00", "\\u12", "\\\\", "\\0"))
    return quote + text.replace("%}", "% }").replace("}}", "} }") + quote


def _text(rng: random.Random) -> str:
    return _quote(rng, rng.choice(rng.choice((TEXTS, TEXTS, DATES, FORMATS, KEYS, (",", " ", "-", "a", "", "x")))))


def _number(rng: random.Random) -> str:
    return rng.choice(
        ("0", "1", "2", "3", "5", "10", "-1", "-2", "1.5", "2.50", "+3", "0.1", "1.", "1.2.3", ".5", "5abc", "1e3", "100", "1000000", "-0", "07")
    )


def path(rng: random.Random) -> str:
    """A variable, with some keys."""
    text = rng.choice(_ROOTS) if rng.random() < 0.8 else rng.choice(_LOCALS)
    if rng.random() < 0.02:
        text = rng.choice(('["text"]', "[text]", ".text", "text.", "-", "deep..size", "5a"))
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        text += _key(rng)
    return text


def _key(rng: random.Random) -> str:
    choice = rng.random()
    if choice < 0.6:
        return "." + rng.choice(("name", "email", "total", "price", "size", "first", "last", "items", "id", "length", "nested", "0", "x-y", "ok?"))
    if choice < 0.75:
        return f"[{rng.randint(-3, 4)}]"
    if choice < 0.88:
        return f"[{_quote(rng, rng.choice(KEYS))}]"
    if choice < 0.95:
        return f"[{_blank(rng)}{rng.choice(('number', 'text', 'nothing', 'missing', 'flag', 'x', 'list', 'nil', 'true', '1.5', 'names[0]'))}]"
    return rng.choice((". name", "[]", "[0", ".['name']", "[ 'name' junk ]", ".constructor", ".toString", ".valueOf"))


def operand(rng: random.Random) -> str:
    """A literal, a range or a variable."""
    choice = rng.random()
    if choice < 0.5:
        return path(rng)
    if choice < 0.68:
        return _text(rng)
    if choice < 0.82:
        return _number(rng)
    if choice < 0.93:
        return rng.choice(("true", "false", "nil", "null", "empty", "blank"))
    if choice < 0.96:
        return f"({rng.choice(('1', '0', '-2', 'number_', 'text.size', '1.5', 'nil'))}..{rng.choice(('3', '5', 'list.size', '2.5', 'missing', '-4'))})"
    return rng.choice(("nil.size", "empty.equals", "'abc'.size", "'abc'[1]", "(1..4).last", "'😀a'[0]", "blank.valueOf", "true.x", "(1...3)", "truex"))


def value(rng: random.Random, depth: int = 1) -> str:
    """An expression with filters."""
    text = condition(rng) if rng.random() < 0.12 else operand(rng)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4)) if depth else 0):
        text += call(rng)
    return text


def condition(rng: random.Random) -> str:
    """Comparisons and their combinations."""
    text = ""
    for place in range(rng.choice((1, 1, 2, 2, 3))):
        text += rng.choice((" and ", " or ")) if place else ""
        text += "not " if rng.random() < 0.1 else ""
        text += operand(rng)
        if rng.random() < 0.75:
            text += _blank(rng) + rng.choice(("==", "!=", "<", ">", "<=", ">=", "contains", "==", "<>")) + " "
            text += ("not " if rng.random() < 0.03 else "") + operand(rng)
    return text


def call(rng: random.Random) -> str:
    """A filter with arguments, mostly ones that suit it."""
    choice = rng.random()
    name = rng.choice(FILTERS if choice < 0.96 else DISABLED_FILTERS if choice < 0.97 else UNKNOWN_FILTERS)
    suited = _ARGUMENTS.get(name)
    if suited and rng.random() < 0.8:
        arguments = suited(rng)
    else:
        arguments = [operand(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))]
    if rng.random() < 0.03:
        name_of_argument = rng.choice(("a", "allow_false", "x-y", '"q"', "1"))
        arguments.append(f"{name_of_argument}:{_blank(rng)}{operand(rng)}")
    text = f"{_blank(rng)}|{_blank(rng)}{name}"
    if arguments:
        comma = rng.choice((", ", ",", " , "))
        text += f"{rng.choice((':', ': ', ' : '))}{comma.join(arguments)}"
    return text + (rng.choice((",", ":", " x", "|", ")")) if rng.random() < 0.005 else "")


def _dated(rng: random.Random) -> list[str]:
    arguments = [_quote(rng, rng.choice(FORMATS))]
    if rng.random() < 0.25:
        arguments.append(rng.choice((_quote(rng, rng.choice(ZONES)), "300", "-330", "0", "90.5", "nil", "nothing", "true", "'1'", "list")))
    return arguments


def _separator(rng: random.Random) -> str:
    return _quote(rng, rng.choice((",", " ", "", "-", "a", ", ", "😀", "b", "\n")))


_ARGUMENTS: dict[str, Callable[[random.Random], list[str]]] = {
    "append": lambda rng: [operand(rng)],
    "at_least": lambda rng: [_number(rng)],
    "at_most": lambda rng: [_number(rng)],
    "base64_decode": lambda rng: [],
    "date": _dated,
    "date_to_long_string": lambda rng: rng.choice(([], ["'ordinal'"], ["'ordinal'", "'US'"])),
    "date_to_string": lambda rng: rng.choice(([], ["'ordinal'"], ["'ordinal'", "'US'"])),
    "default": lambda rng: [operand(rng), *rng.choice(([], [], ["allow_false: true"], ["allow_false: false"], ["'x'"], ["nil"]))],
    "divided_by": lambda rng: [_number(rng), *rng.choice(([], [], ["true"]))],
    "hmac_sha256": lambda rng: [operand(rng)],
    "inspect": lambda rng: rng.choice(([], ["2"])),
    "join": lambda rng: rng.choice(([], [_separator(rng)])),
    "json": lambda rng: rng.choice(([], [], ["2"], ["'--'"], ["12"], ["1.9"])),
    "lstrip": lambda rng: rng.choice(([], ["' aA'"], ["'😀'"])),
    "minus": lambda rng: [_number(rng)],
    "modulo": lambda rng: [_number(rng)],
    "number_of_words": lambda rng: rng.choice(([], ["'cjk'"], ["'auto'"])),
    "plus": lambda rng: [_number(rng)],
    "prepend": lambda rng: [operand(rng)],
    "push": lambda rng: [operand(rng)],
    "remove": lambda rng: [_separator(rng)],
    "replace": lambda rng: [_separator(rng), _text(rng)],
    "replace_first": lambda rng: [_separator(rng), _text(rng)],
    "replace_last": lambda rng: [_separator(rng), _text(rng)],
    "round": lambda rng: rng.choice(([], ["1"], ["2"], ["-1"], ["1.5"], ["30"])),
    "rstrip": lambda rng: rng.choice(([], ["' .com'"])),
    "slice": lambda rng: [_number(rng), *rng.choice(([], [_number(rng)]))],
    "slugify": lambda rng: rng.choice(([], ["'raw'"], ["'pretty'"], ["'ascii'"], ["'latin'"], ["'none'"], ["'default', true"], ["'constructor'"])),
    "split": lambda rng: [_separator(rng)],
    "strip": lambda rng: rng.choice(([], ["' !'"])),
    "sum": lambda rng: rng.choice(([], ["'price'"], ["'name.size'"])),
    "times": lambda rng: [_number(rng)],
    "truncate": lambda rng: [_number(rng), *rng.choice(([], ["''"], ["'…'"], ["', and so on'"]))],
    "truncatewords": lambda rng: [_number(rng), *rng.choice(([], ["''"], ["'--'"]))],
    "unshift": lambda rng: [operand(rng)],
    "where": lambda rng: [_quote(rng, rng.choice(("id", "price", "name", "available", "tags[0]", "size", "length", "[0]", "tags.size", "["))), *rng.choice(([], [operand(rng)]))],
}  # fmt: skip


# --- tags ------------------------------------------------------------------------------------------------------------


def _delimited(rng: random.Random, left: str, content: str, right: str) -> str:
    dash = [("-" if rng.random() < 0.12 else "") for _ in range(2)]
    return f"{left}{dash[0]}{_blank(rng)}{content}{_blank(rng)}{dash[1]}{right}"


def _tag(rng: random.Random, content: str) -> str:
    return _delimited(rng, "{%", content, "%}")


def _output(rng: random.Random) -> str:
    return _delimited(rng, "{{", value(rng), "}}")


def _html(rng: random.Random) -> str:
    return rng.choice(("", " ", "\n", "Hi ", "; ", " <b>", "{ }", "%}", " \t\n", "😀", "text", "-", "\u00a0 "))


def _assign(rng: random.Random, depth: int) -> str:
    return _tag(rng, f"assign{' '}{rng.choice(_LOCALS)}{_blank(rng)}={_blank(rng)}{value(rng)}")


def _capture(rng: random.Random, depth: int) -> str:
    name = rng.choice((rng.choice(_LOCALS), f"'{rng.choice(_LOCALS)}'"))
    return _tag(rng, f"capture {name}") + body(rng, depth - 1) + _tag(rng, "endcapture")


def _if(rng: random.Random, depth: int) -> str:
    name = rng.choice(("if", "if", "unless"))
    text = _tag(rng, f"{name} {condition(rng)}{call(rng) if rng.random() < 0.05 else ''}") + body(rng, depth - 1)
    for _ in range(rng.choice((0, 0, 1, 2))):
        text += _tag(rng, f"elsif {condition(rng)}") + body(rng, depth - 1)
    for _ in range(rng.choice((0, 1, 1)) if rng.random() < 0.98 else 2):
        text += _tag(rng, "else") + body(rng, depth - 1)
    if rng.random() < 0.01:
        text += _tag(rng, f"elsif {condition(rng)}") + body(rng, depth - 1)
    return text + _tag(rng, f"end{name}")


def _raw(rng: random.Random, depth: int) -> str:
    return _tag(rng, "raw") + rng.choice(("{{ x }}", "{% if %}", " plain ", "{% endraw", "", "{{-")) + _tag(rng, "endraw")


def _comment(rng: random.Random, depth: int) -> str:
    if rng.random() < 0.4:
        return _tag(rng, f"# note{rng.choice(('', ' {{ x }', chr(10) + ' # more', chr(10) + ' less'))}")
    return _tag(rng, "comment") + rng.choice(("", body(rng, 0), "{% bad %}")) + _tag(rng, "endcomment")


def _cycle(rng: random.Random, depth: int) -> str:
    candidates = ", ".join(rng.choice((operand, _text))(rng) for _ in range(rng.randint(1, 3)))
    tag = _tag(rng, f"cycle {rng.choice(('', '', operand(rng) + ': '))}{candidates}")
    return tag * rng.choice((1, 2, 3))


def _counter(rng: random.Random, depth: int) -> str:
    return _tag(rng, f"{rng.choice(('increment', 'decrement'))} {rng.choice(('x', 'counter', 'number', 'flag', ''))}") * rng.choice((1, 2))


def _echo(rng: random.Random, depth: int) -> str:
    return _tag(rng, f"echo {value(rng) if rng.random() < 0.95 else ''}")


def _liquid(rng: random.Random, depth: int) -> str:
    lines = []
    for _ in range(rng.randint(1, 3)):
        lines.append(
            rng.choice((
                f"assign {rng.choice(_LOCALS)} = {value(rng)}", f"echo {value(rng)}", f"if {condition(rng)}\n echo {value(rng)}\n endif",
                "# comment", f"capture x\n echo {value(rng)}\nendcapture", f"unless {condition(rng)}\necho 'u'\nendunless", "cycle 'a', 'b'",
                "increment n", "liquid echo 'inner'", "comment\n x\n endcomment", "- echo 1",
            ))  # fmt: skip
        )
    return _tag(rng, "liquid " + "\n  ".join(lines))


def _block(rng: random.Random, depth: int) -> str:
    inside = body(rng, depth - 1) + rng.choice(("", "{{ block.super }}", "{{ block }}", "{{ block | json }}"))
    return _tag(rng, f"block {rng.choice(('a', 'b c', '', 'toString', 'valueOf'))}") + inside + _tag(rng, "endblock")


def _rare(rng: random.Random, depth: int) -> str:
    return _tag(rng, rng.choice(("break", "continue", "for i in list", "case x", "render 'x'", "nope", "endif", "else", "", "if", "assign = 1", "assign a 1", "assign a.b = 1")))


_TAGS = (_assign, _assign, _assign, _capture, _if, _if, _if, _raw, _comment, _cycle, _counter, _echo, _liquid, _block)


def body(rng: random.Random, depth: int) -> str:
    """Some text, outputs and tags."""
    text = ""
    for _ in range(rng.choice((1, 1, 2, 3))):
        choice = rng.random()
        if choice < 0.3:
            text += _html(rng)
        elif choice < 0.7 or depth <= 0:
            text += _output(rng)
        elif choice < 0.985:
            text += rng.choice(_TAGS)(rng, depth)
        else:
            text += _rare(rng, depth)
    return text


def template(rng: random.Random) -> str:
    """A template of at most 1100 characters; one in twenty has been damaged."""
    text = body(rng, rng.choice((0, 1, 2, 3)))
    for _ in range(rng.choice((0, 1, 2)) if len(text) < 300 else 0):
        text += _html(rng) + _output(rng)
    if rng.random() < 0.05 and text:
        text = _damage(rng, text)
    return text[:1100]


def _damage(rng: random.Random, text: str) -> str:
    characters = list(text)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(characters) + 1)
        choice = rng.random()
        if choice < 0.5 and place < len(characters):
            del characters[place]
        elif choice < 0.8:
            characters.insert(place, rng.choice("{}%-|:.,'\"()[]=<>! \n0a\\#"))
        else:
            other = rng.randrange(len(characters) + 1)
            characters[min(place, other) : max(place, other)] = []
    return "".join(characters)
