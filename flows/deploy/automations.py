"""Automations: what starts a flow run, and what tells of one that never began or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prefect.events import DeploymentEventTrigger, EventTrigger, ResourceSpecification
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, Posture

from flows.deploy.events import DOCUMENT_EVENT, EVENT_MSG_TEMPLATE, RESOURCE_ID
from flows.deploy.plan import differences
from flows.unsubscribe import CLICK_EVENT
from flows.unsubscribe import EVENT_MSG_TEMPLATE as CLICK_MSG_TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

    from flows.deploy.plan import Plan
    from flows.deploy.wanted import Wanted

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
    wanted: Wanted, deployments: Mapping[str, UUID], publishes: UUID
) -> list[AutomationCore]:
    """Return what tells the operators of runs that hang or crash, and of pushes without a run.

    Args:
        wanted: How long a run may be pending.
        deployments: The deployments by their flows.
        publishes: The automation that starts a run for each push.
    """
    watched = [f"prefect.deployment.{id_}" for name, id_ in deployments.items() if name != "alarm"]
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
    lost = EventTrigger(
        expect={"prefect.automation.action.failed"},
        match=ResourceSpecification({"prefect.resource.id": f"prefect.automation.{publishes}"}),
    )
    alarm = deployments["alarm"]
    return [
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
        _alarm(
            alarm,
            "a push started no run",
            lost,
            "an event started no flow run: {{ event.payload.reason }}. A message above 512 KB "
            "is refused: publish it with `gridletter emit FILE`.",
        ),
    ]


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
