"""Figures of several processes on one page."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from flows import metrics
from flows.delivery.ledger import State
from flows.serve import shared

COUNT = """
import sys
from pathlib import Path
from flows.serve import shared
shared.share(Path(sys.argv[1]), sys.argv[2])
from flows import metrics
metrics.ISSUES.labels(state="published").inc()
metrics.SECONDS.observe(2)
"""


@pytest.fixture
def folder(tmp_path):
    """An empty folder for the metrics of several processes."""
    shared.clear(tmp_path / "metrics")
    return tmp_path / "metrics"


def count_in(folder, process):
    subprocess.run([sys.executable, "-c", COUNT, folder, process], check=True)


def lines(folder):
    text, kind = shared.page(folder)
    assert kind.startswith("text/plain")
    return text.decode().splitlines()


def test_processes_are_summed_up(folder):
    """The page has what all processes counted, and none of Prefect's own figures."""
    count_in(folder, "runner-0")
    count_in(folder, "runner-1")
    assert 'gridletter_issues_total{state="published"} 2.0' in lines(folder)
    assert "gridletter_seconds_to_sent_count 2.0" in lines(folder)
    assert all("gridletter_" in line for line in lines(folder))


def test_a_process_that_starts_again_goes_on(folder):
    """A process of the same name counts on in the same file, so files do not pile up."""
    count_in(folder, "runner-0")
    files = {file.name for file in folder.iterdir()}
    count_in(folder, "runner-0")
    assert {file.name for file in folder.iterdir()} == files
    assert 'gridletter_issues_total{state="published"} 2.0' in lines(folder)


def test_counting_begins_with_the_command(folder):
    """A new start of the command counts from zero."""
    count_in(folder, "runner-0")
    shared.clear(folder)
    assert not [line for line in lines(folder) if not line.startswith("#")]


def test_mails_are_counted_by_what_became_of_them():
    """Mails that came into a state between two looks are counted, others are not."""

    def value(state):
        return metrics.MAILS.labels(outcome=state)._value.get()

    before = {state: value(state) for state in ("accepted", "rejected", "pending")}
    metrics.count_mails(
        Counter({State.PENDING: 3, State.ACCEPTED: 1}),
        Counter({State.ACCEPTED: 3, State.REJECTED: 1}),
    )
    assert value("accepted") - before["accepted"] == 2
    assert value("rejected") - before["rejected"] == 1
    assert value("pending") == before["pending"]
