"""The bundles in the tree: their sizes, and whether they were made of the sources that stand beside them."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
ASSETS: Final = FOLDER.parent / "src" / "tockwork" / "ingest" / "assets"
LIMITS: Final = {"tiktok-pixel.js": 12 * 1024, "tockwork.js": 2 * 1024}
"""Bytes that a bundle may have, gzipped."""


def fingerprint(folder: Path = FOLDER) -> str:
    """The hash that ``build.mjs`` makes too: of every source's path and content, in the order of the paths."""
    sources = [path.relative_to(folder).as_posix() for path in (folder / "src").rglob("*.ts")]
    digest = hashlib.sha256()
    for name in sorted([*sources, "build.mjs", "package-lock.json", "tsconfig.json"]):
        digest.update(f"{name}\0{(folder / name).read_text(encoding='utf-8')}\0".encode())
    return digest.hexdigest()


def sizes(assets: Path = ASSETS) -> Iterator[tuple[str, int, int]]:
    """Name, bytes gzipped and the limit of every bundle there is."""
    for name, limit in LIMITS.items():
        if (assets / name).exists():
            yield name, len(gzip.compress((assets / name).read_bytes(), 9, mtime=0)), limit


def problems(folder: Path = FOLDER, assets: Path = ASSETS) -> list[str]:
    """What is wrong with the bundles, and how to mend it; nothing when they are fit to ship."""
    found = [f"{name} has {size:,} bytes gzipped, of {limit:,}" for name, size, limit in sizes(assets) if size > limit]
    stamp = assets / "stamp.json"
    made_of = json.loads(stamp.read_text(encoding="utf-8"))["sources"] if stamp.exists() else None
    if made_of != fingerprint(folder):
        found.append("the bundles are older than their sources: run `python -m browser build`")
    missing = [name for name in LIMITS if not (assets / name).exists()]
    return found + [f"{name} is missing: run `python -m browser build`" for name in missing]
