"""What is counted, for Prometheus: in this process, or over all processes of `gridletter serve`.

All names begin with `gridletter_`, and have their units at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.delivery.ledger import State

EVENTS: Final = Counter("gridletter_events", "Messages for which an event was emitted.")
AGAIN: Final = Counter("gridletter_events_emitted_again", "Events emitted again: no run was seen.")
UNCONFIRMED: Final = Counter(
    "gridletter_events_without_run", "Messages reported: their events started no flow run."
)
ISSUES: Final = Counter("gridletter_issues", "What became of documents.", ["state"])
MAILS: Final = Counter("gridletter_mails", "What became of mails.", ["outcome"])
RUNS_AGAIN: Final = Counter("gridletter_runs_again", "Flow runs of runners that died, run again.")
RUNS_STUCK: Final = Counter("gridletter_runs_stuck", "Flow runs reported as stuck.")
SECONDS: Final = Histogram(
    "gridletter_seconds_to_sent",
    "Seconds from a message's receipt to its last mail.",
    buckets=(0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300, 900, 3600),
)


def count_mails(before: Mapping[State, int], after: Mapping[State, int]) -> None:
    """Count the mails of an issue that came into a state between two looks at its ledger."""
    for state, number in after.items():
        if (more := number - before.get(state, 0)) > 0:
            MAILS.labels(outcome=str(state)).inc(more)
