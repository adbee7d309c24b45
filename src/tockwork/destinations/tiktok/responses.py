"""Reads TikTok's answers by the table in `responses.toml`.

Success is the body's `code` 0 and nothing else. Source: TikTok, "Responses and errors".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.resources import files
from typing import Any, Final

import msgspec

from tockwork.model.outcome import Answer, Verdict

MESSAGE_CHARS: Final = 300
RETRY_AFTER_CAP_S: Final = 3600.0
"""Longer waits are not believed: an hour later one request asks again."""

_Numbers = tuple[int | tuple[int, int], ...]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the response table. `cause` and `mend` are for users."""

    verdict: Verdict
    reason: str
    cause: str
    mend: str
    ambiguous: bool = False
    codes: _Numbers = ()
    statuses: _Numbers = ()
    message: tuple[str, ...] = ()

    def fits(self, code: int, message: str) -> bool:
        words = self.message
        return _among(code, self.codes) and (not words or any(_says(message, word) for word in words))


class _Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patterns: tuple[str, ...]
    keys: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: tuple[Rule, ...]
    status: tuple[Rule, ...]
    unreadable: Rule
    unknown: Rule
    rows: _Rows


def _among(number: int, numbers: _Numbers) -> bool:
    return any(number == n if isinstance(n, int) else n[0] <= number <= n[1] for n in numbers)


def _says(message: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", message, re.IGNORECASE) is not None


TABLE: Final = msgspec.convert(tomllib.loads(files(__package__).joinpath("responses.toml").read_text("utf-8")), _Table)
_INDEX: Final = tuple(re.compile(pattern, re.ASCII) for pattern in TABLE.rows.patterns)
_NOT_JSON: Final = object()


def explain(code: int | None, http_status: int | None = None, message: str = "") -> Rule:
    """The table's rule for an answer: its `cause` and `mend` tell a user what to do. `code` is None without one."""
    if code is not None:
        return next((rule for rule in TABLE.code if rule.fits(code, message)), TABLE.unknown)
    status = -1 if http_status is None else http_status
    return next((rule for rule in TABLE.status if _among(status, rule.statuses)), TABLE.unknown)


def read(
    http_status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    rows: int,
    mask: Callable[[str], str],
    now: float,
) -> Answer:
    """What an answer means for a request of `rows` rows.

    `http_status` is None where the answer broke off before it. `mask` hides the rows' own values in a text. `now` is
    Unix time in seconds, for a Retry-After that is a date. Never raises, whatever the answer is made of.
    """
    parsed = _parse(body)
    answer = parsed if isinstance(parsed, dict) else {}
    code = answer.get("code")
    if type(code) is not int:
        code = None
    said = answer.get("message")
    said = said if isinstance(said, str) else ""
    rule = explain(code, http_status, said)
    if parsed is _NOT_JSON:
        said = f"HTTP {http_status}, {len(body)} bytes that are no JSON"
        rule = TABLE.unreadable if rule is TABLE.unknown else rule
    # A batch's values are looked at only where there is something to mask: most answers say just OK.
    message = "" if rule.verdict is Verdict.DELIVERED and said == "OK" else mask(said)
    named: tuple[int, ...] = ()
    if rule.verdict in (Verdict.AT_FAULT, Verdict.PARTIAL):
        found = (*_indexes(message), *_indexes_in(answer.get("data"), mask))
        named = tuple(dict.fromkeys(index for index in found if 0 <= index < rows))
    return Answer(
        verdict=rule.verdict,
        reason=rule.reason,
        code=code,
        http_status=http_status,
        message=_plain(message),
        request_id=_request_id(answer.get("request_id")),
        rows=named,
        retry_after_s=_retry_after(headers, now),
        ambiguous=rule.ambiguous,
    )


def _parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _NOT_JSON


def _indexes(text: str) -> Iterator[int]:
    """Row indexes that a message names. Values are masked before, so that an echoed one cannot pose as an index."""
    for pattern in _INDEX:
        for digits in pattern.findall(text):
            if len(digits) < 7:
                yield int(digits)


def _indexes_in(data: Any, mask: Callable[[str], str]) -> Iterable[int]:
    """Row indexes in the body's `data`; an entry whose own code is 0 is a row that went well."""
    found: list[int] = []
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.extend(_indexes(mask(value)))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict) and value.get("code") != 0:
            found.extend(value[key] for key in TABLE.rows.keys if type(value.get(key)) is int)
            waiting.extend(value.values())
    return found


def _plain(text: str) -> str:
    """One line of printable text, cut."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MESSAGE_CHARS else line[: MESSAGE_CHARS - 1] + "…"


def _request_id(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{1,64}", value, re.ASCII) else ""


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from seconds or an HTTP date (RFC 9110, 10.2.3); None without a readable one."""
    text = next((value.strip() for key, value in headers.items() if key.lower() == "retry-after"), "")
    if re.fullmatch(r"\d{1,12}(\.\d*)?", text, re.ASCII):
        wait = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    return min(max(wait, 0.0), RETRY_AFTER_CAP_S)
