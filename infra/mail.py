"""Amazon SES for one domain: DKIM, a configuration set, and the SMTP login of the flow."""

from __future__ import annotations

from urllib.parse import quote

import policies
import pulumi
import pulumi_aws as aws
from access_key import access_key
from policies import allow


class Mail(pulumi.ComponentResource):
    """`smtp_url` is what `GRIDLETTER_SMTP_URL` takes; `dns_records` are to be set at the domain.

    SES takes an IAM role by its own API only. prefect-email speaks SMTP, whose login is made of an
    access key, so there is one, for a user that may send from this domain and nothing else.
    """

    smtp_url: pulumi.Output[str]
    dns_records: pulumi.Output[list[dict[str, str]]]

    def __init__(
        self,
        name: str,
        domain: str,
        *,
        region: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("gridletter:aws:Mail", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        configuration = aws.sesv2.ConfigurationSet(
            f"{name}-mail",
            configuration_set_name=f"{name}-mail",
            delivery_options={"tls_policy": "REQUIRE"},
            reputation_options={"reputation_metrics_enabled": True},
            suppression_options={"suppressed_reasons": ["BOUNCE", "COMPLAINT"]},
            opts=here,
        )
        identity = aws.sesv2.EmailIdentity(
            f"{name}-domain",
            email_identity=domain,
            configuration_set_name=configuration.configuration_set_name,
            dkim_signing_attributes={"next_signing_key_length": "RSA_2048_BIT"},
            opts=here,
        )
        user = aws.iam.User(f"{name}-mail", name=f"{name}-mail", opts=here)
        aws.iam.UserPolicy(
            f"{name}-mail-policy",
            user=user.name,
            policy=policies.document(
                allow("SendFromDomain", ["ses:SendRawEmail"], [identity.arn, configuration.arn])
            ),
            opts=here,
        )
        key = access_key(f"{name}-mail-key", user, self)
        password = pulumi.Output.secret(key.ses_smtp_password_v4)
        self.smtp_url = pulumi.Output.all(key.id, password, region).apply(
            lambda login: (
                f"smtp://{quote(login[0], safe='')}:{quote(login[1], safe='')}"
                f"@email-smtp.{login[2]}.amazonaws.com:587?security=starttls"
            )
        )
        self.dns_records = identity.dkim_signing_attributes.apply(
            lambda signing: [
                {
                    "type": "CNAME",
                    "name": f"{token}._domainkey.{domain}",
                    "value": f"{token}.dkim.amazonses.com",
                }
                for token in (signing.tokens if signing else None) or ()
            ]
        )
        self.register_outputs({"dns_records": self.dns_records})
