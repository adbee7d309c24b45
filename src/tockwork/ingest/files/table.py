"""Parquet: columns with types, as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tockwork.ingest.files.block import BLOCK_BYTES, Block
from tockwork.ingest.files.engine import Expression, engine
from tockwork.model.errors import ConfigurationError, Problem

_ROW_BYTES: Final = 128
"""A guess: blocks of Parquet are counted in rows."""


class Table:
    """A Parquet file. Its lines are its rows."""

    def __init__(self, path: Path) -> None:
        pl = engine()
        self._path = path
        try:
            self._scan = pl.scan_parquet(path, glob=False)
            schema = self._scan.collect_schema()
            self.size = self._scan.select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._fault(error) from None
        self.header = schema.names()
        self._cells = [_cell(name, kind, str(place)) for place, (name, kind) in enumerate(schema.items())]
        self._done = 0

    @property
    def done(self) -> int:
        return self._done

    def close(self) -> None:
        """Nothing is open."""

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        pl = engine()
        self._done = 0
        rows = max(1, block_bytes // _ROW_BYTES)
        try:
            for cells in self._scan.select(self._cells).collect_batches(chunk_size=rows, maintain_order=True):
                for part in cells.iter_slices(rows):
                    first = self._done + 1
                    self._done += part.height
                    numbers = range(first, self._done + 1)
                    yield Block(tuple(self.header), part, numbers, numbers, self._done)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> ConfigurationError:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "it is no whole Parquet file"
        return ConfigurationError([Problem(str(self._path), f"cannot be read: {what}")])


def _cell(name: str, kind: Any, alias: str) -> Expression:
    """A column as text, as a CSV file would have it; lists and objects as JSON."""
    pl = engine()
    cell = pl.col(name)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone:
            cell = cell.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
        else:
            cell = cell.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    elif isinstance(kind, (pl.List, pl.Array)):
        whole = pl.struct(cell.alias("it")).struct.json_encode().str.strip_prefix('{"it":').str.strip_suffix("}")
        cell = pl.when(cell.is_not_null()).then(whole)
    elif isinstance(kind, pl.Struct):
        cell = pl.when(cell.is_not_null()).then(cell.struct.json_encode())
    elif kind == pl.Binary:
        cell = cell.bin.encode("hex")
    elif kind.is_float():
        whole = cell.cast(pl.Int64, strict=False).cast(pl.String)
        cell = (
            pl.when(cell == cell.round()).then(pl.coalesce(whole, cell.cast(pl.String))).otherwise(cell.cast(pl.String))
        )
    else:
        cell = cell.cast(pl.String)
    return cell.fill_null("").alias(alias)
