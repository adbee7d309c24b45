"""What to paste into a client so that it sends to a source, for each language."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from html import escape
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

HIDDEN_KEY: Final = "YOUR_WRITE_KEY"
"""Stands for the write key where somebody may not see it."""


class Snippet(msgspec.Struct, frozen=True, kw_only=True):
    """Text to paste. `language` names it in addresses, `where` says where it goes."""

    language: str
    title: str
    where: str
    text: str


def snippets(kind: str, url: str, write_key: str) -> list[Snippet]:
    """All of them, those that suit a source of this kind first. `url` is the tracking API's."""
    made = [
        Snippet(language=language, title=title, where=where, text=text(url, write_key))
        for language, title, where, text in _ALL
    ]
    first = _FIRST.get(kind, ())
    return sorted(made, key=lambda one: one.language not in first)


def _script_tag(url: str, key: str) -> str:
    return (
        f'<script src="{escape(url)}/tockwork.js" data-write-key="{escape(key)}"></script>\n'
        "<script>\n"
        '  analytics.track("Product Added", { product_id: "123", price: 89.9, currency: "USD" });\n'
        "</script>\n"
    )


_METHODS: Final = (
    "trackSubmit trackClick trackLink trackForm pageview identify reset group track ready alias debug page once off on "
    "addSourceMiddleware addIntegrationMiddleware setAnonymousId addDestinationMiddleware"
)


def _analytics_js(url: str, key: str) -> str:
    address = f"{url}/analytics.js/v1/{quote(key, safe='')}/analytics.min.js"
    return f"""<script>
  (function () {{
    var analytics = (window.analytics = window.analytics || []);
    if (analytics.initialize || analytics.invoked) return;
    analytics.invoked = true;
    "{_METHODS}".split(" ").forEach(function (method) {{
      analytics[method] = function () {{
        analytics.push([method].concat([].slice.call(arguments)));
        return analytics;
      }};
    }});
    analytics._cdn = {_in_script(url)};
    analytics._writeKey = {_in_script(key)};
    var script = document.createElement("script");
    script.async = true;
    script.src = {_in_script(address)};
    document.head.appendChild(script);
    analytics.page();
  }})();
</script>
"""


def _npm(url: str, key: str) -> str:
    host = f"{urlsplit(url).netloc}/v1"
    segment = f'"Segment.io": {{ apiHost: {_in_script(host)}, protocol: {_in_script(urlsplit(url).scheme)} }}'
    return f"""// npm install @segment/analytics-next
import {{ AnalyticsBrowser }} from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load(
  {{ writeKey: {_in_script(key)}, cdnURL: {_in_script(url)} }},
  {{ integrations: {{ {segment} }} }},
);

analytics.page();
analytics.track("Product Added", {{ product_id: "123", price: 89.9, currency: "USD" }});
"""


def _python(url: str, key: str) -> str:
    return f"""# pip install segment-analytics-python
from segment.analytics.client import Client

client = Client({json.dumps(key)}, host={json.dumps(url)})
client.track(
    "u-1",
    "Order Completed",
    {{"order_id": "O-1001", "revenue": 114.9, "currency": "USD", "email": "ann.smith@example.com"}},
    # Whose visit it was: without these, TikTok recognises fewer people.
    context={{"ip": "203.0.113.24", "userAgent": "Mozilla/5.0", "page": {{"url": "https://shop.example/done"}}}},
)
client.shutdown()  # sends what waits, then stops
"""


def _node(url: str, key: str) -> str:
    return f"""// npm install @segment/analytics-node
import {{ Analytics }} from "@segment/analytics-node";

const analytics = new Analytics({{ writeKey: {json.dumps(key)}, host: {json.dumps(url)} }});
analytics.track({{
  userId: "u-1",
  event: "Order Completed",
  properties: {{ order_id: "O-1001", revenue: 114.9, currency: "USD", email: "ann.smith@example.com" }},
  // Whose visit it was: without these, TikTok recognises fewer people.
  context: {{ ip: "203.0.113.24", userAgent: "Mozilla/5.0", page: {{ url: "https://shop.example/done" }} }},
}});
await analytics.closeAndFlush();
"""


def _curl(url: str, key: str) -> str:
    event = {
        "event": "Product Added",
        "anonymousId": "me",
        "properties": {"product_id": "123", "price": 89.9, "currency": "USD"},
        "context": {"page": {"url": "https://shop.example/"}},
    }
    return (
        f"curl {shlex.quote(f'{url}/v1/track')} -u {shlex.quote(f'{key}:')} -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(event))}\n"
    )


def _in_script(text: str) -> str:
    """A string of JavaScript that a page's script may hold, whatever the text is."""
    return json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e")


_ALL: Final[tuple[tuple[str, str, str, Callable[[str, str], str]], ...]] = (
    (
        "script",
        "Script tag",
        "Into the <head> of every page: it brings analytics.js from your own server, counts a page view, and keeps "
        "TikTok's ids for the server's events.",
        _script_tag,
    ),
    ("snippet", "analytics.js snippet", "Into the <head>, where Segment's snippet stands today.", _analytics_js),
    ("npm", "analytics-next", "Into the code of a site that bundles analytics-next from npm.", _npm),
    ("node", "Node.js", "Into a backend: Segment's own library, with another host.", _node),
    ("python", "Python", "Into a backend: Segment's own library, with another host.", _python),
    ("curl", "curl", "Into a terminal: sends one event, to see that it works.", _curl),
)
_FIRST: Final = {"browser": ("script", "snippet", "npm"), "server": ("node", "python", "curl"), "file": ("curl",)}
