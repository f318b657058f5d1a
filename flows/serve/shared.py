"""Metrics of several processes, together: each writes a file, one page sums them up.

A process that starts again goes on in the file of its name, so their number stays what it is.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prometheus_client import Metric
    from prometheus_client.registry import Collector

_PREFIX: Final = "gridletter_"


def clear(folder: Path) -> None:
    """Begin with an empty folder: counters count from the start of the command."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def share(folder: Path, process: str) -> None:
    """Have all metrics of this process in a file of `folder`.

    Args:
        folder: It exists, and all processes share it.
        process: Name of the process, unlike that of any other that is alive.
    """
    if "flows.metrics" in sys.modules:
        message = "metrics that exist already stay in this process"
        raise RuntimeError(message)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: process)  # type: ignore[no-untyped-call]


def page(folder: Path, *more: Collector) -> tuple[bytes, str]:
    """Return the metrics of all processes and their media type.

    Args:
        folder: Where the processes have them.
        more: What is only read when somebody asks for it.
    """
    registry = CollectorRegistry()
    registry.register(_Ours(folder))
    for collector in more:
        registry.register(collector)
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Ours:
    """The project's own metrics: Prefect has some, too, which are about its insides."""

    def __init__(self, folder: Path) -> None:
        self._all = MultiProcessCollector(None, path=str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        found: Iterable[Metric] = self._all.collect()  # type: ignore[no-untyped-call]
        return (metric for metric in found if metric.name.startswith(_PREFIX))
