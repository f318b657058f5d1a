"""What must not stand in a notebook's sources: secrets, and paths of one machine.

Both are found by their looks. A notebook that hides a key on purpose gets past; one that somebody
pasted a key into does not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flows.check.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue

    from flows.check.contract import Cells
    from flows.notebook.newsletter import Newsletter

_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    "a key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in an address": re.compile(
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'{}]{1,99}:[^\s/@\"'{}]{1,99}@"
    ),
    "a token in an address": re.compile(
        r"[?&](?:security_?token|(?:access_?)?token|api_?key|key|sig(?:nature)?)=[^&\s\"'{}]{8,}",
        re.IGNORECASE,
    ),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    "a key of Prefect Cloud": re.compile(r"\bpn[ub]_[A-Za-z0-9]{20,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
}
_SECRET_NAME: Final = re.compile(
    r"pass(?:word|wd|phrase)|secret|(?:^|_)(?:token|pwd)(?:$|_)|securitytoken|credential"
    r"|(?:api|access|private|account)_?key",
    re.IGNORECASE,
)
# A root and something under it, a drive, a home; not XPath's `//`, nor the unit in "/MWh".
_PATH: Final = re.compile(
    r"(?:file:/|~[\w.-]*[/\\]|[A-Za-z]:[/\\]|\\\\\w).*"
    r"|/(?:[\w.@+ -]+/)+[\w.@+ -]*|/[\w@+-]+\.[A-Za-z]\w{1,5}",
)
_TAKE_OUT = "Remove it and change it where it was valid: whoever has the notebook has it."
_RELATIVE = "Put the file beside the notebook and name it from there, or let the flow inject it."


def look(newsletter: Newsletter, written: Cells) -> Iterator[Finding]:
    """Yield what looks like a secret or like a path of this machine, with its cell."""
    name = newsletter.path.name
    for key, value in _flattened(newsletter.parameters):
        if value and _SECRET_NAME.search(key):
            yield Finding(name, 0, "secret", f"the header's {key} looks like a secret", _TAKE_OUT)
        if _PATH.fullmatch(value):
            yield Finding(name, 0, "path", f"the header has the path {value}", _RELATIVE)
    for index, cell in enumerate(written):
        for what, pattern in _SHAPES.items():
            if pattern.search(cell["source"]):
                yield Finding(name, index, "secret", f"it has {what}", _TAKE_OUT)
        if cell["cell_type"] != "code":
            continue
        tree = _tree(cell["source"])
        for key in _secret_names(tree):
            yield Finding(name, index, "secret", f"{key} is given as it stands", _TAKE_OUT)
        for path in _paths(tree):
            yield Finding(name, index, "path", f"it names the path {path!r}", _RELATIVE)


def _flattened(
    value: JsonValue | Mapping[str, JsonValue], key: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield (key, text) of each text in `value`, by the key that stands nearest to it."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _flattened(item, key)
    elif isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _flattened(item, inner)


def _tree(source: str) -> ast.Module:
    """Return the cell as Python sees it, magics and shell lines as calls; nothing if it can't be.

    A cell that is no Python fails when the notebook runs.
    """
    from IPython.core.inputtransformer2 import TransformerManager  # noqa: PLC0415 - slow to import

    try:
        transformed = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
        return ast.parse(transformed)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def _secret_names(tree: ast.Module) -> Iterator[str]:
    """Yield each name of a secret that is given a text: variable, argument, key."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                named = [(_name(target), value) for target in targets]
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                named = [(_name(target), value)]
            case ast.keyword(arg=str(name), value=value):
                named = [(name, value)]
            case ast.Dict(keys=keys, values=values):
                named = [(_text(key), value) for key, value in zip(keys, values, strict=True)]
            case _:
                continue
        yield from (name for name, value in named if _SECRET_NAME.search(name) and _text(value))


def _name(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=key):
            return _text(key)
    return ""


def _text(node: ast.expr | None) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
    return ""


def _paths(tree: ast.Module) -> Iterator[str]:
    """Yield each text that is an absolute path: not the rest of one that something precedes."""
    parts: set[Any] = set()
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=[_, *rest]):
                parts.update(rest)
            case ast.BinOp(op=ast.Add(), right=right):
                parts.add(right)
            case ast.Constant(value=str(text)) if node not in parts and _PATH.fullmatch(text):
                yield text
