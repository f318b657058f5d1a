"""The process that faces the world: the gateway, and beside it what hands messages on."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prefect.client.orchestration import get_client
from prometheus_client.metrics_core import GaugeMetricFamily

from flows import settings
from flows.archive.store import open_store
from flows.claims import Claims
from flows.delivery.ledger import open_ledger
from flows.delivery.unsubscribe import Links
from flows.errors import GridletterError
from flows.gateway import serving, unsubscribe
from flows.gateway.app import Health, Surroundings, create_app
from flows.gateway.inbox import Inbox
from flows.notebook.newsletter import catalogue
from flows.serve import shared
from flows.serve.forward import Forwarder
from flows.serve.names import POOL
from flows.serve.runs import Pool
from flows.serve.tell import tell
from flows.serve.uvicorn_server import Server
from flows.serve.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric
    from starlette.routing import Route

    from flows.serve.child import Child
    from flows.settings import Settings

_LONGEST_SILENCE_SECONDS: Final = 60
_LAST_TURN_SECONDS: Final = 5


def run(child: Child) -> None:
    """Serve the gateway until SIGTERM, and hand messages on."""
    options = settings.load()
    inbox = Inbox(options.inbox_file)
    claims = Claims(options)
    with get_client(sync_client=True) as forwarding, get_client(sync_client=True) as watching:
        forwarder = Forwarder(
            inbox, forwarding, claims, partial(tell, options, "a push started no run")
        )
        watch = Watch(
            pool=Pool(watching, POOL),
            inbox=inbox,
            ledger=open_ledger(options.ledger_address),
            claims=claims,
            report=partial(tell, options, "a flow run needs you"),
        )
        status = _Status(inbox, forwarder, watch)
        surroundings = Surroundings(
            inbox=inbox,
            archive=open_store(options.archive_address),
            health=status.health,
            metrics=lambda: shared.page(Path(child.metrics), status),
            on_push=forwarder.wake,
            unsubscribe=_unsubscribe(options),
        )
        config = serving.configuration(create_app(options, surroundings), log_level="warning")
        threads = [threading.Thread(target=each.run, daemon=True) for each in (forwarder, watch)]
        for thread in threads:
            thread.start()
        Server(config, child).serve_inherited()
        forwarder.stop()
        watch.stop()
        for thread in threads:
            thread.join(_LAST_TURN_SECONDS)


def _unsubscribe(options: Settings) -> list[Route]:
    """Return the routes of the unsubscribe page; none where mails carry no link."""
    if options.unsubscribe_url is None:
        return []
    titles = {letter.name: letter.title for letter in catalogue(options.notebooks).newsletters}
    links = Links(options.unsubscribe_key_list, options.unsubscribe_url)
    return unsubscribe.routes(links, open_ledger(options.ledger_address), titles)


class _Status:
    """What health and metrics say of this process and of what waits."""

    def __init__(self, inbox: Inbox, forwarder: Forwarder, watch: Watch) -> None:
        self._inbox = inbox
        self._forwarder = forwarder
        self._watch = watch
        self._started = time.monotonic()

    def health(self) -> Health:
        """Return whether pushes can be stored and are handed on."""
        parts = {}
        ok = True
        try:
            parts["inbox"] = f"{self._inbox.counts()['waiting']} messages wait"
        except GridletterError as error:
            ok = False
            parts["inbox"] = str(error)
        heard = self._forwarder.last_answer
        silence = time.monotonic() - (self._started if heard is None else heard)
        if silence > _LONGEST_SILENCE_SECONDS:
            ok = False
            parts["prefect"] = f"no answer for {silence:.0f} s; pushes are kept until it is back"
        else:
            parts["prefect"] = "answers" if heard is not None else "is being waited for"
        if self._watch.stuck:
            ok = False
            parts["runs"] = f"{self._watch.stuck} stuck; the operators were told"
        return Health(ok, parts)

    def collect(self) -> Iterable[Metric]:
        """Yield what is only known at the moment."""
        try:
            counts = self._inbox.counts()
        except GridletterError:
            counts = {}
        for name, of, text in (
            ("gridletter_queue_messages", "waiting", "Messages that wait for a flow run."),
            ("gridletter_queue_bytes", "waiting_bytes", "Size of what waits."),
        ):
            if of in counts:
                yield GaugeMetricFamily(name, text, counts[of])
        yield GaugeMetricFamily(
            "gridletter_runs_stuck_now", "Flow runs that are stuck.", self._watch.stuck
        )
