"""``doctor --bundle``: what helps stays, what is anybody's business goes."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.doctor.bundle import LOG_LINES, bundle, write
from tockwork.doctor.finding import Finding, Level
from tockwork.doctor.redaction import Redaction, of_process, short
from tockwork.model.errors import ConfigurationError
from tockwork.model.outcome import Status
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings
from tockwork.operations.snapshot import DestinationState, Snapshot
from tockwork.store.protocol import Tally

MAIL = "ann.smith@shop.example"
PHONE = "+1 (415) 555-0132"
TOKEN = "tok-3f1b8c2d-0000"
KEY = "wk-9c41d2aa"
PIXEL = "C8E2OS3C77UABCDXYZ00"
FORBIDDEN = ("ann.smith", "555-0132", "5550132", TOKEN, KEY, PIXEL, "Smithson")


def configured(mappings: list[dict[str, Any]] | None = None, name: str = "Shop", **settings: Any) -> Configuration:
    given = {"accessToken": TOKEN, "pixelCode": PIXEL, **settings}
    return Configuration(
        [SourceEntry("web shop", KEY)],
        [DestinationEntry("tiktok-conversions", name, settings=given, mappings=mappings)],
    )


def shown(mapping: Any) -> Any:
    """A mapping as the bundle has it."""
    return Redaction(configured([mapping])).configuration()["destinations"][0]["mappings"][0]


def fields(value: Any) -> Any:
    return shown({"fields": {"description": value}})["fields"]["description"]


def report(configuration: Configuration | None = None, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "settings": Settings(),
        "snapshot": Snapshot(at=0.0, accepting=True),
        "findings": [],
        "metrics": b"tockwork_accepting 1.0\n",
    }
    return dict(bundle(configuration or configured(), **{**known, **more}))


class TestConfiguration:
    def test_secrets_are_said_to_be_set(self) -> None:
        found = Redaction(configured(test_event_code="")).configuration()
        assert found["sources"][0]["write_key"] == "… (11 characters)"
        assert found["destinations"][0]["settings"] == {
            "accessToken": "set, 17 characters",
            "pixelCode": "C8E2… (20 characters)",
            "test_event_code": "",
        }

    def test_what_is_nobodys_business_to_hide_stays(self) -> None:
        plain: dict[str, Any] = {
            "timezone": "Europe/Berlin",
            "default_region": "DE",
            "compute_value": False,
            "event_id": "message-id",
        }
        found = Redaction(configured(**plain)).configuration()["destinations"][0]["settings"]
        assert found.items() >= plain.items()

    @pytest.mark.parametrize("value", [MAIL, Secret(MAIL), [MAIL], {MAIL: MAIL}, 4155550132])
    @pytest.mark.parametrize("key", ["accessToken", "pixelCode", "partner_name", "no such setting", MAIL])
    def test_a_value_in_the_wrong_place_goes(self, key: str, value: Any) -> None:
        text = repr(report(configured(**{key: value})))
        assert [word for word in FORBIDDEN if word in text] == []
        assert "4155550132" not in text

    @pytest.mark.parametrize("kind", ["no such kind", MAIL])
    def test_an_unknown_kind_is_treated_as_secret(self, kind: str) -> None:
        entry = DestinationEntry(kind, settings={"key": TOKEN, "on": True})
        (found,) = Redaction(Configuration([], [entry])).configuration()["destinations"]
        assert found["settings"] == {"key": "set, 17 characters", "on": True}
        assert "@" not in found["kind"]

    @pytest.mark.parametrize("name", [MAIL, PHONE, "4155550132", f"Leads of {MAIL}", "call 415-555-0132"])
    def test_personal_names_go_everywhere(self, name: str) -> None:
        text = repr(
            report(
                configured([{"name": name, "trigger": 'type = "track"', "fields": {}}], name=name),
                metrics=f'tockwork_x{{destination="{name}"}} 1.0\n'.encode(),
                findings=[Finding(Level.ERROR, f"destination {name!r}", "is so")],
                snapshot=Snapshot(at=0.0, accepting=True, destinations=[DestinationState(name=name)]),
            )
        )
        assert [word for word in (*FORBIDDEN, "4155550132") if word in text] == []


class TestMappings:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("Smithson", "***"),
            (4155550132, "***"),
            (True, True),
            (None, None),
            ("Purchase", "Purchase"),
            (["Smithson", "web"], ["***", "web"]),
            ({"@path": "$.properties.email"}, {"@path": "$.properties.email"}),
            ({"@path": f"$.traits['{MAIL}']"}, {"@path": "$.traits['***']"}),
            ({"@template": "Dear Smithson, {{properties.a}}!"}, {"@template": "***{{properties.a}}***"}),
            ({"@liquid": "Smithson {{ a }}"}, {"@liquid": "***"}),
            ({"@literal": {"a": "Smithson"}}, {"@literal": {"a": "***"}}),
            (
                {"@if": {"exists": {"@path": "$.a"}, "then": "Smithson", "else": {"@path": "$.b"}}},
                {"@if": {"exists": {"@path": "$.a"}, "then": "***", "else": {"@path": "$.b"}}},
            ),
            (
                {"@case": {"operator": "lower", "value": {"@path": "$.a"}}},
                {"@case": {"operator": "lower", "value": {"@path": "$.a"}}},
            ),
            ({"@replace": {"pattern": "Smithson"}}, {"@replace": {"pattern": "***"}}),
            (
                {"@arrayPath": ["$.products", {"price": {"@path": "$.price"}, "name": "Smithson"}]},
                {"@arrayPath": ["$.products", {"price": {"@path": "$.price"}, "name": "***"}]},
            ),
        ],
    )
    def test_directives_stay_and_literals_go(self, value: Any, expected: Any) -> None:
        assert fields(value) == expected

    @pytest.mark.parametrize(
        ("trigger", "expected"),
        [
            ('event = "Order Completed"', 'event = "Order Completed"'),
            ('type = "track" and userId = "Smithson"', 'type = "track" and userId = "***"'),
            ("event = 'Smithson'", 'event = "***"'),
            ('contains(event, "Smith\\"son")', 'contains(event, "***")'),
            ("properties.total > 30", "properties.total > 30"),
            ("properties.phone = 4155550132", "properties.phone = ***"),
            ('event = "Smithson', "*** (17 characters, not understood)"),
        ],
    )
    @pytest.mark.parametrize("key", ["trigger", "subscribe"])
    def test_triggers_keep_their_shape(self, key: str, trigger: str, expected: str) -> None:
        assert shown({key: trigger}) == {key: expected}

    @pytest.mark.parametrize("mapping", ["Smithson", ["Smithson"], {"Unknown": "Smithson"}, {"fields": "Smithson"}, 7])
    def test_what_is_no_mapping_goes(self, mapping: Any) -> None:
        assert "Smithson" not in repr(shown(mapping))

    def test_our_own_presets_are_left_as_they_are(self) -> None:
        for destination in DESTINATIONS.values():
            for preset in (preset for pack in destination.packs.values() for preset in pack):
                assert shown({"trigger": preset.trigger}) == {"trigger": preset.trigger}
                names = {key: value for key, value in preset.fields.items() if key == "event"}
                assert shown({"fields": names})["fields"] == names


def test_process_settings_lose_credentials_and_folders() -> None:
    url = f"https://ann:secret@gateway.example:8443/tiktok?key={TOKEN}#x"
    found = of_process(Settings(tiktok_url=url, ca_bundle="/home/ann.smith/ca.pem"))
    assert found["tiktok_url"] == "https://gateway.example:8443/tiktok"
    assert found["ca_bundle"] == "…/ca.pem"
    assert (found["port"], found["log_level"], found["retention_events_days"]) == (8080, "info", 7)
    assert set(found) == set(Settings.__struct_fields__)


def test_a_short_secret_shows_nothing_of_itself() -> None:
    assert short("abcdefgh") == "… (8 characters)"


class TestReport:
    def test_what_helps_is_there(self) -> None:
        tally = Tally(5, 1, 3, {(Status.FILTERED, "no_trigger"): 1, (Status.DELIVERED, None): 3})
        found = report(
            findings=[Finding(Level.WARNING, "clock", "is 40 s ahead", "Set it.")],
            snapshot=Snapshot(at=0.0, accepting=True, destinations=[DestinationState(name="Shop", tally=tally)]),
            logs=[
                '{"event": "destination_blocked", "level": "warning", "destination": "Shop", "reason": "credentials"}'
            ],
        )
        assert found["findings.json"] == [
            {"level": "warning", "where": "clock", "what": "is 40 s ahead", "mend": "Set it."}
        ]
        (state,) = found["destinations.json"]
        assert (state["name"], state["condition"], state["tally"]["accepted"]) == ("Shop", "open", 5)
        assert {"status": "delivered", "reason": None, "number": 3} in state["tally"]["lines"]
        assert found["log.json"][0]["reason"] == "credentials"
        assert found["metrics.txt"] == "tockwork_accepting 1.0\n"
        assert found["about.json"]["packages"]["msgspec"] == msgspec.__version__

    def test_a_log_is_cut_to_what_we_know(self) -> None:
        lines = [
            f"Traceback of {MAIL}",
            json.dumps({"event": "x", "who": "Smithson", "detail": f"{TOKEN} {MAIL}"}),
            json.dumps({"no": "event"}),
            json.dumps([MAIL]),
            "[" * 10_000,
        ]
        assert report(logs=lines)["log.json"] == [{"event": "x", "detail": "*** ***"}]

    def test_the_newest_lines_are_taken(self) -> None:
        lines = [json.dumps({"event": str(number)}) for number in range(LOG_LINES + 5)]
        found = report(logs=lines)["log.json"]
        assert (len(found), found[-1]) == (LOG_LINES, {"event": str(LOG_LINES + 4)})

    def test_secrets_of_the_configuration_go_wherever_they_stand(self) -> None:
        findings = [Finding(Level.ERROR, f"pixel {PIXEL}", f"{KEY} {TOKEN}", "")]
        text = repr(report(findings=findings, metrics=f"# {PIXEL} {KEY}\n".encode()))
        assert [word for word in FORBIDDEN if word in text] == []


class TestFile:
    def test_a_zip_has_a_file_for_each_part(self, tmp_path: Path) -> None:
        parts = report()
        write(tmp_path / "report.zip", parts)
        with zipfile.ZipFile(tmp_path / "report.zip") as archive:
            assert set(archive.namelist()) == set(parts)
            assert json.loads(archive.read("about.json")) == parts["about.json"]
            assert archive.read("metrics.txt").decode() == parts["metrics.txt"]

    def test_json_is_one_object(self, tmp_path: Path) -> None:
        parts = report()
        write(tmp_path / "report.json", parts)
        assert json.loads((tmp_path / "report.json").read_bytes()) == parts

    @pytest.mark.parametrize("name", ["report.zip", "report.json"])
    def test_nobody_else_can_read_it(self, name: str, tmp_path: Path) -> None:
        write(tmp_path / name, report())
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    @pytest.mark.parametrize("name", ["report.txt", "none/report.zip"])
    def test_a_wrong_name_is_an_error(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError):
            write(tmp_path / name, report())
