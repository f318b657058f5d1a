"""What a notebook says to its readers: the parts that `desk` records and rendering reads.

A part travels in a cell's output as one MIME bundle: under `MIME` the part itself as JSON, beside
it `text/html` or `image/png` for JupyterLab, which does not know our type. Rendering reads only the
typed part, so a page never depends on scraped HTML, and numbers stay numbers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)

from flows.errors import RenderError, one_line

MIME = "application/vnd.gridletter.v1+json"
LONGEST_HEADLINE = 80

Text = Annotated[str, Field(max_length=10_000)]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Headline(_Part):
    """The issue in one line; it becomes the mail's subject. `lede` is the sentence under it."""

    part: Literal["headline"] = "headline"
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_HEADLINE)]
    lede: Text = ""


class Kpi(_Part):
    """One figure: `value` as a number (None where unknown) in `unit`, `text` as readers see it."""

    label: Label
    value: float | None
    text: Annotated[str, Field(min_length=1, max_length=60)]
    unit: Annotated[str, Field(max_length=20)] = ""
    note: Annotated[str, Field(max_length=120)] = ""


class Kpis(_Part):
    """A row of one to six figures."""

    part: Literal["kpis"] = "kpis"
    items: Annotated[tuple[Kpi, ...], Field(min_length=1, max_length=6)]


def _split(values: object) -> object:
    return values.split() if isinstance(values, str) else values


def _join(values: tuple[str | float | None, ...]) -> str:
    return " ".join(v if isinstance(v, str) else _GAP if v is None else f"{v:.9g}" for v in values)


def _as_number(value: object) -> object:
    return None if value == _GAP else value


_GAP = "-"
# As JSON one text: Jupyter writes a list with one indented line for each of its members.
_OneText = BeforeValidator(_split), PlainSerializer(_join, when_used="json")
_Number = Annotated[float | None, BeforeValidator(_as_number)]
_Place = Annotated[float | str, Field(union_mode="left_to_right")]


class Series(_Part):
    """One line, set of bars or edge of an area of a chart, in the unit of its y axis.

    `y` has six significant digits, None where a value is missing; as JSON it is one text with
    spaces in between and `-` for a missing value. Where a long series is thinned, `whole` is a hash
    of all its values.
    """

    label: Annotated[str, Field(max_length=200)] = ""
    y: Annotated[tuple[_Number, ...], *_OneText]
    whole: Annotated[str, Field(max_length=64)] = ""


class Plotted(_Part):
    """Series over the same `x`: times in UTC (ISO 8601), or numbers; as JSON one text."""

    x: Annotated[tuple[_Place, ...], *_OneText]
    series: Annotated[tuple[Series, ...], Field(min_length=1)]


class Figure(_Part):
    """A chart as PNG, drawn once for a light and once for a dark ground, at twice its CSS size.

    `data` is what is drawn, so that a later run can be compared by numbers and not by pixels.
    """

    part: Literal["figure"] = "figure"
    alt: Annotated[str, Field(min_length=1, max_length=1_000)]
    caption: Text = ""
    width_px: Annotated[int, Field(gt=0, le=2_000)]
    height_px: Annotated[int, Field(gt=0, le=4_000)]
    light_png: Base64Bytes
    dark_png: Base64Bytes
    data: tuple[Plotted, ...] = ()


class Column(_Part):
    """A table's column; numbers are aligned to the right."""

    label: Annotated[str, Field(max_length=200)]
    numeric: bool = False


class Table(_Part):
    """A table of formatted cells, every row as long as `columns`."""

    part: Literal["table"] = "table"
    caption: Text = ""
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=40)]
    rows: Annotated[tuple[tuple[Text, ...], ...], Field(max_length=20_000)]


class Note(_Part):
    """A sentence that readers should not miss; `warning` where the figures are to be doubted."""

    part: Literal["note"] = "note"
    text: Annotated[str, Field(min_length=1, max_length=2_000)]
    level: Literal["info", "warning"] = "info"


class Skip(_Part):
    """The notebook found nothing worth an issue, for this reason."""

    part: Literal["skip"] = "skip"
    reason: Annotated[str, Field(min_length=1, max_length=500)]


Part = Headline | Kpis | Figure | Table | Note | Skip
_PARTS: TypeAdapter[Part] = TypeAdapter(Annotated[Part, Field(discriminator="part")])


def dump(part: Part) -> dict[str, Any]:
    """Return `part` as the JSON object that stands under `MIME`."""
    return part.model_dump(mode="json")


def load(value: object) -> Part:
    """Return the part behind the JSON object `value`.

    Raises:
        RenderError: `value` is no part; says which field is wrong.
    """
    try:
        return _PARTS.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise RenderError(
            f"an output of type {MIME} is no part: {one_line(first['msg'])} at {where or 'top'}",
            remedy="Make parts with flows.desk, not by hand.",
        ) from error
