"""Texts about reasons name commands and settings; beside each stands a link to the page that does the same."""

from __future__ import annotations

from pathlib import Path

from tests.contract.console import console

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.console.mends import place
from tockwork.model.reasons import REASONS
from tockwork.model.secret import Secret

NAME, MAPPING = "a/b", "Complete Payment"


def test_what_names_a_command_has_a_page() -> None:
    commands = [code for code, reason in REASONS.items() if "`tockwork" in reason.meaning + reason.mend]
    assert commands
    assert [code for code in commands if place(code, NAME) is None] == []


def test_names_are_quoted() -> None:
    assert place("field_type", NAME, MAPPING) == (
        "/destinations/a~1b/mappings/Complete%20Payment",
        "Open the mapping",
    )
    assert place("field_type", NAME) == ("/destinations/a~1b/mappings", "Open the mappings")
    found = place("no_trigger", "a&b")
    assert found is not None
    assert found[0] == "/live?destination=a%26b&status=filtered"
    assert place("waiting", NAME) is None


async def test_every_page_is_there(tmp_path: Path) -> None:
    settings = {"accessToken": Secret("token"), "pixelCode": "CPIXEL00000000000000"}
    configuration = Configuration(destinations=[DestinationEntry("tiktok-conversions", NAME, settings=settings)])
    addresses = {found[0] for code in REASONS if (found := place(code, NAME, MAPPING))}
    async with console(tmp_path, configuration) as desk:
        answers = {address: (await desk.pages.get(address)).status_code for address in addresses}
    assert answers == dict.fromkeys(addresses, 200)
