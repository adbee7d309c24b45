"""The pixel's declaration and its bundle; what becomes of events is in its cases."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import phonenumbers
import pytest
from tests.unit.test_cases import PRESETS
from typer.testing import CliRunner

from browser import bundle
from tockwork.app.cli import app
from tockwork.configuration.entries import DestinationEntry
from tockwork.configuration.instance import instances
from tockwork.destinations.connection import Connection
from tockwork.destinations.device import compiled
from tockwork.destinations.tiktok.dialling import dialling
from tockwork.destinations.tiktok.phone import e164
from tockwork.destinations.tiktok.pixel import IDENTIFY, PIXEL, REPORT
from tockwork.rules.fields import Field

SETTINGS: Final = {"pixelCode": "C8E2OS3C77UABCDXYZ00"}


def page_views(*mappings: dict[str, Any], **settings: Any) -> bool:
    found: bool = compiled(Connection(PIXEL, {**SETTINGS, **settings}, mappings or None))["page"]
    return found


class TestDeclaration:
    def test_settings(self) -> None:
        assert {setting.key: setting.default for setting in PIXEL.settings} == {
            "pixelCode": None,
            "ldu": False,
            "autoPageView": True,
            "useExistingPixel": False,
            "partner_name": "",
            "default_region": "US",
            "compute_value": True,
            "event_id": "message-id",
        }

    def test_actions_and_fields(self) -> None:
        def keys(fields: tuple[Field, ...]) -> set[str]:
            return {field.key for field in fields if not field.implied_by}

        person = "email phone_number first_name last_name address external_id"
        event = """event event_id order_id shop_id contents content_type content_ids num_items currency value
        description query search_string event_spec_type vehicle_fields travel_fields"""
        assert [action.title for action in PIXEL.actions] == ["Report Web Event", "Identify"]
        assert keys(REPORT.fields) == {*event.split(), *person.split()}
        assert keys(IDENTIFY.fields) == set(person.split())

    @pytest.mark.parametrize("pack", ["segment-2026", "purchase-2025"])
    def test_packs_are_the_servers(self, pack: str) -> None:
        *presets, identify = PIXEL.packs[pack]
        assert [(preset.name, preset.fields["event"]) for preset in presets] == [
            (name, event) for name, _, event, _ in PRESETS[pack]
        ]
        assert (identify.trigger, identify.action) == ('type = "identify"', IDENTIFY.key)

    def test_chord_has_a_pack_too(self) -> None:
        assert len(PIXEL.packs["chord"]) == 16

    def test_the_pixel_counts_page_views_unless_a_mapping_does(self) -> None:
        other = {"name": "A", "trigger": 'type = "page"', "fields": {"event": "ViewContent"}}
        view = {"name": "B", "trigger": 'type = "page"', "fields": {"event": "Pageview"}}
        assert not page_views()
        assert page_views(other)
        assert not page_views(other, view)
        assert page_views(other, {**view, "enabled": False})
        assert not page_views(other, autoPageView=False)

    def test_the_server_delivers_nothing(self) -> None:
        entry = DestinationEntry("tiktok-pixel", settings=dict(SETTINGS), sandbox=True)
        assert entry.in_browser
        assert not DestinationEntry("tiktok-conversions").in_browser
        (instance,) = instances([entry])
        assert "accessToken" not in instance.connection.settings


class TestCommands:
    EVENT: Final = '{"type": "track", "event": "Signed Up", "messageId": "m-1", "userId": "U"}'

    def test_transform_prints_the_calls(self) -> None:
        done = CliRunner().invoke(app, ["transform", "--destination", "tiktok-pixel"], input=self.EVENT)
        assert done.exit_code == 0, done.output
        track = '["track","CompleteRegistration",{"content_type":"product"},{"event_id":"m-1"}]'
        assert f'"row":[["identify",{{"external_id":"u"}}],{track}]' in done.stdout

    @pytest.mark.parametrize("arguments", [["transform", "--requests"], ["send"]])
    def test_there_are_no_requests(self, arguments: list[str], tmp_path: Path) -> None:
        settings = tmp_path / "settings.json"
        settings.write_text('{"pixelCode": "C8E2OS3C77UABCDXYZ00"}')
        options = ["--destination", "tiktok-pixel", "--settings", str(settings)]
        done = CliRunner().invoke(app, [*arguments, *options], input=self.EVENT)
        assert done.exit_code != 0
        assert "delivered to by the browser" in done.output + str(done.exception)


def written(number: Any) -> list[str]:
    formats = phonenumbers.PhoneNumberFormat
    styles = (formats.NATIONAL, formats.INTERNATIONAL, formats.E164)
    return [*(phonenumbers.format_number(number, style) for style in styles), str(number.national_number)]


def test_a_page_says_of_real_numbers_what_the_server_says_or_nothing() -> None:
    known = asked = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in range(11):
            number = phonenumbers.example_number_for_type(region, kind)
            for text in written(number) if number else ():
                found = dialling(region).e164(text)
                asked += 1
                known += found is not None
                assert found in (None, e164(text, region)), (region, text)
    assert known > asked * 0.8


class TestBundle:
    def test_it_is_small_and_as_new_as_its_sources(self) -> None:
        assert bundle.problems() == []
        assert {name for name, *_ in bundle.sizes()} == set(bundle.LIMITS)

    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        for name in ("build.mjs", "package-lock.json", "tsconfig.json"):
            shutil.copy(bundle.FOLDER / name, tmp_path / name)
        shutil.copytree(bundle.FOLDER / "src", tmp_path / "src")
        return tmp_path

    def test_an_older_one_is_noticed(self, copy: Path) -> None:
        assert bundle.problems(copy) == []
        (copy / "src" / "plugin.ts").write_text("export {};\n")
        assert bundle.problems(copy) == ["the bundles are older than their sources: run `python -m browser build`"]

    def test_one_that_grew_too_large_or_is_gone_is_noticed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy(bundle.ASSETS / "stamp.json", tmp_path)
        shutil.copy(bundle.ASSETS / "tiktok-pixel.js", tmp_path)
        monkeypatch.setattr(bundle, "LIMITS", {"tiktok-pixel.js": 1000, "tockwork.js": 1000})
        large, gone = bundle.problems(assets=tmp_path)
        assert large.startswith("tiktok-pixel.js has ")
        assert gone == "tockwork.js is missing: run `python -m browser build`"
