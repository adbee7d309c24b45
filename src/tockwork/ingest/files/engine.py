"""Polars, which reads files: an optional part of an installation, so it is loaded where a file is opened."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, TypeAlias

from tockwork.model.errors import ConfigurationError, Problem

Frame: TypeAlias = Any
"""A ``polars.DataFrame``."""
Expression: TypeAlias = Any
"""A ``polars.Expr``."""


@cache
def engine() -> Any:
    """The module ``polars``. Raises `ConfigurationError` that says what to install."""
    # Blocks are small: threads that wait for one another would cost more than they bring.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    try:
        import polars
    except ImportError:
        mend = "Install it with: pip install 'tockwork[files]'"
        raise ConfigurationError([Problem("import", "reading files needs Polars", mend)]) from None
    return polars
