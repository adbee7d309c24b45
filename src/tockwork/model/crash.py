"""Named places at which a test can make the process end as if it were killed.

``TOCKWORK_CRASH=settled`` (or ``settled:3`` for the third time) ends it there with SIGKILL: nothing is flushed, nothing
cleaned up. Without the variable a crash point is a comparison with an empty string.
"""

from __future__ import annotations

import os
import signal
from typing import Final

CRASH_POINTS: Final = (
    "append_written",  # events are written, and not yet committed
    "append_unindexed",  # events are safe, and their messageIds not yet in the tables of the recent ones
    "append_committed",  # events are safe, and no client was told
    "chunk_read",  # a chunk was handed out, and nobody wrote down that it was
    "attempt_begun",  # it is written down that rows are about to be sent
    "rows_answered",  # TikTok has answered, and nothing was written down
    "settle_written",  # fates are written, and not yet committed
    "settled",  # fates are safe
    "retry_begun",  # it is written down that rows are about to be sent again
    "retry_answered",  # TikTok has answered to rows that were sent again
    "retry_updated",  # their fates are safe
    "purge_written",  # old events are deleted, and it is not yet committed
    "version_written",  # a configuration version is written, and not yet committed
    "migration_written",  # a migration has run, and is not yet committed
)
_name, _, _nth = os.environ.get("TOCKWORK_CRASH", "").partition(":")
_left = int(_nth or 1)


def crash_point(name: str) -> None:
    """Ends the process here if it was asked for."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
