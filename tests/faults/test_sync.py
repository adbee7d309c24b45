"""Every 200 is preceded by a sync of what was accepted: seen from outside, in the server's system calls."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest
from tests.faults.deployment import deployed
from tests.faults.load import Load
from tests.faults.oracle import Oracle
from tests.faults.trace import Verdict, command, judge

from tockwork.sandbox.server import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs strace")


async def verdict(requests: int, folder: Path, **variables: str) -> Verdict:
    """Of so many requests, one after the other, to a server that only accepts: there are no other syncs than theirs."""
    trace = folder / "trace"
    async with Sandbox().serve() as sandbox, deployed(folder / "data", sandbox.url, **variables) as it:
        await it.start(["ingest"], within=command(trace))
        load = Load(Oracle(sandbox), Random(1), connections=1)
        await load.run(it.url, lambda: load.answers[200] == requests)
        assert list(load.answers) == [200]
        await it.stop()
    return judge(trace)


@pytest.mark.parametrize("requests", [50, pytest.param(2000, marks=[pytest.mark.faults, pytest.mark.timeout(300)])])
async def test_synced_before_it_is_acknowledged(requests: int, tmp_path: Path) -> None:
    assert await verdict(requests, tmp_path) == Verdict(requests=requests, answered=requests, early=0)


async def test_the_check_sees_a_server_that_does_not_sync(tmp_path: Path) -> None:
    found = await verdict(50, tmp_path, TOCKWORK_SYNCHRONOUS="normal")
    assert (found.requests, found.answered) == (50, 50)
    assert found.early > 40


def test_a_trace_is_read_in_the_order_of_its_moments(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    arrived = '7 recvfrom(26<TCP:[...]>, "POST /v1/track HTTP/1.1\\r"..., 8192, 0, NULL, NULL) = 225\n'
    written = '8 pwrite64(9</data/tockwork.db-wal>, "\\0"..., 4096, 0) = 4096\n'
    begun = "8 fdatasync(9</data/tockwork.db-wal> <unfinished ...>\n"
    done, failed = "8 <... fdatasync resumed>) = 0\n", "8 <... fdatasync resumed>) = -1 EIO (Input/output error)\n"
    answered = '7 writev(26<TCP:[...]>, [{iov_base="HTTP/1.1 200 OK\\r\\n"..., iov_len=157}], 1) = 157\n'

    def early(*lines: str) -> int:
        trace.write_text("".join(lines))
        return judge(trace).early

    assert early(arrived, written, begun, done, answered) == 0
    assert early(arrived, written, begun, answered, done) == 1
    assert early(arrived, written, begun, failed, answered) == 1
    assert early(arrived, begun, written, done, answered) == 1
    assert early(written, begun, arrived, done, answered) == 1
    assert early(arrived, written, begun, done, answered, arrived, answered) == 1
