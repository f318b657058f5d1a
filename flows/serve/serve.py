"""The command's own process: it takes home and ports, starts the others and looks after them."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from flows.errors import SettingsError, StorageError
from flows.serve import shared
from flows.serve.child import Child
from flows.serve.supervise import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from flows.settings import Settings

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 1024
_MOST_RUNNERS: Final = 4


@dataclass(frozen=True)
class Addresses:
    """Where everything is, for people."""

    archive: str
    webhook: str
    prefect: str


def serve(
    options: Settings,
    *,
    host: str,
    port: int,
    expect: Sequence[str] = (),
    on_start: Callable[[Addresses], None],
    on_ready: Callable[[float], None],
) -> None:
    """Serve until SIGTERM or SIGINT; then end all processes, mails in flight first.

    Args:
        options: Where state lives.
        host: The address that the gateway listens on.
        port: Its port; 0 for any free one.
        expect: Documents that come each day by some time, as `flows.deploy.expected` reads them.
        on_start: Told the addresses as soon as pushes are kept, before they are handed on.
        on_ready: Told the seconds since the start once everything works.

    Raises:
        SettingsError: the port is in use, or another `serve` has the home.
        StorageError: the home can't be written.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(_home(options.home))
        gateway = stack.enter_context(_listening(host, port))
        metrics = options.home / "metrics"
        shared.clear(metrics)
        named = _named_api()
        supervisor = stack.enter_context(Supervisor())
        environment = dict(os.environ) | _QUIET
        heard = -1
        if named is None:
            heard, rung = stack.enter_context(_bell())
            api = stack.enter_context(_near(gateway.getsockname()[1] + 1))
            environment |= _own_server(options.home, api.getsockname()[1])
            server = Child(
                *("server", "server", str(metrics)),
                listening=api.fileno(),
                bell=rung,
                is_last=True,
            )
            supervisor.add(server, environment)
        web = Child("web", "web", str(metrics), listening=gateway.fileno())
        supervisor.add(web, environment | _IMPATIENT)
        deployer = Child("deployer", "deployer", str(metrics), expect=tuple(expect))
        supervisor.add(deployer, environment, once=True)
        # One more than processors: a runner waits for Prefect's server half of its time.
        for number in range(min((os.cpu_count() or 1) + 1, _MOST_RUNNERS)):
            runner = Child("runner", f"runner-{number}", str(metrics), bell=heard)
            supervisor.add(runner, environment)
        on_start(_addresses(gateway, named or environment["PREFECT_API_URL"], options))
        supervisor.run(lambda: on_ready(time.monotonic() - started))


# Outcomes are this command's output; the log stays in the API. Nothing is reported to anybody.
_QUIET: Final = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": "10000",
    "DO_NOT_TRACK": "1",
}
# Who forwards and watches asks again by itself, and has to notice that the API is away.
_IMPATIENT: Final = {"PREFECT_CLIENT_MAX_RETRIES": "0", "PREFECT_API_REQUEST_TIMEOUT": "15"}


def _own_server(home: Path, port: int) -> Mapping[str, str]:
    """Return the environment in which Prefect keeps to this home and to this machine."""
    origin = f"http://{LOOPBACK}:{port}"
    return {
        "PREFECT_API_URL": f"{origin}/api",
        "PREFECT_UI_URL": origin,
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Pages of other origins, open in the operator's browser, have no business here.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origin,
        # One transaction for many task runs, instead of one for each of their states.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        # Runs and their logs go after three months, as events do.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    }


def _named_api() -> str | None:
    """Return the Prefect API that the environment or the active profile names."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - slow to import

    return get_current_settings().api.url


def _addresses(gateway: socket.socket, api: str, options: Settings) -> Addresses:
    host, port = gateway.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - what others bind to is their decision
        host = socket.gethostname()
    origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    key = "/<key>" if options.webhook_key_list else ""
    return Addresses(f"{origin}/", f"{origin}/webhooks/entsoe{key}", api.removesuffix("/api"))


@contextmanager
def _home(home: Path) -> Iterator[None]:
    """Have the home for this process alone: two would take each other's flow runs."""
    lock = FileLock(home / "serve.lock", blocking=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise SettingsError(
            f"another gridletter serve has the home {home}",
            remedy="End that one, or set GRIDLETTER_HOME to another folder.",
            setting="GRIDLETTER_HOME",
        ) from None
    except OSError as error:
        raise StorageError(
            f"the home {home} can't be written: {error.strerror}",
            remedy="See to its rights, or set GRIDLETTER_HOME to another folder.",
            path=str(home),
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _bell() -> Iterator[tuple[int, int]]:
    """Have a bell for as long as this lasts: the end for who hears it, and for who rings it."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on the address; connections wait while a process that takes them starts again."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"{host} port {port} can't be listened on: {error.strerror}",
            remedy="End the program that has the port, or choose another with --port.",
            setting=None,
        ) from error
    with listening:
        yield listening


@contextmanager
def _near(port: int) -> Iterator[socket.socket]:
    """Listen on loopback, on the port if it is free, so that bookmarks last; else on any."""
    try:
        listening = socket.create_server((LOOPBACK, port), backlog=_BACKLOG)
    except (OSError, OverflowError):
        listening = socket.create_server((LOOPBACK, 0), backlog=_BACKLOG)
    with listening:
        yield listening
