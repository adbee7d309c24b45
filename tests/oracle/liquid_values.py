"""What random templates and events are made of."""

from __future__ import annotations

import random
from typing import Any


def words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


TEXTS = (
    "", " ", "  padded\t", "Ada", "ada lovelace", "ADA@Example.COM ", "a,b,,c,", "a-b-c", "one two  three\nfour",
    "12.50", " 42 ", "-7", "0x1F", "1e3", "Infinity", "NaN", "true", "null", "<p class='x'>Tom & \"Jerry\"</p>",
    "&lt;b&gt; &amp;amp;", "<script>alert(1)</script>ok<!-- c --><style>p{}</style>", "<<a> <b", "100% +tax",
    "a%20b+c%C3%A9", "%E0%A4%A", "x=1&y=2", "Crème Brûlée", "ﬁne Straße ΑΣ", "İstanbul", "你好 世界 hello",
    "😀 smile 👩\u200d👩\u200d👧 end", "😀", "\xa0nbsp\u2003em\ufeff", "tab\tnl\r\nend\n", "aGVsbG8=", "aGVsbG8",
    "8J+YgA==", "not base64!", "'single' \"double\" back\\slash", "{{ braces }} {% tag %}", "$1 $& ^x.*[y]", "aaa",
    "abcabcabc", "Los Angeles", "こんにちは", "한국어 단어", "ÀÉÎ õ ñ ÿ œ", "__proto__", "constructor", "size",
    "%Y-%m-%d",    "\x00\x1f", "abababababababababababababababababababababababababababababababababababababababab",
    "the quick brown fox jumps over the lazy dog and then it runs far away from it all",
)  # fmt: skip

DATES = (
    "2024-02-29T12:34:56.789Z", "2020-01-02", "2020-01-02T03:04:05", "2020-01-02T03:04:05+05:30",
    "2023-12-31 23:59:59", "Mon, 02 Jan 2006 15:04:05 GMT", "January 5, 2021 3:07 PM", "1/2/2020", "12/31/99",
    "1577934245", "1700000000123", "now", "today", "2020-13-01", "yesterday", "10:20", "Mar 3", "2021-W05-1",
    "0099-01-01", "-000005-06-07", "+012345-06-07", "1900-01-01T00:00:00Z", "0000-03-01",
    "Thu Jan 02 2020 03:04:05 GMT+0100 (CET)", "20200102", "2020/1/2 4:05pm",
)  # fmt: skip

NUMBERS = (
    0, 1, -1, 2, 3, 7, 10, 42, 100, -5, 1.0, 0.1, 0.2, 0.5, 1.5, 2.5, -0.5, -1.5, 1.005, 12.345, 99.999, 1e+21, 1e-07,
    123456789.98765433, 9007199254740991, 1577934245, 1700000000.25, -62135596800, 253402300800, 1000000000000000.0,
    4.35, 1.1, 1234567.891, 3.14159, 5e-324, 1e+308,
)  # fmt: skip

KEYS = (
    "name", "email", "total", "price", "a b", "size", "first", "last", "length", "0", "2", "10", "x-y", "naïve", "😀",
    "constructor", "items", "id", "date", "null", "true", "-1", "ok?", "nested", "", "__proto__",
)  # fmt: skip

FORMATS = (
    "%Y-%m-%d", "%A, %B %-d, %Y", "%d/%m/%y %H:%M:%S", "%I:%M %p", "%l:%M %P", "%e %b %C", "%j %U %W %u %w", "%s",
    "%L %N %3N %6N", "%c", "%x %X", "%z %:z %Z", "%q %dth", "%10Y %_5d %05m %-H %^a %#B %#p %^B", "%%", "%", "%-",
    "%E %EY %Od %Q %k", "%n%t|", "plain", "", "%h %D %F %T %R", "%0e %_H %-I %-j %010s %^Z %_10z", "%Y\n%m",
    "%5% %3t",
)  # fmt: skip

ZONES = (
    "America/New_York", "asia/kolkata", "UTC", "Europe/London", "Etc/GMT+5", "PST", "Nowhere/Land", "",
    "Australia/Lord_Howe",
)  # fmt: skip

STRING_FILTERS = words(
    "append capitalize downcase lstrip normalize_whitespace number_of_words prepend remove remove_first remove_last "
    "replace replace_first replace_last rstrip split squish strip strip_newlines truncate truncatewords upcase escape "
    "escape_once xml_escape strip_html slugify url_encode url_decode cgi_escape uri_escape base64_encode "
    "base64_decode sha256 hmac_sha256"
)
NUMBER_FILTERS = words("abs at_least at_most ceil divided_by floor minus modulo plus round times")
LIST_FILTERS = words("compact first join last pop push shift size slice sum unshift where")
DATE_FILTERS = words("date date_to_long_string date_to_rfc822 date_to_string date_to_xmlschema")
OTHER_FILTERS = words("default json jsonify inspect to_integer raw")
DISABLED_FILTERS = words("map sort reverse uniq concat group_by newline_to_br find type array_to_sentence_string")
UNKNOWN_FILTERS = words("unknown unescape money constructor")
FILTERS = STRING_FILTERS + NUMBER_FILTERS + LIST_FILTERS + DATE_FILTERS + OTHER_FILTERS

ROOTS = words("properties context traits list text number flag nothing missing deep names products day")
LOCALS = words("x y user-name list1 size properties a1 block")

OBJECTS = (
    "missing", "nothing", "nil", "empty", "blank", "flag", "true", "false", "text", "number", "0", "-0", "1.5", "''",
    "' '", "'abc'", "'12.5'", "'2020-01-02'", "'-3'", "'1e400'", "'😀b'", "list", "names", "deep", "products",
    "properties", "traits", "(1..4)", "x", "context.page", "properties.nested", "names.first", "products[0]", "odd",
    "large", "negative", "listed", "nested", "mixed", "arraylike", "block", "moment", "offset", "day",
)  # fmt: skip
"""Values of every type, and variables that hold them."""

_ODD = (
    {"toString": 1},
    {"valueOf": 1},
    {"length": 3, "0": "a", "2": "c"},
    {"length": "7"},
    {"length": 1e9},
    {"size": 5},
)
_LISTED: tuple[Any, ...] = (
    [], [1], ["5"], [[1, 2], [3]], [None, None], [True, False], ["", "  "], [0], [[[]]], ["2020-05-06"],
    ["a", "b", "c"],
)  # fmt: skip
_LARGE = (1e300, 1.7e308, 9007199254740991, 1e21, 2**40 + 0.5, -1e15)
_OFFSETS: tuple[Any, ...] = (None, 60, "Asia/Tokyo", True, [30], ["a"], {}, -90.5)


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
        "moment": _moment(rng),
        "offset": rng.choice(_OFFSETS),
        "large": rng.choice(_LARGE),
        "negative": rng.choice((-1, -0.5, -1e21, -7.25)),
        "listed": rng.choice(_LISTED),
        "nested": [[1, ["a", [None, {"b": 2}]]], {"k": [1, 2]}],
        "mixed": [{"id": 1, "tags": ["x"]}, {"id": "1", "tags": []}, 5, "str", None, [1, 2], True],
        "arraylike": rng.choice(({"length": 2, "0": "p", "1": "q"}, {"length": 0})),
    }
    if rng.random() < 0.1:
        result[rng.choice(KEYS)] = _anything(rng, 1)
    if rng.random() < 0.1:
        result["odd"] = rng.choice(_ODD)
    return result


def _moment(rng: random.Random) -> Any:
    if rng.random() < 0.6:
        return rng.randint(0, 4 * 10**9) + rng.choice((0, 0.5, 0.001, 0.9994))
    date = f"{rng.randint(1970, 2040)}-{rng.randint(1, 13):02}-{rng.randint(1, 31):02}"
    clock = f"{rng.randint(0, 24):02}:{rng.randint(0, 60):02}:{rng.randint(0, 60):02}"
    ends = ("", f"T{clock}.{rng.randint(0, 9999)}Z", f" {clock} PM", f"T{clock}+02:00", f" {clock}", f" {clock} EST")
    return date + rng.choice(ends)


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
    return rng.choice(
        (
            rng.choice(TEXTS),
            rng.choice(TEXTS),
            rng.choice(NUMBERS),
            rng.choice(NUMBERS),
            True,
            False,
            None,
            rng.choice(DATES),
        )
    )


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    return {rng.choice(KEYS): _anything(rng, depth - 1) for _ in range(rng.randint(0, 6))}


def _anything(rng: random.Random, depth: int) -> Any:
    choice = rng.random()
    if depth <= 0 or choice < 0.5:
        return _scalar(rng)
    if choice < 0.75:
        return [_anything(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return _object(rng, depth)
