"""What alerts look like to others, and where they may go."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest

from tockwork.configuration.alerts import wrong_url
from tockwork.operations.webhook import State, Told, allowed, message
from tockwork.store.alerts import Alert


@pytest.mark.parametrize(
    ("address", "openly", "in_private"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("fd12::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("169.254.169.254", False, False),
        ("169.254.1.1", False, False),
        ("fe80::1", False, False),
        ("fd00:ec2::254", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("192.0.0.192", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:a9fe:a9fe::1", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("255.255.255.255", False, False),
        ("240.0.0.1", False, False),
    ],
)
def test_where_alerts_may_go(address: str, openly: bool, in_private: bool) -> None:
    found = (allowed(ip_address(address), False), allowed(ip_address(address), True))
    assert found == (openly, in_private)


@pytest.mark.parametrize(
    ("url", "private_network", "fine"),
    [
        ("https://hooks.example/x?y=z", False, True),
        ("http://hooks.example/x", False, False),
        ("http://10.0.0.1/x", True, True),
        ("ftp://hooks.example/x", True, False),
        ("file:///etc/passwd", True, False),
        ("https://", False, False),
        ("https://host:99999/", False, False),
        ("https://[::1", False, False),
        ("hooks.example", False, False),
        ("https://hooks.example/a b", False, False),
        ("https://hooks.example/\r\nx", False, False),
        (f"https://hooks.example/{'x' * 2000}", False, False),
    ],
)
def test_urls(url: str, private_network: bool, fine: bool) -> None:
    found = wrong_url(url, private_network)
    assert (found is None) is fine
    assert found is None or "hooks" not in found[0]


def told(state: State = "firing", **members: Any) -> Told:
    known = {"rule": "held", "destination": "Shop", "what": "It is <so>.", "mend": "Mend & go on.", "value": 61.0}
    return Told(id="one", state=state, at=1000.5, alert=Alert(**{"since": 900.0, **known, **members}))


def test_a_cloudevent_has_what_the_standard_asks_for() -> None:
    kind, body = message("cloudevents", told())
    assert kind.startswith("application/cloudevents+json")
    event = json.loads(body)
    assert event.pop("source").endswith("/tockwork")
    assert event == {
        "specversion": "1.0",
        "id": "one",
        "type": "dev.tockwork.alert.firing",
        "time": "1970-01-01T00:16:40.500Z",
        "subject": "Shop",
        "datacontenttype": "application/json",
        "data": {
            "rule": "held",
            "destination": "Shop",
            "event_source": None,
            "what": "It is <so>.",
            "mend": "Mend & go on.",
            "since": "1970-01-01T00:15:00.000Z",
            "value": 61.0,
            "text": "It is <so>.",
        },
    }


def test_without_a_subject_there_is_none() -> None:
    assert "subject" not in json.loads(message("cloudevents", told(destination=""))[1])
    assert json.loads(message("cloudevents", told(destination="", source="web"))[1])["subject"] == "web"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("firing", "It is &lt;so&gt;. Mend &amp; go on."),
        ("resolved", "Resolved: It is &lt;so&gt;."),
        ("test", "Test: It is &lt;so&gt;."),
    ],
)
def test_slack_gets_a_text(state: State, text: str) -> None:
    assert json.loads(message("slack", told(state))[1]) == {"text": text}
