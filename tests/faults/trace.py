"""What a server did, in order, from strace: was every acknowledgement on stable storage before it was sent?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from tests.faults.programs import program

_CALLS: Final = "fsync,fdatasync,pwrite64,recvfrom,read,sendto,write,writev,sendmsg"
_START: Final = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED: Final = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
_RESULT: Final = re.compile(r"\) += (-?\d+)[^)]*$")
_UNFINISHED: Final = "<unfinished ...>"


def command(file: Path) -> list[str]:
    """What to start a process by, so that `file` tells its calls."""
    # As a grandchild, so that the process has the parent that it would have without.
    return [program("strace", "strace"), "-D", "-f", "-yy", "-s", "24", "-o", str(file), "-e", f"trace={_CALLS}"]


class Moment(msgspec.Struct, frozen=True):
    """A system call begins or ends. `text` are its arguments so far as they are known, `result` is None at its
    beginning."""

    call: str
    text: str
    result: int | None = None


def moments(lines: Iterator[str]) -> Iterator[Moment]:
    """The beginning and the end of each call, in the order in which strace saw them."""
    begun: dict[str, str] = {}
    for line in lines:
        line = line.rstrip("\n")
        if found := _START.match(line):
            text = found["rest"]
            yield Moment(found["name"], text)
            if text.endswith(_UNFINISHED):
                begun[found["pid"]] = text.removesuffix(_UNFINISHED)
            elif ended := _RESULT.search(text):
                yield Moment(found["name"], text, int(ended[1]))
        elif (found := _RESUMED.match(line)) and (ended := _RESULT.search(found["rest"])):
            yield Moment(found["name"], begun.pop(found["pid"], "") + found["rest"], int(ended[1]))


class Verdict(msgspec.Struct):
    """Requests that arrived, those answered with 200, and those of them that were answered too early."""

    requests: int = 0
    answered: int = 0
    early: int = 0


def judge(file: Path) -> Verdict:
    """The verdict on one request after the other: between a request's arrival and its 200 there has to be a write to
    the write-ahead log and after it a sync of that log, begun after the write and successful."""
    verdict = Verdict()
    written = syncing = synced = False
    with file.open(errors="replace") as lines:
        for moment in moments(lines):
            log = "tockwork.db-wal>" in moment.text
            match moment.call, moment.result:
                case (("recvfrom" | "read"), int()) if '"POST /v1/' in moment.text:
                    verdict.requests += 1
                    written = syncing = synced = False
                case "pwrite64", int(result) if log and result > 0:
                    written, syncing, synced = True, False, False
                case (("fsync" | "fdatasync"), None) if log:
                    syncing = written
                case (("fsync" | "fdatasync"), 0) if log:
                    synced = syncing
                case (("sendto" | "write" | "writev" | "sendmsg"), None) if '"HTTP/1.1 200' in moment.text:
                    verdict.answered += 1
                    verdict.early += not synced
    return verdict
