"""What `import tockwork` gives: the names listed, loaded when they are used, doing what the documents say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tockwork
from tockwork.sandbox.server import Sandbox

SETTINGS = {"accessToken": "token-for-tests", "pixelCode": "C0123456789ABCDEFGHI"}
EVENT = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "properties": {"revenue": "45.50", "currency": "EUR"},
    "context": {"page": {"url": "https://shop.example/done"}, "traits": {"email": " Jane@Example.com "}},
}


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_the_list_is_sorted_and_whole() -> None:
    assert list(tockwork.__all__) == sorted(set(tockwork.__all__))
    assert set(tockwork.__all__) == set(tockwork._HOMES)
    assert set(tockwork.__all__) <= set(dir(tockwork))


@pytest.mark.parametrize("name", tockwork.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(tockwork, name)
    assert found.__name__ == name
    assert found.__doc__


def test_other_names_are_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        tockwork.conect  # noqa: B018


def test_nothing_is_loaded_before_it_is_used() -> None:
    program = (
        "import sys, tockwork\n"
        "heavy = {'aiohttp', 'granian', 'typer', 'msgspec', 'phonenumbers', 'tockwork.delivery'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "tockwork.Trigger\n"
        "assert 'aiohttp' not in sys.modules\n"
        "tockwork.connect\n"
        "print('aiohttp' in sys.modules)"
    )
    assert python(program) == "True"


def test_types_are_known_to_type_checkers() -> None:
    """The names under TYPE_CHECKING are those that are loaded lazily."""
    source = Path(tockwork.__file__).read_text()
    for name, home in tockwork._HOMES.items():
        (line,) = [line for line in source.splitlines() if line.startswith(f"    from tockwork.{home} import")]
        assert name in line.replace(",", " ").split()


def test_a_trigger_matches() -> None:
    assert tockwork.Trigger.parse('type = "track" and properties.total > 30').matches(
        {"type": "track", "properties": {"total": 45.5}}
    )
    with pytest.raises(tockwork.TriggerError, match="column"):
        tockwork.Trigger.parse('type = "track')


def test_a_mapping_resolves() -> None:
    mapping = tockwork.Mapping.parse({"value": {"@path": "$.properties.revenue"}, "currency": "EUR"})
    assert mapping.resolve(EVENT) == {"value": "45.50", "currency": "EUR"}
    with pytest.raises(tockwork.MappingError):
        tockwork.Mapping.parse({"value": {"@pth": "$.properties.revenue"}})


def test_a_connection_transforms_dicts_text_and_bytes_alike() -> None:
    import json

    text = json.dumps(EVENT)
    outcomes = tockwork.connect("tiktok-conversions", SETTINGS).transform([EVENT, text, text.encode()])
    assert [outcome.status for outcome in outcomes] == [tockwork.Status.MAPPED] * 3
    rows = [{**outcome.row, "event_time": 0} for outcome in outcomes]  # without a timestamp, the time of the call
    assert rows[0] == rows[1] == rows[2]
    assert rows[0]["properties"] == {"content_type": "product", "currency": "EUR", "value": 45.5}


def test_a_connection_takes_mappings_or_a_pack() -> None:
    own = [{"name": "Own", "trigger": 'type = "track"', "fields": {"event": "Purchase"}}]
    (outcome,) = tockwork.connect("tiktok-conversions", SETTINGS, mappings=own).transform([EVENT])
    assert (outcome.mapping, outcome.row["event"]) == ("Own", "Purchase")
    (outcome,) = tockwork.connect("tiktok-conversions", SETTINGS, preset_pack="documented-2023").transform([EVENT])
    assert (outcome.mapping, outcome.row["event"]) == ("Place an Order", "PlaceAnOrder")


def test_what_is_wrong_is_said_all_at_once() -> None:
    with pytest.raises(tockwork.ConfigurationError) as caught:
        tockwork.connect("tiktok-conversions", {"pixelcode": "x", "timezone": "Mars"}, preset_pack="segment-2062")
    assert {problem.where for problem in caught.value.problems} == {
        "settings.pixelcode",
        "settings.pixelCode",
        "settings.timezone",
        "preset_pack",
    }
    assert isinstance(caught.value, tockwork.TockworkError)
    assert all(isinstance(problem, tockwork.Problem) for problem in caught.value.problems)
    with pytest.raises(tockwork.ConfigurationError, match="tiktok-conversions"):
        tockwork.connect("tiktok-conversion", SETTINGS)


async def test_a_connection_sends() -> None:
    async with Sandbox().serve() as sandbox:
        connection = tockwork.connect("tiktok-conversions", SETTINGS)
        outcomes = await connection.send(
            [EVENT, {"type": "track", "event": "Unknown"}], timeout=10, base_url=sandbox.url
        )
        (arrived,) = sandbox.events
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [
        ("delivered", None),
        ("filtered", "no_trigger"),
    ]
    assert arrived.row == outcomes[0].row


async def test_without_a_token_events_wait() -> None:
    async with Sandbox().serve() as sandbox:
        connection = tockwork.connect("tiktok-conversions", {"pixelCode": SETTINGS["pixelCode"]})
        (outcome,) = await connection.send([EVENT], timeout=1, base_url=sandbox.url)
        assert sandbox.requests == []
    assert (outcome.status, outcome.reason) == ("pending", "blocked")


def test_sending_needs_no_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    connection = tockwork.connect("tiktok-conversions", SETTINGS)
    (outcome,) = connection.send_sync([EVENT], timeout=0.3, base_url="http://127.0.0.1:9")  # nobody listens there
    assert (outcome.status, outcome.reason) == ("pending", "retrying")


def test_a_secret_does_not_show() -> None:
    secret = tockwork.Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
