"""What TikTok's destinations declare: every condition that can be seen in events, rows and configuration.

TikTok's own diagnostics see more: what its catalog matches, which reports browsers block, what its pixel finds on a
page. Source of the list: TikTok help centre, "Web Diagnostics" and Pixel Helper 2.0, and integrators' reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tockwork.destinations.diagnosis import Condition, Diagnostics
from tockwork.destinations.tiktok.diagnostics.coverage import COVERAGE
from tockwork.destinations.tiktok.diagnostics.goods import GOODS
from tockwork.destinations.tiktok.diagnostics.identity import IDENTITY
from tockwork.destinations.tiktok.diagnostics.keys import MATCH_KEYS, PIXEL_KEYS, TARGETS
from tockwork.destinations.tiktok.diagnostics.legs import LEGS
from tockwork.destinations.tiktok.diagnostics.names import NAMES
from tockwork.destinations.tiktok.diagnostics.people import PEOPLE
from tockwork.destinations.tiktok.diagnostics.traffic import TRAFFIC

CONDITIONS: Final[tuple[Condition, ...]] = (*IDENTITY, *NAMES, *PEOPLE, *COVERAGE, *GOODS, *LEGS, *TRAFFIC)
_NOT_IN_A_PAGE: Final = frozenset(
    "event_time_invalid event_late event_ahead event_too_old page_url_missing source_refused not_hashed no_match_key "
    "ip_private user_agent_program ttclid_cut_off ttclid_lower_case ttclid_is_a_cookie limited_without_ip cookies_off "
    "contact_rare click_id_lost cookie_rare ip_shared user_agent_shared tests_among_real_events only_tests "
    "source_id_unusual no_recent_activity volume_swing event_name_custom_offline".split()
)
"""What a pixel finds out by itself, or Tockwork's server cannot know of it."""


def _calls(row: Any) -> Iterator[dict[str, Any]]:
    """The reports in the calls that the pixel's plugin makes: each ``track``, with whom ``identify`` named before."""
    person: Any = {}
    for method, *arguments in row:
        if method == "identify":
            person = arguments[0]
        elif method == "track":
            name, properties, *rest = arguments
            event_id = rest[0].get("event_id") if rest else None
            yield {"event": name, "user": person, "properties": properties, "event_id": event_id}


CLOUD: Final = Diagnostics(conditions=CONDITIONS, keys=MATCH_KEYS, targets=TARGETS)
"""Of the destinations on the Events API."""
IN_BROWSER: Final = Diagnostics(
    conditions=tuple(one for one in CONDITIONS if one.code not in _NOT_IN_A_PAGE),
    keys=PIXEL_KEYS,
    targets={},
    read=_calls,
    automatic="The pixel adds the click id, the cookie _ttp, IP address and user agent by itself; they are not counted "
    "here.",
)
"""Of the pixel."""
