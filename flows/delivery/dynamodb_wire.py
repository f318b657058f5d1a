"""DynamoDB's way of writing things down: typed values, expressions, actions of a transaction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = str | bool | float
Item: TypeAlias = dict[str, Any]
# One action of TransactWriteItems: {"Put" | "Update" | "ConditionCheck": its parameters}.
Action: TypeAlias = dict[str, dict[str, Any]]

_NAME: Final = re.compile(r"#(\w+)")


def put(table: str, item: Mapping[str, Value], condition: str = "") -> Action:
    """Return the action that writes `item`, on `condition` if there is one."""
    conditions = expressions({}, ConditionExpression=condition) if condition else {}
    return {"Put": {"TableName": table, "Item": wire(item), **conditions}}


def update(
    table: str, key: Mapping[str, Value], change: str, condition: str, **values: Value
) -> Action:
    """Return the action that makes `change` to the item with `key`, on `condition`."""
    parts = expressions(values, UpdateExpression=change, ConditionExpression=condition)
    return {"Update": {"TableName": table, "Key": wire(key), **parts}}


def check(table: str, key: Mapping[str, Value], condition: str, **values: Value) -> Action:
    """Return the action that only demands `condition` of the item with `key`."""
    parts = expressions(values, ConditionExpression=condition)
    return {"ConditionCheck": {"TableName": table, "Key": wire(key), **parts}}


def wire(item: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """Return `item` as DynamoDB has it on the wire."""
    return {name: _wire(value) for name, value in item.items()}


def expressions(values: Mapping[str, Value], **parts: str) -> dict[str, Any]:
    """Return `parts` (ConditionExpression, …) with the names and values that they mention.

    An attribute is written `#name` in them, since any plain name may be reserved, a value `:name`.
    """
    names = {name for part in parts.values() for name in _NAME.findall(part)}
    parameters: dict[str, Any] = {**parts, "ExpressionAttributeNames": {f"#{n}": n for n in names}}
    if values:
        parameters["ExpressionAttributeValues"] = {
            f":{name}": _wire(value) for name, value in values.items()
        }
    return parameters


def _wire(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    return {"N": repr(value)}


def unwire(attributes: Mapping[str, Mapping[str, Any]]) -> Item:
    """Return an item from the wire; every number is a float."""
    return {name: _value(typed) for name, typed in attributes.items()}


def _value(typed: Mapping[str, Any]) -> Value:
    [(kind, value)] = typed.items()
    return float(value) if kind == "N" else value
