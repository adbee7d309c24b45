"""``python -m browser.vendor``: puts analytics.js into the Python package, as npm has it.

The package's version and its hash are those of the lock in tests/e2e/clients, against which npm checks what it
installs; the tests drive the very same copy. Each file is kept unchanged but compressed, in gzip and in Brotli, which
Python cannot make.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from browser.bundle import ASSETS

PACKAGE: Final = "node_modules/@segment/analytics-next"
CLIENTS: Final = Path(__file__).parents[1] / "tests" / "e2e" / "clients"
FOLDER: Final = ASSETS / "analytics-next"
MANIFEST: Final = "vendored.json"
_COMPRESS: Final = """
const { readFileSync, writeFileSync } = require("node:fs");
const { basename, join } = require("node:path");
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
    """Writes the folder anew, and returns its manifest."""
    from tests.node import install, run

    install(CLIENTS)
    built = CLIENTS / PACKAGE / "dist" / "umd"
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    sources = [built / "index.js", *sorted(built.glob("*.bundle.*.js"))]
    for source in sources:
        (FOLDER / f"{source.name}.gz").write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))
    run(CLIENTS, "-e", _COMPRESS, str(FOLDER), *map(str, sources))
    shutil.copyfile(CLIENTS / PACKAGE / "LICENSE.MD", FOLDER / "LICENSE.MD")
    version, integrity = locked()
    hashes = {source.name: sha256(source.read_bytes()).hexdigest() for source in sources}
    manifest = {"package": "@segment/analytics-next", "version": version, "integrity": integrity, "files": hashes}
    (FOLDER / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


if __name__ == "__main__":
    written = vendor()
    sys.stdout.write(f"{written['package']} {written['version']}: {len(written['files'])} files\n")
