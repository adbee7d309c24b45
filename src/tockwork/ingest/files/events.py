"""Rows of a file as events: JSON, made column by column."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tockwork.ingest.files.block import OWN
from tockwork.ingest.files.engine import Expression, Frame, engine
from tockwork.ingest.files.headers import EVENT, ITEMS, MESSAGE_ID, TIMESTAMP
from tockwork.ingest.files.layout import Column, Layout
from tockwork.ingest.files.times import Times

_NUMBER: Final = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$"
_BETWEEN: Final = "\x1f"
_ITEM_KEYS: Final = {"content_id": "product_id", "content_name": "name", "content_category": "category"}
"""TikTok's names of a product's members, and Segment's."""

Name = tuple[str, str]
"""An event's type and name."""


class Stamped(msgspec.Struct, frozen=True):
    """What every event of a file has: when it was received (ISO 8601), and the name of the file. messageIds that are
    made depend on `salt`, so that two destinations may get the same file."""

    received_at: str
    file: str
    salt: str = ""


class Events:
    """Makes the events of one layout. `name_of` says which event a cell of the event's column means."""

    def __init__(
        self,
        layout: Layout,
        name_of: Callable[[str], Name],
        times: Times,
        stamped: Stamped,
        *,
        decimal_comma: bool = False,
    ) -> None:
        self._name_of = name_of
        self._salt = stamped.salt + _BETWEEN
        self._times = times
        self._decimal_comma = decimal_comma
        self._message_id = layout.index(MESSAGE_ID)
        self.event = layout.index(EVENT)
        self._items = layout.index(ITEMS)
        self._content = [str(column.index) for column in layout.columns if column.header not in OWN]
        tree = _tree([column for column in layout.columns if column.place not in (None, EVENT, MESSAGE_ID)])
        # Last, since each event's line is put behind it.
        context = {**tree.pop("context", {}), "file": {"name": engine().lit(stamped.file)}}
        constant = {"receivedAt": engine().lit(stamped.received_at)}
        name = {"type": engine().col("type"), "event": _full(engine().col("name"))}
        self._body = self._object({**name, **constant, **tree, "context": context})

    def __call__(self, cells: Frame, lines: Sequence[int]) -> tuple[list[bytes], list[str]]:
        """The events of some rows, and their messageIds: the rows' own, else made of what is in the row."""
        pl = engine()
        found = self._prepared(cells).select(body=self._body, content=pl.concat_str(self._content, separator=_BETWEEN))
        salt = self._salt
        ids = [digest(salt + text) for text in found["content"].to_list()]
        said = [f'"{each}"' for each in ids]
        if self._message_id is not None:
            given = cells[str(self._message_id)].str.strip_chars().to_list()
            ids = [own or made for own, made in zip(given, ids, strict=True)]
            said = [_encode(each).decode() for each in ids]
        bodies = found["body"].to_list()
        return [
            f'{{"messageId":{each},{body[1:-3]},"line":{line}}}}}}}'.encode()
            for each, body, line in zip(said, bodies, lines, strict=True)
        ], ids

    def _prepared(self, cells: Frame) -> Frame:
        """With the event's type and name, and the products, as they stand in events."""
        pl = engine()
        names = [""] * cells.height if self.event is None else cells[str(self.event)].to_list()
        meant = {name: self._name_of(name) for name in set(names)}
        more = [pl.Series(key, [meant[name][n] for name in names], pl.String) for n, key in enumerate(("type", "name"))]
        if self._items is not None:
            more.append(pl.Series("items", map(_products, cells[str(self._items)].to_list()), pl.String))
        return cells.with_columns(more)

    def _object(self, members: Mapping[str, Any]) -> Expression:
        """An object's JSON: all its texts at once, then what is made piece by piece."""
        pl = engine()
        texts, pieces = [], []
        for key, member in members.items():
            if isinstance(member, Column) and not member.is_number and member.place != ITEMS:
                texts.append(self._text(member).alias(key))
            elif isinstance(member, pl.Expr):
                texts.append(member.alias(key))
            else:
                pieces.append((key, self._piece(key, member)))
        parts: list[Any] = [pl.struct(texts).struct.json_encode().str.strip_suffix("}") if texts else pl.lit("{")]
        for place, (key, piece) in enumerate(pieces):
            comma = "," if place or texts else ""
            parts += [pl.lit(f"{comma}{_encode(key.removesuffix('[]')).decode()}:"), piece]
        return pl.concat_str([*parts, pl.lit("}")])

    def _piece(self, key: str, member: Any) -> Expression:
        pl = engine()
        if isinstance(member, Column):
            return pl.col("items") if member.place == ITEMS else self._number(member)
        made = self._object(member)
        if not key.endswith("[]"):
            return made
        empty = pl.all_horizontal([pl.col(str(item.index)) == "" for item in member.values()])
        return pl.when(empty).then(pl.lit("null")).otherwise(pl.concat_str([pl.lit("["), made, pl.lit("]")]))

    def _text(self, column: Column) -> Expression:
        text = _full(engine().col(str(column.index)))
        return self._times.read(text) if column.place == TIMESTAMP else text

    def _number(self, column: Column) -> Expression:
        """A number as JSON; what is none stays text, for the destination to judge."""
        pl = engine()
        text = pl.col(str(column.index)).str.strip_chars()
        if self._decimal_comma:
            text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        quoted = (
            pl.struct(_full(text).alias("it")).struct.json_encode().str.strip_prefix('{"it":').str.strip_suffix("}")
        )
        return pl.when(text.str.contains(_NUMBER)).then(text).otherwise(quoted)


_encode = msgspec.json.Encoder().encode


def _full(text: Expression) -> Expression:
    """Null for empty text."""
    return engine().when(text != "").then(text)


def _tree(columns: Sequence[Column]) -> dict[str, Any]:
    """The columns by the segments of their places."""
    tree: dict[str, Any] = {}
    for column in columns:
        *above, last = (column.place or "").split(".")
        node = tree
        for segment in above:
            node = node.setdefault(segment, {})
        node[last] = column
    return tree


def digest(content: str) -> str:
    """A messageId that says what is in a record."""
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _products(text: str) -> str:
    """A cell of products as JSON. What is no list of objects stays text, for the destination to judge."""
    if not text.strip():
        return "null"
    try:
        items = msgspec.json.decode(text, type=list[dict[str, Any]])
    except (msgspec.DecodeError, RecursionError):
        return _encode(text).decode()
    return _encode([{_ITEM_KEYS.get(key, key): value for key, value in item.items()} for item in items]).decode()
