"""Flow runs of runners that died: they are run again, a few times.

Publishing is made for that: what the archive and the ledger have is not done again. A run that its
runner did not survive several times is given up, and the operators are told.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from prefect.client.schemas.objects import StateType

from flows import metrics
from flows.serve.runs import HEARTBEAT_SECONDS, age_seconds, owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import FlowRun

    from flows.serve.runs import Pool

MOST_RUNS: Final = 4
# The API calls a worker offline after three heartbeats, and looks every 15 seconds.
LONGEST_SILENCE_SECONDS: Final = 3 * HEARTBEAT_SECONDS + 20
_log = logging.getLogger(__name__)


def of_runner(pool: Pool, runner: str) -> Iterator[str]:
    """Put back what a runner of this name had: whoever starts under it knows that to be dead.

    Yields:
        Why a run was given up, for the operators.
    """
    for run in pool.unfinished(StateType.PENDING, StateType.RUNNING):
        if owner(run) == runner:
            yield from put_back(pool, run, f"{runner} ended in the middle of it")


def of_the_dead(pool: Pool) -> Iterator[str]:
    """Put back the runs of runners that have shown no life for long.

    Yields:
        Why a run was given up, for the operators.
    """
    unfinished = pool.unfinished(StateType.PENDING, StateType.RUNNING)
    owned = [run for run in unfinished if owner(run) is not None]
    if not owned:
        return
    living = pool.living()
    for run in owned:
        if owner(run) not in living and age_seconds(run) > LONGEST_SILENCE_SECONDS:
            yield from put_back(pool, run, f"{owner(run)} shows no life")


def put_back(pool: Pool, run: FlowRun, reason: str) -> Iterator[str]:
    """Have the run run again, or give it up after `MOST_RUNS`.

    Yields:
        Why it was given up, if it was.
    """
    if run.run_count >= MOST_RUNS:
        pool.give_up(run.id, f"given up after {run.run_count} runs: {reason}")
        _log.error("flow run %s is given up: %s", run.name, reason)
        yield (
            f"the flow run {run.name} ({run.id}) was given up after {run.run_count} runs: "
            f"{reason}. Look in the log for what ends its process (memory?), then retry it in "
            "Prefect: nobody gets a mail twice."
        )
        return
    pool.put_back(run.id, reason)
    metrics.RUNS_AGAIN.inc()
    _log.warning("flow run %s is run again: %s", run.name, reason)
