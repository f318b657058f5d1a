"""The subscribers in DynamoDB, in a table beside the ledger's.

`<prefix>-subscribers`, one item a subscriber
    Key `shard`, `email`. They are spread over the ledger's number of partitions, since one takes
    1,000 writes a second; inside each they are in the order of the addresses, so reading all in
    that order is a merge. `name`, `newsletters` and `zones`, the latter two with `;` in between.

Billed on demand. Entering a subscriber costs two write units; finding an issue's readers costs a
read unit for 4 KB of the table, and one for each of them, whose address is looked up among the
suppressions.
"""

from __future__ import annotations

import heapq
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from flows.delivery import ledger_dynamodb_tables as tables
from flows.delivery.dynamodb import MOST_ACTIONS, Dynamo
from flows.delivery.dynamodb_wire import expressions, put, wire
from flows.delivery.ledger_dynamodb_rows import key, shards
from flows.delivery.subscribers import Subscriber, SubscriberState, joined, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.delivery.dynamodb_wire import Action, Item

_EVERYONE: Final = "subscribers"  # what shards are named after


def create_table(table_prefix: str) -> None:
    """Create the subscribers' table unless it is there, and wait until it can be used.

    Raises:
        SettingsError: no region is set.
        StorageError: DynamoDB can't be reached, or refuses.
    """
    Dynamo().create_table(tables.subscribers_definition(table_prefix))


class DynamoDirectory:
    """The subscribers in the table `<table_prefix>-subscribers`.

    Raises:
        SettingsError: no region is set.
    """

    def __init__(self, table_prefix: str) -> None:
        self._table = tables.subscribers(table_prefix)
        self._suppressions = tables.suppressions(table_prefix)
        self._dynamo = Dynamo()

    def add(self, subscribers: Iterable[Subscriber]) -> tuple[Subscriber, ...]:
        """Enter subscribers, each by itself, and return those that were new; see `Directory`."""
        given: dict[str, Subscriber] = {}
        for subscriber in subscribers:
            given.setdefault(subscriber.email.lower(), subscriber)
        unless_there = "attribute_not_exists(#email)"
        refusals = self._dynamo.apply(
            [(put(self._table, _item(subscriber), unless_there),) for subscriber in given.values()]
        )
        pairs = zip(given.values(), refusals, strict=True)
        return tuple(subscriber for subscriber, refused in pairs if not refused)

    def remove(self, email: str) -> bool:
        """Forget the subscriber; see `Directory`."""
        [refused] = self._dynamo.apply([(_delete(self._table, email.lower()),)])
        return not refused

    def find(self, email: str) -> Subscriber | None:
        """Return the subscriber with this address, or None."""
        item = self._dynamo.get(self._table, key(_EVERYONE, email.lower()))
        return None if item is None else next(self._with_states(iter([item])))

    def subscribers(self) -> Iterator[Subscriber]:
        """Yield every subscriber in the order of the addresses; see `Directory`."""
        return self._with_states(self._items())

    def matching(self, newsletter: str, zone_code: str) -> Iterator[Subscriber]:
        """Yield who gets an issue, in the order of the addresses; see `Directory`."""
        wanted = (i for i in self._items() if _subscriber(i).wants(newsletter, zone_code))
        for subscriber in self._with_states(wanted):
            if subscriber.state is SubscriberState.ACTIVE:
                yield subscriber

    def suppressions(self, emails: Iterable[str]) -> dict[str, str]:
        """Return the reasons why nothing goes to some of `emails`; see `Directory`."""
        keys = [{"email": email} for email in {email.lower() for email in emails}]
        found = self._dynamo.present(self._suppressions, keys)
        return {item["email"]: item["reason"] for item in found}

    def _items(self) -> Iterator[Item]:
        """Yield every item in the order of the addresses."""
        pages = (
            self._dynamo.query(
                self._table, "#shard = :shard", {"shard": shard}, ConsistentRead=True
            )
            for shard in shards(_EVERYONE)
        )
        return heapq.merge(*pages, key=itemgetter("email"))

    def _with_states(self, items: Iterator[Item]) -> Iterator[Subscriber]:
        while batch := list(islice(items, MOST_ACTIONS)):
            reasons = self.suppressions(item["email"] for item in batch)
            for item in batch:
                yield _subscriber(item, reasons.get(item["email"]))


def _item(subscriber: Subscriber) -> Item:
    return {
        **key(_EVERYONE, subscriber.email.lower()),
        "name": subscriber.name,
        "newsletters": joined(subscriber.newsletters),
        "zones": joined(subscriber.zones),
    }


def _subscriber(item: Item, reason: str | None = None) -> Subscriber:
    return Subscriber(
        name=item["name"],
        email=item["email"],
        newsletters=split(item["newsletters"]),
        zones=split(item["zones"]),
        state=SubscriberState.of(reason),
    )


def _delete(table: str, email: str) -> Action:
    """Return the action that deletes a subscriber, on condition that there is one."""
    there = expressions({}, ConditionExpression="attribute_exists(#email)")
    return {"Delete": {"TableName": table, "Key": wire(key(_EVERYONE, email)), **there}}
