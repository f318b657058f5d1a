"""Header and parameters beyond what loading a newsletter asks for: types, and values of them."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from flows.check.finding import Finding
from flows.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.notebook.newsletter import Newsletter

Cells = list[dict[str, Any]]

_TYPES: Final[dict[str, Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "None": None,
    "list": list,
    "dict": dict,
}
_SAMPLE: Final = "desk.sample()"


def cells(newsletter: Newsletter) -> Cells:
    """Return the notebook's cells as written, each `source` as one text."""
    found: Cells = json.loads(newsletter.text)["cells"]
    for cell in found:
        source = cell["source"]
        cell["source"] = source if isinstance(source, str) else "".join(source)
    return found


def parameters_cell(written: Cells) -> int:
    """Return the index of the cell tagged `parameters`."""
    return next(
        index
        for index, cell in enumerate(written)
        if "parameters" in cell["metadata"].get("tags", ())
    )


def look(newsletter: Newsletter, written: Cells) -> Iterator[Finding]:
    """Yield each parameter without a type, and each value that is not of its parameter's type."""
    at = parameters_cell(written)
    for statement in ast.parse(written[at]["source"]).body:
        for what, remedy, cell in _problems(statement, newsletter, at):
            yield Finding(newsletter.path.name, cell, "parameter", what, remedy)


def _problems(
    statement: ast.stmt, newsletter: Newsletter, at: int
) -> Iterator[tuple[str, str, int]]:
    match statement:
        case ast.AnnAssign(
            target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value
        ):
            pass
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            example = f"Write `{name}: float = …`, with the type that it has."
            yield f"the parameter {name} has no type", example, at
            return
        case _:
            return
    kind = _type(annotation)
    if kind is _UNKNOWN:
        yield (
            f"the type {ast.unparse(annotation)} of {name} is none that a flow can inject",
            f"Use {', '.join(_TYPES)}, or one of them in another.",
            at,
        )
        return
    if ast.unparse(value) != _SAMPLE:
        try:
            default = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            yield (
                f"the default of {name} is computed",
                "Write it as a value; compute in a cell below.",
                at,
            )
            return
        if problem := _mismatch(kind, default):
            yield (
                f"the default of {name} is no {ast.unparse(annotation)}: {problem}",
                "Give it a default of its type.",
                at,
            )
    if name in newsletter.parameters and (problem := _mismatch(kind, newsletter.parameters[name])):
        yield (
            f"the header's {name} is no {ast.unparse(annotation)}: {problem}",
            "Give it a value of the type that the parameters cell says.",
            0,
        )


class _Unknown:
    """Stands for a type that JSON has not."""


_UNKNOWN: Final = _Unknown()


def _type(node: ast.expr) -> Any:  # noqa: ANN401 - whatever a TypeAdapter takes
    """Return the type that an annotation names: `float`, `list[…]`, `dict[str, …]`, `… | None`."""
    match node:
        case ast.Name(id=name) if name in _TYPES:
            return _TYPES[name]
        case ast.Constant(value=None):
            return None
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            kind = _type(inner)
            return _UNKNOWN if kind is _UNKNOWN else list[kind]  # type: ignore[valid-type]
        case ast.Subscript(
            value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), inner])
        ):
            kind = _type(inner)
            return _UNKNOWN if kind is _UNKNOWN else dict[str, kind]  # type: ignore[valid-type]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            kinds = _type(left), _type(right)
            return _UNKNOWN if _UNKNOWN in kinds else kinds[0] | kinds[1]
    return _UNKNOWN


def _mismatch(kind: Any, value: object) -> str:  # noqa: ANN401 - as above
    """Return why `value` is not of the type `kind`; nothing where it is."""
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        return one_line(error.errors(include_url=False)[0]["msg"])
    return ""
