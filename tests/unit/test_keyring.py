"""The key that secrets are sealed with: where it comes from, who may read it, and what it opens."""

from __future__ import annotations

import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.configuration.keyring import FILE_NAME, Keyring, WrongKey
from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret

KEY = "a long enough text"
SECRET = Secret("planted-access-token-4711")
KEYRING = Keyring(bytes(32))


def problem(folder: Path, environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Keyring.load(folder, environment)
    (found,) = caught.value.problems
    return str(found)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_opens_for_its_place_alone(text: str, place: str) -> None:
    sealed = KEYRING.seal(Secret(text), place)
    assert KEYRING.open(sealed, place) == Secret(text)
    with pytest.raises(WrongKey):
        KEYRING.open(sealed, f"{place}!")
    with pytest.raises(WrongKey):
        Keyring(bytes(31) + b"1").open(sealed, place)


def test_sealing_twice_gives_two_texts() -> None:
    one, other = KEYRING.seal(SECRET, "shop"), KEYRING.seal(SECRET, "shop")
    assert one[:16] != other[:16]  # the nonces
    assert SECRET.reveal().encode() not in urlsafe_b64decode(one)


@given(st.integers(0, 52), st.integers(1, 255))
def test_what_was_tampered_with_does_not_open(at: int, change: int) -> None:
    content = bytearray(urlsafe_b64decode(KEYRING.seal(SECRET, "shop")))
    content[at] ^= change
    with pytest.raises(WrongKey):
        KEYRING.open(urlsafe_b64encode(content).decode(), "shop")


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64 §", SECRET.reveal()])
def test_what_is_no_sealed_text_does_not_open(sealed: str) -> None:
    with pytest.raises(WrongKey) as caught:
        KEYRING.open(sealed, "shop")
    assert SECRET.reveal() not in str(caught.value)


def test_a_key_is_made_and_found_again(tmp_path: Path) -> None:
    sealed = Keyring.load(tmp_path, {}).seal(SECRET, "shop")
    file = tmp_path / FILE_NAME
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert file.stat().st_mode & 0o777 == 0o600
    assert Keyring.load(tmp_path, {}).open(sealed, "shop") == SECRET


def test_two_folders_have_different_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sealed = Keyring.load(tmp_path / "a", {}).seal(SECRET, "shop")
    with pytest.raises(WrongKey):
        Keyring.load(tmp_path / "b", {}).open(sealed, "shop")


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tockwork.configuration.keyring import Keyring; "
        "from tockwork.model.secret import Secret; print('ready', flush=True); sys.stdin.readline(); "
        "print(Keyring.load(Path(sys.argv[1]), {}).seal(Secret('token'), 'shop'))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    sealed = [process.communicate(timeout=30)[0].strip() for process in processes]
    keyring = Keyring.load(tmp_path, {})
    assert [keyring.open(one, "shop") for one in sealed] == [Secret("token")] * 4
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_the_environment_wins_and_leaves_the_folder_alone(tmp_path: Path) -> None:
    sealed = Keyring.load(tmp_path, {"TOCKWORK_SECRET_KEY": KEY}).seal(SECRET, "shop")
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "elsewhere"
    file.write_text(f"{KEY}\n")
    file.chmod(0o444)  # as container engines mount secrets
    from_file = Keyring.load(tmp_path, {"TOCKWORK_SECRET_KEY_FILE": str(file), "TOCKWORK_SECRET_KEY": "other" * 5})
    assert from_file.open(sealed, "shop") == SECRET
    with pytest.raises(WrongKey):
        Keyring.load(tmp_path, {"TOCKWORK_SECRET_KEY": f"{KEY}!"}).open(sealed, "shop")


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    said = problem(tmp_path, {"TOCKWORK_SECRET_KEY": "fifteen letters"})
    assert said.startswith("TOCKWORK_SECRET_KEY: expected at least 16 characters, got 15. Make one with:")
    assert "fifteen" not in said


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = problem(tmp_path, {"TOCKWORK_SECRET_KEY_FILE": "/no/such/file"})
    assert said.startswith("TOCKWORK_SECRET_KEY_FILE: /no/such/file cannot be read: No such file")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    Keyring.load(tmp_path, {})
    (tmp_path / FILE_NAME).chmod(mode)
    assert f"Run: chmod 600 {tmp_path / FILE_NAME}" in problem(tmp_path, {})


DAMAGED = (b"", b"short", b"\xff" * 44, urlsafe_b64encode(bytes(33)), urlsafe_b64encode(bytes(31)))


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(content)
    file.chmod(0o600)
    assert "is no key, or is damaged" in problem(tmp_path, {})
    assert file.read_bytes() == content


def test_a_key_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir(mode=0o700)
    assert "cannot be read: Is a directory" in problem(tmp_path, {})


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = problem(tmp_path / "gone", {})
    assert said.startswith(f"{tmp_path / 'gone' / FILE_NAME}: cannot be made: No such file")


def test_a_key_whose_making_was_cut_short_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tockwork.configuration.keyring.os.fsync", cut_short)
    assert "cannot be made: Input/output error" in problem(tmp_path, {})
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    Keyring.load(tmp_path, {})
