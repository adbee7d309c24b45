"""The management API: how destinations stand, their past, pause and resume."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.contract.dead import NAME, SEGMENT, filled, shop

from tockwork.api.standing import laws
from tockwork.delivery.standing import Condition, Standing
from tockwork.model import reasons
from tockwork.model.outcome import Status
from tockwork.store.control import Control
from tockwork.store.history import SPANS
from tockwork.store.protocol import Tally

PATH = f"/delivery/{SEGMENT}"


async def test_all_destinations_with_their_counts_and_laws(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered", "delivered", "delivered", "rejected", "filtered") as desk:
        await desk.store.append([b"{}"], sources=[("web", 1)])
        found = (await desk.api.get("/delivery")).json()
        (it,) = found["destinations"]
        assert (it["name"], it["kind"], it["title"]) == (NAME, "tiktok-conversions", "TikTok Conversions")
        assert (it["condition"], it["why"], it["enabled"], it["sandbox"]) == ("open", None, True, False)
        assert (it["accepted"], it["matched"]) == (6, 4)
        assert it["counts"] == {
            "filtered": 1,
            "suppressed": 0,
            "duplicate": 0,
            "pending": 0,
            "delivered": 3,
            "invalid": 0,
            "rejected": 1,
            "expired": 0,
        }
        assert it["backlog"]["undecided"] == 1
        assert 0 <= it["backlog"]["oldest_s"] < 60
        assert it["day"]["success"] == 0.75
        assert it["day"]["counts"] == it["counts"]
        assert sum(it["brief"]["delivered"]) == 3
        assert sum(it["brief"]["dead"]) == 1
        assert len(it["brief"]["times"]) == len(it["brief"]["dead"]) == 24
        assert it["latency"]["events"] == 5
        assert [law["holds"] for law in it["laws"]] == [True, True]
        assert [(law["left"], law["right"]) for law in it["laws"]] == [(6, 6), (4, 4)]
        assert [page["name"] for page in found["in_browser"]] == ["In the page"]
        assert found["sources"] == {"web": 6}


@pytest.mark.parametrize("span", SPANS)
async def test_one_destination_and_its_past(span: str, tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered", "rejected", "rejected", "filtered") as desk:
        found = (await desk.api.get(PATH, params={"range": span})).json()
        steps = SPANS[span].steps
        assert (found["range"], len(found["course"]["times"])) == (span, steps)
        assert found["course"]["step_s"] == SPANS[span].step_s
        assert set(found["course"]["series"]) == set(Status) - {Status.MAPPED}
        assert {key: sum(values) for key, values in found["course"]["series"].items() if any(values)} == {
            "delivered": 1,
            "rejected": 2,
            "filtered": 1,
        }
        assert {len(values) for values in found["course"]["series"].values()} == {steps}
        assert sum(found["arrivals"]["series"]["web"]) == 4
        assert found["latency"]["whole"]["events"] == 4
        assert len(found["latency"]["steps"]) == steps
        assert found["total"]["success"] == pytest.approx(1 / 3)
        assert found["destination"]["name"] == NAME
        assert [(each["reason"], each["number"], each["mapping"]) for each in found["reasons"]] == [
            ("bad_parameter", 2, "Order"),
            ("no_trigger", 1, None),
        ]
        known = reasons.REASONS["bad_parameter"]
        assert (found["reasons"][0]["meaning"], found["reasons"][0]["mend"]) == (known.meaning, known.mend)


async def test_what_holds_a_destination_back_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered") as desk:
        standing = Standing()
        standing.block("token_expired", "answered 40105: expired", 1000.0)
        await desk.store.keep_standing(NAME, kept(standing))
        it = (await desk.api.get(PATH)).json()["destination"]
        known = reasons.REASONS["token_expired"]
        assert (it["condition"], it["since"]) == ("blocked", 1000.0)
        assert it["why"] == {
            "reason": "token_expired",
            "meaning": known.meaning,
            "mend": known.mend,
            "detail": "answered 40105: expired",
        }


def kept(standing: Standing) -> bytes:
    return msgspec.json.encode(standing.keep(2000.0))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/delivery/nobody", 404, "not_found"),
        ("/delivery/In the page", 409, "in_browser"),
        (f"{PATH}?range=1y", 400, "malformed"),
    ],
)
async def test_what_is_not_there(path: str, status: int, code: str, tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        answer = await desk.api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_editor_pauses_and_resumes_and_the_log_says_so(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered") as desk:
        editor = await desk.as_role("editor")
        for word in ("pause", "resume"):
            answer = await editor.api.post(f"{PATH}/{word}")
            assert (answer.status_code, answer.json()["wish"]) == (202, word)
        wished = await Control(desk.store.database).wishes()
        assert [(wish.consumer, wish.wish) for wish in wished] == [(NAME, "pause"), (NAME, "resume")]
        assert [(note["action"], note["about"], note["who"]) for note in (await desk.audited())[:2]] == [
            ("destination.resumed", NAME, editor.name),
            ("destination.paused", NAME, editor.name),
        ]


async def test_a_viewer_only_looks(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered") as desk:
        viewer = await desk.as_role("viewer")
        assert (await viewer.api.get(PATH)).status_code == 200
        assert (await viewer.api.post(f"{PATH}/pause")).status_code == 403
        assert await Control(desk.store.database).wishes() == []


async def test_nothing_of_a_secret_is_told(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered", "rejected") as desk:
        for path in ("/delivery", PATH):
            text = (await desk.api.get(path)).text
            assert "secret-token" not in text
            assert "write-key" not in text


async def test_a_disabled_one_is_told_apart(tmp_path: Path) -> None:
    async with shop(tmp_path, enabled=False) as desk:
        await filled(desk, "filtered")
        (it,) = (await desk.api.get("/delivery")).json()["destinations"]
        assert (it["enabled"], it["condition"], it["day"]["success"]) == (False, Condition.OPEN, None)


@pytest.mark.parametrize(
    ("tally", "holds"),
    [
        (Tally(), [True, True]),
        (Tally(5, 1, 2, {(Status.FILTERED, "no_trigger"): 2, (Status.DELIVERED, None): 3}), [True, True]),
        (Tally(6, 1, 2, {(Status.FILTERED, "no_trigger"): 2, (Status.DELIVERED, None): 3}), [False, True]),
        (Tally(5, 1, 4, {(Status.DELIVERED, None): 3}), [True, False]),
        (Tally(1, 0, 1, {(Status.DELIVERED, None): 2, (Status.PENDING, "waiting"): -1}), [False, False]),
    ],
)
def test_a_law_that_is_broken_is_not_said_to_hold(tally: Tally, holds: list[bool]) -> None:
    assert [law.holds for law in laws(tally)] == holds
