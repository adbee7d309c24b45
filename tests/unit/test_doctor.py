"""``doctor``: each thing that can be wrong is found, said with its mend, and nothing is sent that makes an event."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tockwork.delivery.connection import Connection, connect
from tockwork.delivery.exchange import Exchange
from tockwork.delivery.standing import Condition
from tockwork.doctor.examination import Examined, examine
from tockwork.doctor.finding import Finding, Level, failed, lines
from tockwork.model import reasons
from tockwork.model.clock import SimulatedClock
from tockwork.model.errors import Problem
from tockwork.model.outcome import Status
from tockwork.operations.snapshot import DestinationState, InBrowser, Snapshot, Space
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens
from tockwork.store.lock import Role
from tockwork.store.protocol import Tally
from tockwork.store.retention import Ages

TOKEN = "tok-3f1b8c2d"
PIXEL = "C8E2OS3C77UABCDXYZ00"
NOW = 1_800_000_000.0
HOUR_S = 3600.0


def shop(token: str = TOKEN, pixel: str = PIXEL, mappings: Any = None, **more: Any) -> Connection:
    given = {"accessToken": token} if token else {}
    return connect("tiktok-conversions", {**given, "pixelCode": pixel, **more}, mappings or [mapping()])


def mapping(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Order",
        "trigger": 'event = "Order Completed"',
        "fields": {"event": "Purchase", "url": {"@path": "$.u"}, **fields},
    }


def examined(connections: dict[str, Connection] | None = None, *states: DestinationState, **more: Any) -> Examined:
    """A server on which nothing is wrong but what is given."""
    connections = {"Shop": shop()} if connections is None else connections
    found = states or tuple(DestinationState(name=name) for name in connections)
    known: dict[str, Any] = {"at": NOW, "accepting": True, "sources": {"web shop": 1}, "destinations": found}
    known |= {key: more.pop(key) for key in set(Snapshot.__struct_fields__) & set(more)}
    return Examined(snapshot=Snapshot(**known), connections=connections, **more)


async def found(subject: Examined, url: str | None = None, clock: SimulatedClock | None = None) -> list[Finding]:
    """What the doctor finds wanting."""
    exchange = Exchange(url) if url else None
    try:
        findings = await examine(subject, exchange, clock)
    finally:
        if exchange:
            await exchange.close()
    return [finding for finding in findings if finding.level is not Level.OK]


async def only(subject: Examined, url: str | None = None, clock: SimulatedClock | None = None) -> Finding:
    (finding,) = await found(subject, url, clock)
    assert finding.what
    assert finding.mend.endswith(".")
    return finding


@asynccontextmanager
async def platform(answer: Any, status: int = 200, date: float | None = None) -> AsyncIterator[tuple[str, list[Any]]]:
    """A server that gives `answer` to everything; its URL, and the requests that it got."""
    requests: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((dict(request.headers), await request.json()))
        headers = {} if date is None else {"Date": formatdate(date, usegmt=True)}
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", requests
    finally:
        await runner.cleanup()


class TestToken:
    async def test_a_good_one_works_and_makes_no_event(self) -> None:
        async with Sandbox(tokens=Tokens({TOKEN: [PIXEL]}, only_allowed=True)).serve() as sandbox:
            exchange = Exchange(sandbox.url)
            findings = await examine(examined(), exchange)
            await exchange.close()
            assert [(f.where, f.what) for f in findings if "token" in f.where] == [
                ("destination 'Shop', access token for web events", "works")
            ]
            assert not failed(findings)
            assert [request.code for request in sandbox.requests] == [40002]
            assert sandbox.requests[0].rows == 0
            assert sandbox.stats().accepted_rows == 0

    @pytest.mark.parametrize("profile", ["documented", "always-200", "strict-docs", "lenient"])
    @pytest.mark.parametrize(
        ("tokens", "reason"),
        [
            (Tokens(revoked=frozenset([TOKEN])), reasons.TOKEN_REVOKED),
            (Tokens({TOKEN: ["another"]}), reasons.NO_PERMISSION),
        ],
    )
    async def test_a_bad_one_is_named(self, tokens: Tokens, reason: str, profile: str) -> None:
        async with Sandbox(profile, tokens=tokens).serve() as sandbox:
            finding = await only(examined(), sandbox.url)
        assert finding.level is Level.ERROR
        assert "is refused" in finding.what
        assert finding.mend == reasons.REASONS[reason].mend

    @pytest.mark.parametrize(
        ("answer", "status", "level", "what"),
        [
            ({"code": 0, "message": "OK"}, 200, None, ""),
            ({"code": 40002, "message": "Invalid value for data: empty"}, 400, None, ""),
            ({"code": 40002, "message": "Invalid value for partner_name"}, 400, Level.WARNING, "finds fault"),
            ({"code": 40102, "message": "expired"}, 401, Level.ERROR, "is refused"),
            ({"code": 40007, "message": "no pixel"}, 404, Level.ERROR, "is refused"),
            ({"code": 40100, "message": "Too frequent"}, 429, Level.WARNING, "could not be tried: throttled"),
            ({"code": 50000, "message": "oh"}, 500, Level.WARNING, "could not be tried: platform_error"),
            ({"code": 41234, "message": "news"}, 200, Level.WARNING, "could not be tried: unknown_answer"),
            ("<html>", 502, Level.WARNING, "could not be tried: platform_error"),
            ("<html>", 200, Level.ERROR, "could not be tried: unreadable_answer"),
        ],
    )
    async def test_every_answer_is_read(self, answer: Any, status: int, level: Level | None, what: str) -> None:
        async with platform(answer, status) as (url, requests):
            findings = await found(examined(), url)
        assert [(f.level, what in f.what) for f in findings] == ([] if level is None else [(level, True)])
        assert all(finding.mend for finding in findings)
        assert [root["data"] for _, root in requests] == [[]]

    async def test_no_row_and_no_test_code_is_ever_sent(self) -> None:
        async with platform({"code": 0}) as (url, requests):
            await found(examined({"Shop": shop(test_event_code="TEST1", partner_name="Partner")}), url)
        ((headers, root),) = requests
        assert headers["Access-Token"] == TOKEN
        assert root == {"event_source": "web", "event_source_id": PIXEL, "partner_name": "Partner", "data": []}

    async def test_each_event_source_is_tried(self) -> None:
        mappings = [mapping(event_source="crm"), {**mapping(), "name": "Web"}, {**mapping(), "name": "Again"}]
        async with platform({"code": 0}) as (url, requests):
            await found(examined({"Leads": shop(pixel="7" * 19, mappings=mappings)}), url)
        assert sorted(root["event_source"] for _, root in requests) == ["crm", "web"]

    async def test_nobody_there(self) -> None:
        finding = await only(examined(), "http://127.0.0.1:9")
        assert finding.level is Level.ERROR
        assert finding.what.startswith("could not be tried: unreachable (the connection was refused")

    async def test_an_answer_that_repeats_the_secrets_is_masked(self) -> None:
        said = f"{TOKEN} may not write to {PIXEL}, ask ann@shop.example"
        async with platform({"code": 40001, "message": said}) as (url, _):
            finding = await only(examined(), url)
        assert "*** may not write to ***" in finding.what
        assert "@" not in finding.what

    async def test_without_one_nothing_is_asked(self) -> None:
        state = DestinationState(name="Shop", condition=Condition.BLOCKED, reason=reasons.NO_TOKEN)
        async with platform({"code": 0}) as (url, requests):
            finding = await only(examined({"Shop": shop(token="")}, state), url)
        assert (finding.level, finding.what) == (Level.ERROR, "has no access token, so its events wait")
        assert requests == []

    async def test_sandboxes_and_disabled_destinations_are_left_alone(self) -> None:
        states = [DestinationState(name="a", sandbox=True), DestinationState(name="b", enabled=False)]
        async with platform({"code": 40105}) as (url, requests):
            finding = await only(examined({"a": shop(), "b": shop()}, *states), url)
        assert finding.what == "none but sandboxes is enabled, so nothing is delivered"
        assert requests == []


@pytest.mark.parametrize(
    ("ahead_s", "level", "words"),
    [
        (0, None, ""),
        (29, None, ""),
        (-29, None, ""),
        (40, Level.WARNING, "is 40 s ahead of"),
        (-40, Level.WARNING, "is 40 s behind"),
        (400, Level.ERROR, "is 400 s ahead of"),
        (-4000, Level.ERROR, "is 4000 s behind"),
    ],
)
async def test_the_clock_is_compared_with_the_platforms(ahead_s: int, level: Level | None, words: str) -> None:
    async with platform({"code": 0}, date=NOW) as (url, _):
        findings = await found(examined(), url, SimulatedClock(NOW + ahead_s + 0.5))
    assert [(f.level, f.where) for f in findings] == ([] if level is None else [(level, "clock")])
    assert all(words in finding.what for finding in findings)


async def test_an_answer_without_a_readable_date_says_nothing_of_the_clock() -> None:
    clock = SimulatedClock(0.0)
    async with Sandbox().serve() as sandbox:
        exchange = Exchange(sandbox.url)
        assert "clock" in [finding.where for finding in await examine(examined(), exchange, clock)]
        await exchange.close()
    assert "clock" not in [finding.where for finding in await examine(examined(), None, clock)]


class TestConfiguration:
    async def test_nothing_wrong(self) -> None:
        assert await found(examined()) == []

    async def test_problems_are_passed_on(self) -> None:
        problem = Problem("destinations[1].settings.pixelCode", "is required", "Copy it.")
        assert await only(examined(problems=[problem])) == Finding(Level.ERROR, *msgspec.structs.astuple(problem))

    async def test_advice_about_the_whole_is_passed_on(self) -> None:
        problem = Problem("destination 'page'", "no page loads it", "Add a source.")
        assert await only(examined(advice=[problem])) == Finding(Level.ADVICE, *msgspec.structs.astuple(problem))

    async def test_a_pixel_is_shown_and_does_not_repeat_its_servers_advice(self) -> None:
        connections = {name: shop(mappings=[mapping(colour="red")]) for name in ("Shop", "Shop pixel")}
        pixel = InBrowser(name="Shop pixel", pair="Shop")
        states = [DestinationState(name="Shop")]
        findings = await examine(examined(connections, *states, in_browser=[pixel]), None)
        advised = [finding.where for finding in findings if finding.level is Level.ADVICE]
        assert advised == ["destination 'Shop'"]
        assert any(one.level is Level.OK and one.where == "destination 'Shop pixel'" for one in findings)

    async def test_advice_is_passed_on(self) -> None:
        connection = shop(mappings=[mapping(colour="red")])
        assert connection.advice
        (finding,) = await found(examined({"Shop": connection}))
        assert (finding.level, finding.where) == (Level.ADVICE, "destination 'Shop'")

    async def test_a_test_code_left_on(self) -> None:
        finding = await only(examined({"Shop": shop(test_event_code="TEST12345")}))
        assert (finding.level, finding.where) == (Level.WARNING, "destination 'Shop', settings.test_event_code")

    @pytest.mark.parametrize("code", ["TEST12345", {"@path": "$.properties.test"}])
    async def test_a_test_code_left_on_in_a_mapping(self, code: Any) -> None:
        finding = await only(examined({"Shop": shop(mappings=[mapping(test_event_code=code)])}))
        assert finding.where == "destination 'Shop', mapping 'Order', fields.test_event_code"
        disabled = shop(mappings=[{**mapping(test_event_code=code), "enabled": False}])
        assert await found(examined({"Shop": disabled})) == []

    async def test_two_destinations_on_one_pixel_with_sources_of_their_own(self) -> None:
        both = msgspec.structs.replace(examined({"A": shop(), "B": shop()}), sources={"A": ["web"], "B": ["app"]})
        assert await found(both) == []
        meeting = msgspec.structs.replace(both, sources={"A": ["web"], "B": ["app", "web"]})
        assert (await only(meeting)).where == "destination 'B'"

    async def test_two_destinations_on_one_pixel(self) -> None:
        finding = await only(examined({"A": shop(), "B": shop(), "C": shop(pixel="D" * 20)}))
        assert (finding.level, finding.where) == (Level.WARNING, "destination 'B'")
        assert "same pixel or event set as destination 'A'" in finding.what
        assert PIXEL not in finding.what

    @pytest.mark.parametrize(
        "other", [DestinationState(name="B", sandbox=True), DestinationState(name="B", enabled=False)]
    )
    async def test_a_sandbox_or_a_disabled_one_may_share_it(self, other: DestinationState) -> None:
        assert await found(examined({"A": shop(), "B": shop()}, DestinationState(name="A"), other)) == []

    async def test_sources(self) -> None:
        assert (await only(examined(sources={"till": 0, "shop": 1}))).where == "source 'till'"
        assert (await only(examined(sources={}))).what == "there is none, so nobody can send"


class TestStanding:
    @pytest.mark.parametrize(
        ("condition", "reason", "level"),
        [
            (Condition.BLOCKED, reasons.TOKEN_EXPIRED, Level.ERROR),
            (Condition.PAUSED, reasons.MANY_REJECTED, Level.ERROR),
            (Condition.PAUSED, reasons.PAUSED_BY_HAND, Level.WARNING),
            (Condition.RESTING, reasons.UNREACHABLE, Level.WARNING),
        ],
    )
    async def test_what_does_not_deliver(self, condition: Condition, reason: str, level: Level) -> None:
        state = DestinationState(
            name="Shop",
            condition=condition,
            reason=reason,
            detail="answered 1",
            since=NOW,
            tally=Tally(10, 7, 3, {(Status.PENDING, "blocked"): 3}),
        )
        finding = await only(examined(None, state))
        assert finding.level is level
        said = f"is {condition} since 2027-01-15T08:00:00Z ({reason}: answered 1): 7 events and 3 deliveries wait"
        assert finding.what == said
        assert finding.mend == reasons.REASONS[reason].mend

    @pytest.mark.parametrize(
        ("age_s", "level"), [(0, None), (200, None), (400, Level.WARNING), (2 * HOUR_S, Level.ERROR)]
    )
    async def test_one_that_falls_behind(self, age_s: float, level: Level | None) -> None:
        state = DestinationState(name="Shop", tally=Tally(9, 9), oldest_undecided_at=NOW - age_s)
        assert [f.level for f in await found(examined(None, state))] == ([] if level is None else [level])

    async def test_dead_letters_by_reason(self) -> None:
        dead = {"Shop": {reasons.BAD_PARAMETER: 3, reasons.FIELD_TYPE: 5, "new_reason": 1}}
        findings = await found(examined(dead=dead))
        assert [f.what.split(",")[0] for f in findings] == [
            "5 dead letters in the last day: field_type",
            "3 dead letters in the last day: bad_parameter",
            "1 dead letters in the last day: new_reason",
        ]
        assert findings[0].mend == reasons.REASONS[reasons.FIELD_TYPE].mend


class TestMachine:
    @pytest.mark.parametrize(
        ("free", "level"), [(999_000_000, None), (200_000_000, Level.WARNING), (64_000_000, Level.ERROR)]
    )
    async def test_room(self, free: int, level: Level | None) -> None:
        space = Space(used=1, free=free, reserve=64_000_000)
        assert [f.level for f in await found(examined(space=space))] == ([] if level is None else [level])

    async def test_roles(self) -> None:
        assert await found(examined(roles=list(Role))) == []
        assert (await only(examined(roles=[Role.INGEST]))).what == "no process delivers"
        assert len(await found(examined(roles=[]))) == 2

    @pytest.mark.parametrize(
        ("folder", "key", "where"),
        [
            (0o700, 0o600, None),
            (0o750, 0o400, None),
            (0o755, 0o600, "data folder"),
            (0o700, 0o640, "secret.key"),
        ],
    )
    async def test_permissions(self, folder: int, key: int, where: str | None, tmp_path: Path) -> None:
        data, file = tmp_path / "data", tmp_path / "data" / "secret.key"
        data.mkdir()
        file.write_text("key")
        os.chmod(file, key)
        os.chmod(data, folder)
        findings = await found(examined(data=data, key=file))
        assert [finding.where for finding in findings] == ([] if where is None else [where])

    async def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        finding = await only(examined(data=tmp_path / "none"))
        assert (finding.level, finding.where) == (Level.ERROR, "data folder")
        assert "No such file" in finding.what

    @pytest.mark.parametrize(("days", "wanting"), [((7, 90, 30), 0), ((7, 90, 1), 1), ((7, 10, 30), 1)])
    async def test_retention(self, days: tuple[int, int, int], wanting: int) -> None:
        findings = await found(examined(ages=Ages(*days)))
        assert [finding.level for finding in findings] == [Level.ADVICE] * wanting


def test_only_an_error_fails() -> None:
    assert failed([Finding(Level.OK, "a", "b"), Finding(Level.ERROR, "a", "b")])
    assert not failed([Finding(Level.WARNING, "a", "b"), Finding(Level.ADVICE, "a", "b")])


def test_the_worst_comes_first() -> None:
    findings = [Finding(level, f"at {level}", "is so", "Mend it.") for level in Level]
    assert list(lines(findings)) == [
        "error: at error: is so. Mend it.",
        "warning: at warning: is so. Mend it.",
        "advice: at advice: is so. Mend it.",
        "ok: at ok: is so. Mend it.",
        "1 errors, 1 warnings, 1 pieces of advice",
    ]


def test_findings_are_json() -> None:
    finding = Finding(Level.ERROR, "clock", "is off", "Set it.")
    assert json.loads(msgspec.json.encode(finding)) == {
        "level": "error",
        "where": "clock",
        "what": "is off",
        "mend": "Set it.",
    }


EVENT_SET = "7" * 19


def stores(mappings: Any = None, **more: Any) -> Connection:
    """An offline event set; its usual presets take all that the website's do."""
    settings = {"accessToken": TOKEN, "eventSetID": EVENT_SET, **more}
    return connect("tiktok-offline-conversions", settings, mappings)


def offline(trigger: str) -> list[dict[str, Any]]:
    fields = {"event": "Purchase", "email_addresses": {"@path": "$.properties.email"}}
    return [{"name": "Order", "trigger": trigger, "fields": fields}]


class TestCountedTwice:
    async def test_an_order_that_goes_to_a_pixel_and_to_an_event_set(self) -> None:
        found_ = await found(examined({"Shop": shop(), "Stores": stores(offline('event = "Order Completed"'))}))
        (finding,) = [finding for finding in found_ if finding.level is Level.WARNING]
        assert finding.where == "destination 'Stores'"
        assert finding.what.startswith("gets 'Order Completed', which destination 'Shop' gets too: TikTok counts")
        assert finding.mend.endswith(".")
        assert EVENT_SET not in str(finding)

    async def test_with_the_presets_of_both_the_first_events_are_named(self) -> None:
        both = {"Shop": connect("tiktok-conversions", {"pixelCode": PIXEL, "accessToken": "t"}), "Stores": stores()}
        (finding,) = [f for f in await found(examined(both)) if "counts an offline event set apart" in f.what]
        assert re.match(r"gets '[^']+', '[^']+', '[^']+' and 12 more, which destination 'Shop'", finding.what)

    async def test_each_destination_that_shares_is_named(self) -> None:
        chord = connect("chord-tiktok-conversions", {"pixelCode": "D" * 20, "accessToken": "t"})
        three = {"Shop": shop(), "Chord": chord, "Stores": stores(offline('event = "Order Completed"'))}
        warned = [f.what for f in await found(examined(three)) if "counts an offline event set apart" in f.what]
        assert [re.findall(r"destination '(\w+)'", what) for what in warned] == [["Shop"], ["Chord"]]

    async def test_what_the_event_set_takes_from_files_alone_is_advice(self) -> None:
        mappings = offline('event = "Order Completed" and context.file.line > 0')
        (finding,) = await found(examined({"Shop": shop(), "Stores": stores(mappings)}))
        assert (finding.level, finding.where) == (Level.ADVICE, "destination 'Stores'")
        assert "from files" in finding.what

    @pytest.mark.parametrize(
        "trigger", ['event = "Order Collected"', 'event = "Order Completed" and properties.channel = "store"']
    )
    async def test_what_happened_elsewhere_is_not_counted_twice(self, trigger: str) -> None:
        assert await found(examined({"Shop": shop(), "Stores": stores(offline(trigger))})) == []

    async def test_a_disabled_mapping_or_destination_or_a_sandbox_takes_nothing(self) -> None:
        mappings = [{**one, "enabled": False} for one in offline('event = "Order Completed"')]
        assert await found(examined({"Shop": shop(), "Stores": stores(mappings)})) == []
        both = {"Shop": shop(), "Stores": stores(offline('event = "Order Completed"'))}
        for other in (DestinationState(name="Stores", enabled=False), DestinationState(name="Stores", sandbox=True)):
            assert await found(examined(both, DestinationState(name="Shop"), other)) == []

    async def test_two_kinds_on_one_pixel(self) -> None:
        chord = connect("chord-tiktok-conversions", {"pixelCode": PIXEL, "accessToken": "t"})
        warned = [f for f in await found(examined({"Shop": shop(), "Chord": chord})) if f.level is Level.WARNING]
        assert [finding.where for finding in warned] == ["destination 'Chord'"]
        assert "same pixel or event set as destination 'Shop'" in warned[0].what

    async def test_a_pixel_in_the_browser_and_its_server_side_belong_together(self) -> None:
        pixel = connect("tiktok-pixel", {"pixelCode": PIXEL})
        async with platform({"code": 0}) as (url, requests):
            found_ = await found(examined({"Shop": shop(), "Pixel": pixel}), url)
        assert [finding for finding in found_ if finding.level is not Level.ADVICE] == []
        assert len(requests) == 1
