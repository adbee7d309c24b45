"""Every diagnostic the sandbox can give: its level, its code and its words.

A diagnostic is about something that TikTok accepts in silence. `error` costs matches or events, `warn` probably does,
`info` is worth knowing. Sources: TikTok help centre (Pixel Helper, Web Diagnostics, "Monitor and diagnose"), Events
API pages on parameters, deduplication, click ids and Limited Data Use, and what integrators reported.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Level(StrEnum):
    ERROR = "error"
    WARN = "warn"
    INFO = "info"


class Diagnostic(msgspec.Struct, frozen=True):
    """One remark on an accepted event. `path` is relative to the row (`user.email.0`), or to the request's root when
    it starts with `/`. `message` names fields and rules, never a value."""

    level: Level
    code: str
    path: str
    message: str


class Finding(NamedTuple):
    """A diagnostic before its words. `detail` is a word of ours (a field, an event name), never a user's value."""

    code: str
    path: str
    detail: str = ""


class _Words(NamedTuple):
    level: Level
    message: str


_E, _W, _I = Level.ERROR, Level.WARN, Level.INFO

CATALOGUE: Final = {
    # the event's name
    "name_custom": _Words(_I, "a custom event: good for reports and audiences, not for optimisation"),
    "name_custom_invalid": _Words(
        _E, "a custom name has at most 50 letters, digits, underscores or dashes, a letter first"
    ),
    "name_legacy": _Words(_I, "TikTok calls this event {} now; rename it on the browser and the server together"),
    "name_not_for_offline": _Words(_W, "offline event sets support the standard events only"),
    "name_page_view_spelling": _Words(_W, "the pixel spells it Pageview"),
    "name_reserved": _Words(_W, "a reserved name: TikTok turns it into {}"),
    "name_resembles": _Words(_W, "looks like the standard event {}, and is another one; case and spelling matter"),
    "name_retiring": _Words(_I, "TikTok supports this event until 2027"),
    # identity and time
    "event_id_missing": _Words(_I, "without an event_id no copy is recognised"),
    "event_time_far_future": _Words(_E, "more than 24 hours ahead of the time of receipt"),
    "event_time_future": _Words(_W, "more than 5 minutes ahead of the time of receipt"),
    "event_time_late": _Words(_I, "more than an hour old on receipt; TikTok recommends sending in real time"),
    "event_time_too_old": _Words(_E, "offline events are taken for 28 days"),
    "event_time_useless": _Words(_I, "older than 28 days, the longest attribution window"),
    "event_time_text": _Words(_E, "a string where an integer belongs"),
    # hashed fields
    "email_raw": _Words(_E, "a plain e-mail address"),
    "phone_raw": _Words(_E, "a plain phone number where a SHA-256 hash belongs"),
    "hash_expected": _Words(_E, "no SHA-256 hash (64 lower-case hex digits)"),
    "hash_md5": _Words(_E, "as long as an MD5 hash; TikTok matches SHA-256 alone"),
    "hash_of_empty": _Words(_E, "the hash of the empty string"),
    "hash_of_placeholder": _Words(_E, "the hash of a placeholder such as null or undefined"),
    "hash_sha1": _Words(_E, "as long as a SHA-1 hash; TikTok matches SHA-256 alone"),
    "hash_unexpected": _Words(_E, "looks like a hash, and belongs there as plain text"),
    "hash_upper_case": _Words(_W, "a hash in upper case; TikTok writes hashes in lower case"),
    # plain fields of the user
    "country_shape": _Words(_W, "no lower-case country code of two letters (ISO 3166-1)"),
    "device_id_case": _Words(_W, "an IDFA is upper-case, a GAID lower-case"),
    "ip_invalid": _Words(_E, "no IP address"),
    "ip_not_public": _Words(_W, "a private or reserved address, not the shopper's"),
    "ip_without_user_agent": _Words(_I, "ip and user_agent match only together"),
    "limited_data_use_without_ip": _Words(_W, "Limited Data Use needs the user's public ip to find the state"),
    "locale_shape": _Words(_W, "no language tag (BCP 47), such as en-US"),
    "no_match_key": _Words(_W, "nothing in the event can be matched to a person"),
    "not_normalised": _Words(_W, "TikTok wants it lower-case, without spaces and punctuation"),
    "offline_without_contact": _Words(_W, "an offline event matches by email or phone"),
    "ttclid_in_url_only": _Words(_I, "the page's URL has a ttclid, user.ttclid does not"),
    "ttclid_is_ttp": _Words(_W, "looks like the _ttp cookie, not like a click id"),
    "ttclid_lower_cased": _Words(_W, "has no upper-case letter; a click id must keep its case"),
    "ttclid_too_long": _Words(_W, "longer than 1000 characters"),
    "ttclid_truncated": _Words(_W, "exactly as long as a common column limit; it is probably cut off"),
    "ttp_is_ttclid": _Words(_W, "looks like a click id, not like the _ttp cookie"),
    "user_agent_tool": _Words(_W, "the user agent of a program, not of a shopper"),
    "user_missing": _Words(_W, "the web setup guide asks for a user object"),
    # properties
    "content_id_misplaced": _Words(_W, "belongs into contents[].content_id or content_ids"),
    "content_id_missing": _Words(_W, "TikTok reports 'Content ID missing'"),
    "content_id_without_value": _Words(_I, "content ids without a value"),
    "content_type_missing": _Words(_W, "say product or product_group, or the catalogue cannot be matched"),
    "currency_case": _Words(_W, "currency codes are upper-case"),
    "currency_missing": _Words(_W, "a value needs its currency"),
    "currency_unknown": _Words(_W, "not in TikTok's list of currencies"),
    "number_as_text": _Words(_W, "a number written as a string"),
    "search_missing": _Words(_I, "a Search has search_string and query"),
    "value_mismatch": _Words(_W, "far from the sum of price x quantity"),
    "value_missing": _Words(_W, "TikTok recommends value and currency for this event"),
    "value_negative": _Words(_W, "a negative amount"),
    # any field
    "empty": _Words(_W, "empty: leave it out"),
    "not_for_source": _Words(_I, "TikTok does not list it for this event source"),
    "not_listed": _Words(_W, "not one of {}"),
    "null": _Words(_I, "null: leave it out"),
    "placeholder": _Words(_W, "a placeholder such as null or undefined, as text"),
    "unknown_key": _Words(_W, "TikTok ignores this key{}"),
    # page and request
    "email_in_url": _Words(_E, "a plain e-mail address in a URL"),
    "event_source_id_shape": _Words(_W, "does not look like {}"),
    "page_url_not_http": _Words(_W, "no full http or https URL"),
    "partner_name_present": _Words(_W, "for registered partners only: leave it out"),
    "path_without_slash": _Words(_W, "the documented path ends with a slash"),
    "test_event_code_empty": _Words(_W, "send no key at all instead of an empty code"),
    "test_event_code_in_row": _Words(_E, "belongs to the root of the request; here the event counts as a real one"),
    "test_event_code_shape": _Words(_I, "codes look like TEST and five digits"),
}


def worded(finding: Finding) -> Diagnostic:
    words = CATALOGUE[finding.code]
    return Diagnostic(words.level, finding.code, finding.path, words.message.format(finding.detail))
