"""Match keys of a person: TikTok's own vectors, what must never be hashed, and properties over random people."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.destinations.tiktok import user
from tockwork.destinations.tiktok.hashing import PLACEHOLDERS, digest

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
JANE = "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"

HASHED: list[Callable[[str], str | None]] = [
    user.email,
    user.phone,
    user.external_id,
    user.first_name,
    user.last_name,
    user.zip_code,
]
PLAIN: list[Callable[[str], str | None]] = [
    user.city,
    user.state,
    user.country,
    user.plain,
    user.ttclid,
    user.ip,
    user.click_id,
]


def sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (user.email, " ALICE_abc@gmail.com ", "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"),
        (user.phone, "(+1)2133734253", "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"),
        (user.phone, "12133734253", "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"),
        (user.external_id, "user_123", "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"),
        (user.first_name, "Jane", JANE),
        (user.last_name, "Jane", JANE),
        (user.zip_code, "95110", "383f7fffd99f3b1c3066086bcf991eae7ad543589d12bd792ecb6dc8b5acebc1"),
        (user.zip_code, "M5V 3L9", "5c850751d57c5d887fe7807d3da801efe7e8faa1f105ea36cdcd913dd32a41c7"),
        (digest, "12133734253", "1f81adb30e11317806be982cc82769fbf8627833a89dd87cb24d282f71828830"),
        (
            digest,
            "EA7583CD-A667-48BC-B806-42ECB2B48606",
            "70574fa9c8f498a7b2e5c8712b1126de7b1406fd02fdc591821c5bd33092fd1c",
        ),
        (
            digest,
            "aaaaaa-2222-1111-8787-809e92233ba0",
            "0ebad966881e1eebffe69b3abf624631cf83ec9bf8cb3ce134c7c75c6d8ee7fc",
        ),
        (digest, "", EMPTY),
    ],
)
def test_golden_vectors_of_tiktok(field: Callable[[str], str | None], value: str, expected: str) -> None:
    assert field(value) == expected


@pytest.mark.parametrize(
    "address",
    [
        "a@b.co",
        "first.last+tag@sub.example.co.uk",
        "o'neil@example.com",
        "user@münchen.de",
        "用户@例子.公司",
        "x_1%y@example-shop.com",
        "{a}|b~c=d!e#f$g&h*i/j?k^l`m@example.com",
        "1@2.3",
    ],
)
def test_email_takes_whatever_looks_like_an_address(address: str) -> None:
    assert user.email(address) == sha(address)
    assert user.email(f"\t{address.upper()}\n") == sha(address.upper().lower())


@pytest.mark.parametrize(
    "rubbish",
    [
        "jane",
        "jane@",
        "@example.com",
        "jane@example",
        "jane doe@example.com",
        "jane@exam ple.com",
        "jane@@example.com",
        "jane@example.com,joe@example.com",
        "Jane <jane@example.com>",
        "mailto:jane@example.com",
        "jane@example..com",
        "jane@.example.com",
        "jane@example.com.",
        "n/a",
        "jane\ud800@example.com",
        MD5,
        SHA1,
        MD5.upper(),
    ],
)
def test_email_that_is_none_is_left_out_and_said(rubbish: str) -> None:
    assert user.email(rubbish) is None
    said = user.problem("email", rubbish)
    assert said
    assert rubbish.lower() not in said.lower()


def test_email_keeps_dots_and_tags() -> None:
    assert user.email("J.Doe+shop@gmail.com") == sha("j.doe+shop@gmail.com")


@pytest.mark.parametrize("value", ["User_123", " user_123\n", "\u00a0USER_123"])
def test_external_id_is_trimmed_and_lower_cased(value: str) -> None:
    assert user.external_id(value) == sha("user_123")


@pytest.mark.parametrize("value", [MD5, SHA1.upper(), "550e8400-e29b-41d4-a716-446655440000", "0", "none of it"])
def test_external_id_may_look_like_another_hash_or_a_placeholder(value: str) -> None:
    assert user.external_id(value) == sha(value.lower())


def test_external_id_without_utf_8_form_is_left_out() -> None:
    assert user.external_id("id\ud800") is None
    assert user.problem("external_id", "id\ud800")


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("Anne-Marie O'Neil", "annemarieoneil"),
        ("Anne\u2011Marie O\u2019Neil", "annemarieoneil"),
        ("JOSÉ", "josé"),
        ("Jose\u0301", "josé"),
        ("  Jürgen  ", "jürgen"),
        ("Łukasz", "łukasz"),
        ("Александр", "александр"),
        ("山田 太郎", "山田太郎"),
        ("नरेंद्र", "नरेंद्र"),
        ("สมชาย", "สมชาย"),
        ("محمد", "محمد"),
        ("John 3rd", "john3rd"),
        ("Anna ❤\ufe0f", "anna"),
        ("İbrahim", "i\u0307brahim"),
        ("e-\u0301", "é"),
        ("Dr. Jane_Doe, Ph.D.", "drjanedoephd"),
        ("Adrian George Christopher Maximilian Featherstonehaugh-Cholmondeley", None),
    ],
)
def test_names_keep_letters_of_any_script(value: str, normal: str | None) -> None:
    expected = sha(normal or value.lower().replace(" ", "").replace("-", ""))
    assert user.first_name(value) == user.last_name(value) == user.name(value) == expected


@pytest.mark.parametrize("value", ["", " ", "-", "…", "\u0301", "❤\ufe0f", "\ud800", "🎉🎉"])
def test_names_without_a_letter_are_none(value: str) -> None:
    assert user.first_name(value) is None


@pytest.mark.parametrize("field", HASHED)
@pytest.mark.parametrize("value", ["", "   ", "\n\t", "\u00a0", EMPTY, EMPTY.upper(), f" {EMPTY} "])
def test_nothing_is_never_hashed(field: Callable[[str], str | None], value: str) -> None:
    assert field(value) is None


@pytest.mark.parametrize("field", HASHED + PLAIN)
@pytest.mark.parametrize("word", [*sorted(PLACEHOLDERS), "UNDEFINED", " Null ", "\tNaN\n", "[object Object]"])
def test_placeholders_are_no_values(field: Callable[[str], str | None], word: str) -> None:
    assert field(word) is None
    said = user.problem("any", word)
    assert said is not None
    assert "placeholder" in said


@pytest.mark.parametrize("field", HASHED)
@pytest.mark.parametrize("word", ["undefined", "null", "nan", "none"])
def test_hashes_of_placeholders_are_no_values(field: Callable[[str], str | None], word: str) -> None:
    assert field(sha(word)) is None
    assert "hash of" in (user.problem("any", sha(word)) or "")


@pytest.mark.parametrize("field", HASHED)
@pytest.mark.parametrize("form", [JANE, JANE.upper(), f" {JANE}\n"])
def test_a_sha_256_passes(field: Callable[[str], str | None], form: str) -> None:
    assert field(form) == JANE


@pytest.mark.parametrize("field", [user.email, user.phone, user.first_name, user.last_name, user.zip_code])
@pytest.mark.parametrize("form", [MD5, SHA1, MD5.upper(), f" {SHA1} "])
def test_md5_and_sha_1_are_unusable(field: Callable[[str], str | None], form: str) -> None:
    assert field(form) is None
    assert "MD5 or SHA-1" in (user.problem("email", form) or "")


@pytest.mark.parametrize("field", [user.city, user.state, user.country])
@pytest.mark.parametrize("form", [JANE, MD5, SHA1, EMPTY])
def test_what_tiktok_takes_plain_is_no_hash(field: Callable[[str], str | None], form: str) -> None:
    assert field(form) is None


def test_problems_are_told_apart() -> None:
    assert user.problem("email", " ") is None
    assert user.problem("email", "jane") == user.UNUSABLE["email"]
    assert user.problem("country", "Atlantis") == user.UNUSABLE["country"]
    assert "plain value" in (user.problem("city", JANE) or "")
    assert "private" in (user.problem("ip", "10.0.0.1") or "")
    assert user.problem("ip", "unknown") == user.UNUSABLE["ip"]
    assert user.problem("ttp", "x")


def test_plain_values_are_trimmed_only() -> None:
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"
    assert user.plain(f" {agent} ") == agent
    assert user.plain("en-US") == "en-US"
    assert user.plain("  ") is None


LETTERS = "abcXYZ éÉßñŁżİıǅſK-'.’ \u0301\u0308\u200d\ufe0f_0٣ΣςΟАяё山あनि्ไ한🎉\ud800\x00"
people = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[A-Za-z'-]{2,12}( [A-Z][a-z]+)?", fullmatch=True),
    st.sampled_from(sorted(PLACEHOLDERS)).flatmap(lambda word: st.sampled_from([word.upper(), f" {word.title()}\n"])),
)


def some(chance: random.Random) -> str:
    """A name in many scripts, as people and programs write them."""
    return "".join(chance.choices(LETTERS, k=chance.randint(0, 12)))


@settings(max_examples=150)
@given(st.lists(people, min_size=3, max_size=3), st.randoms(use_true_random=False), st.sampled_from(HASHED + PLAIN))
def test_properties_of_every_field(
    values: list[str], chance: random.Random, field: Callable[[str], str | None]
) -> None:
    for value in values + [some(chance) for _ in range(17)]:
        result = field(value)
        if result is None:
            continue
        assert result.strip()
        assert field(result) == result
        if field in HASHED:
            assert re.fullmatch("[0-9a-f]{64}", result)
            assert field(result.upper()) == result
            assert result not in {sha(word) for word in ("", "undefined", "null", "nan", "none")}


@settings(max_examples=100)
@given(st.integers())
def test_names_hash_exactly_their_letters_marks_and_digits(seed: int) -> None:
    chance = random.Random(seed)
    for value in [some(chance) for _ in range(40)]:
        composed = unicodedata.normalize("NFC", value)
        kept = "".join(c for c in composed if unicodedata.category(c)[0] in "LMN" and c != "\ufe0f")
        expected = sha(unicodedata.normalize("NFC", kept.lower())) if any(c.isalnum() for c in kept) else None
        assert user.first_name(value) == expected


@settings(max_examples=20)
@given(st.lists(st.emails(), min_size=10, max_size=10))
def test_every_usual_address_is_an_email(values: list[str]) -> None:
    for value in values:
        assert user.email(f" {value.upper()} ") == sha(value.upper().lower())
