"""Writes docs/costs.md: what an issue costs, what a month costs, and where it stops scaling.

    .venv/bin/python scripts/make_costs.py

From what scripts/measure_costs.py measured and from list prices, both below; nothing is fetched. A
test holds the page against this script.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.delivery.ledger_dynamodb_tables import SHARDS

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "costs.md"
READ_ON: Final = "November 2026"


@dataclass(frozen=True)
class Price:
    """A list price of us-east-1 in US dollars, for so many of a unit."""

    name: str
    usd: float
    amount: int
    unit: str
    source: str

    @property
    def each(self) -> float:
        """The price of one."""
        return self.usd / self.amount


_FARGATE: Final = "aws.amazon.com/fargate/pricing"
_DYNAMODB: Final = "aws.amazon.com/dynamodb/pricing/on-demand"
_SES: Final = "aws.amazon.com/ses/pricing"
_S3: Final = "aws.amazon.com/s3/pricing"
_CLOUDFRONT: Final = "aws.amazon.com/cloudfront/pricing"

VCPU: Final = Price("Fargate, x86", 0.04048, 1, "vCPU and hour", _FARGATE)
MEMORY: Final = Price("Fargate, x86", 0.004445, 1, "GB and hour", _FARGATE)
VCPU_ARM: Final = Price("Fargate, ARM", 0.03238, 1, "vCPU and hour", _FARGATE)
MEMORY_ARM: Final = Price("Fargate, ARM", 0.00356, 1, "GB and hour", _FARGATE)
IPV4: Final = Price("public IPv4 address", 0.005, 1, "hour", "aws.amazon.com/vpc/pricing")
PUT: Final = Price("S3 PUT, POST, LIST", 0.005, 1_000, "requests", _S3)
GET: Final = Price("S3 GET", 0.0004, 1_000, "requests", _S3)
STORED: Final = Price("S3 Standard", 0.023, 1, "GB and month", _S3)
WRITE: Final = Price("DynamoDB write", 0.625, 1_000_000, "request units", _DYNAMODB)
READ: Final = Price("DynamoDB read", 0.125, 1_000_000, "request units", _DYNAMODB)
MAIL: Final = Price("SES, à la carte", 0.10, 1_000, "mails", _SES)
MAIL_NEW: Final = Price("SES, plan Essentials", 0.16, 1_000, "mails", _SES)
ATTACHED: Final = Price("SES, attachments", 0.12, 1, "GB", _SES)
LOGGED: Final = Price("CloudWatch Logs", 0.50, 1, "GB", "aws.amazon.com/cloudwatch/pricing")
VIEWED: Final = Price("CloudFront, beyond 1 TB a month", 0.085, 1, "GB", _CLOUDFRONT)
IMAGES: Final = Price("ECR", 0.10, 1, "GB and month", "aws.amazon.com/ecr/pricing")
SECRET: Final = Price(
    "Secrets Manager", 0.40, 1, "secret and month", "aws.amazon.com/secrets-manager/pricing"
)
KEY: Final = Price("KMS", 1.00, 1, "key and month", "aws.amazon.com/kms/pricing")
PRICES: Final = (
    VCPU, MEMORY, VCPU_ARM, MEMORY_ARM, IPV4, PUT, GET, STORED, WRITE, READ, MAIL, MAIL_NEW,
    ATTACHED, LOGGED, VIEWED, IMAGES, SECRET, KEY,
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What scripts/measure_costs.py printed; `_kb` are thousands of bytes.

    `run_requests` are a flow run's to Prefect's API. Seconds are those of a processor. Writes and
    reads are DynamoDB's request units, without those of indexes.
    """

    run_requests: int
    issue_seconds: float
    issue_puts: int
    issue_gets: int
    issue_kb: int
    issue_writes: int
    issue_reads: int
    mail_seconds: float
    mail_writes: float
    mail_reads: float
    mail_kb: int


@dataclass(frozen=True)
class Assumed:
    """What was not measured, chosen so that a bill is rather smaller than the page says."""

    start_seconds: float = 25  # image fetched and container started, which Fargate bills already
    least_billed_seconds: float = 60  # Fargate's minimum for a task
    vcpu: float = 1
    memory_gb: float = 4
    mails_per_second: float = 14  # what SES grants an account that leaves its sandbox
    index_writes: float = 2  # a row that is in an index is written there as well
    log_kb: float = 20
    months_kept: int = 12  # of the archive
    views_per_mail: float = 0.2
    view_mb: float = 0.5
    free_view_gb: float = 1_000  # CloudFront's, each month
    images_gb: float = 5 * 0.4
    secrets: int = 3


MEASURED_ON: Final = "two processors, a wind and solar issue, 10 and 510 readers"
MEASURED: Final = Measured(
    run_requests=29,
    issue_seconds=26.0,
    issue_puts=59,
    issue_gets=61,
    issue_kb=584,
    issue_writes=8,
    issue_reads=107,
    mail_seconds=0.00576,
    mail_writes=10.02,
    mail_reads=2.05,
    mail_kb=67,
)
ASSUMED: Final = Assumed()
ISSUES: Final = (10, 1_000, 100_000)
MAILS: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
# Of Prefect Cloud: requests a minute.
PLANS: Final[Mapping[str, int]] = {"Hobby": 250, "Starter": 500, "Team": 1_000, "Pro": 2_000}
_HOUR: Final = 3600
_NO_CENTS_FROM_USD: Final = 100
_WHOLE_FROM: Final = 30
_KB_PER_GB: Final = 1_000_000


def task(seconds: float, vcpu: Price = VCPU, memory: Price = MEMORY) -> float:
    """Return what a task costs that runs so long; US dollars."""
    hourly = ASSUMED.vcpu * vcpu.each + ASSUMED.memory_gb * memory.each + IPV4.each
    return max(seconds, ASSUMED.least_billed_seconds) * hourly / _HOUR


def sending_seconds(mails: float) -> float:
    """Return for how long a task sends so many mails."""
    return mails * max(MEASURED.mail_seconds, 1 / ASSUMED.mails_per_second)


def issue_parts(mails: float = 0) -> dict[str, float]:
    """Return what one issue costs but for its mails' own price, part by part; US dollars."""
    m, a = MEASURED, ASSUMED
    writes = (m.issue_writes + mails * m.mail_writes) * a.index_writes
    reads = m.issue_reads + mails * m.mail_reads
    return {
        "task": task(a.start_seconds + m.issue_seconds + sending_seconds(mails)),
        "archive": m.issue_puts * PUT.each + m.issue_gets * GET.each,
        "ledger": writes * WRITE.each + reads * READ.each,
        "log": a.log_kb / _KB_PER_GB * LOGGED.each,
    }


def waiting() -> float:
    """Return what a month costs in which nothing happens; US dollars."""
    return KEY.each + ASSUMED.secrets * SECRET.each + ASSUMED.images_gb * IMAGES.each


def month(issues: int, mails: int, mail: Price = MAIL) -> float:
    """Return AWS' bill for a month of so many issues and so many mails in all; US dollars."""
    m, a = MEASURED, ASSUMED
    made = issues * sum(issue_parts(mails / issues).values()) if issues else 0
    sent = mails * (mail.each + m.mail_kb / _KB_PER_GB * ATTACHED.each)
    kept = issues * a.months_kept * m.issue_kb / _KB_PER_GB * STORED.each
    viewed_gb = mails * a.views_per_mail * a.view_mb / 1_000
    viewed = max(0, viewed_gb - a.free_view_gb) * VIEWED.each
    return waiting() + made + sent + kept + viewed


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """Return the page."""
    # Markdown, in which nothing is escaped as in HTML, and nothing comes from elsewhere.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"usd": _usd, "cents": _cents, "number": _number}
    seconds = ASSUMED.start_seconds + MEASURED.issue_seconds
    ledger = MEASURED.mail_writes * ASSUMED.index_writes * WRITE.each
    return environment.get_template("costs.md.jinja").render(
        read_on=READ_ON,
        prices=PRICES,
        assumed=ASSUMED,
        measured=MEASURED,
        measured_on=MEASURED_ON,
        measured_items=[(name.replace("_", " "), value) for name, value in vars(MEASURED).items()],
        plans=PLANS,
        shards=SHARDS,
        issue_counts=ISSUES,
        mail_counts=MAILS,
        waiting=waiting(),
        month=month,
        task=task,
        sending_seconds=sending_seconds,
        parts=issue_parts(),
        arm=task(seconds, VCPU_ARM, MEMORY_ARM),
        mail=MAIL,
        mail_new=MAIL_NEW,
        mail_usd=MAIL.each + MEASURED.mail_kb / _KB_PER_GB * ATTACHED.each,
        mail_ledger_usd=ledger + MEASURED.mail_reads * READ.each,
        issues_an_hour_at_6=6 * _HOUR / seconds,
    )


def _usd(amount: float) -> str:
    return f"${amount:,.2f}" if amount < _NO_CENTS_FROM_USD else f"${amount:,.0f}"


def _cents(usd: float) -> str:
    return f"{100 * usd:.2g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:,g}"


if __name__ == "__main__":
    main()
