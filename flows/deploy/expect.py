"""The flow that looks whether a document came by its time, and tells the operators if not.

Prefect's own windows begin with an event, so they can't say that nothing came at all. This one is
started each day by a schedule, asks which documents were announced since midnight, and needs no
state.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.states import Completed

from flows import arrivals, settings
from flows.deploy.alarm import tell
from flows.deploy.expected import parse

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


@flow(name="expect", flow_run_name="{expected}", retries=12, retry_delay_seconds=300)
def expect(expected: str) -> State[Any]:
    """Mail the operators unless the document came; retried for an hour while that can't be known.

    Args:
        expected: Such as `A69=18:00` or `A69@DE_LU=18:00`; see `flows.deploy.expected`.

    Returns:
        A completed state that is named `Overdue` where nothing came.

    Raises:
        HTTPError: the Prefect API is away.
        DeliveryError: the mail server takes nothing from us as things are set.
        MailServerUnavailable: it does not answer.
        StorageError: the outbox can't be written, where no server is set.
    """
    wanted = parse(expected)
    day = wanted.day(runtime.flow_run.scheduled_start_time)
    begins, ends = wanted.window(day)
    # Late, it looks at the whole day: what has come meanwhile needs nobody.
    until = min(datetime.now(UTC), ends)
    place = "any zone" if wanted.zone is None else wanted.zone.name
    with get_client(sync_client=True) as client:
        if arrivals.have_come(client, wanted.document_type, wanted.zone, begins, until):
            return Completed(message=f"{wanted.document_type} for {place} came on {day}")
    reason = (
        f"On {day} no {wanted.document_type} for {place} has come by {wanted.by:%H:%M} "
        f"({wanted.tz}). See whether the platform has the document, whether it pushes (the "
        "subscription, the webhook's address and key), and whether pushes are published: in "
        "Prefect, the events and the runs of `publish`."
    )
    get_run_logger().warning(reason)
    tell(f"{wanted.document_type} for {place} is overdue", reason, settings.load())
    return Completed(name="Overdue", message=reason)
