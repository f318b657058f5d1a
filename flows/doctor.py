"""What `gridletter doctor` checks: each thing that publishing needs, with what to mend."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from flows.delivery.directory import open_directory
from flows.delivery.smtp import dial
from flows.embedded import prefect_api
from flows.errors import GridletterError, one_line
from flows.notebook.newsletter import catalogue
from flows.notebook.run import Limits, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.settings import Settings

_LEAST_FREE_MB = 500
_DIAL_SECONDS = 10


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    good: bool
    says: str

    def as_json(self) -> str:
        """Return the check as a one-line object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def as_line(self) -> str:
        """Return the check for people."""
        return f"{'ok  ' if self.good else 'MEND'} {self.name}: {self.says}"


def run_checks(options: Settings) -> Iterator[Check]:
    """Yield every check as soon as it is made; none depends on one before it."""
    for name, look in _CHECKS.items():
        try:
            yield Check(name, good=True, says=one_line(look(options)))
        except (GridletterError, OSError) as error:
            yield Check(name, good=False, says=one_line(error))
        except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong, and goes on
            yield Check(name, good=False, says=one_line(f"{type(error).__name__}: {error}"))


def _python(_options: Settings) -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _home(options: Settings) -> str:
    options.home.mkdir(parents=True, exist_ok=True)
    probe = options.home / f".doctor.{os.getpid()}"
    probe.touch()
    probe.unlink()
    free_mb = shutil.disk_usage(options.home).free >> 20
    if free_mb < _LEAST_FREE_MB:
        message = f"only {free_mb} MB are free under {options.home}; make room"
        raise OSError(message)
    return f"{options.home} is writable, {free_mb:,} MB are free"


def _notebooks(options: Settings) -> str:
    found = catalogue(options.notebooks)
    if found.broken:
        raise found.broken[0]
    if not found.newsletters:
        message = f"no newsletter in {options.notebooks}; set GRIDLETTER_NOTEBOOKS"
        raise FileNotFoundError(message)
    names = ", ".join(newsletter.name for newsletter in found.newsletters)
    return f"{len(found.newsletters)} newsletters: {names}"


def _kernel(options: Settings) -> str:
    newsletter = catalogue(options.notebooks).newsletters[0]
    sample = newsletter.sample.read_text(encoding="utf-8")
    limits = Limits(
        deadline_seconds=options.notebook_deadline_seconds,
        memory_mb=options.notebook_memory_mb,
        output_mb=options.notebook_output_mb,
    )
    run(newsletter, {"event_payload": sample, **newsletter.parameters}, limits=limits)
    return f"{newsletter.name} ran on its sample"


def _subscribers(options: Settings) -> str:
    count = sum(1 for _ in open_directory(options.ledger_address).subscribers())
    return str(count) if count else "none yet; see `gridletter subscribers --help`"


def _mail(options: Settings) -> str:
    with prefect_api(options.home):
        from flows.sending import mail_server  # noqa: PLC0415 - slow to import

        server = mail_server(options)
    if server is None:
        return f"no server is set: mails are written to {options.outbox_folder}"
    dial(server, timeout_seconds=_DIAL_SECONDS).quit()
    return f"{server.host}:{server.port} takes mails ({server.security})"


def _installed_capacity(options: Settings) -> str:
    if options.entsoe_api_key is None:
        return (
            "no key in the settings: without the Secret block `entsoe-api-key` newsletters go out "
            "without percentages"
        )
    return "a key is set"


def _prefect_api(options: Settings) -> str:
    with prefect_api(options.home) as address:
        from prefect.client.orchestration import get_client  # noqa: PLC0415 - slow to import

        with get_client(sync_client=True) as client:
            error = client.api_healthcheck()
        if error is not None:
            message = f"the API {address or '(embedded)'} does not answer: {error}"
            raise ConnectionError(message)
        return f"{address} answers" if address else "embedded, and it answers"


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "home": _home,
    "notebooks": _notebooks,
    "kernel": _kernel,
    "subscribers": _subscribers,
    "mail": _mail,
    "installed capacity": _installed_capacity,
    "prefect": _prefect_api,
}
