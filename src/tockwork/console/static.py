"""Files of the console's pages: their names carry the hash of their content, so that browsers keep them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Final

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from tockwork.ingest.assets import KEPT, Asset, files, hashed

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"
KINDS: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


class Static:
    """All files of a folder, by path."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._paths: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        for name, content, brotli in files(folder, KINDS):
            path = PurePosixPath(name)
            where = f"{PREFIX}{path.stem}.{hashed(content)}{path.suffix}"
            self._paths[path.name] = where
            headers = [("content-type", KINDS[path.suffix]), KEPT, ("x-content-type-options", "nosniff")]
            self._assets[where] = Asset(content, headers, brotli)

    def path(self, name: str) -> str:
        """Where the file of this name is. Raises `KeyError`."""
        return self._paths[name]

    def find(self, path: str) -> Asset | None:
        return self._assets.get(path)


STATIC: Final = Static()


@get("/static/{name:str}", include_in_schema=False, opt={"public": True})
async def static(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """One file, compressed as the browser likes it."""
    asset = STATIC.find(PREFIX + name)
    if asset is None:
        raise NotFoundException
    status, headers, body = asset.answer(request.headers)
    said = dict(headers)
    return Response(body, status_code=status, headers=said, media_type=said["content-type"])
