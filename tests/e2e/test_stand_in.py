"""What waits for a stand-in never goes to TikTok, though nobody was there when the configuration changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.test_operations import Folder, arrived, configuration, destination, send, until

from tockwork.model.outcome import Status
from tockwork.sandbox.server import Sandbox


@pytest.mark.parametrize("at_first", [True, False])
async def test_what_waits_goes_where_it_was_meant_for(at_first: bool, tmp_path: Path) -> None:
    async with Sandbox().serve() as tiktok:
        folder = Folder(tmp_path / "data", tiktok.url)
        await folder.apply(configuration({**destination(), "sandbox": at_first}))
        async with folder.server("--only", "ingest"), folder.server("--only", "delivery"):
            await folder.told("pause", "tiktok")
            await until(lambda: folder.condition() == "paused")
        async with folder.server("--only", "ingest") as ingest:
            await send(ingest.url, "waits")
        await folder.apply(configuration({**destination(), "sandbox": False}))
        async with folder.server() as server:
            if not at_first:
                await folder.told("resume", "tiktok")
            await send(server.url, "new")
            await until(lambda: "new" in arrived(tiktok))
            await until(lambda: not folder.books().undecided)
        assert arrived(tiktok) == ({"new"} if at_first else {"waits", "new"})
        assert folder.books().lines[Status.DELIVERED, None] == len(arrived(tiktok))
        removed = folder.books().lines.get((Status.FILTERED, "destination_removed"), 0)
        assert removed == (1 if at_first else 0)
