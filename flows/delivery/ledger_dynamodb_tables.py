"""The DynamoDB ledger's tables: what they hold and why they are keyed so.

`<prefix>-issues`, one item an issue
    Key `issue_id`. The entry's attributes, `enrolled` (false until its last recipient is in),
    `since` (seconds since the epoch) and, until every row is final, `open`. The sparse index `open`
    (`open`, `since`) lists such issues; it is read only to find work, so it may lag behind.

`<prefix>-deliveries`, one item an issue and recipient
    Key `shard`, `email`. An issue's rows are spread over `SHARDS` partitions, since one takes 1,000
    writes a second; the address's hash says which. `name`, `state`, `attempt` and, as far as they
    apply, `due`, `lease_seconds`, `token` and `reply`.
    The sparse local index `due` (`shard`, `due`) holds the rows that can still move, soonest first:
    `due` is 0 while pending, a deferred row's time, the end of a lease, `HELD` while unknown, and
    absent once accepted, rejected or suppressed. So a claim reads what it takes and nothing else,
    and consistently, which only a local index allows. Its price is a limit of 10 GB a shard, which
    is more than ten million recipients.

`<prefix>-suppressions`, one item an address
    Key `email`. `reason` and `since`.

`<prefix>-subscribers`, one item a subscriber
    Key `shard`, `email`; see `directory_dynamodb`.

All are billed on demand. A mail costs some 20 write units from enrolment to `accepted`: each of its
four writes is transactional and moves an index row, and `begin` checks its address, too.
"""

from __future__ import annotations

from typing import Any, Final

SHARDS: Final = 8
HELD: Final = 10**10  # the year 2286: later than any lease or retry
OPEN_INDEX: Final = "open"
DUE_INDEX: Final = "due"


def issues(table_prefix: str) -> str:
    """Return the name of the issues' table."""
    return f"{table_prefix}-issues"


def deliveries(table_prefix: str) -> str:
    """Return the name of the table of issues' recipients."""
    return f"{table_prefix}-deliveries"


def suppressions(table_prefix: str) -> str:
    """Return the name of the table of addresses that get nothing."""
    return f"{table_prefix}-suppressions"


def subscribers(table_prefix: str) -> str:
    """Return the name of the table of those who read."""
    return f"{table_prefix}-subscribers"


def subscribers_definition(table_prefix: str) -> dict[str, Any]:
    """Return the subscribers' table as the parameters of DynamoDB's CreateTable."""
    return {
        "TableName": subscribers(table_prefix),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _keys("shard", "email"),
        "AttributeDefinitions": _attributes(shard="S", email="S"),
    }


def definitions(table_prefix: str) -> tuple[dict[str, Any], ...]:
    """Return the ledger's three tables as the parameters of DynamoDB's CreateTable."""
    return (
        {
            "TableName": issues(table_prefix),
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": _keys("issue_id"),
            "AttributeDefinitions": _attributes(issue_id="S", open="S", since="N"),
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": OPEN_INDEX,
                    "KeySchema": _keys("open", "since"),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        },
        {
            "TableName": deliveries(table_prefix),
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": _keys("shard", "email"),
            "AttributeDefinitions": _attributes(shard="S", email="S", due="N"),
            "LocalSecondaryIndexes": [
                {
                    "IndexName": DUE_INDEX,
                    "KeySchema": _keys("shard", "due"),
                    "Projection": {
                        "ProjectionType": "INCLUDE",
                        "NonKeyAttributes": ["name", "state", "attempt"],
                    },
                }
            ],
        },
        {
            "TableName": suppressions(table_prefix),
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": _keys("email"),
            "AttributeDefinitions": _attributes(email="S"),
        },
    )


def _keys(partition: str, sort: str | None = None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return keys if sort is None else [*keys, {"AttributeName": sort, "KeyType": "RANGE"}]


def _attributes(**kinds: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]
