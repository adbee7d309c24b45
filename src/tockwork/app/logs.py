"""Logs: JSON lines without personal data.

Texts of errors can repeat what they failed on, an event's values among them. So no line has one: errors are logged by
their type, and those that nobody caught with the places in the code that they went through.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Literal, TextIO, cast

import structlog

_log = structlog.get_logger(__name__)


class _Stream:
    """A stream of `sys` as it is at the time. One that is closed or full costs log lines, never deliveries."""

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            getattr(sys, self._name).write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            getattr(sys, self._name).flush()


class _Libraries(logging.Handler):
    """What libraries log through `logging`: who, where and which error, never the text, whose parts we do not know."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        _log.log(
            record.levelno,
            "library",
            logger=record.name,
            where=f"{record.module}:{record.lineno}",
            **({"error": kind.__name__} if kind else {}),
        )


def configure(level: str, to: Literal["stdout", "stderr"] = "stderr") -> None:
    """Log from `level` on, one JSON object a line; what libraries log too, from warnings on, and errors that nobody
    caught."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stream(to))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _Libraries) for handler in root.handlers):
        root.addHandler(_Libraries(logging.WARNING))
    sys.excepthook = crashed


def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Logs an error that nobody caught. An interrupt by the keyboard is none."""
    if not issubclass(kind, KeyboardInterrupt):
        _log.critical("crashed", error=kind.__name__, trace=places(trace))


def places(trace: TracebackType | None) -> list[str]:
    """Where an error went through: module, line and function, from outside in."""
    steps = ((frame.f_globals.get("__name__", "?"), line, frame.f_code) for frame, line in traceback.walk_tb(trace))
    return [f"{module}:{line} {code.co_name}" for module, line, code in steps]
