"""The API's description: an OpenAPI document with the errors, names and words that no signature has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from inspect import getdoc
from types import ModuleType
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from tockwork.api.access import SAFE
from tockwork.api.problem import MEDIA_TYPE, ProblemDetails

VERSION: Final = "1"
ABOUT: Final = (
    "Everything that the console does. Errors are problem+json (RFC 9457) with a `code` that stays the same. Times are "
    "Unix seconds, but in events, which have ISO 8601 as they were sent. Secrets are never answered once they are set, "
    "and personal data is masked unless a route says otherwise."
)
ERRORS: Final = {
    "400": "A parameter or the body has the wrong shape.",
    "401": "No session, no token, or one that is no more.",
    "403": "The role is too low, or a browser's request lacks its CSRF token.",
    "404": "There is no such thing.",
    "409": "Not as things stand: a file manages the configuration, somebody else changed it meanwhile, and the like.",
    "422": "What was sent is understood, and wrong: `problems` say where.",
    "429": "Too many attempts or streams: wait.",
}
_SCHEMAS: Final = "#/components/schemas/{name}"


def description(resources: Sequence[ModuleType]) -> OpenAPIConfig:
    """The document alone: the pages that Litestar can show it with load their scripts from elsewhere."""
    token = SecurityScheme(type="http", scheme="bearer", description="An API token, which an owner makes.")
    handlers = [route for one in resources for route in one.ROUTES if isinstance(route, HTTPRouteHandler)]
    for handler in handlers:
        handler.summary = handler.summary or _summary(handler)
    return OpenAPIConfig(
        title="Tockwork",
        version=VERSION,
        description=ABOUT,
        path="/openapi.json",
        render_plugins=[_Document(handlers)],
        components=Components(security_schemes={"token": token}),
        security=[{"token": []}],
        tags=[Tag(name=name, description=said) for name, said in _tags(resources).items()],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, *_: _id(handler),
    )


def _tags(resources: Sequence[ModuleType]) -> dict[str, str]:
    """What each tag's first module is about, by what its docstring says behind the colon."""
    found: dict[str, str] = {}
    for resource in resources:
        said = _plain((resource.__doc__ or "").partition(": ")[2].partition("\n\n")[0])
        for route in resource.ROUTES[:1]:
            found.setdefault(route.tags[0], f"{said[:1].upper()}{said[1:]}")
    return found


def _summary(handler: HTTPRouteHandler) -> str:
    """The first sentence of its docstring."""
    return _plain((getdoc(handler.fn) or "").partition(".")[0].partition(":")[0])


def _plain(text: str) -> str:
    return " ".join(text.split())


def _id(handler: HTTPRouteHandler) -> str:
    return f"{handler.fn.__module__.rpartition('.')[2]}_{handler.fn.__name__}"


class _Document(JsonRenderPlugin):
    """Completes what Litestar makes of the handlers."""

    def __init__(self, handlers: Sequence[HTTPRouteHandler]) -> None:
        super().__init__(path="/")
        self._handlers = {_id(handler): handler for handler in handlers}

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        document = {**openapi_schema, "components": dict(openapi_schema["components"])}
        document["components"]["schemas"] = dict(_worded(document["components"]["schemas"], self._handlers.values()))
        document["components"]["responses"] = {
            status: {"description": said, "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(name=_DETAILS)}}}}
            for status, said in ERRORS.items()
        }
        document["paths"] = {
            path: {
                method: self._with_errors(path, method, operation) if "operationId" in operation else operation
                for method, operation in operations.items()
            }
            for path, operations in openapi_schema["paths"].items()
        }
        return super().render(request, document)

    def _with_errors(self, path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
        handler = self._handlers[operation["operationId"]]
        found = {status: {"$ref": f"#/components/responses/{status}"} for status in _statuses(path, method, handler)}
        described = {**operation, "responses": {**operation["responses"], **found}}
        return {**described, "security": []} if handler.opt.get("public") else described


def _statuses(path: str, method: str, handler: HTTPRouteHandler) -> Iterator[str]:
    """The errors that an operation may answer."""
    public, unsafe = handler.opt.get("public", False), method.upper() not in SAFE
    yield "400"
    if not public:
        yield "401"
    if unsafe or handler.guards:
        yield "403"
    if "{" in path or handler.media_type == "text/event-stream":
        yield "404"
    if handler.guards and unsafe:
        yield "409"
    if unsafe:
        yield "422"
    if (public and unsafe) or handler.media_type == "text/event-stream":
        yield "429"


_DETAILS: Final = ProblemDetails.__name__


def _worded(schemas: Mapping[str, Any], handlers: Any) -> Iterator[tuple[str, Any]]:
    """The schemas, each with its type's docstring, and that of an error."""
    types = {f"{one.__module__}.{one.__name__}".replace(".", "_"): one for one in _structs(handlers)}
    for name, schema in schemas.items():
        found = next((getdoc(one) for full, one in types.items() if full.endswith(f"_{name}")), None)
        yield name, {**schema, "description": _plain(found)} if found else schema
    details = msgspec.json.schema_components([ProblemDetails], ref_template=_SCHEMAS)[1][_DETAILS]
    yield _DETAILS, {**details, "description": _plain(details["description"])}


def _structs(handlers: Any) -> set[type[msgspec.Struct]]:
    """All types of bodies and answers, and what they are made of."""
    waiting: list[Any] = []
    for handler in handlers:
        signature = handler.parsed_fn_signature
        waiting += [signature.return_type.annotation, *(one.annotation for one in signature.parameters.values())]
    found: set[type[msgspec.Struct]] = set()
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "__args__", ())
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one not in found:
            found.add(one)
            waiting += [field.type for field in msgspec.structs.fields(one)]
    return found
