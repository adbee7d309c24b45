"""Every store against its model, and settling again: whatever comes, the counts are right."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from tests.contract.store_machine import StoreMachine
from tests.contract.store_opened import DURABLE, STORES, filled, settle
from tests.contract.store_values import events, settled

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status


@pytest.mark.parametrize("examples", [20, pytest.param(300, marks=[pytest.mark.faults, pytest.mark.timeout(1500)])])
@pytest.mark.parametrize("name", STORES)
def test_a_store_behaves_like_its_model(name: str, examples: int) -> None:
    class Machine(StoreMachine):
        opened = staticmethod(STORES[name])
        durable = name in DURABLE

    run_state_machine_as_test(Machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=20, deadline=None)
@given(first=st.lists(events, min_size=3, max_size=3), second=st.lists(events, min_size=3, max_size=3))
def test_settling_again_changes_nothing(
    name: str, first: Sequence[Sequence[Status]], second: Sequence[Sequence[Status]]
) -> None:
    async def scenario(folder: Path) -> None:
        async with STORES[name](SimulatedClock(), folder) as store:
            chunk = await filled(store, *first, at=10.0)
            before = await store.tally("shop"), await store.due("shop", 99.0, 99), await store.exceptions("shop", 99)
            await settle(store, chunk, *second, at=20.0)
            await store.settle("shop", [settled(chunk, *second), settled(chunk, *first)])
            assert before == (
                await store.tally("shop"),
                await store.due("shop", 99.0, 99),
                await store.exceptions("shop", 99),
            )

    with TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))
