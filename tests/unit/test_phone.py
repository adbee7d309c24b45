"""Phone numbers: what `phonenumbers` makes of them, at a fraction of its time."""

from __future__ import annotations

import random
import subprocess
import sys
from hashlib import sha256

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.destinations.tiktok import phone as module
from tockwork.destinations.tiktok.phone import e164, phone, prepare

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def by_library(value: str, region: str) -> str | None:
    """`phonenumbers` alone, parsed until nothing changes."""
    text = value
    for _ in range(5):
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_possible_number(number):
            return None
        before, text = text, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if text == before:
            return text
    return None


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("+14155550123", "US", "+14155550123"),
        ("+14155550123", "DE", "+14155550123"),
        ("(415) 555-0123", "US", "+14155550123"),
        ("415.555.0123", "us", "+14155550123"),
        ("1 415 555 0123", "US", "+14155550123"),
        ("4155550123", "CA", "+14155550123"),
        ("tel:+1-415-555-0123", "US", "+14155550123"),
        ("+1 415 555 0123 ext. 9", "US", "+14155550123"),
        ("+1 000 000 0000", "US", "+10000000000"),  # unassigned, but possible
        ("011 44 20 7946 0123", "US", "+442079460123"),
        ("+44 (0)20 7946 0123", "US", "+442079460123"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("0151 23456789", "DE", "+4915123456789"),
        ("+49 00 151 23456789", "DE", "+4915123456789"),
        ("06 12345678", "IT", "+390612345678"),  # Italy keeps its zero
        ("+39 06 1234 5678", "US", "+390612345678"),
        ("+86 138 0013 8000", "US", "+8613800138000"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("011 15 2345 6789", "AR", "+5491123456789"),
        ("+５５ 11 91234-5678", "US", "+5511912345678"),
        ("555-0123", "US", "+15550123"),  # local only counts as possible
        ("+491512345678901234", "US", None),
        ("+1415555012", "US", None),
        ("+1 415 555 01234567", "US", None),  # never cut to fit
        ("+999 12345678", "US", None),
        ("12345", "US", None),
        ("no phone", "US", None),
        ("4155550123", "", None),
        ("4155550123", "XX", None),
        ("+14155550123", "", "+14155550123"),
        ("", "US", None),
        ("+", "US", None),
        ("9" * 300, "US", None),
        ("abcdefabcdefabcdefabcd4155550123", "US", None),
    ],
)
def test_numbers(value: str, region: str, expected: str | None) -> None:
    assert e164(value, region) == expected
    assert phone(value, region) == (expected and sha256(expected.encode()).hexdigest())


def test_hex_that_ends_like_a_number_is_no_number() -> None:
    assert e164("abcdefabcdefabcdefabcd4155550123") is None
    assert phone("ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEF4155550123") == (
        "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdef4155550123"
    )


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str]:
    """Any way of writing a number, and the region where it is written."""
    region = draw(st.sampled_from(REGIONS))
    chance = random.Random(draw(st.integers(0, 2**32)))
    digits = "".join(chance.choices("0123456789", k=chance.randint(2, 14)))
    kind = draw(st.sampled_from(["international", "example", "national", "digits"]))
    if kind == "international":
        text = f"+{chance.choice(CODES)}{digits}"
    elif kind == "digits":
        text = digits
    else:
        home = region if kind == "national" else chance.choice(REGIONS)
        type_ = chance.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
        example = phonenumbers.example_number_for_type(home, type_)
        form = phonenumbers.PhoneNumberFormat.NATIONAL if kind == "national" else chance.choice([0, 1, 2, 3])
        text = phonenumbers.format_number(example, form) if example else digits
    for _ in range(chance.choice([0, 0, 1, 3])):
        place = chance.randint(0, len(text))
        text = text[:place] + chance.choice(" -.()/0x\u00a0") + text[place:]
    return text, region


@settings(max_examples=150)
@given(st.lists(numbers(), min_size=20, max_size=20))
def test_short_way_answers_as_the_library_does(written: list[tuple[str, str]]) -> None:
    for value, region in written:
        number = e164(value, region)
        assert number == by_library(value, region), (value, region)
        if number is not None:
            assert e164(number, region) == e164(f" {number} ", "US") == number


@pytest.mark.parametrize("code", CODES)
def test_short_way_is_right_for_every_calling_code(code: int) -> None:
    chance = random.Random(code)
    for length in range(4, 15):
        for first in "0123456789":
            value = f"+{code}{first}{''.join(chance.choices('0123456789', k=length - 1))}"
            assert e164(value) == by_library(value, "US"), value


@settings(max_examples=200)
@given(
    st.one_of(st.text(max_size=20), st.text("+0123456789 -().xX#*;,/abc０９", max_size=30)), st.sampled_from(REGIONS)
)
def test_any_text_is_safe(value: str, region: str) -> None:
    assert e164(value, region) == by_library(value, region)


def test_clean_numbers_never_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("US")
    assert e164("+1 415 555 0123") == "+14155550123"

    def refuse(value: str, region: str) -> str | None:
        raise AssertionError("parsed the long way")

    monkeypatch.setattr(module, "_parsed", refuse)
    for value in ("+14155550199", "(415) 555-0199", "415 555 0199", "+1 (415) 555-0199"):
        assert e164(value, "US") == "+14155550199"


def test_importing_the_module_does_not_load_the_library() -> None:
    code = "import sys; import tockwork.destinations.tiktok.user; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
