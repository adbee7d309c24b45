"""The diagnostics of an accepted event: what TikTok takes in silence and its users regret later.

Pure: the same row, source and time of receipt give the same diagnostics. They are worked out when somebody looks, so
that they cost an accepted request nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from tockwork.sandbox.catalogue import Diagnostic, Finding, worded
from tockwork.sandbox.goods import property_findings
from tockwork.sandbox.naming import name_findings
from tockwork.sandbox.person import is_email, is_placeholder, user_findings
from tockwork.sandbox.schema import CONTENT, PARTS, ROOT, ROW, Field

_LATE_S: Final = 3600
_FUTURE_S: Final = 300
_FAR_FUTURE_S: Final = 24 * 3600
_OLD_S: Final = 28 * 24 * 3600

_PIXEL_CODE: Final = re.compile(r"[A-Z0-9]{16,24}")
_SET_ID: Final = re.compile(r"\d{19}")
_TEST_CODE: Final = re.compile(r"TEST\d{5}")
_TTCLID_IN_URL: Final = re.compile(r"[?&]ttclid=[^&#]")
_HTTP: Final = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_MEANT: Final = {
    "phone_number": "phone",
    "phones": "phone",
    "zip": "zip_code",
    "click_id": "ttclid",
    "ua": "user_agent",
}


def diagnose(row: dict[str, Any], source: str, received_at: float) -> list[Diagnostic]:
    """What there is to say about one row from `source`, received at `received_at` (Unix seconds)."""
    return [worded(finding) for finding in _row_findings(row, source, received_at)]


def diagnose_request(root: Mapping[str, Any], path_has_slash: bool) -> tuple[Diagnostic, ...]:
    """What there is to say about the root of a request (without `data`); paths start with `/`."""
    return tuple(worded(finding) for finding in _root_findings(root, path_has_slash))


def _root_findings(root: Mapping[str, Any], path_has_slash: bool) -> Iterator[Finding]:
    if not path_has_slash:
        yield Finding("path_without_slash", "/")
    if "partner_name" in root:
        yield Finding("partner_name_present", "/partner_name")
    if "test_event_code" in root:
        code = root["test_event_code"]
        if not code:
            yield Finding("test_event_code_empty", "/test_event_code")
        elif not _TEST_CODE.fullmatch(str(code)):
            yield Finding("test_event_code_shape", "/test_event_code")
    web = root.get("event_source") == "web"
    shape, name = (_PIXEL_CODE, "a pixel code") if web else (_SET_ID, "an id of 19 digits")
    source_id = str(root.get("event_source_id"))
    if root.get("event_source") != "app" and (shape.fullmatch(source_id) is None or (web and source_id.isdigit())):
        yield Finding("event_source_id_shape", "/event_source_id", name)
    yield from _unknown(root, ROOT, "/")


def _row_findings(row: dict[str, Any], source: str, received_at: float) -> Iterator[Finding]:
    event = row["event"]
    yield from name_findings(event, source)
    yield from _identity(row, source, received_at)
    yield from _fields(row, ROW, "", source)
    for part, fields in PARTS.items():
        if isinstance(values := row.get(part), dict):
            yield from _fields(values, fields, f"{part}.", source)
    for index, content in enumerate((row.get("properties") or {}).get("contents") or ()):
        yield from _fields(content, CONTENT, f"properties.contents.{index}.", source)
    if source == "web" and row.get("user") is None:
        yield Finding("user_missing", "user")
    yield from user_findings(row.get("user") or {}, source)
    yield from property_findings(row.get("properties") or {}, event)
    yield from _page(row)


def _identity(row: dict[str, Any], source: str, received_at: float) -> Iterator[Finding]:
    if not row.get("event_id") and source in ("web", "crm"):
        yield Finding("event_id_missing", "event_id")
    if "test_event_code" in row:
        yield Finding("test_event_code_in_row", "test_event_code")
    if isinstance(row["event_time"], str):
        yield Finding("event_time_text", "event_time")
    age = received_at - int(row["event_time"])
    if age > _OLD_S:
        yield Finding("event_time_too_old" if source == "offline" else "event_time_useless", "event_time")
    elif age > _LATE_S and source in ("web", "app"):
        yield Finding("event_time_late", "event_time")
    elif age < -_FAR_FUTURE_S:
        yield Finding("event_time_far_future", "event_time")
    elif age < -_FUTURE_S:
        yield Finding("event_time_future", "event_time")
    if row.get("limited_data_use") is True and not (row.get("user") or {}).get("ip"):
        yield Finding("limited_data_use_without_ip", "user.ip")


def _fields(values: Mapping[str, Any], fields: Mapping[str, Field], prefix: str, source: str) -> Iterator[Finding]:
    yield from _unknown(values, fields, prefix)
    for name, field in fields.items():
        if name not in values:
            continue
        value, path = values[name], prefix + name
        if value is None:
            yield Finding("null", path)
        elif value in ("", []) or (isinstance(value, str) and not value.strip()):
            yield Finding("empty", path)
        elif isinstance(value, str) and is_placeholder(value):
            yield Finding("placeholder", path)
        elif field.listed and value not in field.listed:
            yield Finding("not_listed", path, ", ".join(sorted(field.listed)))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, str) and (not item.strip() or is_placeholder(item)):
                    yield Finding("placeholder" if item.strip() else "empty", f"{path}.{index}")
        if field.sources and source not in field.sources and value is not None:
            yield Finding("not_for_source", path)


def _unknown(values: Mapping[str, Any], fields: Mapping[str, Field], prefix: str) -> Iterator[Finding]:
    for name in values:
        if name in fields or name == "test_event_code":
            continue
        # A key may itself be somebody's address where a map was built the wrong way round.
        shown = name if _PLAIN_KEY.fullmatch(name) else "?"
        close = get_close_matches(name[:40], fields, n=1, cutoff=0.75)
        meant = _MEANT.get(name, close[0] if close else "")
        hint = f"; did you mean {meant}?" if meant in fields else ""
        yield Finding("unknown_key", prefix + shown, hint)


def _page(row: dict[str, Any]) -> Iterator[Finding]:
    page = row.get("page") or {}
    url = page.get("url")
    if isinstance(url, str) and url.strip():
        if _HTTP.match(url) is None:
            yield Finding("page_url_not_http", "page.url")
        if _TTCLID_IN_URL.search(url) and not (row.get("user") or {}).get("ttclid"):
            yield Finding("ttclid_in_url_only", "page.url")
    for name in ("url", "referrer"):
        if isinstance(value := page.get(name), str) and is_email(value):
            yield Finding("email_in_url", f"page.{name}")
