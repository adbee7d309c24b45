"""One server for the tests of a module; each test finds the stand-in for TikTok empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from tests.e2e.clients.stand import Stand, standing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("stand")) as stand:
        yield stand


@pytest.fixture
def stand(running: Stand) -> Iterator[Stand]:
    running.reset()
    yield running
    assert running.proxy.faults == [], "the client met every fault"
