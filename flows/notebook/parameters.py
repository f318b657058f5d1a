"""The cell tagged `parameters`: what a notebook lets the flow set, and its values until then.

papermill writes an injected name into the notebook as code, so a name is taken from this cell only
if it is a plain identifier that nothing else hangs on.
"""

from __future__ import annotations

import ast
import builtins
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_PAYLOAD: Final = "event_payload"
KNOWN_PARAMETERS: Final[Mapping[str, type]] = MappingProxyType(
    {
        EVENT_PAYLOAD: str,  # the market document, XML text
        "installed_capacity": dict,  # MW by production type; {} where unknown
        "previous_payload": str,  # the document of the issue before; "" where none
        "forecast_payload": str,  # day-ahead forecast, same zone and period; "" where none
    }
)
"""What a flow can inject, with each value's type; a header's `needs` names all but the event."""

_RESERVED = frozenset(dir(builtins)) | {"desk", "flows"}


def check_name(name: str) -> None:
    """Refuse a parameter's name that would hide something else.

    Raises:
        ValueError: one line that says why.
    """
    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        message = f"{name!r} is no plain name: ASCII letters, digits and _, a letter first"
        raise ValueError(message)
    if name in _RESERVED:
        message = f"{name!r} would hide what a notebook needs under that name"
        raise ValueError(message)


def declared(source: str) -> tuple[str, ...]:
    """Return the names that the cell `source` assigns, in its order.

    Raises:
        ValueError: one line that says which line is no assignment of one value to one name, or
            gives a known parameter another type than `KNOWN_PARAMETERS` does.
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        message = f"line {error.lineno} is no Python: {error.msg}"
        raise ValueError(message) from error
    except (RecursionError, MemoryError) as error:  # what the parser raises on absurd nesting
        message = "it is nested too deeply"
        raise ValueError(message) from error
    names: list[str] = []
    for statement in statements:
        name = _assigned(statement)
        if name in names:
            message = f"line {statement.lineno} assigns {name} a second time"
            raise ValueError(message)
        names.append(name)
    return tuple(names)


def _assigned(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            annotation = None
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr()):
            pass
        case _:
            message = (
                f"line {statement.lineno} is no assignment of a value to one name, such as "
                "`threshold_mw: float = 100`"
            )
            raise ValueError(message)
    check_name(name)
    expected = KNOWN_PARAMETERS.get(name)
    if annotation is not None and expected is not None:
        written = ast.unparse(annotation).strip("'\"").partition("[")[0]
        if written != expected.__name__:
            message = f"line {statement.lineno}: {name} is injected as {expected.__name__}"
            raise ValueError(message)
    return name
