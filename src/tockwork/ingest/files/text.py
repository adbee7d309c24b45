"""A file of text as blocks of whole lines in UTF-8, whatever it is packed or written in."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from tockwork.model.errors import ConfigurationError, Problem

MAX_LINE_BYTES: Final = 8 << 20
UTF_8: Final = "utf-8"
_MARKS: Final = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Text:
    """The text file at `path`. A byte order mark says how it is written; else `encoding` does, UTF-8 unless given.

    Raises `ConfigurationError` when it cannot be opened, or is no text.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
            self.size = path.stat().st_size
            head = self._file.read(4)
            self._file.seek(0)
            self._unpacked: BinaryIO = self._file
            if head[:2] == b"\x1f\x8b":
                self._unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=self._file))
                head = self._unpacked.read(4)
                self._unpacked.seek(0)
        except (OSError, EOFError, zlib.error) as error:
            if hasattr(self, "_file"):
                self._file.close()
            raise self._fault(error) from None
        marked = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), None)
        mark, name = marked or (b"", encoding or UTF_8)
        self._unpacked.read(len(mark))
        try:
            self.encoding = codecs.lookup(name).name
        except LookupError:
            self._file.close()
            raise ConfigurationError([Problem("--encoding", f"{name!r} is no encoding", "Try cp1252.")]) from None
        self._text = self._unpacked if self.encoding == UTF_8 else self._decoded()

    @property
    def done(self) -> int:
        """Bytes of the file that are read."""
        return self.size if self._file.closed else self._file.tell()

    def blocks(self, block_bytes: int) -> Iterator[bytes]:
        """The text, about `block_bytes` at a time, each block ending with a line. Closes the file at its end."""
        try:
            while block := self._text.read(block_bytes):
                if not block.endswith(b"\n"):
                    block += self._text.readline(MAX_LINE_BYTES)
                if len(block) > MAX_LINE_BYTES and not block.endswith(b"\n"):
                    what = f"a line has more than {MAX_LINE_BYTES >> 20} MB: it is no file of lines"
                    raise ConfigurationError([Problem(str(self._path), what)])
                yield block
        except UnicodeDecodeError:
            mend = "Name the encoding that it is written in with --encoding."
            raise ConfigurationError([Problem(str(self._path), f"is not {self.encoding} throughout", mend)]) from None
        except (OSError, EOFError, zlib.error) as error:
            raise self._fault(error) from None
        finally:
            self.close()

    def close(self) -> None:
        self._text.close()
        self._unpacked.close()
        self._file.close()

    def _decoded(self) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, _Recoded(self._unpacked, self.encoding)), 1 << 16))

    def _fault(self, error: Exception) -> ConfigurationError:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "its gzip stream is broken"
        return ConfigurationError([Problem(str(self._path), f"cannot be read: {what}")])


class _Recoded(io.RawIOBase):
    """Text in another encoding, as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            raw = self._file.read(1 << 16)
            self._ready = self._decoder.decode(raw, final=not raw).encode()
            if not raw and not self._ready:
                return 0
        part, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
