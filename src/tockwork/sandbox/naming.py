"""What there is to say about an event's name. Sources: as `vocabulary`."""

from __future__ import annotations

from collections.abc import Iterator

from tockwork.sandbox.catalogue import Finding
from tockwork.sandbox.vocabulary import (
    APP,
    PAGE_VIEW,
    PAGE_VIEWS,
    RENAMED,
    RESEMBLED,
    RESERVED,
    RETIRING,
    STANDARD,
    custom,
    squeezed,
)


def name_findings(event: str, source: str) -> Iterator[Finding]:
    """CRM events may be called anything: TikTok's own pages disagree about them."""
    if source == "app":
        if event not in APP:
            yield from _custom(event)
        return
    if event in STANDARD:
        return
    if source == "offline":
        yield Finding("name_not_for_offline", "event")
    if event in RENAMED:
        yield Finding("name_legacy", "event", RENAMED[event])
    elif event in RETIRING:
        yield Finding("name_retiring", "event")
    elif source == "crm":
        return
    elif event in RESERVED:
        yield Finding("name_reserved", "event", RESERVED[event])
    elif event in PAGE_VIEWS:
        if event != PAGE_VIEW:
            yield Finding("name_page_view_spelling", "event")
    else:
        if (meant := RESEMBLED.get(squeezed(event))) is not None:
            yield Finding("name_resembles", "event", meant)
        yield from _custom(event)


def _custom(event: str) -> Iterator[Finding]:
    yield Finding("name_custom" if custom(event) else "name_custom_invalid", "event")
