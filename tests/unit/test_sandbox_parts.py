"""The small parts of the sandbox: rate limit, tokens, profiles, queries, markup, request ids, the bounded record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.model.errors import ConfigurationError
from tockwork.sandbox.dedup import Verdict
from tockwork.sandbox.limiter import RateLimiter
from tockwork.sandbox.markup import Html, tag
from tockwork.sandbox.profile import PROFILES, profile_named
from tockwork.sandbox.query import BadQuery, EventQuery
from tockwork.sandbox.record import Record
from tockwork.sandbox.reply import new_request_id
from tockwork.sandbox.server import Options, Sandbox, run
from tockwork.sandbox.tokens import Tokens, load_tokens


def test_a_second_of_requests_passes_at_once_and_then_the_rate_holds() -> None:
    limiter = RateLimiter(per_second=1000)
    assert sum(limiter.admit("a", 50.0) for _ in range(1500)) == 1000
    assert sum(limiter.admit("a", 50.1) for _ in range(1500)) == 100
    assert sum(limiter.admit("a", 60.0) for _ in range(1500)) == 1000


def test_each_token_has_its_own_limit() -> None:
    limiter = RateLimiter(per_second=2)
    assert [limiter.admit("a", 0.0) for _ in range(3)] == [True, True, False]
    assert [limiter.admit("b", 0.0) for _ in range(3)] == [True, True, False]


@given(st.lists(st.floats(0, 0.02), min_size=1, max_size=300), st.integers(1, 50))
def test_no_span_of_time_brings_more_than_its_rate_and_one_burst(steps: list[float], rate: int) -> None:
    limiter, now, admitted = RateLimiter(rate), 0.0, 0
    for step in steps:
        now += step
        admitted += limiter.admit("a", now)
    assert admitted <= rate + now * rate + 1
    assert admitted >= min(len(steps), rate)


def test_tokens_that_are_not_used_any_more_are_forgotten() -> None:
    limiter = RateLimiter(per_second=1)
    for number in range(30_000):
        assert limiter.admit(f"token-{number}", float(number))
    assert len(limiter._full_at) <= 10_001


def test_every_token_works_unless_said_otherwise() -> None:
    tokens = Tokens(allowed={"narrow": ["A"], "wide": []}, revoked=frozenset({"dead"}))
    assert tokens.alive("anything")
    assert not tokens.alive("dead")
    assert tokens.may_write("narrow", "A")
    assert not tokens.may_write("narrow", "B")
    assert tokens.may_write("wide", "B")
    assert tokens.may_write("anything", "B")
    assert not msgspec.structs.replace(tokens, only_allowed=True).alive("anything")
    assert msgspec.structs.replace(tokens, only_allowed=True).alive("wide")


def test_tokens_never_show_in_a_repr() -> None:
    assert "narrow" not in repr(Tokens(allowed={"narrow": ["A"]}, revoked=frozenset({"dead"})))


def test_tokens_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"allowed": {"t": ["A"]}, "revoked": ["dead"], "only_allowed": true}')
    tokens = load_tokens(path)
    assert tokens == Tokens(allowed={"t": ["A"]}, revoked=frozenset({"dead"}), only_allowed=True)


@pytest.mark.parametrize("text", ['{"s3cret": ["A"]}', '{"revoked": "s3cret"}', '["s3cret"]', "s3cret", "\ud800"])
def test_a_wrong_token_file_is_reported_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ConfigurationError) as caught:
        load_tokens(path)
    assert "s3cret" not in str(caught.value)
    assert "tokens.json" in str(caught.value)
    assert caught.value.__cause__ is None


def test_profiles_are_named() -> None:
    assert set(PROFILES) == {"documented", "always-200", "strict-docs", "lenient"}
    with pytest.raises(ConfigurationError, match="documented, always-200, strict-docs, lenient"):
        profile_named("strict")


def test_queries_are_read() -> None:
    query = EventQuery.read({"event": "Lead", "event_id": "x", "event_source_id": "P", "test": "true", "limit": "5"})
    assert query == EventQuery("Lead", "x", "P", True, limit=5)
    assert EventQuery.read({}) == EventQuery()
    assert EventQuery.read({"after": "", "test": ""}) == EventQuery()


@pytest.mark.parametrize(
    "query", [{"test": "yes"}, {"after": "-1"}, {"after": "1.5"}, {"limit": "1001"}, {"before": "²"}]
)
def test_queries_that_cannot_be_read(query: dict[str, str]) -> None:
    with pytest.raises(BadQuery, match=next(iter(query))):
        EventQuery.read(query)


def test_markup_escapes_text_and_attributes() -> None:
    hostile = """<script>"'&"""
    made = tag(
        "a", hostile, [hostile, None, tag("b", hostile)], href=hostile, aria_label=hostile, class_=None, hidden=True
    )
    escaped = "&lt;script&gt;&quot;&#x27;&amp;"
    assert made == (f'<a href="{escaped}" aria-label="{escaped}" hidden>{escaped}{escaped}<b>{escaped}</b></a>')
    assert isinstance(made, Html)
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


@given(st.text())
def test_no_text_opens_a_tag(text: str) -> None:
    inside = tag("p", text, title=text).removeprefix("<p").removesuffix("</p>")
    assert inside.count("<") == 0
    assert inside.count(">") == 1
    assert inside.count('"') == 2


def test_request_ids_have_tiktoks_shape() -> None:
    made = new_request_id(1_678_799_370.0)
    assert re.fullmatch(r"20230314130930[0-9A-F]{20}", made)
    assert made != new_request_id(1_678_799_370.0)


def fill(record: Record, count: int, row: dict[str, Any], keyed: bool = False, size: int = 0) -> None:
    for number in range(count):
        request = record.open("POST", "/", {}, size, float(number))
        request.rows = 1
        key = str(number).encode() if keyed else None
        record.add(request, 0, row, msgspec.Raw(msgspec.json.encode(row)), Verdict.UNIQUE, key)
        record.close(request)


def test_old_events_and_requests_are_let_go_while_counts_stay_exact() -> None:
    record = Record(keep=10)
    fill(record, 25, {"event": "Lead", "event_id": "x"}, keyed=True)
    assert [event.id for event in record.events] == list(range(16, 26))
    assert [request.id for request in record.requests] == list(range(16, 26))
    assert record.event(15) is None
    assert record.event(26) is None
    first = record.event(16)
    assert first is not None
    assert first.id == 16
    assert len(record._firsts) == 10
    stats = record.stats(forgotten_ids=0)
    assert (stats.accepted_rows, stats.unique, stats.requests, stats.kept_events) == (25, 25, 25, 10)


def test_large_rows_are_bounded_by_their_bytes() -> None:
    record = Record(keep=5000)
    fill(record, 30, {"event": "Lead", "padding": "x" * 1_000_000})
    assert len(record.events) == 20
    assert record.stats(0).unique == 30


def test_small_rows_of_large_bodies_are_bounded_by_the_bodies_that_they_keep_alive() -> None:
    record = Record(keep=5000)
    fill(record, 30, {"event": "Lead"}, size=1_000_000)
    assert len(record.events) == 20


def test_long_texts_of_a_request_are_cut() -> None:
    record = Record(keep=1)
    request = record.open("X" * 9000, "/" * 9000, {f"X-{number}": "x" * 9000 for number in range(99)}, 0, 0.0)
    request.message = request.event_source_id = request.test_event_code = "\udcff" + "x" * 9000
    record.close(request)
    assert len(msgspec.json.encode(request)) < 30_000


def test_one_row_is_kept_however_large() -> None:
    record = Record(keep=1)
    fill(record, 2, {"event": "Lead", "padding": "x" * 17_000_000})
    assert len(record.events) == 1


def test_credentials_never_enter_the_record() -> None:
    headers = {
        "Access-Token": "s3cret",
        "authorization": "Bearer s3cret",
        "Cookie": "s3cret",
        "X-Api-Key": "s3cret",
        "X-Client-Secret": "s3cret",
        "User-Agent": "shop/1.0",
        "X-Odd": "caf\udce9",
    }
    request = Record(keep=1).open("POST", "/", headers, 0, 0.0)
    assert request.headers == {"User-Agent": "shop/1.0", "X-Odd": "caf?"}


async def test_all_wrong_options_are_reported_together(tmp_path: Path) -> None:
    faults, tokens = tmp_path / "faults.json", tmp_path / "tokens.json"
    faults.write_text('[{"action": {"kind": "no"}}, {}]')
    tokens.write_text("[]")
    with pytest.raises(ConfigurationError) as caught:
        await run(Options(profile="no", faults=faults, tokens=tokens, keep=0))
    places = [problem.where.rpartition("/")[2] for problem in caught.value.problems]
    assert places == ["profile", "faults.json: steps[0].action.kind", "faults.json: steps[1]", "tokens.json", "keep"]


def test_a_sandbox_is_not_built_from_nonsense() -> None:
    with pytest.raises(ConfigurationError, match="profile"):
        Sandbox("no-such-profile")
    with pytest.raises(ConfigurationError, match="keep"):
        Sandbox(keep=0)
    with pytest.raises(ConfigurationError, match="kind"):
        Sandbox(faults=[{"action": {}}])
