"""Automations: what starts a flow run, and what is noticed because it never came or never ended.

Prefect's windows begin with an event and not at an hour of the day. So a document that is due each
day is "A69 within 25 hours of the last one": the window begins anew with every arrival, for each
zone by itself, needs no schedule and no container that looks, and outlives restarts of the server.
Nothing is said of a kind that never came. One silence is one alarm.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from prefect.events import DeploymentEventTrigger, EventTrigger, ResourceSpecification
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, Posture

from flows.arrivals import ARRIVAL_EVENT, resource_pattern
from flows.deploy.events import DOCUMENT_EVENT, EVENT_MSG_TEMPLATE, RESOURCE_ID
from flows.deploy.plan import differences
from flows.unsubscribe import CLICK_EVENT
from flows.unsubscribe import EVENT_MSG_TEMPLATE as CLICK_MSG_TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

    from flows.deploy.plan import Plan
    from flows.deploy.wanted import Expected, Wanted

UNSUBSCRIBE_RESOURCE_ID: Final = "gridletter.unsubscribe"
_PREFIX: Final = "gridletter: "
_STARTED_OR_ENDED: Final = (
    *("Running", "Retrying", "Completed", "Failed", "Crashed"),
    *("Cancelling", "Cancelled", "Paused", "Suspended", "AwaitingRetry"),
)
_RUN: Final = "the flow run {{ flow_run.name }} ({{ flow_run.id }})"


def triggers(deployments: Mapping[str, UUID]) -> list[AutomationCore]:
    """Return what starts a run for each push, and for each click on an unsubscribe link."""
    return [
        _trigger(
            "publish what is pushed",
            deployments["publish"],
            (DOCUMENT_EVENT, RESOURCE_ID),
            EVENT_MSG_TEMPLATE,
        ),
        _trigger(
            "unsubscribe who clicks",
            deployments["unsubscribe"],
            (CLICK_EVENT, UNSUBSCRIBE_RESOURCE_ID),
            CLICK_MSG_TEMPLATE,
        ),
    ]


def alarms(
    wanted: Wanted, deployments: Mapping[str, UUID], publishes: UUID | None
) -> list[AutomationCore]:
    """Return what tells the operators of runs that hang or crash, and of what never came.

    Args:
        wanted: How long a run may be pending, and which documents are expected.
        deployments: The deployments by their flows.
        publishes: The automation that starts a run for each push.
    """
    watched = [f"prefect.deployment.{deployments[name]}" for name in ("publish", "unsubscribe")]
    runs: dict[str, Any] = {
        "match": ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        "match_related": ResourceSpecification({"prefect.resource.id": watched}),
    }
    minutes = wanted.pending.total_seconds() / 60
    stuck = EventTrigger(
        posture=Posture.Proactive,
        after={"prefect.flow-run.Pending"},
        expect={f"prefect.flow-run.{state}" for state in _STARTED_OR_ENDED},
        for_each={"prefect.resource.id"},
        within=wanted.pending,
        **runs,
    )
    crashed = EventTrigger(expect={"prefect.flow-run.Crashed"}, **runs)
    alarm = deployments["alarm"]
    made = [
        _alarm(
            alarm,
            "a run is stuck",
            stuck,
            f"{_RUN} has been pending for more than {minutes:g} minutes: whoever took it has not "
            "started it. See the work pool and the log of its infrastructure, then cancel the run "
            "and run it again: nobody gets a mail twice.",
        ),
        _alarm(
            alarm,
            "a run crashed",
            crashed,
            f"{_RUN} crashed: its infrastructure ended before it. See its log (out of memory?), "
            "then run it again: nobody gets a mail twice.",
        ),
    ]
    if publishes is not None:
        lost = EventTrigger(
            expect={"prefect.automation.action.failed"},
            match=ResourceSpecification({"prefect.resource.id": f"prefect.automation.{publishes}"}),
        )
        made.append(
            _alarm(
                alarm,
                "a push started no run",
                lost,
                "an event started no flow run: {{ event.payload.reason }}. A message above 512 KB "
                "is refused: publish it with `gridletter emit FILE`.",
            )
        )
    return made + [_overdue(alarm, expected) for expected in wanted.expected]


def ensure(client: SyncPrefectClient, plan: Plan, wanted: AutomationCore) -> UUID | None:
    """Create or update the automation of that name; one that is switched off stays off.

    Returns:
        Its id; None where a dry run would have created it.
    """
    standing = next(iter(client.read_automations_by_name(wanted.name)), None)
    if standing is None:
        return plan.settle(
            "automation", wanted.name, None, lambda: client.create_automation(wanted)
        )
    # Whose an automation is can be said once only: it goes when its deployment is deleted.
    update = AutomationCore.model_validate(
        wanted.model_dump(exclude={"owner_resource"}) | {"enabled": standing.enabled}
    )
    plan.settle(
        "automation",
        wanted.name,
        differences(_comparable(standing), _comparable(update)),
        lambda: client.update_automation(standing.id, update),
    )
    return standing.id


def _trigger(name: str, deployment: UUID, event: tuple[str, str], event_msg: str) -> AutomationCore:
    expect, resource = event
    trigger = DeploymentEventTrigger(
        name=f"{_PREFIX}{name}",
        expect={expect},
        match=ResourceSpecification({"prefect.resource.id": resource}),
        parameters={"event_msg": event_msg},
    )
    trigger.set_deployment_id(deployment)
    return trigger.as_automation()


def _overdue(alarm: UUID, expected: Expected) -> AutomationCore:
    hours = expected.within / timedelta(hours=1)
    trigger = EventTrigger(
        posture=Posture.Proactive,
        after={ARRIVAL_EVENT},
        expect={ARRIVAL_EVENT},
        for_each={"prefect.resource.id"},
        match=ResourceSpecification({"prefect.resource.id": resource_pattern(expected.kind)}),
        within=expected.within,
    )
    return _alarm(
        alarm,
        f"{expected.kind} is overdue",
        trigger,
        "{{ event.resource.name }}: the last document came {{ event.occurred|string }}, and the "
        f"next one was expected within {hours:g} hours. See whether the platform pushes, and "
        "whether it has the document at all.",
    )


def _alarm(deployment: UUID, name: str, trigger: EventTrigger, reason: str) -> AutomationCore:
    action = RunDeployment(
        source="selected",
        deployment_id=deployment,
        parameters={"what": name, "reason": reason},
        job_variables=None,
    )
    return AutomationCore(
        name=f"{_PREFIX}{name}",
        trigger=trigger,
        actions=[action],
        owner_resource=f"prefect.deployment.{deployment}",
    )


def _comparable(automation: AutomationCore) -> Any:  # noqa: ANN401 — JSON of any form
    told = automation.model_dump(
        mode="json", include={"description", "enabled", "trigger", "actions"}
    )
    trigger = told["trigger"]
    for name in ("after", "expect", "for_each"):
        trigger[name] = sorted(trigger[name])
    return told
