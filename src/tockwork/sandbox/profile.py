"""How strict the sandbox is, as data.

TikTok documents more than it was seen to enforce, and documents HTTP statuses that it was not always seen to send. A
profile says which of the two to play. Sources: Events API, "Responses and errors"; measurements by integrators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tockwork.model.errors import ConfigurationError, Problem


class Profile(msgspec.Struct, frozen=True):
    """What a sandbox refuses and with which HTTP status.

    `statuses` maps a body's `code` to an HTTP status; a code that is not in it is answered with 200. `required` are
    the parts a row cannot be without, as paths. `partners` are the values of `partner_name` that pass; None lets any
    pass. `refuses` are codes of diagnostics that become refusals. With `loose_types` null and numbers written as
    strings pass. With `needs_slash` the path without its trailing slash is redirected instead of served.
    """

    name: str
    statuses: Mapping[int, int] = {}
    required: frozenset[str] = frozenset({"page.url", "app.app_id", "lead.lead_id"})
    partners: frozenset[str] | None = frozenset(
        {"GoogleTagManagerServer", "WooCommerce", "WordPress", "RudderStack", "Segment"}
    )
    refuses: frozenset[str] = frozenset()
    loose_types: bool = False
    needs_slash: bool = False

    def status(self, code: int) -> int:
        return self.statuses.get(code, 200)


_DOCUMENTED_STATUSES: Final = {40001: 400, 40002: 400, 40100: 401, 40102: 401, 40104: 401, 40105: 401}

_FORBIDDEN: Final = frozenset(
    {
        "email_raw",
        "event_time_far_future",
        "event_time_too_old",
        "hash_expected",
        "hash_md5",
        "hash_of_empty",
        "hash_sha1",
        "hash_unexpected",
        "ip_invalid",
        "name_custom_invalid",
        "name_not_for_offline",
        "not_listed",
        "page_url_not_http",
        "phone_raw",
        "test_event_code_empty",
        "ttclid_too_long",
        "user_missing",
    }
)

PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("documented", statuses=_DOCUMENTED_STATUSES),
        Profile("always-200"),
        Profile("strict-docs", statuses=_DOCUMENTED_STATUSES, refuses=_FORBIDDEN, needs_slash=True),
        Profile("lenient", statuses=_DOCUMENTED_STATUSES, required=frozenset(), partners=None, loose_types=True),
    )
}


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises `ConfigurationError` when there is none."""
    if (profile := PROFILES.get(name)) is None:
        choices = ", ".join(PROFILES)
        raise ConfigurationError([Problem("profile", f"there is no profile {name!r}", f"Choose one of {choices}.")])
    return profile
