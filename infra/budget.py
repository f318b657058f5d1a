"""An alarm for the month's bill."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


class Budget(pulumi.ComponentResource):
    """Mails the operators at 80 % of the month's budget, and when it is forecast to be passed."""

    def __init__(
        self, name: str, usd: int, operators: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gridletter:aws:Budget", name, None, opts)
        aws.budgets.Budget(
            f"{name}-month",
            name=f"{name}-month",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(usd),
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:stack${name}"]}],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": threshold,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_email_addresses": [operators],
                }
                for kind, threshold in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
