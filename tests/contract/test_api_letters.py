"""The management API: dead letters are found, looked at, exported and tried again."""

from __future__ import annotations

import asyncio
import math
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.contract.books import checked
from tests.contract.console import Desk
from tests.contract.dead import EMAIL, NAME, ORDER, SEGMENT, configuration, filled, shop

from tockwork.model import reasons
from tockwork.operations.replay import PART
from tockwork.store.letters import Letters
from tockwork.store.protocol import Retry

PATH = f"/letters/{SEGMENT}"
ALL = ("delivered", "rejected", "invalid", "expired", "filtered")
DAY_S = 86_400.0


async def search(desk: Desk, **wanted: Any) -> dict[str, Any]:
    answer = await desk.api.post(f"{PATH}/search", json=wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ids(desk: Desk, **wanted: Any) -> list[str]:
    return [letter["message_id"] for letter in (await search(desk, **wanted))["letters"]]


async def waiting(desk: Desk) -> dict[str | None, Retry]:
    return {row.message_id: row for row in await desk.store.due(NAME, math.inf, 99)}


async def reconfigured(desk: Desk, **members: Any) -> None:
    await desk.premises.versions.keep(configuration(**members))


async def test_a_letter_says_what_died_and_what_to_do(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        found = (await search(desk, status="rejected"))["letters"]
        known = reasons.REASONS["bad_parameter"]
        assert 0 <= time.time() - found[0].pop("at") < 60
        assert found == [
            {
                "ref": "1-1-0",
                "event_ref": "1-1",
                "message_id": "rejected-1",
                "type": "track",
                "event_name": "Order Completed",
                "mapping": "Order",
                "status": "rejected",
                "reason": "bad_parameter",
                "meaning": known.meaning,
                "mend": known.mend,
                "code": 40002,
                "detail": "answered 40002: currency: *** is none",
                "ambiguous": False,
            }
        ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["expired-3", "invalid-2", "rejected-1"]),
        ({"status": "invalid"}, ["invalid-2"]),
        ({"reason": "retry_exhausted"}, ["expired-3"]),
        ({"mapping": "Order"}, ["expired-3", "invalid-2", "rejected-1"]),
        ({"mapping": "Other"}, []),
        ({"code": 40002}, ["rejected-1"]),
        ({"message_id": "invalid-2"}, ["invalid-2"]),
        ({"message_id": "delivered-0"}, []),
        ({"since": 4e9}, []),
        ({"until": 1.0}, []),
        ({"status": "rejected", "code": 51305}, []),
    ],
)
async def test_the_filters(wanted: dict[str, Any], found: list[str], tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        assert await ids(desk, **wanted) == found


async def test_only_what_died_in_a_time(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        (letter,) = (await search(desk))["letters"]
        assert await ids(desk, since=letter["at"], until=letter["at"] + 1) == ["rejected-0"]
        assert await ids(desk, until=letter["at"]) == []


async def test_page_by_page_each_comes_once(tmp_path: Path) -> None:
    async with shop(tmp_path, *["rejected"] * 7) as desk:
        await filled(desk, "invalid", "expired")
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(9):
            found = await search(desk, limit=2, **({"cursor": cursor} if cursor else {}))
            seen += [letter["ref"] for letter in found["letters"]]
            cursor = found["cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 9
        assert seen[:2] == ["2-1-0", "2-0-0"]


async def test_a_search_looks_at_a_limited_number_and_says_where_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tockwork.store.letters.BUDGET", 3)
    async with shop(tmp_path, "invalid", *["rejected"] * 8) as desk:
        seen, cursor, looks = [], None, 0
        while looks == 0 or cursor is not None:
            found = await search(desk, status="invalid", **({"cursor": cursor} if cursor else {}))
            seen += [letter["message_id"] for letter in found["letters"]]
            cursor, looks = found["cursor"], looks + 1
        assert (seen, looks) == (["invalid-0"], 3)


@pytest.mark.parametrize(
    ("wanted", "status", "where"),
    [
        ({"status": "delivered"}, 422, "status"),
        ({"since": 10, "until": 10}, 422, "until"),
        ({"cursor": "x"}, 422, "cursor"),
        ({"cursor": "nan,1"}, 422, "cursor"),
        ({"cursor": f"1.0,{2**70}"}, 422, "cursor"),
        ({"status": "dead"}, 400, None),
        ({"code": 2**80}, 400, None),
        ({"limit": 0}, 400, None),
        ({"since": -1}, 400, None),
        ({"nothing": 1}, 400, None),
    ],
)
async def test_a_filter_that_cannot_be(wanted: dict[str, Any], status: int, where: str | None, tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        answer = await desk.api.post(f"{PATH}/search", json=wanted)
        assert answer.status_code == status
        assert where is None or [problem["where"] for problem in answer.json()["problems"]] == [where]


async def test_a_letter_is_inspected_without_personal_data(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        answer = await desk.api.get(f"{PATH}/1-0-0")
        found = answer.json()
        assert found["event"]["messageId"] == "rejected-0"
        assert found["event"]["traits"] == {"email": "***"}
        assert found["event"]["properties"] == {"value": 5, "currency": "EUR"}
        assert (found["prospect"], found["unmasked"]) == ("to_send", False)
        (now,) = found["now"]
        assert (now["mapping"], now["status"], now["row"]["event"]) == ("Order", "mapped", "Purchase")
        assert now["row"]["properties"] == {"currency": "EUR", "value": 5}
        assert found["origins"] == [{"field": "currency", "origin": "$.properties.currency"}]
        for personal in (EMAIL, "user-4711", "secret-token"):
            assert personal not in answer.text
        assert await desk.audited() == []
        assert (await desk.api.get(f"{PATH}/1-0")).json() == found


async def test_personal_data_is_for_editors_and_asking_is_written_down(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        viewer, editor = await desk.as_role("viewer"), await desk.as_role("editor")
        assert (await viewer.api.post(f"{PATH}/1-0-0/unmask")).status_code == 403
        found = (await editor.api.post(f"{PATH}/1-0-0/unmask")).json()
        assert found["event"]["traits"] == {"email": EMAIL}
        assert found["unmasked"] is True
        (note,) = await desk.audited()
        assert (note["action"], note["about"], note["who"], note["detail"]) == (
            "letter.unmasked",
            NAME,
            editor.name,
            {"ref": "1-0-0"},
        )


@pytest.mark.parametrize(
    ("members", "prospect", "reason"),
    [
        ({}, "invalid", "field_type"),
        ({"mappings": [{**ORDER, "enabled": False}]}, "unmatched", "no_trigger"),
        ({"mappings": [{**ORDER, "fields": {**ORDER["fields"], "value": 9}}]}, "to_send", ""),
        ({"enabled": False}, "unmatched", "destination_disabled"),
    ],
)
async def test_what_would_become_of_it_now(members: dict[str, Any], prospect: str, reason: str, tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, "invalid", value={"no": "number"})
        await reconfigured(desk, **members)
        found = (await desk.api.get(f"{PATH}/1-0-0")).json()
        assert (found["prospect"], found["now"][0]["reason"]) == (prospect, reason)
        (became,) = (await desk.api.post(f"{PATH}/replay", json={})).json()["outcomes"]
        assert (became["outcome"], became["number"]) == (prospect, 1)


async def test_what_perhaps_arrived_long_ago_is_told(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, "expired", begun_at=time.time() - 3 * DAY_S)
        assert (await search(desk))["letters"][0]["ambiguous"] is True
        assert (await desk.api.get(f"{PATH}/1-0-0")).json()["prospect"] == "too_late"
        dry = (await desk.api.post(f"{PATH}/replay", json={})).json()
        assert (dry["sent"], dry["outcomes"][0]["outcome"], dry["warnings"]) == (0, "too_late", [])
        forced = (await desk.api.post(f"{PATH}/replay", json={"force": True})).json()
        assert (forced["sent"], len(forced["warnings"])) == (1, 1)
        assert await waiting(desk) == {}


@pytest.mark.parametrize("ref", ["9-0-0", "1-0-1", "1-0-99", "x", "1", "1-0-0-0", "99999999999999999999-0"])
async def test_a_letter_that_is_none(ref: str, tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        assert (await desk.api.get(f"{PATH}/{ref}")).status_code == 404
        assert (await desk.api.get(f"/letters/nobody/{ref}")).status_code == 404


# Replay


async def test_a_dry_run_is_the_default_and_changes_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        found = (await desk.api.post(f"{PATH}/replay", json={})).json()
        assert (found["dry_run"], found["letters"], found["sent"]) == (True, 3, 3)
        assert await waiting(desk) == {}
        assert len(await ids(desk)) == 3
        assert await desk.audited() == []


async def test_a_selection_is_replayed_and_nothing_else(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        body = {"refs": ["1-1-0", "1-3-0", "7-7-0"], "dry_run": False}
        found = (await desk.api.post(f"{PATH}/replay", json=body)).json()
        assert (found["dry_run"], found["letters"], found["sent"]) == (False, 2, 2)
        assert set(await waiting(desk)) == {"rejected-1", "expired-3"}
        assert await ids(desk) == ["invalid-2"]
        await desk.store.database.read(lambda connection: checked(connection, NAME))
        (note,) = await desk.audited()
        assert (note["action"], note["about"]) == ("letters.replayed", NAME)
        assert note["detail"]["refs"] == 3
        assert note["detail"]["outcomes"] == {"to_send": 2}


async def test_all_that_match_are_replayed(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL, "rejected") as desk:
        body = {"filter": {"status": "rejected", "code": 40002}, "dry_run": False}
        assert (await desk.api.post(f"{PATH}/replay", json=body)).json()["sent"] == 2
        assert set(await waiting(desk)) == {"rejected-1", "rejected-5"}


async def test_a_message_id_is_not_in_the_log(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        body = {"filter": {"message_id": "rejected-0"}, "dry_run": False}
        assert (await desk.api.post(f"{PATH}/replay", json=body)).json()["sent"] == 1
        (note,) = await desk.audited()
        assert note["detail"]["message_id"] is True
        assert "rejected-0" not in str(note)


async def test_delivered_ones_on_demand_with_a_warning(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered", "rejected") as desk:
        found = (await desk.api.post(f"{PATH}/replay", json={"include_delivered": True, "dry_run": False})).json()
        assert (found["sent"], len(found["warnings"])) == (2, 1)
        assert set(await waiting(desk)) == {"delivered-0", "rejected-1"}


async def test_after_a_mend_they_go_out_and_what_is_not_mended_stays(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, "invalid", value={"no": "number"})
        await filled(desk, "rejected")
        found = (await desk.api.post(f"{PATH}/replay", json={"dry_run": False})).json()
        assert {each["outcome"]: (each["number"], each["reason"]) for each in found["outcomes"]} == {
            "to_send": (1, ""),
            "invalid": (1, "field_type"),
        }
        assert found["outcomes"][1]["mend"] or found["outcomes"][0]["mend"]
        await reconfigured(desk, mappings=[{**ORDER, "fields": {**ORDER["fields"], "value": 9}}])
        assert (await desk.api.post(f"{PATH}/replay", json={"dry_run": False})).json()["sent"] == 1
        rows = await waiting(desk)
        assert msgspec.json.decode(rows["invalid-0"].row)["properties"]["value"] == 9


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"refs": ["x"]}, "refs[0]"),
        ({"refs": ["1-0-0"], "include_delivered": True}, "include_delivered"),
        ({"include_delivered": True, "within_s": 5}, "within_s"),
        ({"filter": {"status": "pending"}}, "filter.status"),
        ({"filter": {"since": 2, "until": 1}}, "filter.until"),
    ],
)
async def test_a_replay_that_cannot_be(body: dict[str, Any], where: str, tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        answer = await desk.api.post(f"{PATH}/replay", json={**body, "dry_run": False})
        assert (answer.status_code, answer.json()["problems"][0]["where"]) == (422, where)
        assert await waiting(desk) == {}


async def test_a_viewer_replays_and_exports_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        viewer = await desk.as_role("viewer")
        assert (await viewer.api.post(f"{PATH}/replay", json={"dry_run": False})).status_code == 403
        assert (await viewer.api.get(f"{PATH}/export")).status_code == 403
        assert (await viewer.api.post(f"{PATH}/search", json={})).status_code == 200
        assert len(await ids(desk)) == 1


async def test_a_long_replay_ends_after_a_while_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(tmp_path) as desk:
        for _ in range(4):
            await filled(desk, *["rejected"] * (PART + 5))
        ticks = iter(range(0, 10_000, 7))  # seconds: the time is over once half of them are done
        monkeypatch.setattr("tockwork.api.letters.time", SimpleNamespace(monotonic=ticks.__next__, time=time.time))
        first = (await desk.api.post(f"{PATH}/replay", json={"dry_run": False, "within_s": 10})).json()
        assert first["sent"] == first["letters"] == 2 * (PART + 5)
        assert first["rest"]["since"] < first["rest"]["until"] <= time.time()
        again = {"dry_run": False, "filter": first["rest"]}
        then = (await desk.api.post(f"{PATH}/replay", json=again)).json()
        assert (then["sent"], then["rest"]) == (2 * (PART + 5), None)
        assert len(await desk.store.due(NAME, math.inf, 999)) == 4 * (PART + 5)
        for body in ({"dry_run": False}, again):  # as often as somebody likes
            assert (await desk.api.post(f"{PATH}/replay", json=body)).json()["letters"] == 0


async def test_two_replays_at_once_send_nothing_twice(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, *["rejected"] * 3 * PART)
        both = [desk.api.post(f"{PATH}/replay", json={"dry_run": False}) for _ in range(2)]
        assert [answer.status_code for answer in await asyncio.gather(*both)] == [200, 200]
        assert len(await desk.store.due(NAME, math.inf, 999)) == 3 * PART
        await desk.store.database.read(lambda connection: checked(connection, NAME))


async def test_a_replay_that_broke_off_is_finished_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, *["rejected"] * 3 * PART)
        revive, calls = Letters.revive, count()

        async def broken(self: Letters, consumer: str, revived: Any) -> int:
            if next(calls) == 1:
                raise OSError("the machine stops")
            return await revive(self, consumer, revived)

        monkeypatch.setattr(Letters, "revive", broken)
        assert (await desk.api.post(f"{PATH}/replay", json={"dry_run": False})).status_code == 500
        assert len(await desk.store.due(NAME, math.inf, 999)) == PART
        assert (await desk.api.post(f"{PATH}/replay", json={"dry_run": False})).json()["sent"] == 2 * PART
        await desk.store.database.read(lambda connection: checked(connection, NAME))


# Export


async def test_an_export_is_json_lines_without_personal_data(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        answer = await desk.api.get(f"{PATH}/export")
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        assert "attachment" in answer.headers["content-disposition"]
        lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
        assert [line["message_id"] for line in lines] == ["rejected-1", "invalid-2", "expired-3"]
        assert lines[0]["event"]["traits"] == {"email": "***"}
        assert (lines[0]["reason"], lines[0]["code"]) == ("bad_parameter", 40002)
        assert EMAIL not in answer.text
        (note,) = await desk.audited()
        assert (note["action"], note["about"], note["detail"]) == ("letters.exported", NAME, {"unmasked": False})


async def test_an_export_with_personal_data_is_written_down_as_such(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        answer = await desk.api.get(f"{PATH}/export", params={"status": "invalid", "unmasked": "true"})
        (line,) = [msgspec.json.decode(line) for line in answer.text.splitlines()]
        assert line["event"]["traits"] == {"email": EMAIL}
        (note,) = await desk.audited()
        assert note["detail"] == {"status": "invalid", "unmasked": True}


@pytest.mark.parametrize(
    "query", [{"status": "delivered"}, {"status": "x"}, {"since": "x"}, {"unmasked": "x"}, {"code": str(2**80)}]
)
async def test_an_export_of_nothing(query: dict[str, str], tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        assert (await desk.api.get(f"{PATH}/export", params=query)).status_code in (400, 422)
        assert await desk.audited() == []


async def test_what_is_not_json_any_more_is_shown_all_the_same(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        await desk.store.database.write(lambda connection: connection.execute("UPDATE dead SET event = x'7b22ff'"))
        found = (await desk.api.get(f"{PATH}/1-0-0")).json()
        assert (found["event"], found["letter"]["event_name"], found["prospect"]) == (None, "", "unmatched")
        assert (await desk.api.get(f"{PATH}/export")).status_code == 200
        assert [letter.key async for some in Letters(desk.store).dead(NAME) for letter in some] == [(1, 0)]
