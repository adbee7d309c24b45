"""The one list of reason codes: why a delivery is not delivered, an event makes none, or a call was refused.

Each constant is a code as it stands in an outcome, a log, a metric or an answer; `REASONS` says what it means and how
to mend it. Codes never change their meaning.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """What a code means, in one sentence, and what to do about it."""

    meaning: str
    mend: str


REASONS: Final[dict[str, Reason]] = {}


def _reason(code: str, meaning: str, mend: str) -> str:
    REASONS[code] = Reason(meaning, mend)
    return code


# An event that makes no delivery

NO_TRIGGER: Final = _reason(
    "no_trigger",
    "The trigger of no enabled mapping matches the event.",
    "Nothing to do if the event is not meant for this destination; else `tockwork explain` shows which clause failed.",
)
INTEGRATIONS_OFF: Final = _reason(
    "integrations_off",
    "The event's own `integrations` object switches this destination off.",
    "Send the event with the destination set to true, or without `integrations`.",
)
OTHER_SOURCE: Final = _reason(
    "other_source",
    "The destination takes events of chosen sources, and the event came from another one.",
    "Nothing to do if that was meant; else add the source to the destination's sources.",
)
DESTINATION_DISABLED: Final = _reason(
    "destination_disabled",
    "The destination was switched off when the event came by.",
    "Enable the destination, then replay the events.",
)
DESTINATION_REMOVED: Final = _reason(
    "destination_removed",
    "The destination was removed before the event was decided or its row was delivered.",
    "Nothing to do if that was meant; else add the destination again, then replay the events.",
)
CONSENT: Final = _reason(
    "consent",
    "The person has not agreed to the consent category of this destination.",
    "Nothing to do; to change what is asked for, edit the destination's consent categories.",
)
OPTED_OUT: Final = _reason(
    "opted_out",
    "The person has opted out (Global Privacy Control, US Privacy or GPP), and the destination is set to block.",
    "Nothing to do; to send with limited data use instead, set the destination's privacy.opt_out to limit.",
)
SUPPRESSED_USER: Final = _reason(
    "suppressed_user",
    "The person is on the suppression list.",
    "Nothing to do; to send again, take the person off the list.",
)
DELETED_USER: Final = _reason(
    "deleted_user",
    "The person was deleted with `tockwork suppress delete`.",
    "Nothing to do; nothing of the event is kept.",
)
DUPLICATE_MESSAGE: Final = _reason(
    "duplicate_message",
    "An event with the same messageId was accepted before.",
    "Nothing to do; give different events different messageIds.",
)

# A delivery that Tockwork refuses before sending

FIELD_TYPE: Final = _reason(
    "field_type",
    "A field has a value of a type that cannot become the field's.",
    "Point the mapping of the named field at a value of the right type, or mend the event where it is made.",
)
FIELD_CHOICE: Final = _reason(
    "field_choice",
    "A field has a value that is not among its choices.",
    "Map the named field to one of its choices.",
)
FIELD_MISSING: Final = _reason(
    "field_missing",
    "A required field got no value.",
    "Give the named field a mapping that finds a value in the event.",
)
FIELD_DENIED: Final = _reason(
    "field_denied",
    "The destination needs a field that its own list of fields (privacy.fields) keeps back.",
    "Take the named field off the deny list, or put it on the allow list, then replay.",
)
BAD_TIMESTAMP: Final = _reason(
    "bad_timestamp",
    "The timestamp cannot be read, or lies more than 24 hours ahead.",
    "Send ISO 8601 or Unix seconds, and set the clock of the machine that sends.",
)
PII_REQUIRED: Final = _reason(
    "pii_required",
    "The event has neither an email address nor a phone number, and the destination needs one.",
    "Map email or phone to where the event carries it.",
)
PII_INVALID: Final = _reason(
    "pii_invalid",
    "An email address or phone number was given, and none of them is valid.",
    "Send plain addresses and numbers with a country code, or their SHA-256.",
)
TOO_OLD: Final = _reason(
    "too_old",
    "The event is older than the platform takes.",
    "Send events sooner; offline events within 28 days.",
)
MAPPING_ERROR: Final = _reason(
    "mapping_error",
    "A mapping cannot be worked out for this event.",
    "Read the named directive against the event with `tockwork explain`.",
)
TRANSFORM_FAILED: Final = _reason(
    "transform_failed",
    "Tockwork itself failed on this event.",
    "Please report it; replay the event after an update.",
)
ROW_TOO_LARGE: Final = _reason(
    "row_too_large",
    "The row alone is larger than a request may be.",
    "Map fewer or shorter values, contents above all.",
)

# A delivery that is not decided yet

WAITING: Final = _reason("waiting", "The row waits for its first attempt.", "Nothing to do.")
RETRYING: Final = _reason(
    "retrying",
    "The last attempt failed for a passing reason; the row is sent again.",
    "Nothing to do unless it lasts: see the detail.",
)
BLOCKED: Final = _reason(
    "blocked",
    "The platform refuses this destination's credentials or permissions; its rows wait.",
    "Mend the destination's settings as the detail says; delivery then goes on by itself.",
)
PAUSED: Final = _reason(
    "paused",
    "The destination is paused, by hand or because its answers looked wrong; its rows wait.",
    "See the alert, mend the cause, then `tockwork resume`.",
)

# Why a destination is blocked or paused, or what an answer said

NO_TOKEN: Final = _reason("no_token", "The destination has no access token.", "Set the access token.")
TOKEN_EXPIRED: Final = _reason("token_expired", "The access token has expired.", "Set a new access token.")
TOKEN_REVOKED: Final = _reason("token_revoked", "The access token is wrong or was revoked.", "Set a new access token.")
CREDENTIALS: Final = _reason(
    "credentials", "The platform refuses the credentials of the app or the token.", "Set a new access token."
)
NO_PERMISSION: Final = _reason(
    "no_permission",
    "The access token may not write to this pixel or event set.",
    "Check the pixel code or event set ID, and that the token comes from an admin or operator of its ad account.",
)
UNKNOWN_SOURCE: Final = _reason(
    "unknown_source", "The pixel or event set does not exist.", "Check the pixel code or event set ID."
)
THROTTLED: Final = _reason(
    "throttled", "Too many requests with this access token.", "Nothing to do; Tockwork slows down by itself."
)
PLATFORM_ERROR: Final = _reason(
    "platform_error", "The platform failed or is under maintenance.", "Nothing to do; the rows are sent again."
)
UNREADABLE_ANSWER: Final = _reason(
    "unreadable_answer",
    "An answer came that is not the platform's JSON, often from a gateway or proxy in between.",
    "Nothing to do unless it lasts: then see what stands between this machine and the platform.",
)
UNREACHABLE: Final = _reason(
    "unreachable",
    "No connection to the platform could be made; nothing was sent.",
    "Check the network, DNS, the proxy (HTTPS_PROXY) and the CA bundle.",
)
NO_ANSWER: Final = _reason(
    "no_answer",
    "The request went out and no answer came back; the rows may have arrived.",
    "Nothing to do; they are sent again with the same event_id, which the platform counts once.",
)
UNKNOWN_ANSWER: Final = _reason(
    "unknown_answer",
    "The platform gave an answer that Tockwork does not know.",
    "Look the code up in the platform's documentation, mend the cause, then resume the destination.",
)
MANY_REJECTED: Final = _reason(
    "many_rejected",
    "So many rows were rejected in a row that the cause must lie in the configuration.",
    "Look at the rejected rows' detail, mend the mapping or the settings, resume, then replay.",
)
PAUSED_BY_HAND: Final = _reason("paused_by_hand", "Someone paused the destination.", "Resume it.")

# A delivery that the platform refused

BAD_PARAMETER: Final = _reason(
    "bad_parameter",
    "A value in the row is missing or of the wrong form.",
    "The detail names the value; mend its mapping, then replay.",
)
BAD_PAYLOAD: Final = _reason(
    "bad_payload",
    "The platform cannot use the row, or uses a field of it no more.",
    "The detail names the field; mend its mapping, then replay.",
)
NOT_HASHED: Final = _reason(
    "not_hashed",
    "Personal data in the row is not hashed as the platform wants it.",
    "Map raw values and let Tockwork hash them, then replay.",
)
REQUEST_TOO_LARGE: Final = _reason(
    "request_too_large",
    "The platform finds the request too large, even with one row in it.",
    "Map fewer or shorter values, contents above all.",
)
PARTLY_REFUSED: Final = _reason(
    "partly_refused",
    "The platform took a part of the request, and not this row.",
    "The detail says what it answered; mend the mapping, then replay.",
)

# A delivery that came too late

RETRY_EXHAUSTED: Final = _reason(
    "retry_exhausted",
    "24 hours of retrying brought no success.",
    "Mend what the detail says, then replay.",
)
DEDUP_WINDOW_PASSED: Final = _reason(
    "dedup_window_passed",
    "An earlier attempt may have arrived, and the platform would by now count a repeat twice.",
    "Check in the platform's reports whether the event arrived before you replay it.",
)

# A call that the tracking API refuses

NOT_JSON: Final = _reason("not_json", "The event is no JSON object.", "Send a JSON object in UTF-8.")
INVALID_JSON: Final = _reason("invalid_json", "The body is no JSON in UTF-8.", "Send JSON in UTF-8.")
INVALID_BATCH: Final = _reason(
    "invalid_batch", "The body is no batch.", 'Send an object with a list of events: {"batch": […]}.'
)
INVALID_EVENT: Final = _reason("invalid_event", "The event is no JSON object.", "Send a JSON object.")
TOO_DEEP: Final = _reason("too_deep", "The JSON is nested too deeply.", "Send flatter events.")
TOO_LARGE: Final = _reason("too_large", "The body or the event is too large.", "Send less at once.")
BATCH_TOO_LARGE: Final = _reason("batch_too_large", "The batch is too large.", "Split it: 500 KB uncompressed at most.")
EVENT_TOO_LARGE: Final = _reason(
    "event_too_large", "The event is too large.", "Send at most 32 KB uncompressed an event."
)
UNKNOWN_TYPE: Final = _reason(
    "unknown_type",
    "The event's `type` is none of the spec's calls.",
    "Send track, identify, page, screen, group or alias.",
)
MISSING_EVENT_NAME: Final = _reason("missing_event_name", "A track event has no name.", "Send `event` as text.")
INVALID_GZIP: Final = _reason(
    "invalid_gzip", "The body is no complete gzip stream.", "Send gzip whole, or without Content-Encoding."
)
UNSUPPORTED_ENCODING: Final = _reason(
    "unsupported_encoding", "The body is packed in a way that is not supported.", "Send gzip, or send it unpacked."
)
BODY_TIMEOUT: Final = _reason("body_timeout", "The body did not come in time.", "Send it again.")
INCOMPLETE_BODY: Final = _reason(
    "incomplete_body", "The body broke off, or is not chunked as it says.", "Send it again."
)
INVALID_WRITE_KEY: Final = _reason(
    "invalid_write_key", "The write key is unknown or disabled.", "Use the write key shown at the source."
)
NOT_FOUND: Final = _reason("not_found", "There is no such path.", "Send events to /v1/batch, /v1/track and their like.")
METHOD_NOT_ALLOWED: Final = _reason("method_not_allowed", "The path takes other methods.", "Send events with POST.")
STORE_FULL: Final = _reason(
    "store_full", "There is no room for more events, for now.", "Send again later; make room on the disk."
)
STORE_FAILED: Final = _reason(
    "store_failed", "The events could not be kept.", "Send again later; see the server's log for the disk's error."
)
OVERLOADED: Final = _reason(
    "overloaded",
    "More is being received, or waits to be written, than there is room for.",
    "Send again in a few seconds.",
)
NOT_READY: Final = _reason("not_ready", "The server starts or stops.", "Send again in a few seconds.")
INTERNAL_ERROR: Final = _reason("internal_error", "The server failed at this request.", "Please report it.")

# A record of a file that makes no event

UNREADABLE_LINE: Final = _reason(
    "unreadable_line",
    "The line of the file is no record.",
    "The message says why; mend the line in the file of rejected lines, and import that.",
)
