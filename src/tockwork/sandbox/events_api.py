"""The Events API itself, as values: may this request pass, and what happens once it has.

The order of the checks is TikTok's as far as anybody has seen it: method, token, body, root, permission, rows, rate.
One bad row refuses the whole request. Source: Events API, "Report App, Web, Offline, or CRM Events".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tockwork.model.event import Envelope
from tockwork.sandbox.catalogue import Diagnostic
from tockwork.sandbox.dedup import DedupLedger, Verdict, dedup_key
from tockwork.sandbox.diagnosis import diagnose, diagnose_request
from tockwork.sandbox.limiter import RateLimiter
from tockwork.sandbox.profile import Profile
from tockwork.sandbox.record import Record, Request, Stats
from tockwork.sandbox.refusal import (
    INVALID,
    NO_PERMISSION,
    TOKEN_DEAD,
    TOKEN_EMPTY,
    TOO_FREQUENT,
    Fault,
    Refused,
    Row,
    invalid,
    row_check,
)
from tockwork.sandbox.reply import message_of
from tockwork.sandbox.schema import SOURCES, Kind
from tockwork.sandbox.tokens import Tokens

PATH: Final = "/open_api/v1.3/event/track/"
MAX_ROWS: Final = 1000
_IDS_PER_EVENT: Final = 10  # dedup keys remembered for each event that is kept

_ROOT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE: Final = msgspec.json.Decoder()
_BAD_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Arrival(msgspec.Struct, frozen=True):
    """A POST as it came in. `headers` ignore case; `body` is None when it was larger than `limit` bytes."""

    path: str
    headers: Mapping[str, str]
    body: bytes | None
    limit: int


class Submission(msgspec.Struct, frozen=True):
    """A request that may pass: its rows as values and, in `sent`, as the JSON that arrived."""

    token: str
    envelope: Envelope
    rows: list[Row]
    sent: list[msgspec.Raw]


class EventsApi:
    """TikTok's rules with a memory: what was counted and what was seen before."""

    def __init__(self, profile: Profile, tokens: Tokens, keep: int, requests_per_second: float) -> None:
        self.record = Record(keep)
        self._ledger = DedupLedger(keep * _IDS_PER_EVENT)
        self._limiter = RateLimiter(requests_per_second)
        self._profile = profile
        self._tokens = tokens
        self._checks = {source: row_check(source, profile) for source in SOURCES}

    def stats(self) -> Stats:
        return self.record.stats(self._ledger.forgotten)

    def examine(self, arrival: Arrival, request: Request, monotonic: float) -> Submission:
        """The request's rows, if it may pass; what is learned about it is noted in `request`. Raises `Refused`."""
        token = self._token(arrival.headers)
        root = self._root(arrival)
        envelope = self._envelope(root)
        request.event_source = envelope.event_source
        request.event_source_id = envelope.event_source_id
        request.test_event_code = envelope.test_event_code
        request.diagnostics = self._remarks(root, arrival.path)
        if not self._tokens.may_write(token, envelope.event_source_id):
            raise Refused(NO_PERMISSION, message_of(NO_PERMISSION, envelope.event_source_id))
        sent = _listed(root.get("data"))
        request.rows = len(sent)
        if not 1 <= len(sent) <= MAX_ROWS:
            raise invalid("data", f"must have 1 to {MAX_ROWS} events")
        rows = self._rows(sent, envelope.event_source, request.received_at)
        if not self._limiter.admit(token, monotonic):
            raise Refused(TOO_FREQUENT, message_of(TOO_FREQUENT))
        return Submission(token, envelope, rows, sent)

    def examine_pixel(self, code: str, row: bytes, request: Request) -> Submission:
        """The one row (JSON) that a browser reported for the pixel `code`. Raises `Refused`."""
        envelope = Envelope("web", code, "")
        request.event_source, request.event_source_id, request.rows = "web", code, 1
        sent = [msgspec.Raw(row)]
        return Submission("", envelope, self._rows(sent, envelope.event_source, request.received_at), sent)

    def accept(self, submission: Submission, request: Request, except_rows: Iterable[int] = ()) -> None:
        """Counts the rows, but for `except_rows`, and keeps them with their dedup verdicts."""
        left_out = frozenset(except_rows)
        space = "test" if request.test else "live"
        for index, (row, sent) in enumerate(zip(submission.rows, submission.sent, strict=True)):
            if index in left_out:
                continue
            key, verdict = None, Verdict.UNIQUE
            if event_id := row.get("event_id"):
                key = dedup_key(space, submission.envelope.event_source_id, row["event"], event_id)
                verdict = self._ledger.judge(key, request.received_at)
            self.record.add(request, index, row, sent, verdict, key)

    def _token(self, headers: Mapping[str, str]) -> str:
        token = headers.get("Access-Token", "").strip()
        if not token:
            hint = " Send it in the header Access-Token." if "Authorization" in headers else ""
            raise Refused(TOKEN_EMPTY, message_of(TOKEN_EMPTY) + hint)
        if not self._tokens.alive(token):
            raise Refused(TOKEN_DEAD, message_of(TOKEN_DEAD))
        return token

    def _root(self, arrival: Arrival) -> dict[str, Any]:
        """The root of the body; `data` stays JSON."""
        headers = arrival.headers
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(INVALID, "Content-Type must be application/json.")
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused(INVALID, "Content-Encoding is not supported.")
        if arrival.body is None:
            raise Refused(INVALID, f"Request body is larger than {arrival.limit} bytes.")
        try:
            raw: dict[str, Any] = dict(_ROOT.decode(arrival.body))
            return {name: value if name == "data" else _VALUE.decode(value) for name, value in raw.items()}
        except _BAD_JSON:
            raise Refused(INVALID, "Request body is not a valid JSON object.") from None

    def _envelope(self, root: Mapping[str, Any]) -> Envelope:
        loose = self._profile.loose_types
        source, source_id = root.get("event_source"), root.get("event_source_id")
        if not isinstance(source, str) or source not in SOURCES:
            # TikTok's words; they are older than crm, which passes.
            raise invalid("event_source", "must be web, app or offline")
        if not isinstance(source_id, str) or not source_id.strip():
            raise invalid("event_source_id", Kind.STRING.value)
        if source == "offline" and not loose and _is_pixel_code(source_id):
            raise invalid("event_source_id", "not an offline event set")
        partner, partners = root.get("partner_name"), self._profile.partners
        if "partner_name" in root and partners is not None and not (isinstance(partner, str) and partner in partners):
            raise invalid("partner_name", "not a registered partner")
        test_code = root.get("test_event_code")
        if test_code is not None and not isinstance(test_code, str):
            raise invalid("test_event_code", Kind.STRING.value)
        return Envelope(source, source_id, (test_code or "").strip())

    def _remarks(self, root: Mapping[str, Any], path: str) -> tuple[Diagnostic, ...]:
        remarks = diagnose_request(root, path.endswith("/"))
        for remark in remarks:
            if remark.code in self._profile.refuses:
                raise invalid(remark.path.lstrip("/"), remark.message)
        return remarks

    def _rows(self, sent: list[msgspec.Raw], source: str, received_at: float) -> list[Row]:
        check, rows = self._checks[source], []
        for index, raw in enumerate(sent):
            try:
                row = _VALUE.decode(raw)
            except _BAD_JSON:
                raise Refused(INVALID, "Request body is not a valid JSON object.") from None
            if type(row) is not dict:
                raise invalid(f"data.{index}", Kind.OBJECT.value)
            fault = check(row) or (self._forbidden(row, source, received_at) if self._profile.refuses else None)
            if fault is not None:
                raise invalid(f"data.{index}.{fault.path}", fault.reason)
            rows.append(row)
        return rows

    def _forbidden(self, row: Row, source: str, received_at: float) -> Fault | None:
        """The first of the row's diagnostics that this profile makes a refusal."""
        for remark in diagnose(row, source, received_at):
            if remark.code in self._profile.refuses:
                return Fault(remark.path, remark.message)
        return None


def _listed(data: msgspec.Raw | None) -> list[msgspec.Raw]:
    try:
        return _LIST.decode(data) if data is not None else []
    except msgspec.ValidationError:
        raise invalid("data", "not a valid list") from None


def _is_pixel_code(source_id: str) -> bool:
    """A pixel code in the place of an offline event set, which TikTok was seen to refuse; event sets are numbers."""
    return len(source_id) == 20 and source_id[0] in "CD" and source_id.isalnum() and source_id.isupper()
