"""Random templates that no grammar gives: heaps of words, any filter of anything, odd letters, odd dates."""

from __future__ import annotations

import random

from liquid_tags import grammatical
from liquid_values import DATE_FILTERS, FILTERS, NUMBER_FILTERS, OBJECTS, STRING_FILTERS, words

_WORDS = words(
    "{{;}};{%;%};{{-;-}};{%-;-%};|;:;,;.;..;[;];(;);';\";=;==;!=;<;>;<=;>=;<>;contains;and;or;not;nil;null;true;"
    "false;empty;blank;x;y;text;number;list;names;products;deep;size;first;last;0;1;-1;2.5;1.;.5;-;+;_;a-b;#;?;\\;"
    "\\n;\\u12;upcase;append;split;join;size;plus;default;assign;if;elsif;else;endif;unless;endunless;capture;"
    "endcapture;comment;endcomment;raw;endraw;cycle;increment;decrement;echo;liquid;block;endblock;break;\n;\t;"
    "\xa0;\ufeff;😀;é;“;”;where;date;json;slice",
    ";",
)
_INNER = _WORDS[8:]
_OPENINGS = words(
    "assign x = |if |unless x |cycle |cycle 'g': |echo |capture x|liquid |block |increment |# |comment |raw ", "|"
)
_CLOSINGS = words(
    "|X{{x}}|{% endif %}|{% endcapture %}{{x}}|{% endunless %}|{%endblock%}|{% endraw %}|{%-endraw-%} {% endraw -%}  z",
    "|",
)

_LETTERS = (
    "ßﬁŉİıſΣςσǅǆᾳᾼΐÅKẞﬀ\u0345\u0301\u200d\u00ad\ufeff\u180e\u0085\u2028\u2003\u200b"
    "aZ09-_ '&<%+éŒœþδЖя你好こ한ア😀🤝𐐀𐐨𝒜\u0000\u001f\t\n"
)
_SUFFIXES = ("", "", " | json", " | size", " | join: '-'", " | inspect: 1", " | upcase", " | url_encode")
_LETTER_FILTERS = words(
    "truncate: 3;truncate: 2, '…';slice: 1;slice: -2, 2;slice: 0, 3;split: '' | join: '-';split: '' | join: '';"
    "split: '' | first;replace: '', text;replace: text, 'x';truncatewords: 1;lstrip: text;strip: text;rstrip: text;"
    "number_of_words: 'cjk';number_of_words: 'auto';slugify: 'latin';slugify: 'ascii';split: text | json;"
    "split: '' | json;url_encode | url_decode;base64_encode | base64_decode;replace_last: text, '_';"
    "replace_first: text, '$&'",
    ";",
)

_DIRECTIVES = "aAbBcCdehHIjklLmMNpPqsSuUwWxXyYzZtn%QEO1D"
_FLAGS = ("", "", "", "-", "_", "0", "^", "#", ":", "-^", "_#", "0_", "-0")
_WIDTHS = ("", "", "", "", "1", "2", "3", "5", "10", "007")
_BETWEEN = (" ", "-", "/", "T", "at ", "%", "")
_PLACES = (
    "", "", ", 'America/New_York'", ", 'Europe/London'", ", 'Asia/Kolkata'", ", 'Pacific/Apia'", ", 'Asia/Kathmandu'",
    ", 'america/st_johns'", ", 'Africa/Casablanca'", ", 'Etc/GMT+5'", ", 'bad'", ", 300", ", -60.5", ", offset",
)  # fmt: skip


def heap(rng: random.Random) -> str:
    """Words and delimiters in no order."""
    choice = rng.random()
    if choice < 0.35:
        return "".join(rng.choice(_WORDS) + rng.choice(("", "", " ")) for _ in range(rng.randint(1, 25)))
    inner = " ".join(rng.choice(_INNER) for _ in range(rng.randint(1, 8)))
    if choice < 0.6:
        return f"a {{{{{rng.choice('- ')}{inner}{rng.choice('- ')}}}}} b"
    if choice < 0.75:
        return f"{{% {rng.choice(_OPENINGS)}{inner} %}}{rng.choice(_CLOSINGS)}"
    template = grammatical(rng)
    place = rng.randrange(len(template) + 1)
    return template[:place] + rng.choice(_WORDS) + template[place:]


def anything(rng: random.Random) -> str:
    """Any filter of any value with any arguments, and any comparison."""
    arguments = [rng.choice(OBJECTS) for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 2, 3, 4)))]
    if rng.random() < 0.08:
        arguments.append(f"{rng.choice(('a', 'allow_false'))}: {rng.choice(OBJECTS)}")
    template = f"{{{{ {rng.choice(OBJECTS)} | {rng.choice(FILTERS)}"
    template += (": " + ", ".join(arguments) if arguments else "") + rng.choice(_SUFFIXES) + " }}"
    if rng.random() < 0.5:
        operator = rng.choice(("==", "!=", "<", ">", "<=", ">=", "contains"))
        template += f"{{% if {rng.choice(OBJECTS)} {operator} {rng.choice(OBJECTS)} %}}Y{{% else %}}N{{% endif %}}"
    return f"{{% block b %}}{template}{{% endblock %}}" if rng.random() < 0.2 else template


def arithmetic(rng: random.Random) -> str:
    """Filters of numbers on numbers of all sizes."""
    template = f"{{{{ {_number(rng)}"
    for _ in range(rng.randint(1, 4)):
        arguments = ", ".join(_number(rng) for _ in range(rng.randint(1, 3)))
        template += f" | {rng.choice(NUMBER_FILTERS)}" + (f": {arguments}" if rng.random() < 0.85 else "")
    return template + rng.choice(("", " | json", " | append: '!'")) + " }}"


def _number(rng: random.Random) -> str:
    scale = 10 ** rng.choice((0, 1, 2, 3, 6))
    written = f"{rng.randint(-9999, 9999) / scale:.{rng.randint(0, 6)}f}"
    return rng.choice((written, written, "number", "products[0].price", "text", f"list[{rng.randrange(3)}]"))


def letters(rng: random.Random) -> str:
    """Filters of text on odd letters."""
    word = "".join(rng.choice(_LETTERS) for _ in range(rng.choice((0, 1, 2, 3, 5, 12))))
    call = rng.choice(_LETTER_FILTERS) if rng.random() < 0.5 else rng.choice(STRING_FILTERS)
    trim = rng.choice(("", "-"))
    return f'{word}{{{{{trim} "{word}" | {call} }}}}|{{{{ text | {call}{rng.choice(_SUFFIXES)} {trim}}}}}{word}'


def calendar(rng: random.Random) -> str:
    """Filters of dates with all directives, and odd widths and flags."""
    if rng.random() < 0.1:
        return f"{{{{ day | {rng.choice(DATE_FILTERS)}: 'ordinal'{rng.choice(('', ', {!r}'.format('US')))} }}}}"
    form = "".join(_directive(rng) + rng.choice(_BETWEEN) for _ in range(rng.randint(1, 7)))
    return f"{{{{ {rng.choice(('day', 'day', 'moment'))} | date: '{form}'{rng.choice(_PLACES)} }}}}"


def _directive(rng: random.Random) -> str:
    return f"%{rng.choice(_FLAGS)}{rng.choice(_WIDTHS)}{rng.choice(('', '', '', 'E', 'O'))}{rng.choice(_DIRECTIVES)}"
