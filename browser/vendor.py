"""``python -m browser.vendor``: puts what others made for browsers into the Python package, as npm has it.

analytics.js goes to the folder that shops' pages are served from; its version and its hash are those of the lock in
tests/e2e/clients, against which npm checks what it installs, so that the tests drive the very same copy. Tabler, htmx
and uPlot go to the console; their lock is beside browser/console/package.json. Each file is kept unchanged but
compressed, in gzip and in Brotli, which Python cannot make.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from re import search
from typing import Any, Final

from browser.bundle import ASSETS

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = "node_modules/@segment/analytics-next"
CLIENTS: Final = ROOT / "tests" / "e2e" / "clients"
FOLDER: Final = ASSETS / "analytics-next"
CONSOLE: Final = ROOT / "browser" / "console"
STATIC: Final = ROOT / "src" / "tockwork" / "console" / "static" / "vendored"
MANIFEST: Final = "vendored.json"
FILES: Final = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}
LICENSES: Final = ("@tabler/core", "@tabler/icons", "htmx.org", "uplot")
ICONS: Final = (
    "activity adjustments alert-triangle arrow-back-up arrow-left arrow-right bell brand-tiktok building-store check "
    "chevron-down chevron-right clock copy database device-desktop device-floppy dots download edit external-link eye "
    "eye-off file-import filter flask git-compare heart-rate-monitor history home info-circle key link list logout "
    "mail-off menu-2 moon player-pause player-play plug plus power refresh route search send server settings "
    "shield-lock stethoscope sun trash upload user user-minus users versions world x"
).split()
_COMPRESS: Final = """
const { basename, join } = require("node:path");
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync } = require("node:zlib");
const [folder, ...paths] = process.argv.slice(1);
for (const path of paths) writeFileSync(join(folder, basename(path) + ".br"), brotliCompressSync(readFileSync(path)));
"""


def locked() -> tuple[str, str]:
    """The version of analytics-next and the hash of its package, of the lock."""
    lock = json.loads((CLIENTS / "package-lock.json").read_text(encoding="utf-8"))
    entry = lock["packages"][PACKAGE]
    return entry["version"], entry["integrity"]


def vendor() -> dict[str, Any]:
    """Writes the folder of analytics.js anew, and returns its manifest."""
    from tests.node import install

    install(CLIENTS)
    built = CLIENTS / PACKAGE / "dist" / "umd"
    sources = [built / "index.js", *sorted(built.glob("*.bundle.*.js"))]
    hashes = _kept(FOLDER, {source.name: source.read_bytes() for source in sources})
    shutil.copyfile(CLIENTS / PACKAGE / "LICENSE.MD", FOLDER / "LICENSE.MD")
    version, integrity = locked()
    manifest = {"package": "@segment/analytics-next", "version": version, "integrity": integrity, "files": hashes}
    _write(FOLDER, manifest)
    return manifest


def vendor_console() -> dict[str, Any]:
    """Writes the folder of what the console's pages are made with anew, and returns its manifest."""
    from tests.node import install

    install(CONSOLE)
    modules = CONSOLE / "node_modules"
    contents = {name: _without_map((modules / path).read_bytes()) for name, path in FILES.items()}
    contents["icons.svg"] = _sprite(modules / "@tabler" / "icons" / "icons" / "outline")
    hashes = _kept(STATIC, contents)
    texts = [f"{name}\n\n{_license(modules / name)}" for name in LICENSES]
    (STATIC / "LICENSES.txt").write_text("\n\n".join(texts), encoding="utf-8")
    packages = json.loads((CONSOLE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    manifest = {"packages": packages, "files": hashes}
    _write(STATIC, manifest)
    return manifest


def _kept(folder: Path, contents: Mapping[str, bytes]) -> dict[str, str]:
    """Writes each content to an empty `folder` in both forms; returns their hashes by name."""
    from tests.node import run

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    plain = [folder / name for name in contents]
    run(CLIENTS, "-e", _COMPRESS, str(folder), *map(str, plain))
    for path in plain:
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()
    return {name: sha256(content).hexdigest() for name, content in contents.items()}


def _sprite(folder: Path) -> bytes:
    """The icons as one file of symbols, each by its name."""
    symbols = []
    for name in ICONS:
        drawing = (folder / f"{name}.svg").read_text(encoding="utf-8")
        found = search(r"<svg[^>]*>(.*)</svg>", " ".join(drawing.split()))
        if found is None:
            raise ValueError(f"{name}.svg is no drawing")
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{found[1].strip()}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'.encode()


def _without_map(content: bytes) -> bytes:
    """Without the last line's reference to a source map, which we do not ship."""
    lines = content.rstrip().split(b"\n")
    return b"\n".join(line for line in lines if b"sourceMappingURL=" not in line) + b"\n"


def _license(folder: Path) -> str:
    """The text of the license, or its name where a package has no file of it."""
    files = [path for path in sorted(folder.iterdir()) if path.name.upper().startswith("LICENSE")]
    if files:
        return files[0].read_text(encoding="utf-8").strip() + "\n"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    return f"{package['license']}, {package.get('homepage', '')}\n"


def _write(folder: Path, manifest: Mapping[str, Any]) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for written in (vendor(), vendor_console()):
        sys.stdout.write(f"{len(written['files'])} files: {', '.join(written['files'])}\n")
