"""What became of a document: the record that the flow returns and `--json` prints."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from flows.document import Acknowledgement
from flows.errors import PermanentError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flows.document import MarketDocument

State = Literal["published", "duplicate", "skipped", "ignored", "failed"]


@dataclass(frozen=True)
class Outcome:
    """One document in one newsletter, or a document that became no issue; `reason` says why.

    `mails` counts what this run delivered; `seconds` tells how long each step took. `kept` is the
    failed notebook, as far as it ran; `alarming` says that operators should know.
    """

    state: State
    newsletter: str | None = None
    zone: str | None = None
    issue_id: str | None = None
    page: str | None = None
    mails: int = 0
    reason: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    kept: Path | None = None
    alarming: bool = False

    def as_json(self, source: str) -> str:
        """Return the outcome as the one-line object that `publish --json` prints."""
        return json.dumps(
            {
                "source": source,
                "newsletter": self.newsletter,
                "zone": self.zone,
                "issue_id": self.issue_id,
                "state": self.state,
                "page": self.page,
                "mails": self.mails,
                "reason": self.reason,
            },
            ensure_ascii=False,
        )


def nothing_to_publish(read: tuple[MarketDocument, ...] | Acknowledgement) -> Outcome:
    """Return what becomes of a payload that holds no document."""
    if isinstance(read, Acknowledgement):
        said = "; ".join(f"{code} {text}" for code, text in read.reasons)
        return Outcome("ignored", reason=one_line(f"an acknowledgement: {said}"))
    return Outcome("ignored", reason="the document is empty: it has no time series")


def nobody_listens(document: MarketDocument) -> Outcome:
    """Return what becomes of a document that no newsletter is about."""
    kind = " ".join(filter(None, (document.document_type, document.process_type)))
    reason = one_line(f"no newsletter listens to {kind} for {document.zone.name}")
    return Outcome("ignored", zone=document.zone.code, reason=reason)


class PublishFailed(PermanentError):
    """Some documents of an event failed; `outcomes` has what became of all of them."""

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each document, the failed ones among them."""
        return cast("list[Outcome]", self.data["outcomes"])


class Stopwatch:
    """Seconds by step, in the order in which the steps were first entered."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time spent inside to `name`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
