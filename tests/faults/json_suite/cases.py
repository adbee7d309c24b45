r"""The cases of JSONTestSuite, after its names: ``y_`` is JSON, ``n_`` is not, ``i_`` is for the parser to decide.

Written anew from what the names and the article "Parsing JSON is a Minefield" (seriot.ch) say. One case a line: its
name and its text, with ``\xNN`` for a byte that is not plain ASCII; a few that are long are made below.
"""

from __future__ import annotations

import codecs
from pathlib import Path

DEPTH = 100_000


def cases() -> dict[str, bytes]:
    """Every case by its name."""
    lines = (Path(__file__).parent / "cases.txt").read_text("ascii").splitlines()
    written = (line.split(" ", 1) for line in lines)
    return {**{name: _bytes(text) for name, text in written}, **_long()}


def _bytes(text: str) -> bytes:
    """A backslash begins an escape only as ``\\xNN``, since JSON has its own."""
    parts = text.split("\\x")
    first, rest = parts[0].encode("ascii"), parts[1:]
    return first + b"".join(codecs.decode(part[:2], "hex") + part[2:].encode("ascii") for part in rest)


def _long() -> dict[str, bytes]:
    deep = b"[" * 500 + b"]" * 500
    return {
        "i_structure_500_nested_arrays": deep,
        "n_structure_100000_opening_arrays": b"[" * DEPTH,
        "n_structure_open_array_object": b'[{"":' * (DEPTH // 2),
        "i_structure_UTF-16_LE_with_BOM": "\ufeff[1]".encode("utf-16-le"),
        "i_string_utf16BE_no_BOM": '["é"]'.encode("utf-16-be"),
        "i_string_utf16LE_no_BOM": '["é"]'.encode("utf-16-le"),
        "i_string_UTF-16LE_with_BOM": '\ufeff["é"]'.encode("utf-16-le"),
        "i_number_very_big_negative_int": b"[-%d]" % (2373 * 10**60),
        "i_number_real_underflow": b"[1%be-10%d]" % (b"2" * 30, 10**6),
        "n_structure_no_data": b"",
        "n_single_space": b" ",
        "y_string_u+2028_line_sep": '["\u2028"]'.encode(),
        "y_string_u+2029_par_sep": '["\u2029"]'.encode(),
        "y_string_utf8": '["€𝄞"]'.encode(),
        "y_string_pi": '["π"]'.encode(),
        "y_string_nonCharacterInUTF-8_U+FFFF": '["\uffff"]'.encode(),
        "y_string_nonCharacterInUTF-8_U+10FFFF": '["\U0010ffff"]'.encode(),
        "y_string_reservedCharacterInUTF-8_U+1BFFF": '["\U0001bfff"]'.encode(),
        "y_string_with_del_character": b'["a\x7fa"]',
    }
