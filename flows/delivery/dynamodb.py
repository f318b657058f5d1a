"""DynamoDB as the ledger needs it: groups of conditional writes, consistent reads, clear errors."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from flows.delivery.dynamodb_wire import expressions, unwire, wire
from flows.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.delivery.dynamodb_wire import Action, Item, Value

# Written together or not at all; fits into one transaction.
Group: TypeAlias = "tuple[Action, ...]"

MOST_ACTIONS: Final = 100  # of one TransactWriteItems; so many keys has a BatchGetItem, too

# What botocore retries by itself: lost connections, 5xx and throttled requests, under one token.
_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=10,
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 8},
)
_PATIENCE_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 0.02
_LONGEST_WAIT_SECONDS: Final = 2.0
_REFUSED: Final = "ConditionalCheckFailed"
_PASSING: Final = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_REMEDIES: Final = {
    "ResourceNotFoundException": "Create its tables, or correct GRIDLETTER_LEDGER or the region",
    "AccessDeniedException": "Give this role the rights to read and write the ledger's tables",
    "UnrecognizedClientException": "See to the AWS credentials",
    "ExpiredTokenException": "Renew the AWS credentials",
    "NoCredentialsError": "Set AWS credentials",
}


class Dynamo:
    """A client that threads may share; region, credentials and endpoint as boto3 finds them.

    Every method raises StorageError where DynamoDB can't be reached or refuses.

    Raises:
        SettingsError: no region is set.
    """

    def __init__(self) -> None:
        try:
            # A session of its own: boto3's default one may not be used by two threads at once.
            self._client: Any = boto3.session.Session().client("dynamodb", config=_CONFIG)
        except NoRegionError as error:
            raise SettingsError(
                "the ledger is on DynamoDB, but no AWS region is set",
                remedy="Set AWS_REGION.",
                setting="AWS_REGION",
            ) from error

    def apply(self, groups: Sequence[Group]) -> list[frozenset[int]]:
        """Write each group whose conditions hold, as many together as fit; wait out conflicts.

        Returns:
            For each group the positions of its actions whose condition failed: none where it is
            written. An item that two groups name is written in their order.
        """
        failed: dict[int, frozenset[int]] = {}
        for batch in _batches(groups):
            failed |= self._transact({number: groups[number] for number in batch})
        return [failed[number] for number in range(len(groups))]

    def get(self, table: str, key: Mapping[str, Value]) -> Item | None:
        """Return the item with `key`, read consistently, or None."""
        answer = self._call("get_item", TableName=table, Key=wire(key), ConsistentRead=True)
        return unwire(answer["Item"]) if "Item" in answer else None

    def present(self, table: str, keys: Sequence[Mapping[str, Value]]) -> Iterator[Item]:
        """Yield those of the items that are there, in any order, read consistently."""
        waits = _waits()
        for start in range(0, len(keys), MOST_ACTIONS):
            batch = [wire(key) for key in keys[start : start + MOST_ACTIONS]]
            unread: dict[str, Any] = {table: {"Keys": batch, "ConsistentRead": True}}
            while unread:
                answer = self._call("batch_get_item", RequestItems=unread)
                yield from map(unwire, answer["Responses"].get(table, ()))
                unread = answer.get("UnprocessedKeys", {})
                if unread:
                    _wait(waits, "ProvisionedThroughputExceeded")

    def query(
        self,
        table: str,
        condition: str,
        values: Mapping[str, Value],
        attributes: str = "",
        **others: Any,  # noqa: ANN401 — Query's own
    ) -> Iterator[Item]:
        """Yield the items whose key meets `condition`, page after page.

        Args:
            table: Whose items.
            condition: On the key, of the table or of the index that `others` names.
            values: What `condition` mentions.
            attributes: Those to read, all of them if empty.
            others: Further parameters of Query.
        """
        parts = {"KeyConditionExpression": condition}
        if attributes:
            parts["ProjectionExpression"] = attributes
        parameters = {"TableName": table, **expressions(values, **parts), **others}
        while True:
            answer = self._call("query", **parameters)
            yield from map(unwire, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def create_table(self, definition: dict[str, Any]) -> None:
        """Create the table unless it is there, and wait until it can be used."""
        try:
            self._client.create_table(**definition)
        except self._client.exceptions.ResourceInUseException:
            pass
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(error) from error
        try:
            waiter = self._client.get_waiter("table_exists")
            waiter.wait(TableName=definition["TableName"], WaiterConfig={"Delay": 1})
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(error) from error

    def _transact(self, groups: dict[int, Group]) -> dict[int, frozenset[int]]:
        failed: dict[int, frozenset[int]] = dict.fromkeys(groups, frozenset())
        waits = _waits()
        while groups:
            try:
                self._call(
                    "transact_write_items",
                    TransactItems=[action for group in groups.values() for action in group],
                    # Makes the same request, sent again by botocore, count once.
                    ClientRequestToken=uuid4().hex,
                )
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = iter(reason["Code"] for reason in error.response["CancellationReasons"])
            else:
                break
            passing = None
            for number, group in tuple(groups.items()):
                codes = [next(reasons) for _ in group]
                refused = frozenset(at for at, code in enumerate(codes) if code == _REFUSED)
                if refused:
                    failed[number] = refused
                    del groups[number]
                passing = next((c for c in codes if c not in {"None", _REFUSED}), passing)
            if passing is not None:
                _wait(waits, passing)
        return failed

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 — the same
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except self._client.exceptions.TransactionCanceledException:
            raise
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(error) from error
        return answer


def _batches(groups: Sequence[Group]) -> Iterator[list[int]]:
    """Yield the groups' numbers in runs that fit into one transaction and name no item twice."""
    batch: list[int] = []
    targets: set[str] = set()
    actions = 0
    for number, group in enumerate(groups):
        own = {_target(action) for action in group}
        if batch and (actions + len(group) > MOST_ACTIONS or not targets.isdisjoint(own)):
            yield batch
            batch, targets, actions = [], set(), 0
        batch.append(number)
        targets |= own
        actions += len(group)
    if batch:
        yield batch


def _target(action: Action) -> str:
    [parameters] = action.values()
    return f"{parameters['TableName']} {parameters.get('Key') or parameters['Item']}"


def _waits() -> Iterator[float]:
    """Yield growing waits in seconds, at random so that two who collided do not meet again."""
    longest, until = _FIRST_WAIT_SECONDS, time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        yield random.uniform(0, longest)  # noqa: S311 — no secret
        longest = min(2 * longest, _LONGEST_WAIT_SECONDS)


def _wait(waits: Iterator[float], reason: str) -> None:
    seconds = next(waits, None) if reason in _PASSING else None
    if seconds is None:
        raise StorageError(
            f"DynamoDB does not take the ledger's writes: {reason}",
            remedy="See to the ledger's tables, then run gridletter resume.",
            path="dynamodb",
        )
    time.sleep(seconds)


def _unavailable(error: BotoCoreError | ClientError) -> StorageError:
    code = type(error).__name__
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", code)
    remedy = _REMEDIES.get(code, "See to DynamoDB and the network")
    return StorageError(
        f"the ledger on DynamoDB can't be used: {error}",
        remedy=f"{remedy}, then run gridletter resume.",
        path="dynamodb",
    )
