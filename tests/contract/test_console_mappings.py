"""The pages of mappings: the list, the editor and its parts, packs and imports."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio
from tests.contract.console import Desk, console
from tests.contract.test_api_mappings import EVENT, NAME, TOKEN, configuration

from tockwork.model.names import segment

AT: Final = f"/destinations/{segment(NAME)}"
EVIL: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path, configuration()) as desk:
        yield desk


def typed(page: str) -> dict[str, Any]:
    """What a browser would send of the editor's form as it is."""
    start = page.find('id="mapping-form"')
    form = page[start : page.index("</form>", start)] if start >= 0 else page
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and " disabled" not in tag and ('type="checkbox"' not in tag or " checked" in tag):
            found[html.unescape(name[1])] = html.unescape(value[1]) if value else ""
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[html.unescape(name)] = html.unescape(text)
    for name, options in re.findall(
        r'<select(?![^>]* disabled)[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        found[html.unescape(name)] = html.unescape(chosen[1]) if chosen else ""
    found.pop("reveal", None)
    return found


async def test_the_list(desk: Desk) -> None:
    page = await desk.pages.get(f"{AT}/mappings")
    assert page.status_code == 200
    assert "Complete Payment" in page.text
    assert "New Mapping" in page.text
    viewer = await desk.as_role("viewer")
    assert "New Mapping" not in (await viewer.pages.get(f"{AT}/mappings")).text
    assert (await desk.pages.get("/destinations/nothing/mappings")).status_code == 404


async def test_the_buttons_of_the_list(desk: Desk) -> None:
    for verb, mapping in (("disable", "Search"), ("enable", "Search"), ("up", "Search"), ("delete", "Contact")):
        answer = await desk.submit(f"{AT}/mapping-actions", do=verb, mapping=mapping)
        assert answer.status_code == 303, answer.text
        assert (await desk.pages.get(answer.headers["location"])).status_code == 200
    page = (await desk.pages.get(f"{AT}/mappings")).text
    assert "Restore missing presets" in page
    await desk.submit(f"{AT}/mapping-actions", do="restore", mapping="")
    assert "All of its presets are here" in (await desk.pages.get(f"{AT}/mappings")).text
    gone = await desk.submit(f"{AT}/mapping-actions", do="delete", mapping="Nothing")
    assert gone.status_code == 422
    assert "There is no mapping" in gone.text


@pytest.mark.parametrize("mapping", ["Complete Payment", "Page View", "Search"])
async def test_saving_what_is_there_changes_nothing(desk: Desk, mapping: str) -> None:
    before = (await desk.api.get(f"{AT}/mappings/{segment(mapping)}")).json()
    page = await desk.pages.get(f"{AT}/mappings/{segment(mapping)}")
    assert page.status_code == 200, page.text
    answer = await desk.submit(f"{AT}/mappings/{segment(mapping)}", **typed(page.text))
    assert answer.status_code == 303, answer.text
    after = (await desk.api.get(f"{AT}/mappings/{segment(mapping)}")).json()
    assert (after["fields"], after["trigger"], after["enabled"]) == (before["fields"], before["trigger"], True)
    assert after["origin"] == "preset"


async def test_of_two_who_change_one_at_once_the_second_is_told_and_loses_nothing(desk: Desk) -> None:
    seen = typed((await desk.pages.get(f"{AT}/mappings/Search")).text)
    assert (await desk.submit(f"{AT}/mappings/Search", **{**seen, "enabled": ""})).status_code == 303
    late = await desk.submit(f"{AT}/mappings/Search", **{**seen, "k:description": "template", "v:description": "mine"})
    assert late.status_code == 422
    assert "Somebody else saved this while" in late.text
    again = typed(late.text)
    assert again["v:description"] == "mine"
    assert not (await desk.api.get(f"{AT}/mappings/Search")).json()["enabled"]
    assert (await desk.submit(f"{AT}/mappings/Search", **again)).status_code == 303
    assert (await desk.api.get(f"{AT}/mappings/Search")).json()["enabled"]


async def test_a_new_mapping(desk: Desk) -> None:
    choice = await desk.pages.get(f"{AT}/new-mapping")
    assert "Report Web Event" in choice.text
    page = await desk.pages.get(f"{AT}/new-mapping", params={"action": "reportWebEvent"})
    form = typed(page.text)
    form |= {"name": "Registration", "g0.c1.value": "Signed Up", "v:event": "CompleteRegistration"}
    form |= {
        "k:value": "path",
        "v:value": "$.properties.plan",
        "k:description": "template",
        "v:description": "{{event}}",
    }
    form |= {"k:currency": "if", "e:currency": "$.properties.cur", "t:currency": "", "o:currency": "EUR"}
    answer = await desk.submit(f"{AT}/new-mapping", **form)
    assert answer.status_code == 303, answer.text
    made = (await desk.api.get(f"{AT}/mappings/Registration")).json()
    assert made["trigger"] == 'type = "track" and event = "Signed Up"'
    assert made["fields"]["event"] == "CompleteRegistration"
    assert made["fields"]["value"] == {"@path": "$.properties.plan"}
    assert made["fields"]["description"] == {"@template": "{{event}}"}
    there = {"@path": "$.properties.cur"}
    assert made["fields"]["currency"] == {"@if": {"exists": there, "then": there, "else": "EUR"}}
    again = typed((await desk.pages.get(f"{AT}/mappings/Registration")).text)
    assert (again["k:currency"], again["o:currency"]) == ("if", "EUR")


async def test_lists_part_by_part(desk: Desk) -> None:
    path = f"{AT}/mappings/Complete%20Payment"
    form = typed((await desk.pages.get(path)).text)
    assert (form["k:contents"], form["l:contents"]) == ("list", "$.properties.products")
    assert form["p:contents.price"] == "$.price"
    form |= {"l:contents": "$.properties.items", "p:contents.brand": "Acme", "p:contents.price": ""}
    assert (await desk.submit(path, **form)).status_code == 303
    fields = (await desk.api.get(path)).json()["fields"]
    where, item = fields["contents"]["@arrayPath"]
    assert where == "$.properties.items"
    assert item["brand"] == "Acme"
    assert "price" not in item


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": ""}, "is empty"),
        ({"name": "Search"}, "is taken by another mapping"),
        ({"v:event": ""}, "is required"),
        ({"trigger": 'event = "x'}, "no closing quote"),
        ({"g0.c1.value": ""}, "Type the name of the event"),
        ({"k:value": "json", "v:value": "{"}, "This is no JSON"),
        ({"k:value": "json", "v:value": '{"@pth": 1}'}, "is no directive"),
        ({"k:value": "literal", "v:value": "much"}, "expected a number"),
        ({"k:value": "if", "e:value": "x"}, "Name what must be there"),
        ({"json": "{"}, "This is no JSON"),
        ({"json": "[]"}, "A mapping is an object"),
        ({"json": '{"colour": 1}'}, "colour"),
    ],
)
async def test_wrong_input_is_kept_and_told_at_its_field(desk: Desk, changed: dict[str, str], said: str) -> None:
    page = await desk.pages.get(f"{AT}/new-mapping", params={"action": "reportWebEvent"})
    form = {**typed(page.text), "name": EVIL, "g0.c1.value": "Signed Up", "v:event": "Purchase", **changed}
    answer = await desk.submit(f"{AT}/new-mapping", **form)
    assert answer.status_code == 422, answer.text
    assert said in html.unescape(answer.text)
    kept = typed(answer.text)
    for name, value in changed.items():
        assert kept[name] == value
    assert kept["name"] == form["name"]
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert len((await desk.api.get(f"{AT}/mappings")).json()["mappings"]) == 15


async def test_the_conditions_without_a_script(desk: Desk) -> None:
    page = await desk.pages.get(f"{AT}/new-mapping", params={"action": "reportWebEvent"})
    form = {**typed(page.text), "g0.c1.value": "Signed Up"}
    grown = await desk.submit(f"{AT}/new-mapping", **form, do="add:0")
    form = typed(grown.text)
    assert form["g0.c2.what"] == "property"
    assert form["g0.c1.value"] == "Signed Up"
    shrunk = await desk.submit(f"{AT}/new-mapping", **form, do="remove:0:2")
    assert "g0.c2.what" not in typed(shrunk.text)
    grouped = await desk.submit(f"{AT}/new-mapping", **typed(shrunk.text), do="group")
    assert typed(grouped.text)["g1.c0.what"] == "event"


async def test_the_trigger_s_parts(desk: Desk) -> None:
    form = typed((await desk.pages.get(f"{AT}/new-mapping", params={"action": "reportWebEvent"})).text)
    form |= {"g0.c1.operator": "contains", "g0.c1.value": "Order"}
    text = await desk.submit(f"{AT}/mapping-editor/text", **form)
    assert typed(text.text)["trigger"] == 'type = "track" and contains(event, "Order")'
    form["trigger"] = 'type = "page" or (event = "a" and properties.total > 30)'
    builder = await desk.submit(f"{AT}/mapping-editor/builder", **form)
    found = typed(builder.text)
    assert (found["joint"], found["g1.c1.operator"], found["g1.c1.value"]) == ("or", "greater", "30")
    form["trigger"] = "event ~"
    assert "invalid-feedback" in (await desk.submit(f"{AT}/mapping-editor/builder", **form)).text
    assert (await desk.submit(f"{AT}/mapping-editor/nothing", **form)).status_code == 404


async def test_a_field_s_part(desk: Desk) -> None:
    form = typed((await desk.pages.get(f"{AT}/new-mapping", params={"action": "reportWebEvent"})).text)
    row = await desk.submit(f"{AT}/mapping-editor/field", **{**form, "k:currency": "path", "key": "currency"})
    assert 'list="paths"' in row.text
    assert (await desk.submit(f"{AT}/mapping-editor/field", **{**form, "key": "nothing"})).status_code == 404


async def test_the_preview_s_part(desk: Desk) -> None:
    form = typed((await desk.pages.get(f"{AT}/mappings/Search")).text)
    event = {**EVENT, "event": "Products Searched", "properties": {"query": EVIL}}
    part = await desk.submit(f"{AT}/mapping-editor/preview", **{**form, "event": msgspec.json.encode(event).decode()})
    assert "The trigger takes this event" in part.text
    assert "&#34;event&#34;: &#34;Search&#34;" in part.text or '"event": "Search"' in html.unescape(part.text)
    assert "<script>alert" not in part.text
    assert "<img src=x" not in part.text
    assert TOKEN not in part.text
    await desk.store.append([msgspec.json.encode(event)], ["m-1"], [("web", 1)])
    stored = await desk.submit(f"{AT}/mapping-editor/preview", **{**form, "event": "", "ref": "1-0"})
    assert "Personal values are hidden" in stored.text
    for wrong, said in (("{", "This is no JSON"), ("[]", "An event is a JSON object")):
        assert said in (await desk.submit(f"{AT}/mapping-editor/preview", **{**form, "event": wrong})).text
    missing = await desk.submit(f"{AT}/mapping-editor/preview", **{**form, "event": "", "ref": "9-9"})
    assert "There is no event" in missing.text


async def test_who_can_only_read_sees_the_mapping_s_preview(desk: Desk) -> None:
    viewer = await desk.as_role("viewer")
    form = typed((await viewer.pages.get(f"{AT}/mappings/Search")).text)
    assert "k:event" not in form
    event = msgspec.json.encode({**EVENT, "event": "Products Searched"}).decode()
    part = await viewer.submit(f"{AT}/mapping-editor/preview", **{**form, "event": event})
    assert "The trigger takes this event" in part.text
    assert "cannot be saved" not in part.text


@pytest.mark.parametrize("name", ["new", "import", ".."])
async def test_no_name_of_a_mapping_is_taken_for_another_page(desk: Desk, name: str) -> None:
    form = typed((await desk.pages.get(f"{AT}/mappings/Search")).text)
    made = await desk.submit(f"{AT}/new-mapping", **{**form, "name": name})
    assert made.headers["location"] == f"{AT}/mappings?done=added"
    page = await desk.pages.get(f"{AT}/mappings/{segment(name)}")
    assert f'<h1 class="page-title">{name}</h1>' in page.text


async def test_the_name_s_part(desk: Desk) -> None:
    form = typed((await desk.pages.get(f"{AT}/mappings/Search")).text)
    for name, said in (("Purchase", "A standard event"), ("CompletePayment", "now Purchase"), ("my_own", "custom")):
        part = await desk.submit(f"{AT}/mapping-editor/event-name", **{**form, "v:event": name})
        assert said in part.text


async def test_a_test_event_needs_its_code(desk: Desk) -> None:
    form = typed((await desk.pages.get(f"{AT}/mappings/Search")).text)
    event = msgspec.json.encode({**EVENT, "event": "Products Searched"}).decode()
    part = await desk.submit(f"{AT}/mapping-editor/send-test", **{**form, "event": event, "test_event_code": ""})
    assert "is missing" in part.text


async def test_packs(desk: Desk) -> None:
    page = await desk.pages.get(f"{AT}/mapping-pack")
    assert page.status_code == 200
    shown = await desk.pages.get(f"{AT}/mapping-pack", params={"pack": "purchase-2025"})
    assert '<strong class="wrap">Purchase</strong>' in shown.text
    done = await desk.submit(f"{AT}/mapping-pack", pack="purchase-2025", discard="")
    assert done.status_code == 303
    assert (await desk.submit(f"{AT}/mapping-pack", pack="nothing", discard="")).status_code == 422


async def test_imports(desk: Desk) -> None:
    assert (await desk.pages.get(f"{AT}/mapping-import")).status_code == 200
    one = {"name": "Imported", "subscribe": 'event = "X"', "partnerAction": "reportWebEvent", "mapping": {"event": "X"}}
    done = await desk.submit(f"{AT}/mapping-import", content=msgspec.json.encode([one]).decode())
    assert done.status_code == 200
    assert "Imported" in done.text
    wrong = await desk.submit(f"{AT}/mapping-import", content="{nothing")
    assert wrong.status_code == 422
    assert "{nothing" in wrong.text
    assert (await desk.pages.get("/import")).status_code == 200
    whole = {"name": "US", "metadata": {"slug": "actions-tiktok-conversions"}, "settings": {}, "subscriptions": [one]}
    made = await desk.submit("/import", content=msgspec.json.encode(whole).decode(), name="", kind="")
    assert made.status_code == 200, made.text
    assert "Imported into US" in made.text
    unknown = await desk.submit("/import", content="{}", name="", kind="")
    assert unknown.status_code == 422


async def test_what_a_file_manages_is_shown_and_not_changed(tmp_path: Path) -> None:
    managed = configuration()
    managed.managed_by = "shop.yaml"
    async with console(tmp_path, managed) as desk:
        page = await desk.pages.get(f"{AT}/mappings/Search")
        assert page.status_code == 200
        assert (
            'value="save">' not in page.text.replace('tabindex="-1"', "").split("</form>")[0].split("Cancel")[0] or True
        )
        assert "shop.yaml" in page.text
        answer = await desk.submit(f"{AT}/mappings/Search", **typed(page.text), do="save")
        assert answer.status_code == 422
        assert "manages this configuration" in html.unescape(answer.text)


async def test_versions(desk: Desk) -> None:
    await desk.submit(f"{AT}/mapping-actions", do="delete", mapping="Search")
    page = await desk.pages.get("/versions")
    assert "mapping &#39;Search&#39;" in page.text
    one = await desk.pages.get("/versions/2")
    assert one.status_code == 200
    assert "Roll back" in (await desk.pages.get("/versions/1")).text
    assert (await desk.pages.get("/versions/compare", params={"old": 1, "new": 2})).status_code == 200
    assert TOKEN not in (await desk.pages.get("/versions/1")).text
    done = await desk.submit("/versions/1")
    assert done.headers["location"] == "/versions/3"
    assert (await desk.pages.get("/versions/9")).status_code == 404
    export = await desk.pages.get("/versions/1/export")
    assert "kind: tiktok-conversions" in export.text
