"""The file of rejected lines: what of an import was not delivered, as it was given, and why."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

import msgspec

from tockwork.app.commands.dry_run import FIRST, BadLine
from tockwork.ingest.files.block import OWN, Block, Blocks
from tockwork.ingest.files.delimited import Delimited
from tockwork.ingest.files.lines import Lines
from tockwork.ingest.files.reader import Reader
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.store.imports import Imports
from tockwork.store.protocol import Key

PAGE: Final = 500


class _File(msgspec.Struct, frozen=True):
    line: int = 0


class _Context(msgspec.Struct, frozen=True):
    file: _File = _File()


class _Event(msgspec.Struct, frozen=True):
    context: _Context = _Context()


def place(path: Path, blocks: Blocks) -> Path:
    """Where the rejected lines of the file at `path` go, unless someone says otherwise."""
    return path.with_name(
        f"{path.name.removesuffix('.gz')}.rejected{'.jsonl' if isinstance(blocks, Lines) else '.csv'}"
    )


def check_free(path: Path) -> None:
    """Raises `ConfigurationError` where a file would be overwritten that someone may be mending."""
    if path.exists():
        what = "exists already, and would be overwritten"
        raise ConfigurationError([Problem(str(path), what, "Move it, or name another with --rejects.")])


DeadLines = AsyncIterator[tuple[int, str, str]]
"""Lines, each with a reason code and what was answered."""


class Looked(msgspec.Struct):
    """What the file itself says: its records, how many make no event, by reason, and the first bad lines."""

    records: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    first: list[BadLine] = []


async def dead_lines(imports: Imports, import_id: int) -> DeadLines:
    """The lines with dead letters, in the file's order, each with a reason code and what was answered."""
    decode = msgspec.json.Decoder(_Event).decode
    after: Key = (0, 0)
    while letters := await imports.dead(import_id, after, PAGE):
        for letter in letters:
            if letter.event:  # else its person was deleted
                file = decode(letter.event).context.file
                yield file.line, letter.line.reason or "", letter.line.detail or ""
        after = letters[-1].line.key


async def write(reader: Reader, dead: DeadLines, path: Path | None, told: Callable[[int], None]) -> Looked:
    """Reads the file once more and writes its lines that are dead or make no event to `path`, if there are any. Nothing
    stands at `path` before all of it does. `told` is told the records read."""
    looked = Looked()
    following = await anext(dead, None)
    with _Written(path, reader.blocks) as written:
        for portion in reader.portions():
            why: dict[int, BadLine] = {}
            while following is not None and following[0] <= portion.block.last_line:
                why.setdefault(following[0], BadLine(*following))
                following = await anext(dead, None)
            for refused in portion.refused:
                why[refused.line] = BadLine(refused.line, refused.reason, refused.message)
                looked.refused[refused.reason] += 1
            if why:
                looked.first += sorted(why.values(), key=lambda bad: bad.line)[: FIRST - len(looked.first)]
                written.add(portion.block, why)
            looked.records = portion.read
            told(portion.read)
    return looked


class _Written:
    """The file, begun with the first line that is added. Only its owner may read it: it holds what the file does."""

    def __init__(self, path: Path | None, blocks: Blocks) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.part") if path else None
        self._blocks = blocks
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._file is None or self._path is None or self._partial is None:
            return
        self._file.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink()

    def add(self, block: Block, why: Mapping[int, BadLine]) -> None:
        """Writes the lines of `block` that `why` names, with why."""
        if self._partial is None:
            return
        file = self._file
        if file is None:
            number = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            file = self._file = open(number, "w", encoding="utf-8", newline="")  # noqa: SIM115 - closed with the block
            if not isinstance(self._blocks, Lines):
                self._csv(file).writerow([*OWN, *block.header])
        given = _given(block, why)
        for line in sorted(given):
            bad = why[line]
            why_not = [line, f"{bad.reason}: {bad.message}".removesuffix(": ")]
            if isinstance(self._blocks, Lines):
                members = {**dict(zip(OWN, why_not, strict=True)), **_members(given[line], block.header)}
                file.write(msgspec.json.encode(members).decode() + "\n")
            else:
                self._csv(file).writerow([*why_not, *given[line]])

    def _csv(self, file: IO[str]) -> Any:
        delimiter = self._blocks.delimiter if isinstance(self._blocks, Delimited) else ","
        return csv.writer(file, delimiter=delimiter, lineterminator="\n")


def _members(given: Sequence[str] | Mapping[str, Any], header: Sequence[str]) -> Mapping[str, Any]:
    """What stood on a line of JSON; the text itself where it was no object."""
    if isinstance(given, Mapping):
        return given
    if len(given) != len(header):
        return {"text": "".join(given)}
    return {name: value for name, value in zip(header, given, strict=True) if value}


def _given(block: Block, lines: Container[int]) -> dict[int, Sequence[str] | Mapping[str, Any]]:
    """What stands on these lines of a block."""
    wanted = [place for place, line in enumerate(block.lines) if line in lines]
    found: dict[int, Sequence[str] | Mapping[str, Any]] = {}
    for place, row in zip(wanted, block.cells[wanted].rows() if wanted else (), strict=True):
        found[block.lines[place]] = row
    found |= {refused.line: refused.fields for refused in block.refused if refused.line in lines}
    return found | {whole.line: whole.event for whole in block.whole if whole.line in lines}
