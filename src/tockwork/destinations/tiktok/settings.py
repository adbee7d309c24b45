"""The settings that TikTok destinations share, each with where to get its value.

Sources: seed documents ("Getting started", "Destination Settings"); TikTok, "Get started with Events API".
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

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
    steps=(
        "Sign in to TikTok Ads Manager as an admin or operator of the ad account; an analyst's token is refused.",
        "Open Events Manager: Assets > Events > Web Events.",
        "Open your pixel, then its Settings.",
        "Under Events API choose Generate Access Token. It is a long-term token, for this ad account alone.",
        "Copy it, without spaces around it, and keep it where you keep passwords.",
    ),
)
PIXEL_CODE: Final = Setting(
    key="pixelCode",
    label="Pixel Code",
    required=True,
    placeholder="PIXELCODE0PLACEHOLD0",
    help="With a TikTok For Business account, create a pixel under Assets > Events > Web Events, in Developer Mode "
    "(for a pixel in the browser through Tockwork: Partner setup). Its code is shown there. For event source crm: the "
    "CRM Event Set ID.",
    check=_check_line,
    steps=(
        "Create a TikTok For Business account, if you have none, and sign in to TikTok Ads Manager.",
        "Open Events Manager: Assets > Events > Web Events.",
        "Create a pixel in Developer Mode (for a pixel in the browser through Tockwork: Partner setup), or open yours.",
        "Copy the code beside its name: some twenty capital letters and digits.",
        "For CRM events: create a CRM Event Set instead, and copy its ID, which has about 19 digits.",
    ),
)
TEST_EVENT_CODE: Final = Setting(
    key="test_event_code",
    label="Test Event Code",
    default="",
    help="Marks everything from this destination as test events. Copy it from Events Manager > your pixel > Test "
    "Events, and remove it for real traffic. A mapping's own code wins over it.",
    check=_check_line,
    steps=(
        "Open Events Manager, then your pixel or event set, then Test Events.",
        "Copy the code shown there, such as TEST12345. It may change from one visit to the next.",
        "Send an event: it shows up on that page within minutes, with what TikTok recognised in it.",
        "Empty the setting before real traffic: test events count for no campaign.",
    ),
)
EVENT_SET_TOKEN: Final = msgspec.structs.replace(
    ACCESS_TOKEN,
    help="In TikTok Events Manager open Assets > Events > Offline Events > your event set > Settings and generate a "
    "long-term access token (you must be admin or operator of the ad account). Without it events wait, and nothing is "
    "sent.",
    steps=(
        "Sign in to TikTok Ads Manager as an admin or operator of the ad account; an analyst's token is refused.",
        "Open Events Manager: Assets > Events > Offline Events.",
        "Open your Offline Event Set, then its Settings.",
        "Choose Generate Access Token. It is a long-term token, for this ad account alone.",
        "Copy it, without spaces around it, and keep it where you keep passwords.",
    ),
)
EVENT_SET_ID: Final = Setting(
    key="eventSetID",
    label="Event Set ID",
    required=True,
    placeholder="7000000000000000000",
    help="Create an Offline Event Set under Assets > Events > Offline Events and link it to the ad account. Its ID, "
    "which has about 19 digits, is shown there. It is no pixel code.",
    check=_check_line,
    steps=(
        "Sign in to TikTok Ads Manager and open Events Manager: Assets > Events > Offline Events.",
        "Create an Offline Event Set, or open yours, and link it to the ad accounts that shall use it.",
        "Copy the ID beside its name: about 19 digits.",
    ),
)
ACCEPT_EXTERNAL_ID: Final = Setting(
    key="accept_external_id",
    label="Accept External ID Alone",
    type="boolean",
    default=False,
    help="Also send events whose only match key is an external id. TikTok's documents ask for an email address or a "
    "phone number; Segment sends such events.",
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
LDU: Final = Setting(
    key="ldu",
    label="Limited Data Use",
    type="boolean",
    default=False,
    help="Ask TikTok to limit what it does with the data of every event (US states with opt-out laws). For the people "
    "who opted out alone, use the destination's privacy rules.",
)
REQUESTS: Final = (TEST_EVENT_CODE, PARTNER_NAME)
ROWS: Final = (DEFAULT_REGION, TIMEZONE)
