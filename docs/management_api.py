"""The routes of the management API as a table."""

from __future__ import annotations

import re
from inspect import getdoc
from typing import Any

from docs.markdown import code, table

from tockwork.api import access
from tockwork.api.application import RESOURCES


def routes() -> str:
    """A table of routes for each part of the API."""
    parts = []
    for resource in RESOURCES:
        rows = [
            (code(f"{method} /api{_plain(path)}"), _role(route), _summary(route))
            for route in resource.ROUTES
            for path in sorted(route.paths)
            for method in sorted(route.http_methods)
            if method != "OPTIONS"
        ]
        if rows:
            title = getattr(resource, "TAGS", [resource.__name__.rpartition(".")[2].capitalize()])[0]
            parts.append(f"### {title}\n\n{table(('Route', 'For', 'What it does'), rows)}")
    return "\n".join(parts)


def _plain(path: str) -> str:
    """With the names of its parameters alone."""
    return re.sub(r":\w+}", "}", path)


def _role(route: Any) -> str:
    guards = list(route.guards or ())
    if route.opt.get("public"):
        return "everybody"
    if access.owner in guards:
        return "owners"
    return "editors" if access.editor in guards else "all who are signed in"


def _summary(route: Any) -> str:
    return (getdoc(route.fn) or "").partition("\n\n")[0].replace("\n", " ")
