"""Text from documents and notebooks made inert: no control, bidirectional or surrogate character.

Markup is escaped where it is written, by the templates; what they can't see is handled here. A line
break in a headline would start a mail header, an override turns a row of digits around, and a lone
surrogate or U+FFFE stands in no UTF-8 and no XML file.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, JsonValue

_UNWRITABLE = r"\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_INVISIBLE = re.compile(f"[{_UNWRITABLE}]")
_TERMINAL_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def line(text: str) -> str:
    """Return `text` as one line: a run of control characters becomes a space."""
    return _INVISIBLE.sub("", _BREAKS.sub(" ", text)).strip()


def block(text: str) -> str:
    """Return `text` with its line breaks and tabs, but no other control character."""
    unified = _TERMINAL_STYLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub("", _CONTROLS.sub("", unified))


def lines(value: JsonValue) -> JsonValue:
    """Return the JSON value `value` with each string in it, keys aside, as one line."""
    if isinstance(value, str):
        return line(value)
    if isinstance(value, list):
        return [lines(item) for item in value]
    if isinstance(value, dict):
        return {key: lines(item) for key, item in value.items()}
    return value


Line = Annotated[str, AfterValidator(line)]
"""A string field that is always one inert line, also where its JSON was tampered with."""
