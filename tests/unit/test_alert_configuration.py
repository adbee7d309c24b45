"""Alerts in a configuration: strict, sealed, exported as a reference, and shown without the webhook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tockwork.configuration.alerts import BOUNDS, Alerts, Held, Rules, SuccessRate
from tockwork.configuration.changes import changes, lines
from tockwork.configuration.entries import Configuration, check_configuration, load
from tockwork.configuration.export import export
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.stored import opened, opened_as_far, stored
from tockwork.doctor.redaction import Redaction
from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret

WEBHOOK = "https://hooks.example/planted-4711"
KEYRING = Keyring(bytes(range(32)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.yaml"


def problems(file: Path, text: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load(file, environment or {})
    return {problem.where: str(problem) for problem in refused.value.problems}


def test_without_it_everything_is_watched_and_nobody_told(file: Path) -> None:
    file.write_text("sources: []")
    assert load(file, {}).alerts == Alerts()
    assert (Alerts().enabled, Alerts().webhook) == (True, "")
    assert all(rule.enabled for rule in msgspec.structs.astuple(Rules()))
    assert "alerts" not in export(Configuration())


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("alerts: []", "alerts", "expected an object"),
        ("alerts: {webhok: x}", "alerts.webhok", "is no known member. Did you mean 'webhook'?"),
        ("alerts: {webhook: 7}", "alerts.webhook", "expected text, got a number"),
        ("alerts: {webhook: hooks.example}", "alerts.webhook", "is no URL"),
        ("alerts: {webhook: 'http://hooks.example'}", "alerts.webhook", "without encryption"),
        ("alerts: {enabled: 1}", "alerts.enabled", "expected true or false"),
        ("alerts: {format: slakc}", "alerts.format", "Did you mean 'slack'?"),
        ("alerts: {rules: {disc: {}}}", "alerts.rules.disc", "Did you mean 'disk'?"),
        ("alerts: {rules: {held: 5}}", "alerts.rules.held", "expected an object"),
        ("alerts: {rules: {held: {minutes: 1.5}}}", "alerts.rules.held.minutes", "expected a whole number"),
        ("alerts: {rules: {held: {minutes: true}}}", "alerts.rules.held.minutes", "expected a whole number"),
        ("alerts: {rules: {held: {minutes: x}}}", "alerts.rules.held.minutes", "expected a whole number, got text"),
        ("alerts: {rules: {held: {minutes: -1}}}", "alerts.rules.held.minutes", "expected a number from 0 to 1,440"),
        ("alerts: {rules: {held: {minutes: 1441}}}", "alerts.rules.held.minutes", "expected a number from 0 to 1,440"),
        ("alerts: {rules: {success_rate: {percent: 100.5}}}", "alerts.rules.success_rate.percent", "from 1 to 100"),
        ("alerts: {rules: {success_rate: {deliveries: 0}}}", "alerts.rules.success_rate.deliveries", "from 1 to"),
        ("alerts: {rules: {disk: {reserves: 0}}}", "alerts.rules.disk.reserves", "expected a number from 1 to 1,000"),
    ],
)
def test_it_is_read_strictly(file: Path, text: str, where: str, what: str) -> None:
    found = problems(file, text)
    assert set(found) == {where}
    assert what in found[where]


def test_what_is_wrong_with_a_webhook_does_not_repeat_it(file: Path) -> None:
    found = problems(file, "alerts: {webhook: '${W}'}", {"W": "http://planted-4711.example"})
    assert "planted" not in repr(found)


def test_every_figure_has_bounds() -> None:
    figures = {name for rule in msgspec.structs.astuple(Rules()) for name in rule.__struct_fields__}
    assert figures - {"enabled"} == set(BOUNDS)
    assert check_configuration(Configuration()) == []


def test_the_webhook_is_sealed_and_comes_back() -> None:
    configuration = Configuration(alerts=Alerts(webhook=WEBHOOK, rules=Rules(held=Held(minutes=0))))
    content = stored(configuration, KEYRING)
    assert b"planted" not in content
    assert opened(content, KEYRING) == configuration
    assert opened(content, KEYRING).alerts.webhook == Secret(WEBHOOK)


def test_with_another_key_the_webhook_is_left_out() -> None:
    content = stored(Configuration(alerts=Alerts(webhook=WEBHOOK, format="slack")), KEYRING)
    found, wrong = opened_as_far(content, Keyring(bytes(32)))
    assert (found.alerts.webhook, found.alerts.format) == ("", "slack")
    assert [problem.where for problem in wrong] == ["alerts, webhook"]


@pytest.mark.parametrize("reference", ["${HOOK}", None])
def test_it_is_exported_as_a_reference(file: Path, reference: str | None) -> None:
    references: dict[Any, str] = {("alerts", "webhook"): reference} if reference else {}
    configuration = Configuration(alerts=Alerts(webhook=WEBHOOK), references=references)
    text = export(configuration)
    assert "planted" not in text
    name = "HOOK" if reference else "ALERTS_WEBHOOK"
    assert f"webhook: ${{{name}}}" in text
    file.write_text(text)
    assert load(file, {name: WEBHOOK}) == configuration


def test_changes_are_told_without_the_webhook() -> None:
    old = Configuration(alerts=Alerts(webhook=WEBHOOK))
    new = Configuration(
        alerts=Alerts(webhook=f"{WEBHOOK}-2", enabled=False, rules=Rules(success_rate=SuccessRate(percent=99.0)))
    )
    assert list(lines(changes(old, new))) == [
        "~ alerts: enabled: true → false",
        "~ alerts: webhook: changed",
        "~ alerts: rules.success_rate.percent: 95.0 → 99.0",
    ]
    assert list(lines(changes(Configuration(), old))) == ["~ alerts: webhook: set"]
    assert list(lines(changes(old, Configuration()))) == ["~ alerts: webhook: removed"]


def test_a_support_bundle_has_no_webhook() -> None:
    redaction = Redaction(Configuration(alerts=Alerts(webhook=WEBHOOK)))
    assert redaction.configuration()["alerts"]["webhook"] == "set"
    assert "planted" not in redaction.text(f"posting to {WEBHOOK} failed")
