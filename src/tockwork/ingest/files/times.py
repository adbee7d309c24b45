"""Times as files have them, as text that says its zone."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tockwork.ingest.files.engine import Expression, engine
from tockwork.model.errors import ConfigurationError, Problem

_FORMS: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_UTC: Final = "%Y-%m-%dT%H:%M:%SZ"


class Times(msgspec.Struct, frozen=True):
    """`zone` is an IANA name for times without a zone, `form` how they are written (``strftime``; ISO 8601 unless
    given). Without either, a time stays as it is. So does one that is written otherwise: the destination judges it."""

    zone: str | None = None
    form: str | None = None

    def check(self) -> None:
        """Raises `ConfigurationError` for a zone or a form that is none."""
        problems = []
        try:
            ZoneInfo(self.zone or "UTC")
        except (ValueError, OSError, KeyError):
            problems.append(Problem("--timezone", f"{self.zone!r} is no time zone", "Such as Europe/Berlin."))
        if self.form is not None and not ("%" in self.form and {*"YyDsFc"} & {*self.form}):
            problems.append(Problem("--time-format", "names no year", "Such as %d.%m.%Y %H:%M."))
        if problems:
            raise ConfigurationError(problems)

    def read(self, text: Expression) -> Expression:
        """The column's times in UTC."""
        if self.zone is None and self.form is None:
            return text
        pl = engine()
        if self.form is not None and ("%z" in self.form or "%s" in self.form):
            moment = text.str.strip_chars().str.to_datetime(self.form, strict=False)
            if "%s" in self.form:
                moment = moment.dt.replace_time_zone("UTC")
            return pl.coalesce(moment.dt.convert_time_zone("UTC").dt.to_string(_UTC), text)
        written = text.str.strip_chars()
        forms = [self.form] if self.form is not None else _FORMS
        if self.form is None:
            written = written.str.replace(" ", "T", literal=True)
        local = pl.coalesce([written.str.to_datetime(form, strict=False, time_unit="us") for form in forms])
        zone = self.zone or "UTC"
        there = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        # What clocks skip in spring is read as if they had not.
        skipped = local.dt.offset_by("-1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        moment = pl.coalesce([there, skipped + pl.duration(hours=1)])
        return pl.coalesce(moment.dt.convert_time_zone("UTC").dt.to_string(_UTC), text)
