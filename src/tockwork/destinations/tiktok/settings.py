"""The settings that TikTok destinations share, each with where to get its value.

Sources: seed documents ("Getting started", "Destination Settings"); TikTok, "Get started with Events API".
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tockwork.destinations.declare import Setting
from tockwork.destinations.tiktok.countries import COUNTRIES


def _check_region(value: str) -> str | None:
    return (
        None
        if value.isupper() and value.lower() in COUNTRIES
        else "expected a two-letter country code, such as US or DE"
    )


def _check_zone(value: str) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        return "expected the name of a time zone, such as UTC or Europe/Berlin"
    return None


def _check_line(value: str) -> str | None:
    return None if value == value.strip() and value.isprintable() else "has spaces or line breaks around or inside it"


ACCESS_TOKEN: Final = Setting(
    key="accessToken",
    label="Access Token",
    type="secret",
    help="In TikTok Events Manager open Assets > Events > Web Events > your pixel > Settings and generate a long-term "
    "access token (you must be admin or operator of the ad account). Without it events wait, and nothing is sent.",
    check=_check_line,
)
PIXEL_CODE: Final = Setting(
    key="pixelCode",
    label="Pixel Code",
    required=True,
    help="With a TikTok For Business account, create a pixel under Assets > Events > Web Events, in Developer Mode "
    "(for a pixel in the browser through Tockwork: Partner setup). Its code is shown there. For event source crm: the "
    "CRM Event Set ID.",
    check=_check_line,
)
TEST_EVENT_CODE: Final = Setting(
    key="test_event_code",
    label="Test Event Code",
    default="",
    help="Marks everything from this destination as test events. Copy it from Events Manager > your pixel > Test "
    "Events, and remove it for real traffic. A mapping's own code wins over it.",
    check=_check_line,
)
PARTNER_NAME: Final = Setting(
    key="partner_name",
    label="Partner Name",
    default="",
    help="Leave this empty unless TikTok registered your company as a partner: TikTok refuses names it does not know.",
    check=_check_line,
)
DEFAULT_REGION: Final = Setting(
    key="default_region",
    label="Default Region",
    default="US",
    help="Two-letter country code that phone numbers without a country code belong to.",
    check=_check_region,
)
TIMEZONE: Final = Setting(
    key="timezone",
    label="Time Zone",
    default="UTC",
    help="Time zone of timestamps that name none, such as Europe/Berlin.",
    check=_check_zone,
)
COMPUTE_VALUE: Final = Setting(
    key="compute_value",
    label="Compute Value",
    type="boolean",
    default=True,
    help="Where an event gives no value, send its total, else price × quantity of its contents. Off: as Segment does.",
)
EVENT_ID: Final = Setting(
    key="event_id",
    label="Event ID Strategy",
    default="message-id",
    choices=("message-id", "order"),
    help="What identifies an event at TikTok: its message id, or for events with an order id the event name and the "
    "order id, so that browser, backend and file reports of one order count once.",
)
