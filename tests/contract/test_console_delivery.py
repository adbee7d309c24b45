"""The console: delivery and dead letters, page by page."""

from __future__ import annotations

import html
import math
import re
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import msgspec
import pytest
from tests.contract.console import Desk
from tests.contract.dead import EMAIL, NAME, ORDER, SEGMENT, configuration, filled, shop

from tockwork.delivery.standing import Standing
from tockwork.model.outcome import Status
from tockwork.operations.replay import PART
from tockwork.store.alerts import Alert, AlertLog
from tockwork.store.control import Control

PAGE = f"/delivery/{quote(SEGMENT)}"
LETTERS = f"{PAGE}/letters"
ALL = ("delivered", "delivered", "rejected", "invalid", "expired", "filtered")


async def shown(desk: Desk, path: str, status: int = 200) -> str:
    answer = await desk.pages.get(path)
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


def said(answer: httpx.Response, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


def words(page: str) -> str:
    """What a reader sees."""
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


async def test_the_overview_has_a_card_for_each_destination(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        text = words(await shown(desk, "/delivery"))
        assert NAME in text
        assert "Delivered, 24 h 2" in text
        assert "Success, 24 h 40 %" in text
        assert "Dead letters, in all 3" in text
        assert "every event is accounted for" in text
        assert "In the page" in text
        home = await shown(desk, "/")
        assert "delivering 2 3 40 %" in words(home)
        assert 'hx-get="/diagnostics"' in home


async def test_without_a_destination_the_overview_says_what_to_do(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        nothing = configuration()
        nothing.destinations = []
        await desk.premises.versions.keep(nothing)
        page = await shown(desk, "/delivery")
        assert "Nothing to deliver to yet" in page
        assert 'href="/catalog"' in page


async def test_a_part_of_a_page_is_for_htmx(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        for path in ("/delivery", PAGE):
            answer = await desk.pages.get(path, headers={"hx-request": "true"})
            assert answer.status_code == 200
            assert "<html" not in answer.text


@pytest.mark.parametrize("span", ["1h", "24h", "7d", "30d", "90d", "nonsense"])
async def test_one_destination_with_charts_tables_and_reasons(span: str, tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        page = await shown(desk, f"{PAGE}?range={span}")
        charts = [msgspec.json.decode(data) for data in re.findall(r'data-chart="(\{.*?\})" aria', page)]
        assert [chart["title"] for chart in charts] == [
            "Deliveries",
            "Events that made no delivery",
            "Events accepted, by source",
            "Time from accepted to decided",
        ]
        assert [(line["label"], sum(line["values"])) for line in charts[0]["series"]] == [
            ("Delivered", 2),
            ("Rejected", 1),
            ("Invalid", 1),
            ("Expired", 1),
        ]
        assert page.count("The same as a table") == 4
        assert (
            f"range={span if span != 'nonsense' else '24h'}"
            in re.findall(r'aria-current="page" href="([^"]*)"', page)[0]
        )
        text = words(page)
        assert "bad_parameter A value in the row is missing or of the wrong form." in text
        assert "The detail names the value; mend its mapping, then replay." in text
        assert "deliveries of matched events = pending + delivered + invalid + rejected + expired (5 = 5)" in text


async def test_why_it_is_blocked_and_what_to_do(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered") as desk:
        standing = Standing()
        standing.block("token_expired", "answered 40105: <b>expired", 1000.0)
        await desk.store.keep_standing(NAME, msgspec.json.encode(standing.keep(2000.0)))
        full = Alert(rule="disk", what="The disk is full.", mend="Make room.", value=0.0, since=1.0)
        await AlertLog(desk.store.database).change([full], [], 2.0, told=False)
        for path in ("/delivery", PAGE):
            answer = await desk.pages.get(path)
            assert "&lt;b&gt;expired" in answer.text
            text = words(html.unescape(answer.text))
            assert "The access token has expired." in text
            assert "What to do: Set a new access token." in text
        assert 'action="' + PAGE + '/resume"' in await shown(desk, PAGE)
        home = words(await shown(desk, "/"))
        assert "Set a new access token. Open the settings" in home
        assert "Alert: the server The disk is full. Make room." in home


async def test_pause_and_resume(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered") as desk:
        for wish in ("pause", "resume"):
            answer = await desk.submit(f"{PAGE}/{wish}")
            assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        assert [each.wish for each in await Control(desk.store.database).wishes()] == ["pause", "resume"]
        assert (await desk.submit(f"{PAGE}/purge")).status_code in (404, 405)


async def test_without_its_token_a_form_does_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        for path in (f"{PAGE}/pause", f"{LETTERS}/replay"):
            assert (await desk.pages.post(path, data={"which": "all", "sure": "true"})).status_code == 403
        assert await Control(desk.store.database).wishes() == []


async def test_a_viewer_sees_no_button_that_changes_anything(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        viewer = await desk.as_role("viewer")
        for path in (PAGE, LETTERS, f"{LETTERS}/1-0-0"):
            text = words(await shown(viewer, path))
            for word in ("Pause", "Replay", "Export", "Show personal"):
                assert word not in text
        answer = await viewer.submit(f"{LETTERS}/replay", which="all", sure="true")
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/delivery/nobody", "/delivery/nobody/letters", f"{LETTERS}/9-9-9"])
async def test_what_is_not_there_is_a_page_that_says_so(path: str, tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        assert "There is no" in await shown(desk, path, 404)


# Dead letters


async def test_dead_letters_with_their_reasons(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        page = await shown(desk, LETTERS)
        assert re.findall(r'name="ref" value="([^"]*)"', page) == ["1-4-0", "1-3-0", "1-2-0"]
        assert "answered 40002: currency: *** is none" in page
        assert EMAIL not in page


async def test_the_reasons_of_a_destination_lead_to_their_letters(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        (link,) = re.findall(r'href="([^"]*letters\?status=rejected&reason=[^"]*)"', await shown(desk, PAGE))
        assert re.findall(r'name="ref" value="([^"]*)"', await shown(desk, link)) == ["1-2-0"]


async def test_filters_are_kept_and_a_message_id_is_in_no_address(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        page = said(await desk.submit(LETTERS, status="rejected", message_id="rejected-2"))
        assert re.findall(r'name="ref" value="([^"]*)"', page) == ["1-2-0"]
        assert '<option value="rejected" selected>' in page
        assert 'name="message_id" type="text" value="rejected-2"' in page
        assert not [link for link in re.findall(r'(?:href|action)="([^"]*)"', page) if "rejected-2" in link]


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"code": "many"}, "code", "is no number"),
        ({"since": "soon"}, "since", "is no time"),
        ({"since": "2026-11-20T10:00", "until": "2026-11-20T09:00"}, "until", "is not after"),
        ({"code": "99999999999999"}, "", ""),
    ],
)
async def test_wrong_filters_are_told_at_the_field_and_kept(
    typed: dict[str, str], field: str, message: str, tmp_path: Path
) -> None:
    async with shop(tmp_path, *ALL) as desk:
        page = said(await desk.submit(LETTERS, **typed, mapping="Order"), 422)
        for key, value in {**typed, "mapping": "Order"}.items():
            assert re.search(f'name="{key}" type="[a-z-]+" value="{value}"', page)
        if field:
            assert (
                message in re.findall(f'id="about-{field}">\\s*<div class="invalid-feedback d-block">([^<]*)', page)[0]
            )


async def test_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tockwork.console.pages.letters.SHOWN", 2)
    async with shop(tmp_path, *["rejected"] * 3) as desk:
        first = await shown(desk, LETTERS)
        (cursor,) = re.findall(r'name="cursor" value="([^"]*)"', first)
        second = said(await desk.submit(LETTERS, cursor=cursor))
        assert re.findall(r'name="ref" value="([^"]*)"', first + second) == ["1-2-0", "1-1-0", "1-0-0"]
        assert "Newest" in second


async def test_without_any_it_says_so(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered") as desk:
        assert "Everything that was decided was delivered." in await shown(desk, LETTERS)


async def test_a_letter_with_its_reason_and_its_prospect(tmp_path: Path) -> None:
    async with shop(tmp_path, "rejected") as desk:
        page = await shown(desk, f"{LETTERS}/1-0-0")
        text = words(page)
        assert "would be sent" in text
        assert "What was said: answered 40002: currency: *** is none" in text
        assert "currency comes from $.properties.currency" in text
        assert f'href="/destinations/{quote(SEGMENT)}/mappings/Order"' in page
        assert 'href="/live/1-0"' in page
        assert EMAIL not in page
        assert EMAIL in said(await desk.submit(f"{LETTERS}/1-0-0"))
        assert [note["action"] for note in await desk.audited()] == ["letter.unmasked"]


async def test_what_an_event_holds_is_text(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, "invalid", value="<script>alert(1)</script>")
        for path in (LETTERS, f"{LETTERS}/1-0-0"):
            assert "<script>alert" not in (await desk.pages.get(path)).text


# Replay


async def test_a_selection_is_replayed_once_it_was_confirmed(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        asked = said(await desk.submit(f"{LETTERS}/replay", which="selected", ref=["1-2-0", "1-4-0"]))
        assert "2 of 2 letters would be sent" in words(asked)
        assert (await desk.store.tally(NAME)).count(Status.PENDING) == 0
        refs = re.findall(r'name="ref" value="([^"]*)"', asked)
        done = said(await desk.submit(f"{LETTERS}/replay", ref=refs, sure="true"))
        assert "2 of 2 letters are on the way" in words(done)
        assert {row.message_id for row in await desk.store.due(NAME, time.time(), 9)} == {"rejected-2", "expired-4"}


async def test_all_that_match_are_replayed(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        asked = said(await desk.submit(f"{LETTERS}/replay", which="all", status="rejected"))
        assert "1 of 1 letter would be sent" in words(asked)
        assert 'name="status" value="rejected"' in asked
        done = said(await desk.submit(f"{LETTERS}/replay", which="all", status="rejected", sure="true"))
        assert "1 of 1 letter is on the way" in words(done)
        assert [row.message_id for row in await desk.store.due(NAME, time.time(), 9)] == ["rejected-2"]


async def test_a_replay_that_takes_long_goes_on_with_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(tmp_path) as desk:
        for _ in range(4):
            await filled(desk, *["rejected"] * (PART + 5))
        ticks = iter(range(0, 10_000, 14))  # seconds: the time is over once half of them are done
        monkeypatch.setattr("tockwork.api.letters.time", SimpleNamespace(monotonic=ticks.__next__, time=time.time))
        first = said(await desk.submit(f"{LETTERS}/replay", which="all", sure="true"))
        assert f"{2 * (PART + 5)} of {2 * (PART + 5)} letters are on the way; more are left" in words(first)
        rest = dict(re.findall(r'name="(rest_\w+)" value="([^"]*)"', first))
        then = said(await desk.submit(f"{LETTERS}/replay", which="all", sure="true", **rest))
        assert "more are left" not in words(then)
        assert len(await desk.store.due(NAME, math.inf, 999)) == 4 * (PART + 5)
        wrong = said(await desk.submit(f"{LETTERS}/replay", which="all", sure="true", rest_since="x"), 422)
        assert "There is no such rest" in wrong


async def test_what_cannot_be_replayed_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        await filled(desk, "invalid", "expired", value={"no": "number"}, begun_at=time.time() - 3 * 86_400)
        await desk.premises.versions.keep(configuration(mappings=[{**ORDER, "trigger": 'event = "Other"'}]))
        text = words(said(await desk.submit(f"{LETTERS}/replay", which="all")))
        assert "0 of 2 letters would be sent" in text
        text = words(said(await desk.submit(f"{LETTERS}/replay", which="all", force="true", include_delivered="true")))
        assert "No mapping makes its row any more" in text
        assert "the platform would count it twice" in text


async def test_with_nothing_selected_it_says_so_and_keeps_the_filter(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        page = said(await desk.submit(f"{LETTERS}/replay", which="selected", status="rejected"), 422)
        assert "Tick the letters that you want to replay." in page
        assert '<option value="rejected" selected>' in page
        assert re.findall(r'name="ref" value="([^"]*)"', page) == ["1-2-0"]


async def test_the_export_s_form_holds_the_filter_as_the_api_reads_it(tmp_path: Path) -> None:
    async with shop(tmp_path, *ALL) as desk:
        page = await shown(desk, f"{LETTERS}?status=rejected&since=2026-01-01T00:00")
        form = page[page.index('method="get"') :]
        action = re.findall(r'action="([^"]*)"', page[page.index('<form class="card mt-3"') :])[0]
        fields = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form))
        assert fields == {"status": "rejected", "since": "1767225600.0"}
        answer = await desk.api.get(action.removeprefix("/api"), params=fields)
        assert len(answer.text.splitlines()) == 1
