"""Mails a second, and the memory that it takes: 60 KB mails to a server on loopback.

Beside the delivery, which commits each mail to its ledger on disk, in the same run:

- prefect-email's documented way: one `email_send_message` task for each recipient;
- a bare `smtplib` loop over one connection, which keeps no promise, as the limit.

The server is a process of its own, the same for all.
"""

from __future__ import annotations

import random
import smtplib
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.machine import in_fresh_process, peak_memory_mb
from benchmarks.row import Aim, Row
from flows.delivery.compose import prepare
from flows.delivery.ledger import Entry, Recipient, State
from flows.delivery.ledger_sqlite import SqliteLedger
from flows.delivery.policy import Policy
from flows.delivery.send import deliver
from flows.delivery.smtp import Security, SmtpServer, dial
from flows.issue import Figure, Issue, Zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

    from flows.delivery.compose import Prepared

AIMS: Final = {
    "mails_vs_task_each": Aim(50, "delivery against one email_send_message task each"),
    "mails_vs_smtplib_1": Aim(0.8, "delivery, one connection, against a bare smtplib loop"),
    "mails_vs_smtplib_4": Aim(1, "delivery, four connections, against a bare smtplib loop"),
    "delivery_memory_mb": Aim(250, "MB of the flow's process for 10,000 mails", upward=False),
}

_HOST = "127.0.0.1"
_SENDER = "news@letters.example"
_ISSUE_ID = "0123456789abcdef0123"
_MAIL_BYTES = 60_000
_FEW, _SOME, _MANY = 100, 1_000, 10_000
_ROUNDS = 3
_SEED = 543


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`; speeds are in mails a second, and their medians are compared."""
    with _sink() as port:
        speeds = in_fresh_process(race, port)
        raw: dict[str, JsonValue] = {name: round(median(each)) for name, each in speeds.items()}
        one, four, bare = (median(speeds[name]) for name in ("delivery_1", "delivery_4", "smtplib"))
        if "mails_vs_smtplib_1" in names:
            yield AIMS["mails_vs_smtplib_1"].row("mails_vs_smtplib_1", one / bare, raw)
        if "mails_vs_smtplib_4" in names:
            yield AIMS["mails_vs_smtplib_4"].row("mails_vs_smtplib_4", four / bare, raw)
        if not names & {"mails_vs_task_each", "delivery_memory_mb"}:
            return
        few, many = (in_fresh_process(deliver_in_the_flow, port, n) for n in (_FEW, _MANY))
        if "mails_vs_task_each" in names:
            tasks_few, tasks_some = in_fresh_process(one_task_each, port, (_FEW, _SOME))
            raw = {
                f"delivery_{_FEW}": round(few[0]),
                f"delivery_{_SOME}": round(four),
                f"delivery_{_MANY}": round(many[0]),
                f"task_each_{_FEW}": round(tasks_few, 1),
                f"task_each_{_SOME}": round(tasks_some, 1),
            }
            yield AIMS["mails_vs_task_each"].row("mails_vs_task_each", four / tasks_some, raw)
        if "delivery_memory_mb" in names:
            raw = {f"peak_mb_{_FEW}": round(few[1], 1), f"peak_mb_{_MANY}": round(many[1], 1)}
            yield AIMS["delivery_memory_mb"].row("delivery_memory_mb", many[1], raw)


def race(port: int) -> dict[str, list[float]]:
    """Return the speeds of bare smtplib and of one and four connections, measured in turns."""
    prepared = _prepared()
    speeds: dict[str, list[float]] = {"smtplib": [], "delivery_1": [], "delivery_4": []}
    for _ in range(_ROUNDS):
        speeds["smtplib"].append(_smtplib_loop(port, prepared, _SOME))
        speeds["delivery_1"].append(_delivery(port, prepared, _SOME, connections=1))
        speeds["delivery_4"].append(_delivery(port, prepared, _SOME, connections=4))
    return speeds


def deliver_in_the_flow(port: int, count: int) -> tuple[float, float]:
    """Return the speed and the peak memory (MB) of a process that has all that the flow imports."""
    import flows.publish  # noqa: F401, PLC0415 - for what it weighs, in this process only

    return _delivery(port, _prepared(), count, connections=4), peak_memory_mb()


def one_task_each(port: int, counts: Sequence[int]) -> list[float]:
    """Return the speed of one task for each of `counts` recipients, as prefect-email's page has it.

    https://docs.prefect.io/integrations/prefect-email
    """
    from flows.embedded import prefect_api  # noqa: PLC0415 - slow, and in this process only

    with (
        tempfile.TemporaryDirectory() as folder,
        prefect_api(Path(folder), always_embedded=True),
    ):
        from prefect import flow  # noqa: PLC0415 - after its settings
        from prefect_email import EmailServerCredentials, email_send_message  # noqa: PLC0415

        credentials = EmailServerCredentials(
            smtp_server=_HOST, smtp_type="INSECURE", smtp_port=port
        )
        html = _html(_MAIL_BYTES)

        @flow
        def send(addresses: list[str]) -> float:
            started = time.perf_counter()
            sent = [
                email_send_message.with_options(name=f"email {address}").submit(
                    email_server_credentials=credentials,
                    subject="Solar peaks at 41 GW",
                    msg=html,
                    email_from=_SENDER,
                    email_to=address,
                )
                for address in addresses
            ]
            _done = [each.result() for each in sent]
            return len(addresses) / (time.perf_counter() - started)

        send(_addresses(1))
        return [send(_addresses(count)) for count in counts]


def _delivery(port: int, prepared: Prepared, count: int, connections: int) -> float:
    connect = partial(dial, SmtpServer(_HOST, port, Security.NONE), timeout_seconds=10)
    entry = Entry(_ISSUE_ID, "issues/x", "wind_solar", "DE_LU", "A69", 1)
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.db")
        ledger.enroll(entry, (Recipient(address, "A Reader") for address in _addresses(count)))
        policy = Policy(connections=connections)
        started = time.perf_counter()
        counts = deliver(ledger, prepared, connect, holder="benchmark", policy=policy)
        seconds = time.perf_counter() - started
    if counts != {State.ACCEPTED: count}:
        message = f"{count} mails were to be accepted: {counts}"
        raise RuntimeError(message)
    return count / seconds


def _smtplib_loop(port: int, prepared: Prepared, count: int) -> float:
    mail = prepared.mail_to(Recipient(_addresses(1)[0], "A Reader"))
    addresses = _addresses(count)
    with smtplib.SMTP(_HOST, port) as smtp:
        started = time.perf_counter()
        for address in addresses:
            smtp.sendmail(_SENDER, [address], mail)
        return count / (time.perf_counter() - started)


def _prepared() -> Prepared:
    """Return a mail of `_MAIL_BYTES`: half of it HTML, half of it a chart, as real ones are."""
    chart = random.Random(_SEED).randbytes(_MAIL_BYTES * 3 // 8)  # noqa: S311 - no secret
    figure = Figure(
        name="chart-1.png",
        dark_name=None,
        cid="chart-1@gridletter",
        alt="Solar and wind",
        width_px=1248,
        height_px=640,
    )
    # Only what the mail takes from its issue: the record's other fields play no part here.
    issue = Issue.model_construct(
        issue_id=_ISSUE_ID,
        newsletter="wind_solar",
        title="Wind & solar forecast",
        headline="Solar peaks at 41 GW",
        zone=Zone(
            eic="10Y1001A1001A82H", code="DE_LU", name="Germany–Luxembourg", tz="Europe/Berlin"
        ),
        counter_zone=None,
        supersedes=None,
        corrects=None,
        published=datetime.now(UTC),
        figures=(figure,),
    )
    return prepare(
        issue,
        _html(_MAIL_BYTES * 27 // 64),
        "Solar peaks at 41 GW.\n" * 40,
        {"chart-1.png": chart},
        sender=f"Gridletter <{_SENDER}>",
        unsubscribe_url=lambda email: f"https://letters.example/unsubscribe/{email}{'x' * 120}",
    )


def _html(size: int) -> str:
    row = '<tr><td align="right">13:00</td><td align="right">41 204</td></tr>\n'
    return f"<html><body><table>{row * (size // len(row))}</table></body></html>"


def _addresses(count: int) -> list[str]:
    return [f"reader{number}@mail.example" for number in range(count)]


@contextmanager
def _sink() -> Iterator[int]:
    """Run the server in a process of its own; yield its port."""
    script = Path(__file__).parent.parent / "tests" / "smtp_sink.py"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(script), "--log", str(Path(folder) / "taken.log")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
            try:
                yield int(process.stdout.readline() if process.stdout else b"")
            finally:
                process.terminate()
