"""`make bench`: measures, as ratios to a floor or a yardstick that is taken in the same run.

python -m bench [PART ...] [--full]        transform, pipeline, ingest, imports, console; all when none is named

Ends with 1 over a bar.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from bench import console as pages
from bench import imports, ingest, pipeline, transform

PARTS = ("transform", "pipeline", "ingest", "imports", "console")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all when none is named")
    parser.add_argument(
        "--full",
        action="store_true",
        help="also measure with a million events waiting, and the console over five million",
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; expected {', '.join(PARTS)}")
    console = Console()
    missed = 0
    for part in options.parts or PARTS:
        if part == "transform":
            missed += transform.run(console)
        elif part == "pipeline":
            missed += pipeline.run(console, full=options.full)
        elif part == "ingest":
            missed += ingest.run(console)
        elif part == "imports":
            missed += imports.run(console)
        else:
            missed += pages.run(console, full=options.full)
    if missed:
        console.print(f"{missed} over the bar")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
