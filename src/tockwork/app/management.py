"""The management API and the console on a running server.

Loaded when somebody comes for the first time, since it takes a while.
"""

from __future__ import annotations

from tockwork.api import application as api
from tockwork.api.office import Office
from tockwork.app.admin import Rooms
from tockwork.console import application as console
from tockwork.operations.premises import Premises


def rooms(premises: Premises) -> Rooms:
    """What the admin listener shows beside health and metrics."""
    management = api.application(Office(premises))
    return Rooms(api=management, console=console.application(management))
