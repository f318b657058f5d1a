"""The delivery ledger and the subscribers in DynamoDB, billed by use."""

from __future__ import annotations

from typing import Any

import data
import pulumi
import pulumi_aws as aws


class Ledger(pulumi.ComponentResource):
    """The tables of `flows.delivery`, which are made as its definitions (CreateTable) say.

    `address` is what `GRIDLETTER_LEDGER` takes.
    """

    address: str
    table_arns: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        definitions: list[dict[str, Any]],
        *,
        let_data_go: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:Ledger", name, None, opts)
        self.address = f"dynamodb://{name}"
        self.table_arns = []
        for definition in definitions:
            keys = {key["KeyType"]: key["AttributeName"] for key in definition["KeySchema"]}
            table = aws.dynamodb.Table(
                definition["TableName"],
                name=definition["TableName"],
                billing_mode=definition["BillingMode"],
                hash_key=keys["HASH"],
                range_key=keys.get("RANGE"),
                attributes=[
                    {"name": attribute["AttributeName"], "type": attribute["AttributeType"]}
                    for attribute in definition["AttributeDefinitions"]
                ],
                global_secondary_indexes=[
                    {"hash_key": by["HASH"], "range_key": by.get("RANGE"), **_index(index)}
                    for index in definition.get("GlobalSecondaryIndexes", ())
                    for by in [{key["KeyType"]: key["AttributeName"] for key in index["KeySchema"]}]
                ],
                local_secondary_indexes=[
                    {"range_key": index["KeySchema"][1]["AttributeName"], **_index(index)}
                    for index in definition.get("LocalSecondaryIndexes", ())
                ],
                point_in_time_recovery={"enabled": True},
                server_side_encryption={"enabled": True},
                deletion_protection_enabled=not let_data_go,
                opts=data.kept(self, let_go=let_data_go),
            )
            self.table_arns.append(table.arn)
        self.register_outputs({"address": self.address})


def _index(index: dict[str, Any]) -> dict[str, Any]:
    projection = index["Projection"]
    described: dict[str, Any] = {
        "name": index["IndexName"],
        "projection_type": projection["ProjectionType"],
    }
    if "NonKeyAttributes" in projection:
        described["non_key_attributes"] = projection["NonKeyAttributes"]
    return described
