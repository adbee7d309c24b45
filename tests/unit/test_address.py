"""City, state, country and zip code."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.destinations.tiktok.address import city, country, is_country, state, zip_code
from tockwork.destinations.tiktok.countries import COUNTRIES
from tockwork.destinations.tiktok.names import bare


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("São Paulo", "sãopaulo"),
        ("Sa\u0303o Paulo", "sãopaulo"),
        ("München", "münchen"),
        ("New York", "newyork"),
        ("St. John's", "stjohns"),
        (" Paris 15e ", "paris15e"),
        ("東京都", "東京都"),
        ("Ñuñoa", "ñuñoa"),
        ("CA", "ca"),
        ("", None),
        (" - ", None),
        ("Undefined", None),
    ],
)
def test_cities_and_states_keep_their_script(value: str, expected: str | None) -> None:
    assert city(value) == state(value) == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("US", "us"),
        ("us", "us"),
        ("Us ", "us"),
        ("USA", "us"),
        ("U.S.A.", "us"),
        ("United States", "us"),
        ("The United States of America", "us"),
        ("united states of america (the)", "us"),
        ("UK", "gb"),
        ("GB", "gb"),
        ("England", "gb"),
        ("Deutschland", "de"),
        ("DEU", "de"),
        ("Österreich", "at"),
        ("Osterreich", "at"),
        ("España", "es"),
        ("ESPANA", "es"),
        ("Cote d'Ivoire", "ci"),
        ("CÔTE D’IVOIRE", "ci"),
        ("Turkey", "tr"),
        ("Türkiye", "tr"),
        ("Turkiye", "tr"),
        ("Россия", "ru"),
        ("日本", "jp"),
        ("대한민국", "kr"),
        ("South Korea", "kr"),
        ("Korea (the Democratic People's Republic of)", "kp"),
        ("Congo (the Democratic Republic of the)", "cd"),
        ("Iran, Islamic Republic of", "ir"),
        ("Bolivia (Plurinational State of)", "bo"),
        ("The Netherlands", "nl"),
        ("Holland", "nl"),
        ("Republic of Poland", "pl"),
        ("Republic of China", "tw"),
        ("Viet Nam", "vn"),
        ("Việt Nam", "vn"),
        ("الإمارات", "ae"),
        ("भारत", "in"),
        ("Kosovo", "xk"),
    ],
)
def test_known_countries_become_codes(value: str, code: str) -> None:
    assert country(value) == code
    assert is_country(code)


@pytest.mark.parametrize(
    ("value", "kept"), [("Atlantis", "atlantis"), ("ZZ", "zz"), ("Île Mystérieuse", "îlemystérieuse")]
)
def test_an_unknown_country_stays_and_is_told(value: str, kept: str) -> None:
    assert country(value) == kept
    assert not is_country(kept)
    assert country(kept) == kept


@pytest.mark.parametrize("value", ["", "  ", "null", "--"])
def test_no_country(value: str) -> None:
    assert country(value) is None


def test_all_of_iso_3166_are_there_and_no_spelling_stands_for_two() -> None:
    assert len(COUNTRIES.keys() - {"xk"}) == 249
    owners: dict[str, str] = {}
    for code, (alpha3, *names) in COUNTRIES.items():
        assert len(code) == 2
        assert len(alpha3) == 3
        assert names
        for spelling in (code, alpha3, *names):
            assert owners.setdefault(bare(spelling), code) == code
            assert country(spelling) == country(f" {spelling.upper()}.") == code


@pytest.mark.parametrize(
    ("value", "country", "normal"),
    [
        ("95110", "us", "95110"),
        ("95110-1234", "us", "95110"),
        ("951101234", "us", "95110"),
        ("95110 1234", None, "95110"),
        ("95110-1234", None, "95110"),
        ("95110–1234", "", "95110"),
        ("95110", None, "95110"),
        ("12345-678", "br", "12345678"),
        ("01310-100", None, "01310100"),
        ("12345-6789", "sa", "123456789"),
        ("M5V 3L9", "ca", "m5v3l9"),
        ("M5V\u00a03L9", None, "m5v3l9"),
        ("SW1A 1AA", "gb", "sw1a1aa"),
        ("150-0001", "jp", "1500001"),
        ("2134", "us", "2134"),
        ("Eircode D02 AF30", "ie", "eircoded02af30"),
    ],
)
def test_zip_codes(value: str, country: str | None, normal: str) -> None:
    assert zip_code(value, country) == sha256(normal.encode()).hexdigest()


@pytest.mark.parametrize("value", ["", " ", "-", "— —", "???", "undefined", "[object Object]"])
@pytest.mark.parametrize("country", [None, "us", "ca"])
def test_no_zip_code(value: str, country: str | None) -> None:
    assert zip_code(value, country) is None


@pytest.mark.parametrize("start", ["12345", "abcde"])
def test_a_hashed_american_zip_code_is_not_cut(start: str) -> None:
    given_hash = start + "0" * 59
    assert zip_code(given_hash, "us") == zip_code(given_hash.upper(), None) == given_hash
    assert zip_code(start + "0" * 27, "us") is None


SPELLINGS = [spelling for spellings in COUNTRIES.values() for spelling in spellings]
SIGNS = "abcZ éÅñß-'’.  \u0301\u0300(),&0123456789०東"


def some_place(chance: random.Random) -> str:
    """A word of many scripts, a country, or a zip code."""
    return chance.choice(
        [
            "".join(chance.choices(SIGNS, k=chance.randint(0, 15))),
            chance.choice(SPELLINGS),
            f"{chance.randrange(100000):05}{chance.choice(['', '-1234', ' 1234', '–1234'])}",
            f"{chance.choice('MKmk')}{chance.randrange(10)}V {chance.randrange(10)}L9",
        ]
    )


@settings(max_examples=100)
@given(st.integers(), st.text(max_size=15), st.text(max_size=15))
def test_addresses_normalise_once_and_for_all(seed: int, place: str, home: str) -> None:
    chance = random.Random(seed)
    addresses = [(place, home), *((some_place(chance), some_place(chance)) for _ in range(30))]
    for place, home in addresses:
        code = country(home)
        for plain in (city(place), code):
            if plain is not None:
                assert plain
                assert plain == bare(plain)
        assert (code and country(code)) == code
        town = city(place)
        assert (town and city(town)) == town
        hashed = zip_code(place, code)
        assert hashed is None or (len(hashed) == 64 and zip_code(hashed, code) == hashed)
        assert zip_code(f" {place}-", code) == hashed
