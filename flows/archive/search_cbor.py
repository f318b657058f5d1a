"""As much of CBOR (RFC 8949) as Pagefind's index needs: natural numbers, text and arrays."""

from __future__ import annotations

from typing import Final

Item = int | str | list["Item"]

_NATURAL: Final = 0
_TEXT: Final = 3
_ARRAY: Final = 4
# Arguments up to 23 stand in the head itself; 24 to 27 say how many bytes follow.
_INLINE: Final = 24
_LENGTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}


def decode(data: bytes) -> Item:
    """Return the item that `data` holds.

    Raises:
        ValueError: it is cut off, has more than one item, or one of another kind.
    """
    item, end = _decode(data, 0)
    if end != len(data):
        message = "more than one item"
        raise ValueError(message)
    return item


def encode(item: Item) -> bytes:
    """Return `item` in the shortest form."""
    if isinstance(item, int):
        return _head(_NATURAL, item)
    if isinstance(item, str):
        text = item.encode()
        return _head(_TEXT, len(text)) + text
    return _head(_ARRAY, len(item)) + b"".join(map(encode, item))


def _decode(data: bytes, start: int) -> tuple[Item, int]:
    kind, argument = divmod(data[start] if start < len(data) else 0xFF, 32)
    end = start + 1
    if argument >= _INLINE:
        length = _LENGTHS.get(argument, 0)
        argument, end = int.from_bytes(data[end : end + length], "big"), end + length
        if not length or end > len(data):
            message = "cut off, or of a length that is not known"
            raise ValueError(message)
    if kind == _NATURAL:
        return argument, end
    if kind == _TEXT and end + argument <= len(data):
        return data[end : end + argument].decode(), end + argument
    if kind == _ARRAY:
        items: list[Item] = []
        for _ in range(argument):
            item, end = _decode(data, end)
            items.append(item)
        return items, end
    message = f"cut off, or an item of kind {kind}"
    raise ValueError(message)


def _head(kind: int, argument: int) -> bytes:
    if argument < _INLINE:
        return bytes([kind * 32 + argument])
    code, length = next(
        (code, length) for code, length in _LENGTHS.items() if argument < 1 << 8 * length
    )
    return bytes([kind * 32 + code]) + argument.to_bytes(length, "big")
