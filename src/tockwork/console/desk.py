"""What every page needs: who asks, the API as they may use it, and templates."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.datastructures import FormMultiDict
from litestar.response import Redirect, Template

from tockwork.console.door import CSRF_FIELD, CSRF_HEADER, Door, Refused

MAX_FORM_FIELDS: Final = 5000
OUTDATED: Final = (
    "Somebody else saved this while you changed it. What you typed is still here: look at theirs in another tab, then "
    "save again to put yours in its place. Theirs stays under Versions."
)
MAX_FORM_BYTES: Final = 3_000_000
MAX_STRANGERS_BYTES: Final = 20_000
"""Of a form by somebody who is not signed in."""


class User(msgspec.Struct, frozen=True):
    """Who is signed in, as `/api/session` says: `csrf` stands in every form."""

    name: str
    role: str
    csrf: str = ""

    @property
    def edits(self) -> bool:
        """Whether to show what changes something."""
        return self.role in ("editor", "owner")

    @property
    def owns(self) -> bool:
        return self.role == "owner"


class Desk:
    """One request of a page. `user` is None on the pages that need none."""

    def __init__(self, door: Door, request: Request[Any, Any, Any], user: User | None) -> None:
        self.door = door
        self.request = request
        self.user = user

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return "hx-request" in self.request.headers and "hx-boosted" not in self.request.headers

    async def form(self) -> FormMultiDict:
        """What was typed; its token goes along to the API, which checks it. Raises `Refused` (413) for too much."""
        form = await self._read()
        if token := form.get(CSRF_FIELD):
            self.door.headers[CSRF_HEADER] = str(token)
        return form

    async def _read(self) -> FormMultiDict:
        most, content = MAX_FORM_BYTES if self.user else MAX_STRANGERS_BYTES, bytearray()
        async for part in self.request.stream():
            content += part
            if len(content) > most:
                raise Refused(413, "too_large", f"The form is larger than {most:,} bytes.", [])
        text = content.decode("utf-8", "replace")
        try:  # beside the event loop, since a large one takes long
            fields = await to_thread(parse_qsl, text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        except ValueError:
            raise Refused(413, "too_large", f"The form has more than {MAX_FORM_FIELDS:,} fields.", []) from None
        return FormMultiDict(fields)

    def show(self, template: str, *, status: int = 200, **values: Any) -> Template:
        """A page, or a part of one."""
        context = {"desk": self, "user": self.user, "path": self.request.url.path, **values}
        page = Template(template, context=context, status_code=status)
        self._pass_on(page)
        return page

    def refused(self, template: str, refused: Refused, *places: str, **values: Any) -> Template:
        """The form again, with what was typed and the problems at their fields (`errors`, by place)."""
        return self.show(template, status=422, errors=refused.at(*places), refused=refused, **values)

    def go(self, path: str) -> Response[Any]:
        """To another page, after something was done."""
        if "hx-request" in self.request.headers:
            response: Response[Any] = Response(b"", headers={"HX-Redirect": path}, status_code=200)
        else:
            response = Redirect(path, status_code=303)
        self._pass_on(response)
        return response

    def _pass_on(self, response: Response[Any]) -> None:
        """The API sets one cookie, of the session."""
        for cookie in self.door.cookies[-1:]:
            response.headers["set-cookie"] = cookie
