"""What all tests share."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes to make says more about the machine's other work than about the test.
settings.register_profile("tockwork", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tockwork")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for a server or a browser."""
    return (os.cpu_count() or 1) + 1
