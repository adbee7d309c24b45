"""What all tests share."""

from hypothesis import HealthCheck, settings

# How long an example takes to make says more about the machine's other work than about the test.
settings.register_profile("tockwork", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tockwork")
