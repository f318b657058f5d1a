"""The header of a newsletter: YAML between two lines `---` in the notebook's first, raw cell.

---
title: Wind & solar forecast
description: What wind and sun will bring tomorrow.   # optional
listens_to:
  document_type: A69                                  # or a list
  process_type: [A01, A40, A18]                       # all if left out
  zones: all                                          # or a list of codes (DE_LU) and EICs
needs: [installed_capacity, previous_payload]         # optional
sample: samples/wind_solar_DE_LU.xml                  # beside the notebook
parameters:                                           # optional: the analyst's own
  threshold_mw: 100
---
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

from flows.errors import one_line
from flows.notebook.parameters import EVENT_PAYLOAD, KNOWN_PARAMETERS, check_name

if TYPE_CHECKING:
    from collections.abc import Hashable

_LONGEST = 20_000
_FENCE = "---"
# A bidding zone as entsoe-py codes it (DE_LU, IT_NORD), or an energy identification code (EIC).
_ZONE = re.compile(r"[A-Z]{2}[A-Z0-9]*(_[A-Z0-9]+)*|[0-9]{2}[A-Z0-9-]{13}[A-Z0-9]")


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _all_or_some(value: object) -> object:
    return () if value == "all" else _one_or_more(value)


def _printable(text: str) -> str:
    if one_line(text) != text:
        message = "must be one line of printable text without spaces around it"
        raise ValueError(message)
    return text


def _optional(name: str) -> str:
    choices = [known for known in KNOWN_PARAMETERS if known != EVENT_PAYLOAD]
    if name not in choices:
        message = f"{name!r} is none of {', '.join(choices)}"
        raise ValueError(message)
    return name


def _zone(text: str) -> str:
    if not _ZONE.fullmatch(text):
        message = f"{text!r} is neither a zone's code such as DE_LU nor a 16-character EIC"
        raise ValueError(message)
    return text


def _free_name(name: str) -> str:
    check_name(name)
    if name in KNOWN_PARAMETERS:
        message = f"{name!r} is the flow's: name it under `needs`"
        raise ValueError(message)
    return name


_Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
_Code = Annotated[str, Field(pattern=r"^[A-Z]\d\d$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ListensTo(_Strict):
    """Which documents a newsletter is about; an empty tuple stands for all.

    The codes are those of ENTSO-E's code list (document types A44, A69 …; process types A01 …).
    """

    document_type: Annotated[tuple[_Code, ...], Field(min_length=1), BeforeValidator(_one_or_more)]
    process_type: Annotated[tuple[_Code, ...], BeforeValidator(_all_or_some)] = ()
    zones: Annotated[
        tuple[Annotated[str, AfterValidator(_zone)], ...], BeforeValidator(_all_or_some)
    ]


class Header(_Strict):
    """What stands in the header, checked."""

    title: _Line
    description: Annotated[_Line | None, Field(max_length=500)] = None
    listens_to: ListensTo
    needs: Annotated[
        tuple[Annotated[str, AfterValidator(_optional)], ...], BeforeValidator(_one_or_more)
    ] = ()
    sample: _Line
    parameters: dict[Annotated[str, AfterValidator(_free_name)], JsonValue] = Field(
        default_factory=dict
    )


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that also refuses aliases (they can swell a value) and duplicate keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # in the stubs
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's signature
    ) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            mark = key_node.start_mark
            if not isinstance(key, str):
                problem = f"the key {key!r} is no text for YAML: put it in quotes"
                raise yaml.constructor.ConstructorError(None, None, problem, mark)
            if key in seen:
                problem = f"the key {key!r} stands there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _inside_fences(source: str) -> str:
    lines = [line.rstrip() for line in source.strip().split("\n")]
    if len(source) > _LONGEST or len(lines) < 3 or {lines[0], lines[-1]} != {_FENCE}:  # noqa: PLR2004 - two fences and a line between
        message = f"it must be YAML between two lines {_FENCE}, of at most {_LONGEST} characters"
        raise ValueError(message)
    return "\n".join(lines[1:-1])


_PLAINER = {
    "extra_forbidden": "no such key",
    "missing": "is missing",
    "tuple_type": "must be text or a list of texts",
    "string_type": "must be text: put it in quotes where YAML reads something else",
    "model_type": "must be a mapping, a line `key: value` for each key",
}


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"]) or "the whole"
    return f"{where}: {_PLAINER.get(first['type'], first['msg']).removeprefix('Value error, ')}"


# A service reads the same few headers for each event, and YAML takes milliseconds.
@lru_cache(maxsize=64)
def parse(source: str) -> Header:
    """Return the header that the raw cell `source` holds; the same one each time, to be read only.

    Raises:
        ValueError: it is none; the message is one line that says what is wrong and where.
    """
    text = _inside_fences(source)
    try:
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, made stricter
    except yaml.MarkedYAMLError as error:
        # The text's first line is the cell's second.
        line = f" in line {error.problem_mark.line + 2}" if error.problem_mark else ""
        message = f"{error.problem or error.context}{line}"
        raise ValueError(message) from error
    except (yaml.YAMLError, RecursionError) as error:
        message = f"it can't be read as YAML: {one_line(error)}"
        raise ValueError(message) from error
    try:
        return Header.model_validate(values)
    except ValidationError as error:
        message = _first_problem(error)
        raise ValueError(one_line(message)) from error
