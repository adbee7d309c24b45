"""``python -m browser``: how large the bundles are, and whether they are as new as their sources.

With ``build``, makes them anew, which takes Node and packages from npm. With ``programs``, prints the cases that the
tests in Node run, as JSON.
"""

from __future__ import annotations

import sys

import msgspec

from browser.bundle import FOLDER, problems, sizes
from browser.programs import programs

if __name__ == "__main__":
    wanted = sys.argv[1:]
    if wanted == ["programs"]:
        sys.stdout.buffer.write(msgspec.json.encode(programs()))
        sys.exit()
    if wanted == ["build"]:
        from tests.node import run

        run(FOLDER, "build.mjs")
    for name, size, limit in sizes():
        sys.stdout.write(f"{name}: {size:,} bytes gzipped, of {limit:,}\n")
    found = problems()
    sys.stderr.write("".join(f"{one}\n" for one in found))
    sys.exit(bool(found))
