"""When an event happened: every spelling of a moment gives the same second."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.destinations.tiktok.timestamp import MAX_AHEAD_S, MILLISECONDS_FROM, event_time
from tockwork.rules.fields import FieldError

NOW = 1_795_176_000.0  # 2026-11-20T12:00:00Z
MOMENT = 1_795_167_000  # 2026-11-20T09:30:00Z

SECONDS = st.integers(0, int(NOW))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T09:30:00Z",
        "2026-11-20t09:30:00z",
        "2026-11-20 09:30:00+00:00",
        "2026-11-20T09:30",
        "2026-11-20T10:30:00+01:00",
        "2026-11-20T09:30:00.999999999Z",
        "20261120T093000Z",
        " 2026-11-20T09:30:00Z\n",
        "1795167000",
        "+1795167000",
        "1795167000.999",
        "1795167000999",
    ],
)
def test_the_same_moment(text: str) -> None:
    assert event_time(text, NOW) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "now",
            "2026-13-01",
            "2026-02-30T00:00:00Z",
            "11/20/2026",
            "²",
            "1e9",
            "0x10",
            "NaN",
            "Infinity",
            "1,5",
        ),
        *("2026-11-20T09:30:00Zulu", "1" * 21, "9" * 400, "9999-12-31T23:59:59-14:00"),
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(FieldError) as caught:
        event_time(text, NOW)
    assert caught.value.reason == "bad_timestamp"
    assert not text.strip() or text not in str(caught.value)


def test_a_day_ahead_is_the_most() -> None:
    latest = datetime.fromtimestamp(NOW + MAX_AHEAD_S, UTC)
    assert event_time(latest.isoformat(), NOW) == NOW + MAX_AHEAD_S
    for later in (latest + timedelta(seconds=1), latest + timedelta(hours=1)):
        for text in (later.isoformat(), str(int(later.timestamp())), str(int(later.timestamp() * 1000))):
            with pytest.raises(FieldError, match="24 hours ahead"):
                event_time(text, NOW)


def test_where_milliseconds_begin() -> None:
    far = MILLISECONDS_FROM
    assert event_time("100000000000", far) == 100_000_000
    assert event_time("99999999999", far) == 99_999_999_999


def test_the_past_is_not_limited() -> None:
    assert event_time("1970-01-01T00:00:00Z", NOW) == 0
    assert event_time("1969-12-31T23:59:59.5Z", NOW) == -1  # rounded down, not towards zero
    assert event_time("0", NOW) == 0


def test_a_zone_is_for_what_names_none() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert event_time("2026-11-20T10:30:00", NOW, berlin) == MOMENT
    assert event_time("2026-11-20T09:30:00Z", NOW, berlin) == MOMENT
    assert event_time(str(MOMENT), NOW, berlin) == MOMENT
    summer, winter = event_time("2026-07-01", NOW, berlin), event_time("2026-01-01", NOW, berlin)
    assert (summer % 86400, winter % 86400) == (22 * 3600, 23 * 3600)


@given(SECONDS, OFFSETS, st.integers(0, 999))
def test_every_spelling_of_a_moment_gives_its_second(seconds: int, zone: timezone, milliseconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, zone) + timedelta(milliseconds=milliseconds)
    spellings = [
        moment.isoformat(),
        moment.isoformat(" ", "milliseconds"),
        moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    ]
    if seconds * 1000 >= MILLISECONDS_FROM:
        spellings.append(str(seconds * 1000 + milliseconds))
    for text in [*spellings, str(seconds), f"{seconds}.{milliseconds:03d}"]:
        assert event_time(text, NOW) == seconds, text


@given(st.text(max_size=40) | st.text("0123456789-+:.TZ ", max_size=30))
def test_any_text_is_a_moment_or_a_field_error(text: str) -> None:
    with suppress(FieldError):
        found = event_time(text, NOW)
        assert isinstance(found, int)
        assert found <= NOW + MAX_AHEAD_S
