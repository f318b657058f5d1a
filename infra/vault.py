"""The flow's secrets in Secrets Manager; ECS hands them to the container as environment."""

from __future__ import annotations

import data
import pulumi
import pulumi_aws as aws


class Vault(pulumi.ComponentResource):
    """One secret for each variable that has a value; `arns` maps its name to the secret's ARN.

    ECS starts no task whose secret is empty, so a variable without a value gets none.
    """

    arns: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        values: dict[str, pulumi.Input[str] | None],
        *,
        let_data_go: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:Vault", name, None, opts)
        self.arns = {}
        for variable, value in values.items():
            if value is None:
                continue
            called = variable.removeprefix("GRIDLETTER_").lower().replace("_", "-")
            secret = aws.secretsmanager.Secret(
                f"{name}-{called}",
                name=f"{name}/{called}",
                description=f"What the flow reads as {variable}",
                recovery_window_in_days=0 if let_data_go else 7,
                opts=data.kept(self, let_go=let_data_go),
            )
            aws.secretsmanager.SecretVersion(
                f"{name}-{called}-value",
                secret_id=secret.id,
                secret_string=pulumi.Output.secret(value),
                # Turned by hand afterwards: a deployment must not turn it back.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["secret_string"]),
            )
            self.arns[variable] = secret.arn
        self.register_outputs({"arns": self.arns})


def random_key(parent: pulumi.Resource) -> pulumi.Output[str]:
    """Return a random key of 43 letters and digits; another one at every call."""
    made = aws.secretsmanager.get_random_password_output(
        password_length=43,
        exclude_punctuation=True,
        opts=pulumi.InvokeOptions(parent=parent),
    )
    return pulumi.Output.secret(made.random_password)
