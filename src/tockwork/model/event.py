"""An event in Segment's format, as plain JSON values."""

from __future__ import annotations

from typing import Any, Final

import msgspec

Event = dict[str, Any]
"""One event: the JSON object of Segment's spec (type, event, properties, context, …), never changed once accepted."""

CALLS: Final = ("track", "identify", "page", "screen", "group", "alias")
"""The six calls of Segment's spec; an event's `type` is one of them."""


class Envelope(msgspec.Struct, frozen=True):
    """What stands at the root of a request to TikTok; rows with different envelopes never share one.

    Source: TikTok, "Report App, Web, Offline, or CRM Events" (event_source, event_source_id) and "Verify web setup"
    (test_event_code); `partner_name` is for partners that are registered with TikTok. Empty means left out. The access
    token belongs to the destination instance and is added when the request is sent.
    """

    event_source: str
    event_source_id: str
    test_event_code: str = ""
    partner_name: str = ""
