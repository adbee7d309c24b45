"""How the tests find their browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser import chromium as browsers


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without a browser, where nothing can be installed."""
    browsers.chromium.cache_clear()
    monkeypatch.delenv(browsers.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browsers, "MAC", ())
    monkeypatch.setattr(browsers, "_from_playwright", lambda: None)
    yield
    browsers.chromium.cache_clear()


def program(path: Path, code: int = 0) -> str:
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_the_chosen_one_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    chosen = program(tmp_path / "mine")
    monkeypatch.setenv(browsers.VARIABLE, chosen)
    assert browsers.chromium() == chosen


def test_a_chosen_one_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    monkeypatch.setenv(browsers.VARIABLE, str(tmp_path / "missing"))
    with pytest.raises(RuntimeError, match=r"TOCKWORK_CHROMIUM names no browser that starts: .*missing"):
        browsers.chromium()


def test_an_installed_one_must_start(tmp_path: Path) -> None:
    program(tmp_path / "chromium", code=1)
    chrome = program(tmp_path / "google-chrome")
    assert browsers.chromium() == chrome


def test_playwright_comes_before_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(browsers, "_from_playwright", lambda: "/of/playwright")
    program(tmp_path / "apt-get")
    assert browsers.chromium() == "/of/playwright"


def test_root_may_install_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    apt = tmp_path / "apt-get"
    made = tmp_path / "chromium"
    apt.write_text(f'#!/bin/sh\n[ "$1" = update ] || {{ echo "#!/bin/sh" > {made}; /bin/chmod +x {made}; }}\n')
    apt.chmod(0o755)
    assert browsers.chromium() == str(made)


@pytest.mark.parametrize("user", [0, 1000])
def test_without_any_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    with pytest.raises(RuntimeError, match=r"install chromium or Google Chrome, or set TOCKWORK_CHROMIUM"):
        browsers.chromium()


def test_only_root_gives_up_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in browsers.switches()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in browsers.switches()
