"""A pair: one connection that reports from browser and server, and the check that TikTok can merge the two."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from typer.testing import CliRunner

from tockwork.app.cli import app
from tockwork.app.commands import session
from tockwork.app.projects import projects
from tockwork.configuration.advice import advice, told_by
from tockwork.configuration.changes import changes, lines
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry, check_configuration, load
from tockwork.configuration.export import export
from tockwork.configuration.instance import Instance, instances
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.stored import opened, stored
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.device import browser_settings
from tockwork.destinations.privacy import FieldList, Privacy
from tockwork.doctor.finding import Finding, Level, failed
from tockwork.doctor.pair import Sample, examine_pairs, sample
from tockwork.doctor.redaction import Redaction
from tockwork.ingest.assets import Assets
from tockwork.model.errors import ConfigurationError
from tockwork.rules.gate import Consent
from tockwork.store.archive import Archive
from tockwork.store.database import FILE
from tockwork.store.sqlite import SqliteStore

PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
OTHER: Final = "C8E2OS3C77UABCDXYZ01"
SERVERS: Final = [(kind, pack) for kind, one in DESTINATIONS.items() if one.pair for pack in one.packs]
NOW: Final = 1_800_000_000.0
SESSION: Final = [msgspec.json.encode(event) for event in session.events()]
BROWSER: Final = SourceEntry("shop", "shop-key", "browser")


def entry(kind: str = "tiktok-conversions", name: str = "tiktok", **members: Any) -> DestinationEntry:
    settings = {"pixelCode": PIXEL, "accessToken": "token-1", **members.pop("settings", {})}
    return DestinationEntry(kind, name, settings=settings, **members)


def pixel(name: str = "page", **members: Any) -> DestinationEntry:
    return DestinationEntry(
        "tiktok-pixel", name, settings={"pixelCode": PIXEL, **members.pop("settings", {})}, **members
    )


def paired(kind: str = "tiktok-conversions", **members: Any) -> DestinationEntry:
    return entry(kind, **{"pixel": {}, **members})


def legs(one: DestinationEntry) -> tuple[Instance, Instance]:
    server, page = instances([one])
    return server, page


def mapping(name: str = "Order", **fields: Any) -> dict[str, Any]:
    given = {"event": "Purchase", "event_id": {"@path": "$.messageId"}, **fields}
    return {"name": name, "trigger": 'event = "Order Completed"', "fields": given}


def rows(leg: Instance, event: dict[str, Any]) -> list[Any]:
    outcomes = leg.connection.outcomes(msgspec.json.encode(event), NOW)
    return [one.row if one.row is None else json.loads(bytes(one.row)) for one in outcomes]


ORDER: Final[dict[str, Any]] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "userId": "u-1",
    "properties": {"order_id": "O-1", "value": 5, "currency": "EUR"},
}


class TestLegs:
    @pytest.mark.parametrize(("kind", "pack"), SERVERS)
    def test_both_have_the_same_pack(self, kind: str, pack: str) -> None:
        server, page = legs(paired(kind, preset_pack=pack))
        ours, theirs = (
            [(one.name, one.fields["event"]) for one in leg.connection.mappings if "event" in one.fields]
            for leg in (server, page)
        )
        assert ours == theirs
        assert [str(one.trigger) for one in server.connection.mappings] == [
            str(one.trigger) for one in page.connection.mappings[:-1]
        ]
        assert page.connection.mappings[-1].action.key == "identify"

    @pytest.mark.parametrize(("kind", "pack"), SERVERS)
    @pytest.mark.parametrize("event_id", ["message-id", "order"])
    def test_both_report_a_session_alike(self, kind: str, pack: str, event_id: str) -> None:
        one = paired(kind, preset_pack=pack, settings={"event_id": event_id})
        *rest, finding = examine_pairs(instances([one]), Sample(SESSION))
        assert finding.level is Level.OK
        assert {other.level for other in rest} <= {Level.ADVICE}  # about page views, which a pack may not send
        assert int(finding.what.split(": ")[1].split(" ")[0]) >= 7

    def test_what_is_shared_is_said_once(self) -> None:
        one = paired(
            settings={"event_id": "order", "default_region": "DE", "compute_value": False, "partner_name": "P"}
        )
        server, page = legs(one)
        shared = ("pixelCode", "event_id", "default_region", "compute_value", "partner_name")
        assert [server.connection.settings[key] for key in shared] == [page.connection.settings[key] for key in shared]
        assert "accessToken" not in page.connection.settings
        assert (server.name, page.name) == ("tiktok", "tiktok pixel")
        assert (server.entry.in_browser, page.entry.in_browser) == (False, True)

    @pytest.mark.parametrize(
        ("settings", "own"), [({}, {"ldu": True}), ({"ldu": True}, {}), ({"ldu": True}, {"ldu": False})]
    )
    @pytest.mark.parametrize("kind", ["tiktok-conversions", "chord-tiktok-conversions"])
    def test_limited_on_one_is_limited_on_both(self, kind: str, settings: dict[str, Any], own: dict[str, Any]) -> None:
        server, page = legs(paired(kind, settings=settings, pixel=own))
        assert page.connection.settings["ldu"] is True
        assert [row["limited_data_use"] for row in rows(server, ORDER)] == [True]

    def test_not_limited_unless_said(self) -> None:
        server, page = legs(paired())
        assert page.connection.settings["ldu"] is False
        assert [row["limited_data_use"] for row in rows(server, ORDER)] == [False]

    def test_own_mappings_serve_both(self) -> None:
        written = [
            {
                **mapping(value={"@path": "$.properties.value"}, ip={"@path": "$.context.ip"}),
                "action": "Report Web Event",
            },
            {
                "name": "Off",
                "subscribe": 'type = "page"',
                "mapping": {"event": "Pageview", "url": "x"},
                "enabled": False,
            },
            mapping("Lead", event_source="crm", lead_id="1"),
            mapping("Identify", event="Contact"),
        ]
        server, page = legs(paired(mappings=written))
        assert [one.name for one in server.connection.mappings] == ["Order", "Off", "Lead", "Identify"]
        found = {one.name: one for one in page.connection.mappings}
        assert list(found) == ["Order", "Off", "Identify", "Identify pixel"]
        assert set(found["Order"].fields) == {"event", "event_id", "value", "total"}
        assert not found["Off"].enabled
        assert page.connection.advice == []
        assert rows(page, ORDER)[0] == [["track", "Purchase", {"value": 5}, {"event_id": "m-1"}]]

    def test_what_a_directive_makes_is_kept(self) -> None:
        written = {
            "@merge": {"direction": "right", "objects": [mapping()["fields"], {"ip": {"@path": "$.context.ip"}}]}
        }
        server, page = legs(paired(mappings=[{**mapping(), "fields": written}]))
        assert rows(server, ORDER)[0]["event_id"] == "m-1"
        assert rows(page, ORDER) == [[["track", "Purchase", {}, {"event_id": "m-1"}]]]

    def test_privacy_holds_for_both(self) -> None:
        privacy = Privacy(Consent(["Ads"]), "limit", FieldList(deny=["email", "ip", "address.city"]))
        server, page = legs(paired(privacy=privacy))
        assert server.connection.privacy == privacy
        assert page.connection.privacy == Privacy(Consent(["Ads"]), "block", FieldList(deny=["email", "address.city"]))
        event = {**ORDER, "context": {"consent": {"categoryPreferences": {"Ads": True}, "gpc": True}}}
        assert [row["limited_data_use"] for row in rows(server, event)] == [True]
        assert rows(page, event) == [None]

    @pytest.mark.parametrize(
        ("fields", "kept"),
        [(FieldList(deny=["ip"]), None), (FieldList(allow=["ip"]), FieldList(allow=[])), (None, None)],
    )
    def test_lists_name_what_a_page_has(self, fields: FieldList | None, kept: FieldList | None) -> None:
        assert legs(paired(privacy=Privacy(fields=fields)))[1].connection.privacy.fields == kept

    def test_one_that_is_disabled_is_so_on_both(self) -> None:
        assert [leg.enabled for leg in paired(enabled=False).legs] == [False, False]

    def test_a_browser_gets_a_partners_name_as_a_setting(self) -> None:
        _, page = legs(paired(settings={"partner_name": "Acme"}))
        published = browser_settings(page.connection)
        assert published["partner_name"] == "Acme"
        assert "Acme" not in json.dumps(published["program"])

    def test_no_pair_has_one_leg(self) -> None:
        assert entry().legs == [entry()]
        assert entry("tiktok-offline-conversions", pixel={}).legs == [entry("tiktok-offline-conversions", pixel={})]


class TestProblems:
    @pytest.mark.parametrize(
        ("one", "where", "words"),
        [
            (
                paired("tiktok-offline-conversions", settings={"eventSetID": "7000000000000000000"}),
                "pixel",
                "stands beside",
            ),
            (paired(sandbox=True), "pixel", "sandbox"),
            (paired(pixel={"event_id": "order"}), "pixel.event_id", "the same on both legs"),
            (paired(pixel={"accessToken": "t"}), "pixel.accessToken", "the same on both legs"),
            (paired(pixel={"autopageview": True}), "pixel.autopageview", "is no setting"),
            (paired(pixel={"ldu": "yes"}), "pixel.ldu", "expected true or false"),
            (paired(name="x" * 100), "pixel.name", "expected 1 to 100"),
            (paired(mappings=[mapping(value={"@liquid": "{{ 1 }}"})]), "mappings[0].fields.value", "@liquid"),
            (pixel(sandbox=True), "sandbox", "never to the sandbox"),
        ],
    )
    def test_each_is_said_with_its_place(self, one: DestinationEntry, where: str, words: str) -> None:
        if one.kind == "tiktok-offline-conversions":
            del one.settings["pixelCode"]
        (problem,) = check_configuration(Configuration([BROWSER], [one]))
        assert problem.where == f"destinations[0].{where}"
        assert words in problem.what
        assert problem.mend or where in ("pixel.ldu", "pixel.name")

    def test_the_pixels_name_must_be_free(self) -> None:
        (problem,) = check_configuration(Configuration([BROWSER], [paired(), entry(name="tiktok pixel")]))
        assert problem.where == "destinations[0].pixel.name"
        assert "taken" in problem.what

    def test_a_wrong_shape_is_said_once(self, tmp_path: Path) -> None:
        file = tmp_path / "c.yaml"
        file.write_text(
            f"destinations:\n  - {{kind: tiktok-conversions, settings: {{pixelCode: {PIXEL}}}, pixel: true}}\n"
        )
        with pytest.raises(ConfigurationError) as raised:
            load(file)
        (problem,) = raised.value.problems
        assert problem.where == "destinations[0].pixel"


class TestConfiguration:
    def test_it_stays_one_entry_wherever_it_goes(self, tmp_path: Path) -> None:
        configuration = Configuration(
            [BROWSER], [paired(pixel={"ldu": True}), paired(name="eu", preset_pack="purchase-2025")]
        )
        keyring = Keyring.load(tmp_path)
        assert opened(stored(configuration, keyring), keyring) == configuration
        file = tmp_path / "c.yaml"
        file.write_text(export(configuration))
        found = load(file, {"TIKTOK_ACCESS_TOKEN": "token-1", "EU_ACCESS_TOKEN": "token-1"})
        assert found == configuration
        assert [one.pixel for one in found.destinations] == [{"ldu": True}, {}]

    def test_a_bug_report_shows_the_pair(self) -> None:
        (shown,) = Redaction(Configuration([], [paired(pixel={"ldu": True})])).configuration()["destinations"]
        assert shown["pixel"] == {"ldu": True}

    def test_check_says_what_is_hardly_meant(self, tmp_path: Path) -> None:
        file = tmp_path / "c.yaml"
        file.write_text(export(Configuration([], [paired()])).replace("${TIKTOK_ACCESS_TOKEN}", "token-1"))
        done = CliRunner().invoke(app, ["check", str(file)])
        assert done.exit_code == 0
        assert "advice: destination 'tiktok pixel': runs in the browser, and there is no source" in done.output

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (None, {}, "pixel: null → {}"),
            ({}, {"ldu": True}, "pixel.ldu: nothing → true"),
            ({"ldu": True}, None, 'pixel: {"ldu":true} → null'),
        ],
    )
    def test_plan_shows_what_changes(self, old: Any, new: Any, said: str) -> None:
        found = changes(Configuration([], [entry(pixel=old)]), Configuration([], [entry(pixel=new)]))
        assert list(lines(found)) == [f"~ destination 'tiktok': {said}"]

    def test_switching_the_pack_switches_both(self) -> None:
        for pack, event in (("segment-2026", "CompletePayment"), ("purchase-2025", "Purchase")):
            configuration = Configuration([BROWSER], [paired(preset_pack=pack)])
            server, page = instances(configuration.destinations)
            assert rows(server, ORDER)[0]["event"] == event
            assert rows(page, ORDER)[0][-1][1] == event
            served = projects(configuration, Assets()).find("shop-key", "https://events.shop.example", private=False)
            assert served is not None
            assert f'"{event}"'.encode() in served.content
            assert (b'"CompletePayment"' in served.content) is (event == "CompletePayment")


class TestAdvice:
    def said(self, *entries: DestinationEntry, kind: str = "browser") -> list[str]:
        return [str(one) for one in advice([SourceEntry("shop", "k", kind)], instances(entries))]

    @pytest.mark.parametrize("one", [paired(), pixel()])
    def test_a_pixel_that_no_page_gets(self, one: DestinationEntry) -> None:
        (text,) = self.said(one, kind="server")
        assert "no source of kind browser" in text
        assert self.said(one) == []
        one.enabled = False
        assert self.said(one, kind="server") == []
        one.enabled = True

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"preset_pack": "purchase-2025"}, "preset_pack"),
            ({"settings": {"event_id": "order"}}, "event_id"),
            ({"settings": {"default_region": "DE", "ldu": True}}, "default_region and ldu"),
        ],
    )
    def test_two_that_were_configured_apart_and_differ(self, members: dict[str, Any], named: str) -> None:
        (text,) = self.said(entry(), pixel(**members))
        assert f"with another {named}." in text
        assert "pixel: {}" in text
        assert self.said(entry(**members), pixel(**members)) == []
        assert self.said(entry(settings={"pixelCode": OTHER}), pixel(**members)) == []

    def test_what_both_legs_would_say_is_said_once(self) -> None:
        both = instances([paired()])
        assert told_by(both[0], both) == both[0].connection.advice != []
        assert told_by(both[1], both) == []


class TestDoctor:
    def found(self, *entries: DestinationEntry, events: Any = None, others: Any = ()) -> list[Finding]:
        told, elsewhere = ([msgspec.json.encode(event) for event in some] for some in (events or [ORDER], others))
        found = examine_pairs(instances(entries), Sample(told, elsewhere))
        return [one for one in found if one.level not in (Level.OK, Level.ADVICE)]

    def only(self, *entries: DestinationEntry, **events: Any) -> Finding:
        (finding,) = self.found(*entries, **events)
        assert finding.mend.endswith((".", ".md."))
        return finding

    def test_other_names(self) -> None:
        finding = self.only(entry(), pixel(preset_pack="purchase-2025"))
        assert finding.level is Level.ERROR
        assert "the server reports 'CompletePayment', and the browser 'Purchase' (once)" in finding.what
        assert finding.where.endswith("mapping 'Complete Payment'")

    def test_other_event_ids(self) -> None:
        finding = self.only(
            entry(settings={"event_id": "order"}), pixel(), events=[ORDER, {**ORDER, "messageId": "m-2"}]
        )
        assert (finding.level, "another event_id on each leg (2 times)" in finding.what) == (Level.ERROR, True)

    def test_no_event_id(self) -> None:
        finding = self.only(entry(mappings=[mapping()]), pixel(mappings=[mapping(event_id=None)]))
        assert finding.level is Level.ERROR
        assert finding.what == "destination 'page': 'Purchase' has no event_id (once)"

    @pytest.mark.parametrize("page_too", [True, False])
    def test_one_leg_alone(self, page_too: bool) -> None:
        one, other = [mapping()], [{**mapping(), "trigger": 'event = "Order Placed"'}]
        finding = self.only(
            *(entry(mappings=a) if page_too else entry(mappings=b) for a, b in [(one, other)]),
            pixel(mappings=other if page_too else one),
        )
        sender, silent = ("tiktok", "page") if page_too else ("page", "tiktok")
        assert finding.level is Level.ERROR
        assert f"reported by destination '{sender}' alone; destination '{silent}': no_trigger" in finding.what

    def test_a_disabled_mapping(self) -> None:
        finding = self.only(entry(mappings=[mapping()]), pixel(mappings=[{**mapping(), "enabled": False}]))
        assert "the mapping is disabled there" in finding.what

    def test_a_switched_off_integration(self) -> None:
        finding = self.only(paired(), events=[{**ORDER, "integrations": {"TikTok Pixel": False}}])
        assert "destination 'tiktok pixel': integrations_off" in finding.what

    def test_page_views_of_one_leg(self) -> None:
        view = {"type": "page", "messageId": "m-1"}
        page_view = {**mapping("View", event="Pageview"), "trigger": 'type = "page"'}
        both, server = [mapping(), page_view], entry(mappings=[mapping(), page_view])
        automatic = self.found(server, pixel(mappings=[mapping()]), events=[view])
        assert [one.level for one in automatic] == [Level.ERROR, Level.ERROR]
        assert "counts page views without an event_id" in automatic[0].what
        silent = self.only(server, pixel(mappings=[mapping()], settings={"autoPageView": False}), events=[view])
        assert "'Pageview' is reported by destination 'tiktok' alone" in silent.what
        assert self.found(server, pixel(mappings=both), events=[view]) == []
        first, _ = examine_pairs(instances([paired(mappings=[mapping()])]), Sample([]))
        assert (first.level, "counts page views, which" in first.what) == (Level.ADVICE, True)

    def test_another_pixel_code(self) -> None:
        finding = self.only(entry(settings={"pixelCode": OTHER}), pixel())
        assert (finding.level, finding.where) == (Level.ERROR, "destination 'page'")
        assert "another pixel code than destination 'tiktok'" in finding.what
        assert OTHER not in str(finding)

    def test_a_leg_that_is_disabled_or_missing(self) -> None:
        assert "destination 'tiktok' is disabled" in self.only(entry(enabled=False), pixel()).what
        assert self.only(pixel()).level is Level.WARNING
        assert self.only(entry(sandbox=True), pixel()).level is Level.WARNING
        assert self.only(entry(), pixel(enabled=False)).where == "pair"

    def test_a_test_code_on_one_leg(self) -> None:
        finding = self.only(paired(settings={"test_event_code": "TEST1"}))
        assert (finding.level, finding.where) == (Level.ERROR, "destination 'tiktok', settings.test_event_code")
        finding = self.only(paired(mappings=[mapping(test_event_code="TEST1")]))
        assert finding.where == "destination 'tiktok', mapping 'Order', fields.test_event_code"

    def test_a_pixel_of_the_pages_own(self) -> None:
        finding = self.only(paired(pixel={"useExistingPixel": True}))
        assert (finding.level, "carry no event_id of ours" in finding.what) == (Level.WARNING, True)

    def test_values_that_differ(self) -> None:
        one = mapping(value={"@path": "$.properties.value"}, currency={"@path": "$.properties.currency"})
        other = mapping(value={"@path": "$.properties.total"}, currency="USD")
        finding = self.only(entry(mappings=[one]), pixel(mappings=[other], settings={"autoPageView": False}))
        assert (finding.level, "'Purchase' differs in value, currency" in finding.what) == (Level.WARNING, True)

    def test_an_order_from_a_page_and_from_the_backend(self) -> None:
        backend = [{**ORDER, "messageId": "backend-1"}]
        finding = self.only(paired(), others=backend)
        assert (finding.level, "1 of its orders came from pages and from elsewhere" in finding.what) == (
            Level.ERROR,
            True,
        )
        assert self.found(paired(settings={"event_id": "order"}), others=backend) == []

    def test_what_happened_elsewhere_is_the_servers_alone(self) -> None:
        crm = mapping(event_source="crm", lead_id={"@path": "$.userId"}, email="a@b.example")
        server, page = legs(paired(mappings=[crm]))
        assert rows(server, ORDER)[0]["event"] == "Purchase"
        assert rows(page, ORDER) == [None]
        assert self.found(paired(mappings=[crm])) == []

    def test_a_page_that_tells_of_who_opted_out(self) -> None:
        event = {**ORDER, "context": {"consent": {"gpc": True}}}
        finding = self.only(entry(privacy=Privacy(opt_out="block")), pixel(), events=[event])
        assert "is reported by destination 'page' alone; destination 'tiktok': opted_out" in finding.what

    def test_who_opted_out_is_reported_by_the_server_alone(self) -> None:
        event = {**ORDER, "context": {"consent": {"us_privacy": "1YYN"}}}
        assert self.found(paired(privacy=Privacy(opt_out="limit")), events=[event]) == []

    def test_a_name_from_an_event_is_not_shown(self) -> None:
        named = [mapping(event={"@path": "$.properties.who"}, order_id={"@path": "$.properties.order_id"})]
        event = {**ORDER, "properties": {"who": "ann@example.com", "order_id": "O-1"}}
        server = entry(mappings=named, settings={"event_id": "order"})
        finding = self.only(server, pixel(mappings=named, settings={"autoPageView": False}), events=[event])
        assert "an event named by a path has another event_id" in finding.what

    def test_browsers_are_known_by_source_or_library(self) -> None:
        library = {"context": {"library": {"name": "analytics.js"}}}
        events = [
            ("shop", b'{"a":1}'),
            ("gone", json.dumps(library).encode()),
            ("backend", b'{"context":{"library":1}}'),
        ]
        found = sample(events, {"shop"})
        assert found.browser == [events[0][1], events[1][1]]
        assert found.others == [events[2][1]]


class TestCommands:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        return tmp_path / "data"

    def run(self, data: Path, *arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--data", str(data)])
        return done.exit_code, done.output + str(done.exception or "")

    def applied(self, data: Path, *entries: DestinationEntry) -> None:
        file = data.parent / "c.yaml"
        file.write_text(export(Configuration([BROWSER], list(entries))).replace("${TIKTOK_ACCESS_TOKEN}", "token-1"))
        code, said = self.run(data, "apply", str(file))
        assert code == 0, said

    def test_without_events_a_session_is_made_up(self, data: Path) -> None:
        self.applied(data, paired())
        code, said = self.run(data, "doctor", "--pair")
        assert code == 0
        assert "12 events from a made-up session" in said

    def test_real_events_are_compared_and_nothing_of_them_is_shown(self, data: Path) -> None:
        self.applied(data, entry(), pixel(preset_pack="purchase-2025", settings={"event_id": "order"}))

        async def kept() -> None:
            async with SqliteStore.open(data) as store:
                await store.append(SESSION, [f"m-{place}" for place in range(len(SESSION))], [("shop", len(SESSION))])
                newest = await Archive(store.database).newest(5)
            assert newest == [("shop", event) for event in SESSION[:5]]

        asyncio.run(kept())
        code, said = self.run(data, "doctor", "--pair", "--json")
        findings = msgspec.json.decode(said.removesuffix("1"), type=list[Finding], strict=False)
        assert code == 1
        assert failed(findings)
        assert any("'CompletePayment', and the browser 'Purchase'" in one.what for one in findings)
        shopper = ["ann", "example.com", "555", "O-1001", "E.C.P", "94107", "114.9", "demo-"]
        assert not any(word.lower() in said.lower() for word in shopper)

    def test_a_report_is_made_of_everything(self, data: Path) -> None:
        self.applied(data, paired())
        code, said = self.run(data, "doctor", "--pair", "--bundle", str(data.parent / "r.zip"))
        assert code != 0
        assert "cannot be given with --pair" in said

    def test_both_legs_are_shown(self, data: Path) -> None:
        self.applied(data, paired())
        assert "tiktok pixel: delivered to by the browser, as a pair with 'tiktok'" in self.run(data, "stats")[1]
        found = json.loads(self.run(data, "stats", "--json")[1])
        assert [one["name"] for one in found["destinations"]] == ["tiktok"]
        assert [(one["name"], one["pair"]) for one in found["in_browser"]] == [("tiktok pixel", "tiktok")]
        said = self.run(data, "doctor", "--offline")[1]
        assert "destination 'tiktok pixel': is delivered to by the browser, as a pair with destination 'tiktok'" in said

    @pytest.mark.parametrize("command", [["replay", "--destination"], ["pause"], ["resume"]])
    def test_nothing_of_a_pixel_can_be_replayed_or_paused(self, data: Path, command: list[str]) -> None:
        self.applied(data, paired())
        code, said = self.run(data, *command, "tiktok pixel")
        assert code != 0
        assert "'tiktok pixel' is delivered to by the browser" in said
        assert "Name one of 'tiktok'." in said
        assert self.run(data, *command, "tiktok")[0] == 0
        assert (data / FILE).is_file()
