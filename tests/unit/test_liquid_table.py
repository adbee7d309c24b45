"""Liquid templates and what Segment's engine makes of them (gathered from liquidjs 10.30.1 by way of actions-core)."""

from __future__ import annotations

from typing import Any

import pytest

from tockwork.rules import liquid

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "userId": None,
    "timestamp": "2024-02-29T12:34:56.789Z",
    "receivedAt": "2026-02-03T04:05:06.007Z",
    "properties": {
        "total": 99.5,
        "quantity": 3,
        "currency": "USD",
        "coupon": "",
        "order id": "A-1",
        "gift": False,
        "big": 1e21,
        "tags": ["new", "sale", None, "new"],
        "matrix": [[1, 2], [3, [4]]],
        "size": "XL",
        "products": [
            {"name": "Shoe", "price": 19.99, "available": True},
            {"name": "Hat", "price": "12.50", "available": False},
            {"name": "Sock", "price": None},
        ],
    },
    "traits": {
        "email": " Ada@Example.com ",
        "firstName": "ada",
        "bio": '<p>Tom & "Jerry"</p>',
        "city": "Zürich",
        "emoji": "😀 ok",
        "cjk": "你好 world",
    },
    "context": {"page": {"url": "https://shop.example/p?q=a b&r=é"}},
}

VALUES: dict[str, str] = {
    "{{ properties.total }}": "99.5",
    "{{properties.quantity}}": "3",
    "{{ properties.big }}": "1e+21",
    "{{ properties.gift }}": "false",
    "[{{ userId }}]": "[]",
    "[{{ missing.a.b }}]": "[]",
    "{{ properties }}": "[object Object]",
    "{{ properties.tags }}": "newsalenew",
    "{{ properties.matrix }}": "1234",
    "{{ properties['order id'] }}": "A-1",
    '{{ properties["tags"][1] }}': "sale",
    "{{ properties.tags[-1] }}{{ properties.tags[-4] }}": "newnew",
    "[{{ properties.tags[9] }}]": "[]",
    "{{ properties.tags.size }}": "4",
    "{{ properties.size }}": "XL",
    "{{ traits.firstName.size }}": "3",
    "{{ context.size }}": "1",
    "{{ properties.tags.first }}-{{ properties.tags.last }}": "new-new",
    "{{ traits.emoji.size }}": "5",
    "{{ traits.firstName[1] }}": "d",
    "[{{ traits.firstName[-1] }}]": "[]",
    "{{ properties.products[0].name }}": "Shoe",
    "{{ properties.products.first.price }}": "19.99",
    "{{ ['type'] }}": "track",
    "{{ [type] }}": "",
    "{{ properties.tags['length'] }}": "4",
    "{{ size }}": "0",
    "[{{ first }}]": "[]",
    "[{{ properties.constructor }}]": "[]",
    "{{ .type }}": "track",
    "{{ properties . total }}": "[object Object]",
    "{{ properties. total }}": "99.5",
}

LITERALS: dict[str, str] = {
    "{{ 1 }} {{ 1.0 }} {{ 1.50 }} {{ -2 }} {{ +3 }} {{ 1. }}": "1 1 1.5 -2 3 1",
    "{{ 12345678901234567890 }}": "12345678901234567000",
    "[{{ .5 }}][{{ 1e3 }}][{{ 1.2.3 }}]": "[][][]",
    "{{ true }} {{ false }} [{{ nil }}] [{{ null }}] [{{ empty }}] [{{ blank }}]": "true false [] [] [] []",
    "{{ 'single' }} {{ \"double\" }} {{ 'it''s' }}": "single double it",
    "{{ 'a\\'b' }} {{ \"\\u00e9\\x41\\101\\n|\" }}": "a'b éx41A\n|",
    "{{ (1..5) }}": "12345",
    "{{ (1..5) | join }}": "1 2 3 4 5",
    "{{ (3..1) | size }}": "0",
    "{{ (1.5..3) | join: ',' }}": "1.5,2.5,3.5",
    "{{ (properties.quantity..'5') | join }}": "3 4 5",
    "{{ 'abc'.size }} {{ 'abc'[1] }}": "3 b",
    "{{ nil.size }}|{{ empty | json }}|{{ nil | json }}": "|{}|{}",
    "{{ 'a' 'b' }}": "a",
    "{{ 'a', 'b' }}": "a",
    '{{ "}}" }}': "}}",
}

OPERATORS: dict[str, str] = {
    "{% if true and false or true %}a{% else %}b{% endif %}": "a",
    "{% if false and false or true %}a{% else %}b{% endif %}": "b",
    "{% if not userId and properties.total > 50 %}a{% endif %}": "a",
    "{{ 1 == 1.0 }} {{ 1 == '1' }} {{ 'a' == 'a' }}": "true false true",
    "{{ userId == nil }} {{ missing == nil }} {{ missing == userId }}": "true true false",
    "{{ properties.coupon == blank }} {{ properties.coupon == empty }}": "true true",
    "{{ '  ' == blank }} {{ '  ' == empty }}": "true false",
    "{{ empty == empty }} {{ blank == nil }} {{ nil == nil }} {{ blank == false }}": "false true true true",
    "{{ properties.gift == false }} {{ 0 == false }}": "true false",
    "{{ 2 < 10 }} {{ '2' < '10' }} {{ '2' < 10 }} {{ 'a' < 'B' }}": "true false true false",
    "{{ nil < 1 }} {{ userId < 1 }} {{ missing < 1 }} {{ userId >= 0 }}": "false true false true",
    "{{ 'Order' contains 'rde' }} {{ properties.tags contains 'sale' }}": "true true",
    "{{ properties.tags contains nil }} {{ 12 contains 1 }}": "true false",
    "{{ properties.currency contains missing }}": "false",
    "{{ event != 'x' }} {{ 1 <> 2 }}": "true false",
    "{{ properties.matrix == properties.matrix }}": "true",
    "{{ properties.products == properties.products }}": "true",
    "{{ properties.tags == 'x' }}": "false",
    "{{ 'b' > 'a' and 3 >= 3 }} {{ not true }}": "true false",
    "{{ 1 == not 2 }}": "false",
    "{% if properties.coupon %}truthy{% endif %}{% if 0 %}zero{% endif %}{% if userId %}no{% endif %}": "truthyzero",
}

TAGS: dict[str, str] = {
    "{% assign x = properties.total | times: 2 %}{{ x }}": "199",
    "{% assign a-b = 'v' %}{{ a-b }}": "v",
    "{% capture full %}{{ traits.firstName }}!{% endcapture %}{{ full }}{{ full | size }}": "ada!4",
    "{% capture 'q' %}1{% endcapture %}{{ q }}": "1",
    "{% if properties.total > 100 %}high{% elsif properties.total > 50 %}mid{% else %}low{% endif %}": "mid",
    "{% unless properties.gift %}paid{% else %}free{% endunless %}": "paid",
    "{% unless true %}a{% elsif true %}b{% endunless %}": "b",
    "{% comment %}{{ x }}{% nonsense %}{% endcomment %}ok": "ok",
    "{% # a note %}ok": "ok",
    "{% raw %}{{ x }}{% if %}{% endraw %}": "{{ x }}{% if %}",
    "{%- raw -%}  {{ x }}  {% endraw -%}  .": "  {{ x }}  .",
    "{% increment c %}{% increment c %}{% decrement c %}{{ c }}": "0111",
    "{% increment properties.total %}{% decrement d %}": "0-1",
    "{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}": "aba",
    "{% cycle 'g': 1, 2 %}{% cycle 'h': 1, 2 %}{% cycle 'g': 1, 2 %}": "112",
    "{% echo event | upcase %}{% echo %}": "ORDER COMPLETED",
    "{% liquid\n  assign t = properties.total | round\n  if t > 50\n    echo t\n  endif\n%}": "100",
    "{% liquid # note\n echo 'x' %}": "x",
    "a{% break %}b": "a",
    "{% if true %}a{% continue %}b{% endif %}c": "a",
    "{% block b %}[{{ block.super }}{{ block }}]{% endblock %}": "[[object Object]]",
    "{% assign properties = 1 %}{{ properties.total }}{{ properties }}": "1",
    "{% if true %}{% assign y = 1 %}{% endif %}{{ y }}": "1",
}

WHITESPACE: dict[str, str] = {
    "a {{- ' b ' -}} c": "a b c",
    "  {%- if true -%}  x  {%- endif -%}  ": "x",
    "a \n\t{%- assign z = 1 -%}\n b": "ab",
    "{{-1}}": "1",
    "x {{ 'y' -}}\n\n z": "x yz",
    "a\xa0{{- 'b' }}": "ab",
}

NUMBERS: dict[str, str] = {
    "{{ 10 | divided_by: 4 }} {{ 10 | divided_by: 4, true }} {{ 9 | divided_by: 3 }}": "2.5 2 3",
    "{{ 5 | divided_by: 0 }} {{ 0 | divided_by: 0 }}": "Infinity NaN",
    "{{ 0.1 | plus: 0.2 }} {{ '3' | plus: '4' }} {{ 'x' | plus: 1 }}": "0.30000000000000004 7 1",
    "{{ 1.005 | round: 2 }} {{ 2.5 | round }} {{ -2.5 | round }}": "1.01 3 -3",
    "{{ 1234 | round: -2 }} {{ 1.5 | round: 1000000 }}": "1200 1.5",
    "{{ -7 | modulo: 3 }} {{ 7.5 | modulo: 2 }} {{ 1 | modulo: 0 }}": "2 1.5 NaN",
    "{{ 3.7 | ceil }} {{ 3.2 | floor }} {{ -3.2 | abs }} {{ '4.1' | ceil }}": "4 3 3.2 5",
    "{{ 5 | at_least: 10 }} {{ 5 | at_most: 3 }} {{ 5 | at_least }}": "10 3 5",
    "{{ 1.1 | times: 3 }} {{ 5 | minus }} {{ 1e21 | plus: 1 }}": "3.3000000000000003 NaN 1",
    "{{ '12.5' | to_integer }} {{ 'x' | to_integer }} {{ nil | to_integer }}": "12.5 NaN 0",
    "{{ properties.total | times: 1.2 | round: 2 }}": "119.4",
    "{{ 1000000 | times: 1000000 | times: 1000000000 | times: 10 }}": "1e+22",
    "{{ 0.000001 | divided_by: 10 }}": "1e-7",
}

STRINGS: dict[str, str] = {
    "{{ traits.email | strip | downcase }}": "ada@example.com",
    "{{ 'a' | append: 'b' | prepend: 'c' }}": "cab",
    "{{ traits.firstName | capitalize }} {{ 'hELLO' | capitalize }}": "Ada Hello",
    "{{ traits.city | upcase }} {{ 'straße' | upcase }}": "ZÜRICH STRASSE",
    "[{{ '  x ' | lstrip }}][{{ ' x  ' | rstrip }}][{{ 'xxaxx' | strip: 'x' }}]": "[x ][ x][a]",
    "{{ 'a  b\n c' | normalize_whitespace }} {{ '  a  b ' | squish }}": "a b c a b",
    "{{ 'a\nb' | strip_newlines }}": "ab",
    "{{ 'a,b,,c,,' | split: ',' | json }} {{ 'abc' | split: '' | json }}": '["a","b","","c"] ["a","b","c"]',
    "{{ 'abcabc' | replace: 'b', 'X' }} {{ 'abcabc' | replace_first: 'b', '$&' }}": "aXcaXc a$&cabc",
    "{{ 'abcabc' | replace_last: 'b', 'Y' }}": "abcaYc",
    "{{ 'ab' | replace: '', '-' }}": "a-b",
    "{{ 'abcabc' | remove: 'b' }} {{ 'abcabc' | remove_first: 'b' }}": "acac acabc",
    "{{ 'abcabc' | remove_last: 'b' }}": "abcac",
    "{{ 'Hello World' | truncate: 8 }} {{ 'Hello World' | truncate: 8, '' }}": "Hello... Hello Wo",
    "{{ 'Hi' | truncate: 8 }} {{ 'Hello' | truncate: 2 }}": "Hi ...",
    "{{ 'one two three' | truncatewords: 2 }}": "one two...",
    "{{ 'one two' | truncatewords: 2, '--' }}": "one two--",
    "{{ 'one' | truncatewords: 0 }}": "one...",
    "{{ 'one two' | number_of_words }} {{ traits.cjk | number_of_words: 'cjk' }}": "2 3",
    "{{ traits.cjk | number_of_words: 'auto' }}": "3",
    "{{ 'Hello' | slice: 1, 3 }} {{ 'Hello' | slice: -3, 2 }}": "ell ll",
    "{{ 'Hello' | slice: 1 }} {{ 'Hello' | slice: 9 }}|": "e |",
    "{{ traits.emoji | slice: 0 }} {{ traits.emoji | truncate: 3, '' }}": "😀 😀 o",
    "{{ traits.emoji | split: '' | size }}": "5",
}

LISTS: dict[str, str] = {
    "{{ properties.tags | join: '-' }}": "new-sale--new",
    "{{ properties.tags | compact | join: '-' }}": "new-sale-new",
    "{{ properties.tags | size }} {{ event | size }} {{ 12 | size }}": "4 15 0",
    "{{ properties.tags | first }} {{ properties.tags | last }} {{ 'abc' | first }}": "new new a",
    "{{ properties.products | where: 'available' | json }}": '[{"name":"Shoe","price":19.99,"available":true}]',
    "{{ properties.products | where: 'name', 'Hat' | size }}": "1",
    "{{ properties.products | sum: 'price' }} {{ properties.matrix | sum }}": "32.489999999999995 0",
    "{{ properties.tags | push: 'x' | join }}": "new sale  new x",
    "{{ properties.tags | unshift: 'x' | join }}": "x new sale  new",
    "{{ properties.tags | pop | join }}|{{ properties.tags | shift | join }}": "new sale |sale  new",
    "{{ properties.tags | slice: 1, 2 | join }}": "sale ",
    "{{ properties.tags | slice: -2, 5 | json }}": '[null,"new"]',
    "{{ 'x' | join }} {{ nil | join }}|{{ missing | first }}|": "x ||",
    "{{ properties.matrix | join: '/' }}": "1,2/3,4",
    "{{ 'only' | split: ',' | sample }}": "only",
}

MARKUP: dict[str, str] = {
    "{{ traits.bio | escape }}": "&lt;p&gt;Tom &amp; &#34;Jerry&#34;&lt;/p&gt;",
    "{{ '&lt;b&gt; & <i>' | escape_once }}": "&lt;b&gt; &amp; &lt;i&gt;",
    "{{ traits.bio | strip_html }}": 'Tom & "Jerry"',
    "{{ 'a<script>x</script>b<!-- c -->d<e' | strip_html }}": "abd<e",
    "{{ traits.city | url_encode }} {{ 'a b&c=d/e' | url_encode }}": "Z%C3%BCrich a+b%26c%3Dd%2Fe",
    '{{ "it\'s (ok)!" | cgi_escape }}': "it%27s+%28ok%29%21",
    "{{ 'a+b%20c%C3%A9' | url_decode }}": "a b cé",
    "{{ context.page.url | uri_escape }}": "https://shop.example/p?q=a%20b&r=%C3%A9",
    "{{ 'Hello, Wörld! 2.0' | slugify }} {{ 'A b' | slugify: 'none', true }}": "hello-wörld-2-0 A b",
    "{{ 'Crème brûlée' | slugify: 'latin' }}": "creme-brulee",
    "{{ 'A.b c~d' | slugify: 'pretty' }} {{ 'É a' | slugify: 'ascii' }}": "a.b-c~d a",
    "{{ 'héllo' | base64_encode }} {{ 'aMOpbGxv' | base64_decode }}": "aMOpbGxv héllo",
    "{{ 'aGk' | base64_decode }}": "hi",
    "{{ traits.firstName | sha256 }}": "fdee430d40bd57deeac186cd9790033d0f06f909a8806e7ce6e717ab7c7d5029",
    "{{ 'a' | hmac_sha256: 'key' }}": "780c3db4ce3de5b9e55816fba98f590631d96c075271b26976238d5f4444219b",
}

DATES: dict[str, str] = {
    "{{ timestamp | date: '%Y-%m-%d %H:%M:%S.%L' }}": "2024-02-29 12:34:56.789",
    "{{ timestamp | date: '%A %a %B %b %-d %e %j %U %W %u %w' }}": "Thursday Thu February Feb 29 29 060 08 09 4 4",
    "{{ timestamp | date: '%I:%M %p %l %P %s %y %C %N %3N' }}": "12:34 PM 12 pm 1709210096 24 20 789000000 789",
    "{{ timestamp | date: '%c' }}": "2/29/2024, 12:34:56 PM",
    "{{ timestamp | date: '%x | %X | %Z %z %:z' }}": "2/29/2024 | 12:34:56 PM | UTC +0000 +00:00",
    "{{ timestamp | date: '%10Y %_5d %-m %^b %#p %%' }}": "0000002024    29 2 FEB pm %",
    "{{ timestamp | date }}": "Thursday, February 29, 2024 at 12:34 pm +0000",
    "{{ 0 | date: '%Y' }} {{ '1700000000' | date: '%F %Y' }}": "1970 %F 2023",
    "{{ 1700000000.5 | date: '%s %L' }}": "1700000000 500",
    "{{ 'March 5, 2021 3:07 PM' | date: '%Y-%m-%dT%H:%M' }}": "2021-03-05T15:07",
    "{{ '2020-01-02' | date: '%s' }} {{ '1/2/2020' | date: '%Y-%m-%d' }}": "1577923200 2020-01-02",
    "{{ '12/31/99' | date: '%Y' }}": "1999",
    "{{ timestamp | date: '%H:%M %Z', 'America/New_York' }}": "07:34 America/New_York",
    "{{ timestamp | date: '%H:%M %z', -330 }}": "18:04 +0530",
    "{{ 'not a date' | date: '%Y' }} [{{ nil | date: '%Y' }}]": "not a date []",
    "{{ '2020-13-01' | date: '%Y' }}": "2020-13-01",
    "{{ timestamp | date_to_xmlschema }}": "2024-02-29T12:34:56+00:00",
    "{{ timestamp | date_to_rfc822 }}": "Thu, 29 Feb 2024 12:34:56 +0000",
    "{{ timestamp | date_to_string }}": "29 Feb 2024",
    "{{ timestamp | date_to_long_string: 'ordinal', 'US' }}": "February 29th, 2024",
    "{{ 'now' | date: '%Y-%m-%d' }} {{ 'today' | date: '%s' }}": "2026-02-03 1770091506",
    "{{ '-000001-01-01' | date: '%Y %y' }} {{ '0099-01-01' | date: '%Y' }}": "-001 99 0099",
}

MISC: dict[str, str] = {
    "{{ userId | default: 'anonymous' }} {{ properties.coupon | default: 'none' }}": "anonymous none",
    "{{ 0 | default: 1 }}": "0",
    "{{ properties.gift | default: true }}": "true",
    "{{ properties.gift | default: true, allow_false: true }}": "false",
    "{{ properties.products[0] | json }}": '{"name":"Shoe","price":19.99,"available":true}',
    "{{ properties.products[0] | json: 2 }}": '{\n  "name": "Shoe",\n  "price": 19.99,\n  "available": true\n}',
    "{{ properties.tags | jsonify }} {{ 'é\"\n' | json }}": '["new","sale",null,"new"] "é\\"\\n"',
    "{{ 1.0 | json }} [{{ missing | json }}] {{ userId | inspect }}": "1 [] null",
    "{{ event | unknown_filter: 1 | upcase }}": "ORDER COMPLETED",
    "{{ event | upcase | }}": "ORDER COMPLETED",
    "{{ 5 | plus: a: 3 }} {{ 'x' | append: a: 3 }}": "5 xa3",
    "{{ 'a' | raw }}": "a",
    "{{ event|upcase|size }}": "15",
    "{{ event | truncate : 5 , '' }}": "Order",
}

REFUSED: tuple[str, ...] = (
    "{% raw %}  {{ x }}  {%- endraw %}",
    "{{ event",
    "{% if event %}",
    "{% endif %}",
    "{{ }}",
    "{{ | upcase }}",
    "{{ event | upcase x }}",
    "{{ event ? 1 : 2 }}",
    "{{ event + 1 }}",
    "{{ event || 1 }}",
    "{% assign x 1 %}",
    "{% assign = 1 %}",
    "{% capture %}{% endcapture %}",
    "{% if true %}{% else %}{% elsif true %}{% endif %}",
    "{% if true %}{% else x %}{% endif %}",
    "{% cycle %}",
    "{% nonsense %}",
    "{% %}",
    "{% for x in properties.tags %}{{ x }}{% endfor %}",
    "{% case type %}{% when 'track' %}x{% endcase %}",
    "{% render 'x' %}",
    "{{ properties.tags[0 }}",
    "{{ (1..3 }}",
    "{{ 'abc }}",
    "{% # a\n b %}",
    "{% raw %}",
    "{{ properties.tags | map: 'x' }}",
    "{{ properties.tags | sort }}",
    "{{ properties.tags | reverse }}",
    "{{ properties.tags | uniq }}",
    "{{ 'a' | append }}",
    "{{ '%zz' | url_decode }}",
    "{{ '!!!' | base64_decode }}",
    "{{ timestamp | date: '%H', 'Nowhere' }}",
    "{{ false | default: 1, 2 }}",
    "{{ (1..1000000000) | size }}",
    "{{ nil.constructor }}",
    "{% liquid {{ x }} %}",
)
"""Templates that fail, while compiling or while rendering."""


RENDERED = VALUES | LITERALS | OPERATORS | TAGS | WHITESPACE | NUMBERS | STRINGS | LISTS | MARKUP | DATES | MISC


@pytest.mark.parametrize("template", RENDERED)
def test_a_template_gives_what_it_gives_in_segment(template: str) -> None:
    assert liquid.compile(template).render(EVENT) == RENDERED[template]


@pytest.mark.parametrize("template", REFUSED)
def test_a_template_that_segment_refuses_is_refused(template: str) -> None:
    with pytest.raises(liquid.LiquidError, match=r"\(line \d+, column \d+\)$"):
        liquid.compile(template).render(EVENT)
