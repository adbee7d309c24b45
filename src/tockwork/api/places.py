"""Changes of one source or destination: what is wrong with it is told by its place in the request's body."""

from __future__ import annotations

from collections.abc import Callable

from tockwork.configuration.entries import Configuration
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations.editing import Editor

Changing = Callable[[Configuration], str]
"""Changes a configuration in place, and returns the place of what it changed, ``sources[2]`` say."""


async def changed(editing: Editor, change: Changing, *, by: str, note: str) -> int:
    """The number of the version that `change` makes. Raises as `Editor.change` does: a problem of what was changed has
    its place there, ``settings.pixelCode`` instead of ``destinations[2].settings.pixelCode``."""
    place = ""

    def edit(configuration: Configuration) -> None:
        nonlocal place
        place = f"{change(configuration)}."

    try:
        return await editing.change(edit, by=by, note=note)
    except ConfigurationError as error:
        problems = [Problem(one.where.removeprefix(place), one.what, one.mend) for one in error.problems]
        raise ConfigurationError(problems) from None
