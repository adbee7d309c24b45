"""Event names and currencies: what TikTok makes of them, said beforehand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.destinations.tiktok.standard_events import (
    CURRENCIES,
    KNOWN_NAMES,
    RENAMED,
    RESERVED,
    RETIRING,
    STANDARD,
    check_currency,
    check_name,
)


def findings(name: str, event_source: str = "web") -> list[tuple[str, str]]:
    return [(found.level.value, found.code) for found in check_name(name, event_source)]


def test_the_lists_have_the_size_tiktok_prints() -> None:
    assert len(STANDARD) == 18
    assert len(CURRENCIES) == 62
    assert len(RESERVED) == 13
    assert not STANDARD & (RENAMED.keys() | RETIRING | RESERVED.keys())
    assert set(RENAMED.values()) <= STANDARD
    assert set(RESERVED.values()) <= KNOWN_NAMES | {"PageView"}


@pytest.mark.parametrize("source", ["web", "offline", "crm"])
@pytest.mark.parametrize("name", [*sorted(STANDARD), "Pageview"])
def test_standard_names_are_well(name: str, source: str) -> None:
    assert check_name(name, source) == []


@pytest.mark.parametrize(("name", "successor"), [("CompletePayment", "Purchase"), ("SubmitForm", "Lead")])
def test_renamed_names_are_information(name: str, successor: str) -> None:
    (found,) = check_name(name)
    assert (found.level, found.code) == ("info", "name_renamed")
    assert successor in found.message


@pytest.mark.parametrize("name", ["PlaceAnOrder", "ClickButton"])
def test_retiring_names_are_information(name: str) -> None:
    assert findings(name) == [("info", "name_retiring")]
    assert "2027" in str(check_name(name)[0])


@pytest.mark.parametrize(
    ("name", "target"), [("Checkout", "PlaceAnOrder"), ("Registration", "CompleteRegistration"), ("ClickForm", "Lead")]
)
def test_reserved_names_become_another_event(name: str, target: str) -> None:
    assert findings(name) == [("warning", "name_reserved")]
    assert target in check_name(name)[0].message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("purchase", "Purchase"),
        ("PURCHASE", "Purchase"),
        ("Add To Cart", "AddToCart"),
        ("add_to_cart", "AddToCart"),
        ("Purchase ", "Purchase"),
        ("PageView", "Pageview"),
        ("page_view", "Pageview"),
        ("completepayment", "CompletePayment"),
        ("Complete Payment", "CompletePayment"),
    ],
)
def test_a_name_that_looks_like_a_known_one_is_asked_about(name: str, meant: str) -> None:
    (found,) = check_name(name)
    assert (found.level, found.code) == ("warning", "name_misspelt")
    assert f"did you mean {meant}?" in found.message
    assert found.mend


@pytest.mark.parametrize("name", ["Quote-Requested", "level_2", "x", "A" * 50, "PlaceOrder"])
def test_custom_names_are_well_but_offline(name: str) -> None:
    assert findings(name) == findings(name, "crm") == []
    assert findings(name, "offline") == [("warning", "name_custom_offline")]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("", ["name_empty"]),
        ("  ", ["name_empty"]),
        ("A" * 51, ["name_too_long"]),
        ("2nd-visit", ["name_characters"]),
        ("_hidden", ["name_characters"]),
        ("Quote Requested", ["name_characters"]),
        ("quote ", ["name_characters"]),
        ("quote\n", ["name_characters"]),
        ("Käufe", ["name_characters"]),
        ("a.b", ["name_characters"]),
        ("é" * 60, ["name_too_long", "name_characters"]),
    ],
)
def test_custom_names_that_break_the_rules(name: str, codes: list[str]) -> None:
    assert findings(name) == [("warning", code) for code in codes]
    assert all(found.mend for found in check_name(name))


def test_currencies() -> None:
    assert check_currency("EUR") == []
    assert [found.mend for found in check_currency("eur")] == ["Send EUR."]
    assert [found.code for found in check_currency("BTC")] == ["currency_unknown"]
    assert check_currency("")[0].level == "warning"


@given(st.text(max_size=60), st.sampled_from(["web", "offline", "crm"]))
def test_every_name_is_answered_and_warnings_can_be_mended(name: str, source: str) -> None:
    for found in check_name(name, source):
        assert found.code.startswith("name_")
        assert found.mend
        assert str(found).endswith(found.mend)
