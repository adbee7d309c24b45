"""Conditions of how much comes: nothing, suddenly more or less, and orders without a checkout.

Sources: TikTok help centre, "Monitor and diagnose" (activity, swings); integrators' reports (fall-off).
"""

from __future__ import annotations

import math
from typing import Final

from tockwork.destinations.diagnosis import Basis, Condition, Hits, Place, Sample, Severity
from tockwork.destinations.tiktok.diagnostics.names import PURCHASES

SWING: Final = 0.2
ENOUGH: Final = 50
"""A mapping with fewer deliveries in both days swings by chance."""
NOISE: Final = 3.0
"""So many standard deviations of a count are chance."""
ORDERS: Final = 10
CHECKOUT: Final = "InitiateCheckout"


def _silent(sample: Sample) -> Hits | None:
    names = sorted(name for name, volume in sample.volumes.items() if volume.silent)
    if not names:
        return None
    return Hits(count=len(names), of=len(sample.volumes), mappings=dict.fromkeys(names, 1), notes=names, exact=True)


def _swinging(sample: Sample) -> Hits | None:
    hits = Hits(count=0, of=0, exact=True)
    for mapping, volume in sorted(sample.volumes.items()):
        if max(volume.now, volume.before) < ENOUGH or not volume.before:
            continue
        hits.of += 1
        difference = volume.now - volume.before
        by_chance = NOISE * math.sqrt(volume.now + volume.before)
        if abs(difference) > max(SWING * volume.before, by_chance):
            hits.count += 1
            hits.mappings[mapping] = abs(difference)
            hits.notes.append(f"{mapping}: {100 * difference / volume.before:+.0f} %")
    return hits if hits.count else None


def _matched_otherwise(sample: Sample) -> Hits | None:
    hits = Hits(count=0, of=0, exact=True)
    for name, before in sorted(sample.former_quality.items()):
        now = sample.quality.get(name)
        if now is None or not before:
            continue
        hits.of += 1
        if abs(now - before) > SWING * before:
            hits.count += 1
            hits.names[name] = 1
            hits.notes.append(f"{name}: {before:.1f} → {now:.1f}")
    return hits if hits.count else None


def _falling_off(sample: Sample) -> Hits | None:
    purchases, checkouts = sample.named(PURCHASES, ["web", "pixel"]), sample.named([CHECKOUT])
    if CHECKOUT not in sample.sends or len(purchases) < ORDERS:
        return None
    if len(purchases) - len(checkouts) <= NOISE * math.sqrt(len(purchases) + len(checkouts)) / 2:
        return None
    note = f"{len(checkouts)} {CHECKOUT}, {len(purchases)} purchases in the sample"
    return Hits.among(purchases[len(checkouts) :], len(purchases), [note])


TRAFFIC: Final = (
    Condition(
        code="no_recent_activity",
        level=Severity.INFO,
        title="Nothing for seven days",
        meaning="The mapping is enabled, and made no delivery in the last week. TikTok calls such an event inactive.",
        fix="Check with Live events that its event still comes and its trigger matches; disable what is not used.",
        basis=Basis.OFFICIAL,
        sample=_silent,
    ),
    Condition(
        code="volume_swing",
        level=Severity.INFO,
        title="Suddenly more, or fewer",
        meaning="Deliveries of the last 24 hours differ by more than 20 % from the 24 before, beyond what chance does.",
        fix="Look whether a campaign, a release of the shop, or consent explains it.",
        basis=Basis.OFFICIAL,
        place=Place.SOURCE,
        sample=_swinging,
    ),
    Condition(
        code="match_swing",
        level=Severity.INFO,
        title="People are matched better, or worse, than the day before",
        meaning="The estimate of match quality changed by more than 20 % from the 24 hours before.",
        fix="See under Match quality which key changed, and what was released.",
        basis=Basis.OFFICIAL,
        place=Place.SOURCE,
        sample=_matched_otherwise,
    ),
    Condition(
        code="more_orders_than_checkouts",
        level=Severity.INFO,
        title="More purchases than checkouts",
        meaning="People cannot buy without a checkout, so some are not reported, or purchases more than once.",
        fix="Check the trigger of InitiateCheckout, and whether orders are reported by more than one source.",
        basis=Basis.THIRD_PARTY,
        sample=_falling_off,
    ),
)
