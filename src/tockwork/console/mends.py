"""Where in the console somebody can do what a reason's text says: the texts name fields, lists and commands."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from tockwork.model import reasons
from tockwork.model.names import segment

SETTINGS: Final = frozenset(
    {
        reasons.BLOCKED,
        reasons.CREDENTIALS,
        reasons.DESTINATION_DISABLED,
        reasons.NO_PERMISSION,
        reasons.NO_TOKEN,
        reasons.OTHER_SOURCE,
        reasons.TOKEN_EXPIRED,
        reasons.TOKEN_REVOKED,
        reasons.UNKNOWN_SOURCE,
    }
)
MAPPING: Final = frozenset(
    {
        reasons.BAD_PARAMETER,
        reasons.BAD_PAYLOAD,
        reasons.FIELD_CHOICE,
        reasons.FIELD_MISSING,
        reasons.FIELD_TYPE,
        reasons.MAPPING_ERROR,
        reasons.NOT_HASHED,
        reasons.PARTLY_REFUSED,
        reasons.PII_INVALID,
        reasons.PII_REQUIRED,
        reasons.REQUEST_TOO_LARGE,
        reasons.ROW_TOO_LARGE,
    }
)
PRIVACY: Final = frozenset({reasons.CONSENT, reasons.FIELD_DENIED, reasons.OPTED_OUT})
DELIVERY: Final = frozenset({reasons.PAUSED, reasons.PAUSED_BY_HAND, reasons.UNKNOWN_ANSWER})
LETTERS: Final = frozenset({reasons.MANY_REJECTED, reasons.RETRY_EXHAUSTED, reasons.DEDUP_WINDOW_PASSED})
EVENTS: Final = {
    reasons.NO_TRIGGER: "filtered",
    reasons.INTEGRATIONS_OFF: "filtered",
    reasons.DUPLICATE_MESSAGE: "duplicate",
    reasons.TOO_OLD: "expired",
    reasons.BAD_TIMESTAMP: "invalid",
}
"""With the status that they have: each event's page shows which clause of which trigger failed."""


def place(reason: str, destination: str, mapping: str | None = None) -> tuple[str, str] | None:
    """The address of the page that mends this, and what its link says; None where no page does."""
    of = segment(destination)
    if reason in SETTINGS:
        return f"/destinations/{of}", "Open the settings"
    if reason in MAPPING and mapping:
        return f"/destinations/{of}/mappings/{segment(mapping)}", "Open the mapping"
    if reason in MAPPING:
        return f"/destinations/{of}/mappings", "Open the mappings"
    if reason in PRIVACY:
        return f"/privacy/fields/{of}", "Open its privacy settings"
    if reason in DELIVERY:
        return f"/delivery/{of}", "Resume it on its delivery page"
    if reason in LETTERS:
        return f"/delivery/{of}/letters", "Open the dead letters"
    if reason in EVENTS:
        wanted = urlencode({"destination": destination, "status": EVENTS[reason]})
        return f"/live?{wanted}", "See such events, trigger by trigger"
    if reason == reasons.SUPPRESSED_USER:
        return "/privacy/suppression", "Open the suppression list"
    if reason == reasons.DELETED_USER:
        return "/privacy/deletions", "Open the deletions"
    return None
